"""Changes of limits, and how they are taken back: Ctrl+Z."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoCommand, QUndoStack

from llmmem_gui.core.settings import Settings
from llmmem_gui.core.snapshot import CacheSnapshot
from llmmem_gui.ui.requests import Request, SetIdle, SetLimit, SetReserve


class LimitHistory(QObject):
    """Asks for other limits and remembers those in force before.

    Signals: `requested` with a request, for a change and for taking it back.
    """

    requested = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.stack = QUndoStack(self)
        self.stack.setUndoLimit(50)
        self._snapshot: CacheSnapshot | None = None
        self._settings = Settings()

    def take(self, snapshot: CacheSnapshot | None, settings: Settings) -> None:
        """Take in the limits in force."""
        self._snapshot, self._settings = snapshot, settings

    def change_total(self, limit_bytes: int | None) -> None:
        """Ask for another total limit."""
        before = self._snapshot.bounds.total_limit_bytes if self._snapshot else None
        self._change(self.tr("total limit"), SetLimit(None, limit_bytes), SetLimit(None, before))

    def change_model(self, request: SetLimit) -> None:
        """Ask for another limit of one model."""
        model_id = request.model_id or ""
        model = self._snapshot.model(model_id) if self._snapshot else None
        before = SetLimit(model_id, model.limit_bytes if model else None)
        self._change(self.tr("limit of {model}").format(model=model_id), request, before)

    def change_reserve(self, reserve_bytes: int) -> None:
        """Ask for more or less memory to be kept free."""
        before = self._snapshot.bounds.reserve_bytes if self._snapshot else 0
        self._change(self.tr("memory kept free"), SetReserve(reserve_bytes), SetReserve(before))

    def change_idle(self, minutes: float | None) -> None:
        """Ask for another idle time; None: never."""
        before = self._settings.limits.idle_minutes
        self._change(self.tr("idle time"), SetIdle(minutes), SetIdle(before if before > 0 else None))

    def _change(self, text: str, request: Request, back: Request) -> None:
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
