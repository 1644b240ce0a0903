"""What must go, or why nothing helps, so that a model can load or the limits hold.

Pure functions over frozen records. A load fits when it fits into every pool of memory, and nothing goes that
does not help a pool that is short.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from llmmem_gui.core.ledger import Bound, Bounds, Charge, Holder, Ledger, Standing, StepKind


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do to make room."""

    kind: StepKind
    model_id: str


@dataclass(frozen=True, slots=True)
class Admit:
    """The load fits once all steps are done; with no steps it fits now."""

    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Wait:
    """The load fits when these models have finished what they are doing; none of them is superfluous."""

    model_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shortage:
    """The load cannot fit, whatever is evicted."""

    bound: Bound
    need_bytes: int
    room_bytes: int
    """The most that evicting could make room for; less than the need."""
    pinned: tuple[str, ...] = ()
    """Pinned models without which it would fit."""
    device: str = ""
    """The pool that is too small; empty: main memory."""


Admission = Admit | Wait | Shortage


def room(holders: Iterable[Holder], bounds: Bounds) -> int | None:
    """Bytes of main memory that a new load may use now; negative when a bound is broken, None without bounds.

    min(total limit - charges, available memory - resident weights of our hosts - promises - reserve);
    a model that is unloading counts until its process is reaped.
    """
    return Ledger(holders, bounds).room


def holds(holders: Iterable[Holder], bounds: Bounds) -> bool:
    """Whether every pool holds its bounds; a model that is unloading counts until its process is reaped."""
    return Ledger(holders, bounds).fits()


def room_for(model_id: str, holders: Iterable[Holder], bounds: Bounds) -> int | None:
    """Bytes of main memory that a load of this model may use while the others stay; None without bounds.

    Its own host, if it has one, will have gone by then, and so will the models that are unloading.
    """
    return _ledger_of_the_staying(holders, bounds, replaced=model_id).room


def most_room(model_id: str, holders: Sequence[Holder], bounds: Bounds) -> int | None:
    """Bytes of main memory that a load of this model may use once all idle models have gone; None: any."""
    ledger = _ledger_of_the_staying(holders, bounds, replaced=model_id)
    for holder in eviction_order(h for h in holders if h.model_id != model_id):
        ledger.take("unload", holder)
    return ledger.room


def device_rooms(
    model_id: str, holders: Sequence[Holder], bounds: Bounds, *, beside: bool = False
) -> Mapping[str, float]:
    """Bytes of each device that a load of this model may use for the sake of speed.

    Idle models make room, as they do in main memory: a model that was left with few layers would be slow for
    as long as it is used, and an idle one is back in seconds. Those that wait for their first request stay,
    since somebody has just loaded them beside each other. With `beside` all stay.
    """
    ledger = _ledger_of_the_staying(holders, bounds, replaced=model_id)
    if not beside:
        others = (h for h in holders if h.model_id != model_id)
        for holder in eviction_order(others, spare_loaded_after=-math.inf):
            ledger.take("unload", holder)
    return ledger.device_rooms


def charged_bytes(holders: Iterable[Holder]) -> int:
    """Sum of the charges of main memory of all holders, the weights of one file counted once."""
    return Ledger(holders, Bounds(total_limit_bytes=0)).charged_bytes


def plan_load(
    need: Charge,
    holders: Sequence[Holder],
    bounds: Bounds,
    *,
    model_id: str = "",
    may_doze: bool = True,
    spare_loaded_after: float = math.inf,
) -> Admission:
    """Decide how a model that needs `need` can be loaded beside `holders`.

    A holder with the same `model_id` is replaced: its bytes are subtracted. Models that are unloading are
    taken as gone, because they will be. Nothing is planned to go unless the load then fits. A model that
    was loaded after `spare_loaded_after` and waits for its first request is treated as one that is in use.
    """
    others = [h for h in holders if h.model_id != model_id]
    newcomer = Holder(model_id, need, Standing.ADMITTED, last_used=math.inf)
    ledger = _ledger_of_the_staying(holders, bounds.concerning(need), replaced=model_id)
    ledger.add(newcomer)
    if ledger.fits():
        return Admit()
    steps = _steps_to_fit(ledger, eviction_order(others, spare_loaded_after), may_doze=may_doze)
    if ledger.fits():
        return Admit(steps)
    gone = {step.model_id for step in steps if step.kind == "unload"}
    staying = [h for h in others if h.model_id not in gone and h.standing is not Standing.UNLOADING]
    return _why_not(ledger, need, staying)


def plan_relief(holders: Sequence[Holder], bounds: Bounds, *, may_doze: bool = True) -> tuple[Step, ...]:
    """Steps that bring the holders under their bounds, or as near as idle models allow.

    Models in use are left alone: `plan_drain` names the ones that have to go when they are done.
    """
    ledger = _ledger_of_the_staying(holders, bounds)
    if ledger.fits():
        return ()
    steps = _steps_to_fit(ledger, eviction_order(holders), may_doze=may_doze)
    if ledger.fits():
        return steps
    unloaded = {step.model_id for step in steps}
    helping = _without_superfluous(
        ledger, "unload", [h for h in eviction_order(holders) if h.model_id in unloaded]
    )
    return tuple(Step("unload", h.model_id) for h in helping)


def plan_drain(holders: Sequence[Holder], bounds: Bounds) -> tuple[str, ...]:
    """Models in use that have to go when they are done, because idle ones alone do not restore the bounds.

    Least recently used first; as few as suffice.
    """
    ledger = _ledger_of_the_staying(holders, bounds)
    for holder in holders:
        if holder.evictable:
            ledger.take("unload", holder)
    if ledger.fits():
        return ()
    busy = [h for h in holders if h.standing is Standing.BUSY and not h.pinned]
    return tuple(h.model_id for h in _fewest(ledger, "unload", _coldest_first(busy)))


def eviction_order(holders: Iterable[Holder], spare_loaded_after: float = math.inf) -> list[Holder]:
    """Evictable holders, the one that goes first at the front: least recently used, then by id.

    Without those that were loaded after `spare_loaded_after` and wait for their first request.
    """
    evictable = (h for h in holders if h.evictable)
    return _coldest_first(
        h for h in evictable if h.unused_since is None or h.unused_since <= spare_loaded_after
    )


def _coldest_first(holders: Iterable[Holder]) -> list[Holder]:
    return sorted(holders, key=lambda h: (h.last_used, h.model_id))


def _ledger_of_the_staying(holders: Iterable[Holder], bounds: Bounds, replaced: str | None = None) -> Ledger:
    """The ledger as it will be when models that are unloading, or are replaced, have gone."""
    ledger = Ledger(holders, bounds)
    for holder in holders:
        if holder.standing is Standing.UNLOADING or holder.model_id == replaced:
            ledger.take("unload", holder)
    return ledger


def _steps_to_fit(ledger: Ledger, coldest_first: Sequence[Holder], *, may_doze: bool) -> tuple[Step, ...]:
    """Carry out on the ledger, and return, the mildest steps that make it fit, or else all there are.

    Sleep is milder than an end: when it suffices that models doze, none is unloaded.
    """
    if may_doze:
        awake = [h for h in coldest_first if h.standing is Standing.IDLE and h.charge.weights_bytes > 0]
        dozing = _fewest(ledger, "doze", awake)
        if ledger.fits():
            return tuple(Step("doze", h.model_id) for h in dozing)
        for holder in dozing:
            ledger.untake("doze", holder)
    return tuple(Step("unload", h.model_id) for h in _fewest(ledger, "unload", coldest_first))


def _fewest(ledger: Ledger, kind: StepKind, coldest_first: Sequence[Holder]) -> list[Holder]:
    """Carry out on the coldest single holder that suffices, else on the coldest ones, each of them needed.

    When even all of them do not suffice, all stay carried out.
    """
    for holder in coldest_first:
        if ledger.would_fit(kind, holder):
            ledger.take(kind, holder)
            return [holder]
    taken: list[Holder] = []
    for holder in coldest_first:
        if ledger.fits():
            break
        ledger.take(kind, holder)
        taken.append(holder)
    return _without_superfluous(ledger, kind, taken) if ledger.fits() else taken


def _without_superfluous(ledger: Ledger, kind: StepKind, taken: Sequence[Holder]) -> list[Holder]:
    """Take back, warmest first, each step without which the bounds are as near to holding."""
    needed = []
    for holder in reversed(taken):
        if ledger.misses(kind, holder):
            needed.append(holder)
        else:
            ledger.untake(kind, holder)
    return needed[::-1]


def _why_not(ledger: Ledger, need: Charge, staying: Sequence[Holder]) -> Wait | Shortage:
    """Why a load does not fit although everything evictable (already taken off the ledger) goes."""
    in_use = _fewest(ledger, "unload", _coldest_first(h for h in staying if not h.pinned))
    if ledger.fits():
        return Wait(tuple(h.model_id for h in in_use))
    bound, device, room = ledger.tightest
    needed = need.on(device) if device else need.total_bytes
    pinned = [h for h in staying if h.pinned]
    in_the_way = _fewest(ledger, "unload", _coldest_first(pinned))
    names = tuple(h.model_id for h in in_the_way) if ledger.fits() else ()
    return Shortage(bound, needed, max(0, needed + room), names, device)
