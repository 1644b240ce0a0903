"""All that lies below the memory of the models in one layout: lanes of devices, then strips of activity."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QRectF
from PySide6.QtGui import QFont

from llmmem_gui.ui.palette import Palette
from llmmem_gui.ui.plot.activity import ActivityStrips
from llmmem_gui.ui.plot.axes import TimeAxis
from llmmem_gui.ui.plot.pool_lanes import LimitMoved, PoolLanes
from llmmem_gui.ui.plot.strip import Strip
from llmmem_gui.ui.plot_facts import PlotFacts


class LinkedPlots:
    """Shares height, axis of time and crosshair among the plots below the memory."""

    def __init__(
        self, layout: pg.GraphicsLayout, memory: pg.PlotItem, dragged: LimitMoved, dropped: LimitMoved
    ) -> None:
        """`dragged` and `dropped` are called while somebody holds the line of a limit of a lane."""
        self._memory = memory
        self.lanes = PoolLanes(layout, memory, dragged, dropped)
        self.activity = ActivityStrips(layout, memory)

    @property
    def shown(self) -> list[Strip]:
        """Those that are open, from top to bottom."""
        return [*self.lanes.shown, *self.activity.shown]

    def suits(self, facts: PlotFacts) -> bool:
        """Whether what is open is what these facts are for."""
        return facts.curves == self.activity.curves and self.lanes.suits(facts.lanes)

    def open(self, facts: PlotFacts) -> list[Strip]:
        """Show what these facts are for; gives what was made for it. The lowest has the axis of time."""
        made: list[Strip] = [*self.lanes.open(facts.lanes), *self.activity.open(facts.curves)]
        self._place_axis()
        return made

    def _place_axis(self) -> None:
        shown = self.shown
        for strip in shown:
            strip.showAxis("bottom", strip is shown[-1])
        self._memory.showAxis("bottom", not shown)

    def share_height(self, height: float) -> float:
        """Take a share of the height of all plots, in pixels; gives how much that is."""
        before = self.shown
        taken = self._share(height)
        if self.shown != before:
            self._place_axis()
            taken = self._share(height)  # the axis of time stands elsewhere
        return taken

    def _share(self, height: float) -> float:
        lanes = self.lanes.share_height(height)
        return lanes + self.activity.share_height(height - lanes)

    @property
    def lowest_times(self) -> TimeAxis | None:
        """The axis of time below the last plot; None while all are closed."""
        shown = self.shown
        return shown[-1].times if shown else None

    def scene_rect(self) -> QRectF:
        """Where they are in the scene; empty while they are closed."""
        return self.lanes.scene_rect() | self.activity.scene_rect()

    def wear(self, palette: Palette, font: QFont, axis_width: int) -> None:
        """Draw in these colours and this font."""
        self.lanes.wear(palette, font, axis_width)
        self.activity.wear(palette, font, axis_width)

    def point_at(self, time: float | None) -> None:
        """Show the crosshair at a time in all; None: nowhere."""
        self.lanes.point_at(time)
        self.activity.point_at(time)

    def told_at(self, time: float, name_of: Callable[[str], str]) -> tuple[str, ...]:
        """What they show at a time, a line for each thing."""
        return (*self.lanes.told_at(time, name_of), *self.activity.told_at(time, name_of))

    def columns_at(self, times: NDArray[np.float64]) -> dict[str, NDArray[np.floating]]:
        """What is drawn, as columns with a name and a unit each, at times that it is drawn at too."""
        columns = (self.lanes.columns_at(times), self.activity.columns_at(times))
        return dict(chain.from_iterable(each.items() for each in columns))
