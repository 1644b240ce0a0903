"""The command line: what can be asked and how it is written."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import get_args

from llmmem_gui import __version__
from llmmem_gui.core.parameters import AUTO, GpuLayers, KvType
from llmmem_gui.core.typed import BARE_UNIT, parse_bytes

_EXIT_CODES = (
    "exit codes: 0 done, 1 failed (the reason is on stderr), 2 wrong usage, 3 no running program reached"
)
_MODEL_HELP = "id of a model (see `llmmem scan`) or path of its file"


def make_parser() -> argparse.ArgumentParser:
    """The parser; what it parses has a `command` of the form `module:function`."""
    parser = argparse.ArgumentParser(
        prog="llmmem",
        description="Keeps language models in memory under limits and shows what each one uses.",
        epilog=_EXIT_CODES,
    )
    parser.add_argument("--version", action="version", version=f"llmmem {__version__}")
    parser.add_argument("--json", action="store_true", help="write JSON: sizes in bytes, times in UTC")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(name: str, command: str, summary: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=summary, description=f"{summary}.", epilog=_EXIT_CODES)
        added.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="write JSON")
        added.set_defaults(command=command)
        return added

    _add_service_commands(add)
    _add_model_commands(add)
    _add_memory_commands(add)
    _add_other_commands(add)
    return parser


Add = Callable[[str, str, str], argparse.ArgumentParser]


def _add_service_commands(add: Add) -> None:
    serve = add("serve", "serve:serve", "Run the whole service without a window")
    serve.add_argument(
        "--port", type=_port, help="TCP port on 127.0.0.1 instead of that of the settings; 0: any"
    )
    scan = add("scan", "library:scan", "List the model files there are")
    scan.add_argument("folders", nargs="*", metavar="DIR", help="look here instead of in the usual folders")
    watch = add("watch", "watch:watch", "Show events as they happen, one on a line")
    watch.add_argument("--recent", type=_count, default=0, metavar="N", help="show the last N events first")
    watch.add_argument("--samples", action="store_true", help="also show each measurement of memory")
    events = add("events", "events:events", "List what happened, with who asked for it and why")
    events.add_argument("--model", metavar="ID", help="only what concerns this model")
    events.add_argument(
        "--limit", type=_count, default=50, metavar="N", help="only the last N events, 50 by default"
    )


def _add_model_commands(add: Add) -> None:
    ps = add("ps", "models:ps", "List the models in memory, with what each one uses")
    ps.add_argument(
        "--all", action="store_true", help="also those that are not loaded, and what other programs hold"
    )
    load = add("load", "models:load", "Load a model like this, now and from now on")
    load.add_argument("model", metavar="MODEL", help=_MODEL_HELP)
    _add_parameters(load)
    load.add_argument("--limit", type=_mebibytes, metavar="MIB", help="limit of this model in MiB, or `none`")
    load.add_argument("--pin", action="store_true", help="never unload it automatically")
    unload = add("unload", "models:unload", "Unload a model and say what that gave back")
    which = unload.add_mutually_exclusive_group(required=True)
    which.add_argument("model", nargs="?", metavar="MODEL", help=_MODEL_HELP)
    which.add_argument("--all", action="store_true", help="unload every model")
    free = add("free", "free:free", "Have another program unload a model, or all that it holds")
    free.add_argument("program", nargs="?", metavar="PROGRAM", help="its id (see `llmmem ps --all`)")
    free.add_argument("its_model", nargs="?", metavar="ITS-MODEL", help="the model, as the program calls it")
    free.add_argument("--end-process", action="store_true", help="ask its process to end; its work is lost")
    free.add_argument(
        "--everything", action="store_true", help="unload every model here, and what other programs hold"
    )
    add("cleanup", "models:clean_up", "Unload every idle model that is not pinned")
    for name, summary in (
        ("pin", "Keep a model from being unloaded automatically"),
        ("unpin", "Let a model be unloaded automatically again"),
        ("doze", "Drop an idle model's weights from memory until it is asked again"),
    ):
        add(name, f"models:{name}", summary).add_argument("model", metavar="MODEL", help=_MODEL_HELP)
    ask = add("ask", "asking:ask", "Ask a model and show its answer as it comes")
    ask.add_argument("model", metavar="MODEL", help=_MODEL_HELP)
    ask.add_argument("prompt", metavar="PROMPT", help="what to ask; `-` reads it from the standard input")
    ask.add_argument("--max-tokens", type=_positive, metavar="N", help="end the answer after N tokens")
    ask.add_argument("--temperature", type=_temperature, metavar="T", help="0 (always the same) to 2")
    ask.add_argument("--system", metavar="TEXT", help="instructions that stand before the prompt")
    ask.add_argument(
        "--image",
        action="append",
        default=[],
        metavar="FILE",
        help="show it this image (PNG, JPEG, GIF, BMP), if it sees; may be given several times",
    )


def _add_memory_commands(add: Add) -> None:
    limit = add("limit", "memory:limit", "Limit a model, or all models together, also on one GPU")
    limit.add_argument("model", nargs="?", metavar="MODEL", help=_MODEL_HELP)
    limit.add_argument("limit", type=_mebibytes, metavar="MIB", help="MiB, a size such as `8 GiB`, or `none`")
    limit.add_argument("--total", action="store_true", help="limit all models together")
    limit.add_argument(
        "--gpu", metavar="NAME", help="limit what all models take of this GPU (see `llmmem usage`)"
    )
    add("usage", "memory:usage", "Say how much memory the models use, and of which limit")
    forecast = add("forecast", "library:forecast", "Predict what loading a model takes")
    forecast.add_argument("model", metavar="MODEL", help=_MODEL_HELP)
    forecast.add_argument(
        "--history", action="store_true", help="show what past loads were forecast to take, and took"
    )
    _add_parameters(forecast)
    forecast.add_argument(
        "--fit", type=_size, metavar="SIZE", help="for the largest context that fits into SIZE"
    )
    pressure = add(
        "simulate-pressure", "memory:simulate_pressure", "Show a level of pressure, using no memory"
    )
    pressure.add_argument("--act", action="store_true", help="give models up for it, as for a real one")
    pressure.add_argument("level", choices=("normal", "warning", "critical", "emergency"), metavar="LEVEL")


def _add_other_commands(add: Add) -> None:
    engine = add("engine", "engine:engine", "List builds of llama.cpp, or use, try or compile one")
    engine.add_argument(
        "action",
        nargs="?",
        default="list",
        choices=("list", "use", "test", "build", "cancel"),
        metavar="ACTION",
        help="`use NAME` (`auto`: the best), `test NAME`, `build` one for this processor, `cancel` that",
    )
    engine.add_argument("name", nargs="?", metavar="NAME", help="name of an engine")
    settings = add("settings", "settings:settings", "Show or change settings")
    settings.add_argument("name", nargs="?", metavar="NAME", help="a setting, written section.field")
    settings.add_argument("value", nargs="?", metavar="VALUE", help="its new value, as in TOML")
    settings.add_argument("--token", action="store_true", help="show the token of the HTTP API")
    settings.add_argument("--new-token", action="store_true", help="replace the token of the HTTP API")
    completion = add("completion", "completion:completion", "Write the completion script of a shell")
    completion.add_argument("shell", choices=("bash", "zsh", "models"), help="or `models`: their ids")


def _add_parameters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--context", type=_positive, metavar="N", help="tokens of context")
    parser.add_argument("--kv-type", choices=get_args(KvType), help="element type of the KV cache")
    parser.add_argument(
        "--gpu-layers",
        type=_gpu_layers,
        metavar="N",
        help="layers placed on GPUs; auto: as many as have room there; all, or -1: all",
    )
    parser.add_argument(
        "--vision",
        action=argparse.BooleanOptionalAction,
        help="load the projector of a model that has one, so that it sees (it does unless told otherwise)",
    )


def _gpu_layers(text: str) -> GpuLayers:
    if text == AUTO:
        return AUTO
    try:
        number = -1 if text == "all" else int(text)
    except ValueError:
        number = -2
    if number < -1:
        raise argparse.ArgumentTypeError(f"expected a number of layers, auto or all, got {text!r}")
    return number


def _size(text: str) -> int:
    """Bytes written as a size with its unit, or as a number of MiB."""
    try:
        return parse_bytes(text, bare_unit=BARE_UNIT)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _mebibytes(text: str) -> int:
    """Bytes written as a number of MiB or as a size with its unit; `none` is 0, which means no limit."""
    if text.lower() == "none":
        return 0
    return _size(text)


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number of at least 1")
    return int(text)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) > 1000:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 to 1000")
    return int(text)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text} is not a port: write a number from 0 to 65535")
    return int(text)


def _temperature(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value <= 2:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 to 2")
    return value
