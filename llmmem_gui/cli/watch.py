"""`llmmem watch`."""

from __future__ import annotations

import sys
from argparse import Namespace
from datetime import datetime
from typing import Any

from llmmem_gui.cli.connection import connect
from llmmem_gui.cli.output import harmless, size, write_json

_OWN_COLUMNS = ("time", "type", "model", "cause", "actor", "for_model", "text", "models")


def watch(options: Namespace) -> None:
    """Show events until the program ends or Ctrl+C; JSON unless a person watches."""
    samples = "true" if options.samples else "false"
    path = f"/api/v1/events?recent={options.recent}&samples={samples}"
    as_json = options.json or not sys.stdout.isatty()
    try:
        with connect().stream("GET", path) as events:
            for event in events:
                if as_json:
                    write_json(event)
                else:
                    print(harmless(_line(event), newlines=False))
                sys.stdout.flush()
    except KeyboardInterrupt:
        return


def _line(event: dict[str, Any]) -> str:
    moment = datetime.fromisoformat(event["time"].replace("Z", "+00:00")).astimezone()
    parts = [moment.strftime("%H:%M:%S"), f"{event['type']:<16}", event.get("model") or ""]
    if event.get("cause"):
        parts.append(f"({event['cause']}, {event['actor']})")
    numbers = {name: value for name, value in event.items() if name not in _OWN_COLUMNS and value is not None}
    parts.append(event.get("text") or ", ".join(_number(name, value) for name, value in numbers.items()))
    return "  ".join(filter(None, parts))


def _number(name: str, value: float) -> str:
    if name.endswith("_bytes"):
        return f"{name.removesuffix('_bytes').replace('_', ' ')} {size(int(value))}"
    return f"{name.replace('_', ' ')} {value:.3g}"
