"""How many cores the program uses."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import namedtuple

import psutil
import pytest

from llmmem_gui.core.readings import HostReading
from llmmem_gui.service.hosting import cores
from llmmem_gui.service.hosting.cores import CoreShares, usable_cores
from llmmem_gui.service.sampling.other_work import OtherWork, busy_seconds
from llmmem_gui.service.sampling.process_memory import read_process_times


def test_cores_are_those_that_the_process_may_use() -> None:
    """On Linux those it is bound to, which may be fewer than there are; elsewhere all."""
    if sys.platform != "linux":
        assert usable_cores() == os.cpu_count()
        return
    all_of_them = os.sched_getaffinity(0)
    assert usable_cores() == len(all_of_them)
    os.sched_setaffinity(0, {min(all_of_them)})
    try:
        assert usable_cores() == 1
    finally:
        os.sched_setaffinity(0, all_of_them)


@pytest.fixture
def eight(monkeypatch: pytest.MonkeyPatch) -> CoreShares:
    """Shares of eight cores."""
    monkeypatch.setattr(cores.os, "cpu_count", lambda: 8)
    monkeypatch.setattr(cores, "usable_cores", lambda: 8)
    return CoreShares()


def test_busy_hosts_share_the_cores_that_others_leave(eight: CoreShares) -> None:
    """At once when others begin, not all at once when they have ended; never less than a thread."""
    assert [eight.each(busy) for busy in (0, 1, 2, 3, 20)] == [8, 8, 4, 2, 1]
    eight.take_others(0.4)
    assert eight.each(1) == 8
    eight.take_others(6.9)
    assert [eight.each(1), eight.each(2)] == [1, 1]
    left = []
    for _ in range(3):
        eight.take_others(0.0)
        left.append(eight.each(1))
    assert left == [6, 8, 8]
    eight.take_others(12.0)
    assert eight.each(1) == 1


def test_a_chosen_number_of_threads_holds(eight: CoreShares) -> None:
    """Whatever others do."""
    eight.chosen = 6
    eight.take_others(7.0)
    assert [eight.each(1), eight.each(2)] == [6, 3]


def test_where_we_are_bound_to_some_cores_others_have_the_rest(
    eight: CoreShares, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six of eight busy elsewhere take none of our two."""
    monkeypatch.setattr(cores, "usable_cores", lambda: 2)
    eight.take_others(6.0)
    assert eight.each(1) == 2
    eight.take_others(7.0)
    assert eight.each(1) == 1


def test_others_are_what_the_machine_does_less_ours() -> None:
    """By process: one that came since counts from its beginning, and too short a time says nothing new."""
    machine, own = iter((100.0, 104.0, 104.0, 110.0)), iter((10.0, 10.5, 10.5, 11.0))
    work = OtherWork(lambda: next(machine), lambda: next(own))

    def host(pid: int, seconds: float) -> HostReading:
        return HostReading(pid, 0, 0, started=1.0, processor_seconds=seconds)

    assert work.cores([host(1, 7.0)], 50.0) == 0.0
    assert work.cores([host(1, 8.0), host(2, 0.5)], 52.0) == 1.0
    assert work.cores([host(1, 8.0)], 52.1) == 1.0
    assert work.cores([host(1, 8.0), host(2, 6.5)], 54.0) == 0.0  # and never less
    assert work.cores([], 55.0) == 0.0
    assert work._before is None  # an hour without a model is no time to take a mean of


@pytest.mark.parametrize("error", [PermissionError(13, "hidden"), ValueError("no number"), RuntimeError()])
def test_a_machine_that_hides_what_it_does_has_no_others(error: Exception) -> None:
    """All cores are ours then, as far as anybody can tell, and memory is sampled all the same."""

    def hidden() -> float:
        raise error

    work = OtherWork(hidden)
    assert [work.cores([HostReading(1, 0, 0)], now) for now in (1.0, 2.0)] == [0.0, 0.0]


def used_seconds(pid: int) -> float:
    """Processor time of a process that runs."""
    times = read_process_times(pid)
    assert times is not None
    return times.processor_seconds


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_busy_program_is_seen() -> None:
    """What the kernel counts for it is in what is counted of the machine."""
    before = busy_seconds()
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        while used_seconds(process.pid) < 0.5:
            time.sleep(0.02)
        used = used_seconds(process.pid)
        assert busy_seconds() - before >= used - 0.1
        process.kill()
    assert read_process_times(process.pid) is None


def test_what_gives_way_and_what_waits_is_not_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Low priority, idle and waiting for a disk; what a hypervisor gives to others is as good as busy."""
    names = "user nice system idle iowait irq softirq steal guest guest_nice"
    times = namedtuple("times", names)(1.0, 100.0, 2.0, 1000.0, 50.0, 0.5, 0.25, 0.25, 0.0, 0.0)
    monkeypatch.setattr(psutil, "cpu_times", lambda: times)
    assert busy_seconds() == 4.0
