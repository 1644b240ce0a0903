"""`llmmem events`: what happened, when, who asked for it, why, and what came of it."""

from __future__ import annotations

import sqlite3
from argparse import Namespace
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from llmmem_gui.cli.connection import connect
from llmmem_gui.cli.failures import CannotDo
from llmmem_gui.cli.output import size, write_json, write_table
from llmmem_gui.core.sentence import SentenceError
from llmmem_gui.folders import Folders
from llmmem_gui.service.api_client import NoProgram

_NOT_NUMBERS = frozenset(
    {"time", "type", "model", "cause", "actor", "for_model", "text", "models", "gpus", "activity"}
)


def events(options: Namespace) -> None:
    """List the last events, of the running program or from the history that it left."""
    asked = {"limit": options.limit, **({"model": options.model} if options.model else {})}
    try:
        found = connect().request("GET", f"/api/v1/events/past?{urlencode(asked)}")
    except NoProgram:
        found = _events_on_disk(options.limit, options.model)
    if options.json:
        write_json(found)
        return
    headers = ("TIME", "EVENT", "MODEL", "ASKED BY", "WHY", "NUMBERS")
    write_table(headers, [_row(event) for event in found])


def _row(event: dict[str, Any]) -> tuple[str, ...]:
    moment = local_time(event)
    return (
        moment.strftime("%Y-%m-%d %H:%M:%S"),
        event["type"],
        event["model"] or "–",
        event["actor"],
        event["text"] or _cause(event),
        ", ".join(numbers(event)),
    )


def _cause(event: dict[str, Any]) -> str:
    cause = event["cause"] or ""
    return f"{cause} for {event['for_model']}" if event["for_model"] else cause


def local_time(event: dict[str, Any]) -> datetime:
    """When it happened, by the clock on the wall."""
    return datetime.fromisoformat(event["time"].replace("Z", "+00:00")).astimezone()


def numbers(event: dict[str, Any]) -> Iterable[str]:
    """The figures of an event, each with its name and unit."""
    for name, value in event.items():
        if name in _NOT_NUMBERS or value is None:
            continue
        if name.endswith("_bytes"):
            yield f"{name.removesuffix('_bytes').replace('_', ' ')} {size(int(value))}"
        else:
            yield f"{name.replace('_', ' ')} {value:.3g}"


def _events_on_disk(limit: int, model_id: str | None) -> list[dict[str, Any]]:
    from llmmem_gui.service.http.control_entries import event_object
    from llmmem_gui.service.storage.history_file import HistoryFile

    path = Folders.of_user().history_file
    if not path.is_file():
        return []
    try:
        file = HistoryFile(path)
        try:
            return [event_object(event) for event in file.events(limit, model_id)]
        finally:
            file.close()
    except (SentenceError, sqlite3.Error) as error:
        raise CannotDo(f"The memory history {path} cannot be read ({error}): start LLM Memory.") from error
