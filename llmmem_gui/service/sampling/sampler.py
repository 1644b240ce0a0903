"""Takes one sample of all memory: the machine, each host, GPUs, now and then other programs."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass

from llmmem_gui.core.readings import HostReading, ProgramReading, Sample
from llmmem_gui.service.sampling.gpus import Gpus
from llmmem_gui.service.sampling.machine_memory import MachineMemory
from llmmem_gui.service.sampling.process_memory import ProcessMemory, read_process_memory
from llmmem_gui.service.sampling.programs import Programs

_TICKS_BETWEEN_PROGRAMS = 5


@dataclass(frozen=True, slots=True)
class SampledHost:
    """A host to read, and what of its memory is not its own: the nursery's pages, libraries."""

    pid: int
    inherited: ProcessMemory


class Sampler:
    """Reads memory once a tick; safe to call from a worker thread, one call at a time."""

    def __init__(self, machine: MachineMemory | None = None) -> None:
        self._machine = machine or MachineMemory()
        self._gpus = Gpus()
        self._programs = Programs()
        self._ticks = 0

    def sample(self, hosts: Mapping[str, SampledHost], nursery_pid: int | None = None) -> Sample:
        """Read everything; a host that has ended meanwhile is left out.

        Of the nursery only private memory is counted as the program's own: the rest it shares with
        the hosts and with the program.
        """
        gpus, vram_by_pid = self._gpus.read()
        readings = {}
        for model_id, host in hosts.items():
            memory = read_process_memory(host.pid)
            if memory is not None:
                grown = memory.since(host.inherited)
                vram = vram_by_pid.get(host.pid, 0)
                readings[model_id] = HostReading(host.pid, grown.private_bytes, grown.mapped_bytes, vram)
        own = read_process_memory(os.getpid())
        nursery = read_process_memory(nursery_pid) if nursery_pid is not None else None
        own_bytes = (own.private_bytes + own.mapped_bytes) if own else 0
        own_bytes += nursery.private_bytes if nursery else 0
        now = time.monotonic()
        programs: tuple[ProgramReading, ...] = ()
        if self._ticks % _TICKS_BETWEEN_PROGRAMS == 0:
            pids = {os.getpid(), *(host.pid for host in hosts.values())}
            programs = self._programs.read(now, pids | ({nursery_pid} if nursery_pid else set()))
        self._ticks += 1
        machine = self._machine.read(own_bytes)
        return Sample(time.time(), now, machine, readings, gpus, programs)

    def close(self) -> None:
        """Let go of the GPU driver."""
        self._gpus.close()
