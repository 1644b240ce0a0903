"""The memory of this computer as parts that add up, and the forecast that is shown as a ghost beside them."""

from __future__ import annotations

from dataclasses import dataclass

from llmmem_gui.core.readings import MachineReading
from llmmem_gui.core.snapshot import CacheSnapshot


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of the bar, from the left."""

    kind: str
    """private, weights, room, free, reserve, other, own."""
    name: str
    size_bytes: int
    model_id: str | None = None
    fades: bool = False
    """The model would be unloaded for the load that is shown as a ghost."""


@dataclass(frozen=True, slots=True)
class Ghost:
    """The forecast of a load that is not made yet."""

    model_id: str
    need_bytes: int
    goes: tuple[str, ...] = ()
    fits: bool = True


def composition(
    snapshot: CacheSnapshot, machine: MachineReading, names: dict[str, str], goes: tuple[str, ...] = ()
) -> list[Part]:
    """The parts whose sizes add up to the memory of the computer.

    Clean mapped weights count as available for the system, so free = available - weights, and other
    programs are what is neither available nor private bytes of the models nor this program.
    """
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
    unused = max(0, machine.available_bytes - weights)
    reserve = min(snapshot.bounds.reserve_bytes, unused)
    limit_room = unused - reserve
    if snapshot.bounds.total_limit_bytes is not None:
        limit_room = min(limit_room, max(0, snapshot.bounds.total_limit_bytes - private - weights))
    other = max(0, machine.total_bytes - private - weights - unused - machine.own_bytes)
    parts += [
        Part("room", names["room"], limit_room),
        Part("free", names["free"], unused - reserve - limit_room),
        Part("reserve", names["reserve"], reserve),
        Part("other", names["other"], other),
        Part("own", names["own"], machine.own_bytes),
    ]
    # That there is no room is worth saying, and a legend that keeps its entries does not jump.
    return [part for part in parts if part.size_bytes > 0 or part.kind == "room"]
