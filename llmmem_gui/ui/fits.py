"""What would make models fit that do not fit as they are: asked for once, and remembered."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from llmmem_gui.core.outlook import Outlook
from llmmem_gui.core.snapshot import ModelSnapshot
from llmmem_gui.core.units import LARGEST_BYTES
from llmmem_gui.ui.requests import FindFit, Fit

_STEP_BYTES = 16 * 1024**2
"""Room that differs by less is not worth asking again."""
_KEPT = 1024


class Fits(QObject):
    """Signals: `requested` with a request to find out; `changed` when something was found."""

    requested = Signal(object)
    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._found: dict[FindFit, Fit | None] = {}
        """The answer to each question, None until it comes."""

    def of(self, model: ModelSnapshot, view: Outlook | None) -> Fit | None:
        """What would make the model fit in the room that there is now, if that was found."""
        question = _question(model, view)
        return None if question is None else self._found.get(question)

    def want(self, model: ModelSnapshot, view: Outlook) -> None:
        """Ask what would make a model fit, unless that was asked; called while a row is painted."""
        question = _question(model, view)
        if question is not None and question not in self._found:
            if len(self._found) >= _KEPT:
                self._found.clear()
            self._found[question] = None
            self.requested.emit(question)

    def take(self, question: FindFit, fit: Fit) -> None:
        """Remember what was found."""
        self._found[question] = fit
        self.changed.emit()


def _question(model: ModelSnapshot, view: Outlook | None) -> FindFit | None:
    if view is None or view.room_bytes is None:
        return None
    room = view.room_bytes
    if view.device:
        room = LARGEST_BYTES if view.main_room_bytes is None else view.main_room_bytes
    # Rounded down, so that what is found fits in all the room that is rounded to the same.
    return FindFit(model.id, model.parameters, room // _STEP_BYTES * _STEP_BYTES, bool(view.device))
