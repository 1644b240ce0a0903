"""When a person is warned: a model near its limit, all models near theirs, the machine short of memory.

A warning is given once, when its level is reached. It is given again when the use has fallen clearly below
that level and reaches it anew, but not within the quiet time; a graver level is always told at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from llmmem_gui.core.plan import Holder, charged_bytes, eviction_order
from llmmem_gui.core.pressure import Level
from llmmem_gui.core.readings import ProgramReading, Sample
from llmmem_gui.core.sentence import Duration, Percent, Sentence, Size
from llmmem_gui.core.snapshot import CacheSnapshot, ModelSnapshot
from llmmem_gui.core.trend import Trend
from llmmem_gui.core.units import MIB

_HYSTERESIS_PERCENT = 5.0
"""So far below a level the use must fall before that level counts as left."""
_NOTABLE_PROGRAM_GROWTH_BYTES = 256 * MIB
_NOTABLE_MODEL_GROWTH_BYTES = 16 * MIB


@dataclass(frozen=True, slots=True)
class AlertLimits:
    """When to warn."""

    warn_percent: float = 80.0
    """Of the total limit."""
    model_warn_percent: float = 90.0
    """Of a model's own limit: one model does not grow much once its context is there."""
    critical_percent: float = 95.0
    quiet_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Growth:
    """What has grown, and how fast."""

    name: str
    """A model, or another program."""
    grown_bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Alert:
    """One warning, with its numbers."""

    level: Level
    current_bytes: int
    limit_bytes: int
    """The limit; for the machine all its memory."""
    model_id: str | None = None
    """The model that is near its own limit; None: all models, or the machine."""
    of_machine: bool = False
    seconds_to_limit: float | None = None
    """When the limit is reached at the present rate; None when nothing clear can be said."""
    growth: Growth | None = None
    """What caused it, as far as that can be seen."""
    relief_model: str | None = None
    """The model that would go first, whose unloading helps."""
    relief_bytes: int = 0
    """What unloading it gives back."""

    @property
    def percent(self) -> float:
        """Use in percent of the limit."""
        return 100.0 * self.current_bytes / self.limit_bytes

    @property
    def numbers(self) -> dict[str, float]:
        """Figures by name, the unit in each name."""
        numbers = {
            "percent": self.percent,
            "current_bytes": self.current_bytes,
            "limit_bytes": self.limit_bytes,
            "level": int(self.level),
            "relief_bytes": self.relief_bytes,
            "seconds_to_limit": self.seconds_to_limit,
            "growth_bytes": self.growth.grown_bytes if self.growth else None,
            "growth_seconds": self.growth.seconds if self.growth else None,
        }
        return {name: float(number) for name, number in numbers.items() if number is not None}

    @property
    def sentence(self) -> Sentence:
        """What is short, why, when it is used up, and what can be done."""
        story = self._what()
        for more in (self._growth(), self._end()):
            if more is not None:
                story = Sentence("Alert", "{story}, {more}").format(story=story, more=more)
        return Sentence("Alert", "{story}: {advice}.").format(story=story, advice=self._advice())

    def _what(self) -> Sentence:
        used, limit, share = Size(self.current_bytes), Size(self.limit_bytes), Percent(self.percent)
        if self.of_machine:
            left = Size(self.limit_bytes - self.current_bytes)
            return Sentence("Alert", "This computer has {left} of {limit} left ({share} used)").format(
                left=left, limit=limit, share=share
            )
        if self.model_id is not None:
            return Sentence("Alert", "{model} uses {used} of its limit of {limit} ({share})").format(
                model=self.model_id, used=used, limit=limit, share=share
            )
        return Sentence("Alert", "The models use {used} of {limit} ({share})").format(
            used=used, limit=limit, share=share
        )

    def _growth(self) -> Sentence | None:
        if self.growth is None:
            return None
        name, grown = self.growth.name, Size(self.growth.grown_bytes)
        if not self.growth.seconds:
            return Sentence("Alert", "{name} grew by {size}").format(name=name, size=grown)
        return Sentence("Alert", "{name} grew by {size} in {duration}").format(
            name=name, size=grown, duration=Duration(self.growth.seconds)
        )

    def _end(self) -> Sentence | None:
        if self.seconds_to_limit is None:
            return None
        left = Duration(self.seconds_to_limit)
        if self.of_machine:
            return Sentence("Alert", "at this rate its memory is used up in {duration}").format(duration=left)
        return Sentence("Alert", "at this rate the limit is reached in {duration}").format(duration=left)

    def _advice(self) -> Sentence:
        if self.relief_model is not None:
            return Sentence("Alert", "unloading {model} gives {size} back").format(
                model=self.relief_model, size=Size(self.relief_bytes)
            )
        if self.model_id is not None:
            return Sentence("Alert", "raise its limit or load it with a smaller context")
        if self.of_machine:
            return Sentence("Alert", "close other programs")
        return Sentence("Alert", "raise the limit or unload a model")


@dataclass(slots=True)
class _Watch:
    """How one subject stands."""

    level: Level = Level.NORMAL
    told: Level = Level.NORMAL
    """The gravest level that was told since the level rose to it."""
    quiet_until: float = float("-inf")
    quiet_level: Level = Level.NORMAL

    def must_tell(self, level: Level, now: float, quiet_seconds: float) -> bool:
        """Take the level in; whether it has to be told now."""
        self.level = level
        self.told = min(self.told, level)
        held_back = now < self.quiet_until and level <= self.quiet_level
        if level <= self.told or held_back:
            return False
        self.told = self.quiet_level = level
        self.quiet_until = now + quiet_seconds
        return True


class Alerts:
    """Watches snapshots and samples and says when to warn."""

    def __init__(self, limits: AlertLimits | None = None) -> None:
        self.limits = limits or AlertLimits()
        self._watches: dict[str, _Watch] = {}
        self._total = Trend()
        self._machine = Trend()
        self._models: dict[str, Trend] = {}
        self._programs: tuple[ProgramReading, ...] = ()

    def feed(self, snapshot: CacheSnapshot, sample: Sample, pressure: Level) -> tuple[Alert, ...]:
        """Take in what is so now; the warnings to give."""
        now = sample.monotonic
        self._programs = sample.programs or self._programs
        loaded = [model for model in snapshot.models if model.id in sample.hosts]
        present = frozenset((model.id, model.loaded_at) for model in loaded)
        self._total.add(now, snapshot.resident_bytes, present)
        self._machine.add(now, sample.machine.total_bytes - sample.machine.available_bytes, present)
        self._models = {model.id: self._models.get(model.id, Trend()) for model in loaded}
        for model in loaded:
            self._models[model.id].add(now, model.resident_bytes, model.loaded_at)
        alerts = [*self._of_total(snapshot, now), *self._of_models(snapshot, now)]
        return (*alerts, *self._of_machine(snapshot, sample, pressure))

    def _of_total(self, snapshot: CacheSnapshot, now: float) -> Iterator[Alert]:
        limit, used = snapshot.bounds.total_limit_bytes, snapshot.resident_bytes
        if not limit:
            self._watches.pop("total", None)
            return
        level = self._level("total", 100.0 * used / limit, self.limits.warn_percent)
        if self._must_tell("total", level, now):
            alert = Alert(
                level,
                used,
                limit,
                seconds_to_limit=self._total.seconds_until(limit),
                growth=self._growing_model(),
            )
            coldest = next(iter(eviction_order(snapshot.holders)), None)
            if coldest is not None:
                others = [holder for holder in snapshot.holders if holder is not coldest]
                back = charged_bytes(snapshot.holders) - charged_bytes(others)
                alert = replace(alert, relief_model=coldest.model_id, relief_bytes=back)
            yield alert

    def _of_models(self, snapshot: CacheSnapshot, now: float) -> Iterator[Alert]:
        for model in snapshot.models:
            subject = f"model {model.id}"
            if not model.limit_bytes or not model.state.holds_host:
                self._watches.pop(subject, None)
                continue
            percent = 100.0 * model.resident_bytes / model.limit_bytes
            level = self._level(subject, percent, self.limits.model_warn_percent)
            if self._must_tell(subject, level, now):
                yield self._of_model(model, model.limit_bytes, level)

    def _of_model(self, model: ModelSnapshot, limit_bytes: int, level: Level) -> Alert:
        trend = self._models.get(model.id, Trend())
        grown, seconds = trend.grown
        notable = grown >= _NOTABLE_MODEL_GROWTH_BYTES
        return Alert(
            level,
            model.resident_bytes,
            limit_bytes,
            model.id,
            seconds_to_limit=trend.seconds_until(limit_bytes),
            growth=Growth(model.id, grown, seconds) if notable else None,
        )

    def _of_machine(self, snapshot: CacheSnapshot, sample: Sample, pressure: Level) -> Iterator[Alert]:
        """The gauge's levels have their own hysteresis; mapped weights are available already."""
        if not self._must_tell("machine", pressure, sample.monotonic):
            return
        total = sample.machine.total_bytes
        alert = Alert(
            pressure,
            total - sample.machine.available_bytes,
            total,
            of_machine=True,
            seconds_to_limit=self._machine.seconds_until(total),
            growth=self._growing_program(),
        )
        helping = [h for h in eviction_order(snapshot.holders) if h.private_bytes > 0]
        coldest: Holder | None = next(iter(helping), None)
        if coldest is not None:
            alert = replace(alert, relief_model=coldest.model_id, relief_bytes=coldest.private_bytes)
        yield alert

    def _level(self, subject: str, percent: float, warn_percent: float) -> Level:
        """The level that a use in percent stands for, left only when it has fallen clearly below."""
        present = self._watches.get(subject, _Watch()).level
        for level, threshold in (
            (Level.CRITICAL, self.limits.critical_percent),
            (Level.WARNING, warn_percent),
        ):
            if percent >= threshold - (_HYSTERESIS_PERCENT if present >= level else 0.0):
                return level
        return Level.NORMAL

    def _must_tell(self, subject: str, level: Level, now: float) -> bool:
        return self._watches.setdefault(subject, _Watch()).must_tell(level, now, self.limits.quiet_seconds)

    def _growing_program(self) -> Growth | None:
        grown = max(self._programs, key=lambda program: program.growth_bytes, default=None)
        if grown is None or grown.growth_bytes < _NOTABLE_PROGRAM_GROWTH_BYTES:
            return None
        return Growth(grown.name, grown.growth_bytes, grown.growth_seconds)

    def _growing_model(self) -> Growth | None:
        growths = [Growth(model_id, *trend.grown) for model_id, trend in self._models.items()]
        largest = max(growths, key=lambda growth: growth.grown_bytes, default=None)
        return largest if largest and largest.grown_bytes >= _NOTABLE_MODEL_GROWTH_BYTES else None
