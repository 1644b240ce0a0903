"""Axes of the plot: round numbers of bytes in IEC units, round moments of time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QCoreApplication, QDateTime, QRectF
from PySide6.QtGui import QFont, QFontMetrics, QPainter

from llmmem_gui.ui import figures
from llmmem_gui.ui.palette import Palette

translate = QCoreApplication.translate

_ELAPSED_UP_TO_SECONDS = 3600.0
_EDGE_LABEL_PIXELS = 60
"""The axis of time draws a label that would reach so far beyond its edge, within it."""
_PIXELS_PER_TIME = 90
_PIXELS_PER_SIZE = 28
_TIME_STEPS = (
    1, 2, 5, 10, 15, 30,
    60, 120, 300, 600, 900, 1800,
    3600, 7200, 10800, 21600, 43200,
    86400, 172800, 604800,
)  # fmt: skip


class ByteAxis(pg.AxisItem):
    """An axis of bytes from zero upwards; every tick has its unit."""

    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, list[float]]]:
        step = byte_step(maxVal, max(2, min(5, int(size / _PIXELS_PER_SIZE))))
        return [(step, [n * step for n in range(int(maxVal / step + 1e-6) + 1)])]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        return [figures.chosen_size(round(value)) if value else "0" for value in values]


class TimeAxis(pg.AxisItem):
    """An axis of time: before now while a short window follows the present, else by the clock."""

    def __init__(self) -> None:
        super().__init__("bottom")
        self._now: float | None = None
        self._labels: dict[float, str] = {}

    def follow(self, now: float | None) -> None:
        """Tell times as before `now` (seconds since the epoch); None: by the clock."""
        if now != self._now:
            self._now = now
            self.picture = None
            self.update()

    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, list[float]]]:
        most = max(2, min(7, int(size / _PIXELS_PER_TIME)))
        if self._now is not None and self._now - minVal <= _ELAPSED_UP_TO_SECONDS * 1.01:
            ticks = elapsed_ticks(self._now, self._now - minVal, most)
        else:
            ticks = clock_ticks(minVal, maxVal, most)
        # A tick at the very edge would be left out, because its place is rounded.
        sliver = (maxVal - minVal) * 1e-6
        self._labels = {min(max(tick.value, minVal + sliver), maxVal - sliver): tick.label for tick in ticks}
        return [(0.0, list(self._labels))]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        return [self._labels[value] for value in values]

    def generateDrawSpecs(self, p: QPainter) -> tuple[Any, list[Any], list[tuple[QRectF, Any, str]]] | None:
        """The labels at both edges stand within the axis, instead of half beside it."""
        specs = super().generateDrawSpecs(p)
        if specs is None:
            return None
        line, ticks, labels = specs
        width = self.geometry().width()
        for rect, _, _ in labels:
            rect.moveLeft(min(max(rect.left(), 0.0), width - rect.width()))
        return line, ticks, labels


def wear_axes(
    upright: pg.AxisItem, times: TimeAxis, palette: Palette, font: QFont, width_of_upright: int
) -> None:
    """Draw the two axes of a plot in these colours and this font; plots of one width lie upon each other."""
    for axis in (upright, times):
        axis.setPen(pg.mkPen(palette.border))
        axis.setTickPen(pg.mkPen(palette.grid if axis is upright else palette.border))
        axis.setTextPen(pg.mkPen(palette.secondary))
        axis.setStyle(tickFont=font, tickAlpha=255, maxTickLevel=0, maxTextLevel=0)
    upright.setGrid(255)
    upright.setWidth(width_of_upright)
    upright.setStyle(hideOverlappingLabels=False)
    times.setHeight(QFontMetrics(font).height() + 9)
    times.setStyle(tickLength=4, hideOverlappingLabels=_EDGE_LABEL_PIXELS)


@dataclass(frozen=True, slots=True)
class Tick:
    """One mark on the axis of time: seconds since the epoch, and what is written there."""

    value: float
    label: str


def top_of_axis(highest: float) -> float:
    """The upper end of an axis for values up to `highest`, with a little air above."""
    return max(1.0, highest * 1.09)


def byte_step(top_bytes: float, ticks: int = 5) -> float:
    """Distance of the ticks on an axis up to `top_bytes`: 1, 2, 4 or 5 times a power in its unit."""
    unit = 1024.0 ** max(0, min(6, int(math.log(max(1.0, top_bytes), 1024))))
    raw = top_bytes / unit / ticks
    decade = 10.0 ** math.floor(math.log10(raw)) if raw >= 1 else 0.25 if raw > 0.2 else 0.05
    choices = (1, 2, 2.5, 5, 10) if raw >= 10 else (1, 2, 4, 5, 10)
    return unit * decade * next((c for c in choices if c * decade >= raw), 10)


def elapsed_ticks(now: float, span_seconds: float, most: int = 6) -> list[Tick]:
    """Ticks of a live window as time before now, the oldest first and with its unit; the last is now."""
    step = _step_for(span_seconds, min(most, 6))
    unit, name = (60, translate("Plot", "min")) if span_seconds > 90 else (1, translate("Plot", "s"))
    ticks: list[Tick] = []
    for number in range(int(span_seconds / step + 1e-6), 0, -1):
        value = number * step / unit
        digits = 0 if value == int(value) else 1
        label = f"−{figures.decimal(value, digits)}"
        first = not ticks
        ticks.append(Tick(now - number * step, f"{label}{figures.NO_BREAK}{name}" if first else label))
    return [*ticks, Tick(now, translate("Plot", "now"))]


def clock_ticks(start: float, end: float, most: int = 7) -> list[Tick]:
    """Ticks at round local times of day."""
    step = _step_for(end - start, most)
    offset = QDateTime.fromMSecsSinceEpoch(round(start * 1000)).offsetFromUtc()
    first = math.ceil((start + offset) / step) * step - offset
    ticks = []
    value = float(first)
    while value <= end:
        if step >= 86400 or (step >= 3600 and figures.is_midnight(value)):
            label = figures.day(value)
        else:
            label = figures.clock(value, with_seconds=step < 60)
        ticks.append(Tick(value, label))
        value += step
    return ticks


def _step_for(span_seconds: float, ticks: int) -> float:
    return next((s for s in _TIME_STEPS if span_seconds / s <= ticks), _TIME_STEPS[-1])
