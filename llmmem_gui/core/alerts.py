"""When a person is warned: a model or all near a limit, the machine or a GPU short of memory.

What stands is a state: it begins when a level is reached, follows the numbers, and ends when the use has
fallen clearly below the level or its cause is gone. It is *told* when its level is reached; again when it was
left and is reached anew, but not within the quiet time; a graver level is always told at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from llmmem_gui.core.alert import Alert, Growth
from llmmem_gui.core.ledger import Holder
from llmmem_gui.core.plan import eviction_order
from llmmem_gui.core.pools import DevicePool
from llmmem_gui.core.pressure import Level
from llmmem_gui.core.readings import MachineReading, ProgramReading, Sample
from llmmem_gui.core.snapshot import CacheSnapshot, ModelSnapshot
from llmmem_gui.core.trend import Trend
from llmmem_gui.core.units import MIB

_HYSTERESIS_PERCENT = 5.0
"""So far below a level the use must fall before that level counts as left."""
_LEAVE_FACTOR = 1.25
"""So much more of a GPU must be free before a level counts as left, as for the levels of pressure."""
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


@dataclass(slots=True)
class _Watch:
    """How one subject stands."""

    limit_bytes: int = 0
    limit_since: float = float("-inf")
    """When that limit was first seen, monotonic seconds."""
    level: Level = Level.NORMAL
    told: Level = Level.NORMAL
    """The gravest level that was told since the level rose to it."""
    last_told: Alert | None = None
    """What was told and has not ended."""
    quiet_until: float = float("-inf")
    quiet_level: Level = Level.NORMAL

    def must_tell(self, level: Level, now: float, quiet_seconds: float) -> bool:
        """Whether this level has to be told now."""
        self.told = min(self.told, level)
        held_back = now < self.quiet_until and level <= self.quiet_level
        if level <= self.told or held_back:
            return False
        self.told = self.quiet_level = level
        self.quiet_until = now + quiet_seconds
        return True


@dataclass(frozen=True, slots=True)
class Told:
    """What has to be told after a sample."""

    begun: tuple[Alert, ...] = ()
    """Warnings that have begun or have become graver."""
    ended: tuple[Alert, ...] = ()
    """Warnings that were told and are over, with the numbers of the end."""


class Alerts:
    """Watches snapshots and samples and says what is wrong, and when to tell it."""

    def __init__(self, limits: AlertLimits | None = None) -> None:
        self.limits = limits or AlertLimits()
        self._watches: dict[str, _Watch] = {}
        self._total = Trend()
        self._machine = Trend()
        self._models: dict[str, Trend] = {}
        self._programs: tuple[ProgramReading, ...] = ()
        self._reading: MachineReading | None = None

    def feed(
        self, snapshot: CacheSnapshot, sample: Sample, pressure: Level, *, simulated: bool = False
    ) -> Told:
        """Take in what is so now; what has to be told of it."""
        now = sample.monotonic
        self._follow(snapshot, sample)
        standing = {alert.subject: alert for alert in self.standing(snapshot, pressure, simulated=simulated)}
        begun = []
        for subject, watch in self._watches.items():
            alert = standing.get(subject)
            if watch.must_tell(alert.level if alert else Level.NORMAL, now, self.limits.quiet_seconds):
                assert alert is not None
                begun.append(alert)
                watch.last_told = alert
        return Told(tuple(begun), tuple(self._ended(standing, snapshot)))

    def standing(
        self, snapshot: CacheSnapshot, pressure: Level, *, simulated: bool = False
    ) -> tuple[Alert, ...]:
        """What is wrong in this state of the cache, the gravest first."""
        alerts = [*self._of_total(snapshot), *self._of_models(snapshot)]
        alerts += self._of_machine(snapshot, pressure, simulated=simulated)
        alerts += self._of_devices(snapshot)
        return tuple(sorted(alerts, key=lambda alert: -alert.level))

    def _follow(self, snapshot: CacheSnapshot, sample: Sample) -> None:
        """Take a sample into the trends."""
        now = sample.monotonic
        self._reading = sample.machine
        self._programs = sample.programs or self._programs
        loaded = [model for model in snapshot.models if model.id in sample.hosts]
        present = frozenset((model.id, model.loaded_at) for model in loaded)
        self._total.add(now, snapshot.resident_bytes, present)
        self._machine.add(now, _used_bytes(sample.machine), present)
        self._models = {model.id: self._models.get(model.id, Trend()) for model in loaded}
        for model in loaded:
            self._models[model.id].add(now, model.resident_bytes, model.loaded_at)

    def _ended(self, standing: dict[str, Alert], snapshot: CacheSnapshot) -> Iterator[Alert]:
        """Warnings that were told and do not stand any more."""
        for subject, watch in self._watches.items():
            last = watch.last_told
            if last is None or subject in standing:
                continue
            watch.last_told = None
            if last.device is not None:
                yield _ended_on(last, snapshot)
                continue
            if last.of_machine:
                used = _used_bytes(self._reading) if self._reading is not None else 0
                limit = last.limit_bytes
            elif last.model_id is not None:
                model = snapshot.model(last.model_id)
                used = model.resident_bytes if model is not None else 0
                limit = model.limit_bytes if model is not None and model.limit_bytes else last.limit_bytes
            else:
                used = snapshot.resident_bytes
                limit = snapshot.bounds.total_limit_bytes or last.limit_bytes
            yield Alert(
                Level.NORMAL, used, limit, last.model_id, of_machine=last.of_machine, simulated=last.simulated
            )

    def _of_total(self, snapshot: CacheSnapshot) -> Iterator[Alert]:
        limit, used = snapshot.bounds.total_limit_bytes or 0, snapshot.resident_bytes
        level = self._level("total", used, limit, self.limits.warn_percent, snapshot.monotonic)
        if level is Level.NORMAL:
            return
        until, growth = self._total.seconds_until(limit), self._growing_model(snapshot.monotonic)
        alert = Alert(level, used, limit, seconds_to_limit=until, growth=growth)
        coldest = next(iter(eviction_order(snapshot.holders)), None)
        if coldest is not None:
            others = {each.charge.file for each in snapshot.holders if each is not coldest}
            back = coldest.private_bytes + (0 if coldest.charge.file in others else coldest.weights_bytes)
            alert = replace(alert, relief_model=coldest.model_id, relief_bytes=back)
        yield alert

    def _of_models(self, snapshot: CacheSnapshot) -> Iterator[Alert]:
        here = {f"model {model.id}": model for model in snapshot.models}
        for subject in [name for name in self._watches if name.startswith("model ") and name not in here]:
            self._level(subject, 0, 0, self.limits.model_warn_percent, snapshot.monotonic)
        for subject, model in here.items():
            limit = model.limit_bytes if model.limit_bytes and model.state.holds_host else 0
            percent = self.limits.model_warn_percent
            level = self._level(subject, model.resident_bytes, limit, percent, snapshot.monotonic)
            if level is not Level.NORMAL:
                yield self._of_model(model, limit, level, snapshot.monotonic)

    def _of_model(self, model: ModelSnapshot, limit_bytes: int, level: Level, now: float) -> Alert:
        trend = self._models.get(model.id, Trend())
        growth = Growth(model.id, *trend.grown)
        return Alert(
            level,
            model.resident_bytes,
            limit_bytes,
            model.id,
            seconds_to_limit=trend.seconds_until(limit_bytes),
            growth=growth if self._explains(growth, f"model {model.id}", now) else None,
        )

    def _of_machine(self, snapshot: CacheSnapshot, pressure: Level, *, simulated: bool) -> Iterator[Alert]:
        """The gauge's levels have their own hysteresis; mapped weights are available already."""
        watch = self._watches.setdefault("machine", _Watch())
        watch.level = pressure if self._reading is not None else Level.NORMAL
        if self._reading is None or pressure is Level.NORMAL:
            return
        total = self._reading.total_bytes
        alert = Alert(pressure, _used_bytes(self._reading), total, of_machine=True, simulated=simulated)
        if not simulated:
            until, growth = self._machine.seconds_until(total), self._growing_program()
            alert = replace(alert, seconds_to_limit=until, growth=growth)
        helping = [h for h in eviction_order(snapshot.holders) if h.private_bytes > 0]
        coldest: Holder | None = next(iter(helping), None)
        if coldest is not None:
            alert = replace(alert, relief_model=coldest.model_id, relief_bytes=coldest.private_bytes)
        yield alert

    def _of_devices(self, snapshot: CacheSnapshot) -> Iterator[Alert]:
        """Models past their limit on a GPU, or others that take what was to stay free beside them.

        That a GPU is nearly full is what it is there for: layers are placed until the limit, and nothing of
        ours grows there.
        """
        bounds = snapshot.bounds.devices
        here = {f"gpu {pool.key}": pool for pool in snapshot.pools if pool.device in bounds and pool.models}
        for subject, watch in self._watches.items():
            if subject.startswith("gpu ") and subject not in here:
                watch.level = Level.NORMAL
        for subject, pool in here.items():
            watch = self._watches.setdefault(subject, _Watch())
            limit = bounds[pool.device].limit_bytes
            if limit is not None and pool.models_bytes > limit:
                watch.level = Level.EMERGENCY
                alert = Alert(watch.level, pool.models_bytes, limit, device=pool)
            else:
                watch.level = _shortage(pool, bounds[pool.device].reserve_bytes, watch.level)
                alert = Alert(
                    watch.level, pool.used_bytes or 0, pool.total_bytes, of_machine=True, device=pool
                )
            if watch.level is not Level.NORMAL:
                yield _with_relief_on(pool, alert, snapshot.holders)

    def _level(self, subject: str, used: int, limit: int, warn_percent: float, now: float) -> Level:
        """The level that a use stands for, left only when it has fallen clearly below.

        What stood under another limit says nothing of this one. Being past a limit is no matter of degree.
        """
        watch = self._watches.get(subject)
        if not limit:
            if watch is not None:
                watch.limit_bytes, watch.level, watch.quiet_until = 0, Level.NORMAL, float("-inf")
            return Level.NORMAL
        if watch is None:
            watch = self._watches[subject] = _Watch()
        if watch.limit_bytes != limit:
            watch.limit_bytes, watch.limit_since, watch.level = limit, now, Level.NORMAL
        watch.level = self._graded(100.0 * used / limit, watch.level, warn_percent)
        return watch.level

    def _graded(self, percent: float, present: Level, warn_percent: float) -> Level:
        if percent > 100.0:
            return Level.EMERGENCY
        for level, threshold in (
            (Level.CRITICAL, self.limits.critical_percent),
            (Level.WARNING, warn_percent),
        ):
            if percent >= threshold - (_HYSTERESIS_PERCENT if present >= level else 0.0):
                return level
        return Level.NORMAL

    def _growing_program(self) -> Growth | None:
        grown = max(self._programs, key=lambda program: program.growth_bytes, default=None)
        if grown is None or grown.growth_bytes < _NOTABLE_PROGRAM_GROWTH_BYTES:
            return None
        return Growth(grown.name, grown.growth_bytes, grown.growth_seconds)

    def _growing_model(self, now: float) -> Growth | None:
        growths = [Growth(model_id, *trend.grown) for model_id, trend in self._models.items()]
        largest = max(growths, key=lambda growth: growth.grown_bytes, default=None)
        return largest if largest is not None and self._explains(largest, "total", now) else None

    def _explains(self, growth: Growth, subject: str, now: float) -> bool:
        """Whether a growth is why a limit is near: a limit that was lowered since explains that better."""
        since = now - self._watches[subject].limit_since
        return growth.grown_bytes >= _NOTABLE_MODEL_GROWTH_BYTES and 0 < growth.seconds <= since


def _used_bytes(machine: MachineReading) -> int:
    return machine.total_bytes - machine.available_bytes


def _shortage(pool: DevicePool, reserve_bytes: int, present: Level) -> Level:
    """How short a GPU is of what is to stay free; normal where no driver tells."""
    if pool.used_bytes is None:
        return Level.NORMAL
    free = pool.total_bytes - pool.used_bytes
    for level, least in ((Level.CRITICAL, reserve_bytes / 2), (Level.WARNING, reserve_bytes)):
        if free < least * (_LEAVE_FACTOR if present >= level else 1.0):
            return level
    return Level.NORMAL


def _with_relief_on(pool: DevicePool, alert: Alert, holders: Sequence[Holder]) -> Alert:
    """The alert with the model that would go first of those that hold some of the GPU."""
    there = [holder for holder in eviction_order(holders) if pool.models.get(holder.model_id)]
    if not there:
        return alert
    first = there[0].model_id
    return replace(alert, relief_model=first, relief_bytes=pool.models[first])


def _ended_on(last: Alert, snapshot: CacheSnapshot) -> Alert:
    """The end of a warning about a GPU, with its numbers now, as far as it is still there."""
    assert last.device is not None
    pool = next((each for each in snapshot.pools if each.key == last.device.key), last.device)
    if last.of_machine:
        return Alert(Level.NORMAL, pool.used_bytes or 0, pool.total_bytes, of_machine=True, device=pool)
    bounds = snapshot.bounds.devices.get(pool.device)
    limit = (bounds.limit_bytes if bounds is not None else None) or last.limit_bytes
    return Alert(Level.NORMAL, pool.models_bytes, limit, device=pool)
