"""A world around the service in which anything may fail, on a clock that the test moves.

The service, its cache, the lives of hosts, the library and all files are real. Made up are the processes of
hosts, what is measured of them, and time: it passes when a test says so, and no thread runs.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
import selectors
from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from llmmem_gui.core import protocol
from llmmem_gui.core.engines import EngineUse
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.protocol import Answered, Conversations, Dozed, Loaded
from llmmem_gui.core.readings import HostReading, MachineReading, Sample
from llmmem_gui.core.sentence import verbatim
from llmmem_gui.core.snapshot import State
from llmmem_gui.core.units import GIB
from llmmem_gui.folders import Folders
from llmmem_gui.service.command_error import CommandError
from llmmem_gui.service.hosting import host_life
from llmmem_gui.service.hosting.engine_choice import EngineChoice
from llmmem_gui.service.hosting.host import (
    STOP_SECONDS,
    AskFailedError,
    HostAnswer,
    HostEndedError,
    HostError,
    LoadFailedError,
)
from llmmem_gui.service.hosting.host_exit import ExitReport
from llmmem_gui.service.hosting.rehearsals import RehearsalError, Rehearsals
from llmmem_gui.service.memory_service import MemoryService
from llmmem_gui.service.publisher import Fact
from llmmem_gui.service.sampling.process_memory import ProcessMemory
from llmmem_gui.service.sampling.sampler import SampledHost
from llmmem_gui.service.storage import durable_file
from llmmem_gui.service.storage.settings_file import SettingsFile
from tests.hostile_gguf import RECIPE
from tests.made_up_models import write_model

ENGINE = EngineUse("", "made up", "0.0.0")
MACHINE_BYTES = 64 * GIB
PATIENCE_SECONDS = 60.0
"""Of a request that waits for its model, and of the service with a load."""


class _JumpingSelector(selectors.DefaultSelector):
    """Waits for nothing: time jumps to when something is due."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 10_000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "everybody waits for somebody else, for ever"
            self.now += max(0.0, timeout)
        return ready


class WorldLoop(asyncio.SelectorEventLoop):
    """An event loop on a clock of its own; what would run in a thread runs in it, and its end comes late."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)
        self.delay_of: Callable[[Callable[..., Any]], float] = lambda work: 0.0

    def time(self) -> float:
        return self._jumping.now

    def jump(self, seconds: float) -> None:
        """Let time pass in which nothing of the program ran."""
        self._jumping.now += seconds

    def run_in_executor(self, executor: Any, work: Callable[..., Any], *arguments: Any) -> Any:
        ended = self.create_future()
        try:
            result, error = work(*arguments), None
        except Exception as failure:  # noqa: BLE001 - it belongs to whoever awaits the work
            result, error = None, failure

        def end() -> None:
            if not ended.cancelled():
                ended.set_exception(error) if error is not None else ended.set_result(result)

        self.call_later(self.delay_of(work), end)
        return ended


@dataclass
class Fate:
    """What becomes of the next host: nothing bad, unless it says so."""

    birth: Exception | None = None
    load_seconds: float = 1.0
    load_fails: bool = False
    load_raises: Exception | None = None
    takes: float = 1.0
    """Of its forecast."""
    answer_seconds: float = 1.0
    answer_fails: bool = False
    doze_seconds: float = 2.0
    ignores_stop: bool = False


class WorldHost:
    """A host whose process is a few numbers; it does what a `Host` does."""

    def __init__(self, world: World, pid: int, fate: Fate) -> None:
        self.pid = pid
        self.started = world.loop.time()
        self.engine = ENGINE
        self.private_bytes = self.weights_bytes = self.shared_bytes = 0
        self.exited: asyncio.Future[ExitReport] = world.loop.create_future()
        self.has_kept = False
        self._world = world
        self._fate = fate
        self._answers: list[HostAnswer] = []
        self._asked = itertools.count(1)

    async def load(
        self,
        path: Path | str,
        parameters: LoadParameters,
        threads: int,
        data_limit_bytes: int | None = None,
        deadline_seconds: float | None = None,
        conversations: Conversations | None = None,
        projector: Path | str | None = None,
    ) -> Loaded:
        assert deadline_seconds is not None
        fate, file = self._fate, self._world.service.catalogue.find(os.fspath(path))
        if fate.load_raises is not None:
            raise fate.load_raises
        forecast = file and self._world.service.catalogue.forecasts.instant(file, parameters)
        if not os.path.exists(path) or not forecast or fate.load_fails:
            self._world.loop.call_later(0.1, self.die, 0)
            raise LoadFailedError(verbatim("bad file"))
        self.private_bytes = int(forecast.private_bytes * fate.takes) // 2
        await self._pass(min(fate.load_seconds, deadline_seconds))
        if fate.load_seconds > deadline_seconds:
            self.kill()
            raise LoadFailedError(verbatim("too late"))
        self.private_bytes = int(forecast.private_bytes * fate.takes)
        self.weights_bytes = forecast.mapped_bytes
        return Loaded(parameters.context, fate.load_seconds, "0.0.0", (), False, 64, 100, 4096, 1, 0)

    def ask(
        self, operation: protocol.Operation, arguments: dict[str, Any], alone: bool = False, client: str = ""
    ) -> HostAnswer:
        ask = protocol.Ask(next(self._asked), operation, arguments, alone)
        answer = HostAnswer(self, ask)  # type: ignore[arg-type]
        answer._has_begun = True
        self._answers.append(answer)
        if self.exited.done():
            self._end(answer, HostEndedError(self.exited.result()))
        self._world.loop.call_later(self._fate.answer_seconds, self._finish, answer)
        return answer

    async def doze(self) -> Dozed:
        before = self.weights_bytes
        await self._pass(self._fate.doze_seconds)
        self.weights_bytes = 0
        return Dozed(before, 0, self._fate.doze_seconds)

    async def stop(self, grace_seconds: float = STOP_SECONDS) -> ExitReport:
        if self._fate.ignores_stop:
            self._world.loop.call_later(grace_seconds, self.kill)
        else:
            self._world.loop.call_later(0.1, self.die, 0)
        return await asyncio.shield(self.exited)

    def kill(self, reason: object = None) -> None:
        self._world.loop.call_later(0.05, self.die, -9)

    def set_threads(self, threads: int) -> None:
        pass

    def grow(self, parameters: LoadParameters, added_bytes: int) -> None:
        self.private_bytes += added_bytes // 2

    def die(self, code: int) -> None:
        """The process ends, and is reaped."""
        if self.exited.done():
            return
        self._world.alive.discard(self)
        report = ExitReport(self.pid, code, code == 0, verbatim("ended"), "")
        self.exited.set_result(report)
        for answer in list(self._answers):
            answer.had_company = len(self._answers) > 1
        for answer in list(self._answers):
            self._end(answer, HostEndedError(report))

    def _cancel(self, answer: HostAnswer) -> None:
        self._world.loop.call_later(0.01, self._finish, answer)

    def _finish(self, answer: HostAnswer) -> None:
        failed = AskFailedError(verbatim("no such template"))
        well = Answered(answer.number, {"choices": []}, 1, 1, 1.0, 0.1, 0)
        self._end(answer, failed if self._fate.answer_fails else well)

    def _end(self, answer: HostAnswer, result: Answered | HostError) -> None:
        if answer in self._answers:
            self._answers.remove(answer)
            answer._end(result)

    async def _pass(self, seconds: float) -> None:
        await asyncio.wait({self.exited}, timeout=seconds)
        if self.exited.done():
            raise HostEndedError(self.exited.result())


class WorldHosts:
    """Where the hosts of this world come from, as a `HostStarter`."""

    nursery_pid = None

    def __init__(self, world: World) -> None:
        self.choice = EngineChoice((ENGINE,))
        self._world = world

    async def birth(self, engine: EngineUse | None = None, *, gpu: bool = False) -> WorldHost:
        await asyncio.sleep(0.02)
        world, fate = self._world, self._world.take_fate()
        if fate.birth is not None:
            raise fate.birth
        host = WorldHost(world, next(world.pids), fate)
        world.alive.add(host)
        return host

    def rest_if_unused(self, now: float) -> None:
        pass

    async def close(self, grace_seconds: float = STOP_SECONDS) -> None:
        await asyncio.gather(*(host.stop(grace_seconds) for host in self._world.alive))


class WorldSampler:
    """Measures the hosts of this world; it may fail, and what it says may come late."""

    def __init__(self, world: World) -> None:
        self.error: Exception | None = None
        self.late_seconds = 0.0
        self.slept_seconds = 0.0
        self.vram_bytes: int | None = 0
        self.others_bytes = 0
        self._world = world

    def sample(
        self, hosts: Mapping[str, SampledHost], nursery_pid: int | None = None, others: Collection[int] = ()
    ) -> Sample:
        if self.error is not None:
            raise self.error
        now = self._world.loop.time()
        by_pid = {host.pid: host for host in self._world.alive}
        readings = {
            model: HostReading(
                seen.pid, host.private_bytes, host.weights_bytes, self.vram_bytes, host.started, now
            )
            for model, seen in hosts.items()
            if (host := by_pid.get(seen.pid)) is not None
        }
        used = sum(host.private_bytes for host in self._world.alive)
        machine = MachineReading(MACHINE_BYTES, max(0, MACHINE_BYTES - self.others_bytes - used))
        slept, self.slept_seconds = self.slept_seconds, 0.0
        return Sample(now, now, machine, readings, slept_seconds=slept)

    def close(self) -> None:
        pass


class World:
    """A service with some models, and everything that may go wrong for it."""

    def __init__(self, home: Path, interval_seconds: float = 1.0, models: str = "abc") -> None:
        """`models` are their names, a letter each."""
        self.loop = WorldLoop()
        self.pids = itertools.count(1_000_000)
        self.alive: set[WorldHost] = set()
        self.fates: list[Fate] = []
        self.facts: list[Fact] = []
        self.requests: list[asyncio.Task[object]] = []
        self.disk_is_full = False
        self.listener_fails = False
        self.sampler = WorldSampler(self)
        self.models = home / "models"
        self.models.mkdir(parents=True)
        for place, name in enumerate(models):
            write_model(self.models / f"{name}.gguf", RECIPE.but(layers=place + 1))
        folders = Folders(home / "config", home / "data", home / "state", home / "runtime")
        folders.create()
        self._patches = [
            mock.patch.object(host_life, "start_time", self._start_time),
            mock.patch.object(host_life, "read_process_memory", self._memory),
            mock.patch.object(durable_file.os, "fsync", self._fsync),
            mock.patch.object(Rehearsals, "forecast", self._no_rehearsal),
        ]
        for patch in self._patches:
            patch.start()
        file = SettingsFile(folders.settings_file)
        file.settings = file.settings.with_values(
            {
                "monitoring.interval_seconds": interval_seconds,
                "loading.load_timeout_seconds": PATIENCE_SECONDS,
                "api.queue_seconds": PATIENCE_SECONDS,
                "library.search_known_folders": False,
                "library.folders": (str(self.models),),
            }
        )
        self.service = MemoryService(
            folders,
            file,
            WorldHosts(self),  # type: ignore[arg-type]
            sampler=self.sampler,  # type: ignore[arg-type]
            clock=self.loop.time,
        )
        self.driver = self.service._driver
        # What the kernel and the engines of this machine would add is of another world.
        self.service._watch.open = lambda: None  # type: ignore[method-assign]
        self.service.engines.start = lambda *_: None  # type: ignore[method-assign]
        self.service.subscribe(self._listen)
        self.service.subscribe(self.facts.append)
        self.loop.delay_of = self._delay_of
        self.run(self.service.start())
        self.pass_time(1.0)

    # --- time ----------------------------------------------------------------------------------------

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Let the world go on until the work has ended."""
        return self.loop.run_until_complete(work)

    def pass_time(self, seconds: float) -> None:
        """Let the world go on for so long."""
        self.run(asyncio.sleep(seconds))

    def close(self) -> None:
        """End the service as a program does; the world is gone afterwards."""
        try:
            self.run(self.service.close())
            self.run(asyncio.sleep(0))
            assert asyncio.all_tasks(self.loop) == set()
        finally:
            for patch in self._patches:
                patch.stop()
            self.loop.close()

    # --- faults --------------------------------------------------------------------------------------

    def take_fate(self) -> Fate:
        """What becomes of the host that is born now."""
        return self.fates.pop(0) if self.fates else Fate()

    def _delay_of(self, work: Callable[..., Any]) -> float:
        return self.sampler.late_seconds if work == self.sampler.sample else 0.001

    def _listen(self, fact: Fact) -> None:
        if self.listener_fails:
            raise RuntimeError("a listener fails")

    def _fsync(self, descriptor: int) -> None:
        if self.disk_is_full:
            raise OSError(errno.ENOSPC, "No space left on device")

    async def _no_rehearsal(self, *_: object) -> None:
        raise RehearsalError(verbatim("no engine"))

    def _host(self, pid: int) -> WorldHost | None:
        return next((host for host in self.alive if host.pid == pid), None)

    def _start_time(self, pid: int) -> float | None:
        host = self._host(pid)
        return None if host is None else host.started

    def _memory(self, pid: int) -> ProcessMemory | None:
        host = self._host(pid)
        return None if host is None else ProcessMemory(host.private_bytes, host.weights_bytes)

    # --- requests ------------------------------------------------------------------------------------

    def begin(self, work: Coroutine[Any, Any, object]) -> asyncio.Task[object]:
        """Begin a request; it has to end with an answer or a refusal, sooner or later."""
        task = self.loop.create_task(self._answered(work))
        self.requests.append(task)
        return task

    async def _answered(self, work: Coroutine[Any, Any, object]) -> object:
        try:
            return await work
        except CommandError as refusal:
            return refusal

    async def ask(self, model: str) -> object:
        """A request as the API makes it."""
        answer = self.service.ask(model, "completion", {"prompt": "x"}, actor="api")
        return [payload async for payload in answer]

    # --- what must hold --------------------------------------------------------------------------------

    def check(self) -> None:
        """What is true at any moment, whatever goes wrong."""
        snapshot = self.service.snapshot
        shown = {model.id for model in snapshot.models}
        held = {entry.model_id for entry in self.driver.cache.entries if entry.state.holds_host}
        assert held <= shown, f"{held - shown} hold memory and have no row"
        for entry in self.driver.cache.entries:
            if entry.state.holds_host:
                assert entry.host in self.driver._lives, f"{entry.model_id} has no life"
        self._check_charges()
        for tasks in (self.service._tasks, self.driver._tasks):
            assert not tasks.failures, tasks.failures
        for request in self.requests:
            if request.done() and not request.cancelled() and (error := request.exception()):
                raise AssertionError("a request ended neither with an answer nor a refusal") from error

    def check_rest(self) -> None:
        """What is true when nobody asks for anything any more and everything behaves."""
        assert not self.driver.cache.open_tickets
        states = {entry.state for entry in self.driver.cache.entries}
        assert states <= {State.UNLOADED, State.FAILED, State.READY, State.DOZING}, states
        private = {model.pid: model.private_bytes for model in self.service.snapshot.models if model.pid}
        assert private == {host.pid: host.private_bytes for host in self.alive}

    def _check_charges(self) -> None:
        snapshot = self.service.snapshot
        limit = snapshot.bounds.total_limit_bytes
        going = any(entry.state is State.UNLOADING for entry in self.driver.cache.entries)
        if limit is None or going:
            return
        # What a host takes beyond what it was let in by is known with the next reading, and not before. That
        # may have been the formula, and the dry run, which came meanwhile, says more.
        error = 0
        for entry in self.driver.cache.entries:
            life = self.driver._lives.get(entry.host)
            if life is not None and entry.asked is not None and (host := life.host) in self.alive:
                error += max(0, host.private_bytes + host.weights_bytes - entry.asked.total_bytes)
        assert snapshot.charged_bytes <= limit + error, (snapshot.charged_bytes, limit, error)
