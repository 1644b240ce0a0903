"""Real loads teach how long loads take; looking at files waits for nobody and keeps nobody waiting."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from llmmem_gui.core.warmth import ExpectedLoad, Warmth
from llmmem_gui.service import warmths
from llmmem_gui.service.storage.load_records import LoadRecords
from tests.made_up_models import Recipe, write_model
from tests.page_cache import evict
from tests.service.running_service import RunningService, running_service


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_model(tmp_path / "small.gguf", Recipe(vocabulary=2_000, layers=2))


@pytest.fixture
async def running(path: Path) -> AsyncIterator[RunningService]:
    async with running_service([path], kind=RunningService) as service:
        yield service


async def expected(running: RunningService) -> ExpectedLoad:
    """How the next load of the model would go, looked at now."""
    (model_id,) = running.models
    look = running.service.catalogue.warmths
    look._kept.clear()
    return (await look.expected_loads([model_id]))[model_id]


async def test_two_loads_teach_what_the_next_ones_take(path: Path, running: RunningService) -> None:
    """One from disk, one from memory: each tells of its like, and both are known after a new start."""
    service, (model_id,) = running.service, running.models
    evict(path)
    before = await expected(running)
    assert (before.warmth.is_cold, before.seconds) == (True, None)
    first = await service.load(model_id, actor="api")
    while_loaded = await expected(running)
    assert (while_loaded.warmth.is_warm, while_loaded.seconds) == (True, None)
    await service.unload(model_id, actor="api")
    second = await service.load(model_id, actor="api")
    assert first.load_seconds is not None
    assert second.load_seconds is not None
    quicker = min(first.load_seconds, second.load_seconds)
    assert (await expected(running)).seconds == quicker
    await service.unload(model_id, actor="api")
    evict(path)
    cold = await expected(running)
    assert cold.warmth == Warmth(path.stat().st_size, 0)
    # Reading takes some time in any case, also where a disk is so quick that the other load took longer.
    assert cold.seconds == pytest.approx(max(first.load_seconds, quicker + 0.001))
    folders_file = service.catalogue._records._path
    records = LoadRecords(folders_file)
    await running.until(
        lambda: len(service.catalogue.forecasts.past(model_id)) == 2 and folders_file.exists()
    )
    while len(records.records) < 2:
        records = LoadRecords(folders_file)
        records.load()
        await asyncio.sleep(0.01)
    assert [each.timed is not None and each.timed.warmth.is_cold for each in records.records] == [True, False]
    key = records.records[-1].key
    assert records.times.expected_seconds(key, cold.warmth) == pytest.approx(cold.seconds)


async def test_a_new_look_is_taken_after_a_moment_only(
    running: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clients that ask each second cost no more than one that asks now and then."""
    (model_id,) = running.models
    looked: list[Sequence[str]] = []
    monkeypatch.setattr(warmths, "warmth_of", lambda paths: looked.append(paths) or Warmth(10, 5))
    now = [100.0]
    look = running.service.catalogue.warmths
    monkeypatch.setattr(look, "_clock", lambda: now[0])
    for seconds in (0.0, 1.0, 3.9):
        now[0] += seconds
        (load,) = (await look.expected_loads([model_id, "nobody knows"])).values()
        assert load.warmth == Warmth(10, 5)
    assert len(looked) == 1
    now[0] += 0.2
    await look.expected_loads([model_id])
    assert len(looked) == 2


async def test_a_disk_that_does_not_answer_keeps_nobody_waiting(
    running: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The warmth is not known then, in bounded time and with one thread; a load begins all the same."""
    (model_id,) = running.models
    goes_on = threading.Event()
    looks: list[Sequence[str]] = []

    def hang(paths: Sequence[str]) -> None:
        looks.append(paths)
        goes_on.wait()

    monkeypatch.setattr(warmths, "warmth_of", hang)
    monkeypatch.setattr(warmths, "LONGEST_SECONDS", 0.05)
    look = running.service.catalogue.warmths
    try:
        for _ in range(3):
            assert await look.expected_loads([model_id]) == {}
        assert len(looks) == 1
        loaded = await running.service.load(model_id, actor="api")
        assert loaded.state.holds_host
    finally:
        goes_on.set()
        await asyncio.wait(set(look._looks))
    await running.service.unload(model_id, actor="api")


async def test_a_fault_in_looking_is_no_fault_of_the_load(
    running: RunningService, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, and the warmth is not known."""
    (model_id,) = running.models

    def fail(paths: Sequence[str]) -> None:
        raise RuntimeError("odd")

    monkeypatch.setattr(warmths, "warmth_of", fail)
    assert await running.service.catalogue.warmths.expected_loads([model_id]) == {}
    assert (await running.service.load(model_id, actor="api")).state.holds_host
    assert "could not be found out" in caplog.text
