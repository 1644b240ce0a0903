"""The history on disk: it comes back, it stays small, and no trouble with its file stops the program."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
import textwrap
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import numpy as np
import pytest

from llmmem_gui.core.events import Event
from llmmem_gui.core.history import History
from llmmem_gui.core.history_rows import (
    MACHINE_FIGURES,
    MODEL_FIGURES,
    MOST_MODELS,
    RESOLUTIONS,
    Row,
)
from llmmem_gui.core.readings import HostReading, MachineReading, Sample
from llmmem_gui.core.units import GIB, MIB
from llmmem_gui.service import history_file
from llmmem_gui.service.history_file import Batch, HistoryFile, written_row
from llmmem_gui.service.history_store import FLUSH_SECONDS, HistoryStore

HOUR, DAY = 3_600, 86_400
NOON = 20_000 * DAY + DAY // 2
PROJECT = Path(__file__).resolve().parents[2]


class Clock:
    """The clock on the wall, as a test sets it."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the history is kept; neither the file nor its folder is there yet."""
    return tmp_path / "data" / "history.sqlite3"


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


def bytes_on_disk(path: Path) -> int:
    return sum(file.stat().st_size for file in path.parent.iterdir())


def assert_same(one: History, other: History, now: float) -> None:
    """Both histories show the same at every range of the screen."""
    for span in (60, 300, HOUR, DAY, 7 * DAY, 30 * DAY):
        left, right = one.window(now - span, now), other.window(now - span, now)
        assert left.models == right.models
        assert left.times.tolist() == right.times.tolist()
        for name in ("private_bytes", "weights_bytes", "models_bytes", "available_bytes", "own_bytes"):
            for which in ("least", "mean", "most"):
                ours, theirs = getattr(getattr(left, name), which), getattr(getattr(right, name), which)
                np.testing.assert_allclose(ours, theirs, rtol=1e-6)
        np.testing.assert_array_equal(left.limit_bytes, right.limit_bytes)


# --- it comes back ---------------------------------------------------------------------------------------


async def test_what_was_recorded_comes_back_after_a_restart(path: Path) -> None:
    """After a restart every range shows what a history shows that was never closed."""
    expected = History()
    async with opened(path, NOON) as store:
        for second in range(-5 * HOUR, 0, 5):
            models = {"a": (GIB + second * MIB // 100, 2 * GIB)}
            if -9_000 < second < -600:
                models["b"] = (0, 3 * GIB)
            limit_bytes = None if second < -HOUR else 8 * GIB
            store.record(sample(NOON + second, models), limit_bytes)
            expected.append(sample(NOON + second, models), limit_bytes)
            if second % 1_000 == 0:
                await store.flush()
    async with opened(path, NOON) as store:
        assert_same(await store.load(), expected, NOON)


async def test_a_restart_within_a_minute_keeps_its_peak(path: Path) -> None:
    """The minute that a restart falls into goes on where it was: its peak and its mean are of all samples."""
    async with opened(path) as store:
        for second in range(30):
            store.record(sample(NOON + second, {"a": (5 * GIB, 0)}), None)
    async with opened(path) as store:
        for second in range(40, 60):
            store.record(sample(NOON + second, {"a": (GIB, 0)}), None)
        history = await store.load()
    window = history.window(NOON - 20 * DAY, NOON + 60)
    assert window.private_bytes.most.tolist() == [[5 * GIB]]
    assert window.private_bytes.mean[0, 0] == pytest.approx((30 * 5 + 20) / 50 * GIB)


async def test_a_history_that_is_loaded_goes_on_with_the_samples_that_follow(path: Path) -> None:
    """What a view appends to the loaded history joins what was loaded without a break or a jump."""
    async with opened(path) as store:
        await record_seconds(store, NOON, 90)
        history = await store.load()
        for second in range(90, 120):
            history.append(sample(NOON + second, {"a": (GIB, 0)}), 8 * GIB)
    window = history.window(NOON, NOON + 120)
    assert not np.isnan(window.models_bytes.mean).any()
    assert len(window.times) == 120


async def test_events_come_back_with_all_their_fields(path: Path) -> None:
    """An event is the same after a restart, also with names that are not Unicode."""
    events = [
        Event(
            NOON,
            "model-unloaded",
            "caf\udce9 \u2603",
            "make room",
            "another load",
            "for \ud800",
            "unloaded: 1.5 GiB back",
            {"given_back_bytes": 1.5 * GIB, "seconds": 0.02},
        ),
        Event(NOON + 1, "limit-changed", numbers={"limit_bytes": 0}),
    ]
    async with opened(path) as store:
        for event in events:
            store.record_event(event)
    async with opened(path) as store:
        assert list((await store.load()).events(NOON, NOON + 2)) == events


async def test_a_model_whose_name_is_not_unicode_comes_back(path: Path) -> None:
    """A model id with a byte that is no UTF-8 keeps its figures."""
    async with opened(path) as store:
        await record_seconds(store, NOON, 3, "caf\udce9")
    async with opened(path) as store:
        assert (await store.load()).window(NOON, NOON + 3).models == ("caf\udce9",)


async def test_an_event_of_a_kind_unknown_here_is_left_out(path: Path) -> None:
    """Events of another version that are not known here do not keep the others from coming back."""
    async with opened(path) as store:
        store.record_event(Event(NOON, "note", text="known"))
    with sqlite3.connect(path) as connection:
        for body in ('{"time": 1, "type": "model-praised"}', "{", "[]", '{"time": "noon", "type": "note"}'):
            connection.execute("INSERT INTO event (time, body) VALUES (?, ?)", (NOON, body))
    connection.close()
    async with opened(path) as store:
        assert [event.text for event in (await store.load()).events(0, NOON + 1)] == ["known"]


# --- what is kept, and how long --------------------------------------------------------------------------


async def test_what_people_ask_is_not_kept(path: Path) -> None:
    """Finished requests leave no trace on disk, whatever their text says."""
    async with opened(path) as store:
        store.record_event(Event(NOON, "request-finished", "a", actor="api", text="my secret question"))
        store.record_event(Event(NOON, "model-loaded", "a", text="loaded a"))
        await record_seconds(store, NOON, 5)
        written = b"".join(file.read_bytes() for file in path.parent.iterdir())
    written += path.read_bytes()
    assert b"loaded a" in written
    assert b"secret" not in written
    assert b"request-finished" not in written


async def test_only_the_user_may_read_it(path: Path) -> None:
    """The file, its log and its folder are the user's alone, also where the file was not so before."""
    path.parent.mkdir()
    path.touch(0o644)
    path.chmod(0o644)
    async with opened(path) as store:
        await record_seconds(store, NOON, 5)
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == {"history.sqlite3": 0o600, "history.sqlite3-wal": 0o600}
    fresh = path.parent / "deeper" / "history.sqlite3"
    async with opened(fresh):
        assert stat.S_IMODE(fresh.stat().st_mode) == 0o600
        assert stat.S_IMODE(fresh.parent.stat().st_mode) == 0o700


async def test_what_is_too_old_is_forgotten_at_the_next_start(path: Path) -> None:
    """After 31 days without the program nothing of before is left in the file: no row, no event, no name."""
    async with opened(path) as store:
        await record_seconds(store, NOON, 5)
        store.record_event(Event(NOON, "note", text="long ago"))
    async with opened(path, NOON + 31 * DAY):
        pass
    with sqlite3.connect(path) as connection:
        left = [
            connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("memory", "model", "event")
        ]
    connection.close()
    assert left == [0, 0, 0]


async def test_seconds_are_kept_an_hour_and_minutes_a_month(path: Path) -> None:
    """A day later the seconds are gone from the file, a week later the tens; the minutes stay."""
    async with opened(path) as store:
        await record_seconds(store, NOON, 120)
    rows = []
    for later in (2 * HOUR, 7 * DAY, 29 * DAY):
        async with opened(path, NOON + later):
            pass
        with sqlite3.connect(path) as connection:
            rows.append([row[0] for row in connection.execute("SELECT place / 1000000 FROM memory")])
        connection.close()
    assert [sorted(set(each)) for each in rows] == [[1, 2], [2], [2]]
    assert len(rows[-1]) == 2


async def test_fewer_days_are_kept_when_the_user_says_so(path: Path) -> None:
    """With a week in the settings, what is eight days old is forgotten at the next start."""
    async with opened(path) as store:
        await record_seconds(store, NOON - 8 * DAY, 60)
        await record_seconds(store, NOON - 6 * DAY, 60)
    async with opened(path, days=7) as store:
        window = (await store.load()).window(NOON - 30 * DAY, NOON)
    assert len(window.times) == 1
    assert window.times[0] > NOON - 7 * DAY


async def test_a_model_that_stays_loaded_for_months_keeps_its_name(path: Path) -> None:
    """A model that was first seen long ago and is still used is not forgotten with what is old."""
    clock = Clock()
    store = HistoryStore(path, clock=clock)
    await store.open()
    for second in range(0, 70 * DAY, 6 * HOUR):
        clock.now = NOON + second
        await record_seconds(store, NOON + second, 1, "stays")
    history = await store.load()
    await store.close()
    window = history.window(clock.now - 29 * DAY, clock.now)
    assert window.models == ("stays",)
    assert (window.private_bytes.most[:, ~np.isnan(window.own_bytes.mean)] == GIB).all()


async def test_events_are_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many events there are, the file keeps a fixed number of the newest."""
    monkeypatch.setattr(history_file, "MOST_STORED_EVENTS", 50)
    async with opened(path) as store:
        for place in range(120):
            store.record_event(Event(NOON + place, "note", text=str(place)))
            if place % 30 == 0:
                await store.flush()
        await store.flush()
        found = (await store.load()).events(0, NOON + 1_000)
    assert [event.text for event in found] == [str(place) for place in range(70, 120)]


def full_rings(models: int) -> Iterator[list[tuple[int, Row]]]:
    """All rows of a month of that many models at every resolution, some hundred at a time."""
    machine = (40.0 * GIB,) * MACHINE_FIGURES
    of_models = {f"model {place}": (40.0 * GIB,) * MODEL_FIGURES for place in range(models)}
    for number, resolution in enumerate(RESOLUTIONS):
        first = NOON // resolution.row_seconds
        for begin in range(first, first + resolution.ring_rows, 300):
            yield [(number, Row(slot, 60, machine, of_models)) for slot in range(begin, begin + 300)]


def test_the_file_stays_under_its_bound(path: Path) -> None:
    """Months of as many models as have columns, after a month of one, never take 64 MiB with the log."""
    file = HistoryFile(path)
    largest = 0
    try:
        for models in (1, MOST_MODELS, MOST_MODELS // 2, MOST_MODELS):
            numbers = {f"model {place}": place + 1 for place in range(models)}
            for rows in full_rings(models):
                written = [written_row(number, row, numbers) for number, row in rows]
                events = [Event(NOON, "note", text="x" * 500) for _ in range(60)]
                file.write(Batch(written, numbers, events), NOON)
                largest = max(largest, bytes_on_disk(path))
    finally:
        file.close()
    assert 30 * MIB < largest < 64 * MIB
    assert path.stat().st_size <= history_file.MOST_FILE_BYTES


async def test_a_ring_later_nothing_of_before_is_left_at_its_place(path: Path) -> None:
    """A row takes the place of one a month older, and the rest of that older block goes with it."""
    ring_seconds = RESOLUTIONS[2].ring_rows * 60
    async with opened(path, NOON) as store:
        await record_seconds(store, NOON, 300)
    # A clock that has not moved forgets nothing by age.
    async with opened(path, NOON) as store:
        await record_seconds(store, NOON + ring_seconds, 60, "b")
        history = await store.load()
    assert history.window(NOON + ring_seconds, NOON + ring_seconds + 300).models == ("b",)
    with sqlite3.connect(path) as connection:
        slots = connection.execute("SELECT slot FROM memory WHERE place >= 2000000").fetchall()
    connection.close()
    assert slots == [((NOON + ring_seconds) // 60,)]


# --- recording never waits -------------------------------------------------------------------------------


async def test_recording_does_not_wait_for_the_disk(path: Path) -> None:
    """While the disk does not answer samples and events are taken in at once, and written when it does."""
    async with opened(path) as store:
        answers = threading.Event()
        store._thread.submit(answers.wait)
        for second in range(50):
            store.record(sample(NOON + second, {"a": (GIB, 0)}), None)
            store.record_event(Event(NOON + second, "note"))
            await asyncio.sleep(0)
        assert store._flush_task is not None
        assert not store._flush_task.done()
        answers.set()
        history = await store.load()
    assert len(history.events(0, NOON + 50)) == 50
    assert len(history.window(NOON, NOON + 50).times) == 50


async def test_it_is_written_without_being_told(path: Path) -> None:
    """What was recorded is on disk after ten seconds of samples, though nobody flushed."""
    async with opened(path) as store:
        store.record(sample(NOON), None)
        assert store._flush_task is not None
        await store._flush_task
        for second in range(1, int(FLUSH_SECONDS) + 2):
            store.record(sample(NOON + second), None)
        await store._flush_task
        rows = await store._in_thread(lambda: sum(len(each.slots) for each in store._file.rows(0)))
    assert rows >= FLUSH_SECONDS


async def test_an_event_is_written_with_the_next_sample(path: Path) -> None:
    """What may be the last thing before a crash does not wait for the next batch of samples."""
    async with opened(path) as store:
        store.record(sample(NOON), None)
        await store._flush_task
        store.record_event(Event(NOON, "host-died", "a"))
        store.record(sample(NOON + 1), None)
        await store._flush_task
        events = await store._in_thread(lambda: store._file.events())
    assert [event.type for event in events] == ["host-died"]


async def test_a_store_that_is_not_open_keeps_nothing(path: Path) -> None:
    """Without `open` everything is taken and dropped, and no file is made."""
    store = HistoryStore(path)
    store.record(sample(NOON), None)
    store.record_event(Event(NOON, "note"))
    await store.flush()
    assert len((await store.load()).window(NOON - 10, NOON + 10).times) == 0
    await store.close()
    assert not path.parent.exists()


# --- a file that is no good ------------------------------------------------------------------------------


def write_history(path: Path, seconds: int = 120) -> None:
    """A sound history of some seconds."""

    async def write() -> None:
        async with opened(path) as store:
            await record_seconds(store, NOON, seconds)
            store.record_event(Event(NOON, "note", text="before"))

    asyncio.run(write())


def truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2 + 100)


def flipped(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096 * 3)
        file.write(b"\xff" * 64)


def foreign(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE chats (prompt TEXT)")
    connection.close()


def another_schema(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE memory RENAME COLUMN machine TO computer")
    connection.close()


def without_a_table(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE event")
    connection.close()


def version_unset(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = -3")
    connection.close()


def damaged_free_space(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM memory")
    connection.close()
    with path.open("r+b") as file:
        # The number of the first page without use stands here (sqlite.org/fileformat2.html, section 1.3).
        file.seek(32)
        page = int.from_bytes(file.read(4), "big")
        assert page
        file.seek(4096 * (page - 1))
        file.write(b"\xff" * 4096)


def random_bytes(path: Path) -> None:
    path.write_bytes(os.urandom(50_000))


def text(path: Path) -> None:
    path.write_text("hello")


DAMAGES: dict[str, Callable[[Path], None]] = {
    "random bytes": random_bytes,
    "text": text,
    "truncated": truncated,
    "a flipped page": flipped,
    "free space": damaged_free_space,
    "another program's": foreign,
    "other columns": another_schema,
    "a table missing": without_a_table,
    "no version": version_unset,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_set_aside(path: Path, damage: str) -> None:
    """A damaged file is kept as it is under another name, one note says so, and a new history is begun."""
    write_history(path)
    DAMAGES[damage](path)
    damaged = path.read_bytes()

    async def start_again() -> tuple[tuple[str, ...], int]:
        store = HistoryStore(path, clock=Clock())
        notes = await store.open()
        await record_seconds(store, NOON, 30)
        points = len((await store.load()).window(NOON, NOON + 30).times)
        await store.close()
        return notes, points

    notes, points = asyncio.run(start_again())
    assert len(notes) == 1
    assert "history.sqlite3.bad" in notes[0]
    assert (path.parent / "history.sqlite3.bad").read_bytes() == damaged
    assert points == 30
    # The new one is sound.
    assert asyncio.run(start_again()) == ((), 30)


async def test_an_empty_file_is_a_new_history(path: Path) -> None:
    """A file of no bytes holds nothing to be kept or to be told of."""
    path.parent.mkdir()
    path.touch()
    async with opened(path) as store:
        await record_seconds(store, NOON, 5)
    assert [file.name for file in path.parent.iterdir()] == ["history.sqlite3"]


async def test_a_second_damaged_file_takes_the_place_of_the_first(path: Path) -> None:
    """Damaged files do not pile up: the one set aside last is kept."""
    for content in (b"first" * 100, b"second" * 100):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        store = HistoryStore(path, clock=Clock())
        assert len(await store.open()) == 1
        await store.close()
    names = sorted(file.name for file in path.parent.iterdir())
    assert names == ["history.sqlite3", "history.sqlite3.bad"]
    assert (path.parent / "history.sqlite3.bad").read_bytes() == b"second" * 100


def test_a_bit_that_flipped_within_a_row_costs_that_row(path: Path) -> None:
    """What SQLite cannot see a checksum does: a row with a flipped bit is left out, the others are shown."""
    write_history(path, 60)
    with sqlite3.connect(path) as connection:
        place, models = connection.execute("SELECT place, models FROM memory ORDER BY place").fetchone()
        flipped_bit = bytes([*models[:-1], models[-1] ^ 0x40])
        connection.execute("UPDATE memory SET models = ? WHERE place = ?", (flipped_bit, place))
    connection.close()

    async def times() -> int:
        async with opened(path) as store:
            window = (await store.load()).window(NOON, NOON + 60)
            assert np.nanmax(window.weights_bytes.most) < GIB
            return int((~np.isnan(window.own_bytes.mean)).sum())

    assert asyncio.run(times()) == 59


async def test_figures_without_a_name_are_left_out(path: Path) -> None:
    """Where the name of a model is lost its figures are shown as no other model's."""
    forget_b = "DELETE FROM model WHERE id = CAST('b' AS BLOB)"
    async with opened(path) as store:
        await record_seconds(store, NOON, 5, "b")
        await record_seconds(store, NOON + 5, 5, "a")
        await store._in_thread(lambda: store._file._connection.execute(forget_b).fetchone())
        window = (await store.load()).window(NOON, NOON + 10)
    assert window.models == ("a",)
    assert window.private_bytes.mean.tolist() == [[0] * 5 + [GIB] * 5]


async def test_a_newer_history_is_left_as_it_is(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of a newer version is not changed by a byte; the note says what to do; nothing is kept."""
    with monkeypatch.context() as newer:
        newer.setattr(history_file, "_UPGRADES", (*history_file._UPGRADES, ("CREATE TABLE more (a)",)))
        async with opened(path) as store:
            await record_seconds(store, NOON, 10)
    before = path.read_bytes()
    store = HistoryStore(path, clock=Clock())
    notes = await store.open()
    await record_seconds(store, NOON + 20, 10)
    assert len((await store.load()).window(NOON, NOON + 60).times) == 0
    await store.close()
    assert len(notes) == 1
    assert "newer version" in notes[0]
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["history.sqlite3"]


async def test_an_older_history_is_brought_up_to_date(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The steps that a file lacks are made, each once, and what was recorded stays."""
    async with opened(path) as store:
        await record_seconds(store, NOON, 10)
    more = (*history_file._UPGRADES, ("CREATE TABLE more (a)",), ("INSERT INTO more VALUES (7)",))
    monkeypatch.setattr(history_file, "_UPGRADES", more)
    for _ in range(2):
        async with opened(path) as store:
            assert len((await store.load()).window(NOON, NOON + 10).times) == 10
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT a FROM more").fetchall() == [(7,)]
        assert connection.execute("PRAGMA user_version").fetchone() == (3,)
    connection.close()


async def test_a_step_that_fails_leaves_the_older_history_whole(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step is made as a whole or not at all: after a failed one the older program reads the file."""
    async with opened(path) as store:
        await record_seconds(store, NOON, 10)
    with monkeypatch.context() as newer:
        step = ("CREATE TABLE more (a)", "INSERT INTO nowhere VALUES (7)")
        newer.setattr(history_file, "_UPGRADES", (*history_file._UPGRADES, step))
        store = HistoryStore(path, clock=Clock())
        assert len(await store.open()) == 1
        await store.close()
    async with opened(path) as store:
        assert len((await store.load()).window(NOON, NOON + 10).times) == 10


async def test_damage_while_the_program_runs_is_told_once_and_a_new_file_is_begun(path: Path) -> None:
    """When the file is destroyed under the running program it is set aside, and recording goes on."""
    reports: list[str] = []
    async with opened(path, report=reports.append) as store:
        # More than the cache of the connection holds, so that it has to read again.
        for begin in range(0, 3_600, 300):
            for second in range(begin, begin + 300):
                models = {f"model {each}": (GIB, 0) for each in range(15)}
                store.record(sample(NOON + second, {"a": (2 * GIB, 0), **models}), None)
            await store.flush()
        await store._in_thread(
            lambda: store._file._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        )
        size = path.stat().st_size
        assert size > MIB
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(os.urandom(size - 4096))
        for round in range(20):
            await record_seconds(store, NOON + 4_000 + round * 60, 60)
        history = await store.load()
    assert len(reports) == 1
    assert "history.sqlite3.bad" in reports[0]
    assert history.window(NOON + 4_000, NOON + 5_200).models == ("a",)
    async with opened(path) as store:
        assert (await store.load()).window(NOON + 4_100, NOON + 5_100).models == ("a",)


# --- a file that cannot be used --------------------------------------------------------------------------


async def assert_in_memory_only(path: Path) -> str:
    """The store opens with one note, takes samples and drops them; gives the note."""
    store = HistoryStore(path, clock=Clock())
    notes = await store.open()
    await record_seconds(store, NOON, 10)
    store.record_event(Event(NOON, "note"))
    assert len((await store.load()).window(NOON, NOON + 10).times) == 0
    await store.close()
    assert len(notes) == 1
    assert str(path) in notes[0]
    return notes[0]


async def test_a_locked_file_is_left_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another program holds the file nothing is kept, one note says so, and it is not disturbed."""
    monkeypatch.setattr(history_file, "_LOCK_PATIENCE_SECONDS", 0.05)
    async with opened(path) as store:
        await record_seconds(store, NOON, 10)
    program = """
        import sqlite3, sys
        connection = sqlite3.connect(sys.argv[1], isolation_level=None)
        connection.execute("BEGIN EXCLUSIVE")
        print("locked", flush=True)
        sys.stdin.readline()
        connection.execute("DELETE FROM event")
        connection.execute("COMMIT")
        print("done", flush=True)
    """
    with started(program, str(path)) as other:
        assert other.stdout.readline() == "locked\n"
        assert "locked" in await assert_in_memory_only(path)
        other.stdin.write("\n")
        other.stdin.flush()
        assert other.stdout.readline() == "done\n"
    async with opened(path) as store:
        assert len((await store.load()).window(NOON, NOON + 10).times) == 10


async def test_two_stores_do_not_write_the_same_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An open store keeps others out, also while it writes nothing."""
    monkeypatch.setattr(history_file, "_LOCK_PATIENCE_SECONDS", 0.05)
    async with opened(path):
        program = """
            import sqlite3, sys
            try:
                sqlite3.connect(sys.argv[1], timeout=0).execute("SELECT * FROM model").fetchall()
            except sqlite3.OperationalError as error:
                print(error)
        """
        with started(program, str(path)) as other:
            assert other.stdout.read() == "database is locked\n"
        assert "locked" in await assert_in_memory_only(path)


async def test_a_folder_in_the_place_of_the_file(path: Path) -> None:
    """A folder with the name of the file is left as it is."""
    path.mkdir(parents=True)
    (path / "something").touch()
    path.chmod(0o755)
    await assert_in_memory_only(path)
    assert [file.name for file in path.iterdir()] == ["something"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o755


async def test_a_file_in_the_place_of_the_data_folder(path: Path) -> None:
    """Where the data folder cannot be made the program runs without it."""
    path.parent.write_text("in the way")
    await assert_in_memory_only(path)


READ_ONLY = """
    import asyncio, os, sys
    from pathlib import Path
    sys.path[:0] = [sys.argv[2], sys.argv[2] + "/tests/service"]
    from test_history_store import *

    path = Path(sys.argv[1])
    write_history(path, 10)
    before = path.read_bytes()
    if os.getuid() == 0:
        # Root may write everything: go on as another user.
        os.chown(path, 65534, 65534)
        os.chown(path.parent, 65534, 65534)
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    if sys.argv[3] == "file":
        path.chmod(0o444)
    else:
        path.parent.chmod(0o500)
    print(asyncio.run(assert_in_memory_only(path)))
    assert path.read_bytes() == before
    print("unchanged")
"""


@pytest.mark.parametrize(("what", "named"), [("file", "history.sqlite3"), ("folder", "data")])
def test_a_history_that_may_not_be_written(what: str, named: str) -> None:
    """A file, or a folder, without the right to write is left as it is, and one note says so."""
    # Not in pytest's folder, which no other user may enter.
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        with started(READ_ONLY, f"{folder}/data/history.sqlite3", str(PROJECT), what) as child:
            note, unchanged = child.stdout.read().splitlines()
    assert f"the right to write {named} is missing" in note
    assert unchanged == "unchanged"


# --- a disk that is full ---------------------------------------------------------------------------------


async def let_grow(store: HistoryStore, pages: int) -> None:
    """Allow the open file that many pages, or as many as it has."""
    pragma = f"PRAGMA max_page_count = {pages}"
    await store._in_thread(lambda: store._file._connection.execute(pragma).fetchone())


async def test_a_full_file_is_told_once_and_nothing_is_lost(path: Path) -> None:
    """When SQLite says that there is no space, rows wait; when there is again, all of them are written."""
    reports: list[str] = []
    async with opened(path, report=reports.append) as store:
        await let_grow(store, 8)
        for begin in range(0, 600, 50):
            await record_seconds(store, NOON + begin, 50, f"model {begin}")
            store.record_event(Event(NOON + begin, "note"))
        assert len(reports) == 1
        assert "full" in reports[0]
        await let_grow(store, 100_000)
        history = await store.load()
        assert len(reports) == 1
        window = history.window(NOON, NOON + 600)
        assert len(window.times) == 600
        assert len(window.models) == 12
        assert (window.private_bytes.mean.sum(axis=0) == GIB).all()
        assert len(history.events(0, NOON + 600)) == 12
        # The next time it is told again.
        await let_grow(store, 1)
        for begin in range(1_000, 2_000, 200):
            await record_seconds(store, NOON + begin, 200)
        assert len(reports) == 2


async def test_a_row_that_could_not_be_written_gives_way_to_its_newer_self(path: Path) -> None:
    """A minute that was half over when its writing failed is written whole, with what came meanwhile."""
    reports: list[str] = []
    async with opened(path, report=reports.append) as store:
        await let_grow(store, 1)
        # Much else has to be written, so that it does not fit.
        for second in range(-500, 30):
            store.record(sample(NOON + second, {"a": (GIB, 0)}), None)
        answers = threading.Event()
        store._thread.submit(answers.wait)
        flushing = asyncio.create_task(store.flush())
        await asyncio.sleep(0)
        for second in range(30, 65):
            store.record(sample(NOON + second, {"a": (3 * GIB, 0)}), None)
        answers.set()
        await flushing
        assert len(reports) == 1
        await let_grow(store, 100_000)
        window = (await store.load()).window(NOON - 20 * DAY, NOON + 65, most_points=100_000)
    assert window.private_bytes.mean[0, -2] == 2 * GIB


def test_a_batch_is_written_as_a_whole_or_not_at_all(path: Path) -> None:
    """A batch with a fault leaves the file as it was, also what it had deleted; the next one is written."""
    ring_rows = RESOLUTIONS[0].ring_rows
    row = Row(NOON, 1, (1.0,) * MACHINE_FIGURES, {})
    earlier, later = (written_row(0, row._replace(slot=slot), {}) for slot in (NOON, NOON + ring_rows + 1))
    file = HistoryFile(path)
    try:
        file.write(Batch([earlier]), NOON)
        with pytest.raises(sqlite3.IntegrityError):
            file.write(Batch([later, later._replace(machine=None)]), NOON)
        assert [rows.slots.tolist() for rows in file.rows(0)] == [[NOON]]
        file.write(Batch([later]), NOON)
        assert [rows.slots.tolist() for rows in file.rows(0)] == [[NOON + ring_rows + 1]]
    finally:
        file.close()


async def test_what_waits_for_space_is_bounded(path: Path) -> None:
    """On a disk that stays full the newest rows wait, and no more than a fixed number of them."""
    async with opened(path) as store:
        await let_grow(store, 1)
        for begin in range(0, 6_000, 500):
            await record_seconds(store, NOON + begin, 500)
            for place in range(300):
                store.record_event(Event(NOON + begin + place, "note"))
        waiting = [len(rows) for rows in store._waiting]
        assert waiting[0] == 600
        assert max(waiting) == 600
        assert max(row.slot for row in store._waiting[0].values()) == NOON + 5_999
        assert len(store._events) == 1_000


FILE_SIZE_LIMIT = """
    import asyncio, resource, sys
    from pathlib import Path
    sys.path[:0] = [sys.argv[2], sys.argv[2] + "/tests/service"]
    from test_history_store import *

    async def main(path):
        reports = []
        async with opened(path, report=reports.append) as store:
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
            for begin in range(0, 500, 50):
                await record_seconds(store, NOON + begin, 50)
            assert len(reports) == 1, reports
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            await record_seconds(store, NOON + 500, 50)
        async with opened(path) as store:
            window = (await store.load()).window(NOON, NOON + 550)
            assert len(window.times) == 550
            assert (window.private_bytes.mean == GIB).all()
        print("all there")

    asyncio.run(main(Path(sys.argv[1])))
"""


def test_a_write_that_the_system_refuses_is_made_up_for(path: Path) -> None:
    """When the system really refuses to write, one note says so, and later everything is there."""
    with started(FILE_SIZE_LIMIT, str(path), str(PROJECT)) as child:
        assert child.stdout.read() == "all there\n"


# --- kill -9 ---------------------------------------------------------------------------------------------

RECORDER = """
    import asyncio, json, sys, time
    from pathlib import Path
    sys.path[:0] = [sys.argv[2], sys.argv[2] + "/tests/service"]
    from test_history_store import *

    async def main(path, second):
        store = HistoryStore(path, clock=lambda: second)
        print(json.dumps([*await store.open()]), flush=True)
        while True:
            for _ in range(7):
                store.record(sample(second, {"a": (second % 1_000 * MIB, GIB)}), 8 * GIB)
                second += 1
            store.record_event(Event(second, "note", text=str(second)))
            await store.flush()
            print(second, flush=True)

    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[3])))
"""


def test_it_survives_being_killed_twenty_times(path: Path) -> None:
    """After each kill -9 the file is sound and has all that was said to be written, each figure as it was."""
    begin = NOON
    for round in range(20):
        with started(RECORDER, str(path), str(PROJECT), str(begin)) as recorder:
            assert json.loads(recorder.stdout.readline()) == []
            # After another number of writes each time; where in the next one the kill hits is chance.
            said = [recorder.stdout.readline() for _ in range(1 + round * 7 % 23)]
            recorder.kill()
            end = int([*said, *recorder.stdout.readlines()][-1])
        asyncio.run(assert_recorded(path, begin, end))
        # The run may have written seven seconds more than it could say.
        begin = end + 7


async def assert_recorded(path: Path, begin: int, end: int) -> None:
    async with opened(path, end) as store:
        history = await store.load()
    window = history.window(begin, end - 1)
    points = {round(time - 0.5): place for place, time in enumerate(window.times.tolist())}
    for second in range(begin, end):
        place = points[second]
        assert window.private_bytes.mean[0, place] == second % 1_000 * MIB
        assert window.weights_bytes.mean[0, place] == GIB
    texts = [int(event.text) for event in history.events(begin + 1, end)]
    assert texts == list(range(begin + 7, end + 1, 7))


# --- other processes -------------------------------------------------------------------------------------


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
