"""What the plot draws: memory of each model over time, in arrays, taken from the history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from llmmem_gui.core.history import History

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


class PlotSource(Protocol):
    """Where the plot gets its series from."""

    def series(self, start: float, end: float, columns: int) -> PlotSeries:
        """The series between two times (seconds since the epoch), in about `columns` columns at most."""


class HistorySource:
    """Series of a history; the plot draws from it, whoever owns it appends to it."""

    def __init__(self, history: History) -> None:
        self.history = history

    def series(self, start: float, end: float, columns: int) -> PlotSeries:
        """The series between two times, means with the highest sum kept."""
        window = self.history.window(start, end, columns)
        return PlotSeries(
            window.times,
            window.models,
            window.private_bytes.mean,
            window.weights_bytes.mean,
            window.models_bytes.most,
        )
