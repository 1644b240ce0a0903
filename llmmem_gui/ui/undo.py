"""Takes changes of limits back: Ctrl+Z."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoCommand, QUndoStack

from llmmem_gui.ui.requests import Request


class LimitHistory(QObject):
    """Remembers the requests that undo the changes of limits made in this window.

    Signals: `requested` with a request, for a change and for taking it back.
    """

    requested = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.stack = QUndoStack(self)
        self.stack.setUndoLimit(50)

    def change(self, text: str, request: Request, back: Request) -> None:
        """Ask for a change, and remember the request that takes it back."""
        self.stack.push(_Change(self, text, request, back))


class _Change(QUndoCommand):
    def __init__(self, history: LimitHistory, text: str, request: Request, back: Request) -> None:
        super().__init__(text)
        self._history = history
        self._request = request
        self._back = back

    def redo(self) -> None:
        self._history.requested.emit(self._request)

    def undo(self) -> None:
        self._history.requested.emit(self._back)
