"""Times for which the computer was suspended: plain, unlike those in which the program did not run."""

from __future__ import annotations

from collections.abc import Sequence

import pyqtgraph as pg
from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QFont

from llmmem_gui.core.events import Event
from llmmem_gui.ui.palette import Palette

translate = QCoreApplication.translate

_WORTH_A_WORD = 0.06
"""Share of the plot from which on a sleep says what it is."""


class Sleeps:
    """Draws each sleep that an event tells of as a region over the plot, with a word where there is room."""

    def __init__(self, plot: pg.PlotItem) -> None:
        self._plot = plot
        self._regions: list[pg.LinearRegionItem] = []
        self._words: list[pg.TextItem] = []
        self._spans: list[tuple[float, float]] = []
        self._events: Sequence[Event] = ()
        self._worn: tuple[Palette, QFont] | None = None

    def wear(self, palette: Palette, font: QFont) -> None:
        """Draw in these colours and this font."""
        self._worn = (palette, font)
        for region, word in zip(self._regions, self._words, strict=True):
            self._dress(region, word)

    def contains(self, time: float) -> bool:
        """Whether the computer slept then."""
        return any(start < time < end for start, end in self._spans)

    def show_events(self, events: Sequence[Event], view: tuple[float, float], top: float) -> None:
        """Draw what these events tell of sleeps that are in sight."""
        if events is not self._events:
            self._events = events
            slept = (event for event in events if event.type == "computer-slept")
            self._spans = [(event.time - event.numbers.get("seconds", 0.0), event.time) for event in slept]
        start, end = view
        seen = [span for span in self._spans if span[0] < end and span[1] > start]
        while len(self._regions) < len(seen):
            self._add()
        for place, (region, word) in enumerate(zip(self._regions, self._words, strict=True)):
            shown = place < len(seen)
            region.setVisible(shown)
            word.setVisible(shown and seen[place][1] - seen[place][0] > (end - start) * _WORTH_A_WORD)
            if shown:
                region.setRegion(seen[place])
                inside = max(start, seen[place][0]), min(end, seen[place][1])
                word.setPos(sum(inside) / 2, top / 2)

    def _add(self) -> None:
        region = pg.LinearRegionItem(movable=False)
        region.setZValue(5)
        word = pg.TextItem(anchor=(0.5, 0.5))
        word.setZValue(6)
        self._dress(region, word)
        for item in (region, word):
            self._plot.addItem(item, ignoreBounds=True)
        self._regions.append(region)
        self._words.append(word)

    def _dress(self, region: pg.LinearRegionItem, word: pg.TextItem) -> None:
        if self._worn is None:
            return
        palette, font = self._worn
        region.setBrush(pg.mkBrush(palette.track))
        for line in region.lines:
            line.setPen(pg.mkPen(palette.other, style=Qt.PenStyle.DotLine))
        word.setFont(font)
        word.setColor(palette.text)
        word.setText(translate("Plot", "asleep"))
