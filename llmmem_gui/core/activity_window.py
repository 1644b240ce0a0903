"""A window of what models did and how hard it was for the machine: the highest within each point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmmem_gui.core.history_rows import ACTIVITY_FIGURES, MODEL_ACTIVITY_FIGURES
from llmmem_gui.core.history_window import ChosenRows, Figures, joined, points_of


@dataclass(frozen=True, slots=True)
class ActivityWindow:
    """Activity over a window of time.

    NaN stands where the program did not run, and where a figure was not known or there is no such thing.
    """

    times: NDArray[np.float64]
    """Seconds since the epoch, the middle of each point; strictly rising."""
    point_seconds: int
    models: tuple[str, ...]
    """Ids of the models that did something within the window, sorted."""
    tokens_per_second: Figures
    """Shape (models, points)."""
    running: Figures
    """Requests being answered; shape (models, points)."""
    waiting: Figures
    """Requests that wait for a model; shape (models, points)."""
    stalled_some_percent: Figures
    """PSI some avg10."""
    stalled_full_percent: Figures
    """PSI full avg10."""
    swap_bytes: Figures
    """Swap in use."""
    gpu_bytes: Figures
    """Memory of all GPUs in use."""
    gpu_total_bytes: Figures


def activity_window_of(blocks: Sequence[ChosenRows], row_seconds: int, rows_per_point: int) -> ActivityWindow:
    """The window made of blocks that are reduced to points, oldest first."""
    times, point_seconds, machine, models, figures = joined(
        blocks,
        row_seconds,
        rows_per_point,
        machine_figures=ACTIVITY_FIGURES,
        model_figures=MODEL_ACTIVITY_FIGURES,
    )
    by_model = (figures[:, place] for place in range(MODEL_ACTIVITY_FIGURES))
    return ActivityWindow(times, point_seconds, models, *by_model, *machine)


def highest_of(block: ChosenRows, rows_per_point: int) -> ChosenRows:
    """The block with points in the place of rows, each with the highest of its rows."""
    firsts, _, slots = points_of(block, rows_per_point)
    if rows_per_point == 1:
        return block._replace(slots=slots)
    machine = np.fmax.reduceat(block.machine, firsts, axis=-1)
    figures = np.maximum.reduceat(block.figures, firsts, axis=-1)
    return ChosenRows(slots, machine, block.models, figures)
