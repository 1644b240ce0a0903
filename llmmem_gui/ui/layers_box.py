"""The box for the number of layers on GPUs: a number, all, or as many as have room."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QValidator
from PySide6.QtWidgets import QSizePolicy, QSpinBox, QWidget

from llmmem_gui.core.parameters import AUTO, GpuLayers
from llmmem_gui.ui.card import indented

translate = QCoreApplication.translate

_AUTO, _ALL = -2, -1
_MOST = 999
_LEAST_WIDTH = 96


class LayersBox(QSpinBox):
    """Steps from as many as have room over all to none, one, two, …"""

    def __init__(self, layers: GpuLayers = AUTO, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setRange(_AUTO, _MOST)
        self.set_layers(layers)
        indented(self)
        # Its words may be long in some language: a narrow panel rather cuts them than itself.
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(_LEAST_WIDTH)

    def layers(self) -> GpuLayers:
        """What stands in it."""
        value = self.value()
        return AUTO if value == _AUTO else value

    def set_layers(self, layers: GpuLayers) -> None:
        """Show this number."""
        self.setValue(_AUTO if layers == AUTO else layers)

    def textFromValue(self, value: int) -> str:
        return _words().get(value) or super().textFromValue(value)

    def valueFromText(self, text: str) -> int:
        for value, word in _words().items():
            if text.strip().casefold() == word.casefold():
                return value
        return super().valueFromText(text)

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        begun = text.strip().casefold()
        words = [word.casefold() for word in _words().values()]
        if begun in words:
            return QValidator.State.Acceptable, text, position
        if any(word.startswith(begun) for word in words):
            return QValidator.State.Intermediate, text, position
        # What stands for a word as a number is written as the word.
        state, text, position = super().validate(text, position)
        return state, text, position


def _words() -> dict[int, str]:
    return {_AUTO: translate("LayersBox", "as many as fit"), _ALL: translate("LayersBox", "all")}
