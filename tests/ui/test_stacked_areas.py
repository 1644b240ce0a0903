"""The image of the stacked areas."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtGui import QColor, QImage

from llmmem_gui.ui.palette import mix
from llmmem_gui.ui.plot_series import PlotSeries
from llmmem_gui.ui.stacked_areas import stacked_areas

RED, BLUE, CARD = QColor("#ff0000"), QColor("#0000ff"), QColor("#ffffff")
SOLID_RED, SOLID_BLUE = (QColor(mix(colour, CARD, 0.08).rgb()) for colour in (RED, BLUE))
TIMES = np.arange(0.0, 101.0)


def image(private: list[float], weights: list[float], ratio: float = 1.0) -> QImage:
    """An area of 100 by 100 pixels, 100 bytes high, in which every model stays as it is."""
    rows = np.array([[amount] * len(TIMES) for amount in private]).reshape(len(private), len(TIMES))
    mapped = np.array([[amount] * len(TIMES) for amount in weights]).reshape(len(private), len(TIMES))
    series = PlotSeries(TIMES, tuple("ab"[: len(private)]), rows, mapped, (rows + mapped).sum(axis=0))
    return stacked_areas(series, 0, 100, 100, 100, 100, ratio, [RED, BLUE][: len(private)], CARD)


def test_private_bytes_are_solid_from_the_bottom() -> None:
    """Thirty of a hundred bytes fill the lowest thirty rows in the model's colour and no more."""
    drawn = image([30], [0])
    assert drawn.pixelColor(50, 99) == SOLID_RED
    assert drawn.pixelColor(50, 72) == SOLID_RED
    assert drawn.pixelColor(50, 60).alpha() == 0


def test_models_are_stacked() -> None:
    """The second model begins where the first one ends."""
    drawn = image([30, 20], [0, 0])
    assert drawn.pixelColor(50, 75) == SOLID_RED
    assert drawn.pixelColor(50, 60) == SOLID_BLUE
    assert drawn.pixelColor(50, 40).alpha() == 0


def test_weights_are_hatched() -> None:
    """The area of weights has several shades of the model's colour, that of private bytes one."""
    drawn = image([20], [60])
    weights = {drawn.pixelColor(x, y).name() for x in range(20, 80) for y in range(30, 70)}
    private = {drawn.pixelColor(x, 90).name() for x in range(100)}
    assert len(weights) >= 3
    assert len(private) == 1


def test_more_than_the_top_fills_all() -> None:
    """An amount above the top of the axis is cut, not wrapped."""
    assert image([500], [0]).pixelColor(50, 1).alpha() == 255


def test_where_nothing_was_sampled_nothing_is_drawn() -> None:
    """A gap is transparent from top to bottom."""
    private = np.full((1, len(TIMES)), 50.0)
    private[0, 40:60] = np.nan
    series = PlotSeries(TIMES, ("a",), private, np.zeros_like(private), private[0])
    drawn = stacked_areas(series, 0, 100, 100, 100, 100, 1, [RED], CARD)
    assert all(drawn.pixelColor(50, y).alpha() == 0 for y in range(100))
    assert drawn.pixelColor(10, 90).alpha() == 255


@pytest.mark.parametrize("ratio", [1.0, 1.25, 2.0, 3.0])
def test_it_is_sharp_at_every_scale(ratio: float) -> None:
    """The image has a pixel for each device pixel."""
    drawn = image([30], [10], ratio)
    assert (drawn.width(), drawn.height()) == (round(100 * ratio), round(100 * ratio))
    assert drawn.devicePixelRatio() == ratio


def test_an_empty_series_is_transparent() -> None:
    """Without samples the image is empty."""
    nothing = np.zeros((0, 0))
    series = PlotSeries(np.zeros(0), (), nothing, nothing, np.zeros(0))
    drawn = stacked_areas(series, 0, 100, 100, 50, 50, 1, [], CARD)
    assert drawn.pixelColor(25, 49).alpha() == 0
