"""Long work of the GUI thread, a part in each turn of its event loop."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from PySide6.QtCore import QObject, QTimer


class Turns(QObject):
    """Takes steps one by one, and lets the event loop do what else there is before each."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._left: deque[Callable[[], object]] = deque()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._take)

    def begin(self, steps: Iterable[Callable[[], object]]) -> None:
        """Take these steps, from the next turn on; what was left of others is dropped."""
        self._left = deque(steps)
        self._timer.start(0)

    def _take(self) -> None:
        if len(self._left) <= 1:
            self._timer.stop()
        if self._left:
            self._left.popleft()()
