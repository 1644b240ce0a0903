"""How a model is asked in a chat: what it is told first, how freely and how long it writes."""

from __future__ import annotations

from PySide6.QtCore import QLocale
from PySide6.QtWidgets import QDoubleSpinBox, QGridLayout, QLabel, QPlainTextEdit, QSpinBox, QWidget

from llmmem_gui.ui.card import indented

_MOST_TOKENS = 1_000_000


class ChatOptions(QWidget):
    """System prompt, temperature and length."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.system = QPlainTextEdit()
        self.system.setTabChangesFocus(True)
        self.system.setFixedHeight(self.system.fontMetrics().lineSpacing() * 2 + 18)
        self.temperature = QDoubleSpinBox()
        self.temperature.setRange(0.0, 2.0)
        self.temperature.setSingleStep(0.1)
        self.temperature.setDecimals(1)
        self.temperature.setValue(0.2)
        self.length = QSpinBox()
        self.length.setRange(0, _MOST_TOKENS)
        self.length.setSingleStep(128)
        self.length.setGroupSeparatorShown(True)
        self.length.setValue(1_024)
        self._labels = [QLabel() for _ in range(3)]
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setColumnStretch(4, 1)
        for label, field in zip(self._labels, (self.system, self.temperature, self.length), strict=True):
            label.setBuddy(field)
        grid.addWidget(self._labels[0], 0, 0)
        grid.addWidget(self.system, 0, 1, 1, 4)
        for place, field in enumerate((self.temperature, self.length)):
            indented(field)
            grid.addWidget(self._labels[place + 1], 1, 2 * place)
            grid.addWidget(field, 1, 2 * place + 1)
        self.retranslate()

    def retranslate(self) -> None:
        """Write all texts in the language in force."""
        texts = (
            (self.system, self.tr("Instructions"), self.tr("What the model is told before the chat")),
            (self.temperature, self.tr("Temperature"), self.tr("0: always the most likely word; 2: wild")),
            (self.length, self.tr("Length"), self.tr("The most tokens of an answer")),
        )
        for label, (field, name, explanation) in zip(self._labels, texts, strict=True):
            label.setText(name)
            field.setAccessibleName(name)
            field.setAccessibleDescription(explanation)
            field.setToolTip(explanation)
        for number in (self.temperature, self.length):
            number.setLocale(QLocale())
        self.system.setPlaceholderText(texts[0][2])
        self.length.setSuffix(self.tr(" tokens"))
        self.length.setSpecialValueText(self.tr("until it ends"))

    @property
    def maximum_tokens(self) -> int | None:
        """The most tokens of an answer; None: until the model ends or its context is full."""
        return self.length.value() or None
