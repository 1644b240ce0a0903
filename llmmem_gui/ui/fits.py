"""What would make models fit that do not fit as they are: asked for once, and remembered."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from llmmem_gui.ui.outlook import Outlook
from llmmem_gui.ui.requests import FindFit, Fit

_STEP_BYTES = 16 * 1024**2
"""Room that differs by less is not worth asking again."""


class Fits(QObject):
    """Signals: `requested` with a request to find out; `changed` when something was found."""

    requested = Signal(object)
    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.found: dict[str, Fit] = {}
        """By model id."""
        self._asked: set[tuple[str, int]] = set()

    def want(self, view: Outlook) -> None:
        """Ask what would make a model fit, unless that was asked; called while a row is painted."""
        if view.fits_bytes is None:
            return
        key = (view.model_id, view.fits_bytes // _STEP_BYTES)
        if key not in self._asked:
            self._asked.add(key)
            self.requested.emit(FindFit(view.model_id, view.fits_bytes))

    def take(self, model_id: str, fit: Fit) -> None:
        """Remember what was found."""
        self.found[model_id] = fit
        self.changed.emit()
