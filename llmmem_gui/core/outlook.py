"""What a load of a model or other limits would bring, said beforehand by the rules in force."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from llmmem_gui.core.ledger import Bounds, Charge, Holder
from llmmem_gui.core.plan import Admit, Shortage, Wait, most_room, plan_load

Obstacle = Literal["its own limit", "the total limit", "the computer", "a device"]


@dataclass(frozen=True, slots=True)
class Outlook:
    """How a load would go that a person asks for now, while no other one waits."""

    need_bytes: int
    """Of main memory; of the device where that is the obstacle."""
    obstacle: Obstacle | None = None
    """What leaves too little room for it, whatever is unloaded; None: it fits, at once or after the steps."""
    dozes: tuple[str, ...] = ()
    """Models that would be put to sleep for it."""
    unloads: tuple[str, ...] = ()
    """Models that would be unloaded for it."""
    waits_for: tuple[str, ...] = ()
    """Models in use that it would wait for."""
    pinned: tuple[str, ...] = ()
    """Pinned models without which it would fit."""
    room_bytes: int | None = None
    """The most memory that it could have; None when it fits."""
    device: str = ""
    """The device that is the obstacle, by llama.cpp's name of it."""
    main_room_bytes: int | None = None
    """Where a device is the obstacle, what it could have of main memory instead; None: any."""
    limit_bytes: int | None = None
    """The least total limit under which it would fit, where the computer has the memory for it."""

    @property
    def fits(self) -> bool:
        """Whether it can be loaded without asking anybody anything."""
        return self.obstacle is None and not self.waits_for


@dataclass(frozen=True, slots=True)
class LimitsOutlook:
    """What other limits would bring at once."""

    dozes: tuple[str, ...] = ()
    unloads: tuple[str, ...] = ()
    waits_for: tuple[str, ...] = ()
    """Models in use that would go when they are done."""
    over_bytes: int = 0
    """By how much the bounds of main memory would be broken even then."""
    over_on: Mapping[str, int] = field(default_factory=dict)
    """By how much those of devices would, by llama.cpp's name of each; without those that hold."""


def outlook(
    need: Charge,
    holders: Sequence[Holder],
    bounds: Bounds,
    *,
    model_id: str,
    own_limit_bytes: int | None,
    may_doze: bool,
) -> Outlook:
    """How a load of this model would go beside these holders."""
    if own_limit_bytes is not None and need.total_bytes > own_limit_bytes:
        return Outlook(need.total_bytes, "its own limit", room_bytes=own_limit_bytes)
    admission = plan_load(need, holders, bounds, model_id=model_id, may_doze=may_doze)
    match admission:
        case Admit(steps):
            return Outlook(
                need.total_bytes,
                dozes=tuple(step.model_id for step in steps if step.kind == "doze"),
                unloads=tuple(step.model_id for step in steps if step.kind == "unload"),
            )
        case Wait(model_ids):
            return Outlook(need.total_bytes, waits_for=model_ids)
        case Shortage(_, need_bytes, room_bytes, pinned, device) if device:
            return Outlook(
                need_bytes,
                "a device",
                pinned=pinned,
                room_bytes=room_bytes,
                device=device,
                main_room_bytes=most_room(model_id, holders, bounds),
            )
        case Shortage(bound, _, room_bytes, pinned):
            return Outlook(
                need.total_bytes,
                "the total limit" if bound == "limit" else "the computer",
                pinned=pinned,
                room_bytes=room_bytes,
                limit_bytes=None
                if pinned
                else _limit_that_suffices(need, holders, bounds, admission, model_id),
            )


def _limit_that_suffices(
    need: Charge, holders: Sequence[Holder], bounds: Bounds, shortage: Shortage, model_id: str
) -> int | None:
    if shortage.bound != "limit" or bounds.total_limit_bytes is None:
        return None
    higher = bounds.total_limit_bytes + shortage.need_bytes - shortage.room_bytes
    raised = replace(bounds, total_limit_bytes=higher)
    fits = isinstance(plan_load(need, holders, raised, model_id=model_id), Admit)
    return higher if fits else None
