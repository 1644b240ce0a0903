"""Takes one sample: the memory of the machine, each host and GPUs, and what other programs take."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from llmmem_gui.core.readings import GpuReading, HostReading, Sample, main_memory_of, vram_of
from llmmem_gui.service.sampling.gpus.gpus import Gpus
from llmmem_gui.service.sampling.machine_memory import MachineMemory
from llmmem_gui.service.sampling.other_work import OtherWork
from llmmem_gui.service.sampling.process_memory import ProcessMemory, read_process_memory, read_process_times
from llmmem_gui.service.sampling.programs import Programs
from llmmem_gui.service.sampling.suspension import Suspension


@dataclass(frozen=True, slots=True)
class SampledHost:
    """A host to read, and what of its memory is not its own: the nursery's pages, libraries."""

    pid: int
    inherited: ProcessMemory
    started: float
    """When the process began, as `start_time` tells: another one may get its pid."""


class Sampler:
    """Reads memory once a tick; safe to call from a worker thread, one call at a time."""

    def __init__(self, machine: MachineMemory | None = None, gpus: Gpus | None = None) -> None:
        self._machine = machine or MachineMemory()
        self._gpus = gpus or Gpus()
        self._programs = Programs()
        self._other_work = OtherWork()
        self._suspension = Suspension()

    def sample(
        self,
        hosts: Mapping[str, SampledHost],
        nursery_pid: int | None = None,
        others: Collection[int] = (),
    ) -> Sample:
        """Read everything; a host that has ended meanwhile is left out.

        `others` are processes of other programs of which it matters what they hold on GPUs.

        Of the nursery only private memory is counted as the program's own: the rest it shares with
        the hosts and with the program.
        """
        gpus = self._gpus.read({*(host.pid for host in hosts.values()), *others})
        readings = {}
        for model_id, host in hosts.items():
            reading = _read_host(host, gpus)
            if reading is not None:
                readings[model_id] = reading
        own = read_process_memory(os.getpid())
        nursery = read_process_memory(nursery_pid) if nursery_pid is not None else None
        own_bytes = (own.private_bytes + own.mapped_bytes) if own else 0
        own_bytes += nursery.private_bytes if nursery else 0
        now = time.monotonic()
        pids = {os.getpid(), *(host.pid for host in hosts.values())}
        programs = self._programs.read_when_due(now, pids | ({nursery_pid} if nursery_pid else set()))
        machine = self._machine.read(own_bytes)
        cores = self._other_work.cores(readings.values(), now)
        slept = self._suspension.since_last()
        return Sample(time.time(), now, machine, readings, gpus, programs, cores, slept)

    def close(self) -> None:
        """Let go of the GPU driver."""
        self._gpus.close()


def _read_host(host: SampledHost, gpus: Collection[GpuReading]) -> HostReading | None:
    """What one host holds; None when it has ended, also when another process has its pid now."""
    begun = time.monotonic()
    memory = read_process_memory(host.pid)
    # Looked at afterwards: what has the pid and the start now had them while its memory was read.
    times = read_process_times(host.pid)
    if memory is None or times is None or times.started != host.started:
        return None
    grown = memory.since(host.inherited)
    pids = (host.pid,)
    return HostReading(
        host.pid,
        grown.private_bytes + main_memory_of(gpus, pids),
        grown.mapped_bytes,
        vram_of(gpus, pids),
        host.started,
        begun,
        main_memory_of((gpu for gpu in gpus if gpu.unified), pids),
        times.processor_seconds,
    )
