"""Watches the memory of the machine and the limits, and says what is worth an event."""

from __future__ import annotations

import time

from llmmem_gui.core.alerts import Alert, AlertLimits, Alerts
from llmmem_gui.core.events import Cause, Event
from llmmem_gui.core.pressure import Level, PressureGauge
from llmmem_gui.core.readings import Sample
from llmmem_gui.core.sentence import Sentence
from llmmem_gui.core.settings import WarningSettings
from llmmem_gui.core.snapshot import CacheSnapshot
from llmmem_gui.service.sampling.stall_watch import StallWatch


class MemoryWatch:
    """The level of pressure, from samples and the kernel's reports of stalls, and warnings about limits."""

    def __init__(self) -> None:
        self.level = Level.NORMAL
        """The level of pressure in force."""
        self._gauge = PressureGauge()
        self._alerts = Alerts()
        self._stalls = StallWatch(lambda stall: self._gauge.stalled(stall, time.monotonic()))

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

    def simulate(self, level: Level | None) -> None:
        """Put this level in force from the next sample on; None ends it."""
        self._gauge.simulate(level)

    def feed(self, sample: Sample) -> Event | None:
        """Take a sample in; the event, when the level of pressure has changed."""
        before, self.level = self.level, self._gauge.feed(sample)
        if self.level is before:
            return None
        numbers = {"available_bytes": sample.machine.available_bytes, "level": int(self.level)}
        return Event(
            time.time(), "pressure-changed", None, "pressure", text=_WORDS[self.level], numbers=numbers
        )

    def warnings(self, snapshot: CacheSnapshot, sample: Sample) -> list[Event]:
        """The warnings to give now."""
        return [_warning(alert) for alert in self._alerts.feed(snapshot, sample, self.level)]


_WORDS = {
    Level.NORMAL: Sentence("Pressure", "normal"),
    Level.WARNING: Sentence("Pressure", "warning"),
    Level.CRITICAL: Sentence("Pressure", "critical"),
    Level.EMERGENCY: Sentence("Pressure", "emergency"),
}


def _warning(alert: Alert) -> Event:
    limit: Cause = "model limit" if alert.model_id is not None else "total limit"
    return Event(
        time.time(),
        "memory-warning",
        alert.model_id,
        "pressure" if alert.of_machine else limit,
        for_model=alert.relief_model,
        text=alert.sentence,
        numbers=alert.numbers,
    )
