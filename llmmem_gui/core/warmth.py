"""How warm models are: what of their files lies in memory already, and how long loads take with it.

Times are learned from loads that happened. A load is taken for two parts, one after the other: what it takes
with all files in memory, and reading the rest.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from statistics import median
from typing import NamedTuple

import msgspec

from llmmem_gui.core.gguf import FileIdentity
from llmmem_gui.core.measurement import LoadKey
from llmmem_gui.core.sentence import Duration, Percent, Sentence
from llmmem_gui.core.units import MIB

WARM_SHARE = 0.98
"""From here on a model counts as wholly in memory: what is missing is read while the rest is worked on."""
COLD_SHARE = 0.02
"""Up to here it counts as wholly on disk."""
TELLING_BYTES = 64 * MIB
"""Loads that read, or find in memory, less than this tell nothing about those of other models."""

_MOSTLY_COLD_SHARE = 0.5
"""With more in memory, the time of a load tells too little about reading."""
_OWN_LOADS = 5
_OTHER_LOADS = 9
"""Most recent loads that are asked, those of the same model and those of others; the middle one counts."""
_LEAST_SECONDS = 0.001


class Warmth(msgspec.Struct, frozen=True):
    """How much of a model's files is in memory."""

    file_bytes: int
    """Of all files that a load reads."""
    warm_bytes: int
    """Of them in memory."""

    @property
    def cold_bytes(self) -> int:
        """Bytes that a load has to read from disk."""
        return self.file_bytes - self.warm_bytes

    @property
    def share(self) -> float:
        """Share of the files in memory, 0 to 1."""
        return self.warm_bytes / self.file_bytes if self.file_bytes else 1.0

    @property
    def is_warm(self) -> bool:
        """Whether as good as everything is in memory."""
        return self.share >= WARM_SHARE

    @property
    def is_cold(self) -> bool:
        """Whether as good as everything is on disk only."""
        return self.share <= COLD_SHARE


def together(parts: Iterable[Warmth | None]) -> Warmth | None:
    """The warmth of several files as one; None where that of one of them is not known."""
    file_bytes = warm_bytes = 0
    for part in parts:
        if part is None:
            return None
        file_bytes += part.file_bytes
        warm_bytes += part.warm_bytes
    return Warmth(file_bytes, warm_bytes)


class TimedLoad(msgspec.Struct, frozen=True):
    """How long a load took, and how warm the model was when it began."""

    warmth: Warmth
    seconds: float


class ExpectedLoad(msgspec.Struct, frozen=True):
    """How a load would begin now, and how long it would take."""

    warmth: Warmth
    seconds: float | None
    """None: no load on this computer has shown it yet."""

    @property
    def sentence(self) -> Sentence:
        """The same in a few words."""
        return warmth_sentence(self.warmth.share, self.seconds)


def warmth_sentence(share: float, seconds: float | None) -> Sentence:
    """Where a model's files are, by their share in memory, and what a load takes where that is known."""
    if share >= WARM_SHARE:
        place = Sentence("Warmth", "in memory")
    elif share <= COLD_SHARE:
        place = Sentence("Warmth", "on disk")
    else:
        place = Sentence("Warmth", "{percent} in memory").format(percent=Percent(100 * share))
    if seconds is None:
        return place
    told = Sentence("Warmth", "{place}: loads in about {duration}")
    return told.format(place=place, duration=Duration(seconds))


class _Way(NamedTuple):
    """What loads must have in common to tell about each other, whichever model they are of."""

    on_gpu: bool
    memory_map: bool


class _Own(NamedTuple):
    """What loads of one model have in common."""

    identities: tuple[FileIdentity, ...]
    way: _Way


class _Seen(NamedTuple):
    own: _Own
    load: TimedLoad


class LoadTimes:
    """What recent loads have shown, and what the next one is expected to take.

    Loads of the model itself go before those of others. Loads that place layers on a GPU, and those that copy
    the weights instead of mapping them, are known apart; so is what each file system takes to be read.
    """

    def __init__(self) -> None:
        own = lambda: deque[_Seen](maxlen=_OWN_LOADS)  # noqa: E731 - a type with its size
        others = lambda: deque[_Seen](maxlen=_OTHER_LOADS)  # noqa: E731
        self._own_warm: defaultdict[_Own, deque[_Seen]] = defaultdict(own)
        self._own_cold: defaultdict[_Own, deque[_Seen]] = defaultdict(own)
        self._warm: defaultdict[_Way, deque[_Seen]] = defaultdict(others)
        self._cold: defaultdict[tuple[_Way, int], deque[_Seen]] = defaultdict(others)

    def learn(self, key: LoadKey, load: TimedLoad) -> None:
        """Take in a load that has succeeded."""
        if not key.identities or load.warmth.file_bytes <= 0:
            return
        own = _own(key)
        seen = _Seen(own, load)
        if load.warmth.is_warm:
            self._own_warm[own].append(seen)
            if load.warmth.file_bytes >= TELLING_BYTES:
                self._warm[own.way].append(seen)
        elif load.warmth.share <= _MOSTLY_COLD_SHARE:
            self._own_cold[own].append(seen)
            if load.warmth.cold_bytes >= TELLING_BYTES:
                self._cold[own.way, _device(own)].append(seen)

    def expected_seconds(self, key: LoadKey, warmth: Warmth) -> float | None:
        """What a load takes that begins as warm as this; None where no load has shown it yet."""
        if not key.identities:
            return None
        own = _own(key)
        warm = self._warm_seconds(own, warmth.file_bytes)
        if warmth.is_warm:
            return warm
        pace = self._seconds_per_cold_byte(own)
        # A pace that was found without knowing the warm part contains it, and holds for a cold start alone.
        if pace is None or (warm is None and not warmth.is_cold):
            return None
        return (warm or 0.0) + warmth.cold_bytes * pace

    def _warm_seconds(self, own: _Own, file_bytes: int) -> float | None:
        """What a load takes with all of its files in memory."""
        if loads := self._own_warm.get(own):
            seconds = median(seen.load.seconds for seen in loads)
        elif loads := self._warm.get(own.way):
            seconds = file_bytes * median(seen.load.seconds / seen.load.warmth.file_bytes for seen in loads)
        else:
            return None
        # It was quicker than that although it had to read.
        read = [seen.load.seconds for seen in self._own_cold.get(own, ())]
        return min(seconds, median(read)) if read else seconds

    def _seconds_per_cold_byte(self, own: _Own) -> float | None:
        """What reading from the disk of this model adds."""
        loads = self._own_cold.get(own) or self._cold.get((own.way, _device(own)))
        return median(map(self._pace, loads)) if loads else None

    def _pace(self, seen: _Seen) -> float:
        warmth = seen.load.warmth
        warm = self._warm_seconds(seen.own, warmth.file_bytes) or 0.0
        return max(_LEAST_SECONDS, seen.load.seconds - warm) / warmth.cold_bytes


def _own(key: LoadKey) -> _Own:
    way = _Way(key.parameters.gpu_layers != 0, key.parameters.memory_map)
    return _Own(key.identities, way)


def _device(own: _Own) -> int:
    return own.identities[0].device
