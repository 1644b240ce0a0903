"""The history on disk: one SQLite file, in the same rings as in memory, so that it cannot grow for ever.

Models are named once and numbered; a row has the figures of all its models in one blob. What people ask
the models is nowhere in it.
"""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, fields
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import msgspec
import numpy as np

from llmmem_gui.core.events import Event
from llmmem_gui.core.history import MOST_EVENTS
from llmmem_gui.core.history_rings import StoredRows
from llmmem_gui.core.history_rows import (
    ACTIVITY_FIGURES,
    BLOCK_ROWS,
    MACHINE_FIGURES,
    MODEL_ACTIVITY_FIGURES,
    MODEL_FIGURES,
    RESOLUTIONS,
    UNKNOWN_ACTIVITY,
    Row,
)
from llmmem_gui.core.sentence import Sentence, SentenceError, verbatim

MOST_FILE_BYTES = 56 * 2**20
"""The file never grows beyond; with its write-ahead log it stays under 64 MiB."""
MOST_STORED_EVENTS = 10_000
"""Events that are kept on disk; the oldest go first."""

_APPLICATION_ID = 0x4C4D656D
_UPGRADES: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE model (number INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE,"
        " seen_seconds REAL NOT NULL)",
        "CREATE TABLE memory (place INTEGER PRIMARY KEY, slot INTEGER NOT NULL, samples INTEGER NOT NULL,"
        " machine BLOB NOT NULL, models BLOB NOT NULL, checksum INTEGER NOT NULL)",
        "CREATE TABLE event (number INTEGER PRIMARY KEY, time REAL NOT NULL, body TEXT NOT NULL)",
    ),
    # Before, the body had the sentence as an English text.
    ("ALTER TABLE event ADD COLUMN sentence TEXT",),
    # NULL in the rows of earlier versions, which did not record what models do.
    ("ALTER TABLE memory ADD COLUMN activity BLOB",),
)
"""What makes each version of the tables from the one before; a version, once released, never changes."""

_PAGE_BYTES = 4096
_LOG_PAGES = 512
"""Pages of the write-ahead log after which it is worked into the file."""
_CACHE_KIB = 512
_LOCK_PATIENCE_SECONDS = 2.0
"""A program that is just ending may hold the file for a moment."""
_ROWS_AT_ONCE = 1_000
_PLACES_OF_RESOLUTION = 1_000_000
_DAY_SECONDS = 86_400
_LONGEST_TEXT = 500
_LONGEST_SENTENCE = 2_000
"""Characters of a stored sentence with its template and values; of a longer one the English text is kept."""

_MACHINE = struct.Struct(f"<{MACHINE_FIGURES}f")
_MODEL = struct.Struct(f"<I{MODEL_FIGURES}f")
_ACTIVITY = struct.Struct(f"<{ACTIVITY_FIGURES}f")
_ACTIVE = struct.Struct(f"<I{MODEL_ACTIVITY_FIGURES}f")


class DamagedHistory(SentenceError):
    """The file is not a history, or not a whole one."""


class NewerHistory(SentenceError):
    """The file was written by a newer version of the program."""


class NotWritable(SentenceError, PermissionError):
    """The file or its folder may not be written."""


class WrittenRow(NamedTuple):
    """A row as it stands in the file."""

    place: int
    slot: int
    samples: int
    machine: bytes
    models: bytes
    checksum: int
    activity: bytes | None
    """Figures of the machine, then of each model that did something; None in files of earlier versions."""


@dataclass
class Batch:
    """What is written in one transaction: all of it or nothing."""

    rows: list[WrittenRow] = field(default_factory=list)
    models: dict[str, int] = field(default_factory=dict)
    """Numbers of models that this run has not named yet."""
    events: list[Event] = field(default_factory=list)


def written_row(resolution: int, row: Row, numbers: Mapping[str, int]) -> WrittenRow:
    """The row of a resolution as it is written; `numbers` has the number of each of its models."""
    place = resolution * _PLACES_OF_RESOLUTION + row.slot % RESOLUTIONS[resolution].ring_rows
    machine = _MACHINE.pack(*row.machine)
    models = b"".join(_MODEL.pack(numbers[id], *figures) for id, figures in row.models.items())
    active = (_ACTIVE.pack(numbers[id], *figures) for id, figures in row.active.items())
    activity = b"".join((_ACTIVITY.pack(*row.activity), *active))
    checksum = _checksum(row.slot, machine, models, activity)
    return WrittenRow(place, row.slot, row.samples, machine, models, checksum, activity)


def resolution_of(row: WrittenRow) -> int:
    """Number of the resolution that a written row belongs to."""
    return row.place // _PLACES_OF_RESOLUTION


class HistoryFile:
    """An open history; all calls come from the thread that made it.

    Raises `DamagedHistory`, `NewerHistory`, or, when the file is locked or cannot be read and written,
    `OSError` or `sqlite3.OperationalError`. Every method raises `sqlite3.OperationalError` when that is so
    later, and another `sqlite3.DatabaseError` when damage shows.
    """

    def __init__(self, path: Path) -> None:
        _make_private(path)
        self._connection = sqlite3.connect(path, timeout=_LOCK_PATIENCE_SECONDS, isolation_level=None)
        try:
            self._prepare()
        except sqlite3.DatabaseError as error:
            self._connection.close()
            if isinstance(error, sqlite3.OperationalError):
                raise
            raise DamagedHistory(verbatim(str(error))) from error
        except BaseException:
            self._connection.close()
            raise
        self._blocks: dict[int, int] = {}

    def close(self) -> None:
        """Work the log into the file and close it."""
        with suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()

    # --- writing -------------------------------------------------------------------------------------

    def write(self, batch: Batch, now: float) -> None:
        """Write a batch, rows over those that stood at their places in the rings."""
        write = self._connection.executemany
        models = [(number, os.fsencode(model_id), now) for model_id, number in batch.models.items()]
        events = [(event.time, _body(event), _stored(event.text)) for event in batch.events]
        with self._transaction():
            for row in batch.rows:
                self._enter_block(row)
            write("INSERT OR REPLACE INTO model VALUES (?, ?, ?)", models)
            write("INSERT OR REPLACE INTO memory VALUES (?, ?, ?, ?, ?, ?, ?)", batch.rows)
            write("INSERT INTO event (time, body, sentence) VALUES (?, ?, ?)", events)
            self._connection.execute(
                "DELETE FROM event WHERE number <= (SELECT max(number) FROM event) - ?", (MOST_STORED_EVENTS,)
            )

    def forget(self, now: float, days: int) -> None:
        """Delete what is older than its resolution or those days allow, and models that nothing names."""
        oldest = now - days * _DAY_SECONDS
        with self._transaction():
            for number, resolution in enumerate(RESOLUTIONS):
                kept_seconds = resolution.ring_rows * resolution.row_seconds
                slot = max(oldest, now - kept_seconds) // resolution.row_seconds
                self._connection.execute(
                    "DELETE FROM memory WHERE place BETWEEN ? AND ? AND slot < ?", (*_places(number), slot)
                )
            self._connection.execute("DELETE FROM event WHERE time < ?", (oldest,))
            self._connection.execute("DELETE FROM model WHERE seen_seconds < ?", (oldest,))

    def _enter_block(self, row: WrittenRow) -> None:
        """Delete what an earlier turn of the ring left in the block that this row begins."""
        resolution, block = resolution_of(row), row.slot // BLOCK_ROWS
        if self._blocks.get(resolution) == block:
            return
        self._blocks[resolution] = block
        first_place, first_slot = row.place - row.slot % BLOCK_ROWS, block * BLOCK_ROWS
        self._connection.execute(
            "DELETE FROM memory WHERE place BETWEEN ? AND ? AND slot NOT BETWEEN ? AND ?",
            (first_place, first_place + BLOCK_ROWS - 1, first_slot, first_slot + BLOCK_ROWS - 1),
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            self._blocks.clear()
            # After some errors, a full disk among them, SQLite has rolled back by itself.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    # --- reading -------------------------------------------------------------------------------------

    def model_numbers(self) -> dict[str, int]:
        """The number of each model that the file knows."""
        rows = self._connection.execute("SELECT id, number FROM model")
        return {os.fsdecode(model_id): number for model_id, number in rows}

    def newest_rows(self) -> dict[int, Row]:
        """The newest row of each resolution, by the number of the resolution."""
        newest = {}
        names = {number: model_id for model_id, number in self.model_numbers().items()}
        for number in range(len(RESOLUTIONS)):
            found = self._connection.execute(
                "SELECT * FROM memory WHERE place BETWEEN ? AND ? ORDER BY slot DESC LIMIT 1", _places(number)
            ).fetchone()
            if found is not None and _is_whole(row := WrittenRow(*found)):
                newest[number] = Row(
                    row.slot,
                    row.samples,
                    _MACHINE.unpack(row.machine),
                    _by_model(_MODEL, row.models, names),
                    UNKNOWN_ACTIVITY if row.activity is None else _ACTIVITY.unpack_from(row.activity),
                    _by_model(_ACTIVE, (row.activity or b"")[_ACTIVITY.size :], names),
                )
        return newest

    def rows(self, number: int) -> Iterator[tuple[StoredRows, StoredRows]]:
        """All rows of a resolution, some at a time: memory, and activity where that was recorded.

        What is damaged is left out.
        """
        numbers = self.model_numbers()
        cursor = self._connection.execute("SELECT * FROM memory WHERE place BETWEEN ? AND ?", _places(number))
        while found := cursor.fetchmany(_ROWS_AT_ONCE):
            whole = [row for row in map(WrittenRow._make, found) if _is_whole(row)]
            memory = [(row, row.machine, row.models) for row in whole]
            activity = [
                (row, row.activity[: _ACTIVITY.size], row.activity[_ACTIVITY.size :])
                for row in whole
                if row.activity is not None
            ]
            yield (
                _stored_rows(memory, numbers, MACHINE_FIGURES, MODEL_FIGURES),
                _stored_rows(activity, numbers, ACTIVITY_FIGURES, MODEL_ACTIVITY_FIGURES),
            )

    def events(self, most: int = MOST_EVENTS, model_id: str | None = None) -> list[Event]:
        """The newest events, of all or of those that concern one model, oldest first; no damaged ones."""
        # An open cursor would hold the write-ahead log.
        with closing(
            self._connection.execute("SELECT body, sentence FROM event ORDER BY number DESC")
        ) as found:
            read = (event for row in found if (event := _event(*row)) is not None)
            wanted = (event for event in read if model_id is None or event.concerns(model_id))
            return list(islice(wanted, most))[::-1]

    # --- opening -------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        execute = self._connection.execute
        # One program uses the file, alone: no shared memory is needed, and another program is told so.
        execute("PRAGMA locking_mode = EXCLUSIVE")
        version = int(execute("PRAGMA user_version").fetchone()[0])
        identity = int(execute("PRAGMA application_id").fetchone()[0])
        tables = int(execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
        if tables and (identity != _APPLICATION_ID or version < 1):
            raise DamagedHistory(Sentence("History", "it is another program's file"))
        if version > len(_UPGRADES):
            raise NewerHistory(
                Sentence("History", "it has version {version}, this program knows {known}").format(
                    version=version, known=len(_UPGRADES)
                )
            )
        if tables:
            found = str(execute("PRAGMA quick_check(1)").fetchone()[0])
            if found != "ok":
                raise DamagedHistory(verbatim(found))
        else:
            execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        execute("PRAGMA journal_mode = WAL").fetchone()
        # A power cut may cost the last seconds; the file stays whole.
        execute("PRAGMA synchronous = NORMAL")
        execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
        execute(f"PRAGMA max_page_count = {MOST_FILE_BYTES // _PAGE_BYTES}")
        execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        self._blocks = {}
        for number, statements in enumerate(_UPGRADES[version:], start=version + 1):
            with self._transaction():
                for statement in statements:
                    execute(statement)
                execute(f"PRAGMA application_id = {_APPLICATION_ID}")
                execute(f"PRAGMA user_version = {number}")
        self._check_tables()

    def _check_tables(self) -> None:
        try:
            for columns in (
                "number, id, seen_seconds FROM model",
                "place, slot, samples, machine, models, checksum, activity FROM memory",
                "number, time, body, sentence FROM event",
            ):
                self._connection.execute(f"SELECT {columns} LIMIT 0")
        except sqlite3.OperationalError as error:
            raise DamagedHistory(verbatim(str(error))) from error


def set_aside(path: Path) -> Path:
    """Move a damaged history and its log out of the way; the file set aside before is overwritten."""
    aside = path.with_name(path.name + ".bad")
    for ending in ("-wal", "-journal", "-shm"):
        with suppress(FileNotFoundError):
            os.remove(f"{aside}{ending}")
        with suppress(FileNotFoundError):
            os.replace(f"{path}{ending}", f"{aside}{ending}")
    os.replace(path, aside)
    return aside


def _make_private(path: Path) -> None:
    """Create the file for its user alone, or take others' rights away.

    An existing file is never opened here: closing it would drop the locks that SQLite holds on it
    (sqlite.org/howtocorrupt.html, section 2.2).
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    mode = path.stat().st_mode
    if stat.S_ISREG(mode) and stat.S_IMODE(mode) & 0o077:
        path.chmod(stat.S_IMODE(mode) & 0o700)
    for needed in (path, path.parent):
        # SQLite would call it an I/O error.
        if not os.access(needed, os.R_OK | os.W_OK):
            raise NotWritable(
                Sentence("History", "the right to write {name} is missing").format(name=needed.name)
            )


def _places(resolution: int) -> tuple[int, int]:
    first = resolution * _PLACES_OF_RESOLUTION
    return first, first + _PLACES_OF_RESOLUTION - 1


def _checksum(slot: int, machine: bytes, models: bytes, activity: bytes | None) -> int:
    return crc32(activity or b"", crc32(models, crc32(machine, slot & 0xFFFFFFFF)))


def _is_whole(row: WrittenRow) -> bool:
    """Whether a row is what was written; SQLite itself does not notice a bit that flipped within a value."""
    try:
        return row.checksum == _checksum(row.slot, row.machine, row.models, row.activity)
    except TypeError:
        return False


def _by_model(line: struct.Struct, lines: bytes, names: Mapping[int, str]) -> dict[str, tuple[float, ...]]:
    """The figures of each model whose number has a name."""
    return {names[each[0]]: each[1:] for each in line.iter_unpack(lines) if each[0] in names}


def _stored_rows(
    rows: Sequence[tuple[WrittenRow, bytes, bytes]],
    numbers: Mapping[str, int],
    machine_figures: int,
    model_figures: int,
) -> StoredRows:
    """Rows, each with its figures of the machine and of its models, as arrays."""
    line = np.dtype([("number", "<u4"), ("figures", "<f4", (model_figures,))])
    lines = np.frombuffer(b"".join(models for _, _, models in rows), line)
    lines_of_rows = [len(models) // line.itemsize for _, _, models in rows]
    model_ids = tuple(numbers)
    index_of = np.full(max(numbers.values(), default=0) + 2, -1)
    index_of[list(numbers.values())] = np.arange(len(numbers))
    model_of = index_of[np.minimum(lines["number"], len(index_of) - 1)]
    known = model_of >= 0
    return StoredRows(
        np.array([row.slot for row, _, _ in rows], np.int64),
        np.array([row.samples for row, _, _ in rows], np.int64),
        np.frombuffer(b"".join(machine for _, machine, _ in rows), "<f4").reshape(-1, machine_figures),
        np.repeat(np.arange(len(rows)), lines_of_rows)[known],
        model_ids,
        model_of[known],
        lines["figures"][known],
    )


def _body(event: Event) -> str:
    """The event without its sentence as JSON in ASCII, which has a place also for names not in Unicode."""
    said = {each.name: getattr(event, each.name) for each in fields(event) if each.name != "text"}
    said["numbers"] = {name: float(number) for name, number in event.numbers.items()}
    return json.dumps({name: value for name, value in said.items() if value not in (None, {})})


def _stored(sentence: Sentence | None) -> str | None:
    """The sentence in all languages, as JSON in ASCII."""
    if sentence is None:
        return None
    stored = json.dumps(msgspec.to_builtins(sentence))
    if len(stored) <= _LONGEST_SENTENCE:
        return stored
    return json.dumps(msgspec.to_builtins(verbatim(str(sentence)[:_LONGEST_TEXT])))


def _event(body: str, sentence: str | None) -> Event | None:
    try:
        said = json.loads(body)
        if sentence is not None:
            said["text"] = json.loads(sentence)
        elif "text" in said:
            said["text"] = msgspec.to_builtins(verbatim(said["text"]))
        return msgspec.convert(said, Event)
    except (TypeError, ValueError, RecursionError):
        return None
