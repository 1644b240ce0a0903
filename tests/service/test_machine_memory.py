"""The machine's memory is read right on bare machines, in control groups and in containers."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from llmmem_gui.service.sampling.machine_memory import MachineMemory

_GIB = 1024**3


class FakeMachine:
    """A `/proc` and a `/sys/fs/cgroup` as files, for machines that this one is not."""

    def __init__(self, root: Path) -> None:
        self.proc = root / "proc"
        self.cgroup = root / "cgroup"
        self.write("proc/self/cgroup", "")
        self.write("proc/vmstat", "pswpin 10\npswpout 5\n")
        self._root = root

    def write(self, name: str, text: str) -> None:
        path = self.proc.parent / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def has_memory(self, total_gib: int, available_gib: int) -> None:
        self.write(
            "proc/meminfo",
            f"MemTotal:       {total_gib * 1024**2} kB\nMemFree:        {1024**2} kB\n"
            f"MemAvailable:   {available_gib * 1024**2} kB\nSwapTotal:  1024 kB\nSwapFree:  512 kB\n",
        )

    def read(self):
        return MachineMemory(self.proc, self.cgroup).read(own_bytes=7)


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    return FakeMachine(tmp_path)


def test_this_machine_is_read_as_psutil_reads_it() -> None:
    """Total and available memory agree with psutil within what changes between two readings."""
    reading = MachineMemory().read()
    memory = psutil.virtual_memory()
    assert reading.total_bytes <= memory.total
    assert abs(reading.available_bytes - min(memory.available, reading.total_bytes)) < 0.2 * memory.total


def test_case_29_page_cache_counts_as_available_without_a_group(machine: FakeMachine) -> None:
    """Available is what the kernel says, which includes page cache, not what is free."""
    machine.has_memory(total_gib=32, available_gib=20)
    reading = machine.read()
    assert (reading.total_bytes, reading.available_bytes) == (32 * _GIB, 20 * _GIB)
    assert reading.bound == "machine"
    assert (reading.swap_total_bytes, reading.swap_free_bytes) == (1024**2, 512 * 1024)
    assert reading.swapped_bytes == 15 * 4096
    assert reading.own_bytes == 7


def test_case_29_page_cache_counts_as_available_in_a_v2_group(machine: FakeMachine) -> None:
    """In a group of 8 GiB that uses 7, of which 4 are page cache, 5 GiB are available."""
    machine.has_memory(total_gib=32, available_gib=20)
    machine.write("proc/self/cgroup", "0::/user.slice/app.scope\n")
    machine.write("cgroup/cgroup.controllers", "memory pids\n")
    group = "cgroup/user.slice/app.scope"
    machine.write(f"{group}/memory.max", f"{8 * _GIB}\n")
    machine.write(f"{group}/memory.current", f"{7 * _GIB}\n")
    machine.write(f"{group}/memory.stat", f"anon 1\ninactive_file {3 * _GIB}\nactive_file {_GIB}\n")
    reading = machine.read()
    assert (reading.total_bytes, reading.available_bytes) == (8 * _GIB, 5 * _GIB)
    assert reading.bound == "control group"


def test_case_29_a_group_above_bounds_too(machine: FakeMachine) -> None:
    """The tightest of the program's groups counts; "max" is no limit."""
    machine.has_memory(total_gib=32, available_gib=20)
    machine.write("proc/self/cgroup", "0::/outer/inner\n")
    machine.write("cgroup/cgroup.controllers", "memory\n")
    machine.write("cgroup/outer/inner/memory.max", "max\n")
    machine.write("cgroup/outer/memory.max", f"{4 * _GIB}\n")
    machine.write("cgroup/outer/memory.current", f"{_GIB}\n")
    machine.write("cgroup/outer/memory.stat", "inactive_file 0\n")
    assert machine.read().available_bytes == 3 * _GIB


def test_case_29_page_cache_counts_as_available_in_a_v1_group(machine: FakeMachine) -> None:
    """The same for the first version of control groups."""
    machine.has_memory(total_gib=32, available_gib=20)
    machine.write("proc/self/cgroup", "5:memory:/docker/abc\n2:cpu:/docker/abc\n")
    group = "cgroup/memory/docker/abc"
    machine.write(f"{group}/memory.limit_in_bytes", f"{6 * _GIB}\n")
    machine.write(f"{group}/memory.usage_in_bytes", f"{5 * _GIB}\n")
    machine.write(f"{group}/memory.stat", f"total_inactive_file {2 * _GIB}\ntotal_active_file {_GIB}\n")
    assert machine.read().available_bytes == 4 * _GIB


def test_case_29_a_v1_group_without_a_limit_does_not_bound(machine: FakeMachine) -> None:
    """The huge number that stands for "no limit" is not taken for one."""
    machine.has_memory(total_gib=32, available_gib=20)
    machine.write("proc/self/cgroup", "5:memory:/\n")
    machine.write("cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")
    machine.write("cgroup/memory/memory.usage_in_bytes", "1\n")
    machine.write("cgroup/memory/memory.stat", "total_inactive_file 0\n")
    reading = machine.read()
    assert (reading.total_bytes, reading.bound) == (32 * _GIB, "machine")


def test_case_29_a_container_that_shows_its_own_meminfo(machine: FakeMachine) -> None:
    """LXC rewrites meminfo; its group path does not exist inside and the group's root is read instead."""
    machine.has_memory(total_gib=12, available_gib=9)
    machine.write("proc/self/cgroup", "0::/lxc/101/ns/user\n")
    machine.write("cgroup/cgroup.controllers", "memory\n")
    machine.write("cgroup/memory.max", f"{12 * _GIB}\n")
    machine.write("cgroup/memory.current", f"{11 * _GIB}\n")
    machine.write("cgroup/memory.stat", f"inactive_file {8 * _GIB}\nactive_file 0\n")
    reading = machine.read()
    assert (reading.total_bytes, reading.available_bytes) == (12 * _GIB, 9 * _GIB)


@pytest.mark.parametrize("page_bytes", [4096, 16384, 65536])
def test_swap_traffic_counts_pages_of_the_systems_size(
    machine: FakeMachine, monkeypatch: pytest.MonkeyPatch, page_bytes: int
) -> None:
    """The kernel counts pages, which are of 4 KiB here and of 16 or 64 KiB on some ARM and POWER machines."""
    monkeypatch.setattr("mmap.PAGESIZE", page_bytes)
    machine.has_memory(total_gib=8, available_gib=4)
    machine.write("proc/vmstat", "pswpin 10\npswpout 5\n")
    assert machine.read().swapped_bytes == 15 * page_bytes


def test_private_memory_of_all_programs_is_read(machine: FakeMachine) -> None:
    """What is anonymous or shared without a file, resident or swapped; None where the kernel does not say."""
    machine.has_memory(total_gib=8, available_gib=4)
    assert machine.read().private_bytes is None
    with (machine.proc / "meminfo").open("a") as file:
        file.write("AnonPages:  2048 kB\nShmem:  100 kB\n")
    assert machine.read().private_bytes == (2048 + 100 + 512) * 1024


def test_stalls_are_read_where_the_kernel_tells_them(machine: FakeMachine) -> None:
    """PSI gives percentages; without it they are unknown, not zero."""
    machine.has_memory(total_gib=8, available_gib=4)
    assert machine.read().pressure_some_percent is None
    machine.write(
        "proc/pressure/memory",
        "some avg10=12.50 avg60=3.00 avg300=1.00 total=99\nfull avg10=4.25 avg60=1.00 avg300=0.10 total=42\n",
    )
    reading = machine.read()
    assert (reading.pressure_some_percent, reading.pressure_full_percent) == (12.5, 4.25)
