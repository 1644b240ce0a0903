"""Memory pressure of the machine as four levels, with hysteresis and hold time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from llmmem_gui.core.readings import MachineReading, Sample

_GIB = 1024**3
_MIB = 1024**2


class Level(IntEnum):
    """How short the machine is of memory."""

    NORMAL = 0
    WARNING = 1
    CRITICAL = 2
    EMERGENCY = 3

    @property
    def word(self) -> str:
        """The level as one lower-case word."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class PressureLimits:
    """When a level is entered; a level is left 25 % above and after `hold_seconds`.

    Defaults stay ahead of earlyoom (kills at 10 % available) and systemd-oomd (full avg10 above 50 %
    for 20 s); the hold time is the recovery interval of GLib's memory monitor.
    """

    hold_seconds: float = 15.0
    leave_factor: float = 1.25
    warning_some_percent: float = 10.0
    critical_some_percent: float = 20.0
    critical_full_percent: float = 5.0
    emergency_full_percent: float = 20.0
    swap_bytes_per_second: float = 20.0 * _MIB

    def available_floor(self, level: Level, total_bytes: int) -> int:
        """Available bytes below which `level` is entered on a machine with `total_bytes`."""
        match level:
            case Level.WARNING:
                return min(max(int(1.5 * _GIB), total_bytes * 15 // 100), 6 * _GIB, total_bytes // 2)
            case Level.CRITICAL:
                return min(max(_GIB, total_bytes // 10 + 256 * _MIB), 4 * _GIB, total_bytes * 2 // 5)
            case Level.EMERGENCY:
                return min(max(512 * _MIB, total_bytes // 20), total_bytes // 4)
        return 0


class PressureGauge:
    """Turns samples into levels: rises on two samples in a row, falls after the hold time."""

    def __init__(self, limits: PressureLimits | None = None) -> None:
        self._limits = limits or PressureLimits()
        self._level = Level.NORMAL
        self._rising: Level = Level.NORMAL
        self._calm_since: float | None = None
        self._last: Sample | None = None
        self._simulated: Level | None = None

    @property
    def level(self) -> Level:
        """The level in force."""
        return self._level

    def simulate(self, level: Level | None) -> None:
        """Put this level in force from the next sample on, whatever it shows; None ends it."""
        self._simulated = level

    def feed(self, sample: Sample) -> Level:
        """Take one sample in and return the level in force."""
        if self._simulated is not None:
            self._level = self._rising = self._simulated
            return self._level
        enters = self._entered(sample, 1.0)
        stays = self._entered(sample, self._limits.leave_factor)
        self._last = sample
        if enters > self._level:
            # One low reading may be a passing peak; an emergency cannot wait for a second one.
            sure = min(enters, self._rising) if enters < Level.EMERGENCY else enters
            self._level = max(self._level, sure)
            self._rising = enters
            self._calm_since = None
        else:
            self._rising = enters
            if stays >= self._level:
                self._calm_since = None
            elif self._calm_since is None:
                self._calm_since = sample.monotonic
            elif sample.monotonic - self._calm_since >= self._limits.hold_seconds:
                self._level = stays
                self._calm_since = None
        return self._level

    def _entered(self, sample: Sample, factor: float) -> Level:
        machine = sample.machine
        by_stall = self._by_stall(machine, factor)
        return max(self._by_available(machine, factor), by_stall, self._by_swap(sample, factor))

    def _by_available(self, machine: MachineReading, factor: float) -> Level:
        for level in (Level.EMERGENCY, Level.CRITICAL, Level.WARNING):
            if machine.available_bytes < self._limits.available_floor(level, machine.total_bytes) * factor:
                return level
        return Level.NORMAL

    def _by_stall(self, machine: MachineReading, factor: float) -> Level:
        if machine.available_bytes * 2 > machine.total_bytes:
            return Level.NORMAL  # a group of processes stalls at a limit of its own, not the machine
        some = (machine.pressure_some_percent or 0.0) * factor
        full = (machine.pressure_full_percent or 0.0) * factor
        limits = self._limits
        if full > limits.emergency_full_percent:
            return Level.EMERGENCY
        if full > limits.critical_full_percent or some > limits.critical_some_percent:
            return Level.CRITICAL
        return Level.WARNING if some > limits.warning_some_percent else Level.NORMAL

    def _by_swap(self, sample: Sample, factor: float) -> Level:
        last = self._last
        if last is None or sample.monotonic <= last.monotonic:
            return Level.NORMAL
        moved = sample.machine.swapped_bytes - last.machine.swapped_bytes
        rate = moved / (sample.monotonic - last.monotonic)
        return Level.WARNING if rate * factor > self._limits.swap_bytes_per_second else Level.NORMAL
