"""Small squares: the colour of a model, and how an area of the plot is drawn."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from llmmem_gui.ui.palette import mix
from llmmem_gui.ui.theme import Theme, hatch


class Swatch(QWidget):
    """Filled while the model holds memory, else an outline."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._model_id: str | None = None
        self._filled = False
        side = round(self.fontMetrics().height() * 0.8)
        self.setFixedSize(side, side)

    def show_model(self, model_id: str, *, filled: bool) -> None:
        """Show the colour of this model."""
        self._model_id, self._filled = model_id, filled
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._model_id is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours = self._theme.palette
        colour = self._theme.model_colours.of(self._model_id)
        if self._filled:
            painter.setPen(QPen(mix(colour, colours.text, 0.3), 1))
            painter.setBrush(colour)
        else:
            painter.setPen(QPen(QColor(colours.secondary), 1.2))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 3, 3)


class KeySwatch(QWidget):
    """A small square as the areas are drawn, solid or hatched."""

    def __init__(self, theme: Theme, *, hatched: bool) -> None:
        super().__init__()
        self._theme = theme
        self._hatched = hatched
        self.setFixedSize(12, 12)

    def sizeHint(self) -> QSize:
        return QSize(12, 12)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        colour, card = QColor(self._theme.palette.other), QColor(self._theme.palette.card)
        rect = QRectF(0.5, 0.5, 11, 11)
        painter.setPen(QPen(colour, 1))
        painter.setBrush(hatch(colour, card, self.devicePixelRatioF()) if self._hatched else colour)
        painter.drawRect(rect)
