"""What the bars of the window say of events and of requests that failed, and what they offer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from PySide6.QtCore import QObject, Signal

from llmmem_gui.core.events import Cause, Event, UnloadReceipt
from llmmem_gui.core.snapshot import CacheSnapshot, ModelSnapshot
from llmmem_gui.ui import figures
from llmmem_gui.ui import requests as ask
from llmmem_gui.ui.load_choice import smaller_load
from llmmem_gui.ui.notice_bar import Notice, Offer
from llmmem_gui.ui.notices import Notices, Say
from llmmem_gui.ui.sentences import cause_words, event_sentence, say

_TOLD_CAUSES: tuple[Cause, ...] = (
    "total limit",
    "device limit",
    "model limit",
    "reserve",
    "pressure",
    "clean up",
)
_SAME_UNLOAD_SECONDS = 10.0
"""What goes within this time of each other is told together."""
_TOAST_SECONDS = 60.0


class Announcements(QObject):
    """Puts notices into the window; each is said as things are when it is read.

    Signals: `noted` with a text that is worth a line in passing, and no bar.
    """

    noted = Signal(str)

    def __init__(self, notices: Notices, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._notices = notices
        self._snapshot: CacheSnapshot | None = None
        self._unloaded: list[UnloadReceipt] = []
        """What went lately, by a limit, a clean-up or a shortage."""
        self._unloaded_at = float("-inf")
        self._asked_to_go: set[str] = set()
        """Models that go by a key or with all others: either is pressed more easily than it is meant."""
        self._given_up: dict[str, None] = {}
        """Models that can be loaded again since there is room, in the order in which they were offered."""

    def take(self, snapshot: CacheSnapshot) -> None:
        """Take in how things are: an offer that is moot is taken back, and what is new in the list noted."""
        known = {model.id for model in self._snapshot.models} if self._snapshot is not None else None
        self._snapshot = snapshot
        self._notices.refresh()
        if known is not None:
            self._note_new([model for model in snapshot.models if model.id not in known])

    def _note_new(self, models: Sequence[ModelSnapshot]) -> None:
        if len(models) == 1:
            self.noted.emit(self.tr("Found {model}").format(model=models[0].facts.name))
        elif models:
            self.noted.emit(self.tr("%n new models found", "", len(models)))

    def tell(self, said: Say, *, about: object) -> None:
        """Show a notice, in place of an earlier one about the same thing."""
        self._notices.tell(said, about=about)

    def tell_for_a_while(self, said: Say, *, about: object, over: Callable[[], object]) -> None:
        """Show a notice that goes by itself; `over` is called when it does."""
        began = self._snapshot.monotonic if self._snapshot is not None else 0.0

        def still() -> Notice | None:
            if self._snapshot is not None and self._snapshot.monotonic - began > _TOAST_SECONDS:
                over()
                return None
            return said()

        self.tell(still, about=about)

    def offer_back(self, models: Iterable[str]) -> None:
        """Offer to load these again once they are gone."""
        self._asked_to_go.update(models)

    def take_receipt(self, receipt: UnloadReceipt) -> None:
        """Tell what went without being asked for by name, as one, with a way back."""
        offered = receipt.model_id in self._asked_to_go
        self._asked_to_go.discard(receipt.model_id)
        if not (offered or receipt.cause in _TOLD_CAUSES) or self._snapshot is None:
            return
        now = self._snapshot.monotonic
        if now - self._unloaded_at > _SAME_UNLOAD_SECONDS:
            self._unloaded = []
        self._unloaded_at = now
        self._unloaded.append(receipt)
        self.tell(self._unloaded_now, about="unloaded")

    def _unloaded_now(self) -> Notice | None:
        snapshot = self._snapshot
        if snapshot is None or snapshot.monotonic - self._unloaded_at > _TOAST_SECONDS:
            return None
        models = tuple(dict.fromkeys(receipt.model_id for receipt in self._unloaded))
        known = [model for id in models if (model := self._model(id)) is not None]
        if all(model.loaded_at is not None and model.loaded_at > self._unloaded_at for model in known):
            return None
        back = figures.size(sum(receipt.given_back_bytes for receipt in self._unloaded))
        if len(models) == 1:
            text = self.tr("Unloaded {model}: {size} back").format(model=self._name(models[0]), size=back)
        else:
            text = self.tr("Unloaded %n models: {size} back", "", len(models)).format(size=back)
        why = cause_words(self._unloaded[-1].cause)
        return Notice(
            f"{text} ({why})" if why else text, "good", (Offer(self.tr("Undo"), ask.Restore(models)),)
        )

    def _name(self, model_id: str) -> str:
        model = self._model(model_id)
        return model_id if model is None else model.facts.name

    def offer_again(self, models: Sequence[str], *, cut_off: bool) -> None:
        """Offer what was loaded when the program ended; `cut_off` when it did not end in order."""
        if models:
            self.tell(lambda: self._from_last_time(models, cut_off=cut_off), about="last time")

    def _from_last_time(self, ids: Sequence[str], *, cut_off: bool) -> Notice | None:
        known = [model for id in ids if (model := self._model(id)) is not None]
        missing = [m for m in known if not m.state.holds_host and not m.load_at_start]
        # The library is read bit by bit at the start: a model that is not known yet may still come.
        if not missing and len(known) == len(ids):
            return None
        names = ", ".join(model.facts.name for model in missing) or ", ".join(ids)
        if cut_off:
            said = self.tr("LLM Memory did not end in order the last time; loaded were: {models}.")
        else:
            said = self.tr("When you quit the last time, loaded were: {models}.")
        loads = ask.LoadAgain(tuple(model.id for model in missing))
        offers = (Offer(self.tr("Load again"), loads),) if missing else ()
        return Notice(said.format(models=names), "warning" if cut_off else "good", offers)

    def take_event(self, event: Event) -> None:
        """Tell of an event that a person should not miss."""
        if event.type == "note":
            self.tell(lambda: Notice(event_sentence(event, self._name)), about=event.text)
        elif event.type == "reload-offered" and event.model_id:
            self._given_up[event.model_id] = None
            self.tell(self._room_again, about="room again")

    def take_problem(self, request: ask.Request, problem: ask.Problem) -> None:
        """Tell why a request was not carried out."""
        if isinstance(request, ask.Unload) and problem.code == "not loaded":
            # It went before the button was pressed: what was wished for is so.
            self.noted.emit(say(problem.sentence, self._name))
        elif problem.code not in ("cancelled", "unloaded"):
            self.tell(
                lambda: Notice(
                    say(problem.sentence, self._name), "critical", self._remedies(request, problem)
                ),
                about=(type(request), problem.model_id),
            )

    def _remedies(self, request: ask.Request, problem: ask.Problem) -> tuple[Offer, ...]:
        tokens = problem.numbers.get("fits_context")
        model = self._model(request.model) if isinstance(request, ask.Load) else None
        if model is None or not tokens or model.state.holds_host:
            return ()
        return (Offer(*smaller_load(model, int(tokens))),)

    def _room_again(self) -> Notice | None:
        """That models which were given up can be loaded again, as long as one of them is not."""
        known = [model for id in self._given_up if (model := self._model(id)) is not None]
        waiting = [model for model in known if not model.state.holds_host]
        self._given_up = {model.id: None for model in waiting}
        if not waiting:
            return None
        models = ", ".join(model.facts.name for model in waiting)
        text = self.tr("There is room again for what was unloaded: {models}.").format(models=models)
        offers = [
            Offer(self.tr("Load {model}").format(model=figures.shortened(m.facts.name)), ask.Load(m.id))
            for m in waiting
        ]
        if len(waiting) > 1:
            loads = ask.LoadAgain(tuple(model.id for model in waiting))
            offers = [Offer(self.tr("Load all %n", "", len(waiting)), loads), *offers[:2]]
        return Notice(text, "good", tuple(offers))

    def _model(self, model_id: str) -> ModelSnapshot | None:
        return self._snapshot.model(model_id) if self._snapshot is not None else None
