"""One reading of memory: the machine, each host, and this program itself."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from llmmem_gui.core.neighbours import Held

if TYPE_CHECKING:
    from llmmem_gui.core.pools import DevicePool


@dataclass(frozen=True, slots=True)
class HostReading:
    """Memory of one host as the system reports it."""

    pid: int
    private_bytes: int
    """Anonymous bytes, resident and swapped, that the host owns since its birth; and what GPUs work in for it
    of the main memory."""
    weights_bytes: int
    """Resident bytes of mapped files: the weights; the system can take them back."""
    vram_bytes: int | None = 0
    """Bytes of the own memory of GPUs; None: a driver does not tell."""
    started: float = 0.0
    """When the process began, as the system counts: with the pid it means one process for ever."""
    begun: float = math.inf
    """Monotonic seconds when this reading was begun; inf: with the sample it is part of."""
    unified_bytes: int = 0
    """The part of the private bytes that GPUs work in that have little or no memory of their own."""
    processor_seconds: float = 0.0
    """Processor time it has used since it began."""

    @property
    def resident_bytes(self) -> int:
        """Private and mapped bytes together."""
        return self.private_bytes + self.weights_bytes


@dataclass(frozen=True, slots=True)
class MachineReading:
    """Memory of the whole computer (or of the container that bounds this program)."""

    total_bytes: int
    available_bytes: int
    """What new programs can take without swapping; clean page cache counts as available."""
    swap_total_bytes: int = 0
    swap_free_bytes: int = 0
    swapped_bytes: int = 0
    """Bytes moved to and from swap since boot."""
    own_bytes: int = 0
    """Resident bytes of this program itself: window, service and nursery, without the hosts."""
    pressure_some_percent: float | None = None
    """PSI `some avg10`: percent of time that some task stalled on memory; None without PSI."""
    pressure_full_percent: float | None = None
    """PSI `full avg10`: percent of time that all tasks stalled; None without PSI."""
    private_bytes: int | None = None
    """Private memory of all programs together, resident or swapped; None where the system does not say."""
    bound: str = "machine"
    """What sets `total_bytes`: the machine itself or its memory control group."""

    @property
    def swap_used_bytes(self) -> int:
        """Swap space in use."""
        return max(0, self.swap_total_bytes - self.swap_free_bytes)


@dataclass(frozen=True, slots=True)
class GpuReading:
    """Memory of one GPU, or of a part of a divided one; None where its driver does not tell."""

    id: str
    """Its place on the PCI bus, as "0000:01:00.0"; of a part (MIG) NVML's UUID."""
    name: str
    total_bytes: int | None
    """Of its own memory, what programs can have."""
    used_bytes: int | None
    """Of its own memory, by all programs."""
    held: Mapping[int, int] | None = field(default=None, repr=False)
    """Bytes of its own memory by pid; a process that is not there holds none."""
    unified: bool = False
    """It works in the main memory, at most beside a part of its own that is set apart."""
    main_memory: Mapping[int, int] = field(default_factory=dict, repr=False)
    """Bytes of the main memory by pid that it works in and that no reading of the process shows."""
    hidden: frozenset[int] = frozenset()
    """Processes whose share of its own memory is not told."""


def vram_of(gpus: Iterable[GpuReading], pids: Collection[int]) -> int | None:
    """What processes hold together of the own memory of GPUs; None where that is not told."""
    total = 0
    for gpu in gpus:
        if gpu.held is None or not gpu.hidden.isdisjoint(pids):
            return None
        total += sum(gpu.held.get(pid, 0) for pid in pids)
    return total


def main_memory_of(gpus: Iterable[GpuReading], pids: Collection[int]) -> int:
    """What GPUs work in for processes of the main memory, beside what readings of the processes show."""
    return sum(gpu.main_memory.get(pid, 0) for gpu in gpus for pid in pids)


@dataclass(frozen=True, slots=True)
class ProgramReading:
    """Another program that uses much memory, summed over its processes."""

    name: str
    resident_bytes: int
    growth_bytes: int = 0
    """Bytes gained during the last minutes."""
    growth_seconds: float = 0.0
    """The time in which they were gained; 0: not known."""


@dataclass(frozen=True, slots=True)
class ActivityReading:
    """What one model does for those who ask it."""

    running: int = 0
    """Requests being answered."""
    waiting: int = 0
    """Requests that wait for the model."""
    generated_tokens: int = 0
    """Tokens generated since the sample before."""
    tokens_per_second: float = 0.0
    """How fast they were generated, measured over a second at least."""

    @property
    def figures(self) -> tuple[float, float, float]:
        """Tokens a second, running and waiting requests; all 0 for a model that nobody asks."""
        return self.tokens_per_second, float(self.running), float(self.waiting)


@dataclass(frozen=True, slots=True)
class Sample:
    """All readings of one tick."""

    time: float
    """Seconds since the epoch, for labels and the history."""
    monotonic: float
    """Seconds of the monotonic clock when the machine was read, for differences."""
    machine: MachineReading
    hosts: Mapping[str, HostReading] = field(default_factory=dict)
    """Reading of each live host by model id."""
    gpus: tuple[GpuReading, ...] = ()
    programs: tuple[ProgramReading, ...] = ()
    """The largest other programs, largest first; filled every few ticks, empty between."""
    other_cores: float = 0.0
    """How many processor cores other programs kept busy since the sample before."""
    slept_seconds: float = 0.0
    """How long the machine was suspended since the sample before; no other clock here counts that time."""
    activity: Mapping[str, ActivityReading] = field(default_factory=dict)
    """What models do, by model id; those that nobody asks may be left out."""
    pools: tuple[DevicePool, ...] = ()
    """Devices with memory of their own, and what models hold of each."""
    neighbours: Mapping[str, Held] = field(default_factory=dict)
    """What other programs that hold models hold, by the name of the program."""
