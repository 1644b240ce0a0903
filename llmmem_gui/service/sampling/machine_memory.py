"""Memory of the whole machine, or of the control group that bounds this program."""

from __future__ import annotations

import mmap
import os
import re
from pathlib import Path

import psutil

from llmmem_gui.core.readings import MachineReading

_FIELD = re.compile(rb"^(\w+)[: ]+(\d+)", re.MULTILINE)
_STALL = re.compile(rb"^(some|full) avg10=([\d.]+)", re.MULTILINE)
_UNLIMITED_V1 = 1 << 60
"""cgroup v1 has no word for "no limit": it shows a number near 2^63."""


def installed_bytes() -> int:
    """Memory of the machine, asked in the simplest way there is: for when it cannot be read as usual."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # Windows has no sysconf
        return int(psutil.virtual_memory().total)


class MachineMemory:
    """Reads the machine's memory; `proc` and `cgroup` are the roots of the two file systems."""

    def __init__(self, proc: Path = Path("/proc"), cgroup: Path = Path("/sys/fs/cgroup")) -> None:
        self._proc = proc
        self._has_proc = (proc / "meminfo").exists()
        self._groups = _bounding_groups(proc, cgroup) if self._has_proc else []

    def read(self, own_bytes: int = 0) -> MachineReading:
        """Read everything at once.

        Available memory is what the kernel says is available, page cache included; in a control group
        it is also at most `limit - usage + page cache of the group`.
        """
        if not self._has_proc:
            return _by_psutil(own_bytes)
        meminfo = _fields(self._proc / "meminfo")
        total = meminfo["MemTotal"] * 1024
        available = meminfo.get("MemAvailable", meminfo["MemFree"]) * 1024
        bound = "machine"
        for group in self._groups:
            limit, spare = group.read()
            if limit is not None and limit < total:
                total, bound = limit, "control group"
            if limit is not None and spare is not None:
                available = min(available, spare)
        vmstat = _fields(self._proc / "vmstat")
        swapped = (vmstat.get("pswpin", 0) + vmstat.get("pswpout", 0)) * mmap.PAGESIZE
        stalls = self._stalls()
        swap_total, swap_free = (meminfo.get(name, 0) * 1024 for name in ("SwapTotal", "SwapFree"))
        resident = [meminfo[name] * 1024 for name in ("AnonPages", "Shmem") if name in meminfo]
        return MachineReading(
            total_bytes=total,
            available_bytes=max(0, available),
            swap_total_bytes=swap_total,
            swap_free_bytes=swap_free,
            swapped_bytes=swapped,
            own_bytes=own_bytes,
            pressure_some_percent=stalls.get(b"some"),
            pressure_full_percent=stalls.get(b"full"),
            private_bytes=sum(resident) + swap_total - swap_free if resident else None,
            bound=bound,
        )

    def _stalls(self) -> dict[bytes, float]:
        try:
            text = (self._proc / "pressure" / "memory").read_bytes()
        except OSError:  # a kernel without PSI, or one that has it switched off
            return {}
        return {kind: float(percent) for kind, percent in _STALL.findall(text)}


class _Group:
    """One control group with a memory limit: v2 and v1 differ in file names only."""

    def __init__(self, folder: Path, limit: str, usage: str, cache_fields: tuple[str, ...]) -> None:
        self._limit = folder / limit
        self._usage = folder / usage
        self._stat = folder / "memory.stat"
        self._cache_fields = cache_fields

    def read(self) -> tuple[int | None, int | None]:
        """Limit of the group and what is spare in it, bytes; None where there is no limit."""
        try:
            limit_text = self._limit.read_text().strip()
            if limit_text == "max" or int(limit_text) >= _UNLIMITED_V1:
                return None, None
            stat = _fields(self._stat)
            cache = sum(stat.get(name, 0) for name in self._cache_fields)
            limit = int(limit_text)
            return limit, limit - int(self._usage.read_text()) + cache
        except (OSError, ValueError):
            return None, None


def _bounding_groups(proc: Path, cgroup: Path) -> list[_Group]:
    """The program's memory control group and all above it: the tightest one bounds."""
    try:
        lines = (proc / "self" / "cgroup").read_text().splitlines()
    except OSError:
        return []
    groups = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "" and (cgroup / "cgroup.controllers").exists():
            root, limit, usage = cgroup, "memory.max", "memory.current"
            cache: tuple[str, ...] = ("inactive_file", "active_file", "slab_reclaimable")
        elif "memory" in controllers.split(","):
            root, limit, usage = cgroup / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
            cache = ("total_inactive_file", "total_active_file")
        else:
            continue
        folder = root / path.lstrip("/")
        if not folder.is_dir():  # a container sees its own group as the root
            folder = root
        for level in (folder, *folder.parents):
            groups.append(_Group(level, limit, usage, cache))
            if level == root:
                break
    return groups


def _fields(path: Path) -> dict[str, int]:
    """Numbers of a `/proc` or cgroup file with one `name value` on each line."""
    return {name.decode(): int(value) for name, value in _FIELD.findall(path.read_bytes())}


def _by_psutil(own_bytes: int) -> MachineReading:
    """The same from psutil, for systems without `/proc` (untested on macOS and Windows)."""
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    return MachineReading(
        total_bytes=memory.total,
        available_bytes=memory.available,
        swap_total_bytes=swap.total,
        swap_free_bytes=swap.free,
        swapped_bytes=swap.sin + swap.sout,
        own_bytes=own_bytes,
    )
