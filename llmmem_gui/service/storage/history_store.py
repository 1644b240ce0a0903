"""Keeps the history on disk while the program runs: records at once, writes in batches, in a thread."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from llmmem_gui.core.events import Event
from llmmem_gui.core.history import History
from llmmem_gui.core.history_rows import RESOLUTIONS, Row, RowsInProgress
from llmmem_gui.core.readings import Sample
from llmmem_gui.core.sentence import Sentence, sentence_of, verbatim
from llmmem_gui.service.storage.history_file import (
    Batch,
    DamagedHistory,
    HistoryFile,
    NewerHistory,
    WrittenRow,
    resolution_of,
    set_aside,
    written_row,
)
from llmmem_gui.service.supervision import Supervisor

log = logging.getLogger(__name__)

KEPT_DAYS = RESOLUTIONS[-1].kept_rows * RESOLUTIONS[-1].row_seconds // 86_400
"""What the longest resolution holds."""
FLUSH_SECONDS = 30.0
"""Samples are on disk after this time at the latest: a crash costs no more."""
FORGET_SECONDS = 3_600.0

_MOST_WAITING_ROWS = 600
"""Rows of each resolution that wait for a disk with space; the oldest are given up."""
_MOST_WAITING_EVENTS = 1_000

_Result = TypeVar("_Result")


class HistoryStore:
    """Samples and events in a file; lives in one asyncio loop and is called from that loop only.

    The service opens the store before its first tick, records each `Sample` and `Event` that it
    publishes, and closes the store after the last host is gone:

        store = HistoryStore(folders.data / "history.sqlite3", days=settings.monitoring.history_days,
                             report=publish_note)
        for note in await store.open(): publish_note(note)
        history = await store.load()      # only where a window will draw it; the window appends to it
        ...
        store.record(sample, total_limit_bytes); store.record_event(event)     # in a listener
        ...
        await store.close()

    No trouble with the file ever raises or stops the program. Where the file cannot be used nothing is
    kept beyond the run, and one sentence says so: from `open`, or through `report` if it happens later.
    A store that is not open records nothing, which is also how to keep nothing (`history_days` 0).
    """

    def __init__(
        self,
        path: Path,
        *,
        days: int = KEPT_DAYS,
        report: Callable[[Sentence], None] = log.warning,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._days = min(days, KEPT_DAYS)
        self._report = report
        self._clock = clock
        # One thread, because a connection belongs to the thread that made it; it also keeps the order.
        self._thread = ThreadPoolExecutor(1, "history")
        self._file: HistoryFile | None = None
        self._in_progress = RowsInProgress()
        self._numbers: dict[str, int] = {}
        self._named: set[str] = set()
        self._to_name: set[str] = set()
        self._waiting: list[dict[int, WrittenRow]] = [{} for _ in RESOLUTIONS]
        self._events: list[Event] = []
        self._flushing = asyncio.Lock()
        self._tasks = Supervisor()
        self._flush_task: asyncio.Task[None] | None = None
        self._flushed_at = float("-inf")
        self._forgot_at = float("-inf")
        self._in_trouble = False

    async def open(self) -> tuple[Sentence, ...]:
        """Open the file, or make it; a sentence for each thing that a person should know."""
        opened, notes = await self._in_thread(partial(_open, self._path, self._clock(), self._days))
        if opened is not None:
            self._file = opened.file
            self._numbers = opened.numbers
            self._in_progress.resume(opened.newest_rows)
            self._forgot_at = self._clock()
        return notes

    async def load(self) -> History:
        """The history as it is on disk, for whoever draws it; it is the caller's own from then on."""
        history = History()
        if self._file is not None:
            await self.flush()
            try:
                await self._in_thread(partial(_fill, history, self._file))
            except sqlite3.Error as error:
                await self._handle(error)
        return history

    async def events(self, most: int, model_id: str | None = None) -> list[Event] | None:
        """The newest events, of all or of those that concern one model, oldest first; None: none are kept."""
        await self.flush()
        if self._file is None:
            return None
        try:
            return await self._in_thread(partial(self._file.events, most, model_id))
        except sqlite3.Error as error:
            await self._handle(error)
            return None

    def record(self, sample: Sample, limit_bytes: int | None) -> None:
        """Take in one sample and the total limit in force; returns at once."""
        if self._file is None:
            return
        for number, row in self._in_progress.add(sample, limit_bytes):
            self._wait(number, row)
        if sample.monotonic - self._flushed_at >= FLUSH_SECONDS:
            self._flushed_at = sample.monotonic
            if self._flush_task is None or self._flush_task.done():
                self._flush_task = self._tasks.run("writing the history", self.flush())

    def record_event(self, event: Event) -> None:
        """Take in one event, to be written with the next sample; returns at once.

        An event may be the last thing to happen before a crash.
        """
        if self._file is not None:
            self._events.append(event)
            del self._events[:-_MOST_WAITING_EVENTS]
            self._flushed_at = float("-inf")

    async def flush(self) -> None:
        """Write what was recorded; what cannot be written waits for the next time."""
        async with self._flushing:
            if self._file is None:
                return
            for number, row in self._in_progress.rows():
                self._wait(number, row)
            batch = self._batch()
            try:
                await self._in_thread(partial(self._file.write, batch, self._clock()))
            except sqlite3.Error as error:
                self._put_back(batch)
                await self._handle(error)
                return
            self._in_trouble = False
            await self._forget_now_and_then(self._file)

    async def close(self) -> None:
        """Write what was recorded and close the file."""
        if self._flush_task is not None:
            await asyncio.wait([self._flush_task])
        await self.flush()
        file, self._file = self._file, None
        if file is not None:
            await self._in_thread(file.close)
        self._thread.shutdown()

    # --- what waits ----------------------------------------------------------------------------------

    def _wait(self, number: int, row: Row) -> None:
        for model_id in (*row.models, *row.active):
            if model_id not in self._numbers:
                self._numbers[model_id] = max(self._numbers.values(), default=0) + 1
            if model_id not in self._named:
                self._named.add(model_id)
                self._to_name.add(model_id)
        written = written_row(number, row, self._numbers)
        waiting = self._waiting[number]
        waiting.pop(written.place, None)
        waiting[written.place] = written
        if len(waiting) > _MOST_WAITING_ROWS:
            del waiting[next(iter(waiting))]

    def _batch(self) -> Batch:
        """Everything that waits, taken."""
        batch = Batch(
            [row for waiting in self._waiting for row in waiting.values()],
            {model_id: self._numbers[model_id] for model_id in self._to_name},
            self._events,
        )
        self._waiting = [{} for _ in RESOLUTIONS]
        self._to_name = set()
        self._events = []
        return batch

    def _put_back(self, batch: Batch) -> None:
        """Let a batch wait again, before what has come meanwhile."""
        for number, waiting in enumerate(self._waiting):
            earlier = {row.place: row for row in batch.rows if resolution_of(row) == number}
            both = {**earlier, **waiting}
            self._waiting[number] = dict(list(both.items())[-_MOST_WAITING_ROWS:])
        self._to_name |= set(batch.models)
        self._events = [*batch.events, *self._events][-_MOST_WAITING_EVENTS:]

    # --- the file ------------------------------------------------------------------------------------

    async def _forget_now_and_then(self, file: HistoryFile) -> None:
        now = self._clock()
        if abs(now - self._forgot_at) < FORGET_SECONDS:
            return
        self._forgot_at = now
        # The models still in use say so with their next rows, and are not forgotten.
        self._named.clear()
        try:
            await self._in_thread(partial(file.forget, now, self._days))
        except sqlite3.Error as error:
            await self._handle(error)

    async def _handle(self, error: sqlite3.Error) -> None:
        """Say once what is wrong; where it is damage, begin a new file."""
        if isinstance(error, sqlite3.OperationalError):
            if not self._in_trouble:
                self._in_trouble = True
                self._report(
                    Sentence(
                        "History",
                        "The memory history cannot be written to {path} ({reason}): it waits in memory; "
                        "make room there or check its permissions.",
                    ).format(path=str(self._path), reason=str(error))
                )
            return
        file, self._file = self._file, None
        if file is not None:
            await self._in_thread(file.close)
        opened, notes = await self._in_thread(
            partial(_open_anew, self._path, error, self._clock(), self._days)
        )
        if opened is not None:
            self._file = opened.file
            self._to_name = set(self._numbers)
        for note in notes:
            self._report(note)

    async def _in_thread(self, work: Callable[[], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


class _Opened(NamedTuple):
    file: HistoryFile
    numbers: dict[str, int]
    newest_rows: dict[int, Row]


def _open(path: Path, now: float, days: int) -> tuple[_Opened | None, tuple[Sentence, ...]]:
    try:
        return _opened(path, now, days), ()
    except DamagedHistory as damage:
        return _open_anew(path, damage, now, days)
    except NewerHistory as newer:
        return None, (
            Sentence(
                "History",
                "The memory history {path} was written by a newer version of this program ({reason}): "
                "it is left as it is, and nothing is kept beyond this run; "
                "update the program or move the file away.",
            ).format(path=str(path), reason=newer.sentence),
        )
    except (OSError, sqlite3.Error) as error:
        return None, (_unusable(path, error),)


def _open_anew(
    path: Path, damage: Exception, now: float, days: int
) -> tuple[_Opened | None, tuple[Sentence, ...]]:
    try:
        aside = set_aside(path)
        opened = _opened(path, now, days)
    except (OSError, sqlite3.Error, DamagedHistory) as error:
        return None, (_unusable(path, error),)
    return opened, (
        Sentence(
            "History",
            "The memory history was damaged ({reason}): it is set aside as {path}, and a new one is begun.",
        ).format(reason=sentence_of(damage), path=str(aside)),
    )


def _opened(path: Path, now: float, days: int) -> _Opened:
    file = HistoryFile(path)
    try:
        file.forget(now, days)
        return _Opened(file, file.model_numbers(), file.newest_rows())
    except sqlite3.DatabaseError as error:
        file.close()
        if isinstance(error, sqlite3.OperationalError):
            raise
        raise DamagedHistory(verbatim(str(error))) from error


def _unusable(path: Path, error: Exception) -> Sentence:
    return Sentence(
        "History",
        "The memory history {path} cannot be used ({reason}): nothing is kept beyond this run; "
        "close what else uses it, make room or check its permissions, and start again.",
    ).format(path=str(path), reason=sentence_of(error))


def _fill(history: History, file: HistoryFile) -> None:
    for number in range(len(RESOLUTIONS)):
        for memory, activity in file.rows(number):
            history.restore(number, memory, activity)
    history.resume(file.newest_rows(), file.events())
