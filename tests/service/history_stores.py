"""Histories on disk for tests: stores under a clock that stands, and programs in processes of their own."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from llmmem_gui.core.events import Event
from llmmem_gui.core.readings import HostReading, MachineReading, Sample
from llmmem_gui.core.sentence import verbatim
from llmmem_gui.core.units import GIB, MIB
from llmmem_gui.service.storage.history_store import HistoryStore

HOUR, DAY = 3_600, 86_400
NOON = 20_000 * DAY + DAY // 2
PROJECT = Path(__file__).resolve().parents[2]


class Clock:
    """The clock on the wall, as a test sets it."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def history_path(folder: Path) -> Path:
    """Where a history is kept below a folder; neither the file nor its own folder is there yet."""
    return folder / "data" / "history.sqlite3"


def sample(time: float, models: Mapping[str, tuple[int, int]] | None = None) -> Sample:
    """A sample with the private bytes and weights of each model."""
    hosts = {model_id: HostReading(1, *sizes) for model_id, sizes in (models or {}).items()}
    return Sample(time, time, MachineReading(32 * GIB, 20 * GIB, own_bytes=100 * MIB), hosts)


@asynccontextmanager
async def opened(
    path: Path, now: float = NOON, *, days: int = 30, report: Callable[[str], None] = lambda _: None
) -> AsyncIterator[HistoryStore]:
    """A store that opens without a note and is closed in the end."""
    store = HistoryStore(path, days=days, report=report, clock=Clock(now))
    assert await store.open() == ()
    yield store
    await store.close()


async def record_seconds(store: HistoryStore, begin: int, count: int, model: str = "a") -> None:
    """Record one sample a second and write them."""
    for second in range(begin, begin + count):
        store.record(sample(second, {model: (GIB, second % 7 * MIB)}), 8 * GIB)
    await store.flush()


def write_history(path: Path, seconds: int = 120) -> None:
    """A sound history of some seconds."""

    async def write() -> None:
        async with opened(path) as store:
            await record_seconds(store, NOON, seconds)
            store.record_event(Event(NOON, "note", text=verbatim("before")))

    asyncio.run(write())


async def assert_in_memory_only(path: Path) -> str:
    """The store opens with one note, takes samples and drops them; gives the note."""
    store = HistoryStore(path, clock=Clock())
    notes = await store.open()
    await record_seconds(store, NOON, 10)
    store.record_event(Event(NOON, "note"))
    assert len((await store.load()).window(NOON, NOON + 10).times) == 0
    await store.close()
    assert len(notes) == 1
    assert str(path) in str(notes[0])
    return str(notes[0])


@contextmanager
def started(program: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A Python program in a process of its own, ended at the end of the block."""
    command = [sys.executable, "-c", textwrap.dedent(program), *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PROJECT
    ) as process:
        try:
            yield process
            process.communicate(timeout=30)
        finally:
            process.kill()
