"""The lane of events above the plot: an axis of time whose ticks are what happened."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPainterPath, QPen, QPolygonF
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from llmmem_gui.core.events import Event
from llmmem_gui.ui.palette import Palette, mix
from llmmem_gui.ui.plot.marks import SIGN_WIDTH, SIGNS, Mark, Sign, lay_out

_MOST_MARKED_EVENTS = 400
_LANE_HEIGHT = 1.15
"""Of the height of a line of text."""


class EventAxis(pg.AxisItem):
    """Draws a sign and, where there is room, a label for each event in sight; one item for all of them."""

    def __init__(self, label_of: Callable[[Event], str]) -> None:
        super().__init__("top")
        self._label_of = label_of
        self.events: Sequence[Event] = ()
        """Those that happened, in sight or not, oldest first."""
        self._marks: list[Mark] | None = None
        self._lanes = 2
        self._palette: Palette | None = None
        self._font = QFont()

    @property
    def marks(self) -> list[Mark]:
        """The marks of the events in sight; their x is in pixels from the left edge of the plot."""
        if self._marks is None:
            self._marks = self._lay_out()
        return self._marks

    def wear(self, palette: Palette, font: QFont) -> None:
        """Draw in these colours and this font."""
        self._palette, self._font = palette, font
        self.set_lanes(self._lanes)
        self._changed()

    def set_lanes(self, lanes: int) -> None:
        """Take room for so many lanes of labels."""
        self._lanes = lanes
        self.setHeight(round(lanes * self._lane_height() + 3))
        self._changed()

    def show_events(self, events: Sequence[Event]) -> None:
        """Mark these events, oldest first."""
        self.events = events
        self._changed()

    def at(self, x: float) -> list[Event]:
        """The events whose marks stand at a place, the one that each mark tells before its others."""
        return [event for mark in self.marks if abs(mark.x - x) <= SIGN_WIDTH / 2 for event in mark.events]

    def _changed(self) -> None:
        self._marks = None
        self.update()

    def _lane_height(self) -> float:
        return QFontMetricsF(self._font).height() * _LANE_HEIGHT

    def _lay_out(self) -> list[Mark]:
        start, end = self.range
        width = self.geometry().width()
        scale = width / max(1e-9, end - start)
        seen = [
            (event, (event.time - start) * scale)
            for event in self.events
            if start <= event.time <= end and event.type in SIGNS
        ]
        metrics = QFontMetricsF(self._font)
        return lay_out(
            seen[-_MOST_MARKED_EVENTS:], self._label_of, metrics.horizontalAdvance, width, self._lanes
        )

    # --- pyqtgraph -----------------------------------------------------------------------------------------

    def setRange(self, mn: float, mx: float) -> None:
        super().setRange(mn, mx)
        self._marks = None

    def resizeEvent(self, event: object = None) -> None:
        super().resizeEvent(event)
        self._marks = None

    def boundingRect(self) -> QRectF:
        own, view = self.mapRectFromParent(self.geometry()), self.linkedView()
        return own if view is None else own | view.mapRectToItem(self, view.boundingRect())

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        view = self.linkedView()
        if self._palette is None or view is None:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(self._font)
        metrics = QFontMetricsF(self._font)
        bottom = view.mapRectToItem(self, view.boundingRect()).bottom()
        stems = QPen(mix(self._palette.secondary, self._palette.card, 0.35), 1, Qt.PenStyle.DotLine)
        for mark in self.marks:
            middle = (mark.lane + 0.5) * self._lane_height()
            x = round(mark.x) + 0.5
            painter.setPen(stems)
            painter.drawLine(QPointF(x, self.geometry().height() - 3), QPointF(x, bottom))
            _draw_sign(painter, mark.sign, QPointF(mark.x, middle), sign_colour(mark.sign, self._palette))
            if mark.label:
                room = SIGN_WIDTH / 2 + 3
                left = mark.x - room - metrics.horizontalAdvance(mark.label)
                painter.setPen(QColor(self._palette.text))
                baseline = middle + (metrics.ascent() - metrics.descent()) / 2
                painter.drawText(QPointF(left if mark.to_the_left else mark.x + room, baseline), mark.label)


def sign_colour(sign: Sign, colours: Palette) -> QColor:
    """The colour of a sign; its shape says the same."""
    by_sign = {"cross": colours.critical, "alert": colours.warning}
    return QColor(by_sign.get(sign, colours.text))


def _draw_sign(painter: QPainter, sign: Sign, centre: QPointF, colour: QColor) -> None:
    r = SIGN_WIDTH / 2 - 1.5
    x, y = centre.x(), centre.y()
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    match sign:
        case "up":
            painter.drawPolygon(QPolygonF([QPointF(x, y - r), QPointF(x + r, y + r), QPointF(x - r, y + r)]))
        case "down":
            painter.drawPolygon(QPolygonF([QPointF(x, y + r), QPointF(x + r, y - r), QPointF(x - r, y - r)]))
        case "moon":
            moon, shadow = QPainterPath(), QPainterPath()
            moon.addEllipse(centre, r, r)
            shadow.addEllipse(QPointF(x + r * 0.7, y - r * 0.3), r, r)
            painter.drawPath(moon.subtracted(shadow))
        case "cross":
            painter.setPen(QPen(colour, 2.2, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
            painter.drawLine(QPointF(x - r * 0.8, y - r * 0.8), QPointF(x + r * 0.8, y + r * 0.8))
            painter.drawLine(QPointF(x - r * 0.8, y + r * 0.8), QPointF(x + r * 0.8, y - r * 0.8))
        case "alert":
            painter.drawPolygon(
                QPolygonF([QPointF(x, y - r), QPointF(x + r, y), QPointF(x, y + r), QPointF(x - r, y)])
            )
        case "flag":
            painter.drawRect(QRectF(x - r, y - 1.2, 2 * r, 2.4))
