"""Counts what happens to objects of Qt."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject


class Counted(QObject):
    """An event filter that keeps which of some types of events came, and to what."""

    def __init__(self, *types: QEvent.Type) -> None:
        super().__init__()
        self.events: list[tuple[str, QEvent.Type]] = []
        self._types = types

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take the event in, and let it through."""
        if event.type() in self._types:
            self.events.append((type(watched).__name__, event.type()))
        return False
