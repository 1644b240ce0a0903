"""Memory pressure of the machine as four levels, with hysteresis and hold time."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from llmmem_gui.core.readings import MachineReading, Sample
from llmmem_gui.core.units import GIB, MIB

Stall = Literal["some", "full"]
"""Some task, or all tasks at the same time, waited for memory."""


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
class StallTrigger:
    """What the kernel is asked to report: so much stalling within a window.

    Without privileges a window must be a multiple of two seconds (Linux, Documentation/accounting/psi.rst).
    """

    stall: Stall
    stall_microseconds: int
    window_microseconds: int = 2_000_000

    @property
    def text(self) -> str:
        """What is written to `/proc/pressure/memory`."""
        return f"{self.stall} {self.stall_microseconds} {self.window_microseconds}"


STALL_TRIGGERS = (StallTrigger("some", 70_000), StallTrigger("full", 100_000))
"""The thresholds at which GLib's memory monitor begins to speak, and at which it calls it critical."""


@dataclass(frozen=True, slots=True)
class PressureLimits:
    """When a level is entered; it is left 25 % further off, after `hold_seconds`.

    Defaults stay ahead of earlyoom (kills at 10 % available) and systemd-oomd (full avg10 above 50 %
    for 20 s); the hold time is the recovery interval of GLib's memory monitor.
    """

    hold_seconds: float = 15.0
    leave_factor: float = 1.25
    warning_some_percent: float = 10.0
    critical_some_percent: float = 20.0
    critical_full_percent: float = 5.0
    emergency_full_percent: float = 20.0
    swap_bytes_per_second: float = 20.0 * MIB
    swap_seconds: float = 5.0
    """Time for which swap traffic is averaged."""
    scarce_share: float = 0.25
    """With less than this share of swap space free, the same share of memory available is little."""
    stall_count: int = 2
    """Reports of a stall trigger within `stall_seconds` that count."""
    stall_seconds: float = 10.0

    def available_floor(self, level: Level, total_bytes: int) -> int:
        """Available bytes below which `level` is entered on a machine with `total_bytes`."""
        match level:
            case Level.WARNING:
                return min(max(3 * GIB // 2, total_bytes * 15 // 100), 6 * GIB, total_bytes // 2)
            case Level.CRITICAL:
                return min(max(GIB, total_bytes // 10 + 256 * MIB), 4 * GIB, total_bytes * 2 // 5)
            case Level.EMERGENCY:
                return min(max(512 * MIB, total_bytes // 20), 2 * GIB, total_bytes // 4)
        return 0


class PressureGauge:
    """Turns samples into levels: rises on two samples in a row, falls after the hold time.

    One low reading may be a passing peak. An emergency cannot wait for a second one. Machines without
    stall information are judged by available memory and swap alone.
    """

    def __init__(self, limits: PressureLimits | None = None) -> None:
        self._limits = limits or PressureLimits()
        self._level = Level.NORMAL
        self._rising: Level = Level.NORMAL
        self._calm_since: float | None = None
        self._swapped: deque[tuple[float, int]] = deque()
        self._stalls: dict[Stall, deque[float]] = {"some": deque(), "full": deque()}

    @property
    def level(self) -> Level:
        """The level in force."""
        return self._level

    def stalled(self, stall: Stall, now: float) -> None:
        """Take in that the kernel reported one of the `STALL_TRIGGERS`; it counts at the next sample."""
        self._stalls[stall].append(now)

    def feed(self, sample: Sample) -> Level:
        """Take one sample in and return the level in force."""
        self._remember(sample)
        enters = self._shown(sample.machine, 1.0)
        stays = self._shown(sample.machine, self._limits.leave_factor)
        if enters > self._level:
            sure = min(enters, self._rising) if enters < Level.EMERGENCY else enters
            self._level = max(self._level, sure)
            self._calm_since = None
        elif stays >= self._level:
            self._calm_since = None
        elif self._calm_since is None:
            self._calm_since = sample.monotonic
        elif sample.monotonic - self._calm_since >= self._limits.hold_seconds:
            self._level, self._calm_since = stays, None
        self._rising = enters
        return self._level

    def _remember(self, sample: Sample) -> None:
        now, limits = sample.monotonic, self._limits
        self._swapped.append((now, sample.machine.swapped_bytes))
        # The oldest one kept lies at the beginning of the time averaged over, or just before it.
        while len(self._swapped) > 1 and now - self._swapped[1][0] >= limits.swap_seconds:
            self._swapped.popleft()
        for reports in self._stalls.values():
            while reports and now - reports[0] > limits.stall_seconds:
                reports.popleft()

    def _shown(self, machine: MachineReading, factor: float) -> Level:
        """The level that the readings show, with thresholds `factor` times as easy to reach."""
        by_available = self._by_available(machine, factor)
        if machine.available_bytes * 2 > machine.total_bytes:
            return by_available  # a group of processes stalls at a limit of its own, not the machine
        return max(by_available, self._by_stall(machine, factor), self._by_swap(machine, factor))

    def _by_available(self, machine: MachineReading, factor: float) -> Level:
        for level in (Level.EMERGENCY, Level.CRITICAL, Level.WARNING):
            if machine.available_bytes < self._limits.available_floor(level, machine.total_bytes) * factor:
                return level
        return Level.NORMAL

    def _by_stall(self, machine: MachineReading, factor: float) -> Level:
        limits = self._limits
        some = (machine.pressure_some_percent or 0.0) * factor
        full = (machine.pressure_full_percent or 0.0) * factor
        if full > limits.emergency_full_percent:
            return Level.EMERGENCY
        often_full = len(self._stalls["full"]) >= limits.stall_count
        if full > limits.critical_full_percent or some > limits.critical_some_percent or often_full:
            return Level.CRITICAL
        often_some = len(self._stalls["some"]) >= limits.stall_count
        return Level.WARNING if some > limits.warning_some_percent or often_some else Level.NORMAL

    def _by_swap(self, machine: MachineReading, factor: float) -> Level:
        limits = self._limits
        scarce = limits.scarce_share * factor
        little_swap = machine.swap_total_bytes > 0 and (
            machine.swap_free_bytes < scarce * machine.swap_total_bytes
        )
        if little_swap and machine.available_bytes < scarce * machine.total_bytes:
            return Level.WARNING
        (began, bytes_then), (now, bytes_now) = self._swapped[0], self._swapped[-1]
        if now - began < limits.swap_seconds:
            return Level.NORMAL
        rate = (bytes_now - bytes_then) / (now - began)
        return Level.WARNING if rate * factor > limits.swap_bytes_per_second else Level.NORMAL
