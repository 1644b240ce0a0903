"""The image of the stacked bands."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from PySide6.QtGui import QColor, QImage

from llmmem_gui.ui.palette import LIGHT, mix
from llmmem_gui.ui.plot.bands import MOST_MODELS, Frame, stacked_image
from llmmem_gui.ui.plot_series import PlotSeries

RED, BLUE, CARD = QColor("#ff0000"), QColor("#0000ff"), QColor(LIGHT.card)
SOLID_RED, SOLID_BLUE = (QColor(mix(colour, CARD, 0.08).rgb()) for colour in (RED, BLUE))
COLOURS = [RED, BLUE] * 20
TIMES = np.arange(0.0, 101.0)


def drawn(series: PlotSeries, ratio: float = 1.0, now: float = 100.0) -> QImage:
    """A hundred seconds and a hundred bytes on a hundred by a hundred pixels."""
    side = round(100 * ratio)
    return stacked_image(series, Frame(0, 100, 100, now), side, side, COLOURS, LIGHT, ratio)


def steady(
    private: list[float], weights: list[float], peak: float | None = None, ratio: float = 1.0
) -> QImage:
    """Every model stays as it is."""
    rows = np.array([[float(amount)] * len(TIMES) for amount in private]).reshape(len(private), len(TIMES))
    mapped = np.array([[float(amount)] * len(TIMES) for amount in weights]).reshape(len(private), len(TIMES))
    highest = (rows + mapped).sum(axis=0) if peak is None else np.full(len(TIMES), float(peak))
    return drawn(PlotSeries(TIMES, tuple("ab"[: len(private)]), rows, mapped, highest), ratio)


def test_private_bytes_are_solid_from_the_bottom() -> None:
    """Thirty of a hundred bytes fill the lowest thirty rows in the model's colour and no more."""
    seen = steady([30], [0])
    assert seen.pixelColor(50, 99) == SOLID_RED
    assert seen.pixelColor(50, 72) == SOLID_RED
    assert seen.pixelColor(50, 60).alpha() == 0


def test_models_are_stacked() -> None:
    """The second model begins where the first one ends."""
    seen = steady([30, 20], [0, 0])
    assert seen.pixelColor(50, 75) == SOLID_RED
    assert seen.pixelColor(50, 60) == SOLID_BLUE
    assert seen.pixelColor(50, 40).alpha() == 0


def test_weights_are_hatched() -> None:
    """The band of weights has several shades of the model's colour, that of private bytes one."""
    seen = steady([20], [60])
    weights = {seen.pixelColor(x, y).name() for x in range(20, 80) for y in range(30, 70)}
    private = {seen.pixelColor(x, 90).name() for x in range(100)}
    assert len(weights) >= 3
    assert len(private) == 1


def test_more_than_the_top_fills_all() -> None:
    """An amount above the top of the axis is cut, not wrapped."""
    assert steady([500], [0]).pixelColor(50, 1).alpha() == 255


def test_the_peak_is_drawn_above_the_mean() -> None:
    """Up to the highest sum within a column there is a pale band, with an edge at just that height."""
    seen = steady([30], [0], peak=70)
    pale, edge = seen.pixelColor(50, 50), seen.pixelColor(50, 30)
    assert pale.alpha() == 255
    assert pale not in (SOLID_RED, edge)
    assert edge == QColor(LIGHT.other)
    assert seen.pixelColor(50, 29).alpha() == 0


def test_a_peak_of_one_sample_is_drawn_at_any_width() -> None:
    """A single high sample between two columns is seen: it is not smoothed away."""
    rows = np.full((1, 101), 10.0)
    peak = np.full(101, 10.0)
    peak[50] = 90.0
    series = PlotSeries(TIMES, ("a",), rows, np.zeros_like(rows), peak)
    for columns in (33, 100, 101, 700):
        seen = stacked_image(series, Frame(0, 100, 100, 100), columns, 100, COLOURS, LIGHT)
        assert any(seen.pixelColor(x, 12).alpha() == 255 for x in range(columns)), columns


def test_no_samples_look_different_from_nothing_in_use() -> None:
    """A gap is hatched in grey over its whole height; a time in which no model used memory is empty."""
    private = np.full((1, len(TIMES)), 50.0)
    private[0, 40:60] = np.nan
    private[0, 80:] = 0.0
    seen = drawn(PlotSeries(TIMES, ("a",), private, np.zeros_like(private), private[0]))
    gap = {seen.pixelColor(x, y).name() for x in range(42, 58) for y in range(0, 100, 3)}
    assert len(gap) >= 3
    assert SOLID_RED.name() not in gap
    assert all(seen.pixelColor(50, y).alpha() == 255 for y in range(100))
    assert seen.pixelColor(90, 50).alpha() == 0
    assert seen.pixelColor(10, 90) == SOLID_RED


def test_the_future_is_no_gap() -> None:
    """Where time has not come yet, and just before the newest sample arrives, nothing is hatched."""
    rows = np.full((1, 51), 50.0)
    series = PlotSeries(np.arange(0.0, 51.0), ("a",), rows, np.zeros_like(rows), rows[0])
    assert drawn(series, now=60).pixelColor(55, 20).alpha() == 0
    assert drawn(series, now=90).pixelColor(80, 20).alpha() == 255
    assert drawn(series, now=90).pixelColor(95, 20).alpha() == 0


@pytest.mark.parametrize("ratio", [1.0, 1.25, 2.0, 3.0])
def test_it_is_sharp_at_every_scale(ratio: float) -> None:
    """The hatch has as many strokes on every screen, drawn in the device pixels of that screen."""
    seen = steady([0], [90], ratio=ratio)
    assert seen.width() == round(100 * ratio)
    row = [seen.pixelColor(x, round(50 * ratio)).lightness() for x in range(seen.width())]
    dark = [lightness < (min(row) + max(row)) / 2 for lightness in row]
    strokes = sum(1 for before, after in pairwise(dark) if after and not before)
    assert 15 <= strokes <= 18


def test_an_empty_series_is_a_gap_up_to_now() -> None:
    """Without any samples all that has passed is a gap."""
    nothing = np.zeros((0, 0))
    seen = drawn(PlotSeries(np.zeros(0), (), nothing, nothing, np.zeros(0)), now=50)
    assert seen.pixelColor(25, 49).alpha() == 255
    assert seen.pixelColor(75, 49).alpha() == 0


def test_more_models_than_there_are_colours_for_are_in_the_highest_sum() -> None:
    """A model without a band of its own is not drawn as another one, and the sum is still right."""
    count = MOST_MODELS + 4
    rows = np.full((count, len(TIMES)), 2.0)
    models = tuple(f"model {number}" for number in range(count))
    seen = drawn(PlotSeries(TIMES, models, rows, np.zeros_like(rows), rows.sum(axis=0)))
    assert seen.pixelColor(50, 100 - 2 * count + 3).alpha() == 255
    assert seen.pixelColor(50, 100 - 2 * count - 1).alpha() == 0
