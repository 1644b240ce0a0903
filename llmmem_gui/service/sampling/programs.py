"""Which other programs use much memory, and which of them grew."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

import psutil

from llmmem_gui.core.readings import ProgramReading

GROWTH_SECONDS = 180.0
"""Growth is told over the last three minutes."""
_LISTED = 8


class Programs:
    """Sums resident memory by program name and remembers the sums of the last minutes."""

    def __init__(self) -> None:
        self._past: deque[tuple[float, dict[str, int]]] = deque()

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
