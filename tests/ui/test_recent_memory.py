"""The series that the plot draws."""

from __future__ import annotations

import numpy as np

from llmmem_gui.ui.recent_memory import PlotSeries, RecentMemory, reduced, with_gaps


def series_of(times: list[float], amounts: list[float]) -> PlotSeries:
    """One model without weights."""
    private = np.array([amounts])
    return PlotSeries(np.array(times), ("m",), private, np.zeros_like(private), private[0].copy())


def test_samples_come_back() -> None:
    """What was added is in the series, models in the order in which they came."""
    memory = RecentMemory()
    memory.add(10, {"a": (1, 2)})
    memory.add(11, {"a": (3, 4), "b": (5, 6)})
    series = memory.series(0, 20, 100)
    assert series.models == ("a", "b")
    assert series.times.tolist() == [10, 11]
    assert series.private.tolist() == [[1, 3], [0, 5]]
    assert series.weights.tolist() == [[2, 4], [0, 6]]
    assert series.total.tolist() == [3, 18]


def test_a_clock_that_went_back_is_left_out() -> None:
    """A sample that is not newer than the last one is not taken."""
    memory = RecentMemory()
    memory.add(10, {"a": (1, 0)})
    memory.add(9, {"a": (2, 0)})
    assert memory.series(0, 20, 100).times.tolist() == [10]


def test_old_samples_make_room() -> None:
    """The store never grows: the oldest samples are overwritten."""
    memory = RecentMemory(rows=5)
    for time in range(12):
        memory.add(time, {"a": (time, 0)})
    assert memory.series(0, 20, 100).times.tolist() == [7, 8, 9, 10, 11]


def test_a_model_that_was_not_seen_in_the_window_is_left_out() -> None:
    """Only models that used memory within the window are part of its series."""
    memory = RecentMemory()
    for time in range(100):
        memory.add(time, {"old": (1, 0)} if time < 20 else {"new": (1, 0)})
    assert memory.series(50, 100, 100).models == ("new",)


def test_a_reduced_series_keeps_its_peak() -> None:
    """A spike of one second is still the peak after forty seconds became one column."""
    amounts = [1.0] * 400
    amounts[123] = 900.0
    series = reduced(series_of([float(t) for t in range(400)], amounts), 10)
    assert len(series.times) == 10
    assert series.peak.max() == 900
    assert series.private.max() < 900


def test_columns_stand_still_while_time_moves() -> None:
    """Two windows that overlap reduce the samples they share to the same columns."""
    memory = RecentMemory()
    rng = np.random.default_rng(1)
    for time in range(1000):
        memory.add(time, {"a": (int(rng.integers(1, 1000)), 0)})
    first, second = memory.series(100, 900, 100), memory.series(103, 903, 100)
    shared = np.intersect1d(first.times, second.times)
    assert len(shared) > 80
    of = dict(zip(first.times, first.private[0], strict=True))
    for time, amount in zip(second.times[1:-1], second.private[0][1:-1], strict=True):
        assert of.get(time, amount) == amount


def test_a_pause_is_a_gap() -> None:
    """Where the sampler paused, a column without a number stands in the series."""
    series = with_gaps(series_of([1, 2, 3, 60, 61, 62], [5.0] * 6))
    assert np.isnan(series.private[0]).sum() == 1
    assert np.isnan(series.total).sum() == 1
    assert series.times.tolist() == sorted(series.times)
