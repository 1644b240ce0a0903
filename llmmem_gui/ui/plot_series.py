"""What the plot draws: memory of each model over time, in arrays, taken from the history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from llmmem_gui.core.activity_window import ActivityWindow
from llmmem_gui.core.history import History
from llmmem_gui.core.history_window import HistoryWindow
from llmmem_gui.core.neighbours import program_recorded_as
from llmmem_gui.core.pools import device_recorded

Bytes = NDArray[np.float32] | NDArray[np.float64]


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
    limit: Bytes | None = None
    """The total limit in force, NaN where there was none; one row."""
    programs: tuple[str, ...] = ()
    """Other programs that held models, as they are recorded."""
    others: Bytes | None = None
    """Mean bytes of each of them; one row a program."""
    pools: Mapping[str, PlotSeries] = field(default_factory=dict)
    """What models held of devices with memory of their own, by the key of each; nothing there is mapped."""

    def highest(self, start: float, end: float) -> tuple[float, float] | None:
        """When, between two times, the models together used most, and how many bytes."""
        inside = (self.times >= start) & (self.times <= end) & ~np.isnan(self.peak)
        if not inside.any():
            return None
        place = int(np.argmax(np.where(inside, self.peak, -1.0)))
        return float(self.times[place]), float(self.peak[place])

    def tallest(self, start: float, end: float) -> float:
        """The most bytes, between two times, of models and other programs together."""
        inside = (self.times >= start) & (self.times <= end) & ~np.isnan(self.peak)
        whole = self.peak if self.others is None else self.peak + self.others.sum(axis=0)
        return float(whole[inside].max()) if inside.any() else 0.0

    def longest_gap(self, start: float, end: float) -> tuple[float, float]:
        """The longest time between two that nothing was sampled in."""
        inside = self.times[(self.times > start) & (self.times < end) & ~np.isnan(self.peak)]
        edges = np.concatenate(([start], inside, [end]))
        place = int(np.argmax(np.diff(edges)))
        return float(edges[place]), float(edges[place + 1])

    def at(self, times: NDArray[np.float64]) -> tuple[Bytes, Bytes, Bytes]:
        """Private and mapped bytes of each model, and the peak, at the given times.

        Between samples bytes lie on a straight line; the peak is the higher of the two beside, so that none
        is lost.
        """
        if len(self.times) < 2:
            nothing = np.full((len(self.models), len(times)), np.nan)
            return nothing, nothing.copy(), np.full(len(times), np.nan)
        left, right, _, outside = self._beside(times)
        peak = np.maximum(self.peak[left], self.peak[right])
        peak[outside] = np.nan
        return self._between(self.private, times), self._between(self.weights, times), peak

    def alone(self) -> PlotSeries:
        """The models without other programs."""
        return replace(self, programs=(), others=None)

    def without_models(self) -> PlotSeries:
        """The same times, at which no model holds anything."""
        none = self.private[:0]
        return PlotSeries(self.times, (), none, none, np.where(np.isnan(self.peak), np.nan, 0.0))

    def others_at(self, times: NDArray[np.float64]) -> Bytes:
        """Bytes of each other program at the given times."""
        if self.others is None or len(self.times) < 2:
            return np.full((len(self.programs), len(times)), np.nan)
        return self._between(self.others, times)

    def _between(self, rows: Bytes, times: NDArray[np.float64]) -> Bytes:
        left, right, share, outside = self._beside(times)
        found = rows[:, left] * (1 - share) + rows[:, right] * share
        found[:, outside] = np.nan
        return found

    def _beside(
        self, times: NDArray[np.float64]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64], NDArray[np.bool_]]:
        """Of each time the samples beside it, how far it is between them, and if it is beyond all."""
        right = np.clip(np.searchsorted(self.times, times), 1, len(self.times) - 1)
        left = right - 1
        share = (times - self.times[left]) / (self.times[right] - self.times[left])
        return left, right, share, (times < self.times[0]) | (times > self.times[-1])


class PlotSource(Protocol):
    """Where the plot gets its series from."""

    complete: bool
    """Whether what was recorded before has been read."""

    def series(self, start: float, end: float, columns: int) -> PlotSeries:
        """The series between two times (seconds since the epoch), in about `columns` columns at most."""

    def activity(self, start: float, end: float, columns: int) -> ActivityWindow:
        """What models and machine did between two times, in about `columns` columns at most."""


class HistorySource:
    """Series of a history; the plot draws from it, whoever owns it appends to it."""

    def __init__(self, history: History, *, complete: bool = True) -> None:
        self.history = history
        self.complete = complete

    def series(self, start: float, end: float, columns: int) -> PlotSeries:
        """The series between two times, means with the highest sum kept."""
        window = self.history.window(start, end, columns)
        private, weights = window.private_bytes.mean, window.weights_bytes.mean
        lines = list(enumerate(window.models))
        theirs = [line for line in lines if program_recorded_as(line[1]) is not None]
        on_devices = [(row, *found) for row, each in lines if (found := device_recorded(each)) is not None]
        elsewhere = {row for row, *_ in (*theirs, *on_devices)}
        ours = [line for line in lines if line[0] not in elsewhere]
        rows, programs = [row for row, _ in ours], [row for row, _ in theirs]
        return PlotSeries(
            window.times,
            tuple(model_id for _, model_id in ours),
            private[rows],
            weights[rows],
            window.models_bytes.most,
            window.limit_bytes,
            tuple(program for _, program in theirs),
            private[programs] + weights[programs],
            {
                key: _on_device(window, [(row, model) for row, model, at in on_devices if at == key])
                for key in {key for _, _, key in on_devices}
            },
        )

    def activity(self, start: float, end: float, columns: int) -> ActivityWindow:
        """What models and machine did between two times."""
        return self.history.activity(start, end, columns)


def _on_device(window: HistoryWindow, lines: Sequence[tuple[int, str]]) -> PlotSeries:
    """What the lines of a window, each with its model, say of one device."""
    rows = [row for row, _ in lines]
    held = window.private_bytes.mean[rows]
    peak = window.private_bytes.most[rows].sum(axis=0)
    return PlotSeries(window.times, tuple(model for _, model in lines), held, np.zeros_like(held), peak)
