"""Notices when models keep pushing each other out of memory, and lets the memory rest."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from llmmem_gui.core.refusal import Refusal
from llmmem_gui.core.sentence import Duration, Sentence

_MEMORY_SECONDS = 600.0
"""What happened longer ago than this is forgotten."""
_WASTED_SHARE = 0.5
"""Share of the time spent on loading from which swapping is thrashing."""
_LEAST_WASTED_SECONDS = 10.0
"""Small models that load in a moment may swap for a while before anybody minds."""
_REST_SECONDS = 30.0


@dataclass(slots=True)
class _Swap:
    at: float
    newcomer: str
    gone: tuple[str, ...]
    seconds: float | None = None
    """From the decision until the newcomer was loaded; None while it is not."""


class ThrashGuard:
    """Counts swaps: loads of a model that had to go before, which push out another one.

    Swapping is not wrong in itself. It is thrashing when at least half of the time since one of the last
    swaps, and ten seconds, went into loading, and more than the allowed number of swaps lie in that time.
    Then the models that took part keep their places for 30 seconds.
    """

    def __init__(self) -> None:
        self._went_at: dict[str, float] = {}
        self._swaps: deque[_Swap] = deque()
        self._resting: frozenset[str] = frozenset()
        self._rest_until = 0.0
        self._history: Sentence | None = None

    def made_room(self, newcomer: str, gone: Iterable[str], now: float) -> None:
        """Take in that models were told to go so that `newcomer` can be loaded."""
        gone = tuple(gone)
        if self._came_back(newcomer, now):
            self._swaps.append(_Swap(now, newcomer, gone))
        for model_id in gone:
            self._went_at[model_id] = now

    def load_ended(self, model_id: str, now: float) -> None:
        """Take in that a load has ended, well or not."""
        for swap in self._swaps:
            if swap.newcomer == model_id and swap.seconds is None:
                swap.seconds = now - swap.at

    def refusal(self, newcomer: str, goes: Iterable[str], allowed_swaps: int, now: float) -> Refusal | None:
        """Why `newcomer` must not push out the models `goes` now; None when it may."""
        goes = frozenset(goes)
        if allowed_swaps <= 0:
            return None
        if now >= self._rest_until and self._came_back(newcomer, now):
            self._look_for_thrashing(goes | {newcomer}, allowed_swaps, now)
        if now >= self._rest_until or not goes & self._resting:
            return None
        return Refusal(
            "thrashing",
            newcomer,
            retry_seconds=self._rest_until - now,
            holders=tuple(sorted(goes - {newcomer})),
            reason=self._history,
        )

    def _came_back(self, model_id: str, now: float) -> bool:
        went_at = self._went_at.get(model_id)
        return went_at is not None and now - went_at <= _MEMORY_SECONDS

    def _look_for_thrashing(self, concerned: frozenset[str], allowed_swaps: int, now: float) -> None:
        while self._swaps and now - self._swaps[0].at > _MEMORY_SECONDS:
            self._swaps.popleft()
        wasted = 0.0
        for count, swap in enumerate(reversed(self._swaps), start=1):
            wasted += swap.seconds if swap.seconds is not None else now - swap.at
            span = now - swap.at
            if count >= allowed_swaps and wasted >= max(_LEAST_WASTED_SECONDS, _WASTED_SHARE * span):
                break
        else:
            return
        history = Sentence("Refusal", "{count} times in {span}, {wasted} of it loading")
        self._history = history.format(count=count, span=Duration(span), wasted=Duration(wasted))
        took_part = {model_id for swap in self._swaps for model_id in (swap.newcomer, *swap.gone)}
        self._resting = concerned | took_part
        self._rest_until = now + _REST_SECONDS
        self._swaps.clear()
