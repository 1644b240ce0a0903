"""Private and mapped bytes of one process and its times, cheaply enough for a timer.

`/proc/PID/status` takes 0.03 ms; PSS (`smaps_rollup`) would take 70 to 500 ms for a loaded model and hold
the lock that the model needs to load.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass

import psutil

_USER_TIME, _SYSTEM_TIME, _START_TIME = 11, 12, 19
"""Places of `utime`, `stime` and `starttime` after the name in /proc/PID/stat (proc_pid_stat(5))."""
_STATUS = re.compile(rb"^(RssAnon|RssFile|RssShmem|VmSwap):\s+(\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ProcessMemory:
    """What one process holds, in bytes."""

    private_bytes: int
    """Anonymous memory, resident or swapped."""
    mapped_bytes: int
    """Resident pages of mapped files."""

    def since(self, birth: ProcessMemory) -> ProcessMemory:
        """What came on top of `birth`; never negative."""
        return ProcessMemory(
            max(0, self.private_bytes - birth.private_bytes), max(0, self.mapped_bytes - birth.mapped_bytes)
        )


def read_process_memory(pid: int) -> ProcessMemory | None:
    """Read the memory of a process; None when it has ended."""
    if not sys.platform.startswith("linux"):
        return _by_psutil(pid)
    try:
        with open(f"/proc/{pid}/status", "rb", buffering=0) as status:
            fields = dict(_STATUS.findall(status.read(8192)))
    except (FileNotFoundError, ProcessLookupError):
        return None
    if not fields:  # a zombie has no memory lines
        return None
    kib = {name: int(value) for name, value in fields.items()}
    private = kib.get(b"RssAnon", 0) + kib.get(b"VmSwap", 0) + kib.get(b"RssShmem", 0)
    return ProcessMemory(private * 1024, kib.get(b"RssFile", 0) * 1024)


@dataclass(frozen=True, slots=True)
class ProcessTimes:
    """When a process began, and how much it has computed."""

    started: float
    """In the system's own units: to tell it from the next one with its pid."""
    processor_seconds: float


def read_process_times(pid: int) -> ProcessTimes | None:
    """Read the times of a process; None when it has ended."""
    if not sys.platform.startswith("linux"):
        return _times_by_psutil(pid)
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as stat:
            # The name, in brackets, may hold anything; what follows its end are numbers.
            fields = stat.read(4096).rpartition(b")")[2].split()
            used = int(fields[_USER_TIME]) + int(fields[_SYSTEM_TIME])
            return ProcessTimes(float(fields[_START_TIME]), used / os.sysconf("SC_CLK_TCK"))
    except (FileNotFoundError, ProcessLookupError, IndexError):
        return None


def start_time(pid: int) -> float | None:
    """When a process began, as `ProcessTimes.started`; None when it has ended."""
    times = read_process_times(pid)
    return None if times is None else times.started


def _times_by_psutil(pid: int) -> ProcessTimes | None:
    """The same elsewhere (untested on macOS and Windows)."""
    try:
        process = psutil.Process(pid)
        used = process.cpu_times()
        return ProcessTimes(float(process.create_time()), used.user + used.system)
    except psutil.Error:
        return None


def _by_psutil(pid: int) -> ProcessMemory | None:
    """The nearest that psutil gives elsewhere (untested on macOS and Windows)."""
    try:
        memory = psutil.Process(pid).memory_info()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None
    private = getattr(memory, "private", None)  # Windows: commit charge
    if private is None:
        return ProcessMemory(memory.rss, 0)
    return ProcessMemory(private, max(0, memory.rss - private))
