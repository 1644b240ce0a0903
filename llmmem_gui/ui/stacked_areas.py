"""The stacked areas of the plot as one image, made by numpy in a time that hardly grows with the models.

Filling twenty polygons of nine hundred points with Qt's painter takes 60 ms; this takes 2 to 4.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QColor, QImage

from llmmem_gui.ui.palette import mix
from llmmem_gui.ui.plot_series import Bytes, PlotSeries
from llmmem_gui.ui.theme import HATCH_PITCH

_SHADES = 4
_EDGE = _SHADES
"""Index of the colour of a border between two areas, after the shades of the hatch."""


def at_times(series: PlotSeries, times: NDArray[np.float64]) -> tuple[Bytes, Bytes]:
    """Private and mapped bytes of each model at the given times, between samples on a straight line."""
    if len(series.times) < 2:
        nothing = np.full((len(series.models), len(times)), np.nan)
        return nothing, nothing.copy()
    right = np.clip(np.searchsorted(series.times, times), 1, len(series.times) - 1)
    left = right - 1
    share = (times - series.times[left]) / (series.times[right] - series.times[left])
    outside = (times < series.times[0]) | (times > series.times[-1])

    def between(rows: Bytes) -> Bytes:
        found = rows[:, left] * (1 - share) + rows[:, right] * share
        found[:, outside] = np.nan
        return found

    return between(series.private), between(series.weights)


def stacked_areas(
    series: PlotSeries,
    start: float,
    end: float,
    top_bytes: float,
    width: int,
    height: int,
    ratio: float,
    colours: list[QColor],
    card: QColor,
) -> QImage:
    """Draw the series between two times: private bytes solid, weights hatched, one colour a model.

    `width` and `height` are pixels of the window, `ratio` the device pixels to each of them, `top_bytes`
    what the upper edge stands for. Where nothing was sampled the image is transparent.
    """
    columns, rows = max(1, round(width * ratio)), max(1, round(height * ratio))
    centres = start + (np.arange(columns) + 0.5) * (end - start) / columns
    private, weights = at_times(series, centres)
    bands = np.empty((2 * len(series.models), columns))
    bands[0::2], bands[1::2] = private, weights
    tops = np.nan_to_num(np.cumsum(bands, axis=0), nan=0.0) * (rows / top_bytes)
    tops = np.clip(np.rint(tops), 0, rows).astype(np.intp)

    # Each border adds one to the number of the band from its row upwards: count them, then sum up.
    borders = np.bincount(
        (tops * columns + np.arange(columns)).ravel(), minlength=(rows + 1) * columns
    ).reshape(rows + 1, columns)
    band = np.cumsum(borders[:rows].astype(np.uint16), axis=0, dtype=np.uint16)
    shade = _hatch_shades(rows, columns, ratio)
    shade = np.where(borders[1:] > 0, np.uint8(_EDGE), shade)
    table = _colour_table(tuple(colour.rgb() for colour in colours), card.rgb())
    pixels = table[band * np.uint16(_SHADES + 1) + shade][::-1]
    image = QImage(
        np.ascontiguousarray(pixels).data,
        columns,
        rows,
        4 * columns,
        QImage.Format.Format_ARGB32_Premultiplied,
    ).copy()
    image.setDevicePixelRatio(ratio)
    return image


@lru_cache(maxsize=16)
def _colour_table(colours: tuple[int, ...], card: int) -> NDArray[np.uint32]:
    """Colour of each band and shade; transparent where there is no band, so that no alpha is in between."""
    table = np.zeros((2 * len(colours) + 1, _SHADES + 1), dtype=np.uint32)
    for place, colour in enumerate(colours):
        solid = mix(QColor(colour), QColor(card), 0.08)
        pale = mix(QColor(colour), QColor(card), 0.58)
        edge = mix(QColor(colour), "#000000", 0.28).rgba()
        table[2 * place, :] = solid.rgba()
        table[2 * place + 1, :_SHADES] = [
            mix(pale, solid, shade / (_SHADES - 1)).rgba() for shade in range(_SHADES)
        ]
        table[2 * place + 1, _EDGE] = edge
    return table.reshape(-1)


@lru_cache(maxsize=4)
def _hatch_shades(rows: int, columns: int, ratio: float) -> NDArray[np.uint8]:
    """How much of a slanted stroke lies on each pixel, 0 to the darkest shade."""
    pitch = HATCH_PITCH * ratio
    diagonal = (np.arange(rows)[::-1, None] + np.arange(columns)[None, :]).astype(np.float32)
    distance = np.abs((diagonal % pitch) - pitch / 2) / ratio
    return np.clip((1.4 - distance) * (_SHADES - 1), 0, _SHADES - 1).astype(np.uint8)
