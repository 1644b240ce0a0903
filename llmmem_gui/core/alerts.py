"""When a person is warned: a model near its limit, all models near theirs, the machine short of memory.

A warning is given once, when its level is reached; it is given again only after the use has fallen clearly
below that level, and not within the quiet time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import median

from llmmem_gui.core.plan import eviction_order
from llmmem_gui.core.pressure import Level
from llmmem_gui.core.readings import ProgramReading, Sample
from llmmem_gui.core.snapshot import CacheSnapshot
from llmmem_gui.core.units import format_bytes, format_duration

_HYSTERESIS_PERCENT = 5.0
"""So far below a level the use must fall before that level counts as left."""
_TREND_SECONDS = 60.0
_LEAST_TREND_SECONDS = 20.0
_TREND_STEP_SECONDS = 5.0
_FURTHEST_FORECAST_SECONDS = 3600.0
"""A limit that is further away is not worth a word."""
_NOTABLE_GROWTH_BYTES = 256 * 1024**2
"""Another program is named when it has grown by more than this."""


@dataclass(frozen=True, slots=True)
class AlertLimits:
    """When to warn."""

    warn_percent: float = 80.0
    critical_percent: float = 95.0
    quiet_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Alert:
    """One warning, with its numbers."""

    level: Level
    current_bytes: int
    limit_bytes: int
    model_id: str | None = None
    """The model that is near its own limit; None: all models, or the machine."""
    of_machine: bool = False
    seconds_to_limit: float | None = None
    """When the limit is reached at the present rate; None when nothing clear can be said."""
    program: ProgramReading | None = None
    """Another program that has grown."""
    relief_model: str | None = None
    """The model that would go first, whose unloading helps."""
    relief_bytes: int = 0

    @property
    def percent(self) -> float:
        """Use in percent of the limit."""
        return 100.0 * self.current_bytes / self.limit_bytes

    @property
    def sentence(self) -> str:
        """What is short, the numbers, and what can be done, in English."""
        return f"{self._what()}{self._why()}: {self._advice()}."

    def _what(self) -> str:
        used, limit = format_bytes(self.current_bytes), format_bytes(self.limit_bytes)
        share = f"{self.percent:.0f} %"
        if self.of_machine:
            left = format_bytes(self.limit_bytes - self.current_bytes)
            return f"This computer has {left} of {limit} left ({share} used)"
        if self.model_id is not None:
            return f"{self.model_id} uses {used} of its limit of {limit} ({share})"
        return f"The models use {used} of {limit} ({share})"

    def _why(self) -> str:
        if self.program is not None:
            return f", {self.program.name} grew by {format_bytes(self.program.growth_bytes)} in 3 min"
        if self.seconds_to_limit is not None:
            return f", at this rate the limit is reached in {format_duration(self.seconds_to_limit)}"
        return ""

    def _advice(self) -> str:
        if self.relief_model is not None:
            return f"unloading {self.relief_model} gives {format_bytes(self.relief_bytes)} back"
        if self.model_id is not None:
            return "raise its limit or load it with a smaller context"
        return "close other programs" if self.of_machine else "raise the limit or unload a model"


@dataclass(slots=True)
class _Watch:
    """How one subject stands."""

    level: Level = Level.NORMAL
    told_at: float = float("-inf")
    told_level: Level = Level.NORMAL

    def rises(self, level: Level, now: float, quiet_seconds: float) -> bool:
        """Take the level in; whether it has to be told."""
        rose = level > self.level
        self.level = level
        quiet = now - self.told_at < quiet_seconds and level <= self.told_level
        if not rose or quiet:
            return False
        self.told_at, self.told_level = now, level
        return True


class Alerts:
    """Watches snapshots and samples and says when to warn."""

    def __init__(self, limits: AlertLimits | None = None) -> None:
        self.limits = limits or AlertLimits()
        self._watches: dict[str, _Watch] = {}
        self._trend = _Trend()
        self._programs: tuple[ProgramReading, ...] = ()

    def feed(self, snapshot: CacheSnapshot, sample: Sample, pressure: Level) -> tuple[Alert, ...]:
        """Take in what is so now; the warnings to give."""
        self._programs = sample.programs or self._programs
        loaded = tuple(sorted(sample.hosts))
        self._trend.add(sample.monotonic, loaded, snapshot.resident_bytes)
        return tuple(self._alerts(snapshot, sample, pressure))

    def _alerts(self, snapshot: CacheSnapshot, sample: Sample, pressure: Level) -> Iterator[Alert]:
        now = sample.monotonic
        coldest = eviction_order(snapshot.holders)
        relief = (
            (coldest[0].model_id, coldest[0].private_bytes + coldest[0].weights_bytes) if coldest else None
        )
        total = snapshot.bounds.total_limit_bytes
        if total:
            used = snapshot.resident_bytes
            level = self._level("total", 100.0 * used / total)
            if self._rises("total", level, now):
                seconds = self._trend.seconds_until(total)
                yield _with_relief(Alert(level, used, total, seconds_to_limit=seconds), relief)
        for model in snapshot.models:
            if model.limit_bytes and model.state.holds_host:
                subject = f"model {model.id}"
                level = self._level(subject, 100.0 * model.resident_bytes / model.limit_bytes)
                if self._rises(subject, level, now):
                    yield Alert(level, model.resident_bytes, model.limit_bytes, model.id)
        if self._rises("machine", pressure, now):
            machine = sample.machine
            used = machine.total_bytes - machine.available_bytes
            alert = Alert(
                pressure, used, machine.total_bytes, of_machine=True, program=self._growing_program()
            )
            yield _with_relief(alert, relief)

    def _level(self, subject: str, percent: float) -> Level:
        """The level that a use in percent stands for, left only when it has fallen clearly below."""
        present = self._watches.get(subject, _Watch()).level
        for level, threshold in (
            (Level.CRITICAL, self.limits.critical_percent),
            (Level.WARNING, self.limits.warn_percent),
        ):
            if percent >= threshold - (_HYSTERESIS_PERCENT if present >= level else 0.0):
                return level
        return Level.NORMAL

    def _rises(self, subject: str, level: Level, now: float) -> bool:
        return self._watches.setdefault(subject, _Watch()).rises(level, now, self.limits.quiet_seconds)

    def _growing_program(self) -> ProgramReading | None:
        grown = max(self._programs, key=lambda program: program.growth_bytes, default=None)
        return grown if grown is not None and grown.growth_bytes >= _NOTABLE_GROWTH_BYTES else None


def _with_relief(alert: Alert, relief: tuple[str, int] | None) -> Alert:
    return alert if relief is None else replace(alert, relief_model=relief[0], relief_bytes=relief[1])


class _Trend:
    """How fast the use grows while the same models are loaded."""

    def __init__(self) -> None:
        self._loaded: tuple[str, ...] = ()
        self._points: deque[tuple[float, int]] = deque()

    def add(self, now: float, loaded: tuple[str, ...], used_bytes: int) -> None:
        """Take in a point; a model that comes or goes is a jump, not a trend."""
        if loaded != self._loaded:
            self._loaded = loaded
            self._points.clear()
        if not self._points or now - self._points[-1][0] >= _TREND_STEP_SECONDS:
            self._points.append((now, used_bytes))
        while now - self._points[0][0] > _TREND_SECONDS:
            self._points.popleft()

    def seconds_until(self, limit_bytes: int) -> float | None:
        """Seconds until the use reaches the limit, by the median of the slopes between all points.

        One outlier does not move it (Theil 1950, Sen 1968). None when it does not grow, or too slowly to
        matter, or too little is known.
        """
        if len(self._points) < 3 or self._points[-1][0] - self._points[0][0] < _LEAST_TREND_SECONDS:
            return None
        slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(self._points, 2)]
        slope = median(slopes)
        left = limit_bytes - self._points[-1][1]
        if slope <= 0 or left <= 0 or left / slope > _FURTHEST_FORECAST_SECONDS:
            return None
        return left / slope
