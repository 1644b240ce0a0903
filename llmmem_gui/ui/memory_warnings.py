"""Warnings about memory: how grave each is, what can be done, and whether it may be shown now."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QObject, Signal

from llmmem_gui.core import pressure
from llmmem_gui.core.events import Event
from llmmem_gui.core.snapshot import CacheSnapshot, ModelSnapshot
from llmmem_gui.ui import figures
from llmmem_gui.ui.requests import CleanUp, Unload
from llmmem_gui.ui.sentences import event_sentence
from llmmem_gui.ui.warning_bar import Level, Offer


@dataclass(frozen=True, slots=True)
class MemoryWarning:
    """One warning as it is shown, in the window and by the desktop."""

    text: str
    level: Level
    offers: tuple[Offer, ...] = ()
    time: float = 0.0


class MemoryWarnings(QObject):
    """Turns events into warnings, unless they are snoozed.

    Signals: `raised` with a function that gives the MemoryWarning, each time in the language in force.
    """

    raised = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._snoozed_until = 0.0

    def snooze(self, minutes: int, now: float) -> None:
        """Show no warning for so long; `now` is seconds since the epoch."""
        self._snoozed_until = now + minutes * 60

    @property
    def snoozed_until(self) -> float:
        """Until when nothing is shown, seconds since the epoch."""
        return self._snoozed_until

    def take(self, event: Event, snapshot: CacheSnapshot | None) -> None:
        """Raise the warning that an event stands for."""
        if event.type != "memory-warning" or event.time < self._snoozed_until:
            return
        self.raised.emit(partial(self._warning, event, snapshot))

    def _warning(self, event: Event, snapshot: CacheSnapshot | None) -> MemoryWarning:
        level: Level = "critical" if event.numbers.get("level", 0) >= pressure.Level.CRITICAL else "warning"
        offers = self._offers(event, snapshot) if snapshot is not None else ()
        return MemoryWarning(event_sentence(event), level, offers, event.time)

    def _offers(self, event: Event, snapshot: CacheSnapshot) -> tuple[Offer, ...]:
        idle = [model for model in snapshot.models if model.eviction_rank is not None]
        wanted = event.model_id or event.for_model
        named = snapshot.model(wanted) if wanted else None
        goes = named if named is not None and named.state.holds_host else None
        if goes is None:
            goes = min(idle, key=lambda model: model.eviction_rank or 0, default=None)
        offers = [self._unload(goes)] if goes is not None else []
        if len(idle) > 1:
            offers.append(Offer(self.tr("Clean up unused"), CleanUp()))
        return tuple(offers)

    def _unload(self, model: ModelSnapshot) -> Offer:
        text = self.tr("Unload {model} – {size}").format(
            model=model.facts.name, size=figures.size(model.private_bytes)
        )
        return Offer(text, Unload(model.id))
