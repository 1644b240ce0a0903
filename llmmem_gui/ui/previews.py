"""What another limit would bring: asked while it is being chosen, one question at a time."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from llmmem_gui.core.outlook import LimitsOutlook
from llmmem_gui.ui.requests import Outcome, PreviewLimits


class Previews(QObject):
    """Asks about the newest choice as soon as the question before is answered.

    Signals: `requested` with the question; `found` with a question and its LimitsOutlook.
    """

    requested = Signal(object)
    found = Signal(object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._asked: PreviewLimits | None = None
        self._wanted: PreviewLimits | None = None

    def ask(self, question: PreviewLimits) -> None:
        """Ask, or after the answer that is awaited; of several questions that wait only the last is asked."""
        self._wanted = question
        self._ask()

    def forget(self) -> None:
        """Nobody wants to know any more."""
        self._asked = self._wanted = None

    def take(self, outcome: Outcome) -> None:
        """Take in an answer, if it is one to what was asked here."""
        if self._asked is None or outcome.request is not self._asked:
            return
        asked, self._asked = self._asked, None
        if isinstance(outcome.result, LimitsOutlook):
            self.found.emit(asked, outcome.result)
        self._ask()

    def _ask(self) -> None:
        if self._wanted is not None and self._asked is None:
            self._asked, self._wanted = self._wanted, None
            self.requested.emit(self._asked)
