"""How many processor cores other programs keep busy."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable

import psutil

from llmmem_gui.core.readings import HostReading

_SHORTEST_SECONDS = 0.2
"""Clocks of processes tick a hundred times a second: of less time nothing can be said."""


class OtherWork:
    """Follows the processor time of the machine, less that of this program and of its hosts.

    What has a low priority is left out: it gives way.
    """

    def __init__(
        self,
        machine_seconds: Callable[[], float] | None = None,
        own_seconds: Callable[[], float] = time.process_time,
    ) -> None:
        self._machine_seconds = machine_seconds or busy_seconds
        self._own_seconds = own_seconds
        self._before: tuple[float, float, dict[tuple[int, float], float]] | None = None
        self._cores = 0.0

    def cores(self, hosts: Iterable[HostReading], now: float) -> float:
        """How many cores they kept busy since the last call, or some before it; 0 while that is unknown.

        Without hosts nobody asks, and the next call is a first one. `now` is monotonic seconds.
        """
        ours = {(host.pid, host.started): host.processor_seconds for host in hosts}
        if not ours:
            self._before = None
            return 0.0
        ours[os.getpid(), 0.0] = self._own_seconds()
        try:
            machine = self._machine_seconds()
        except (OSError, RuntimeError, ValueError):
            return 0.0  # a sandbox may hide what the machine does
        if self._before is not None:
            then, machine_then, ours_then = self._before
            if now - then < _SHORTEST_SECONDS:
                return self._cores
            own = sum(seconds - ours_then.get(process, 0.0) for process, seconds in ours.items())
            self._cores = max(0.0, machine - machine_then - own) / (now - then)
        self._before = now, machine, ours
        return self._cores


def busy_seconds() -> float:
    """Processor time that the machine has used since it began, without that of programs of low priority."""
    times = psutil.cpu_times()
    # What the hypervisor gave to others cannot be had either. Interrupts are part of "system" on Windows.
    kinds = ("user", "system", "irq", "softirq", "steal")
    return float(sum(getattr(times, kind, 0.0) for kind in kinds))
