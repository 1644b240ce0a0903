"""Pools of memory as parts that add up, and the forecast that is shown as a ghost beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from llmmem_gui.core.forecast import Forecast
from llmmem_gui.core.neighbours import held_by_program, recorded_as
from llmmem_gui.core.outlook import Outlook
from llmmem_gui.core.pools import DevicePool
from llmmem_gui.core.readings import MachineReading
from llmmem_gui.core.snapshot import CacheSnapshot, ModelSnapshot
from llmmem_gui.ui import figures


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of the bar, from the left."""

    kind: str
    """private, weights, promised, room, free, reserve, neighbour, other, own."""
    name: str
    size_bytes: int
    model_id: str | None = None
    fades: bool = False
    """The model would be unloaded for the load that is shown as a ghost."""
    program: str | None = None
    """The other program that holds it, as it is recorded."""


@dataclass(frozen=True, slots=True)
class Ghost:
    """The forecast of a load that is not made yet."""

    model_id: str
    need_bytes: int
    """Of main memory."""
    goes: tuple[str, ...] = ()
    fits: bool = True
    devices: Mapping[str, int] = field(default_factory=dict, hash=False)
    """Of devices with memory of their own, by llama.cpp's name."""

    @classmethod
    def of(cls, snapshot: CacheSnapshot, model: ModelSnapshot, view: Outlook) -> Ghost | None:
        """The ghost of a load that would go like that; None where its need is not known."""
        if model.forecast is None:
            return None
        need = model.forecast.charge(model.facts.file, snapshot.gpus)
        return cls(model.id, need.total_bytes, view.unloads, view.fits, need.device_bytes)

    @classmethod
    def again(cls, snapshot: CacheSnapshot, model: ModelSnapshot, forecast: Forecast) -> Ghost:
        """The ghost of a load of the model, with another forecast, in its own place."""
        need = forecast.charge(model.facts.file, snapshot.gpus)
        return cls(model.id, need.total_bytes, (model.id,), devices=need.device_bytes)

    def resting_on(self, used: Mapping[str, int]) -> float:
        """What stays below it of what models use of a pool, by their ids."""
        return float(sum(size for model, size in used.items() if model not in (*self.goes, self.model_id)))

    @property
    def vram_bytes(self) -> int:
        """What it would take of all devices."""
        return sum(self.devices.values())

    @property
    def text(self) -> str:
        """The forecast as it stands in the table, with the part that main memory is not for."""
        return figures.size(self.need_bytes + self.vram_bytes) + figures.vram(self.vram_bytes)


def composition(
    snapshot: CacheSnapshot, machine: MachineReading, names: dict[str, str], goes: tuple[str, ...] = ()
) -> list[Part]:
    """The parts whose sizes add up to the memory of the computer.

    Clean mapped weights count as available for the system, so free = available - weights, and other
    programs are what is neither available nor private bytes of the models nor this program; those that hold
    models are told apart. What is promised to loaded models is free still, and no room for further ones.
    """
    theirs = held_by_program(snapshot.neighbours)
    private = sum(m.private_bytes for m in snapshot.models)
    parts: list[Part] = []
    weights = 0
    for model in snapshot.models:
        if not model.resident_bytes:
            continue
        fades = model.id in goes
        parts.append(Part("private", model.id, model.private_bytes, model.id, fades))
        parts.append(Part("weights", model.id, model.weights_bytes, model.id, fades))
        weights += model.weights_bytes
    unused = max(0, machine.available_bytes - weights - sum(held.weights_bytes for held in theirs.values()))
    reserve = min(snapshot.bounds.reserve_bytes, unused)
    promised = min(snapshot.promised_bytes, unused - reserve)
    limit_room = unused - reserve - promised
    if snapshot.bounds.total_limit_bytes is not None:
        limit_room = min(limit_room, max(0, snapshot.bounds.total_limit_bytes - private - weights - promised))
    other = max(0, machine.total_bytes - private - weights - unused - machine.own_bytes)
    others: list[Part] = []
    for program, held in theirs.items():
        size_bytes = min(held.resident_bytes, other)
        other -= size_bytes
        others.append(Part("neighbour", program, size_bytes, program=recorded_as(program)))
    parts += [
        Part("promised", names["promised"], promised),
        Part("room", names["room"], limit_room),
        Part("free", names["free"], unused - reserve - promised - limit_room),
        Part("reserve", names["reserve"], reserve),
        *others,
        Part("other", names["other"], other),
        Part("own", names["own"], machine.own_bytes),
    ]
    # That there is no room is worth saying, and a legend that keeps its entries does not jump.
    return [part for part in parts if part.size_bytes > 0 or part.kind == "room"]


def device_limit(snapshot: CacheSnapshot, pool: DevicePool) -> int | None:
    """The limit in force on a device; None where nothing is limited."""
    bounds = snapshot.bounds.devices.get(pool.device)
    return bounds.limit_bytes if bounds is not None else None


def device_composition(
    snapshot: CacheSnapshot, pool: DevicePool, names: Mapping[str, str], goes: tuple[str, ...] = ()
) -> list[Part]:
    """The parts whose sizes add up to the own memory of a device.

    Nothing there is mapped from files: all that a model holds only unloading gives back. What a model that
    loads is charged, and does not hold yet, is promised.
    """
    parts = [
        Part("private", model_id, held, model_id, model_id in goes) for model_id, held in pool.models.items()
    ]
    unused = max(0, pool.total_bytes - pool.models_bytes - pool.others_bytes)
    charged = sum(holder.charge.on(pool.device) for holder in snapshot.holders)
    promised = min(max(0, charged - pool.models_bytes), unused)
    limit = device_limit(snapshot, pool)
    room = 0 if limit is None else min(unused, max(0, limit - pool.models_bytes)) - promised
    room = max(0, room)
    other = max(0, pool.total_bytes - pool.models_bytes - unused)
    parts += [
        Part("promised", names["promised"], promised),
        Part("room", names["room"], room),
        Part("free", names["free" if pool.used_bytes is not None else "unknown"], unused - promised - room),
        Part("other", names["other"], other),
    ]
    return [part for part in parts if part.size_bytes > 0 or (part.kind == "room" and limit is not None)]
