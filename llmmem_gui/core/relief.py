"""What to give up while the machine is short of memory, and when to stop giving up."""

from __future__ import annotations

import math
from collections.abc import Sequence

from llmmem_gui.core.given_back import GivenBack
from llmmem_gui.core.ledger import Bounds, Holder, Standing
from llmmem_gui.core.plan import Step, eviction_order, room
from llmmem_gui.core.pressure import Level

_SAMPLES_TO_BE_SURE = 2
_HELP_SECONDS = 15.0
"""A program that was asked for help has so long to give it."""
_HELP_SHOWS_SECONDS = 3.0
"""What it gave back is in a reading by then."""
_LEAST_SLACK_BYTES = 64 * 1024**2


class Relief:
    """Dozes idle models at *warning*, unloads idle ones one by one from *critical* on, watches the reserve.

    Pinned and busy models are never touched, nor fresh ones that wait for their first request.
    Of idle models those go first that lie in main memory at least in half, the memory that is short.
    After an unload nothing more is decided until its effect is in a reading; when it had none, something
    else takes the memory, and no further model is given up for it until circumstances change.

    Other programs that may be asked to give up a model are asked before an own one is unloaded, one after the
    other, but not in an emergency, in which there is no time to wait for them.

    The reserve counts as broken when it is for two samples in a row and by more than a twentieth (at
    least 64 MiB): what other programs take goes up and down by itself.
    """

    def __init__(self, given_back: GivenBack) -> None:
        self._given_back = given_back
        self._level = Level.NORMAL
        self._samples_short = 0
        self._help_is_available = False
        self._help_awaited_until = -math.inf

    @property
    def level(self) -> Level:
        """The level of pressure in force."""
        return self._level

    def level_changed(self, level: Level) -> None:
        """Take the new level in; a change makes giving up worth trying again."""
        self._level = level
        self._given_back.forget()

    def steps(
        self,
        holders: Sequence[Holder],
        now: float,
        *,
        may_doze: bool = True,
        spare_loaded_after: float = math.inf,
    ) -> tuple[Step, ...]:
        """What the level demands now; empty also while the last step has yet to show its effect.

        A model that was loaded after `spare_loaded_after` and waits for its first request is left alone.
        """
        if self._level < Level.WARNING:
            return ()
        coldest_first = eviction_order(holders, spare_loaded_after)
        if may_doze:
            awake = [h for h in coldest_first if h.standing is Standing.IDLE and h.weights_bytes > 0]
            if awake:
                return tuple(Step("doze", h.model_id) for h in awake)
        undecided = self._given_back.pending or any(h.standing is Standing.UNLOADING for h in holders)
        if self._level < Level.CRITICAL or undecided or self._given_back.useless(now):
            return ()
        # What lies on a device gives hardly any main memory back: it goes when nothing else is left.
        here = [h for h in coldest_first if h.charge.total_bytes >= sum(h.charge.device_bytes.values())]
        there = [h for h in coldest_first if h.private_bytes + h.weights_bytes >= _LEAST_SLACK_BYTES]
        return tuple(Step("unload", h.model_id) for h in (here or there)[:1])

    def help_offered(self, available: bool, now: float) -> None:
        """Take in whether another program can be asked for help; the one that was asked has given it."""
        self._help_is_available = available
        self._help_awaited_until = min(self._help_awaited_until, now + _HELP_SHOWS_SECONDS)

    def asks_for_help(self, now: float) -> bool:
        """Whether another program is to be asked before something is unloaded here; it counts as asked."""
        if self.waits_for_help(now) or not self._help_is_available or self._level >= Level.EMERGENCY:
            return False
        self._help_is_available = False  # until it is told that there is more
        self._help_awaited_until = now + _HELP_SECONDS
        return True

    def waits_for_help(self, now: float) -> bool:
        """Whether what another program was asked for may still come."""
        return now < self._help_awaited_until and self._level < Level.EMERGENCY

    def reserve_moved(self) -> None:
        """The reserve was changed by hand: it is kept at once, without waiting to be sure."""
        self._samples_short = _SAMPLES_TO_BE_SURE
        self._given_back.forget()

    def watch_reserve(self, holders: Sequence[Holder], machine: Bounds) -> None:
        """Look at the reserve after a new reading; `machine` are the bounds without the total limit."""
        left = room(holders, machine)
        slack = max(_LEAST_SLACK_BYTES, machine.reserve_bytes // 20)
        self._samples_short = self._samples_short + 1 if left is not None and left < -slack else 0

    def reserve_broken(self, now: float) -> bool:
        """Whether models have to go to restore the reserve, as far as giving models up helps."""
        return self._samples_short >= _SAMPLES_TO_BE_SURE and not self._given_back.useless(now)
