"""Small pieces that several views are made of."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPen, QPolygonF, QResizeEvent
from PySide6.QtWidgets import QAbstractSpinBox, QCheckBox, QFrame, QLabel, QSizePolicy, QWidget

from llmmem_gui.ui.theme import Theme


class Card(QFrame):
    """A panel with a border and round corners."""

    def __init__(self, parent: QWidget | None = None, *, name: str = "card") -> None:
        super().__init__(parent)
        self.setObjectName(name)


def quiet(label: QLabel) -> QLabel:
    """Draw the label in the secondary colour."""
    label.setProperty("quiet", True)
    return label


def plain(label: QLabel) -> QLabel:
    """Take whatever the label is given as plain text: names and messages come from files and models."""
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label


def indented(box: QAbstractSpinBox) -> None:
    """Keep the text of a spin box off its edge: a style sheet's padding does not reach the field in it."""
    box.lineEdit().setTextMargins(9, 0, 9, 0)


def restyle(widget: QWidget, name: str, value: object) -> None:
    """Set a property that the style sheet asks for, and apply it."""
    if widget.property(name) != value:
        widget.setProperty(name, value)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


class ElidedLabel(QLabel):
    """One line of plain text that ends in an ellipsis where the room ends; the whole text is its tool tip.

    While it wraps words it takes as many lines as the text needs.
    """

    def __init__(
        self,
        text: str = "",
        parent: QWidget | None = None,
        mode: Qt.TextElideMode = Qt.TextElideMode.ElideRight,
    ) -> None:
        super().__init__(parent)
        self._mode = mode
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setText(text)

    def setText(self, text: str) -> None:
        super().setText(text)
        self._explain()

    def has_room_for(self, text: str) -> bool:
        """Whether this text would be seen to its end."""
        return QFontMetrics(self.font()).horizontalAdvance(text) <= self.width()

    def _explain(self) -> None:
        self.setToolTip("" if self.has_room_for(self.text()) else self.text())

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._explain()

    def minimumSizeHint(self) -> QSize:
        return QSize(0, super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.wordWrap():
            super().paintEvent(event)
            return
        painter = QPainter(self)
        metrics = QFontMetrics(self.font())
        text = metrics.elidedText(self.text(), self._mode, self.width())
        self.style().drawItemText(
            painter, self.rect(), int(self.alignment()), self.palette(), self.isEnabled(), text,
            self.foregroundRole(),
        )  # fmt: skip


class CheckBox(QCheckBox):
    """A check box whose mark is seen on any ground: Fusion's loses its outline on a dark card."""

    def __init__(self, theme: Theme, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self._theme = theme

    def _side(self) -> float:
        return round(self.fontMetrics().height() * 0.92)

    def sizeHint(self) -> QSize:
        text = self.fontMetrics().size(Qt.TextFlag.TextShowMnemonic, self.text())
        return QSize(round(self._side() + 10 + text.width()), round(max(self._side(), text.height()) + 4))

    def minimumSizeHint(self) -> QSize:
        return QSize(round(self._side() + 4), self.sizeHint().height())

    def hitButton(self, position: object) -> bool:
        return True

    def paintEvent(self, event: QPaintEvent) -> None:
        colours = self._theme.palette
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        side = self._side()
        box = QRectF(1, (self.height() - side) / 2, side, side)
        checked, enabled = self.isChecked(), self.isEnabled()
        edge = colours.accent if (checked or self.hasFocus()) and enabled else colours.secondary
        painter.setPen(QPen(QColor(edge), 1.8 if self.hasFocus() else 1.2))
        painter.setBrush(QColor(edge if checked else colours.card))
        painter.drawRoundedRect(box, 4, 4)
        if checked:
            painter.setPen(QPen(QColor(colours.on_accent if enabled else colours.card), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            shape = ((0.25, 0.53), (0.43, 0.71), (0.76, 0.31))
            painter.drawPolyline(
                QPolygonF([QPointF(box.left() + x * side, box.top() + y * side) for x, y in shape])
            )
        if self.hasFocus():
            painter.setPen(QPen(QColor(colours.accent), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 5, 5)
        painter.setPen(QColor(colours.text if enabled else colours.secondary))
        text = self.rect().adjusted(round(side) + 9, 0, 0, 0)
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextShowMnemonic
        if self.fontMetrics().horizontalAdvance(self.text()) > text.width():
            flags = flags | Qt.TextFlag.TextWordWrap
        painter.drawText(text, int(flags), self.text())
