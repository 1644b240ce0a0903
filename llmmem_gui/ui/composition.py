"""The memory of this computer as parts that add up, and the forecast that is shown as a ghost beside them."""

from __future__ import annotations

from dataclasses import dataclass

from llmmem_gui.core.neighbours import held_by_program, recorded_as
from llmmem_gui.core.outlook import Outlook
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
    """Main memory, which is what it is drawn in."""
    goes: tuple[str, ...] = ()
    fits: bool = True
    vram_bytes: int = 0

    @classmethod
    def of(cls, model: ModelSnapshot, view: Outlook) -> Ghost:
        """The ghost of a load that would go like that."""
        vram_bytes = model.forecast.vram_bytes if model.forecast else 0
        return cls(model.id, view.need_bytes, view.unloads, view.fits, vram_bytes)

    @property
    def text(self) -> str:
        """The forecast as it stands in the table, with the part that this memory is not for."""
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
