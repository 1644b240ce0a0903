"""Samples tell private from mapped memory, in real processes."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from llmmem_gui.service.sampling.gpus.gpus import Gpus
from llmmem_gui.service.sampling.process_memory import ProcessMemory, read_process_memory, start_time
from llmmem_gui.service.sampling.programs import Programs
from llmmem_gui.service.sampling.sampler import SampledHost, Sampler
from llmmem_gui.service.sampling.suspension import Suspension
from tests.gpus.recorded import Machine, i915

_MIB = 1024**2
_NAME = "memory-holder"
_NAMED = """
open("/proc/self/comm", "w").write("a) R 1 (b")
print(flush=True)
input()
"""
_HOLDER = """
import mmap, sys
with open(sys.argv[1], "rb") as file:
    mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
private = b""
for line in sys.stdin:
    if line == "private\\n":
        private = bytearray(b"x") * (64 << 20)
    elif line == "mapped\\n":
        total = sum(mapped[at] for at in range(0, len(mapped), mmap.PAGESIZE))
    print("done", flush=True)
"""


class Holder:
    """A process with a name of its own that takes memory when it is told to."""

    def __init__(self, file: Path) -> None:
        program = file.parent / _NAME
        program.symlink_to(os.path.realpath(sys.executable))
        self._process = subprocess.Popen(
            [program, "-c", _HOLDER, file],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid

    def take(self, what: str) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "done\n"

    def end(self) -> None:
        self._process.communicate()


@pytest.fixture
def holder(tmp_path: Path):
    file = tmp_path / "weights"
    file.write_bytes(os.urandom(32 * _MIB))
    holder = Holder(file)
    holder.take("nothing")
    yield holder
    holder.end()


def test_private_and_mapped_bytes_are_told_apart(holder: Holder) -> None:
    """64 MiB of heap count as private and 32 MiB of a mapped file as mapped, each within 4 MiB."""
    birth = read_process_memory(holder.pid)
    assert birth is not None
    holder.take("private")
    with_private = read_process_memory(holder.pid)
    assert with_private is not None
    grown = with_private.since(birth)
    assert abs(grown.private_bytes - 64 * _MIB) < 4 * _MIB
    assert grown.mapped_bytes < 4 * _MIB
    holder.take("mapped")
    with_both = read_process_memory(holder.pid)
    assert with_both is not None
    mapped = with_both.since(with_private)
    assert abs(mapped.mapped_bytes - 32 * _MIB) < 4 * _MIB
    assert mapped.private_bytes < 4 * _MIB


def test_a_sample_holds_every_live_host_and_leaves_out_the_dead(holder: Holder) -> None:
    """A host that has ended has no reading, and nothing is raised."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    nothing = ProcessMemory(0, 0)
    sampler = Sampler()
    sample = sampler.sample(
        {
            "alive": SampledHost(holder.pid, nothing, started(holder.pid)),
            "dead": SampledHost(dead.pid, nothing, 0.0),
        }
    )
    sampler.close()
    assert set(sample.hosts) == {"alive"}
    assert sample.hosts["alive"].private_bytes > _MIB
    assert sample.machine.own_bytes > 5 * _MIB
    assert 0 < sample.machine.available_bytes <= sample.machine.total_bytes


def test_a_reading_says_when_it_was_begun_and_of_which_process(holder: Holder) -> None:
    """A process that has the pid of a host which ended is not taken for it."""
    nothing, since = ProcessMemory(0, 0), started(holder.pid)
    sampler = Sampler()
    before = time.monotonic()
    sample = sampler.sample(
        {
            "itself": SampledHost(holder.pid, nothing, since),
            "its predecessor": SampledHost(holder.pid, nothing, since - 1),
        }
    )
    sampler.close()
    assert set(sample.hosts) == {"itself"}
    assert (sample.hosts["itself"].pid, sample.hosts["itself"].started) == (holder.pid, since)
    assert before <= sample.hosts["itself"].begun <= sample.monotonic


def test_what_gpus_work_in_of_the_main_memory_is_private(holder: Holder, tmp_path: Path) -> None:
    """A processor's own GPU: its driver tells of bytes that no reading of the process shows."""
    machine = Machine(tmp_path)
    machine.has("0000:00:02.0", "i915", "0xa7a0")
    machine.opens(holder.pid, 9, "/dev/dri/renderD128", i915("0000:00:02.0", 4, 96 * 1024))
    host = {"model": SampledHost(holder.pid, ProcessMemory(0, 0), started(holder.pid))}
    plain, beside = Sampler(), Sampler(gpus=Gpus(machine.sys, machine.proc))
    alone, shared = (each.sample(host).hosts["model"] for each in (plain, beside))
    for each in (plain, beside):
        each.close()
    assert shared.private_bytes - alone.private_bytes == pytest.approx(96 * _MIB, abs=_MIB)
    assert (shared.unified_bytes, shared.vram_bytes) == (96 * _MIB, 0)
    assert beside.sample({}, others=[holder.pid]).gpus[0].main_memory == {holder.pid: 96 * _MIB}


def test_a_process_has_one_start_whatever_its_name() -> None:
    """Brackets and spaces in a name do not confuse it; what has ended has none."""
    with subprocess.Popen(
        [sys.executable, "-c", _NAMED], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as odd:
        assert odd.stdout is not None
        odd.stdout.readline()
        assert started(odd.pid) == started(odd.pid) >= started(os.getpid())
        odd.communicate()
    assert start_time(odd.pid) is None


def test_a_suspension_is_noticed_once_and_noise_is_not() -> None:
    """The clock that counts suspension runs ahead by the time for which the machine slept."""
    ahead = iter((5.0, 5.0003, 28_805.0003, 28_805.0001))
    suspension = Suspension(lambda: next(ahead))
    assert [suspension.since_last() for _ in range(3)] == [0.0, 28_800.0, 0.0]


def started(pid: int) -> float:
    """The start of a process that runs."""
    since = start_time(pid)
    assert since is not None
    return since


def test_another_program_that_grows_is_named(holder: Holder) -> None:
    """The growth of a program since the last minutes is told with its name, and our own are left out."""
    programs = Programs()
    programs.read(0.0, without=())
    holder.take("private")
    by_name = {reading.name: reading for reading in programs.read(10.0, without=())}
    assert abs(by_name[_NAME].growth_bytes - 64 * _MIB) < 4 * _MIB
    assert _NAME not in {reading.name for reading in programs.read(11.0, without={holder.pid})}


@pytest.mark.parametrize(("took", "pause"), [(0.001, 5.0), (0.012, 12.0), (0.5, 30.0)])
def test_other_programs_are_read_more_rarely_where_there_are_many(took: float, pause: float) -> None:
    """At most a thousandth of a processor goes into it, but half a minute is never exceeded."""
    ticking = itertools.count()
    programs = Programs(processor_time=lambda: next(ticking) * took)
    assert programs.read_when_due(100.0, ())
    assert programs.read_when_due(100.0 + pause - 0.01, ()) == ()
    assert programs.read_when_due(100.0 + pause, ())


def test_a_dead_process_has_no_memory() -> None:
    """A zombie and a process that is gone both read as None."""
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert read_process_memory(child) is None
    os.waitpid(child, 0)
    assert read_process_memory(child) is None
