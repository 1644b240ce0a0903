"""What other programs hold and may be asked for when memory gets short, before an own model goes."""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from llmmem_gui.core.events import Actor, Event
from llmmem_gui.core.neighbours import Neighbour, NeighbourReceipt, is_named
from llmmem_gui.service.command_error import CommandError
from llmmem_gui.service.supervision import Supervisor

IDLE_SECONDS = 60.0
"""A model that was used more recently is in use, as far as anybody can tell."""
AGAIN_SECONDS = 600.0
"""What a program has loaded again after it was asked is wanted there: it is left alone for so long."""


class Unload(Protocol):
    """Has a program unload a model by its key, or all it holds. Raises `CommandError`."""

    def __call__(
        self, neighbour_id: str, model: str | None, *, actor: Actor
    ) -> Awaitable[NeighbourReceipt]: ...


@dataclass(frozen=True, slots=True)
class _Offer:
    """Something that a program can be asked to unload."""

    neighbour_id: str
    model: str | None
    """Its key; None: all that the program holds."""
    used_at: float


class Help:
    """Knows what may be asked of whom, and asks; nothing is offered of a program that nobody has allowed."""

    def __init__(
        self,
        *,
        found: Callable[[], Sequence[Neighbour]],
        unload: Unload,
        may_unload: Callable[[], Collection[str]],
        offer: Callable[[bool], None],
        publish: Callable[[Event], None],
        clock: Callable[[], float],
        tasks: Supervisor,
    ) -> None:
        """`may_unload` gives the names of programs; `offer` is told whether any would give something up."""
        self._found = found
        self._unload = unload
        self._may_unload = may_unload
        self._offer = offer
        self._publish = publish
        self._clock = clock
        self._tasks = tasks
        self._offered = False
        self._asked_at: dict[tuple[str, str | None], float] = {}

    def look(self) -> None:
        """Tell whether there is help, if that has changed."""
        there = {each.id for each in self._found()}
        self._asked_at = {asked: at for asked, at in self._asked_at.items() if asked[0] in there}
        available = bool(self._coldest_first())
        if available != self._offered:
            self._tell(available)

    def give(self, actor: Actor) -> None:
        """Have the coldest that is offered unloaded, and tell whether there is more."""
        self._tasks.run("the help of another program", self._give(actor))

    async def _give(self, actor: Actor) -> None:
        try:
            for offer in self._coldest_first()[:1]:
                self._asked_at[offer.neighbour_id, offer.model] = self._clock()
                await self._unload(offer.neighbour_id, offer.model, actor=actor)
        except CommandError as error:
            self._publish(Event(time.time(), "note", actor=actor, text=error.sentence))
        finally:
            self._tell(bool(self._coldest_first()))

    def _tell(self, available: bool) -> None:
        self._offered = available
        self._offer(available)

    def _coldest_first(self) -> list[_Offer]:
        now, allowed = self._clock(), self._may_unload()
        offers = (
            offer
            for neighbour in self._found()
            if is_named(neighbour.program, allowed)
            for offer in _offers(neighbour)
            if now - offer.used_at >= IDLE_SECONDS
            and now - self._asked_at.get((offer.neighbour_id, offer.model), -math.inf) >= AGAIN_SECONDS
        )
        return sorted(offers, key=lambda offer: offer.used_at)


def _offers(neighbour: Neighbour) -> Iterator[_Offer]:
    """What of it can be unloaded and is idle; its process is never ended."""
    idle = [model for model in neighbour.models if model.doing == "idle" and model.idle_since is not None]
    if neighbour.unloads == "models":
        for model in idle:
            if model.key:
                yield _Offer(neighbour.id, model.key, model.idle_since or 0.0)
    elif neighbour.unloads == "all" and idle and len(idle) == len(neighbour.models):
        yield _Offer(neighbour.id, None, max(model.idle_since or 0.0 for model in idle))
