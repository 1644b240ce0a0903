"""One reading of memory: the machine, each host, and this program itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class HostReading:
    """Memory of one host as the system reports it."""

    pid: int
    private_bytes: int
    """Anonymous bytes, resident and swapped, that the host owns since its birth."""
    weights_bytes: int
    """Resident bytes of mapped files: the weights; the system can take them back."""
    vram_bytes: int = 0

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
    bound: str = "machine"
    """What sets `total_bytes`: the machine itself or its memory control group."""


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
class Sample:
    """All readings of one tick."""

    time: float
    """Seconds since the epoch, for labels and the history."""
    monotonic: float
    """Seconds of the monotonic clock, for differences."""
    machine: MachineReading
    hosts: Mapping[str, HostReading] = field(default_factory=dict)
    """Reading of each live host by model id."""
    gpus: tuple[GpuReading, ...] = ()
    programs: tuple[ProgramReading, ...] = ()
    """The largest other programs, largest first; filled every few ticks, empty between."""
