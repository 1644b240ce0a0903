"""Two columns: what a fact is called, and the fact, or the widget that changes it."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from llmmem_gui.ui.card import quiet


class FactGrid(QGridLayout):
    """Rows by key; a row without a widget of its own shows a plain text."""

    def __init__(self, rows: Mapping[str, QWidget | None]) -> None:
        super().__init__()
        self.names: dict[str, QLabel] = {}
        self.texts: dict[str, QLabel] = {}
        self._values: dict[str, QWidget] = {}
        self.setHorizontalSpacing(10)
        self.setVerticalSpacing(2)
        self.setColumnStretch(1, 1)
        for row, (key, widget) in enumerate(rows.items()):
            self.names[key] = quiet(QLabel())
            # A text may take several lines; its name stands beside the first one.
            height = Qt.AlignmentFlag.AlignVCenter if widget else Qt.AlignmentFlag.AlignTop
            self.addWidget(self.names[key], row, 0, height | Qt.AlignmentFlag.AlignLeft)
            self._values[key] = widget or self._new_text(key)
            self.addWidget(self._values[key], row, 1)

    def show_row(self, key: str, shown: bool) -> None:
        """Show a row, or leave it out."""
        self.names[key].setVisible(shown)
        self._values[key].setVisible(shown)

    def _new_text(self, key: str) -> QLabel:
        text = self.texts[key] = QLabel()
        text.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        text.setTextFormat(Qt.TextFormat.PlainText)
        text.setWordWrap(True)
        return text
