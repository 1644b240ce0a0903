"""The ghost: what a load would take, beside now and not over it."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont

from llmmem_gui.ui import figures
from llmmem_gui.ui.composition import Ghost
from llmmem_gui.ui.palette import Palette

WIDTH = 76.0
"""Pixels right of now that the ghost takes."""


class GhostBar(pg.BarGraphItem):
    """A bar as wide as the room right of now, on top of what stays in memory, with its size above."""

    def __init__(self) -> None:
        super().__init__(x0=[0], x1=[0], y0=[0], y1=[0])
        self.label = pg.TextItem(anchor=(0.5, 1))
        self.label.textItem.document().setDocumentMargin(1)
        self.setZValue(10)
        self.label.setZValue(11)
        self._written: tuple[str, str, str, str] | None = None
        """Text, its colour, its ground and its font."""

    def setVisible(self, visible: bool) -> None:
        """Show or hide the bar and its size."""
        super().setVisible(visible)
        self.label.setVisible(visible)

    def show_ghost(
        self, ghost: Ghost, times: tuple[float, float], resting_bytes: float, top_bytes: float,
        colour: QColor, palette: Palette, font: QFont,
    ) -> None:  # fmt: skip
        """Draw the ghost between two times, from the bytes that stay; its top is cut at `top_bytes`."""
        start, end = times
        inset = (end - start) * 0.06
        top = min(top_bytes, resting_bytes + ghost.need_bytes)
        tint = QColor(colour)
        tint.setAlphaF(0.4)
        edge = palette.text if ghost.fits else palette.critical
        self.setOpts(
            x0=[start + inset], x1=[end - inset], y0=[resting_bytes], y1=[top],
            brush=tint, pen=pg.mkPen(edge, width=1.3, style=Qt.PenStyle.DashLine),
        )  # fmt: skip
        on_gpus = f"\n+{figures.size(ghost.vram_bytes)}{figures.NO_BREAK}VRAM" if ghost.vram_bytes else ""
        self._write(f"+{figures.size(ghost.need_bytes)}{on_gpus}", edge, palette, font)
        # Where there is no room above, the size stands inside.
        above = (top_bytes - top) / top_bytes * self.getViewBox().height()
        self.label.setAnchor((0.5, 1.0 if above >= self.label.boundingRect().height() else 0.0))
        self.label.setPos((start + end) / 2, top)

    def _write(self, text: str, colour: str, palette: Palette, font: QFont) -> None:
        written = (text, colour, palette.card, font.key())
        if written != self._written:  # each of it lays the text out anew
            self._written = written
            self.label.setFont(font)
            self.label.setColor(colour)
            self.label.fill = pg.mkBrush(palette.card)  # the line of the limit may run there
            self.label.setText(text)
