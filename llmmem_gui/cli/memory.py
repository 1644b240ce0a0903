"""Commands about memory: usage, limits, pressure."""

from __future__ import annotations

from argparse import Namespace
from urllib.parse import quote

from llmmem_gui.cli.connection import connect
from llmmem_gui.cli.failures import WrongUsage
from llmmem_gui.cli.output import percent, size, write_json, write_table
from llmmem_gui.service.api_client import model_path
from llmmem_gui.service.http.control_records import MemoryUsage, ModelStatus, Status


def usage(options: Namespace) -> None:
    """Say how much memory the models use."""
    used = connect().request("GET", "/api/v1/usage", gives=MemoryUsage)
    if options.json:
        write_json(used)
        return
    parts = [
        *used.models.items(),
        ("all models", used),
        *((f"all on {name}", one) for name, one in used.devices.items()),
    ]
    rows = [
        (name, size(one.current_bytes), size(one.limit_bytes), percent(one.percent)) for name, one in parts
    ]
    headers = ("MODEL", "USES", "LIMIT", "SHARE")
    write_table(headers, rows, right=headers[1:])


def limit(options: Namespace) -> None:
    """Limit a model, or with `--total` or `--gpu` all models together; 0 takes the limit away."""
    if [options.total, options.gpu is not None, options.model is not None].count(True) != 1:
        raise WrongUsage("Name one MODEL, --total or --gpu NAME, and then the limit.")
    client = connect()
    if options.gpu is not None:
        path = f"/api/v1/gpus/{quote(options.gpu, safe='')}/limit"
        used = client.request("PUT", path, {"limit_bytes": options.limit or None}, gives=MemoryUsage)
        if options.json:
            write_json(used)
            return
        for name, one in used.devices.items():
            print(f"All models together may use {_limit(one.limit_bytes)} of {name}.")
        return
    if options.total:
        used = client.request("PUT", "/api/v1/limit", {"limit_bytes": options.limit}, gives=MemoryUsage)
        if options.json:
            write_json(used)
        else:
            print(f"All models together may use {_limit(used.limit_bytes)}.")
        return
    path = model_path(client.model_id(options.model), "limit")
    model = client.request("PUT", path, {"limit_bytes": options.limit or None}, gives=ModelStatus)
    if options.json:
        write_json(model)
    else:
        print(f"{model.id} may use {_limit(model.limit_bytes)}.")


def simulate_pressure(options: Namespace) -> None:
    """Show a level of pressure, without using memory; models go only with `--act`; `normal` ends it."""
    body = {"level": options.level, "act": options.act}
    status = connect().request("PUT", "/api/v1/simulated-pressure", body, gives=Status)
    if options.json:
        write_json(status.machine)
    elif options.level == "normal":
        print("Nothing is simulated any more.")
    else:
        models = "models are given up for it" if options.act else "no model is given up for it"
        print(f"The program shows the pressure as {options.level}, simulated; {models}.")


def _limit(limit_bytes: int | None) -> str:
    return f"at most {size(limit_bytes)}" if limit_bytes else "as much as there is"
