"""Facts on their way out: each is told to every listener, and the last events are kept."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

from llmmem_gui.core.engines import EngineOverview
from llmmem_gui.core.events import Event, UnloadReceipt
from llmmem_gui.core.readings import Sample
from llmmem_gui.core.settings import Settings
from llmmem_gui.core.snapshot import CacheSnapshot

log = logging.getLogger(__name__)

Fact = CacheSnapshot | Sample | Event | UnloadReceipt | Settings | EngineOverview
Listener = Callable[[Fact], None]

_EVENTS_KEPT = 500


class Publisher:
    """Tells facts to listeners, which are called in the loop and must return at once."""

    def __init__(self) -> None:
        self.recent_events: deque[Event] = deque(maxlen=_EVENTS_KEPT)
        self._listeners: list[Listener] = []

    @property
    def has_listeners(self) -> bool:
        """Whether anybody listens."""
        return bool(self._listeners)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with every fact from now on; the function returned ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def publish(self, fact: Fact) -> None:
        """Tell a fact; a listener that fails does not keep it from the others."""
        if isinstance(fact, Event):
            self.recent_events.append(fact)
            log.info("%s %s %s %s", fact.type, fact.model_id or "-", fact.cause or "-", fact.actor)
        for listener in list(self._listeners):
            try:
                listener(fact)
            except Exception:
                log.exception("a listener failed on %s", type(fact).__name__)
