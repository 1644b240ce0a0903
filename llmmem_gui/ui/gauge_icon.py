"""The tray icon: a gauge of the models' share of the limit, whose shape changes with the level."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPainterPath, QPen, QPixmap, QPolygonF

GaugeLevel = Literal["calm", "warning", "critical"]

_SIZES = (16, 22, 24, 32, 48)
# Panels are dark or light and do not say which: these stand out on both, with a rim of the other kind.
_RIM = {"calm": "#dfe7f1", "warning": "#ffe2ad", "critical": "#ffd9d6"}
_GROUND = {"calm": "#274a73", "warning": "#6b4300", "critical": "#8c1d18"}
_FILL = {"calm": "#56b4e9", "warning": "#f0a30a", "critical": "#ff6b5e"}


def gauge_icon(share: float, level: GaugeLevel = "calm") -> QIcon:
    """A gauge filled to `share` (0 to 1): square when calm, triangle as a warning, octagon at critical."""
    icon = QIcon()
    for side in _SIZES:
        icon.addPixmap(gauge_pixmap(share, level, side))
    return icon


def gauge_pixmap(share: float, level: GaugeLevel, side: int) -> QPixmap:
    """The icon in one size, pixels."""
    pixmap = QPixmap(side, side)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    # Whole pixels everywhere, so that straight edges are sharp in a panel.
    rim = max(1, round(side / 14))
    outline = _outline(level, QRectF(rim / 2, rim / 2, side - rim, side - rim))
    painter.fillPath(outline, QColor(_GROUND[level]))
    painter.save()
    painter.setClipPath(outline)
    inside = side - 2 * rim
    height = min(inside, max(2 if share > 0 else 0, round(inside * share)))
    painter.fillRect(rim, side - rim - height, inside, height, QColor(_FILL[level]))
    if level == "calm":
        _draw_scale(painter, side, rim)
    painter.restore()
    pen = QPen(QColor(_RIM[level]), rim)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.setPen(pen)
    painter.drawPath(outline)
    if level != "calm":
        _draw_exclamation(painter, side, level)
    painter.end()
    return pixmap


def _outline(level: GaugeLevel, box: QRectF) -> QPainterPath:
    path = QPainterPath()
    if level == "calm":
        path.addRoundedRect(box, box.width() * 0.22, box.width() * 0.22)
    elif level == "warning":
        top = QPointF(box.center().x(), box.top())
        path.addPolygon(QPolygonF([top, box.bottomRight(), box.bottomLeft()]))
        path.closeSubpath()
    else:
        cut = box.width() * 0.29
        left, right, up, down = box.left(), box.right(), box.top(), box.bottom()
        corners = (
            (left + cut, up), (right - cut, up), (right, up + cut), (right, down - cut),
            (right - cut, down), (left + cut, down), (left, down - cut), (left, up + cut),
        )  # fmt: skip
        path.addPolygon(QPolygonF([QPointF(x, y) for x, y in corners]))
        path.closeSubpath()
    return path


def _draw_scale(painter: QPainter, side: int, rim: int) -> None:
    """Marks at quarters: an empty gauge is one, too."""
    width, inside = max(3, side // 4), side - 2 * rim
    for quarter in (1, 2, 3):
        top = rim + round(inside * quarter / 4 - rim / 2)
        painter.fillRect(side - rim - width, top, width, rim, QColor(_RIM["calm"]))


def _draw_exclamation(painter: QPainter, side: int, level: GaugeLevel) -> None:
    middle = side / 2
    top = side * (0.36 if level == "warning" else 0.24)
    pen = QPen(QColor("#ffffff"), side * 0.13)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    painter.setPen(pen)
    painter.drawLine(QPointF(middle, top), QPointF(middle, side * 0.6))
    painter.drawPoint(QPointF(middle, side * 0.78))
