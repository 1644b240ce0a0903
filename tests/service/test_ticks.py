"""Ticks that fail: told, counted, and followed by the next one, while limits hold."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping

import httpx
import pytest

from llmmem_gui.core.events import Event
from llmmem_gui.core.readings import Sample
from llmmem_gui.core.snapshot import CacheSnapshot
from llmmem_gui.folders import Folders
from llmmem_gui.service.hosting.hosts import HostStarter
from llmmem_gui.service.http.api import HttpApi
from llmmem_gui.service.memory_service import MemoryService
from llmmem_gui.service.publisher import Fact
from llmmem_gui.service.sampling import ticks
from llmmem_gui.service.sampling.sampler import SampledHost, Sampler
from llmmem_gui.service.storage.history_store import HistoryStore
from llmmem_gui.service.storage.settings_file import SettingsFile


class FailingSampler(Sampler):
    """The real sampler, until it is told to fail or to hang."""

    def __init__(self) -> None:
        super().__init__()
        self.error: Exception | None = None
        self.hangs: threading.Event | None = None

    def sample(
        self,
        hosts: Mapping[str, SampledHost],
        nursery_pid: int | None = None,
        others: Collection[int] = (),
    ) -> Sample:
        if self.hangs is not None:
            self.hangs.wait()
        if self.error is not None:
            raise self.error
        return super().sample(hosts, nursery_pid)


class Running:
    """A service with that sampler, and what it told."""

    def __init__(self, service: MemoryService, sampler: FailingSampler) -> None:
        self.service = service
        self.sampler = sampler
        self.facts: list[Fact] = []
        service.subscribe(self.facts.append)

    def told(self, kind: type) -> int:
        return sum(isinstance(fact, kind) for fact in self.facts)

    def events(self, kind: str) -> list[Event]:
        return [fact for fact in self.facts if isinstance(fact, Event) and fact.type == kind]

    async def samples(self, number: int) -> None:
        """Wait for so many further samples."""
        wanted = self.told(Sample) + number
        await self._until(lambda: self.told(Sample) >= wanted)

    async def failures(self, number: int) -> None:
        """Wait for so many further failures."""
        wanted = self.service.snapshot.sampling.failures + number
        await self._until(lambda: self.service.snapshot.sampling.failures >= wanted)

    @staticmethod
    async def _until(condition: Callable[[], bool]) -> None:
        """Wait for it; fails where nothing comes any more."""
        deadline = time.monotonic() + 120
        while not condition():
            assert time.monotonic() < deadline, "the ticks have ended"
            await asyncio.sleep(0.01)


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    folders = Folders.of_user()
    folders.create()
    file = SettingsFile(folders.settings_file)
    file.settings = file.settings.with_value("monitoring.interval_seconds", 0.25).with_value(
        "library.search_known_folders", False
    )
    sampler = FailingSampler()
    service = MemoryService(folders, file, HostStarter.spawn(with_nursery=False), sampler=sampler)
    running = Running(service, sampler)
    yield running
    sampler.error = None
    if sampler.hangs is not None:
        sampler.hangs.set()
    await service.close()


async def test_a_tick_that_fails_is_told_and_the_next_one_comes(running: Running) -> None:
    """The snapshot says since when and why, one event begins it and one ends it."""
    await running.service.start()
    await running.samples(1)
    running.sampler.error = RuntimeError("GPU is lost")
    await running.failures(3)
    health = running.service.snapshot.sampling
    assert health.failed_since is not None
    assert str(health.reason) == "GPU is lost"
    shown = [fact for fact in running.facts if isinstance(fact, CacheSnapshot)][-1]
    assert shown.sampling.failed_since == health.failed_since
    running.sampler.error = None
    await running.samples(2)
    assert running.service.snapshot.sampling.failed_since is None
    assert running.service.snapshot.sampling.failures >= 3
    (began,), (ended,) = running.events("sampling-failed"), running.events("sampling-resumed")
    assert "GPU is lost" in str(began.text)
    assert ended.numbers["seconds"] == ended.time - began.time


async def test_a_service_starts_although_nothing_can_be_measured(running: Running) -> None:
    """The limits in force are those of the machine that the system knows of."""
    running.sampler.error = OSError("no /proc")
    await running.service.start()
    limit = running.service.snapshot.bounds.total_limit_bytes
    assert limit is not None
    assert limit > 0
    assert running.service.snapshot.sampling.failed_since is not None


async def test_a_sample_that_hangs_counts_as_failed_and_is_not_begun_twice(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tick ends in bounded time; when the reading comes back, samples go on."""
    await running.service.start()
    await running.samples(1)
    monkeypatch.setattr(ticks, "LONGEST_SECONDS", 0.05)
    running.sampler.hangs = threading.Event()
    threads = threading.active_count()
    await running.failures(3)
    assert "takes longer" in str(running.service.snapshot.sampling.reason)
    assert threading.active_count() <= threads + 1
    monkeypatch.undo()
    held, running.sampler.hangs = running.sampler.hangs, None
    held.set()
    await running.samples(2)
    assert running.service.snapshot.sampling.failed_since is None


async def test_a_listener_and_a_warning_that_fail_do_not_end_ticks(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever part of a tick raises, the next one comes."""
    await running.service.start()

    def fail(*_: object) -> list[Event]:
        raise KeyError("warnings")

    monkeypatch.setattr(running.service._watch, "events", fail)
    await running.failures(2)
    monkeypatch.undo()
    await running.samples(2)
    assert running.service.snapshot.sampling.failed_since is None


async def test_health_and_metrics_say_that_sampling_fails_and_since_when(running: Running) -> None:
    """Programs that watch the program learn it as people do."""
    await running.service.start()
    api = HttpApi(running.service, "token", HistoryStore(Folders.of_user().history_file))
    await api.start(0)
    try:
        async with httpx.AsyncClient(base_url=api.url, headers={"Authorization": "Bearer token"}) as client:
            in_order = (await client.get("/health")).json()
            running.sampler.error = RuntimeError("GPU is lost")
            await running.failures(1)
            health = (await client.get("/health")).json()
            metrics = (await client.get("/metrics")).text
    finally:
        await api.close()
    assert in_order["status"] == "ok"
    assert health["status"] == "sampling failed"
    assert health["sampling_error"] == "GPU is lost"
    assert health["sampling_failed_since"].endswith("Z")
    assert "\nllmmem_sampling_failures_total " in metrics
    assert "\nllmmem_sampling_failed_since_timestamp_seconds " in metrics
