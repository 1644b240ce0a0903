"""Rows of the history: what the samples of one second, of ten, or of a minute come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from llmmem_gui.core.neighbours import recorded_as
from llmmem_gui.core.pools import recorded_on
from llmmem_gui.core.readings import Sample

BLOCK_ROWS = 360
"""Rows that are kept or given up together: six minutes, an hour or six hours."""


class Resolution(NamedTuple):
    """One of the steps in which time is kept."""

    row_seconds: int
    """Time that one row stands for."""
    kept_rows: int
    """Rows that are kept at least; up to `BLOCK_ROWS` more may be."""

    @property
    def ring_rows(self) -> int:
        """Size of the ring that holds the rows: the slot of a row, modulo this, is its place.

        One block more than is kept, because the oldest is given up as a whole when a new one begins.
        """
        return (self.kept_rows // BLOCK_ROWS + 1) * BLOCK_ROWS


RESOLUTIONS = (Resolution(1, 3_600), Resolution(10, 8_640), Resolution(60, 43_200))
"""An hour by the second, a day by ten seconds, thirty days by the minute; finest first."""

MACHINE_SPREADS = 4
"""Available memory, other programs, this program itself, all models together: least, mean, most of each."""
MACHINE_FIGURES = 3 * MACHINE_SPREADS + 2
"""The spreads, then the machine's total and the total limit (NaN: none), as they were last."""
MODEL_FIGURES = 6
"""Least, mean, most private bytes; then the same of the weights."""
MOST_MODELS = 16
"""Lines of one row that are kept apart, the largest; further models count in the sum of all only."""
ACTIVITY_FIGURES = 5
"""The highest of PSI some and full (percent), swap in use, GPU memory in use and in total (bytes).

NaN: not known, or there is none.
"""
MODEL_ACTIVITY_FIGURES = 3
"""The highest of tokens a second, running and waiting requests."""
MOST_ACTIVE_MODELS = 8
"""Models of one row whose activity is kept; those that generate least go first."""

_SMALL_STEP_SECONDS = 5.0
"""A clock that is set back by less is taken to stand still until it has caught up."""


NaN = float("nan")
UNKNOWN_ACTIVITY = (NaN,) * ACTIVITY_FIGURES


class Row(NamedTuple):
    """What the samples of one slot of time come to."""

    slot: int
    """Number of the slot: the epoch is the beginning of slot 0."""
    samples: int
    machine: tuple[float, ...]
    """`MACHINE_FIGURES` figures, bytes."""
    models: dict[str, tuple[float, ...]]
    """`MODEL_FIGURES` figures, bytes, of each model that used memory, at most `MOST_MODELS` of them.

    Other programs that hold models stand among them, by `recorded_as`, and what models hold of each device
    with memory of its own, by `recorded_on`.
    """
    activity: tuple[float, ...] = UNKNOWN_ACTIVITY
    """`ACTIVITY_FIGURES` figures."""
    active: Mapping[str, tuple[float, ...]] = {}
    """`MODEL_ACTIVITY_FIGURES` figures of each model that did something, at most `MOST_ACTIVE_MODELS`."""


class RowInProgress:
    """Gathers the samples of one slot; a model that is not loaded uses 0 bytes."""

    def __init__(self, slot: int) -> None:
        self.slot = slot
        self._samples = 0
        # In each list: least, sum, most of the first value, of the second, and so on.
        self._machine = [0.0] * (3 * MACHINE_SPREADS)
        self._levels = (0.0, 0.0)
        self._models: dict[str, list[float]] = {}
        self._activity = UNKNOWN_ACTIVITY
        self._active: dict[str, tuple[float, ...]] = {}

    @staticmethod
    def resumed(row: Row) -> RowInProgress:
        """A row that was gathered before, to go on with."""
        resumed = RowInProgress(row.slot)
        resumed._samples = row.samples
        resumed._machine = _with_sums(row.machine[:-2], row.samples)
        resumed._models = {
            model_id: _with_sums(figures, row.samples) for model_id, figures in row.models.items()
        }
        resumed._activity, resumed._active = row.activity, dict(row.active)
        return resumed

    def add(self, sample: Sample, limit_bytes: int | None) -> None:
        """Take in one sample and the total limit in force."""
        machine, hosts = sample.machine, sample.hosts
        private_bytes = sum(host.private_bytes for host in hosts.values())
        weights_bytes = sum(host.weights_bytes for host in hosts.values())
        used_bytes = machine.total_bytes - machine.available_bytes
        other_bytes = max(0, used_bytes - machine.own_bytes - private_bytes)
        first = self._samples == 0
        _take_in(
            self._machine,
            (machine.available_bytes, other_bytes, machine.own_bytes, private_bytes + weights_bytes),
            first,
        )
        self._levels = (float(machine.total_bytes), float("nan") if limit_bytes is None else limit_bytes)
        used = {model_id: (host.private_bytes, host.weights_bytes) for model_id, host in hosts.items()}
        for program, held in sample.neighbours.items():
            used[recorded_as(program)] = held.private_bytes, held.weights_bytes
        for pool in sample.pools:
            for model_id, held_bytes in pool.models.items():
                used[recorded_on(model_id, pool.key)] = held_bytes, 0
        for model_id in used:
            if model_id not in self._models:
                self._models[model_id] = [0.0] * MODEL_FIGURES
        for model_id, figures in self._models.items():
            _take_in(figures, used.get(model_id, (0, 0)), first)
        self._activity = _highest(self._activity, _activity_of(sample))
        for model_id, doing in sample.activity.items():
            if any(doing.figures):
                before = self._active.get(model_id, doing.figures)
                self._active[model_id] = _highest(before, doing.figures)
        self._samples += 1

    def row(self) -> Row:
        """What has been gathered so far."""
        models = self._models
        if len(models) > MOST_MODELS:
            largest = sorted(models, key=lambda model_id: models[model_id][1] + models[model_id][4])
            models = {model_id: models[model_id] for model_id in largest[-MOST_MODELS:]}
        active = self._active
        if len(active) > MOST_ACTIVE_MODELS:
            busiest = sorted(active, key=lambda model_id: active[model_id])
            active = {model_id: active[model_id] for model_id in busiest[-MOST_ACTIVE_MODELS:]}
        return Row(
            self.slot,
            self._samples,
            (*_with_means(self._machine, self._samples), *self._levels),
            {model_id: tuple(_with_means(sums, self._samples)) for model_id, sums in models.items()},
            self._activity,
            dict(active),
        )


class RowsInProgress:
    """The row of each resolution that is being gathered now."""

    def __init__(self) -> None:
        self._rows: list[RowInProgress | None] = [None] * len(RESOLUTIONS)
        self._earlier: dict[int, Row] = {}
        self._newest_seconds = float("-inf")

    def resume(self, rows: Mapping[int, Row]) -> None:
        """Go on with these rows, by number of resolution, if the first sample still belongs to them."""
        self._earlier = dict(rows)

    def add(self, sample: Sample, limit_bytes: int | None) -> list[tuple[int, Row]]:
        """Take in one sample; gives the rows that it finished, each after the number of its resolution.

        A slot that is begun twice, because the clock was set back, is gathered anew.
        """
        seconds = sample.time
        if 0 < self._newest_seconds - seconds < _SMALL_STEP_SECONDS:
            seconds = self._newest_seconds
        self._newest_seconds = seconds
        finished = []
        for number, resolution in enumerate(RESOLUTIONS):
            slot = int(seconds // resolution.row_seconds)
            row = self._rows[number]
            if row is None or row.slot != slot:
                if row is not None:
                    finished.append((number, row.row()))
                row = self._rows[number] = self._begun(number, slot)
            row.add(sample, limit_bytes)
        return finished

    def _begun(self, number: int, slot: int) -> RowInProgress:
        earlier = self._earlier.pop(number, None)
        if earlier is not None and earlier.slot == slot:
            return RowInProgress.resumed(earlier)
        return RowInProgress(slot)

    def rows(self) -> list[tuple[int, Row]]:
        """The rows as they stand now, each after the number of its resolution."""
        return [(number, row.row()) for number, row in enumerate(self._rows) if row is not None]


def _activity_of(sample: Sample) -> tuple[float, ...]:
    """`ACTIVITY_FIGURES` figures of one sample."""
    machine = sample.machine
    # What a unified GPU works in is main memory, and stands there.
    gpus = [gpu for gpu in sample.gpus if not gpu.unified]
    used = [gpu.used_bytes for gpu in gpus if gpu.used_bytes is not None]
    sizes = [gpu.total_bytes or 0 for gpu in gpus if gpu.used_bytes is not None]
    stalls = (machine.pressure_some_percent, machine.pressure_full_percent)
    return (
        *(NaN if percent is None else percent for percent in stalls),
        float(machine.swap_used_bytes) if machine.swap_total_bytes else NaN,
        float(sum(used)) if used else NaN,
        float(sum(sizes)) if sizes else NaN,
    )


def _highest(one: Sequence[float], other: Sequence[float]) -> tuple[float, ...]:
    """The higher of each two figures; one that is not known does not count."""
    pairs = zip(one, other, strict=True)
    return tuple(here if there != there or here >= there else there for here, there in pairs)


def _take_in(sums: list[float], values: Sequence[float], first: bool) -> None:
    for place, value in enumerate(values):
        least = 3 * place
        if first:
            sums[least] = sums[least + 1] = sums[least + 2] = value
            continue
        sums[least + 1] += value
        if value < sums[least]:
            sums[least] = value
        if value > sums[least + 2]:
            sums[least + 2] = value


def _with_means(sums: Sequence[float], samples: int) -> list[float]:
    return [value / samples if place % 3 == 1 else value for place, value in enumerate(sums)]


def _with_sums(figures: Sequence[float], samples: int) -> list[float]:
    return [value * samples if place % 3 == 1 else value for place, value in enumerate(figures)]
