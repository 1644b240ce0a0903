"""What each model is charged of each pool of memory, and the room that is left.

Memory comes in *pools*: main memory, and each device with memory of its own. Two bounds are kept of each at
the same time: its limit, which counts *charges*, and what is really available. Mapped weights of one file
are counted once, however many hosts map it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Literal

FileKey = tuple[int, int] | str
"""Identity of a model file: device and inode, or a name where there is no file."""

Bound = Literal["limit", "machine"]
"""Of a pool: its limit, or what is really available."""


@dataclass(frozen=True, slots=True)
class Charge:
    """What admission counts for one model."""

    private_bytes: int
    weights_bytes: int
    file: FileKey
    device_bytes: Mapping[str, int] = field(default_factory=dict, hash=False)
    """What it takes of devices with memory of their own, by llama.cpp's name of the device."""

    @property
    def total_bytes(self) -> int:
        """Private and mapped bytes of main memory together."""
        return self.private_bytes + self.weights_bytes

    def on(self, device: str) -> int:
        """What it takes of one device."""
        return self.device_bytes.get(device, 0)

    def plus(self, other: Charge) -> Charge:
        """This and what comes to it in memory of its own."""
        return Charge(
            self.private_bytes + other.private_bytes,
            self.weights_bytes,
            self.file,
            {
                device: self.on(device) + other.on(device)
                for device in {**self.device_bytes, **other.device_bytes}
            },
        )

    def larger(self, other: Charge) -> Charge:
        """The larger of both, pool by pool."""
        return Charge(
            max(self.private_bytes, other.private_bytes),
            max(self.weights_bytes, other.weights_bytes),
            self.file,
            {
                device: max(self.on(device), other.on(device))
                for device in {**self.device_bytes, **other.device_bytes}
            },
        )


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

    def taken_on(self, device: str) -> int:
        """What it has taken of its charge on a device, where no driver tells: nothing until it is loaded."""
        loads = self.standing in (Standing.ADMITTED, Standing.LOADING)
        return 0 if loads else self.charge.on(device)

    @property
    def evictable(self) -> bool:
        """Whether it may be unloaded or put to sleep without being asked for by name."""
        return not self.pinned and self.standing in (Standing.IDLE, Standing.DOZING)


@dataclass(frozen=True, slots=True)
class DeviceBounds:
    """What the holders together must stay under on one device; None switches a bound off."""

    limit_bytes: int | None = None
    available_bytes: int | None = None
    """What other programs leave of it, less what the holders have taken."""
    reserve_bytes: int = 0
    """What of that stays free: drivers need some, and other programs go on."""

    @property
    def most_bytes(self) -> tuple[int | None, int | None]:
        """What the holders may have of it by the limit, and beside what they have by what is available."""
        available = self.available_bytes
        return self.limit_bytes, None if available is None else available - self.reserve_bytes


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the holders together must stay under; None switches a bound off."""

    total_limit_bytes: int | None = None
    available_bytes: int | None = None
    """What the machine says is available; clean mapped weights are part of it."""
    reserve_bytes: int = 0
    devices: Mapping[str, DeviceBounds] = field(default_factory=dict, hash=False)
    """By llama.cpp's name of the device."""

    def concerning(self, need: Charge) -> Bounds:
        """Without those of devices that a load takes nothing of: one that is full is no reason against it."""
        concerned = {name: bounds for name, bounds in self.devices.items() if need.on(name)}
        return replace(self, devices=concerned)

    @property
    def limits_alone(self) -> Bounds:
        """Without what is really available."""
        return Bounds(
            self.total_limit_bytes,
            devices={name: DeviceBounds(bounds.limit_bytes) for name, bounds in self.devices.items()},
        )


StepKind = Literal["doze", "unload"]
"""A way to make room."""

_Rooms = list[float]
"""Of main memory and then of each device: the room under the limit, and the room in what is available."""


class Ledger:
    """The room left in each pool under both bounds, kept up to date while holders come and go.

    An absent bound has infinite room.
    """

    __slots__ = ("_devices", "_files", "_rooms")

    def __init__(self, holders: Iterable[Holder], bounds: Bounds) -> None:
        self._devices = tuple(bounds.devices)
        self._files: dict[FileKey, list[Holder]] = {}
        """The holders that map each file."""
        private = promised = 0
        on_devices = [0] * (2 * len(self._devices))
        for holder in holders:
            private += holder.charge.private_bytes
            promised += holder.promised_bytes
            self._files.setdefault(holder.charge.file, []).append(holder)
            for place, device in enumerate(self._devices):
                charge = holder.charge.on(device)
                on_devices[2 * place] += charge
                on_devices[2 * place + 1] += charge - holder.taken_on(device)
        charged, claimed = 0, 0
        for mapping in self._files.values():
            charge, claim = _of_file(mapping)
            charged, claimed = charged + charge, claimed + claim
        limit, available, reserve = bounds.total_limit_bytes, bounds.available_bytes, bounds.reserve_bytes
        self._rooms: _Rooms = [
            math.inf if limit is None else limit - private - charged,
            math.inf if available is None else available - reserve - promised - claimed,
        ]
        most = (each for device in bounds.devices.values() for each in device.most_bytes)
        self._rooms += [
            math.inf if bound is None else bound - used for bound, used in zip(most, on_devices, strict=True)
        ]

    def add(self, newcomer: Holder) -> None:
        """Count a newcomer in, which was promised its bytes and has taken none of them."""
        self._files.setdefault(newcomer.charge.file, [])
        self.untake("unload", newcomer)

    def take(self, kind: StepKind, holder: Holder) -> None:
        """Let a holder doze or go: mapped pages come back, and with the process its private bytes."""
        others = self._files[holder.charge.file]
        others.remove(holder)
        gains = _gains(kind, holder, others, self._devices)
        self._rooms = [room + gain for room, gain in zip(self._rooms, gains, strict=True)]

    def untake(self, kind: StepKind, holder: Holder) -> None:
        """The opposite of `take`."""
        others = self._files[holder.charge.file]
        gains = _gains(kind, holder, others, self._devices)
        others.append(holder)
        self._rooms = [room - gain for room, gain in zip(self._rooms, gains, strict=True)]

    @property
    def charged_bytes(self) -> int:
        """What is charged of main memory, where its limit is 0."""
        return -int(self._rooms[0])

    @property
    def room(self) -> int | None:
        """The smaller room of main memory; negative when a bound is broken, None without bounds."""
        room = min(self._rooms[:2])
        return None if room == math.inf else int(room)

    @property
    def device_rooms(self) -> Mapping[str, float]:
        """The smaller room of each device; negative when a bound is broken, infinite without bounds."""
        rooms = self._rooms
        return {device: min(rooms[2 * n + 2], rooms[2 * n + 3]) for n, device in enumerate(self._devices)}

    @property
    def tightest(self) -> tuple[Bound, str, int]:
        """The bound that is broken most, of which pool, and its room; of a finite bound only."""
        place = min(range(len(self._rooms)), key=self._rooms.__getitem__)
        device = self._devices[place // 2 - 1] if place >= 2 else ""
        return "machine" if place % 2 else "limit", device, int(self._rooms[place])

    def fits(self) -> bool:
        """Whether all bounds hold."""
        return min(self._rooms) >= 0

    def would_fit(self, kind: StepKind, holder: Holder) -> bool:
        """Whether all bounds would hold after this one step."""
        mapping = self._files[holder.charge.file]
        others = [other for other in mapping if other is not holder] if len(mapping) > 1 else ()
        gains = _gains(kind, holder, others, self._devices)
        return all(room + gain >= 0 for room, gain in zip(self._rooms, gains, strict=True))

    def misses(self, kind: StepKind, holder: Holder) -> bool:
        """Whether a bound would be further from holding if this step were not taken."""
        gains = _gains(kind, holder, self._files[holder.charge.file], self._devices)
        return any(min(0, room) > min(0, room - gain) for room, gain in zip(self._rooms, gains, strict=True))


def _gains(kind: StepKind, holder: Holder, others: Sequence[Holder], devices: Sequence[str]) -> Sequence[int]:
    """Bytes that come back when a holder dozes or goes, in the order of the ledger's rooms.

    `others` are the holders beside it that map the same file.
    """
    charge, claim = _of_file((holder,))
    if others:
        others_charge, others_claim = _of_file(others)
        charge, claim = max(0, charge - others_charge), max(0, claim - others_claim)
    if kind == "doze":  # on devices nothing is mapped
        return charge, claim, *([0] * (2 * len(devices)))
    # Private bytes that it has taken are given back; those only promised are promised no longer.
    returned = holder.promised_bytes + holder.private_bytes
    in_main = (charge + holder.charge.private_bytes, claim + returned)
    return *in_main, *(holder.charge.on(device) for device in devices for _ in ("limit", "machine"))


def _of_file(holders: Sequence[Holder]) -> tuple[int, int]:
    """What one file is charged, and what it claims of the machine: pages that are resident or will be."""
    if len(holders) == 1:
        charge, resident = holders[0].charge.weights_bytes, holders[0].weights_bytes
    else:
        charge = max((holder.charge.weights_bytes for holder in holders), default=0)
        resident = max((holder.weights_bytes for holder in holders), default=0)
    return charge, charge if charge > resident else resident
