"""How warm the models are that somebody looks at: asked while they are seen, now and then, and remembered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import cast

from PySide6.QtCore import QObject, QTimer, Signal

from llmmem_gui.core.warmth import ExpectedLoad
from llmmem_gui.ui.requests import FindWarmth, Outcome

INTERVAL_SECONDS = 10


class Warmths(QObject):
    """Signals: `requested` with a request to find out; `changed` when what was found is not as before."""

    requested = Signal(object)
    changed = Signal()

    def __init__(self, seen: Callable[[], Iterable[str]], parent: QObject | None = None) -> None:
        """`seen` gives the ids of the models that are on the screen."""
        super().__init__(parent)
        self._seen = seen
        self._found: dict[str, ExpectedLoad | None] = {}
        """None where it was asked for and is not known."""
        self._held: frozenset[str] = frozenset()
        self._next: dict[str, None] = {}
        """Those to ask for, in this order."""
        self._again = QTimer(self)
        self._again.setInterval(INTERVAL_SECONDS * 1000)
        self._again.timeout.connect(self.look_again)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self._ask)

    def of(self, model_id: str) -> ExpectedLoad | None:
        """How a load of the model would go, as last found; None where it is not known."""
        return self._found.get(model_id)

    def want(self, model_id: str) -> None:
        """Find out about a model, unless that was asked; called while a row is painted."""
        if model_id not in self._found:
            self._found[model_id] = None
            self._next[model_id] = None
            self._soon.start()

    def watch(self, watched: bool) -> None:
        """Look again now and then, or no longer: nobody sees it."""
        if watched:
            self._again.start()
            self.look_again()
        else:
            self._again.stop()
            self._soon.stop()

    def show_held(self, held: frozenset[str]) -> None:
        """Take in which models hold memory: those that no longer do have left their files there."""
        gone, self._held = self._held - held, held
        for model_id in gone:
            self._found.pop(model_id, None)
        if gone and self._again.isActive():
            self.look_again()

    def look_again(self) -> None:
        """Ask anew for what is on the screen."""
        self._next.update(dict.fromkeys(self._seen()))
        self._soon.start()

    def take(self, outcome: Outcome) -> None:
        """Take in what was found."""
        request = outcome.request
        if not isinstance(request, FindWarmth) or outcome.problem is not None:
            return
        told = cast(Mapping[str, ExpectedLoad], outcome.result)
        found = {model_id: told.get(model_id) for model_id in request.model_ids}
        if any(self._found.get(model_id) != new for model_id, new in found.items()):
            self._found.update(found)
            self.changed.emit()

    def _ask(self) -> None:
        if self._next:
            asked, self._next = tuple(self._next), {}
            self._found.update({model_id: self._found.get(model_id) for model_id in asked})
            self.requested.emit(FindWarmth(asked))
