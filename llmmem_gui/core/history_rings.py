"""Rings of rows, one for each resolution, and what was drawn of them last as points."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from llmmem_gui.core.history_pages import Block, ModelPages
from llmmem_gui.core.history_rows import BLOCK_ROWS, RESOLUTIONS, Resolution
from llmmem_gui.core.history_window import ChosenRows, Figures

_FEWEST_POINTS = 250
"""So many are needed for a break after each block of the longest resolution."""
_ROWS_PER_POINT = tuple(each for each in range(1, BLOCK_ROWS + 1) if BLOCK_ROWS % each == 0)
_LEAST_POINTS_SHARE = 0.5
"""A coarser resolution is good enough when it has this share of the points asked for."""


class RingRow(NamedTuple):
    """A row as a ring takes it in: figures of the machine, and of each model."""

    slot: int
    samples: int
    machine: Sequence[float]
    models: Mapping[str, Sequence[float]]


@dataclass(frozen=True, slots=True)
class StoredRows:
    """Many rows of one resolution at once, as a store reads them back."""

    slots: NDArray[np.int64]
    samples: NDArray[np.int64]
    machine: Figures
    """Shape (rows, figures of the machine)."""
    model_rows: NDArray[np.int64]
    """Index of the row that each line of `figures` belongs to."""
    model_ids: tuple[str, ...]
    model_of: NDArray[np.int64]
    """Index in `model_ids` of the model that each line of `figures` belongs to."""
    figures: Figures
    """Shape (lines, figures of a model)."""


class ChosenPoints(NamedTuple):
    """The points of a window, block by block, and how long each is."""

    blocks: list[ChosenRows]
    row_seconds: int
    rows_per_point: int


class Rings:
    """Rows of all resolutions, in memory of a fixed size."""

    def __init__(
        self, machine_figures: int, pages: ModelPages, reduce: Callable[[ChosenRows, int], ChosenRows]
    ) -> None:
        """`reduce` makes points of the rows of a block, so many of a point each."""
        self._pages = pages
        self._reduce = reduce
        self._rings = [_Ring(number, each, machine_figures, pages) for number, each in enumerate(RESOLUTIONS)]
        # Whole blocks of the window shown last, as points: a live plot asks for them every second.
        self._points: dict[Block, ChosenRows] = {}
        self._points_of: tuple[int, int] = (0, 0)

    @property
    def bytes_held(self) -> int:
        """Bytes of all arrays, whether the system has given them yet or not; they never grow."""
        return self._pages.bytes_held + sum(ring.bytes_held for ring in self._rings)

    def write(self, rows: Iterable[tuple[int, RingRow]]) -> None:
        """Write the rows of this moment, each after the number of its resolution."""
        rows = list(rows)
        current = frozenset(self._rings[number].block_of(row.slot) for number, row in rows)
        for number, row in rows:
            self._rings[number].write(row, current)
        for block in current:
            self._points.pop(block, None)

    def restore(self, number: int, rows: StoredRows) -> None:
        """Put in stored rows of the resolution with that number."""
        self._rings[number].restore(rows)
        self._points.clear()

    def points(self, from_seconds: float, to_seconds: float, most_points: int) -> ChosenPoints:
        """The points between two times (seconds since the epoch), at most `most_points` of them.

        They are made from the finest rows that reach back so far, or from coarser ones where these are
        enough. One point before and one after belong to them, so that a curve reaches both edges.
        """
        wanted = max(_FEWEST_POINTS, most_points)
        span = max(0.0, to_seconds - from_seconds)
        ring = self._ring_for(from_seconds, span / wanted)
        row_seconds = ring.resolution.row_seconds
        # Besides those inside there are one point before, one after, and one cut at either edge.
        at_least = span / (row_seconds * (wanted - 4))
        rows_per_point = next((each for each in _ROWS_PER_POINT if each >= at_least), BLOCK_ROWS)
        point_seconds = row_seconds * rows_per_point
        first = int(from_seconds // point_seconds - 1) * rows_per_point
        stop = int(to_seconds // point_seconds + 2) * rows_per_point
        return ChosenPoints(
            self._points_between(ring, first, stop, rows_per_point), row_seconds, rows_per_point
        )

    def _points_between(self, ring: _Ring, first: int, stop: int, rows_per_point: int) -> list[ChosenRows]:
        """The rows from slot `first` to before slot `stop`, block by block, reduced to points."""
        shown = (rows_per_point, self._pages.blocks_given_up)
        kept = self._points if shown == self._points_of else {}
        self._points, self._points_of = {}, shown
        points = []
        for block in ring.blocks_between(first, stop):
            whole = first <= block.number * BLOCK_ROWS and (block.number + 1) * BLOCK_ROWS <= stop
            part = kept.get(block) if whole else None
            if part is None:
                rows = ring.rows_between(block, first, stop)
                if not len(rows.slots):
                    continue
                part = self._reduce(rows, rows_per_point)
            if whole:
                self._points[block] = part
            points.append(part)
        return points

    def _ring_for(self, from_seconds: float, wanted_point_seconds: float) -> _Ring:
        reaching = [ring for ring in self._rings if ring.reaches(from_seconds)] or self._rings[-1:]
        good = [
            ring
            for ring in reaching
            if ring.resolution.row_seconds * _LEAST_POINTS_SHARE <= wanted_point_seconds
        ]
        return good[-1] if good else reaching[0]


class _Ring:
    """Rows of one resolution, each at its place in the ring."""

    def __init__(self, number: int, resolution: Resolution, machine_figures: int, pages: ModelPages) -> None:
        self.resolution = resolution
        self._number = number
        self._pages = pages
        self._rows = resolution.ring_rows
        self._blocks: list[Block | None] = [None] * (self._rows // BLOCK_ROWS)
        self._samples = np.zeros(self._rows, np.uint16)
        self._machine = np.zeros((machine_figures, self._rows), np.float32)
        self._newest_slot: int | None = None

    @property
    def bytes_held(self) -> int:
        return self._samples.nbytes + self._machine.nbytes

    def block_of(self, slot: int) -> Block:
        block = slot // BLOCK_ROWS
        return Block(self._number, block, block * BLOCK_ROWS * self.resolution.row_seconds)

    def reaches(self, from_seconds: float) -> bool:
        """Whether a time is not older than what is kept."""
        if self._newest_slot is None:
            return False
        return from_seconds // self.resolution.row_seconds >= self._newest_slot - self.resolution.kept_rows

    def write(self, row: RingRow, current: frozenset[Block]) -> None:
        """Write one row, over what stands there."""
        block = self.block_of(row.slot)
        self._enter(block)
        place, offset = row.slot % self._rows, row.slot % BLOCK_ROWS
        self._samples[place] = min(row.samples, np.iinfo(np.uint16).max)
        self._machine[:, place] = row.machine
        for model_id in self._pages.models(block):
            if model_id not in row.models:
                page = self._pages.find(block, model_id)
                assert page is not None
                page[:, offset] = 0.0
        for model_id, figures in row.models.items():
            page = self._pages.obtain(block, model_id, current)
            if page is not None:
                page[:, offset] = figures
        self._newest_slot = row.slot

    def restore(self, rows: StoredRows) -> None:
        """Write many rows."""
        if not len(rows.slots):
            return
        for number in np.unique(rows.slots // BLOCK_ROWS):
            self._enter(self.block_of(int(number) * BLOCK_ROWS))
        places = rows.slots % self._rows
        self._samples[places] = np.clip(rows.samples, 1, np.iinfo(np.uint16).max)
        self._machine[:, places] = rows.machine.T
        self._newest_slot = max(int(rows.slots.max()), self._newest_slot or 0)
        slots_of_lines = rows.slots[rows.model_rows]
        pages_of_lines = np.stack((slots_of_lines // BLOCK_ROWS, rows.model_of))
        order = np.lexsort(pages_of_lines)
        begins = np.flatnonzero(np.diff(pages_of_lines[:, order]).any(axis=0)) + 1
        for lines in np.split(order, begins) if len(order) else ():
            slots = slots_of_lines[lines]
            model_id = rows.model_ids[int(rows.model_of[lines[0]])]
            page = self._pages.obtain(self.block_of(int(slots[0])), model_id)
            if page is not None:
                page[:, slots % BLOCK_ROWS] = rows.figures[lines].T

    def blocks_between(self, first: int, stop: int) -> list[Block]:
        """The blocks that have slots from `first` to before `stop`, oldest first."""
        return sorted(
            block
            for block in self._blocks
            if block is not None and first // BLOCK_ROWS <= block.number <= (stop - 1) // BLOCK_ROWS
        )

    def rows_between(self, block: Block, first: int, stop: int) -> ChosenRows:
        """The rows of a block that were sampled from slot `first` to before slot `stop`."""
        begin = block.number * BLOCK_ROWS
        slots = np.arange(max(begin, first), min(begin + BLOCK_ROWS, stop))
        place = begin % self._rows
        sampled = slots[self._samples[slots - begin + place] > 0]
        models, figures = self._pages.rows(block, sampled - begin)
        return ChosenRows(sampled, self._machine[:, sampled - begin + place], models, figures)

    def _enter(self, block: Block) -> None:
        """Make the block the one that stands at its place in the ring."""
        position = block.number % len(self._blocks)
        there = self._blocks[position]
        if there == block:
            return
        if there is not None:
            self._pages.release(there)
        self._blocks[position] = block
        begin = position * BLOCK_ROWS
        self._samples[begin : begin + BLOCK_ROWS] = 0
