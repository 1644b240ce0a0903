"""What the plot draws: memory of each model over time, in arrays, and a small store of the last hour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.float64]

_ROWS = 3600
_GAP_PERIODS = 3.0
_SHORTEST_GAP_SECONDS = 2.5


@dataclass(frozen=True, slots=True)
class PlotSeries:
    """Memory of the models at rising times; every array of bytes has one row a model, one column a time."""

    times: NDArray[np.float64]
    """Seconds since the epoch."""
    models: tuple[str, ...]
    private: Bytes
    """Mean private bytes of each column; NaN where nothing was sampled."""
    weights: Bytes
    peak: Bytes
    """Highest sum of all models within each column; one row."""

    @property
    def total(self) -> Bytes:
        """Sum of all models a column; NaN where nothing was sampled."""
        both = self.private + self.weights
        return np.where(np.isnan(self.peak), np.nan, np.nansum(both, axis=0))


class PlotSource(Protocol):
    """Where the plot gets its series from."""

    def series(self, start: float, end: float, columns: int) -> PlotSeries:
        """The series between two times (seconds since the epoch), in about `columns` columns at most."""


class RecentMemory:
    """One row a sample for the last hour, in arrays that are made once and never grow."""

    def __init__(self, rows: int = _ROWS) -> None:
        self._rows = rows
        self._count = 0
        self._times = np.full(rows, np.nan)
        self._models: dict[str, tuple[Bytes, Bytes]] = {}

    def add(self, time: float, models: Mapping[str, tuple[int, int]]) -> None:
        """Take in the private and mapped bytes of each model at a time; a time that went back is left out."""
        if self._count and time <= self._times[(self._count - 1) % self._rows]:
            return
        place = self._count % self._rows
        self._times[place] = time
        for private, weights in self._models.values():
            private[place] = weights[place] = 0.0
        for model_id, (private_bytes, weights_bytes) in models.items():
            if model_id not in self._models:
                self._models[model_id] = (np.zeros(self._rows), np.zeros(self._rows))
            private, weights = self._models[model_id]
            private[place], weights[place] = private_bytes, weights_bytes
        self._count += 1

    def series(self, start: float, end: float, columns: int) -> PlotSeries:
        """The series between two times, reduced by means, with the highest sum kept."""
        oldest = max(0, self._count - self._rows)
        order = np.arange(oldest, self._count) % self._rows
        first, last = np.searchsorted(self._times[order], (start, end))
        # One sample more on either side, so that the areas reach the edges of the window.
        first = max(0, first - 1)
        chosen = order[first : last + 1]
        shown = [m for m, (p, w) in self._models.items() if p[chosen].any() or w[chosen].any()]
        private = np.array([self._models[m][0][chosen] for m in shown]).reshape(len(shown), len(chosen))
        weights = np.array([self._models[m][1][chosen] for m in shown]).reshape(len(shown), len(chosen))
        peak = (private + weights).sum(axis=0)
        whole = PlotSeries(self._times[chosen], tuple(shown), private, weights, peak)
        return with_gaps(reduced(whole, columns, oldest + first))


def reduced(series: PlotSeries, columns: int, first_number: int = 0) -> PlotSeries:
    """The series in about `columns` columns at most: means of runs of samples, and the highest sum of each.

    `first_number` is the running number of the first sample: runs begin at multiples of their length, so
    that a live plot does not flicker while it moves.
    """
    length = -(-len(series.times) // max(1, columns))
    if length <= 1:
        return series
    edges = np.arange(-first_number % length, len(series.times), length)
    if not len(edges) or edges[0] != 0:
        edges = np.insert(edges, 0, 0)
    runs = np.diff(np.append(edges, len(series.times)))

    def mean(rows: Bytes) -> Bytes:
        return np.add.reduceat(rows, edges, axis=-1) / runs

    return PlotSeries(
        mean(series.times),
        series.models,
        mean(series.private),
        mean(series.weights),
        np.maximum.reduceat(series.peak, edges),
    )


def with_gaps(series: PlotSeries) -> PlotSeries:
    """The series with a column of NaN wherever the sampler paused, so that nothing is drawn there."""
    if len(series.times) < 3:
        return series
    steps = np.diff(series.times)
    longest = max(_SHORTEST_GAP_SECONDS, _GAP_PERIODS * float(np.median(steps)))
    gaps = np.flatnonzero(steps > longest) + 1
    if not len(gaps):
        return series

    def opened(rows: Bytes) -> Bytes:
        return np.insert(rows, gaps, np.nan, axis=-1)

    times = np.insert(series.times, gaps, series.times[gaps - 1] + 1e-3)
    return PlotSeries(
        times, series.models, opened(series.private), opened(series.weights), opened(series.peak)
    )
