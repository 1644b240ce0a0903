"""What a person is warned of: one state, of which banner, tray and notification are drawings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from PySide6.QtCore import QCoreApplication, QObject, Signal

from llmmem_gui.core.alert import Alert
from llmmem_gui.core.events import Event
from llmmem_gui.core.pressure import Level
from llmmem_gui.core.snapshot import CacheSnapshot, ModelSnapshot, State
from llmmem_gui.ui import figures
from llmmem_gui.ui.gauge_icon import GaugeLevel
from llmmem_gui.ui.model_names import names_in
from llmmem_gui.ui.notice_bar import Notice, Offer
from llmmem_gui.ui.requests import CleanUp, Unload
from llmmem_gui.ui.sentences import NameOf, say

translate = QCoreApplication.translate

_ANY_GPU = "gpu"
"""Stands for the warnings of all GPUs: an event does not say of which one it is."""
_MOST_TOLD = 2
"""Warnings that are told together; of more there is nothing to be learned at once."""


@dataclass(frozen=True, slots=True)
class MemoryWarning:
    """The warnings that are shown now, in the language in force."""

    title: str
    text: str
    level: GaugeLevel
    offers: tuple[Offer, ...] = ()

    @property
    def notice(self) -> Notice:
        """The same as a bar of the window shows it."""
        return Notice(self.text, "critical" if self.level == "critical" else "warning", self.offers)


@dataclass(slots=True)
class _Silence:
    """Up to which level nothing is said of each subject, and of all others."""

    levels: dict[str, Level] = field(default_factory=dict)
    others: Level = Level.NORMAL

    def covers(self, alert: Alert) -> bool:
        return alert.level <= self.levels.get(alert.subject, self.others)


class MemoryWarnings(QObject):
    """Follows the alerts of the newest snapshot, less those that were closed or are snoozed.

    Closing and snoozing hide what stands, and nothing that is graver. A closed warning is shown again when
    it has ended and begins anew.

    Signals: `changed` when it may look different from before; `due` when it has to be told now.
    """

    changed = Signal()
    due = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._snapshot: CacheSnapshot | None = None
        self._closed = _Silence()
        self._snoozed = _Silence()
        self._snoozed_until = 0.0
        self._untold: set[str] = set()
        """Subjects whose warning has to be told as soon as it is known how things are."""

    # --- facts -------------------------------------------------------------------------------------------

    def take_event(self, event: Event) -> None:
        """Take in that a warning has to be told."""
        if event.type == "memory-warning":
            named = "total" if event.model_id is None else f"model {event.model_id}"
            topics = {"pressure": "machine", "device limit": _ANY_GPU}
            self._untold.add(topics.get(event.cause or "", named))

    def take(self, snapshot: CacheSnapshot, now: float) -> None:
        """Take in how things are; `now` is seconds since the epoch."""
        self._snapshot = snapshot
        standing = {alert.subject: alert.level for alert in snapshot.alerts}
        self._closed.levels = {
            subject: min(level, standing[subject])
            for subject, level in self._closed.levels.items()
            if subject in standing
        }
        if self._snoozed_until and now >= self._snoozed_until:
            self._end_snooze()
        self.changed.emit()
        told, self._untold = self._untold, set()
        if any(alert.subject in told or (alert.device and _ANY_GPU in told) for alert in self.shown):
            self.due.emit()

    # --- what a person does about them -------------------------------------------------------------------

    def close(self) -> None:
        """Take what is shown as seen."""
        self._closed.levels |= {alert.subject: alert.level for alert in self.shown}
        self.changed.emit()

    def snooze(self, minutes: int, now: float) -> None:
        """Show nothing so long that is not graver than now; 0 ends it. `now` is since the epoch."""
        if minutes:
            self._snoozed_until = now + minutes * 60
            self._snoozed = _Silence({alert.subject: alert.level for alert in self._standing}, Level.WARNING)
        else:
            self._end_snooze()
        self.changed.emit()

    def _end_snooze(self) -> None:
        self._snoozed, self._snoozed_until = _Silence(), 0.0
        self._untold |= {alert.subject for alert in self.shown}

    @property
    def snoozed_until(self) -> float:
        """Until when warnings are snoozed, seconds since the epoch; 0 when they are not."""
        return self._snoozed_until

    # --- what is shown -----------------------------------------------------------------------------------

    @property
    def _standing(self) -> tuple[Alert, ...]:
        return self._snapshot.alerts if self._snapshot is not None else ()

    @property
    def shown(self) -> tuple[Alert, ...]:
        """What stands and is neither closed nor snoozed, the gravest first."""
        return tuple(a for a in self._standing if not self._closed.covers(a) and not self._snoozed.covers(a))

    @property
    def level(self) -> GaugeLevel:
        """How grave things are, whether that is shown in words or not."""
        return gauge_level(max((alert.level for alert in self._standing), default=Level.NORMAL))

    def warning(self) -> MemoryWarning | None:
        """What is shown, in the language in force, with what can be done now; None when nothing is."""
        shown = self.shown
        if not shown:
            return None
        name_of = names_in(self._snapshot)
        text = " ".join(say(alert.sentence, name_of) for alert in shown[:_MOST_TOLD])
        level = gauge_level(shown[0].level)
        return MemoryWarning(title_of(shown[0], name_of), text, level, self._offers(shown[0]))

    def _offers(self, alert: Alert) -> tuple[Offer, ...]:
        assert self._snapshot is not None
        idle = [model for model in self._snapshot.models if model.eviction_rank is not None]
        wanted = alert.model_id or alert.relief_model
        goes = self._snapshot.model(wanted) if wanted else None
        if alert.device is not None and goes is None:
            return ()  # none that could go holds any of it
        if goes is None or not goes.state.holds_host:
            goes = min(idle, key=lambda model: model.eviction_rank or 0, default=None)
        back = alert.relief_bytes if goes is not None and goes.id == alert.relief_model else None
        offers = [self._unload(goes, back)] if goes is not None and goes.state is not State.UNLOADING else []
        if len(idle) > 1:
            offers.append(Offer(self.tr("Clean up unused"), CleanUp()))
        return tuple(offers)

    def _unload(self, model: ModelSnapshot, back_bytes: int | None) -> Offer:
        size = figures.size(model.private_bytes if back_bytes is None else back_bytes)
        text = self.tr("Unload {model} – {size}").format(model=figures.shortened(model.facts.name), size=size)
        return Offer(text, Unload(model.id))


def gauge_level(level: Level) -> GaugeLevel:
    """A level as it is drawn."""
    if level is Level.NORMAL:
        return "calm"
    return "warning" if level is Level.WARNING else "critical"


def title_of(alert: Alert, name_of: NameOf) -> str:
    """What is short, in a few words: a limit is not the machine."""
    titles: dict[str, Callable[[], str]] = {
        "simulated": lambda: translate("MemoryWarning", "Simulated memory pressure"),
        "machine": lambda: translate("MemoryWarning", "This computer's memory is filling up"),
        "machine, critical": lambda: translate("MemoryWarning", "This computer is short of memory"),
        "total": lambda: translate("MemoryWarning", "The models are near their limit"),
        "total, past": lambda: translate("MemoryWarning", "The models are past their limit"),
        "gpu": lambda: translate("MemoryWarning", "{gpu} is short of memory"),
        "gpu, past": lambda: translate("MemoryWarning", "The models are past their limit on {gpu}"),
        "model": lambda: translate("MemoryWarning", "{model} is near its limit"),
        "model, past": lambda: translate("MemoryWarning", "{model} is past its limit"),
    }
    gpu = alert.device.name if alert.device is not None else ""
    if gpu:
        kind = "gpu" if alert.of_machine else "gpu, past"
    elif alert.of_machine:
        kind = "machine, critical" if alert.level > Level.WARNING else "machine"
        kind = "simulated" if alert.simulated else kind
    else:
        kind = "total" if alert.model_id is None else "model"
        kind += ", past" if alert.percent > 100 else ""
    return titles[kind]().format(model=name_of(alert.model_id) if alert.model_id else "", gpu=gpu)
