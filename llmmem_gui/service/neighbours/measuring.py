"""What processes hold, measured: each look reads one small file of each, a walk over its pages is rare.

What `/proc/PID/status` tells counts pages that several processes share in each of them: a model that two
programs have mapped would be there twice. `smaps_rollup` shares them out, but walks all pages, and holds a
lock that a process needs to load. So a process is walked once it rests, and again when it has changed or
others have come or gone; between, what changes is added to what the walk has found. A process of another
user may not be walked: for it stands what its status tells.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass
from pathlib import Path

from llmmem_gui.core.neighbours import Held
from llmmem_gui.core.readings import GpuReading, main_memory_of, vram_of
from llmmem_gui.service.sampling.process_memory import ProcessMemory, read_process_memory

_SHARES = re.compile(rb"^(Pss_Anon|Pss_File|Pss_Shmem|SwapPss):\s+(\d+)", re.MULTILINE)
_RESTS_WITHIN = 0.01
"""Share of its memory by which a process may change between two looks that rests."""
_BUSY_SHARE = 0.2
"""Of one core, over the time between two looks: less is a server that only listens."""
_LEAST_SECONDS = 1.0
"""Over less time the kernel's own clock of a process is too coarse to tell."""
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


@dataclass(slots=True)
class _Seen:
    raw: ProcessMemory
    """As it was read last."""
    walked: ProcessMemory | None = None
    """What a walk has found."""
    walked_raw: ProcessMemory | None = None
    """As it was read at the time of the walk."""
    among: Hashable = None
    """The processes that there were at the time of the walk."""
    processor_seconds: float = 0.0
    looked_at: float = 0.0
    busy: bool = False


class Meter:
    """Measures processes from look to look; used by one thread at a time."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self.walks = 0
        """How many processes had all their pages walked."""
        self._proc = proc
        self._seen: dict[int, _Seen] = {}

    def look(self, pids: Iterable[int], now: float, among: Hashable) -> None:
        """Read these processes, and forget all others; `among` changes when others share what they map."""
        seen: dict[int, _Seen] = {}
        for pid in pids:
            raw = read_process_memory(pid)
            if raw is not None:
                seen[pid] = self._look_at(pid, raw, now, among)
        self._seen = seen

    def knows(self, pid: int) -> bool:
        """Whether the process was there at the last look; one that has only to be reaped holds nothing."""
        return pid in self._seen

    def held(self, pids: Iterable[int], gpus: Collection[GpuReading]) -> Held:
        """What some of them hold together."""
        known = [pid for pid in pids if pid in self._seen]
        shares = [_share(self._seen[pid]) for pid in known]
        return Held(
            sum(share.private_bytes for share in shares) + main_memory_of(gpus, known),
            sum(share.mapped_bytes for share in shares),
            vram_of(gpus, known),
        )

    def is_busy(self, pids: Collection[int]) -> bool:
        """Whether any of them has computed since the look before."""
        return any(self._seen[pid].busy for pid in pids if pid in self._seen)

    def _look_at(self, pid: int, raw: ProcessMemory, now: float, among: Hashable) -> _Seen:
        seen = self._seen.get(pid)
        spent = self._processor_seconds(pid)
        if seen is None:
            return _Seen(raw, processor_seconds=spent, looked_at=now)
        passed = now - seen.looked_at
        if passed >= _LEAST_SECONDS:
            seen.busy = (spent - seen.processor_seconds) / passed > _BUSY_SHARE
            seen.processor_seconds, seen.looked_at = spent, now
        rests = _is_near(raw, seen.raw)
        seen.raw = raw
        known = seen.walked_raw is not None and seen.among == among and _is_near(raw, seen.walked_raw)
        if rests and not known:
            self.walks += 1
            seen.walked, seen.walked_raw, seen.among = self._walk(pid), raw, among
        return seen

    def _walk(self, pid: int) -> ProcessMemory | None:
        """What it holds, with its share of what it has in common with others; None where that is not told."""
        try:
            content = (self._proc / str(pid) / "smaps_rollup").read_bytes()
        except OSError:
            return None
        kib = {name: int(value) for name, value in _SHARES.findall(content)}
        if b"Pss_File" not in kib:  # a kernel before 5.4
            return None
        private = kib.get(b"Pss_Anon", 0) + kib.get(b"Pss_Shmem", 0) + kib.get(b"SwapPss", 0)
        return ProcessMemory(private * 1024, kib[b"Pss_File"] * 1024)

    def _processor_seconds(self, pid: int) -> float:
        try:
            fields = (self._proc / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
            return (int(fields[11]) + int(fields[12])) / _TICKS
        except (OSError, IndexError, ValueError):
            return 0.0


def _share(seen: _Seen) -> ProcessMemory:
    if seen.walked is None or seen.walked_raw is None:
        return seen.raw
    private = seen.walked.private_bytes + seen.raw.private_bytes - seen.walked_raw.private_bytes
    mapped = seen.walked.mapped_bytes + seen.raw.mapped_bytes - seen.walked_raw.mapped_bytes
    return ProcessMemory(max(0, private), max(0, mapped))


def _is_near(one: ProcessMemory, other: ProcessMemory) -> bool:
    most = max(one.private_bytes + one.mapped_bytes, 1)
    moved = abs(one.private_bytes - other.private_bytes) + abs(one.mapped_bytes - other.mapped_bytes)
    return moved <= _RESTS_WITHIN * most
