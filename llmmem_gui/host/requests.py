"""Which request is answered now, and which were cancelled."""

from __future__ import annotations

import threading

from llmmem_gui.host.engine import AbortSwitch


class Requests:
    """Brings a cancellation, which comes on one thread, to the answer, which is made on another."""

    def __init__(self, abort: AbortSwitch) -> None:
        self._abort = abort
        self._lock = threading.Lock()
        self._current: int | None = None
        self._last = 0
        self._cancelled: set[int] = set()

    def begin(self, request_id: int) -> bool:
        """Start to answer a request; False when it was cancelled before."""
        with self._lock:
            self._abort.release()
            self._last = request_id
            if request_id in self._cancelled:
                self._cancelled.discard(request_id)
                return False
            self._current = request_id
            return True

    def end(self) -> None:
        """The current request is over."""
        with self._lock:
            self._current = None
            self._abort.release()

    def cancel(self, request_id: int) -> None:
        """Stop the request now, or keep it from starting."""
        with self._lock:
            if request_id == self._current:
                self._abort.press()
            elif request_id > self._last:
                self._cancelled.add(request_id)
