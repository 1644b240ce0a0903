"""The field in which a question is written: Enter sends it, Shift+Enter begins a line."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QPlainTextEdit, QWidget

_FEWEST_LINES, _MOST_LINES = 2, 7


class PromptEdit(QPlainTextEdit):
    """Grows with what is written in it.

    Signals: `sent` when the question shall be asked.
    """

    sent = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTabChangesFocus(True)
        self.document().documentLayout().documentSizeChanged.connect(self._fit)
        self._fit()

    def _fit(self) -> None:
        # The layout of a plain text counts in lines.
        lines = round(self.document().documentLayout().documentSize().height())
        shown = min(max(lines, _FEWEST_LINES), _MOST_LINES)
        self.setFixedHeight(self.fontMetrics().lineSpacing() * shown + 18)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        starts_line = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not starts_line:
            self.sent.emit()
        else:
            super().keyPressEvent(event)
