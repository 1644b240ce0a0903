"""What must go, or why nothing helps, so that a model can load or the limits hold.

Pure functions over frozen records. Two bounds are kept at the same time: the total limit, which counts
*charges*, and the machine, which counts what is really available. Mapped weights of one file are counted
once, however many hosts map it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do to make room."""

    kind: Literal["doze", "unload"]
    model_id: str


@dataclass(frozen=True, slots=True)
class Admit:
    """The load fits once all steps are done; with no steps it fits now."""

    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Wait:
    """The load fits when these models have finished what they are doing."""

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


@dataclass(slots=True)
class _MappedFile:
    charges: list[int] = field(default_factory=list)
    residents: list[int] = field(default_factory=list)

    @property
    def charge(self) -> int:
        return max(self.charges, default=0)

    @property
    def resident_or_promised(self) -> int:
        return max(max(self.residents, default=0), self.charge)


class _Ledger:
    """Sums over holders that follow each addition and removal in constant time."""

    def __init__(self, holders: Iterable[Holder], bounds: Bounds) -> None:
        self._bounds = bounds
        self._private_charge = 0
        self._promised = 0
        self._returned = 0
        self._files: dict[FileKey, _MappedFile] = {}
        self._file_charge = 0
        self._file_machine = 0
        for holder in holders:
            self.add(holder)

    def add(self, holder: Holder) -> None:
        self._count(holder, +1)

    def remove(self, holder: Holder) -> None:
        """Take a holder out as if its process had ended: its private bytes are available again."""
        self._count(holder, -1)
        self._returned += holder.private_bytes

    def put_back(self, holder: Holder) -> None:
        self._returned -= holder.private_bytes
        self._count(holder, +1)

    def _count(self, holder: Holder, sign: int) -> None:
        charge = holder.charge
        promised = 0
        if holder.standing is not Standing.UNLOADING:
            promised = max(0, charge.private_bytes - holder.private_bytes)
        self._private_charge += sign * charge.private_bytes
        self._promised += sign * promised
        mapped = self._files.setdefault(charge.file, _MappedFile())
        self._file_charge -= mapped.charge
        self._file_machine -= mapped.resident_or_promised
        if sign > 0:
            mapped.charges.append(charge.weights_bytes)
            mapped.residents.append(holder.weights_bytes)
        else:
            mapped.charges.remove(charge.weights_bytes)
            mapped.residents.remove(holder.weights_bytes)
        self._file_charge += mapped.charge
        self._file_machine += mapped.resident_or_promised

    @property
    def limit_room(self) -> int | None:
        if self._bounds.total_limit_bytes is None:
            return None
        return self._bounds.total_limit_bytes - self._private_charge - self._file_charge

    @property
    def machine_room(self) -> int | None:
        if self._bounds.available_bytes is None:
            return None
        free = self._bounds.available_bytes + self._returned - self._bounds.reserve_bytes
        return free - self._file_machine - self._promised

    @property
    def room(self) -> int | None:
        """The smaller of the two rooms; negative when a bound is broken, None without bounds."""
        rooms = [room for room in (self.limit_room, self.machine_room) if room is not None]
        return min(rooms, default=None)

    @property
    def fits(self) -> bool:
        room = self.room
        return room is None or room >= 0

    @property
    def tighter_bound(self) -> Bound:
        machine = self.machine_room
        limit = self.limit_room
        return "limit" if machine is None or (limit is not None and limit <= machine) else "machine"


def room(holders: Iterable[Holder], bounds: Bounds) -> int | None:
    """Bytes that a new load may use now; negative when a bound is broken, None without bounds.

    min(total limit - charges, available memory - resident weights of our hosts - promises - reserve);
    a model that is unloading counts until its process is reaped.
    """
    return _Ledger(holders, bounds).room


def charged_bytes(holders: Iterable[Holder]) -> int:
    """Sum of the charges of all holders, the weights of one file counted once."""
    ledger = _Ledger(holders, Bounds(total_limit_bytes=0))
    return -(ledger.limit_room or 0)


def plan_load(
    need: Charge,
    holders: Sequence[Holder],
    bounds: Bounds,
    *,
    model_id: str = "",
    may_doze: bool = True,
) -> Admission:
    """Decide how a model that needs `need` can be loaded beside `holders`.

    A holder with the same `model_id` is replaced: its bytes are subtracted. Models that are unloading are
    taken as gone, because they will be. Nothing is planned to go unless the load then fits.
    """
    newcomer = Holder(model_id, need, Standing.ADMITTED, last_used=float("inf"))
    others = [h for h in holders if h.model_id != model_id]
    ledger = _Ledger([*others, newcomer], bounds)
    for holder in holders:
        if holder.standing is Standing.UNLOADING or holder.model_id == model_id:
            if holder.model_id == model_id:
                ledger.add(holder)
            ledger.remove(holder)
    if ledger.fits:
        return Admit()
    steps = _steps_to_fit(ledger, others, may_doze=may_doze)
    if ledger.fits:
        return Admit(steps)
    return _why_not(ledger, need, others, gone={step.model_id for step in steps if step.kind == "unload"})


def plan_relief(holders: Sequence[Holder], bounds: Bounds, *, may_doze: bool = True) -> tuple[Step, ...]:
    """Steps that bring the holders under their bounds, or as near as idle models allow.

    Busy models are left alone; asking again when they are idle plans them.
    """
    ledger = _Ledger(holders, bounds)
    for holder in holders:
        if holder.standing is Standing.UNLOADING:
            ledger.remove(holder)
    if ledger.fits:
        return ()
    return _steps_to_fit(ledger, holders, may_doze=may_doze)


def eviction_order(holders: Iterable[Holder]) -> list[Holder]:
    """Evictable holders, the one that goes first at the front: least recently used, then by id."""
    return sorted((h for h in holders if h.evictable), key=lambda h: (h.last_used, h.model_id))


def asleep(holder: Holder) -> Holder:
    """The holder as it is when it dozes: no mapped bytes, neither held nor charged."""
    charge = Charge(holder.charge.private_bytes, 0, holder.charge.file)
    return Holder(
        holder.model_id, charge, Standing.DOZING, holder.last_used, holder.pinned, holder.private_bytes, 0
    )


def _steps_to_fit(ledger: _Ledger, holders: Sequence[Holder], *, may_doze: bool) -> tuple[Step, ...]:
    """Carry out on the ledger, and return, the mildest steps that make it fit, or else all that help."""
    coldest_first = eviction_order(holders)
    if may_doze:
        awake = [h for h in coldest_first if h.standing is Standing.IDLE and h.charge.weights_bytes > 0]
        dozed = _fewest(ledger, [(h, asleep(h)) for h in awake])
        if ledger.fits:
            return tuple(Step("doze", h.model_id) for h in dozed)
        _undo(ledger, [(h, asleep(h)) for h in dozed])
    unloaded = _fewest(ledger, [(h, None) for h in coldest_first])
    return tuple(Step("unload", h.model_id) for h in unloaded)


_Change = tuple[Holder, Holder | None]
"""A holder and what it becomes: asleep, or gone (None)."""


def _apply(ledger: _Ledger, change: _Change) -> None:
    before, after = change
    ledger.remove(before)
    if after is not None:
        ledger.put_back(after)


def _revert(ledger: _Ledger, change: _Change) -> None:
    before, after = change
    if after is not None:
        ledger.remove(after)
    ledger.put_back(before)


def _undo(ledger: _Ledger, changes: Iterable[_Change]) -> None:
    for change in changes:
        _revert(ledger, change)


def _fewest(ledger: _Ledger, changes: Sequence[_Change]) -> list[Holder]:
    """Apply the coldest single change that suffices, else the coldest ones of which none is superfluous.

    When even all of them do not suffice, all stay applied.
    """
    for change in changes:
        _apply(ledger, change)
        if ledger.fits:
            return [change[0]]
        _revert(ledger, change)
    chosen: list[_Change] = []
    for change in changes:
        _apply(ledger, change)
        chosen.append(change)
        if ledger.fits:
            break
    if ledger.fits:
        for change in reversed(chosen[:-1]):
            _revert(ledger, change)
            if ledger.fits:
                chosen.remove(change)
            else:
                _apply(ledger, change)
    return [holder for holder, _ in chosen]


def _why_not(ledger: _Ledger, need: Charge, holders: Sequence[Holder], *, gone: set[str]) -> Wait | Shortage:
    """Why a load does not fit although everything evictable (already taken off the ledger) goes."""
    left = [h for h in holders if h.model_id not in gone and h.standing is not Standing.UNLOADING]
    occupied = [h for h in left if not h.pinned]
    for holder in occupied:
        ledger.remove(holder)
    if ledger.fits:
        return Wait(tuple(h.model_id for h in occupied))
    bound: Bound = ledger.tighter_bound
    most = need.total_bytes + (ledger.room or 0)
    pinned = [h for h in left if h.pinned]
    for holder in pinned:
        ledger.remove(holder)
    names = tuple(h.model_id for h in pinned) if ledger.fits else ()
    return Shortage(bound, need.total_bytes, max(0, most), names)
