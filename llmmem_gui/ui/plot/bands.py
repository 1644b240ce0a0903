"""The stacked bands of the plot: one colour a model, private bytes solid, weights hatched.

They are one image, made by numpy in a time that hardly grows with the models: filling twenty polygons of
nine hundred points, as `FillBetweenItem` does, takes 60 ms; this takes one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from llmmem_gui.ui.palette import Palette, mix
from llmmem_gui.ui.plot_series import Bytes, PlotSeries
from llmmem_gui.ui.theme import HATCH_PITCH

_SHADES = 4
_EDGE = _SHADES
"""Index of the colour of a border between two bands, after the shades of the hatch."""
_COLOURS = _SHADES + 1
"""Colours of one band."""
_MOST_PROGRAMS = 6
"""Other programs that can have bands of their own."""
MOST_MODELS = (256 // _COLOURS - 3 - _MOST_PROGRAMS) // 2
"""Models that can have bands of their own: the index of a colour is one byte."""
_RECENT_SECONDS = 15.0
"""That the newest sample is no older than this is no gap."""


class Frame(NamedTuple):
    """What an image stands for: a span of time, bytes from zero up to a top, and where time ends."""

    start: float
    end: float
    top_bytes: float
    now: float


class StackedBands(pg.GraphicsObject):
    """Draws a series over the visible range of its view box; times without samples are hatched in grey."""

    def __init__(self) -> None:
        super().__init__()
        self._series: PlotSeries | None = None
        self._colours: tuple[QColor, ...] = ()
        self._palette: Palette | None = None
        self._now = 0.0
        self._drawn: tuple[object, QImage] | None = None

    def show_series(
        self, series: PlotSeries, colours: Sequence[QColor], palette: Palette, now: float
    ) -> None:
        """Draw this series, each model and each other program in its colour; `now` is where time ends."""
        self._series, self._colours, self._palette, self._now = series, tuple(colours), palette, now
        self._drawn = None
        self.update()

    def boundingRect(self) -> QRectF:
        return self.viewRect() or QRectF()

    def viewTransformChanged(self) -> None:
        super().viewTransformChanged()
        self.prepareGeometryChange()

    def dataBounds(self, axis: int, frac: float = 1.0, orthoRange: object = None) -> None:
        """Nothing: the canvas decides how far the axes reach."""

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        if self._series is None:
            return
        view = self.viewRect()
        place = painter.worldTransform().mapRect(view)
        # The scale of the screen is in this transform and not in the painter's own.
        device = painter.deviceTransform().mapRect(view)
        columns, rows = max(1, round(device.width())), max(1, round(device.height()))
        image = self._image(Frame(view.left(), view.right(), view.bottom(), self._now), columns, rows)
        painter.save()
        painter.resetTransform()
        painter.drawImage(place, image)
        painter.restore()

    def _image(self, frame: Frame, columns: int, rows: int) -> QImage:
        assert self._series is not None
        assert self._palette is not None
        key = (frame, columns, rows)
        if self._drawn is None or self._drawn[0] != key:
            ratio = rows / max(1.0, self.getViewBox().height())
            image = stacked_image(self._series, frame, columns, rows, self._colours, self._palette, ratio)
            self._drawn = (key, image)
        return self._drawn[1]


def stacked_image(
    series: PlotSeries,
    frame: Frame,
    columns: int,
    rows: int,
    colours: Sequence[QColor],
    palette: Palette,
    ratio: float = 1.0,
) -> QImage:
    """Draw the series in so many device pixels, `ratio` of them to a pixel of the window.

    From the bottom: of each model private bytes and weights; then, pale, up to the highest sum of all within
    each column; on top of that other programs. Where nothing was sampled there is no zero: the whole column
    is hatched in grey. Models beyond `MOST_MODELS` count in the highest sum only.
    """
    shown, programs = min(len(series.models), MOST_MODELS), min(len(series.programs), _MOST_PROGRAMS)
    centres = frame.start + (np.arange(columns) + 0.5) * (frame.end - frame.start) / columns
    private, weights, peak = series.at(centres)
    bands = np.empty((2 * shown + 1, columns))
    bands[0:-1:2], bands[1:-1:2] = private[:shown], weights[:shown]
    tops = np.cumsum(bands[:-1], axis=0) if shown else np.zeros((0, columns))
    highest = np.fmax(peak, tops[-1]) if shown else peak
    unsampled = _unsampled(series, centres, peak, frame.now)
    tops = np.vstack((tops, highest, highest + np.cumsum(series.others_at(centres)[:programs], axis=0)))
    tops = np.nan_to_num(tops, nan=0.0) * (rows / frame.top_bytes)
    places = np.clip(np.rint(tops), 0, rows).astype(np.intp)

    # Each border adds one to the number of the band from its row upwards: count them, then sum up. Line 0
    # is below the image, so that a border at the very bottom has an edge nobody sees.
    lines = np.zeros((rows + 2, columns), np.uint8)
    pixels = lines.reshape(-1)
    edges = places * columns + np.arange(columns)
    for edge in edges:
        pixels[edge + columns] += 1
    for below, line in pairwise(lines):  # `accumulate` takes ten times as long
        line += below
    lines *= _COLOURS
    edge_colours = pixels[edges] + np.uint8(_EDGE)
    image_lines, hatch = lines[1 : rows + 1], _hatch_shades(rows, columns, ratio)
    image_lines += hatch
    pixels[edges] = edge_colours
    if unsampled.any():
        image_lines[:, unsampled] = (len(places) + 1) * _COLOURS + hatch[:, unsampled]
    upright = np.ascontiguousarray(image_lines[::-1])
    image = QImage(upright.data, columns, rows, columns, QImage.Format.Format_Indexed8)
    theirs = colours[len(series.models) : len(series.models) + programs]
    image.setColorTable(_colour_table(_of_colours(colours[:shown]), _of_colours(theirs), palette))
    # This makes a copy, which is needed: the image does not keep the array.
    return image.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)


def _unsampled(
    series: PlotSeries, centres: NDArray[np.float64], peak: Bytes, now: float
) -> NDArray[np.bool_]:
    """Columns for which nothing was sampled though their time has come."""
    newest = series.times[-1] if len(series.times) else 0.0
    ended = newest if now - newest <= _RECENT_SECONDS else now
    return np.isnan(peak) & (centres <= ended)


def _of_colours(colours: Sequence[QColor]) -> tuple[int, ...]:
    return tuple(colour.rgb() for colour in colours)


@lru_cache(maxsize=16)
def _colour_table(colours: tuple[int, ...], programs: tuple[int, ...], palette: Palette) -> list[int]:
    """Colour of each band and shade: two a model, the peaks, one a program, nothing above, and no samples."""
    card = QColor(palette.card)
    peaks = 2 * len(colours)
    table = np.zeros((peaks + len(programs) + 3, _COLOURS), dtype=np.uint32)
    for place, colour in enumerate(colours):
        solid = mix(QColor(colour), card, 0.08)
        pale = mix(QColor(colour), card, 0.58)
        table[2 * place, :] = solid.rgba()
        table[2 * place + 1, :_SHADES] = [
            mix(pale, solid, shade / (_SHADES - 1)).rgba() for shade in range(_SHADES)
        ]
        table[2 * place + 1, _EDGE] = mix(QColor(colour), "#000000", 0.28).rgba()
    table[peaks, :_SHADES] = mix(palette.other, card, 0.72).rgba()
    table[peaks, _EDGE] = QColor(palette.other).rgba()
    for place, colour in enumerate(programs, start=peaks + 1):
        table[place, :_SHADES] = mix(QColor(colour), card, 0.3).rgba()
        table[place, _EDGE] = mix(QColor(colour), "#000000", 0.2).rgba()
    for shade in range(_SHADES):
        table[-1, shade] = mix(card, palette.track, 0.25 + 0.5 * shade / (_SHADES - 1)).rgba()
    table[-1, _EDGE] = table[-1, 0]
    return [int(colour) for colour in table.reshape(-1)]


@lru_cache(maxsize=2)
def _hatch_shades(rows: int, columns: int, ratio: float) -> NDArray[np.uint8]:
    """How much of a slanted stroke lies on each pixel, 0 to the darkest shade."""
    pitch = HATCH_PITCH * ratio
    diagonal = (np.arange(rows)[::-1, None] + np.arange(columns)[None, :]).astype(np.float32)
    distance = np.abs((diagonal % pitch) - pitch / 2) / ratio
    return np.clip((1.4 - distance) * (_SHADES - 1), 0, _SHADES - 1).astype(np.uint8)
