"""What to give up while the machine is short of memory, and when to stop giving up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llmmem_gui.core.plan import Holder, Standing, Step, eviction_order
from llmmem_gui.core.pressure import Level

_SETTLE_SECONDS = 1.0
"""Time between an unload and the next decision, so that its effect is in the reading."""
_LEAST_EFFECT = 0.25
"""Share of an unloaded model's private bytes that must show up as available."""


@dataclass(frozen=True, slots=True)
class _Attempt:
    at: float
    available_before: int
    expected_bytes: int


class Relief:
    """Dozes idle models at *warning*, unloads idle ones one by one from *critical* on.

    Pinned, loading and busy models are never touched. When an unload had no effect, something else takes
    the memory, and no further model is given up for it until the level changes.
    """

    def __init__(self) -> None:
        self._level = Level.NORMAL
        self._last: _Attempt | None = None
        self._useless = False

    @property
    def level(self) -> Level:
        """The level of pressure in force."""
        return self._level

    def level_changed(self, level: Level) -> None:
        """Take the new level in; a change makes giving up worth trying again."""
        self._level = level
        self._useless = False
        self._last = None

    def steps(
        self, holders: Sequence[Holder], available_bytes: int, now: float, *, may_doze: bool = True
    ) -> tuple[Step, ...]:
        """What to do now; empty when nothing is to be done or the last unload still has to show its effect."""
        if self._level is Level.NORMAL:
            return ()
        coldest_first = eviction_order(holders)
        if may_doze:
            awake = [h for h in coldest_first if h.standing is Standing.IDLE and h.weights_bytes > 0]
            if awake:
                return tuple(Step("doze", h.model_id) for h in awake)
        if self._level is Level.WARNING or any(h.standing is Standing.UNLOADING for h in holders):
            return ()
        if self._last is not None:
            if now - self._last.at < _SETTLE_SECONDS:
                return ()
            gained = available_bytes - self._last.available_before
            self._useless = self._useless or gained < _LEAST_EFFECT * self._last.expected_bytes
            self._last = None
        if self._useless or not coldest_first:
            return ()
        coldest = coldest_first[0]
        self._last = _Attempt(now, available_bytes, coldest.private_bytes)
        return (Step("unload", coldest.model_id),)
