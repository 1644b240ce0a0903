"""What must go, or why nothing helps, so that a model can load or the limits hold.

Pure functions over frozen records. Two bounds are kept at the same time: the total limit, which counts
*charges*, and the machine, which counts what is really available. Mapped weights of one file are counted
once, however many hosts map it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Literal

FileKey = tuple[int, int] | str
"""Identity of a model file: device and inode, or a name where there is no file."""

Bound = Literal["limit", "machine"]


@dataclass(frozen=True, slots=True)
class Charge:
    """What admission counts for one model."""

    private_bytes: int
    weights_bytes: int
    file: FileKey

    @property
    def total_bytes(self) -> int:
        """Private and mapped bytes together."""
        return self.private_bytes + self.weights_bytes


class Standing(str, Enum):
    """Where a holder stands when something has to go."""

    IDLE = "idle"
    DOZING = "dozing"
    BUSY = "busy"
    LOADING = "loading"
    ADMITTED = "admitted"
    """Its bytes are promised, its host is not started yet."""
    UNLOADING = "unloading"


@dataclass(frozen=True, slots=True)
class Holder:
    """One model that holds memory or was promised some."""

    model_id: str
    charge: Charge
    standing: Standing
    last_used: float
    """Monotonic seconds; the smallest is the least recently used."""
    pinned: bool = False
    private_bytes: int = 0
    """Private bytes as measured."""
    weights_bytes: int = 0
    """Resident mapped bytes as measured."""
    unused_since: float | None = None
    """When it was loaded, if no request has used it yet; else None."""

    @property
    def promised_bytes(self) -> int:
        """Private bytes that it was promised and was not seen to take: the reading still has them available.

        A model that is unloading may have taken them since the last reading.
        """
        missing = self.charge.private_bytes - self.private_bytes
        return missing if missing > 0 else 0

    @property
    def evictable(self) -> bool:
        """Whether it may be unloaded or put to sleep without being asked for by name."""
        return not self.pinned and self.standing in (Standing.IDLE, Standing.DOZING)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the holders together must stay under; None switches a bound off."""

    total_limit_bytes: int | None = None
    available_bytes: int | None = None
    """What the machine says is available; clean mapped weights are part of it."""
    reserve_bytes: int = 0


StepKind = Literal["doze", "unload"]


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


Admission = Admit | Wait | Shortage


class _Ledger:
    """The room left under both bounds, kept up to date while holders come and go.

    An absent bound has infinite room.
    """

    __slots__ = ("_files", "limit_room", "machine_room")

    def __init__(self, holders: Iterable[Holder], bounds: Bounds) -> None:
        self._files: dict[FileKey, list[Holder]] = {}
        """The holders that map each file."""
        private = promised = 0
        for holder in holders:
            private += holder.charge.private_bytes
            promised += holder.promised_bytes
            self._files.setdefault(holder.charge.file, []).append(holder)
        charged, claimed = 0, 0
        for mapping in self._files.values():
            charge, claim = _of_file(mapping)
            charged, claimed = charged + charge, claimed + claim
        limit, available, reserve = bounds.total_limit_bytes, bounds.available_bytes, bounds.reserve_bytes
        self.limit_room: float = math.inf if limit is None else limit - private - charged
        self.machine_room: float = math.inf if available is None else available - reserve - promised - claimed

    def add(self, newcomer: Holder) -> None:
        """Count a newcomer in, which was promised its bytes and has taken none of them."""
        self._files.setdefault(newcomer.charge.file, [])
        self.untake("unload", newcomer)

    def take(self, kind: StepKind, holder: Holder) -> None:
        """Let a holder doze or go: mapped pages come back, and with the process its private bytes."""
        others = self._files[holder.charge.file]
        others.remove(holder)
        limit_gain, machine_gain = _gains(kind, holder, others)
        self.limit_room += limit_gain
        self.machine_room += machine_gain

    def untake(self, kind: StepKind, holder: Holder) -> None:
        """The opposite of `take`."""
        others = self._files[holder.charge.file]
        limit_gain, machine_gain = _gains(kind, holder, others)
        others.append(holder)
        self.limit_room -= limit_gain
        self.machine_room -= machine_gain

    @property
    def room(self) -> int | None:
        """The smaller room; negative when a bound is broken, None without bounds."""
        room = min(self.limit_room, self.machine_room)
        return None if room == math.inf else int(room)

    def fits(self) -> bool:
        """Whether both bounds hold."""
        return self.limit_room >= 0 and self.machine_room >= 0

    def would_fit(self, kind: StepKind, holder: Holder) -> bool:
        """Whether both bounds would hold after this one step."""
        mapping = self._files[holder.charge.file]
        others = [other for other in mapping if other is not holder] if len(mapping) > 1 else ()
        limit_gain, machine_gain = _gains(kind, holder, others)
        return self.limit_room + limit_gain >= 0 and self.machine_room + machine_gain >= 0

    def misses(self, kind: StepKind, holder: Holder) -> bool:
        """Whether the bounds would be further from holding if this step were not taken."""
        limit_gain, machine_gain = _gains(kind, holder, self._files[holder.charge.file])
        limit_lost = min(0, self.limit_room) - min(0, self.limit_room - limit_gain)
        machine_lost = min(0, self.machine_room) - min(0, self.machine_room - machine_gain)
        return limit_lost > 0 or machine_lost > 0


def _gains(kind: StepKind, holder: Holder, others: Sequence[Holder]) -> tuple[int, int]:
    """Bytes that come back under the limit and on the machine when a holder dozes or goes.

    `others` are the holders beside it that map the same file.
    """
    charge, claim = _of_file((holder,))
    if others:
        others_charge, others_claim = _of_file(others)
        charge, claim = max(0, charge - others_charge), max(0, claim - others_claim)
    if kind == "doze":
        return charge, claim
    # Private bytes that it has taken are given back; those only promised are promised no longer.
    returned = holder.promised_bytes + holder.private_bytes
    return charge + holder.charge.private_bytes, claim + returned


def _of_file(holders: Sequence[Holder]) -> tuple[int, int]:
    """What one file is charged, and what it claims of the machine: pages that are resident or will be."""
    if len(holders) == 1:
        charge, resident = holders[0].charge.weights_bytes, holders[0].weights_bytes
    else:
        charge = max((holder.charge.weights_bytes for holder in holders), default=0)
        resident = max((holder.weights_bytes for holder in holders), default=0)
    return charge, charge if charge > resident else resident


def room(holders: Iterable[Holder], bounds: Bounds) -> int | None:
    """Bytes that a new load may use now; negative when a bound is broken, None without bounds.

    min(total limit - charges, available memory - resident weights of our hosts - promises - reserve);
    a model that is unloading counts until its process is reaped.
    """
    return _Ledger(holders, bounds).room


def room_for(model_id: str, holders: Iterable[Holder], bounds: Bounds) -> int | None:
    """Bytes that a load of this model may use while the others stay; None without bounds.

    Its own host, if it has one, will have gone by then, and so will the models that are unloading.
    """
    return _ledger_of_the_staying(holders, bounds, replaced=model_id).room


def charged_bytes(holders: Iterable[Holder]) -> int:
    """Sum of the charges of all holders, the weights of one file counted once."""
    return -int(_Ledger(holders, Bounds(total_limit_bytes=0)).limit_room)


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
    ledger = _ledger_of_the_staying(holders, bounds, replaced=model_id)
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


def _ledger_of_the_staying(holders: Iterable[Holder], bounds: Bounds, replaced: str | None = None) -> _Ledger:
    """The ledger as it will be when models that are unloading, or are replaced, have gone."""
    ledger = _Ledger(holders, bounds)
    for holder in holders:
        if holder.standing is Standing.UNLOADING or holder.model_id == replaced:
            ledger.take("unload", holder)
    return ledger


def _steps_to_fit(ledger: _Ledger, coldest_first: Sequence[Holder], *, may_doze: bool) -> tuple[Step, ...]:
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


def _fewest(ledger: _Ledger, kind: StepKind, coldest_first: Sequence[Holder]) -> list[Holder]:
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


def _without_superfluous(ledger: _Ledger, kind: StepKind, taken: Sequence[Holder]) -> list[Holder]:
    """Take back, warmest first, each step without which the bounds are as near to holding."""
    needed = []
    for holder in reversed(taken):
        if ledger.misses(kind, holder):
            needed.append(holder)
        else:
            ledger.untake(kind, holder)
    return needed[::-1]


def _why_not(ledger: _Ledger, need: Charge, staying: Sequence[Holder]) -> Wait | Shortage:
    """Why a load does not fit although everything evictable (already taken off the ledger) goes."""
    in_use = _fewest(ledger, "unload", _coldest_first(h for h in staying if not h.pinned))
    if ledger.fits():
        return Wait(tuple(h.model_id for h in in_use))
    bound: Bound = "limit" if ledger.limit_room <= ledger.machine_room else "machine"
    most = need.total_bytes + (ledger.room or 0)
    pinned = [h for h in staying if h.pinned]
    in_the_way = _fewest(ledger, "unload", _coldest_first(pinned))
    names = tuple(h.model_id for h in in_the_way) if ledger.fits() else ()
    return Shortage(bound, need.total_bytes, max(0, most), names)
