"""Limits on the plot: the total one that can be dragged, a model's own, and what is kept free."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QColor, QFont

from llmmem_gui.ui import figures
from llmmem_gui.ui.palette import Palette
from llmmem_gui.ui.plot_series import PlotSeries

translate = QCoreApplication.translate

_ABOVE = [(0, 1.1), (0, 1.1)]
"""Anchors of a label that stands above its line, wherever the line is."""


class LimitLine(pg.InfiniteLine):
    """The limit of a pool as a line to hold and drag."""

    def __init__(self) -> None:
        super().__init__(angle=0, movable=True, label="", labelOpts={"position": 0.006, "anchors": _ABOVE})
        self.setZValue(20)
        self.setCursor(Qt.CursorShape.SizeVerCursor)
        self.label.textItem.document().setDocumentMargin(2)
        self.hide()

    def wear(self, palette: Palette, font: QFont) -> None:
        """Draw in these colours and this font."""
        self.setPen(pg.mkPen(palette.limit, width=1.5, style=Qt.PenStyle.DashLine))
        self.setHoverPen(pg.mkPen(palette.limit, width=3))
        self.label.setColor(palette.limit)
        self.label.fill = pg.mkBrush(palette.card)  # bands may lie under it
        self.label.setFont(font)

    def show_limit(self, limit_bytes: int | None, pool: str = "") -> None:
        """Stand at this limit, and say of which pool, where it is not main memory; None: there is none."""
        self.setVisible(limit_bytes is not None)
        if limit_bytes is not None:
            size = figures.chosen_size(limit_bytes)
            text = translate("Plot", "limit {size}").format(size=size)
            text = f"{pool} · {text}" if pool else text
            if text != self.label.format:
                self.label.setFormat(text)  # lays the text out anew
            self.setValue(limit_bytes)


class LimitBeyond(pg.TextItem):
    """Says a limit that lies above what is seen."""

    def __init__(self) -> None:
        super().__init__(anchor=(0, 0))
        self._said = ""

    def show_limit(self, limit_bytes: int | None, start: float, top: float) -> None:
        """Say it in the corner at this time and these bytes, if it is larger than these."""
        self.setVisible(limit_bytes is not None and limit_bytes > top)
        if limit_bytes is not None and limit_bytes > top:
            text = translate("Plot", "limit {size}").format(size=figures.chosen_size(limit_bytes))
            if text != self._said:
                self._said = text
                self.setText(f"{text} ↑")  # lays it out anew
            self.setPos(start, top)


class OwnLimit(pg.PlotCurveItem):
    """How far the band of one model may reach: the bytes below it and its own limit."""

    def __init__(self) -> None:
        super().__init__(connect="finite")
        self.label = pg.TextItem(anchor=(1, 1.1))
        self.label.textItem.document().setDocumentMargin(2)
        self.setZValue(15)
        self.label.setZValue(25)

    def show_limit(
        self, series: PlotSeries | None, model_id: str, limit_bytes: int, colour: QColor, palette: Palette
    ) -> None:
        """Draw the limit of a model where it holds memory; nothing where it does not."""
        place = series.models.index(model_id) if series and model_id in series.models else None
        self.setVisible(place is not None)
        self.label.setVisible(place is not None)
        if series is None or place is None:
            return
        bands = series.private + series.weights
        below = bands[:place].sum(axis=0)
        reach = np.where(bands[place] > 0, below + limit_bytes, np.nan)
        self.setPen(pg.mkPen(colour, width=2))
        self.setData(series.times, reach)
        known = np.flatnonzero(~np.isnan(reach))
        self.label.setVisible(len(known) > 0)
        if len(known):
            self.label.setColor(palette.text)
            self.label.fill = pg.mkBrush(palette.card)  # the line of the total limit may run there
            text = translate("Plot", "its limit {size}").format(size=figures.chosen_size(limit_bytes))
            self.label.setText(text)
            # The newest point may lie beyond the edge, where the label would be cut.
            end = min(float(series.times[known[-1]]), self.getViewBox().viewRange()[0][1])
            self.label.setPos(end, float(reach[known[-1]]))

    def hide_limit(self) -> None:
        """Draw nothing."""
        self.hide()
        self.label.hide()


class KeptFree(pg.LinearRegionItem):
    """The memory of the computer that loads leave free, at the upper end of it."""

    def __init__(self) -> None:
        super().__init__(orientation="horizontal", movable=False)
        self.setZValue(-5)
        self.hide()

    def wear(self, palette: Palette) -> None:
        """Draw in these colours."""
        shade = QColor(palette.other)
        shade.setAlphaF(0.28)
        self.setBrush(shade)
        for line in self.lines:
            line.setPen(pg.mkPen(palette.other))

    def show_reserve(self, machine_bytes: int, reserve_bytes: int) -> None:
        """Shade what is kept free of the computer's memory."""
        self.setVisible(machine_bytes > 0 and reserve_bytes > 0)
        self.setRegion((machine_bytes - reserve_bytes, machine_bytes))
