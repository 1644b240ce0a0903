"""What the models do: counts the tokens that pass, and tells each tick how many and how fast."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from llmmem_gui.core.cache_entry import Entry
from llmmem_gui.core.readings import ActivityReading

_LEAST_SECONDS = 0.9
"""Over less time a few tokens more or less would be taken for another speed."""


class _Generated(NamedTuple):
    tokens: int
    seconds: float
    """In which they were made; 0: just now, one by one."""


class Activity:
    """Counts what models generate for whoever asks; lives in the loop of the service."""

    def __init__(self) -> None:
        self._untold: dict[str, int] = {}
        self._generated: dict[str, list[_Generated]] = {}
        self._speeds: dict[str, float] = {}
        self._measured_at: float | None = None

    def count(self, model_id: str, tokens: int, seconds: float = 0.0) -> None:
        """Take in tokens that a model has generated.

        An answer that comes as a whole tells the `seconds` it was made in: its tokens are no burst.
        """
        if tokens > 0:
            self._untold[model_id] = self._untold.get(model_id, 0) + tokens
            self._generated.setdefault(model_id, []).append(_Generated(tokens, seconds))

    def reading(self, entries: Iterable[Entry], now: float) -> dict[str, ActivityReading]:
        """What each model that is asked for anything does; `now` in monotonic seconds, one call a tick."""
        self._measure(now)
        untold, self._untold = self._untold, {}
        asked = {entry.model_id: entry for entry in entries if entry.in_flight or entry.waiters}
        readings = {}
        for model_id in asked.keys() | untold.keys() | self._speeds.keys():
            entry = asked.get(model_id)
            readings[model_id] = ActivityReading(
                len(entry.in_flight) if entry else 0,
                len(entry.waiters) if entry else 0,
                untold.get(model_id, 0),
                self._speeds.get(model_id, 0.0),
            )
        return readings

    def _measure(self, now: float) -> None:
        passed = 1.0 if self._measured_at is None else now - self._measured_at
        if passed < _LEAST_SECONDS:
            return
        self._speeds = {
            model_id: sum(part.tokens / max(passed, part.seconds) for part in generated)
            for model_id, generated in self._generated.items()
        }
        self._generated = {}
        self._measured_at = now
