"""A window of the history, ready to be drawn: numpy arrays of a bounded number of points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from llmmem_gui.core.history_rows import MACHINE_FIGURES, MACHINE_SPREADS, MODEL_FIGURES

_SLOWEST_SAMPLING_SECONDS = 6.0
"""The longest time between two samples of a program that runs: five seconds, and what a tick takes."""
_MISSED_SAMPLES = 3
"""So many periods without a sample are a gap."""

Figures = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Spread:
    """What a quantity was within each point, in bytes; the last axis is the points."""

    least: Figures
    mean: Figures
    most: Figures


@dataclass(frozen=True, slots=True)
class HistoryWindow:
    """Memory over a window of time.

    Between two points that a pause of the program lies between stands a break: a point with a time, and
    NaN in every figure. Everywhere else a model that was not loaded uses 0 bytes.
    """

    times: NDArray[np.float64]
    """Seconds since the epoch, the middle of each point; strictly rising."""
    point_seconds: int
    """Time that each point stands for."""
    models: tuple[str, ...]
    """Ids of the models that used memory within the window, programs by `recorded_as`, and what models hold
    of devices by `recorded_on`; sorted."""
    private_bytes: Spread
    """Private bytes; shape (models, points)."""
    weights_bytes: Spread
    """Resident bytes of mapped weights; shape (models, points)."""
    models_bytes: Spread
    """Sum of private bytes and weights over all models, also those without a row of their own."""
    available_bytes: Spread
    """What new programs could take without swapping."""
    other_programs_bytes: Spread
    """What is not available and belongs neither to the models nor to this program."""
    own_bytes: Spread
    """This program itself, without the hosts."""
    machine_bytes: Figures
    """Memory of the whole computer."""
    limit_bytes: Figures
    """The total limit; NaN also where none was set."""


class ChosenRows(NamedTuple):
    """Rows of one block that were sampled, oldest first; at least one."""

    slots: NDArray[np.int64]
    machine: Figures
    """Shape (figures of the machine, rows)."""
    models: tuple[str, ...]
    figures: Figures
    """Shape (models, figures of a model, rows)."""


class JoinedPoints(NamedTuple):
    """The points of several blocks in one piece, with breaks between them where samples are missing."""

    times: NDArray[np.float64]
    point_seconds: int
    machine: Figures
    """Shape (figures of the machine, points)."""
    models: tuple[str, ...]
    figures: Figures
    """Shape (models, figures of a model, points)."""


def joined(
    blocks: Sequence[ChosenRows],
    row_seconds: int,
    rows_per_point: int,
    *,
    machine_figures: int,
    model_figures: int,
) -> JoinedPoints:
    """Blocks that are reduced to points, oldest first, in one piece."""
    point_seconds = row_seconds * rows_per_point
    points = np.concatenate([np.arange(0), *(block.slots[0] // rows_per_point for block in blocks)])
    middles = np.concatenate([np.zeros(0), *((block.slots[0] + block.slots[1] + 1) / 2 for block in blocks)])
    times = middles * row_seconds
    machine = np.concatenate(
        [np.zeros((machine_figures, 0), np.float32), *(block.machine for block in blocks)], axis=1
    )
    models, figures = _side_by_side(blocks, model_figures, len(points))
    breaks = _breaks(points, point_seconds)
    if len(breaks):
        times = np.insert(times, breaks, times[breaks - 1] + point_seconds / 2)
        machine = np.insert(machine, breaks, np.nan, axis=-1)
        figures = np.insert(figures, breaks, np.nan, axis=-1)
    return JoinedPoints(times, point_seconds, machine, models, figures)


def window_of(blocks: Sequence[ChosenRows], row_seconds: int, rows_per_point: int) -> HistoryWindow:
    """The window made of blocks that are reduced to points, oldest first."""
    times, point_seconds, machine, models, figures = joined(
        blocks, row_seconds, rows_per_point, machine_figures=MACHINE_FIGURES, model_figures=MODEL_FIGURES
    )
    available, other, own, together = (
        Spread(*machine[3 * place : 3 * place + 3]) for place in range(MACHINE_SPREADS)
    )
    return HistoryWindow(
        times,
        point_seconds,
        models,
        private_bytes=Spread(figures[:, 0], figures[:, 1], figures[:, 2]),
        weights_bytes=Spread(figures[:, 3], figures[:, 4], figures[:, 5]),
        models_bytes=together,
        available_bytes=available,
        other_programs_bytes=other,
        own_bytes=own,
        machine_bytes=machine[-2],
        limit_bytes=machine[-1],
    )


def reduced(block: ChosenRows, rows_per_point: int) -> ChosenRows:
    """The block with points in the place of rows; `slots` has the first and the last slot of each.

    Points begin at multiples of their length, so that a live plot stands still; none may reach over the
    end of a block. Blocks are reduced one by one because the memory for all rows of a window at once
    would cost more time than the work on them.
    """
    firsts, lasts, slots = points_of(block, rows_per_point)
    counts = lasts - firsts + 1
    if rows_per_point == 1:
        return block._replace(slots=slots)
    shares = (1.0 / counts).astype(np.float32)

    def spreads(figures: Figures) -> Figures:
        less = np.empty((*figures.shape[:-1], len(firsts)), np.float32)
        less[..., 0::3, :] = np.minimum.reduceat(figures[..., 0::3, :], firsts, axis=-1)
        less[..., 1::3, :] = np.add.reduceat(figures[..., 1::3, :], firsts, axis=-1) * shares
        less[..., 2::3, :] = np.maximum.reduceat(figures[..., 2::3, :], firsts, axis=-1)
        return less

    levels = block.machine[-2:, lasts]
    machine = np.concatenate((spreads(block.machine[:-2]), levels))
    return ChosenRows(slots, machine, block.models, spreads(block.figures))


def points_of(
    block: ChosenRows, rows_per_point: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.int64]]:
    """Of each point of a block the places of its first and its last row, and the slots of both."""
    points = block.slots // rows_per_point
    firsts = np.flatnonzero(np.diff(points, prepend=points[0] - 1))
    lasts = np.append(firsts[1:], len(points)) - 1
    return firsts, lasts, np.stack((block.slots[firsts], block.slots[lasts]))


def _side_by_side(
    blocks: Sequence[ChosenRows], model_figures: int, points: int
) -> tuple[tuple[str, ...], Figures]:
    """The models that have any figure above 0, and their figures over all blocks."""
    used = sorted(
        {
            model_id
            for block in blocks
            for model_id, most in zip(block.models, block.figures.max(axis=(1, 2)), strict=True)
            if most > 0
        }
    )
    places = {model_id: place for place, model_id in enumerate(used)}
    figures = np.zeros((len(used), model_figures, points), np.float32)
    begin = 0
    for block in blocks:
        there = slice(begin, begin := begin + block.machine.shape[1])
        for model_id, of_model in zip(block.models, block.figures, strict=True):
            if model_id in places:
                figures[places[model_id], :, there] = of_model
    return tuple(used), figures


def _breaks(points: NDArray[np.int64], point_seconds: int) -> NDArray[np.intp]:
    """Places before which a break belongs: where the program missed samples.

    Points that are longer than any time between two samples are all there while the program runs.
    Shorter ones are as far apart as the samples are, which their neighbours tell.
    """
    steps = np.diff(points) * float(point_seconds)
    if point_seconds > _SLOWEST_SAMPLING_SECONDS:
        return np.flatnonzero(steps > point_seconds) + 1
    beside = np.concatenate(([_SLOWEST_SAMPLING_SECONDS], steps, [_SLOWEST_SAMPLING_SECONDS]))
    usual = np.clip(np.maximum(beside[:-2], beside[2:]), point_seconds, _SLOWEST_SAMPLING_SECONDS)
    return np.flatnonzero(steps > _MISSED_SAMPLES * usual) + 1
