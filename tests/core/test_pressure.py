"""Levels of memory pressure: when they are entered, and that they do not flap."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmmem_gui.core.pressure import STALL_TRIGGERS, Level, PressureGauge, PressureLimits
from llmmem_gui.core.readings import MachineReading, Sample
from llmmem_gui.core.units import GIB, MIB

ROOMY = MachineReading(total_bytes=32 * GIB, available_bytes=20 * GIB)
HALF = replace(ROOMY, available_bytes=12 * GIB)
"""Enough available by itself, and little enough that stalls are taken seriously."""


class Machine:
    """A gauge that is fed once a second."""

    def __init__(self) -> None:
        self.gauge = PressureGauge()
        self.now = 0.0

    def shows(self, machine: MachineReading, seconds: int = 1) -> Level:
        """Feed the same reading for some seconds and return the level after that."""
        for _ in range(seconds):
            self.now += 1.0
            self.gauge.feed(Sample(self.now, self.now, machine))
        return self.gauge.level

    def available(self, available_bytes: float, seconds: int = 1) -> Level:
        """Feed a machine with that much available."""
        return self.shows(replace(ROOMY, available_bytes=int(available_bytes)), seconds)


@pytest.mark.parametrize(
    ("total_gib", "floors_gib"),
    [
        (2, (1.0, 0.8, 0.5)),
        (8, (1.5, 1.05, 0.5)),
        (16, (2.4, 1.85, 0.8)),
        (32, (4.8, 3.45, 1.6)),
        (128, (6.0, 4.0, 2.0)),
    ],
)
def test_floors_of_available_memory_fit_small_and_large_machines(
    total_gib: int, floors_gib: tuple[float, float, float]
) -> None:
    """15, 10 and 5 % of the machine, within bounds for large ones, and never most of a small one."""
    limits = PressureLimits()
    levels = (Level.WARNING, Level.CRITICAL, Level.EMERGENCY)
    floors = [limits.available_floor(level, total_gib * GIB) / GIB for level in levels]
    assert floors == pytest.approx(floors_gib, abs=0.01)


@settings(derandomize=True, database=None)
@given(st.integers(2**20, 2**50))
def test_a_worse_level_begins_at_less_available_memory(total_bytes: int) -> None:
    """On every machine the floors of warning, critical and emergency lie below each other."""
    floors = [PressureLimits().available_floor(level, total_bytes) for level in Level]
    assert floors[0] == 0 < floors[3] < floors[2] < floors[1] <= total_bytes // 2


def test_a_level_is_entered_on_two_samples_in_a_row() -> None:
    """One low reading is a passing peak; two are a level."""
    machine = Machine()
    assert machine.available(4 * GIB) is Level.NORMAL
    assert machine.available(20 * GIB) is Level.NORMAL
    assert machine.available(4 * GIB) is Level.NORMAL
    assert machine.available(4 * GIB) is Level.WARNING


def test_an_emergency_is_entered_at_once() -> None:
    """With 5 % left there is no time for a second look."""
    assert Machine().available(1 * GIB) is Level.EMERGENCY


def test_a_level_is_left_only_with_more_than_it_was_entered_with_and_after_the_hold_time() -> None:
    """Hovering at the threshold does not flap: 25 % more must be available for 15 s."""
    machine = Machine()
    machine.available(4.7 * GIB, seconds=2)
    assert machine.available(5.0 * GIB, seconds=60) is Level.WARNING
    assert machine.available(6.1 * GIB, seconds=15) is Level.WARNING
    assert machine.available(5.0 * GIB) is Level.WARNING
    assert machine.available(6.1 * GIB, seconds=15) is Level.WARNING
    assert machine.available(6.1 * GIB) is Level.NORMAL


def test_case_37_readings_that_swing_around_a_threshold_change_the_level_once() -> None:
    """Five minutes of swinging by 10 % around the threshold are one level, not one every few seconds."""
    machine = Machine()
    levels = [machine.available((4.8 + (0.5 if second % 4 < 2 else -0.5)) * GIB) for second in range(300)]
    changes = [(a, b) for a, b in itertools.pairwise(levels) if a != b]
    assert changes == [(Level.NORMAL, Level.WARNING)]


def test_a_level_falls_to_what_the_readings_show() -> None:
    """From critical it goes to warning while that is what is left, and then to normal."""
    machine = Machine()
    assert machine.available(3 * GIB, seconds=2) is Level.CRITICAL
    assert machine.available(5 * GIB, seconds=16) is Level.WARNING
    assert machine.available(20 * GIB, seconds=16) is Level.NORMAL


@pytest.mark.parametrize(
    ("some", "full", "level"),
    [
        (9.0, 0.0, Level.NORMAL),
        (11.0, 0.0, Level.WARNING),
        (21.0, 0.0, Level.CRITICAL),
        (11.0, 6.0, Level.CRITICAL),
        (30.0, 21.0, Level.EMERGENCY),
    ],
)
def test_stalls_raise_the_level(some: float, full: float, level: Level) -> None:
    """Percent of time stalled on memory, averaged over ten seconds by the kernel."""
    stalled = replace(HALF, pressure_some_percent=some, pressure_full_percent=full)
    assert Machine().shows(stalled, seconds=2) is level


def test_stalls_on_a_machine_with_half_its_memory_available_mean_nothing() -> None:
    """A group of processes that stalls at its own limit is not the machine's trouble."""
    machine = Machine()
    stalled = replace(ROOMY, pressure_some_percent=90.0, pressure_full_percent=90.0)
    machine.gauge.stalled("full", 0.5)
    machine.gauge.stalled("full", 0.6)
    assert machine.shows(stalled, seconds=5) is Level.NORMAL


@pytest.mark.parametrize(("stall", "level"), [("some", Level.WARNING), ("full", Level.CRITICAL)])
def test_two_reports_of_a_stall_within_ten_seconds_count(stall: str, level: Level) -> None:
    """The kernel's triggers come before its averages; a single report is not enough."""
    machine = Machine()
    machine.gauge.stalled(stall, 0.0)  # type: ignore[arg-type]
    assert machine.shows(HALF, seconds=11) is Level.NORMAL
    machine.gauge.stalled(stall, 11.5)  # type: ignore[arg-type]
    machine.gauge.stalled(stall, 13.5)  # type: ignore[arg-type]
    assert machine.shows(HALF, seconds=2) is level


def test_triggers_may_be_set_without_privileges() -> None:
    """Windows are multiples of two seconds, which is what the kernel grants every user."""
    assert [trigger.text for trigger in STALL_TRIGGERS] == ["some 70000 2000000", "full 100000 2000000"]


def swapping(mib_per_second: float, seconds: int, machine: Machine) -> Level:
    """Feed a machine that moves that much to and from swap each second."""
    level = Level.NORMAL
    for second in range(1, seconds + 1):
        level = machine.shows(replace(HALF, swapped_bytes=int(second * mib_per_second * MIB)))
    return level


def test_steady_swap_traffic_is_a_warning_and_a_burst_is_not() -> None:
    """More than 20 MiB a second, averaged over five seconds, twice in a row."""
    assert swapping(30, 6, Machine()) is Level.NORMAL
    assert swapping(30, 7, Machine()) is Level.WARNING
    assert swapping(15, 60, Machine()) is Level.NORMAL
    burst = Machine()
    burst.shows(HALF, seconds=5)
    assert burst.shows(replace(HALF, swapped_bytes=90 * MIB), seconds=10) is Level.NORMAL


def test_little_swap_left_and_little_memory_available_are_a_warning() -> None:
    """A quarter of both is little; full swap alone, or no swap at all, is not."""
    full_swap = MachineReading(32 * GIB, 7 * GIB, swap_total_bytes=8 * GIB, swap_free_bytes=1 * GIB)
    assert Machine().shows(full_swap, seconds=2) is Level.WARNING
    assert Machine().shows(replace(full_swap, available_bytes=10 * GIB), seconds=2) is Level.NORMAL
    assert Machine().shows(replace(full_swap, swap_total_bytes=0), seconds=2) is Level.NORMAL
