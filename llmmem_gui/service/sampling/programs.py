"""Which other programs use much memory, and which of them grew."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection

import psutil

from llmmem_gui.core.readings import ProgramReading

GROWTH_SECONDS = 180.0
"""Growth is told over the last three minutes."""
_LISTED = 8
_SHARE = 0.001
"""Of a processor that reading them may take: a computer may run hundreds of programs."""
_LEAST_SECONDS, _MOST_SECONDS = 5.0, 30.0
"""Between two readings."""


class Programs:
    """Sums resident memory by program name and remembers the sums of the last minutes."""

    def __init__(self, processor_time: Callable[[], float] = time.thread_time) -> None:
        self._past: deque[tuple[float, dict[str, int]]] = deque()
        self._processor_time = processor_time
        self._due = 0.0

    def read_when_due(self, now: float, without: Collection[int]) -> tuple[ProgramReading, ...]:
        """What `read` tells, or nothing while the last reading is young."""
        if now < self._due:
            return ()
        begun = self._processor_time()
        readings = self.read(now, without)
        took = self._processor_time() - begun
        self._due = now + min(max(took / _SHARE, _LEAST_SECONDS), _MOST_SECONDS)
        return readings

    def read(self, now: float, without: Collection[int]) -> tuple[ProgramReading, ...]:
        """The programs that use or gained most, largest first, leaving out the processes `without`."""
        sums: dict[str, int] = {}
        for process in psutil.process_iter(["name", "memory_info"]):
            memory = process.info["memory_info"]
            if memory is None or process.pid in without:
                continue
            # Shared pages (libraries, mapped files) belong to many: only what is a program's own grows.
            own = memory.rss - getattr(memory, "shared", 0)
            name = process.info["name"] or "?"
            sums[name] = sums.get(name, 0) + max(0, own)
        while self._past and now - self._past[0][0] > GROWTH_SECONDS:
            self._past.popleft()
        self._past.append((now, sums))
        began, before = self._past[0]
        readings = [
            ProgramReading(name, size, max(0, size - before.get(name, 0)), now - began)
            for name, size in sums.items()
        ]
        largest = sorted(readings, key=lambda r: max(r.resident_bytes, r.growth_bytes), reverse=True)
        return tuple(largest[:_LISTED])
