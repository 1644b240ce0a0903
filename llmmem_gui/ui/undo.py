"""Changes of limits, and how they are taken back: Ctrl+Z."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoCommand, QUndoStack

from llmmem_gui.core.events import Cause, UnloadReceipt
from llmmem_gui.core.gpu_limits import GPU_LIMITS
from llmmem_gui.core.settings import Settings
from llmmem_gui.core.snapshot import CacheSnapshot
from llmmem_gui.ui.requests import ChangeSettings, Restore, SetLimit

_LimitRequest = ChangeSettings | SetLimit
_CAUSES: tuple[Cause, ...] = ("total limit", "device limit", "model limit", "reserve", "idle")
"""Why a model goes that a limit made go."""


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

    def take_receipt(self, receipt: UnloadReceipt) -> None:
        """Take in that a model went: undoing the change that made it go brings it back."""
        last = self.stack.command(self.stack.index() - 1)
        if isinstance(last, _Change) and receipt.cause in _CAUSES:
            last.unloaded.append(receipt.model_id)

    def take_back(self, models: tuple[str, ...]) -> bool:
        """Undo the last change, if it made these models go; whether it did."""
        last = self.stack.command(self.stack.index() - 1)
        if not isinstance(last, _Change) or not set(models) <= set(last.unloaded):
            return False
        self.stack.undo()
        return True

    def change_total(self, limit_bytes: int | None) -> None:
        """Ask for another total limit; None: there is none."""
        self._change_setting(self.tr("total limit"), "total_limit_bytes", limit_bytes or 0)

    def change_gpu(self, key: str, limit_bytes: int) -> None:
        """Ask for another limit of one GPU, by what settings call it."""
        before = self._settings.limits.gpu_limit_bytes.get(key)
        self._change(
            self.tr("limit of a GPU"),
            ChangeSettings({GPU_LIMITS: {key: limit_bytes}}),
            ChangeSettings({GPU_LIMITS: {key: before}}),
        )

    def change_model(self, request: SetLimit) -> None:
        """Ask for another limit of one model."""
        model_id = request.model_id or ""
        model = self._snapshot.model(model_id) if self._snapshot else None
        before = SetLimit(model_id, model.limit_bytes if model else None)
        self._change(self.tr("limit of {model}").format(model=model_id), request, before)

    def change_reserve(self, reserve_bytes: int) -> None:
        """Ask for more or less memory to be kept free."""
        self._change_setting(self.tr("memory kept free"), "reserve_bytes", reserve_bytes)

    def change_idle(self, minutes: float | None) -> None:
        """Ask for another idle time; None: never."""
        self._change_setting(self.tr("idle time"), "idle_minutes", minutes or 0.0)

    def _change_setting(self, text: str, name: str, value: float) -> None:
        # Back to what was set, not to what it came to: what was automatic becomes automatic again.
        before = getattr(self._settings.limits, name)
        setting = f"limits.{name}"
        self._change(text, ChangeSettings({setting: value}), ChangeSettings({setting: before}))

    def _change(self, text: str, request: _LimitRequest, back: _LimitRequest) -> None:
        self.stack.push(_Change(self, text, request, back))


class _Change(QUndoCommand):
    def __init__(self, history: LimitHistory, text: str, request: _LimitRequest, back: _LimitRequest) -> None:
        super().__init__(text)
        self.unloaded: list[str] = []
        """Models that went because of it."""
        self._history = history
        self._request = request
        self._back = back

    def redo(self) -> None:
        self._history.requested.emit(self._request)

    def undo(self) -> None:
        models, self.unloaded = tuple(dict.fromkeys(self.unloaded)), []
        self._history.requested.emit(Restore(models, self._back) if models else self._back)
