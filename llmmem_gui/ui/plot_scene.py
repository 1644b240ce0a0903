"""One state of the plot and how it is drawn: areas, axes, limit, ghost, marks."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QPainter, QPainterPath, QPen, QPolygonF

from llmmem_gui.ui.composition import Ghost
from llmmem_gui.ui.event_marks import SIGN_WIDTH, Mark, Sign
from llmmem_gui.ui.palette import Palette, mix
from llmmem_gui.ui.plot_axes import Tick

GHOST_WIDTH = 64.0


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that one painting of the plot needs; coordinates are pixels of the widget."""

    area: QRectF
    lanes: QRectF
    """The strip above the area in which the marks stand."""
    lane_height: float
    start: float
    end: float
    """Seconds since the epoch at the left and right edge."""
    top_bytes: float
    image: QImage
    byte_ticks: tuple[Tick, ...]
    time_ticks: tuple[Tick, ...]
    """Their values are seconds since the epoch."""
    marks: tuple[Mark, ...]
    limit_bytes: int | None
    limit_label: str
    ghost: Ghost | None
    ghost_colour: QColor | None
    ghost_label: str
    resting_bytes: float
    """What stays in memory below the ghost."""

    def x_of(self, time: float) -> float:
        """Pixels of a moment."""
        return self.area.left() + (time - self.start) / (self.end - self.start) * self.area.width()

    def time_of(self, x: float) -> float:
        """Moment at a pixel."""
        return self.start + (x - self.area.left()) / self.area.width() * (self.end - self.start)

    def y_of(self, amount: float) -> float:
        """Pixels of an amount of bytes."""
        return self.area.bottom() - amount / self.top_bytes * self.area.height()


def draw_scene(painter: QPainter, scene: Scene, colours: Palette) -> None:
    """Draw the plot with the painter's font."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    metrics = QFontMetricsF(painter.font())
    _draw_byte_axis(painter, scene, colours, metrics)
    painter.drawImage(scene.area.topLeft(), scene.image)
    _draw_time_axis(painter, scene, colours, metrics)
    _draw_limit(painter, scene, colours, metrics)
    _draw_ghost(painter, scene, colours, metrics)
    for mark in scene.marks:
        _draw_mark(painter, scene, mark, colours, metrics)


def _draw_byte_axis(painter: QPainter, scene: Scene, colours: Palette, metrics: QFontMetricsF) -> None:
    for tick in scene.byte_ticks:
        y = round(scene.y_of(tick.value)) + 0.5
        painter.setPen(QPen(QColor(colours.border if tick.value == 0 else colours.grid), 1))
        painter.drawLine(QPointF(scene.area.left(), y), QPointF(scene.area.right(), y))
        painter.setPen(QColor(colours.secondary))
        label = QRectF(0, y - metrics.height(), scene.area.left() - 8, metrics.height() * 2)
        painter.drawText(label, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, tick.label)


def _draw_time_axis(painter: QPainter, scene: Scene, colours: Palette, metrics: QFontMetricsF) -> None:
    base = scene.area.bottom()
    painter.setPen(QPen(QColor(colours.border), 1))
    painter.drawLine(QPointF(scene.area.left(), base + 0.5), QPointF(scene.area.right(), base + 0.5))
    for tick in scene.time_ticks:
        x = scene.x_of(tick.value)
        width = metrics.horizontalAdvance(tick.label)
        left = min(max(x - width / 2, 0.0), scene.area.right() - width)
        painter.setPen(QPen(QColor(colours.border), 1))
        painter.drawLine(QPointF(round(x) + 0.5, base), QPointF(round(x) + 0.5, base + 4))
        painter.setPen(QColor(colours.secondary))
        painter.drawText(QPointF(left, base + 5 + metrics.ascent()), tick.label)


def _draw_limit(painter: QPainter, scene: Scene, colours: Palette, metrics: QFontMetricsF) -> None:
    if scene.limit_bytes is None:
        return
    within = scene.limit_bytes <= scene.top_bytes
    y = round(scene.y_of(scene.limit_bytes)) + 0.5 if within else scene.area.top() + 0.5
    if within:
        painter.setPen(QPen(QColor(colours.limit), 1.5, Qt.PenStyle.DashLine))
        painter.drawLine(QPointF(scene.area.left(), y), QPointF(scene.area.right(), y))
    text = scene.limit_label if within else f"{scene.limit_label} ↑"
    width = metrics.horizontalAdvance(text)
    rect = QRectF(scene.area.left() + 6, y + 3, width + 8, metrics.height() + 1)
    _draw_plate(painter, rect, colours)
    painter.setPen(QColor(colours.limit))
    painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, text)


def _draw_ghost(painter: QPainter, scene: Scene, colours: Palette, metrics: QFontMetricsF) -> None:
    if scene.ghost is None or scene.ghost_colour is None:
        return
    top = scene.y_of(min(scene.top_bytes, scene.resting_bytes + scene.ghost.need_bytes))
    bottom = scene.y_of(scene.resting_bytes)
    rect = QRectF(scene.area.right() - GHOST_WIDTH, top, GHOST_WIDTH - 1, max(2.0, bottom - top))
    tint = QColor(scene.ghost_colour)
    tint.setAlphaF(0.4)
    painter.setBrush(tint)
    edge = colours.text if scene.ghost.fits else colours.critical
    painter.setPen(QPen(QColor(edge), 1.3, Qt.PenStyle.DashLine))
    painter.drawRect(rect)
    width = metrics.horizontalAdvance(scene.ghost_label) + 8
    label = QRectF(
        rect.left() - width - 4, rect.center().y() - metrics.height() / 2, width, metrics.height() + 1
    )
    label.moveBottom(min(label.bottom(), scene.area.bottom() - 1))
    _draw_plate(painter, label, colours)
    painter.setPen(QColor(colours.text))
    painter.drawText(label, Qt.AlignmentFlag.AlignCenter, scene.ghost_label)


def _draw_mark(painter: QPainter, scene: Scene, mark: Mark, colours: Palette, metrics: QFontMetricsF) -> None:
    middle = scene.lanes.top() + (mark.lane + 0.5) * scene.lane_height
    painter.setPen(QPen(mix(colours.secondary, colours.card, 0.35), 1, Qt.PenStyle.DotLine))
    x = round(mark.x) + 0.5
    painter.drawLine(QPointF(x, scene.area.top() - 3), QPointF(x, scene.area.bottom()))
    draw_sign(painter, mark.sign, QPointF(mark.x, middle), sign_colour(mark.sign, colours))
    if mark.label:
        width = metrics.horizontalAdvance(mark.label)
        left = mark.x - SIGN_WIDTH / 2 - 3 - width if mark.to_the_left else mark.x + SIGN_WIDTH / 2 + 3
        painter.setPen(QColor(colours.text))
        painter.drawText(QPointF(left, middle + (metrics.ascent() - metrics.descent()) / 2), mark.label)


def sign_colour(sign: Sign, colours: Palette) -> QColor:
    """The colour of a sign; its shape says the same."""
    by_sign = {"cross": colours.critical, "alert": colours.warning}
    return QColor(by_sign.get(sign, colours.text))


def draw_sign(painter: QPainter, sign: Sign, centre: QPointF, colour: QColor) -> None:
    """Draw the sign of an event around a point."""
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


def _draw_plate(painter: QPainter, rect: QRectF, colours: Palette) -> None:
    plate = QColor(colours.card)
    plate.setAlphaF(0.85)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(plate)
    painter.drawRoundedRect(rect, 3, 3)
