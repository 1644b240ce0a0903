"""How fast a use of memory grows, and when it reaches a limit at that rate."""

from __future__ import annotations

from collections import deque
from itertools import combinations
from statistics import median

_WINDOW_SECONDS = 60.0
_STEP_SECONDS = 5.0
"""Points closer than this add work and no knowledge."""
_LEAST_SECONDS = 20.0
_FURTHEST_SECONDS = 3600.0
"""A limit that is further away is not worth a word."""


class Trend:
    """Follows one use of memory over the last minute."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, int]] = deque()
        self._newest = (0.0, 0)
        self._epoch: object = None

    def add(self, now: float, used_bytes: int, epoch: object = None) -> None:
        """Take in a point; another `epoch` (a model came or went) is a jump, from which it begins anew."""
        if epoch != self._epoch:
            self._epoch = epoch
            self._points.clear()
        self._newest = (now, used_bytes)
        if not self._points or now - self._points[-1][0] >= _STEP_SECONDS:
            self._points.append(self._newest)
        while now - self._points[0][0] > _WINDOW_SECONDS:
            self._points.popleft()

    @property
    def grown(self) -> tuple[int, float]:
        """Bytes gained, possibly below 0, and the seconds in which they were."""
        if not self._points:
            return 0, 0.0
        began, used_then = self._points[0]
        return self._newest[1] - used_then, self._newest[0] - began

    def seconds_until(self, limit_bytes: int) -> float | None:
        """Seconds until the use reaches the limit, by the median of the slopes between all points.

        One outlier does not move it (Theil 1950, Sen 1968). None when it does not grow, when the limit is
        reached already or more than an hour away, or when less than 20 seconds are known.
        """
        if len(self._points) < 3 or self._points[-1][0] - self._points[0][0] < _LEAST_SECONDS:
            return None
        slope = median((b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(self._points, 2))
        left = limit_bytes - self._newest[1]
        if slope <= 0 or left <= 0 or left / slope > _FURTHEST_SECONDS:
            return None
        return left / slope
