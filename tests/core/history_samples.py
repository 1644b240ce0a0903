"""Samples for tests of the history in memory, and what a window made of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from llmmem_gui.core.history import History
from llmmem_gui.core.history_window import HistoryWindow
from llmmem_gui.core.readings import HostReading, MachineReading, Sample
from llmmem_gui.core.units import GIB

DAY = 86_400
NOON = 20_000 * DAY + DAY // 2
"""A time at which a row of every resolution begins."""


def sample(time: float, models: Mapping[str, tuple[int, int]] | None = None, **machine: int) -> Sample:
    """A sample with the private bytes and weights of each model, on a machine of 32 GiB."""
    hosts = {
        model_id: HostReading(100, private, weights)
        for model_id, (private, weights) in (models or {}).items()
    }
    reading = MachineReading(
        machine.get("total", 32 * GIB), machine.get("available", 20 * GIB), own_bytes=machine.get("own", 0)
    )
    return Sample(time, time, reading, hosts)


def history_of(samples: Iterable[Sample], limit_bytes: int | None = None) -> History:
    history = History()
    for each in samples:
        history.append(each, limit_bytes)
    return history


def sampled(window: HistoryWindow) -> np.ndarray:
    """Which points of the window are no breaks."""
    return ~np.isnan(window.models_bytes.mean)
