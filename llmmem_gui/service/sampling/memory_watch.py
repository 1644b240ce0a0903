"""Watches the memory of the machine and the limits, and says what is worth an event."""

from __future__ import annotations

import time

from llmmem_gui.core.alert import Alert
from llmmem_gui.core.alerts import AlertLimits, Alerts
from llmmem_gui.core.events import Cause, Event, EventType
from llmmem_gui.core.pressure import Level, PressureGauge
from llmmem_gui.core.readings import MachineReading, Sample
from llmmem_gui.core.sentence import Duration, Sentence
from llmmem_gui.core.settings import WarningSettings
from llmmem_gui.core.snapshot import CacheSnapshot
from llmmem_gui.service.sampling.stall_watch import StallWatch


class MemoryWatch:
    """The level of pressure, from samples and the kernel's reports of stalls, and warnings about limits.

    A simulated level takes the place of the real one for everybody who shows it. It gives nothing up unless
    that is asked for: who tries a warning out does not expect to lose models.
    """

    def __init__(self) -> None:
        self._gauge = PressureGauge()
        self._simulated: Level | None = None
        self._acts = False
        """Whether the simulated level gives models up as a real one would."""
        self._said = Level.NORMAL, False
        """The level that was last said, and whether it was simulated."""
        self._acted_on = Level.NORMAL
        """The level that models were given up for last."""
        self._alerts = Alerts()
        self._stalls = StallWatch(lambda stall: self._gauge.stalled(stall, time.monotonic()))

    @property
    def level(self) -> Level:
        """The level of pressure to show."""
        return self._gauge.level if self._simulated is None else self._simulated

    @property
    def is_simulated(self) -> bool:
        """Whether the level is simulated."""
        return self._simulated is not None

    def open(self) -> None:
        """Let the kernel report stalls to the running loop."""
        self._stalls.open()

    def close(self) -> None:
        """Listen to the kernel no longer."""
        self._stalls.close()

    def warn_at(self, settings: WarningSettings) -> None:
        """Warn as these settings say."""
        quiet_seconds = settings.quiet_minutes * 60
        self._alerts.limits = AlertLimits(
            settings.warn_percent, settings.model_warn_percent, settings.critical_percent, quiet_seconds
        )

    def simulate(self, level: Level | None, *, act: bool = False) -> None:
        """Show this level from now on, and with `act` give models up for it; None ends it at once."""
        self._simulated = level
        self._acts = act and level is not None

    def feed(self, sample: Sample) -> None:
        """Take a sample in."""
        self._gauge.feed(sample)

    def change(self, machine: MachineReading) -> Event | None:
        """The event, when the level of pressure has changed since this was last asked."""
        before, self._said = self._said, (self.level, self.is_simulated)
        if self._said == before or (self.level is Level.NORMAL and before[0] is Level.NORMAL):
            return None
        numbers = {"available_bytes": machine.available_bytes, "level": int(self.level)}
        text = _WORDS[self.level]
        if self.is_simulated:
            numbers["simulated"] = 1
            text = Sentence("Pressure", "{level}, simulated").format(level=text)
        return Event(time.time(), "pressure-changed", None, "pressure", text=text, numbers=numbers)

    def changed_level_to_act_on(self) -> Level | None:
        """The level of pressure to give models up for, when it is another than before."""
        before, self._acted_on = self._acted_on, self.level if self._acts else self._gauge.level
        return None if self._acted_on is before else self._acted_on

    def standing(self, snapshot: CacheSnapshot) -> tuple[Alert, ...]:
        """What a person has to be warned of in this state of the cache."""
        return self._alerts.standing(snapshot, self.level, simulated=self.is_simulated)

    def events(self, snapshot: CacheSnapshot, sample: Sample) -> list[Event]:
        """What this sample gives to tell: that the computer slept, warnings that end, those that begin."""
        woken = [_slept(sample)] if sample.slept_seconds > 0 else []
        told = self._alerts.feed(snapshot, sample, self.level, simulated=self.is_simulated)
        ended = [event_of(alert, "memory-warning-ended", alert.end) for alert in told.ended]
        return woken + ended + [event_of(alert, "memory-warning", alert.sentence) for alert in told.begun]


def _slept(sample: Sample) -> Event:
    seconds = sample.slept_seconds
    text = Sentence("Sampling", "The computer slept for {duration}: nothing was measured meanwhile.")
    text = text.format(duration=Duration(seconds))
    return Event(sample.time, "computer-slept", text=text, numbers={"seconds": seconds})


_WORDS = {
    Level.NORMAL: Sentence("Pressure", "normal"),
    Level.WARNING: Sentence("Pressure", "warning"),
    Level.CRITICAL: Sentence("Pressure", "critical"),
    Level.EMERGENCY: Sentence("Pressure", "emergency"),
}


def _cause_of(alert: Alert) -> Cause:
    if alert.device is not None:
        return "device limit"
    if alert.of_machine:
        return "pressure"
    return "total limit" if alert.model_id is None else "model limit"


def event_of(alert: Alert, kind: EventType, text: Sentence) -> Event:
    return Event(
        time.time(),
        kind,
        alert.model_id,
        _cause_of(alert),
        for_model=alert.relief_model,
        text=text,
        numbers=alert.numbers,
    )
