"""A lane for each device with memory of its own: what models hold there over time, and its limit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtGui import QFont

from llmmem_gui.ui import figures
from llmmem_gui.ui.composition import Ghost
from llmmem_gui.ui.palette import ModelColours, Palette
from llmmem_gui.ui.plot.axes import ByteAxis
from llmmem_gui.ui.plot.bands import StackedBands
from llmmem_gui.ui.plot.ghost_bar import GhostBar
from llmmem_gui.ui.plot.limit_lines import LimitLine
from llmmem_gui.ui.plot.strip import Strip, Strips
from llmmem_gui.ui.plot_facts import Lane, PlotFacts
from llmmem_gui.ui.plot_series import PlotSeries

LimitMoved = Callable[[str, float], object]
"""Takes the key of a pool, and bytes."""
_LABEL_PIXELS = 22
"""Room above the limit for its label."""
_OVER_LIMIT_SHOWN = 1.25
_ROOM_OF_MEMORY, _LEAST_FOR_MEMORY = 256, 124
"""Pixels for the plot of main memory, with both axes, that lanes leave, and that lanes asked for leave."""
_SHARES = (0.0, 0.32, 0.4, 0.46, 0.52)
"""Of the height what lanes take at most, by their number."""
FIRST_ROW = 1
MOST_LANES = 64
"""Rows that are kept for lanes."""


class PoolLane(Strip):
    """The bands of one device, with the line of its limit, and the ghost of a load."""

    def __init__(self) -> None:
        super().__init__(ByteAxis("left"))
        self.bands, self.limit, self.ghost = StackedBands(), LimitLine(), GhostBar()
        for item in (self.bands, self.limit, self.ghost, self.ghost.label):
            self.addItem(item, ignoreBounds=True)
        self.ghost.setVisible(False)
        self.lane: Lane | None = None
        self.series: PlotSeries | None = None
        self._font = QFont()

    def wear(self, palette: Palette, font: QFont, axis_width: int) -> None:
        super().wear(palette, font, axis_width)
        self._font = font
        self.limit.wear(palette, font)

    def draw(
        self, lane: Lane, series: PlotSeries, colours: ModelColours, palette: Palette, now: float
    ) -> None:
        """Draw this series under this limit, up to where time ends."""
        self.lane, self.series = lane, series
        colours.take(series.models)
        view = self.getViewBox()
        start, end = view.viewRange()[0]
        limit = lane.limit_bytes
        top = max(series.tallest(start, end) * 1.05, self._top_of_limit(limit), 1.0)
        view.setYRange(0, top, padding=0)
        tints = [colours.of(model_id) for model_id in series.models]
        self.bands.show_series(series, tints, palette, now)
        self.limit.show_limit(limit, lane.name)

    def draw_ghost(
        self, ghost: Ghost | None, times: tuple[float, float], colours: ModelColours, palette: Palette
    ) -> None:
        """Draw what a load would take of this device, between two times; nothing if that is nothing."""
        lane = self.lane
        need = ghost.devices.get(lane.device, 0) if ghost is not None and lane is not None else 0
        self.ghost.setVisible(need > 0)
        if ghost is None or lane is None or not need:
            return
        here = replace(ghost, need_bytes=need, devices={})
        resting = ghost.resting_on(lane.used)
        view = self.getViewBox()
        top = max(view.viewRange()[1][1], min(resting + need, lane.limit_bytes * _OVER_LIMIT_SHOWN))
        view.setYRange(0, top, padding=0)
        self.ghost.show_ghost(here, times, resting, top, colours.of(ghost.model_id), palette, self._font)

    def _top_of_limit(self, limit_bytes: int) -> float:
        height = max(34.0, self.getViewBox().height())
        return limit_bytes * height / max(8.0, height - _LABEL_PIXELS)


class PoolLanes(Strips[PoolLane]):
    """The lanes that are shown."""

    least_height, most_height = 38.0, 220.0

    def __init__(
        self, layout: pg.GraphicsLayout, memory: pg.PlotItem, dragged: LimitMoved, dropped: LimitMoved
    ) -> None:
        """`dragged` and `dropped` are called while somebody holds the line of a limit."""
        super().__init__(layout, memory, FIRST_ROW)
        self._dragged, self._dropped = dragged, dropped
        self._wanted: list[str] = []
        self._asked_for: list[str] = []

    @property
    def wanted(self) -> list[str]:
        """The keys of the lanes that are shown while there is room."""
        return self._wanted

    def suits(self, lanes: Sequence[Lane]) -> bool:
        """Whether these are the lanes that `open` was told of."""
        asked_for = [lane.key for lane in lanes if lane.is_asked_for]
        return [lane.key for lane in lanes] == self._wanted and asked_for == self._asked_for

    def open(self, lanes: Sequence[Lane]) -> list[PoolLane]:
        """Show these; gives those that were made for it."""
        self._wanted = [lane.key for lane in lanes]
        self._asked_for = [lane.key for lane in lanes if lane.is_asked_for]
        return self._show(self._wanted)

    def share_height(self, height: float) -> float:
        """Take a share of a height in pixels; lanes that leave too little to main memory are closed."""
        shown: list[str] = []
        for key in sorted(self._wanted, key=lambda key: key not in self._asked_for):
            least = _LEAST_FOR_MEMORY if key in self._asked_for else _ROOM_OF_MEMORY
            # Those that are just being made ask for it, too.
            if key in self._made and height - (len(shown) + 1) * self.least_height >= least:
                shown.append(key)
        self._show([key for key in self._wanted if key in shown])
        self.share = _SHARES[min(len(self._open), len(_SHARES) - 1)]
        return super().share_height(height)

    def draw(
        self,
        facts: PlotFacts,
        series: PlotSeries,
        edge: float | None,
        colours: ModelColours,
        palette: Palette,
    ) -> None:
        """Draw the lanes that are open; `edge` is where the present ends on a plot that follows it."""
        for lane in facts.lanes:
            strip = self._made.get(lane.key)
            if strip is None:  # what is being opened changes sizes before it is all there
                continue
            there = series.pools.get(lane.key) or series.without_models()
            strip.draw(lane, there, colours, palette, facts.now)
            end = float(strip.getViewBox().viewRange()[0][1])
            strip.draw_ghost(None if edge is None else facts.ghost, (edge or end, end), colours, palette)

    @property
    def moving(self) -> bool:
        """Whether somebody holds a limit."""
        return any(lane.limit.moving for lane in self.shown)

    def told_at(self, time: float, name_of: Callable[[str], str]) -> tuple[str, ...]:
        """What the lanes show at a time, a line for each device that models held something of."""
        lines = []
        for strip in self.shown:
            if strip.lane is None or strip.series is None:
                continue
            held = strip.series.at(np.array([time]))[0][:, 0]
            each = [
                f"{name_of(model_id)} {figures.size(round(float(size)))}"
                for model_id, size in zip(strip.series.models, held, strict=True)
                if size > 0
            ]
            if each:
                lines.append(f"{strip.lane.name}: {', '.join(each)}")
        return tuple(lines)

    def columns_at(self, times: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """What is drawn, as columns with a name and a unit each."""
        columns: dict[str, NDArray[np.float64]] = {}
        for strip in self.shown:
            if strip.lane is None or strip.series is None:
                continue
            held = strip.series.at(times)[0]
            for model_id, row in zip(strip.series.models, held, strict=True):
                columns[f"{model_id} on {strip.lane.device} bytes"] = np.asarray(row, np.float64)
        return columns

    def _new(self, name: str) -> PoolLane:
        lane = PoolLane()
        lane.limit.sigDragged.connect(lambda line: self._dragged(name, line.value()))
        lane.limit.sigPositionChangeFinished.connect(lambda line: self._dropped(name, line.value()))
        return lane

    def _row_of(self, name: str) -> int:
        return len(self._made)
