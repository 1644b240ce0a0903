"""Notices that the machine was suspended, by two clocks of which one stands still meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable

LEAST_SECONDS = 1.0
"""Less is the two clocks being read one after the other."""


def _beside_monotonic() -> float:
    """How far the clock that counts suspension is ahead of the one that does not, in seconds.

    0 on systems that have no such pair: what counts there is what `time.monotonic` counts.
    """
    boottime: int | None = getattr(time, "CLOCK_BOOTTIME", None)
    return 0.0 if boottime is None else time.clock_gettime(boottime) - time.monotonic()


class Suspension:
    """Tells how long the machine was suspended since it was asked last."""

    def __init__(self, ahead: Callable[[], float] = _beside_monotonic) -> None:
        self._ahead = ahead
        self._before = ahead()

    def since_last(self) -> float:
        """Seconds of suspension since the last call; 0.0 for none."""
        before, self._before = self._before, self._ahead()
        gained = self._before - before
        return gained if gained >= LEAST_SECONDS else 0.0
