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
    fresh: bool = False
    """Loaded a moment ago and not used yet: it goes only to keep a limit or when a person asks."""

    @property
    def promised_bytes(self) -> int:
        """Private bytes that it was promised and was not seen to take: the reading still has them available.

        A model that is unloading may have taken them since the last reading.
        """
        return max(0, self.charge.private_bytes - self.private_bytes)

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


class _Mappings:
    """The hosts that map one file: what each is charged for it, and what each has resident."""

    __slots__ = ("charges", "residents")

    def __init__(self) -> None:
        self.charges: list[int] = []
        self.residents: list[int] = []

    @property
    def charge(self) -> int:
        return max(self.charges, default=0)

    @property
    def claim(self) -> int:
        """What it takes of the machine: the pages that are resident or will be."""
        return max(self.charge, max(self.residents, default=0))


class _Ledger:
    """The room left under both bounds, kept up to date while holders come and go.

    An absent bound has infinite room.
    """

    def __init__(self, holders: Iterable[Holder], bounds: Bounds) -> None:
        limit, available = bounds.total_limit_bytes, bounds.available_bytes
        self.limit_room: float = math.inf if limit is None else limit
        self.machine_room: float = math.inf if available is None else available - bounds.reserve_bytes
        self._files: dict[FileKey, _Mappings] = {}
        for holder in holders:
            self.add(holder)

    def add(self, holder: Holder) -> None:
        """Count a holder in; the private bytes it has taken are missing from the available ones already."""
        self.limit_room -= holder.charge.private_bytes
        self.machine_room -= holder.promised_bytes
        self._map(holder, +1)

    def take(self, kind: StepKind, holder: Holder) -> None:
        """Let a holder doze or go: mapped pages come back, and with the process its private bytes."""
        self._map(holder, -1)
        if kind == "unload":
            self.limit_room += holder.charge.private_bytes
            self.machine_room += holder.promised_bytes + holder.private_bytes

    def untake(self, kind: StepKind, holder: Holder) -> None:
        """The opposite of `take`."""
        self._map(holder, +1)
        if kind == "unload":
            self.limit_room -= holder.charge.private_bytes
            self.machine_room -= holder.promised_bytes + holder.private_bytes

    def _map(self, holder: Holder, sign: int) -> None:
        charge, resident = holder.charge.weights_bytes, holder.weights_bytes
        mappings = self._files.get(holder.charge.file)
        if mappings is None:
            mappings = self._files[holder.charge.file] = _Mappings()
        charged, claimed = mappings.charge, mappings.claim
        if sign > 0:
            mappings.charges.append(charge)
            mappings.residents.append(resident)
        else:
            mappings.charges.remove(charge)
            mappings.residents.remove(resident)
        self.limit_room += charged - mappings.charge
        self.machine_room += claimed - mappings.claim

    @property
    def room(self) -> int | None:
        """The smaller room; negative when a bound is broken, None without bounds."""
        room = min(self.limit_room, self.machine_room)
        return None if room == math.inf else int(room)

    @property
    def shortfall(self) -> float:
        """Bytes missing under both bounds together; 0 when they hold."""
        return -min(0.0, self.limit_room) - min(0.0, self.machine_room)

    def fits(self) -> bool:
        """Whether both bounds hold."""
        return self.limit_room >= 0 and self.machine_room >= 0

    def would_fit(self, kind: StepKind, holder: Holder) -> bool:
        """Whether both bounds would hold after this one step."""
        self.take(kind, holder)
        fits = self.fits()
        self.untake(kind, holder)
        return fits


def room(holders: Iterable[Holder], bounds: Bounds) -> int | None:
    """Bytes that a new load may use now; negative when a bound is broken, None without bounds.

    min(total limit - charges, available memory - resident weights of our hosts - promises - reserve);
    a model that is unloading counts until its process is reaped.
    """
    return _Ledger(holders, bounds).room


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
    spare_fresh: bool = False,
) -> Admission:
    """Decide how a model that needs `need` can be loaded beside `holders`.

    A holder with the same `model_id` is replaced: its bytes are subtracted. Models that are unloading are
    taken as gone, because they will be. Nothing is planned to go unless the load then fits. With
    `spare_fresh` a model that waits for its first request is treated as one that is in use.
    """
    others = [h for h in holders if h.model_id != model_id]
    newcomer = Holder(model_id, need, Standing.ADMITTED, last_used=math.inf)
    ledger = _ledger_of_the_staying(holders, bounds, replaced=model_id)
    ledger.add(newcomer)
    if ledger.fits():
        return Admit()
    steps = _steps_to_fit(ledger, eviction_order(others, spare_fresh=spare_fresh), may_doze=may_doze)
    if ledger.fits():
        return Admit(steps)
    gone = {step.model_id for step in steps if step.kind == "unload"}
    staying = [h for h in others if h.model_id not in gone and h.standing is not Standing.UNLOADING]
    return _why_not(ledger, need, staying)


def plan_relief(
    holders: Sequence[Holder], bounds: Bounds, *, may_doze: bool = True, spare_fresh: bool = False
) -> tuple[Step, ...]:
    """Steps that bring the holders under their bounds, or as near as idle models allow.

    Models in use are left alone: `plan_drain` names the ones that have to go when they are done.
    """
    ledger = _ledger_of_the_staying(holders, bounds)
    if ledger.fits():
        return ()
    return _steps_to_fit(ledger, eviction_order(holders, spare_fresh=spare_fresh), may_doze=may_doze)


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


def eviction_order(holders: Iterable[Holder], *, spare_fresh: bool = False) -> list[Holder]:
    """Evictable holders, the one that goes first at the front: least recently used, then by id."""
    return _coldest_first(h for h in holders if h.evictable and not (spare_fresh and h.fresh))


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
    """Carry out on the ledger, and return, the mildest steps that make it fit, or else all that help.

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
    """Carry out, on the coldest single holder that suffices, else on the coldest ones, each of which helps.

    When even all of them do not suffice, those stay carried out that bring the bounds nearer.
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
    for holder in reversed(taken.copy()):
        shortfall = ledger.shortfall
        ledger.untake(kind, holder)
        if ledger.shortfall <= shortfall:
            taken.remove(holder)
        else:
            ledger.take(kind, holder)
    return taken


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
