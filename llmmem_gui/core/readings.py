"""One reading of memory: the machine, each host, and this program itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from llmmem_gui.core.neighbours import Held


@dataclass(frozen=True, slots=True)
class HostReading:
    """Memory of one host as the system reports it."""

    pid: int
    private_bytes: int
    """Anonymous bytes, resident and swapped, that the host owns since its birth."""
    weights_bytes: int
    """Resident bytes of mapped files: the weights; the system can take them back."""
    vram_bytes: int | None = 0
    """Bytes on GPUs; None: a driver does not tell."""
    started: float = 0.0
    """When the process began, as the system counts: with the pid it means one process for ever."""
    begun: float = math.inf
    """Monotonic seconds when this reading was begun; inf: with the sample it is part of."""

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
    """Memory of one GPU."""

    name: str
    total_bytes: int
    used_bytes: int


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
    slept_seconds: float = 0.0
    """How long the machine was suspended since the sample before; no other clock here counts that time."""
    activity: Mapping[str, ActivityReading] = field(default_factory=dict)
    """What models do, by model id; those that nobody asks may be left out."""
    neighbours: Mapping[str, Held] = field(default_factory=dict)
    """What other programs that hold models hold, by the name of the program."""
    vram_by_pid: Mapping[int, int] | None = field(default_factory=dict, repr=False)
    """Bytes on GPUs of every process that has any; None: a driver does not tell."""
