"""A plot below that of the memory, on the same axis of time; and several of them in one layout."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, TypeVar

import pyqtgraph as pg
from PySide6.QtCore import QRectF
from PySide6.QtGui import QFont

from llmmem_gui.ui.palette import Palette
from llmmem_gui.ui.plot.axes import TimeAxis, wear_axes
from llmmem_gui.ui.plot.view_box import TimeViewBox


class Strip(pg.PlotItem):
    """One plot of a few dozen pixels, with the crosshair of all."""

    def __init__(self, axis: pg.AxisItem) -> None:
        self.times = TimeAxis()
        view = TimeViewBox()
        super().__init__(viewBox=view, axisItems={"left": axis, "bottom": self.times}, enableMenu=False)
        self.hideButtons()
        axis.setZValue(-1000)
        self.crosshair = pg.InfiniteLine(angle=90)
        self.crosshair.setZValue(30)
        self.crosshair.hide()
        self.addItem(self.crosshair, ignoreBounds=True)

    def wear(self, palette: Palette, font: QFont, axis_width: int) -> None:
        """Draw in these colours and this font."""
        self.getViewBox().wear(palette)
        wear_axes(self.getAxis("left"), self.times, palette, font, axis_width)
        self.crosshair.setPen(pg.mkPen(palette.text))

    def point_at(self, time: float | None) -> None:
        """Show the crosshair at a time; None: nowhere."""
        self.crosshair.setVisible(time is not None)
        if time is not None:
            self.crosshair.setValue(time)


AnyStrip = TypeVar("AnyStrip", bound=Strip)


class Strips(ABC, Generic[AnyStrip]):
    """Strips of one kind, by name, linked to the axis of time of the memory; those that are open are seen."""

    least_height, most_height = 34.0, 76.0
    """Pixels of a strip."""
    share = 0.5
    """Of the height that there is, what all strips take at most."""

    def __init__(self, layout: pg.GraphicsLayout, memory: pg.PlotItem, first_row: int) -> None:
        self._layout = layout
        self._memory = memory
        self._first_row = first_row
        self._made: dict[str, AnyStrip] = {}
        self._open: list[str] = []
        self._worn: tuple[Palette, QFont, int] | None = None

    @property
    def shown(self) -> list[AnyStrip]:
        """The strips that are open, from top to bottom."""
        return [self._made[name] for name in self._open]

    @property
    def open_names(self) -> list[str]:
        """Their names."""
        return self._open

    def share_height(self, height: float) -> float:
        """Take a share of a height in pixels; gives how much that is."""
        each = 0.0
        for strip in self.shown:
            each = min(self.most_height, max(self.least_height, height * self.share / len(self._open)))
            axis = strip.times.height() if strip.times.isVisible() else 0.0
            strip.setMinimumHeight(each + axis)
            strip.setMaximumHeight(each + axis)
        return each * len(self._open)

    def scene_rect(self) -> QRectF:
        """Where the strips are in the scene; empty while they are closed."""
        rect = QRectF()
        for strip in self.shown:
            rect = rect.united(strip.getViewBox().sceneBoundingRect())
        return rect

    def wear(self, palette: Palette, font: QFont, axis_width: int) -> None:
        """Draw in these colours and this font."""
        self._worn = (palette, font, axis_width)
        for strip in self._made.values():
            strip.wear(*self._worn)

    def point_at(self, time: float | None) -> None:
        """Show the crosshair at a time in all strips; None: nowhere."""
        for strip in self.shown:
            strip.point_at(time)

    def _show(self, wanted: Sequence[str]) -> list[AnyStrip]:
        """Open these and close all others; gives those that were made for it."""
        made = [name for name in wanted if name not in self._made]
        for name in made:
            self._made[name] = self._added(name)
        self._open = list(wanted)
        for name, strip in self._made.items():
            # The layout leaves no room for one that is hidden.
            strip.setVisible(name in self._open)
        return [self._made[name] for name in made]

    def _added(self, name: str) -> AnyStrip:
        strip = self._new(name)
        strip.setXLink(self._memory)
        if self._worn is not None:
            strip.wear(*self._worn)
        self._layout.addItem(strip, row=self._first_row + self._row_of(name), col=0)
        return strip

    @abstractmethod
    def _new(self, name: str) -> AnyStrip:
        """Make the strip of that name."""

    @abstractmethod
    def _row_of(self, name: str) -> int:
        """Which row of these strips it stands in, from 0."""
