"""Sentences of events on the disk: whole, so that they can be said in another language after a restart."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from llmmem_gui.core.alert import Alert, Growth
from llmmem_gui.core.events import Event
from llmmem_gui.core.pressure import Level
from llmmem_gui.core.sentence import Sentence, verbatim
from llmmem_gui.core.units import GIB
from llmmem_gui.service.storage import history_file
from llmmem_gui.service.storage.history_file import Batch, HistoryFile
from tests.service.history_stores import NOON


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the history lies."""
    return tmp_path / "data" / "history.sqlite3"


def stored(path: Path, *events: Event) -> list[Event]:
    """The events as another run reads them."""
    file = HistoryFile(path)
    file.write(Batch(events=list(events)), NOON)
    file.close()
    return read(path)


def read(path: Path) -> list[Event]:
    """The events of a file."""
    file = HistoryFile(path)
    try:
        return file.events()
    finally:
        file.close()


def test_a_sentence_comes_back_with_its_template_and_values(path: Path) -> None:
    """A warning in several parts, with sizes, durations and a percentage, is the same after a restart."""
    alert = Alert(
        Level.WARNING,
        30 * GIB,
        32 * GIB,
        of_machine=True,
        seconds_to_limit=160.0,
        growth=Growth("firefox", 2 * GIB, 180.0),
        relief_model="qwen2.5-7b-instruct-q4_k_m",
        relief_bytes=5 * GIB,
    )
    warning = Event(NOON, "memory-warning", None, "pressure", text=alert.sentence, numbers=alert.numbers)
    assert stored(path, warning) == [warning]


def test_an_english_text_of_an_older_history_stays_readable(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of the first version, whose body has the text, come back with it, beside rows of today."""
    with monkeypatch.context() as older:
        older.setattr(history_file, "_UPGRADES", history_file._UPGRADES[:1])
        older.setattr(HistoryFile, "_check_tables", lambda self: None)
        HistoryFile(path).close()
    bodies = [
        {"time": NOON, "type": "note", "text": "The settings were damaged."},
        {"time": NOON + 1, "type": "model-loaded", "model_id": "a", "numbers": {"seconds": 0.3}},
    ]
    with sqlite3.connect(path) as connection:
        rows = [(body["time"], json.dumps(body)) for body in bodies]
        connection.executemany("INSERT INTO event (time, body) VALUES (?, ?)", rows)
    connection.close()
    today = Event(NOON + 2, "note", text=Sentence("Settings", "it is {name}").format(name="new"))
    assert stored(path, today) == [
        Event(NOON, "note", text=verbatim("The settings were damaged.")),
        Event(NOON + 1, "model-loaded", "a", numbers={"seconds": 0.3}),
        today,
    ]


def test_a_sentence_that_is_too_long_is_kept_as_a_short_english_text(path: Path) -> None:
    """Whatever a file is called, an event takes no more room than is set aside for it."""
    long = Sentence("File", "{file} is not a valid model.").format(file="x" * 100_000)
    (event,) = stored(path, Event(NOON, "load-failed", "a", text=long))
    assert event.text == verbatim("x" * 500)


@pytest.mark.parametrize("damage", ["", "{", "[]", '["Sentence"]', "7", '["Sentence",1,2,{}]', "[" * 100_000])
def test_a_damaged_sentence_is_left_out(path: Path, damage: str) -> None:
    """An event whose sentence cannot be read is left out, and those beside it stay."""
    events = [Event(NOON + second, "note", text=verbatim(str(second))) for second in range(3)]
    stored(path, *events)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE event SET sentence = ? WHERE time = ?", (damage, NOON + 1))
    connection.close()
    assert read(path) == [events[0], events[2]]
