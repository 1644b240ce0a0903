"""The area of the plot and what the mouse does in it: time moves, bytes follow."""

from __future__ import annotations

import pyqtgraph as pg
from pyqtgraph.GraphicsScene.mouseEvents import MouseClickEvent, MouseDragEvent
from PySide6.QtCore import QPoint, QPointF, Qt, Signal
from PySide6.QtGui import QKeyEvent

from llmmem_gui.ui.palette import Palette

LONGEST_SPAN_SECONDS = 31 * 86_400.0
"""Farther back nothing is kept."""
SHORTEST_SPAN_SECONDS = 4.0


class TimeViewBox(pg.ViewBox):
    """The wheel zooms time under the pointer, a drag pans it, a drag with the right button marks a region.

    Signals: `sigRegionMarked` with two times; `sigLiveAsked` after a double click; `sigMenuAsked` with a
    point of the screen.
    """

    sigRegionMarked = Signal(float, float)
    sigLiveAsked = Signal()
    sigMenuAsked = Signal(QPoint)

    def __init__(self) -> None:
        super().__init__(enableMenu=False, defaultPadding=0.0)
        self.setMouseEnabled(x=True, y=False)
        self.disableAutoRange()
        self.setLimits(minXRange=SHORTEST_SPAN_SECONDS, maxXRange=LONGEST_SPAN_SECONDS)
        self.region = pg.LinearRegionItem(movable=False)
        self.region.setZValue(50)
        self.region.hide()
        self.addItem(self.region, ignoreBounds=True)

    def wear(self, palette: Palette) -> None:
        """Mark regions in these colours."""
        shade = pg.mkColor(palette.accent)
        shade.setAlphaF(0.2)
        self.region.setBrush(shade)

    # --- pyqtgraph -----------------------------------------------------------------------------------------

    def mouseDragEvent(self, ev: MouseDragEvent, axis: int | None = None) -> None:
        marks = ev.button() == Qt.MouseButton.RightButton or (
            ev.button() == Qt.MouseButton.LeftButton and ev.modifiers() & Qt.KeyboardModifier.ShiftModifier
        )
        if not marks:
            super().mouseDragEvent(ev, axis)
            return
        ev.accept()
        begun, here = (self._time_at(place) for place in (ev.buttonDownPos(), ev.pos()))
        self.region.setRegion((begun, here))
        self.region.setVisible(not ev.isFinish())
        if ev.isFinish() and begun != here:
            self.sigRegionMarked.emit(min(begun, here), max(begun, here))

    def mouseClickEvent(self, ev: MouseClickEvent) -> None:
        if ev.button() == Qt.MouseButton.RightButton:
            ev.accept()
            self.sigMenuAsked.emit(ev.screenPos().toPoint())
        elif ev.double() and ev.button() == Qt.MouseButton.LeftButton:
            ev.accept()
            self.sigLiveAsked.emit()

    def keyPressEvent(self, ev: QKeyEvent) -> None:
        """Leave all keys to the canvas."""
        ev.ignore()

    def _time_at(self, place: QPointF) -> float:
        start, end = self.viewRange()[0]
        return float(min(max(self.mapToView(place).x(), start), end))
