"""How many layers of a model go onto GPUs: as many as each has room for.

llama.cpp counts the output as a layer, and as the first that goes there: a model of 28 layers has 29.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from llmmem_gui.core.engine import Engine
from llmmem_gui.core.engines import Device
from llmmem_gui.core.forecast import Forecast, forecast_by_formula
from llmmem_gui.core.ledger import Charge, FileKey
from llmmem_gui.core.model_shape import ModelShape
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.projector import Projector

_NEARLY = 0.99
"""Of what is found for a number of layers without rehearsing it: it was seen to be off by less."""


@dataclass(frozen=True, slots=True)
class Placements:
    """What a load is charged with each number of layers on GPUs, from none to all."""

    file: FileKey
    private_bytes: Sequence[int]
    weights_bytes: Sequence[int]
    device_bytes: Mapping[str, Sequence[int]]

    @property
    def all(self) -> int:
        """The number of all layers."""
        return len(self.private_bytes) - 1

    def charge(self, number: int) -> Charge:
        """The charge with so many layers."""
        devices = {name: sizes[number] for name, sizes in self.device_bytes.items() if sizes[number]}
        return Charge(self.private_bytes[number], self.weights_bytes[number], self.file, devices)

    def most(self, rooms: Mapping[str, float]) -> int:
        """The most layers with which no device takes more than its room, in bytes.

        A device that is not named there is not bounded. Without a layer nothing is taken of any.
        """
        numbers = range(self.all, 0, -1)
        return next((number for number in numbers if self._fits(number, rooms, 1.0)), 0)

    def worth_rehearsing(self, rooms: Mapping[str, float]) -> Sequence[int]:
        """Numbers that decide how many fit: those that fit, and one more where that is nearly so.

        That not even one fits is not believed without a rehearsal.
        """
        most = self.most(rooms)
        more = [most + 1] if 0 < most < self.all and self._fits(most + 1, rooms, _NEARLY) else []
        return [max(1, most), *more] if self.all else []

    def _fits(self, number: int, rooms: Mapping[str, float], share: float) -> bool:
        """Whether so much of what this number takes has room on each device."""
        sizes = self.device_bytes.items()
        return all(each[number] * share <= rooms[name] for name, each in sizes if name in rooms)


def placements(
    shape: ModelShape,
    parameters: LoadParameters,
    engine: Engine,
    file: FileKey,
    gpus: Sequence[Device],
    known: Mapping[int, Forecast],
    eyes: Projector | None = None,
) -> Placements:
    """What the load is charged with each number of layers; `eyes`: the projector that is loaded, too.

    `known` are better forecasts of some numbers, above all dry runs: they hold. What lies between them is the
    formula's, corrected by what that is off at the nearest: how large each layer is stands in the file, and
    what a formula does not know hardly depends on the number.
    """
    most = shape.layers + 1 if engine.gpu_offload else 0
    known = {number: known[number] for number in sorted(known) if number <= most}
    devices = next((known[number].devices for number in reversed(known) if number), {})
    exact = {number: forecast.charge(file, gpus) for number, forecast in known.items()}
    none = exact.get(0)
    if none is None:
        none = forecast_by_formula(shape, parameters.with_gpu_layers(0), engine, eyes).charge(file)
    names = sorted(gpu.name for gpu in gpus)
    rows = [_sizes(none, names)]
    if most:
        formula = _Formula(shape, parameters, engine, file, gpus, devices, names, eyes)
        offs = {
            number: [
                right - was for right, was in zip(_sizes(charge, names), formula.sizes(number), strict=True)
            ]
            for number, charge in exact.items()
            if number
        }
        rows += [
            _corrected(formula.sizes(number), offs, number, formula.steps) for number in range(1, most + 1)
        ]
    private, weights, *on_devices = (array("q", column) for column in zip(*rows, strict=True))
    return Placements(file, private, weights, dict(zip(names, on_devices, strict=True)))


class _Formula:
    """What the formula says for each number of layers but none, found by that of the first and of all.

    Weights grow with the bytes of the layers, caches and intermediate results with their number.
    """

    def __init__(
        self,
        shape: ModelShape,
        parameters: LoadParameters,
        engine: Engine,
        file: FileKey,
        gpus: Sequence[Device],
        devices: Mapping[str, int],
        names: Sequence[str],
        eyes: Projector | None,
    ) -> None:
        """`devices` says how what lies on GPUs is shared among them, where that is known."""
        first, last = (
            replace(forecast_by_formula(shape, parameters.with_gpu_layers(n), engine, eyes), devices=devices)
            for n in (1, shape.layers + 1)
        )
        weights_there = replace(
            first,
            private_weights_bytes=last.private_weights_bytes,
            vram_weights_bytes=last.vram_weights_bytes,
        )
        self._first, weights, everything = (
            _sizes(each.charge(file, gpus), names) for each in (first, weights_there, last)
        )
        self._by_weights = [there - here for there, here in zip(weights, self._first, strict=True)]
        self._by_number = [there - here for there, here in zip(everything, weights, strict=True)]
        whole = sum(shape.layer_bytes) or 1
        self._shares = [0.0, *(size / whole for size in accumulate(reversed(shape.layer_bytes)))]
        """Of the bytes of all layers, those of the last ones, of none, one, two, …"""

    @property
    def steps(self) -> Sequence[float]:
        """What a layer takes of each pool beside its weights: what the formula can be off by for a layer."""
        return [abs(each) / (len(self._shares) - 1) for each in self._by_number]

    def sizes(self, number: int) -> list[int]:
        """What is taken of each pool with so many layers."""
        by_weights, by_number = self._shares[number - 1], (number - 1) / (len(self._shares) - 1)
        return [
            round(first + by_weights * weights + by_number * rest)
            for first, weights, rest in zip(self._first, self._by_weights, self._by_number, strict=True)
        ]


def _sizes(charge: Charge, names: Sequence[str]) -> list[int]:
    """What it takes of main memory, private and mapped, and of each device."""
    return [charge.private_bytes, charge.weights_bytes, *(charge.on(name) for name in names)]


def _corrected(
    sizes: Sequence[int], offs: Mapping[int, Sequence[int]], number: int, steps: Sequence[float]
) -> list[int]:
    """The sizes for this number, corrected by what those of the nearest ones were off.

    Between two numbers in proportion; beyond the last by as much more as the last two differ, for each layer
    by no more than `steps`.
    """
    if not offs:
        return list(sizes)
    below = [each for each in offs if each <= number]
    above = [each for each in offs if each >= number]
    if below and above:
        near, other, most = below[-1], above[0], [math.inf] * len(steps)
    else:
        near, other = (below[::-1] or above)[0], (below[::-1] or above)[:2][-1]
        most = list(steps)
    corrected = []
    for size, here, there, step in zip(sizes, offs[near], offs[other], most, strict=True):
        slope = (there - here) / (other - near) if other != near else 0.0
        off = here + max(-step, min(step, slope)) * (number - near)
        corrected.append(max(0, size + round(off)))
    return corrected
