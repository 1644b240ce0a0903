"""The life of one host, from birth to receipt, as the service lives it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from llmmem_gui.core.cache_messages import HostExited, HostFailed, HostReady, Message, StartHost, StopHost
from llmmem_gui.core.events import Receipt
from llmmem_gui.core.measurement import Measurement
from llmmem_gui.core.protocol import Loaded
from llmmem_gui.core.readings import HostReading
from llmmem_gui.core.sentence import Sentence
from llmmem_gui.service.hosting.hosts import Host, HostError, HostStarter
from llmmem_gui.service.sampling.machine_memory import MachineMemory
from llmmem_gui.service.sampling.process_memory import ProcessMemory, read_process_memory
from llmmem_gui.service.sampling.sampler import SampledHost

_NOTHING = ProcessMemory(0, 0)


@dataclass(frozen=True, slots=True)
class _Before:
    """What there was when the stop was decided."""

    at: float
    host: ProcessMemory
    available_bytes: int


class HostLife:
    """Brings a host up, keeps it, and when it has to go measures what that gave back.

    Tells the cache by `tell`: that the model is ready or cannot be loaded, and last that the process is
    reaped. A receipt is handed to `deliver` when the end was asked for.
    """

    def __init__(
        self,
        start: StartHost,
        path: str,
        hosts: HostStarter,
        *,
        threads: int,
        data_limit_bytes: int | None,
        load_timeout_seconds: float,
        machine: MachineMemory,
        tell: Callable[[Message], None],
        deliver: Callable[[Receipt], None],
    ) -> None:
        self.start = start
        self.host: Host | None = None
        self.loaded: Loaded | None = None
        self.peak = Measurement(0, 0, 0, 0, 0)
        """The most that the load took so far."""
        self._was_read = False
        self._path = path
        self._hosts = hosts
        self._threads = threads
        self._data_limit_bytes = data_limit_bytes
        self._load_timeout_seconds = load_timeout_seconds
        self._machine = machine
        self._tell = tell
        self._deliver = deliver
        self._libraries_bytes = 0
        """Mapped bytes of the program itself, there before the model was."""
        self._stop: StopHost | None = None
        self._before: _Before | None = None
        self._stopping: asyncio.Task[object] | None = None

    def observe(self, reading: HostReading) -> None:
        """Take in a reading of the host; the largest is what the load took.

        While it loads more is resident than later, so that only readings that were begun after that count:
        from the second one on.
        """
        if self.loaded is None or not self._was_read:
            self._was_read = self.loaded is not None
            return
        peak = self.peak
        self.peak = msgspec.structs.replace(
            peak,
            private_bytes=max(peak.private_bytes, reading.private_bytes),
            mapped_bytes=max(peak.mapped_bytes, reading.weights_bytes),
            vram_bytes=max(peak.vram_bytes, reading.vram_bytes),
        )

    def answered(self, prompt_tokens: int, completion_tokens: int) -> None:
        """Take in how much of the context an answer filled."""
        peak = self.peak
        self.peak = msgspec.structs.replace(
            peak,
            filled_tokens=max(peak.filled_tokens, prompt_tokens + completion_tokens),
            prompt_tokens=max(peak.prompt_tokens, prompt_tokens),
        )

    @property
    def sampled(self) -> SampledHost | None:
        """What the sampler needs to read it; None before it is born."""
        return None if self.host is None else SampledHost(self.host.pid, self._not_its_own(self.host))

    @property
    def pid(self) -> int | None:
        """Process id, once born."""
        return None if self.host is None else self.host.pid

    async def run(self) -> None:
        """Live until the process is reaped."""
        model_id, number = self.start.model_id, self.start.host
        reason: Sentence | None = None
        try:
            self.host = await self._hosts.birth()
        except HostError as failure:
            self._finish(failure.sentence)
            return
        host = self.host
        self._libraries_bytes = (read_process_memory(host.pid) or _NOTHING).mapped_bytes
        if self._stop is not None:
            host.kill()  # it was cancelled before it was born
        else:
            try:
                self.loaded = await host.load(
                    self._path,
                    self.start.parameters,
                    self._threads,
                    self._data_limit_bytes,
                    self._load_timeout_seconds,
                )
            except HostError as failure:
                reason = failure.sentence
                self._tell(HostFailed(model_id, number, reason))
            else:
                self._tell(HostReady(model_id, number, self.loaded.context, self.loaded.seconds))
        report = await host.exited
        ended = Sentence("Host", "The host of {model} {reason}.")
        self._finish(reason or ended.format(model=model_id, reason=report.reason))

    def stop(self, stop: StopHost) -> None:
        """End the host; `run` returns when it is reaped."""
        self._stop = stop
        host = self.host
        now = read_process_memory(host.pid) if host is not None else None
        available = self._machine.read().available_bytes
        grown = now.since(self._not_its_own(host)) if now and host else _NOTHING
        self._before = _Before(time.monotonic(), grown, available)
        self._was_read = True
        self.observe(HostReading(0, grown.private_bytes, grown.mapped_bytes))
        if host is None:
            return
        if stop.at_once:
            host.kill()
        else:
            self._stopping = asyncio.ensure_future(host.stop())

    def _not_its_own(self, host: Host) -> ProcessMemory:
        """What the process holds that is not the model's: pages shared with the nursery, libraries."""
        return ProcessMemory(host.shared_bytes, self._libraries_bytes)

    def _finish(self, reason: Sentence) -> None:
        stop, before = self._stop, self._before
        if stop is not None and before is not None:
            receipt = Receipt(
                model_id=self.start.model_id,
                given_back_bytes=before.host.private_bytes,
                private_before_bytes=before.host.private_bytes,
                weights_before_bytes=before.host.mapped_bytes,
                available_change_bytes=self._machine.read().available_bytes - before.available_bytes,
                seconds=time.monotonic() - before.at,
                cause=stop.cause,
                actor=stop.actor,
            )
            self._deliver(receipt)
        self._tell(HostExited(self.start.model_id, self.start.host, reason))
