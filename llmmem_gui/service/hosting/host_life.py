"""The life of one host, from birth to receipt, as the service lives it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import msgspec

from llmmem_gui.core.cache_messages import (
    Beside,
    HostExited,
    HostFailed,
    HostReady,
    Message,
    StartHost,
    StopHost,
)
from llmmem_gui.core.engines import EngineUse
from llmmem_gui.core.events import UnloadReceipt
from llmmem_gui.core.measurement import Measurement
from llmmem_gui.core.protocol import Loaded
from llmmem_gui.core.readings import HostReading, MachineReading, main_memory_of, vram_of
from llmmem_gui.core.sentence import Models, Sentence
from llmmem_gui.core.warmth import TimedLoad, Warmth
from llmmem_gui.service.hosting.conversations import OpenConversations
from llmmem_gui.service.hosting.hosts import (
    ExitReport,
    Host,
    HostEndedError,
    HostError,
    HostStarter,
    LoadFailedError,
)
from llmmem_gui.service.sampling.gpus.gpus import Gpus
from llmmem_gui.service.sampling.machine_memory import MachineMemory
from llmmem_gui.service.sampling.process_memory import ProcessMemory, read_process_memory, start_time
from llmmem_gui.service.sampling.sampler import SampledHost
from llmmem_gui.service.supervision import Supervisor

log = logging.getLogger(__name__)

LONGEST_GPU_SECONDS = 2.0
"""A driver that takes longer to say what a process still holds has not said it."""

_NOTHING = ProcessMemory(0, 0)


@dataclass(frozen=True, slots=True)
class _Before:
    """What there was when the stop was decided."""

    at: float
    host: ProcessMemory
    vram_bytes: int
    machine: MachineReading


class HostLife:
    """Brings a host up, keeps it, and when it has to go measures what that gave back.

    Tells the cache by `tell`: that the model is ready or cannot be loaded, and last that the process is
    reaped. A receipt is handed to `deliver` when the end was asked for.
    """

    def __init__(
        self,
        start: StartHost,
        path: str,
        projector: str,
        hosts: HostStarter,
        *,
        threads: int,
        data_limit_bytes: int | None,
        load_timeout_seconds: float,
        engine: EngineUse | None,
        machine: MachineMemory,
        gpus: Gpus,
        tell: Callable[[Message], None],
        deliver: Callable[[UnloadReceipt], None],
        milder_helped: Callable[[Sequence[tuple[EngineUse, ExitReport]], EngineUse], None],
        conversations: Callable[[EngineUse], OpenConversations],
        warmth: Callable[[], Awaitable[Warmth | None]],
        timed: Callable[[TimedLoad], None],
        tasks: Supervisor,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`projector`: the file that reads images for the model; empty for none.

        `milder_helped` is told with what hosts crashed, how they ended, and what then worked instead.
        `conversations` gives those that were kept for loads with an engine, `warmth` how much of the model is
        in memory before it is loaded. `timed` is told how long a load took that went well at once.
        """
        self._conversations_with = conversations
        self.start = start
        self.host: Host | None = None
        self.loaded: Loaded | None = None
        self.peak = Measurement(0, 0, 0, 0, 0)
        """The most that the load took so far."""
        self.vram_is_known = True
        """No driver has refused to tell what the load took of a GPU."""
        self.timed: TimedLoad | None = None
        """How long the load took, once it is ready; None where that tells nothing about others."""
        self._warmth = warmth
        self._tell_time = timed
        self._was_read = False
        self._has_grown = False
        """It has a second context: what it takes from now on tells nothing about loads."""
        self._vram_bytes = 0
        """As last read, what unified GPUs work in included: forecasts count it so, too."""
        self._path = path
        self._projector = projector
        self._hosts = hosts
        self._threads = threads
        self._data_limit_bytes = data_limit_bytes
        self._load_timeout_seconds = load_timeout_seconds
        self._machine = machine
        self._gpus = gpus
        self._tell = tell
        self._deliver = deliver
        self._tasks = tasks
        self._clock = clock
        self._started: float | None = None
        """When its process began; None before it is born."""
        self._milder_helped = milder_helped
        self._libraries_bytes = 0
        """Mapped bytes of the program itself, there before the model was."""
        self.engine = engine
        """What to compute with; None: the engine in use."""
        self._stop: StopHost | None = None
        self._before: _Before | None = None

    def observe(self, reading: HostReading) -> None:
        """Take in a reading of the host; the largest is what the load took.

        While it loads more is resident than later, so that only readings that were begun after that count:
        from the second one on.
        """
        if reading.vram_bytes is not None:
            self._vram_bytes = reading.vram_bytes + reading.unified_bytes
        if self.loaded is None or not self._was_read:
            self._was_read = self.loaded is not None
            return
        if not self._has_grown:
            self.vram_is_known = self.vram_is_known and reading.vram_bytes is not None
        vram_bytes = (reading.vram_bytes or 0) + reading.unified_bytes
        self._raise_peak(reading.private_bytes - reading.unified_bytes, reading.weights_bytes, vram_bytes)

    def _raise_peak(self, private_bytes: int, mapped_bytes: int, vram_bytes: int) -> None:
        if self.loaded is None or self._has_grown:
            return
        peak = self.peak
        self.peak = msgspec.structs.replace(
            peak,
            private_bytes=max(peak.private_bytes, private_bytes),
            mapped_bytes=max(peak.mapped_bytes, mapped_bytes),
            vram_bytes=max(peak.vram_bytes, vram_bytes),
        )

    def answered(self, prompt_tokens: int, filled_tokens: int) -> None:
        """Take in how much of the context an answer filled."""
        if self._has_grown:
            return
        peak = self.peak
        self.peak = msgspec.structs.replace(
            peak,
            filled_tokens=max(peak.filled_tokens, filled_tokens),
            prompt_tokens=max(peak.prompt_tokens, prompt_tokens),
        )

    @property
    def sampled(self) -> SampledHost | None:
        """What the sampler needs to read it; None before it is born."""
        if self.host is None or self._started is None:
            return None
        return SampledHost(self.host.pid, self._not_its_own(self.host), self._started)

    def is_of(self, reading: HostReading) -> bool:
        """Whether that is a reading of this host's process, and not of one before it."""
        return (reading.pid, reading.started) == (self.pid, self._started)

    @property
    def pid(self) -> int | None:
        """Process id, once born."""
        return None if self.host is None else self.host.pid

    async def run(self) -> None:
        """Live until the process is reaped."""
        model_id, number = self.start.model_id, self.start.host
        reason: Sentence | None = None
        crashes: list[tuple[EngineUse, ExitReport]] = []
        try:
            warmth = await self._warmth()
            host = self.host = await self._birth(self.engine)
            while self._stop is None:
                try:
                    self.loaded = await self._load(host)
                except LoadFailedError as failure:
                    milder = self._milder_after(failure)
                    if milder is None or self._stop is not None:
                        raise
                    await host.exited
                    log.info(
                        "%s crashed with %s and is loaded with %s", model_id, host.engine.key, milder.key
                    )
                    crashes.append((host.engine, host.exited.result()))
                    host = self.host = await self._birth(milder)
                else:
                    if crashes:
                        self._milder_helped(crashes, host.engine)
                    elif warmth is not None:
                        self.timed = TimedLoad(warmth, self.loaded.seconds)
                        self._tell_time(self.timed)
                    self._tell(HostReady(model_id, number, self.loaded.context, self.loaded.seconds))
                    break
            else:
                host.kill()  # it was cancelled before it was born
        except HostError as failure:
            reason = failure.sentence
            if self.host is None:
                await self._finish(reason)
                return
            self._tell(HostFailed(model_id, number, reason))
        report = await self.host.exited
        ended = Sentence("Host", "The host of {model} {reason}.")
        await self._finish(reason or ended.format(model=Models((model_id,)), reason=report.reason))

    async def _birth(self, engine: EngineUse | None) -> Host:
        host = await self._hosts.birth(engine, gpu=self.start.parameters.gpu_layers != 0)
        self._started = start_time(host.pid)
        self._libraries_bytes = (read_process_memory(host.pid) or _NOTHING).mapped_bytes
        return host

    async def _load(self, host: Host) -> Loaded:
        conversations = self._conversations_with(host.engine)
        host.exited.add_done_callback(lambda _: conversations.finish(is_whole=host.has_kept))
        return await host.load(
            self._path,
            self.start.parameters,
            self._threads,
            # What conversations take is bounded by itself.
            self._data_limit_bytes and self._data_limit_bytes + conversations.told.memory_bytes,
            self._load_timeout_seconds,
            conversations.told,
            self._projector,
        )

    def _milder_after(self, failure: LoadFailedError) -> EngineUse | None:
        """How to try the load again that has just failed; None when that would not help."""
        ended = failure.__cause__
        if self.host is None or not isinstance(ended, HostEndedError) or not ended.report.is_crash:
            return None
        return self._hosts.choice.milder_than(self.host.engine)

    def grow(self, beside: Beside) -> None:
        """Let the host have a second context."""
        self._read_now()
        self._has_grown = True
        if self.host is not None:
            added_bytes = beside.charge.private_bytes if self._data_limit_bytes else 0
            self.host.grow(beside.parameters, added_bytes)

    def _read_now(self) -> ProcessMemory:
        """What the host holds of main memory at this moment, which counts for the peak."""
        host = self.host
        now = read_process_memory(host.pid) if host is not None else None
        held = now.since(self._not_its_own(host)) if now and host else _NOTHING
        self._raise_peak(held.private_bytes, held.mapped_bytes, 0)
        return held

    def stop(self, stop: StopHost) -> None:
        """End the host; `run` returns when it is reaped."""
        self._stop = stop
        host = self.host
        machine = self._machine.read()
        self._before = _Before(self._clock(), self._read_now(), self._vram_bytes, machine)
        if host is None:
            return
        if stop.at_once:
            host.kill()
        else:
            self._tasks.run(f"the stop of {self.start.model_id}", self._ask_to_end(host))

    def kill(self) -> None:
        """End the process at once, if there is one; `run` returns when it is reaped."""
        if self.host is not None:
            self.host.kill()

    async def end(self) -> None:
        """End the process at once and wait until it is reaped: for when `run` has failed."""
        self.kill()
        if self.host is not None:
            await self.host.exited

    @staticmethod
    async def _ask_to_end(host: Host) -> None:
        await host.stop()

    def _not_its_own(self, host: Host) -> ProcessMemory:
        """What the process holds that is not the model's: pages shared with the nursery, libraries."""
        return ProcessMemory(host.shared_bytes, self._libraries_bytes)

    def _still_held_bytes(self) -> int:
        """What the process holds now; its number may be another's by then."""
        host = self.host
        if host is None or start_time(host.pid) != self._started:
            return 0
        now = read_process_memory(host.pid)
        return 0 if now is None else now.since(self._not_its_own(host)).private_bytes

    async def _vram_given_back_bytes(self, before_bytes: int) -> int:
        """What the process holds less on GPUs than before; 0 where no driver says so."""
        if self.host is None or before_bytes == 0:
            return 0
        try:
            # In a thread, and for so long: a driver may hang.
            reading = asyncio.to_thread(self._gpus.read, (self.host.pid,))
            gpus = await asyncio.wait_for(reading, LONGEST_GPU_SECONDS)
        except asyncio.TimeoutError:
            return 0
        held = vram_of(gpus, (self.host.pid,))
        unified = main_memory_of((gpu for gpu in gpus if gpu.unified), (self.host.pid,))
        return 0 if held is None else max(0, before_bytes - held - unified)

    async def _finish(self, reason: Sentence) -> None:
        stop, before = self._stop, self._before
        if stop is not None and before is not None:
            machine, held = self._machine.read(), self._still_held_bytes()
            given_back = max(0, before.host.private_bytes - held)
            seconds = self._clock() - before.at
            receipt = UnloadReceipt(
                model_id=self.start.model_id,
                given_back_bytes=given_back + await self._vram_given_back_bytes(before.vram_bytes),
                private_before_bytes=before.host.private_bytes,
                weights_before_bytes=before.host.mapped_bytes,
                vram_before_bytes=before.vram_bytes,
                available_change_bytes=machine.available_bytes - before.machine.available_bytes,
                machine_given_back_bytes=_less(before.machine.private_bytes, machine.private_bytes),
                seconds=seconds,
                cause=stop.cause,
                actor=stop.actor,
            )
            self._deliver(receipt)
        self._tell(HostExited(self.start.model_id, self.start.host, reason))


def _less(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else before - after
