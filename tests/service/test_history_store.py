"""The history on disk: it comes back, it stays small, and recording never waits."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import threading
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from llmmem_gui.core.activity_window import ActivityWindow
from llmmem_gui.core.events import Event
from llmmem_gui.core.history import History
from llmmem_gui.core.history_rows import (
    ACTIVITY_FIGURES,
    MACHINE_FIGURES,
    MODEL_ACTIVITY_FIGURES,
    MODEL_FIGURES,
    MOST_ACTIVE_MODELS,
    MOST_MODELS,
    RESOLUTIONS,
    Row,
)
from llmmem_gui.core.readings import ActivityReading, GpuReading, MachineReading, Sample
from llmmem_gui.core.sentence import Sentence, Size, verbatim
from llmmem_gui.core.units import GIB, MIB
from llmmem_gui.service.storage import history_file
from llmmem_gui.service.storage.history_file import Batch, HistoryFile, written_row
from llmmem_gui.service.storage.history_store import FLUSH_SECONDS, HistoryStore
from tests.service.history_stores import (
    DAY,
    HOUR,
    NOON,
    Clock,
    history_path,
    opened,
    record_seconds,
    sample,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the history is kept; neither the file nor its folder is there yet."""
    return history_path(tmp_path)


def active_sample(
    time: float,
    activity: Mapping[str, ActivityReading],
    *,
    swap: int = 0,
    gpu: int | None = None,
    some: float | None = None,
) -> Sample:
    """A sample of what models do, with the swap and the GPU memory in use and the share of time stalled."""
    machine = MachineReading(
        32 * GIB, 20 * GIB, swap_total_bytes=GIB, swap_free_bytes=GIB - swap, pressure_some_percent=some
    )
    gpus = () if gpu is None else (GpuReading("0000:01:00.0", "gpu", 8 * GIB, gpu),)
    return Sample(time, time, machine, gpus=gpus, activity=activity)


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


async def test_what_models_did_comes_back_after_a_restart(path: Path) -> None:
    """Tokens, requests, stalls, swap and GPU memory are the same after a restart, its own minute included."""
    expected = History()
    async with opened(path) as store:
        for second in range(-2_000, 30):
            busy = {"a": ActivityReading(1, second % 3, 9, 9.5 + second % 7)} if second % 100 < 40 else {}
            active = active_sample(NOON + second, busy, swap=second % 50 * MIB, gpu=GIB, some=second % 9)
            store.record(active, None)
            expected.append(active)
    async with opened(path) as store:
        history = await store.load()
        for each in (history, expected):
            each.append(active_sample(NOON + 31, {}, swap=0, gpu=GIB, some=0.5))
    for span in (60, HOUR, DAY, 7 * DAY):
        left, right = (each.activity(NOON - span, NOON + 32) for each in (history, expected))
        assert left.models == right.models == ("a",)
        for field in fields(ActivityWindow):
            if field.name not in ("models", "point_seconds"):
                np.testing.assert_allclose(getattr(left, field.name), getattr(right, field.name), rtol=1e-6)
    assert np.nanmax(left.tokens_per_second) == 15.5
    assert np.nanmax(left.waiting) == 2


async def test_rows_of_a_version_without_activity_stay_and_show_none(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory that an earlier version recorded comes back; what models did then is not known, and not zero."""
    with monkeypatch.context() as older:
        older.setattr(history_file, "_UPGRADES", history_file._UPGRADES[:2])
        older.setattr(HistoryFile, "_check_tables", lambda self: None)
        HistoryFile(path).close()
    of_row = written_row(0, Row(NOON, 1, (GIB,) * MACHINE_FIGURES, {"a": (GIB,) * MODEL_FIGURES}), {"a": 1})
    checksum = history_file._checksum(of_row.slot, of_row.machine, of_row.models, None)
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO model VALUES (1, ?, ?)", (b"a", NOON))
        connection.execute("INSERT INTO memory VALUES (?, ?, ?, ?, ?, ?)", (*of_row[:5], checksum))
    connection.close()
    async with opened(path) as store:
        store.record(active_sample(NOON + 1, {"a": ActivityReading(1, 0, 5, 5.0)}, some=0.0), None)
        history = await store.load()
    assert history.window(NOON, NOON + 2).private_bytes.mean.tolist() == [[GIB, 0]]
    activity = history.activity(NOON, NOON + 2)
    assert activity.times.tolist() == [NOON + 1.5]
    assert activity.tokens_per_second.tolist() == [[5.0]]


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
            Sentence("Event", "{model} gave {size} back").format(model="caf\udce9", size=Size(3)),
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
        store.record_event(Event(NOON, "note", text=verbatim("known")))
    with sqlite3.connect(path) as connection:
        for body in ('{"time": 1, "type": "model-praised"}', "{", "[]", '{"time": "noon", "type": "note"}'):
            connection.execute("INSERT INTO event (time, body) VALUES (?, ?)", (NOON, body))
    connection.close()
    async with opened(path) as store:
        assert [str(event.text) for event in (await store.load()).events(0, NOON + 1)] == ["known"]


# --- what is kept, and how long --------------------------------------------------------------------------


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
        store.record_event(Event(NOON, "note", text=verbatim("long ago")))
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
            store.record_event(Event(NOON + place, "note", text=verbatim(str(place))))
            if place % 30 == 0:
                await store.flush()
        await store.flush()
        found = (await store.load()).events(0, NOON + 1_000)
    assert [str(event.text) for event in found] == [str(place) for place in range(70, 120)]


async def test_events_of_one_model_are_found(path: Path) -> None:
    """What a model had a part in is found among others, also room made for it; the newest, oldest first."""
    happened = [
        Event(NOON, "model-loaded", "a"),
        Event(NOON + 1, "model-unloaded", "b", "make room", for_model="a"),
        Event(NOON + 2, "model-loaded", "b"),
        Event(NOON + 3, "model-unloaded", "a", "idle"),
    ]
    async with opened(path) as store:
        for event in happened:
            store.record_event(event)
        assert await store.events(10, "a") == [happened[0], happened[1], happened[3]]
        assert await store.events(2, "a") == [happened[1], happened[3]]
        assert await store.events(10) == happened
    assert await store.events(10) is None


def full_rings(models: int) -> Iterator[list[tuple[int, Row]]]:
    """All rows of a month of that many models at every resolution, some hundred at a time."""
    machine = (40.0 * GIB,) * MACHINE_FIGURES
    of_models = {f"model {place}": (40.0 * GIB,) * MODEL_FIGURES for place in range(models)}
    activity = (40.0 * GIB,) * ACTIVITY_FIGURES
    active = dict.fromkeys(list(of_models)[:MOST_ACTIVE_MODELS], (40.0,) * MODEL_ACTIVITY_FIGURES)
    for number, resolution in enumerate(RESOLUTIONS):
        first = NOON // resolution.row_seconds
        for begin in range(first, first + resolution.ring_rows, 300):
            slots = range(begin, begin + 300)
            yield [(number, Row(slot, 60, machine, of_models, activity, active)) for slot in slots]


def test_the_file_stays_under_its_bound(path: Path) -> None:
    """Months of as many models as have columns, after a month of one, never take 64 MiB with the log."""
    file = HistoryFile(path)
    largest = 0
    try:
        for models in (1, MOST_MODELS, MOST_MODELS // 2, MOST_MODELS):
            numbers = {f"model {place}": place + 1 for place in range(models)}
            for rows in full_rings(models):
                written = [written_row(number, row, numbers) for number, row in rows]
                events = [Event(NOON, "note", text=verbatim("x" * 500)) for _ in range(60)]
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
        rows = await store._in_thread(lambda: sum(len(memory.slots) for memory, _ in store._file.rows(0)))
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
