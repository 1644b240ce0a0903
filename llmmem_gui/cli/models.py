"""Commands about models in memory: list, load, unload, pin, doze."""

from __future__ import annotations

from argparse import Namespace

from llmmem_gui.cli.connection import connect
from llmmem_gui.cli.neighbours import neighbours_of, write_neighbours
from llmmem_gui.cli.output import cut, percent, size, write_json, write_left_out, write_table
from llmmem_gui.core.units import format_duration
from llmmem_gui.core.warmth import warmth_sentence
from llmmem_gui.service.api_client import model_path
from llmmem_gui.service.http.control_records import ModelStatus, ReceiptEntry, Status

_LONGEST_NAME = 32
"""Columns of a terminal."""


def ps(options: Namespace) -> None:
    """List the models that hold memory, wait for it or failed to get it.

    With `--all` all that are known, and what other programs hold.
    """
    client = connect()
    status = client.request("GET", "/api/v1/models", gives=Status)
    neighbours = neighbours_of(client) if options.all else []
    shown = [model for model in status.models if options.all or model.state != "unloaded"]
    if options.json:
        others = {"neighbours": neighbours} if options.all else {}
        write_json({"models": shown, "total": status.total, "machine": status.machine, **others})
        return
    figures = ("PRIVATE", "WEIGHTS", "VRAM", "LIMIT", "CONTEXT", "IDLE", "PID")
    # Of a name in another script an id keeps little or nothing.
    names = ("NAME",) if any(model.name != model.id for model in shown) else ()
    headers = ("MODEL", *names, "STATE", *figures, "")
    write_table(headers, [_row(model, names=bool(names)) for model in shown], right=figures)
    total, machine = status.total, status.machine
    print(
        f"models {size(total.current_bytes)} of {size(total.limit_bytes)} ({percent(total.percent)}) · "
        f"this computer {size(machine.available_bytes)} of {size(machine.total_bytes)} available · "
        f"pressure {machine.pressure}{' (simulated)' if machine.pressure_is_simulated else ''}"
    )
    write_neighbours(neighbours)


def load(options: Namespace) -> None:
    """Load a model and wait until it is ready."""
    client = connect()
    model_id = client.model_id(options.model)
    asked = {
        "context": options.context,
        "kv_type": options.kv_type,
        "gpu_layers": options.gpu_layers,
        "vision": options.vision,
        "pin": True if options.pin else None,
    }
    if options.limit is not None:
        asked["limit_bytes"] = options.limit or None
    body = {name: value for name, value in asked.items() if value is not None or name == "limit_bytes"}
    model = client.request("POST", model_path(model_id, "load"), body, gives=ModelStatus)
    if options.json:
        write_json(model)
    else:
        took = format_duration(model.load_seconds or 0)
        # Mapped weights become resident when they are first computed with.
        used = f"{size(model.resident_bytes)} in use of {size(model.forecast_bytes)} forecast"
        print(f"{model.id} is ready after {took}: {used}, context {model.context}.")
        write_left_out(model.left_out)


def unload(options: Namespace) -> None:
    """Unload a model, or all."""
    client = connect()
    if options.all:
        receipts = client.request("POST", "/api/v1/unload", gives=list[ReceiptEntry])
    else:
        path = model_path(client.model_id(options.model), "unload")
        receipts = [client.request("POST", path, gives=ReceiptEntry)]
    write_receipts(receipts, options)


def clean_up(options: Namespace) -> None:
    """Unload every idle model that is not pinned."""
    write_receipts(connect().request("POST", "/api/v1/cleanup", gives=list[ReceiptEntry]), options)


def pin(options: Namespace) -> None:
    """Keep a model from being unloaded automatically."""
    _set_pinned(options, True)


def unpin(options: Namespace) -> None:
    """Let a model be unloaded automatically again."""
    _set_pinned(options, False)


def doze(options: Namespace) -> None:
    """Drop an idle model's weights from memory."""
    client = connect()
    model_id = client.model_id(options.model)
    model = client.request("POST", model_path(model_id, "doze"), gives=ModelStatus)
    if options.json:
        write_json(model)
    else:
        print(f"{model.id} dozes.")


def _set_pinned(options: Namespace, pinned: bool) -> None:
    client = connect()
    model_id = client.model_id(options.model)
    model = client.request("PUT", model_path(model_id, "pin"), {"pinned": pinned}, gives=ModelStatus)
    if options.json:
        write_json(model)
    else:
        print(f"{model.id} is {'pinned' if model.pinned else 'not pinned'}.")


def write_receipts(receipts: list[ReceiptEntry], options: Namespace) -> None:
    """Say what unloads gave back."""
    if options.json:
        write_json(receipts)
        return
    for receipt in receipts:
        took = format_duration(receipt.seconds)
        by_machine = receipt.machine_given_back_bytes
        whole = "" if by_machine is None else f" (by the machine's own figures {size(max(0, by_machine))})"
        print(f"{receipt.id} is unloaded: {size(receipt.given_back_bytes)} given back in {took}{whole}.")
    if not receipts:
        print("No model had to go.")


def _row(model: ModelStatus, *, names: bool) -> tuple[str, ...]:
    loaded = model.pid is not None
    share = model.warmth_percent
    warmth = "" if loaded or share is None else warmth_sentence(share / 100, model.expected_load_seconds)
    return (
        model.id,
        *((cut(model.name, _LONGEST_NAME),) if names else ()),
        model.state,
        size(model.private_bytes if loaded else None),
        size(model.weights_bytes if loaded else None),
        size(model.vram_bytes or None),
        size(model.limit_bytes),
        str(model.context or "–"),
        "–" if model.idle_seconds is None else format_duration(round(model.idle_seconds)),
        str(model.pid or "–"),
        "; ".join(filter(None, ("pinned" if model.pinned else "", str(warmth), model.error or ""))),
    )
