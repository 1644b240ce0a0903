"""The second plot: strips under the memory, on the same axis of time, with what models and machine do."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import zip_longest
from typing import NamedTuple

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QCoreApplication, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QPen

from llmmem_gui.core.activity_window import ActivityWindow
from llmmem_gui.core.history_window import Figures
from llmmem_gui.ui import figures
from llmmem_gui.ui.palette import ModelColours, Palette, mix
from llmmem_gui.ui.plot.axes import byte_step
from llmmem_gui.ui.plot.pool_lanes import FIRST_ROW, MOST_LANES
from llmmem_gui.ui.plot.strip import Strip, Strips
from llmmem_gui.ui.plot_activity import Curve

translate = QCoreApplication.translate

_FIRST_ROW = FIRST_ROW + MOST_LANES
"""Rows above are the lanes'."""
_AIR = 1.6
"""How much higher than the highest figure a strip reaches; its title lies there."""
ColourOf = Callable[[str], QColor]
NameOf = Callable[[str], str]


class CountAxis(pg.AxisItem):
    """An axis from zero upwards with two ticks, written as the language does."""

    def __init__(self, write: Callable[[float], str], step_of: Callable[[float], float]) -> None:
        """`step_of` gives the upper tick for the end of the axis."""
        super().__init__("left")
        self._write, self._step_of = write, step_of
        self.setStyle(textFillLimits=[(0, math.inf)])

    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, list[float]]]:
        step = self._step_of(maxVal / _AIR)
        return [(step, [0.0, step])]

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        return [self._write(value) for value in values]


def count_step(top: float) -> float:
    """The highest of 1, 2, 5 times a power of ten that is at most `top`, and at least 1."""
    most = max(1.0, top * (1 + 1e-9))
    decade = 10.0 ** math.floor(math.log10(most))
    return next(each * decade for each in (5, 2, 1) if each * decade <= most)


class Line(NamedTuple):
    """Figures over the times of a window, and how they are drawn."""

    figures: Figures
    pen: QPen


class StripCurve(pg.PlotCurveItem):
    """A line of a strip. The strip decides how far its axes reach: the line need not look for its bounds."""

    def __init__(self) -> None:
        super().__init__(connect="finite")
        self._pen: QPen | None = None

    def draw(self, times: NDArray[np.float64], line: Line) -> None:
        """Draw another line."""
        if line.pen is not self._pen:
            self._pen = line.pen
            self.setPen(line.pen)
        self.setData(times, line.figures)

    def boundingRect(self) -> QRectF:
        return self.viewRect() or QRectF()

    def viewTransformChanged(self) -> None:
        super().viewTransformChanged()
        self.prepareGeometryChange()

    def dataBounds(self, ax: int, frac: float = 1.0, orthoRange: object = None) -> tuple[None, None]:
        return None, None


class ActivityStrip(Strip):
    """One strip: its curves have one unit. Give it a window and it draws what it is for."""

    def __init__(self, axis: pg.AxisItem, least_top: float) -> None:
        """`least_top` is what the axis reaches at least, in its unit."""
        super().__init__(axis)
        self._least_top = least_top
        self._curves: list[StripCurve] = []
        self.title = pg.TextItem(anchor=(0, 0))
        self.title.textItem.document().setDocumentMargin(1)
        self.title.setZValue(20)
        self.addItem(self.title, ignoreBounds=True)
        self._told = ""
        self._corner = (0.0, 0.0)
        """Time and figure of the upper left corner as it was drawn last."""

    def wear(self, palette: Palette, font: QFont, axis_width: int) -> None:
        super().wear(palette, font, axis_width)
        self.title.setFont(font)
        self.title.setColor(palette.secondary)

    def show_lines(self, times: NDArray[np.float64], lines: Sequence[Line], title: str) -> None:
        """Draw lines; figures that are not known leave a gap."""
        while len(self._curves) < len(lines):
            curve = StripCurve()
            self.addItem(curve, ignoreBounds=True)
            self._curves.append(curve)
        highest = 0.0
        for curve, line in zip_longest(self._curves, lines):
            curve.setVisible(line is not None)
            if line is not None:
                curve.draw(times, line)
                highest = max(highest, float(np.fmax.reduce(line.figures, initial=0.0)))
        top = max(highest, self._least_top) * _AIR
        view = self.getViewBox()
        corner = (view.viewRange()[0][0], top)
        # Most ticks of a long window leave both as they are.
        if corner != self._corner:
            self._corner = corner
            view.setYRange(0, top, padding=0)
            self.title.setPos(*corner)
        if title != self._told:
            self._told = title
            self.title.setHtml(title)


_LEAST_FOR_MEMORY = 100
"""Pixels of the plot of the memory, its labels and axis included."""


class ActivityStrips(Strips[ActivityStrip]):
    """The strips that are open, below the memory in the same layout and linked to its axis of time."""

    def __init__(self, layout: pg.GraphicsLayout, memory: pg.PlotItem) -> None:
        super().__init__(layout, memory, _FIRST_ROW)
        self._curves: frozenset[Curve] = frozenset()
        self.wanted: list[str] = []
        """The strips that the curves stand in, whether there is room for them or not."""
        self._window: ActivityWindow | None = None

    @property
    def curves(self) -> frozenset[Curve]:
        """The curves that are shown."""
        return self._curves

    def open(self, curves: frozenset[Curve]) -> list[ActivityStrip]:
        """Show the strips that these curves stand in; gives those that were made for it."""
        self._curves = curves
        self.wanted = [name for name, of_strip in _STRIPS.items() if curves & of_strip]
        return self._show(self.wanted)

    def share_height(self, height: float) -> float:
        """Take a share of a height in pixels; strips that leave too little to the memory are closed."""
        room = max(0, int((height - _LEAST_FOR_MEMORY) / self.least_height))
        # Those that are just being made ask for it, too.
        self._show([name for name in self.wanted if name in self._made][:room])
        return super().share_height(height)

    def _new(self, name: str) -> ActivityStrip:
        axis, least_top = _AXES[name]()
        return ActivityStrip(axis, least_top)

    def _row_of(self, name: str) -> int:
        return list(_STRIPS).index(name)

    def show_window(self, window: ActivityWindow, colours: ModelColours) -> None:
        """Draw this window in the strips that are open."""
        assert self._worn is not None
        palette, _, _ = self._worn
        self._window = window
        colours.take(window.models)
        for name, strip in zip(self._open, self.shown, strict=True):
            strip.show_lines(window.times, *_drawn(name, window, self._curves, colours.of, palette))

    @property
    def _seen(self) -> frozenset[Curve]:
        """The curves whose strips are open."""
        return frozenset(curve for name in self._open for curve in _STRIPS[name] & self._curves)

    def columns_at(self, times: NDArray[np.float64]) -> dict[str, Figures]:
        """What is drawn, as columns with a name and a unit each, at times that it is drawn at too."""
        window = self._window
        if not self._open or window is None or not len(window.times):
            return {}
        seen = self._seen
        places = np.clip(np.searchsorted(window.times, times), 0, len(window.times) - 1)
        columns: dict[str, Figures] = {}
        for row, model in enumerate(window.models):
            if "tokens" in seen:
                columns[f"{model} tokens_per_second"] = window.tokens_per_second[row]
            if "requests" in seen:
                columns[f"{model} requests_running"] = window.running[row]
                columns[f"{model} requests_waiting"] = window.waiting[row]
        if "stalls" in seen:
            columns["stalled_some_percent"] = window.stalled_some_percent
            columns["stalled_full_percent"] = window.stalled_full_percent
        if "swap" in seen:
            columns["swap_used_bytes"] = window.swap_bytes
        if "gpu" in seen:
            columns["gpu_used_bytes"] = window.gpu_bytes
        return {name: row[places] for name, row in columns.items()}

    def told_at(self, time: float, name_of: NameOf) -> tuple[str, ...]:
        """What the open strips show at a time, a line for each thing."""
        window = self._window
        if not self._open or window is None or not len(window.times):
            return ()
        place = int(np.argmin(np.abs(window.times - time)))
        if abs(float(window.times[place]) - time) > max(3.0, 2.0 * window.point_seconds):
            return ()
        return (
            *_models_at(window, place, self._seen, name_of),
            *_machine_at(window, place, self._seen),
        )


_STRIPS: dict[str, frozenset[Curve]] = {
    "tokens": frozenset({"tokens"}),
    "requests": frozenset({"requests"}),
    "stalls": frozenset({"stalls"}),
    "bytes": frozenset({"swap", "gpu"}),
}
"""Curves of one unit share a strip; from top to bottom."""
_AXES: dict[str, Callable[[], tuple[pg.AxisItem, float]]] = {
    "tokens": lambda: (CountAxis(lambda rate: figures.count(round(rate)), count_step), 5.0),
    "requests": lambda: (CountAxis(lambda number: figures.count(round(number)), count_step), 1.0),
    "stalls": lambda: (CountAxis(lambda percent: figures.percent(percent / 100), count_step), 10.0),
    "bytes": lambda: (
        CountAxis(
            lambda size: figures.chosen_size(round(size)) if size else "0", partial(byte_step, ticks=2)
        ),
        64.0 * 1024**2,
    ),
}


def _drawn(
    name: str, window: ActivityWindow, curves: frozenset[Curve], colour_of: ColourOf, palette: Palette
) -> tuple[list[Line], str]:
    """The lines of a strip, and its title, in which each line that is of no model has its name."""
    pens = [_pens_of(colour_of(model).rgb(), palette) for model in window.models]
    if name == "tokens":
        lines = [Line(speed, full) for speed, (full, _) in zip(window.tokens_per_second, pens, strict=True)]
        return lines, translate("Activity", "tokens per second")
    if name == "requests":
        running = [Line(row, full) for row, (full, _) in zip(window.running, pens, strict=True)]
        waiting = [Line(row, pale) for row, (_, pale) in zip(window.waiting, pens, strict=True)]
        pale = _in_colour(translate("Activity", "waiting"), mix(palette.secondary, palette.card, 0.4).name())
        title = translate("Activity", "requests: running, {waiting}").format(waiting=pale)
        return [line for line in (*waiting, *running) if line.figures.any()], title
    if name == "stalls":
        lines = [
            Line(window.stalled_some_percent, _pen(palette.warning)),
            Line(window.stalled_full_percent, _pen(palette.critical)),
        ]
        some = _in_colour(translate("Activity", "some"), palette.warning)
        full = _in_colour(translate("Activity", "full"), palette.critical)
        return lines, translate("Activity", "waiting for memory: {some}, {full}").format(some=some, full=full)
    lines, names = [], []
    if "swap" in curves:
        lines.append(Line(window.swap_bytes, _pen(palette.other)))
        names.append(_in_colour(translate("Activity", "swap"), palette.other))
    if "gpu" in curves:
        lines.append(Line(window.gpu_bytes, _pen(palette.accent)))
        lines.append(Line(window.gpu_total_bytes, _pen(palette.accent, dashed=True)))
        names.append(_in_colour(translate("Activity", "GPU memory"), palette.accent))
    return lines, ", ".join(names)


@cache
def _pens_of(rgb: int, palette: Palette) -> tuple[QPen, QPen]:
    """The pens of a model in this colour, full and pale: dots would take ten times as long to draw."""
    full = mix(QColor(rgb), palette.text, 0.2)
    return pg.mkPen(full), pg.mkPen(mix(full, palette.card, 0.55))


@cache
def _pen(colour: str, *, dashed: bool = False) -> QPen:
    return pg.mkPen(colour, style=Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine)


def _in_colour(word: str, colour: str) -> str:
    return f'<span style="color:{colour}">{word}</span>'


def _models_at(window: ActivityWindow, place: int, curves: frozenset[Curve], name_of: NameOf) -> list[str]:
    lines = []
    for row, model in enumerate(window.models):
        speed, running, waiting = (
            float(each[row, place]) for each in (window.tokens_per_second, window.running, window.waiting)
        )
        parts = []
        if "tokens" in curves and speed > 0:
            parts.append(translate("Activity", "{rate} tokens/s").format(rate=figures.decimal(speed)))
        if "requests" in curves and (running > 0 or waiting > 0):
            counted = translate("Activity", "{running} running, {waiting} waiting")
            parts.append(
                counted.format(running=figures.count(round(running)), waiting=figures.count(round(waiting)))
            )
        if parts:
            lines.append(f"{name_of(model)}: {', '.join(parts)}")
    return lines


def _machine_at(window: ActivityWindow, place: int, curves: frozenset[Curve]) -> list[str]:
    def known(row: Figures) -> float | None:
        value = float(row[place])
        return None if math.isnan(value) else value

    lines = []
    some, full = known(window.stalled_some_percent), known(window.stalled_full_percent)
    if "stalls" in curves and some is not None and full is not None and some >= 0.5:
        text = translate("Activity", "waiting for memory: some {some}, full {full}")
        lines.append(text.format(some=figures.percent(some / 100), full=figures.percent(full / 100)))
    swap, gpu, gpu_total = known(window.swap_bytes), known(window.gpu_bytes), known(window.gpu_total_bytes)
    if "swap" in curves and swap is not None:
        lines.append(translate("Activity", "swap {size}").format(size=figures.size(round(swap))))
    if "gpu" in curves and gpu is not None and gpu_total is not None:
        used, total = figures.size(round(gpu)), figures.size(round(gpu_total))
        lines.append(translate("Activity", "GPU memory {used} of {total}").format(used=used, total=total))
    return lines
