"""Stops a computation that nobody waits for any more."""

from __future__ import annotations

import threading

from llmmem_gui.host.engine import AbortSwitch


class Abortion:
    """Stops a step of which every request was cancelled, from the thread that hears of it."""

    def __init__(self, switch: AbortSwitch) -> None:
        self._switch = switch
        self._lock = threading.Lock()
        self._computed: frozenset[int] = frozenset()
        self._cancelled: set[int] = set()
        """Of those that are computed and those to come."""

    def begin(self, request_ids: frozenset[int]) -> None:
        """These requests are computed now."""
        with self._lock:
            self._switch.release()
            self._computed = request_ids
            self._press_if_unwanted()

    def end(self) -> None:
        """The step is over."""
        with self._lock:
            self._computed = frozenset()
            self._switch.release()

    def cancel(self, request_id: int) -> None:
        """This request is not wanted any more."""
        with self._lock:
            self._cancelled.add(request_id)
            self._press_if_unwanted()

    def forget(self, request_id: int) -> None:
        """The request is over."""
        with self._lock:
            self._cancelled.discard(request_id)

    def _press_if_unwanted(self) -> None:
        # Others would have to compute their part again, and what is in the memory would not be known.
        if self._computed and self._computed <= self._cancelled:
            self._switch.press()
