"""How tests point at the plot: mouse and wheel by events, as a window system sends them."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from llmmem_gui.core.units import GIB
from llmmem_gui.ui.figures import NO_BREAK
from llmmem_gui.ui.memory_plot import MemoryPlot

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton


def said(plot: MemoryPlot) -> str:
    """The numbers beside the plot."""
    return plot._numbers.text().replace(NO_BREAK, " ")


def place_of(plot: MemoryPlot, time: float, size_bytes: float = GIB) -> QPoint:
    """Where a moment and an amount of bytes are on the viewport."""
    canvas = plot.canvas
    return canvas.mapFromScene(canvas.view.mapViewToScene(QPointF(time, size_bytes)))


def point_at(plot: MemoryPlot, place: QPoint, buttons: Qt.MouseButton = Qt.MouseButton.NoButton) -> None:
    """Move the mouse there, holding buttons, not faster than pyqtgraph follows."""
    viewport = plot.canvas.viewport()
    plot.canvas.scene()._lastMoveEventTime = 0
    event = QMouseEvent(
        QEvent.Type.MouseMove, QPointF(place), viewport.mapToGlobal(QPointF(place)),
        Qt.MouseButton.NoButton, buttons, Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip
    QApplication.sendEvent(viewport, event)


def drag(plot: MemoryPlot, qtbot: QtBot, start: QPoint, end: QPoint, button: Qt.MouseButton = LEFT) -> None:
    """Drag from one place of the viewport to another, in some steps."""
    viewport = plot.canvas.viewport()
    point_at(plot, start)
    qtbot.mousePress(viewport, button, pos=start)
    for step in (0.3, 0.7, 1.0):
        point_at(plot, start + (end - start) * step, button)
    qtbot.mouseRelease(viewport, button, pos=end)


def turn_wheel(plot: MemoryPlot, place: QPoint, steps: int) -> None:
    """Turn the wheel over a place, away from the person when positive."""
    viewport = plot.canvas.viewport()
    event = QWheelEvent(
        QPointF(place), viewport.mapToGlobal(QPointF(place)), QPoint(0, 0), QPoint(0, 120 * steps),
        Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(viewport, event)
