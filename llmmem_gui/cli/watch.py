"""`llmmem watch`."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import Any

from llmmem_gui.cli.connection import connect
from llmmem_gui.cli.events import local_time, numbers
from llmmem_gui.cli.output import harmless, write_json


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
    parts = [local_time(event).strftime("%H:%M:%S"), f"{event['type']:<16}", event.get("model") or ""]
    if event.get("cause"):
        parts.append(f"({event['cause']}, {event['actor']})")
    parts.append(event.get("text") or ", ".join(numbers(event)))
    return "  ".join(filter(None, parts))
