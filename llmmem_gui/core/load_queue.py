"""The queue of loads: in the order of asking, admitted when a plan makes room, started when room is there."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from enum import Enum, auto

from llmmem_gui.core.cache_entry import Entry, Waiter
from llmmem_gui.core.cache_messages import Requested
from llmmem_gui.core.cache_state import CacheState
from llmmem_gui.core.ledger import Bounds, Charge, Holder, Standing
from llmmem_gui.core.plan import Admission, Admit, Shortage, Wait, device_rooms, holds, plan_load, room_for
from llmmem_gui.core.pressure import Level, PressureLimits
from llmmem_gui.core.refusal import Refusal, RefusalCode
from llmmem_gui.core.relief import Relief
from llmmem_gui.core.snapshot import State
from llmmem_gui.core.thrash_guard import ThrashGuard

_PRESSURE_HOLDS_SECONDS = PressureLimits().hold_seconds
"""A level of pressure lasts at least as long: asking again before is no use."""
_PASSERS_TRIED = 8
"""Loads behind one that waits which are looked at in one step, so that a long queue costs little."""


class _Turn(Enum):
    """What became of a load when its turn came."""

    DONE = auto()
    """Admitted, or nobody waits for it any longer."""
    WAITS = auto()
    """It waits for models in use; for its own one, if that has to be loaded again."""
    GOING = auto()
    """Its own model has to be reaped first, a matter of moments: the others wait for it."""


class LoadQueue:
    """Loads in the order of asking.

    A load that waits for models in use is passed only by loads that take nothing from it: it would fit
    just the same when those models are done. When it has waited for `Policy.drain_seconds`, the models that
    it waits for take no further requests.
    """

    def __init__(self, state: CacheState, relief: Relief) -> None:
        self._state = state
        self._relief = relief
        self._guard = ThrashGuard()

    def settle(self) -> set[Entry]:
        """Admit and start what can be; the models in use that must take no further requests."""
        draining = self._admit()
        self._start()
        return draining

    def load_ended(self, entry: Entry) -> None:
        """Take in that a load has ended, well or not."""
        self._guard.load_ended(entry.model_id, self._state.now)

    def plan_again(self) -> None:
        """Take back what is promised but not started: the rules have changed."""
        for entry in self._state.entries.values():
            entry.admitted = None

    def _waiting(self) -> list[Entry]:
        return sorted(
            (entry for entry in self._state.entries.values() if entry.needs_load),
            key=lambda entry: entry.waiters[0].turn,
        )

    # --- admission -----------------------------------------------------------------------------------

    def _admit(self) -> set[Entry]:
        kept_back: list[Entry] = []
        tried = 0
        for entry in self._waiting():
            if kept_back:
                tried += 1
                if tried > _PASSERS_TRIED:
                    break
            turn = self._take_turns(entry, kept_back)
            if turn is _Turn.GOING:
                break
            if turn is _Turn.WAITS:
                kept_back.append(entry)
        return self._to_drain(kept_back[0]) if kept_back else set()

    def _to_drain(self, entry: Entry) -> set[Entry]:
        if self._state.now - entry.waiters[0].since < self._state.policy.drain_seconds:
            return set()
        holders = (self._state.entries[model_id] for model_id in entry.waits_for)
        return {holder for holder in holders if holder.standing is Standing.BUSY}

    def _take_turns(self, entry: Entry, kept_back: list[Entry]) -> _Turn:
        """Answer the waiters of one model one after the other, until one is admitted or has to wait."""
        while entry.needs_load:
            if entry.admitted is entry.waiters[0].asked:
                return _Turn.DONE
            entry.admitted = None
            self._let_a_choice_lead(entry, kept_back)
            self._place(entry)
            outcome = self._take_turn(entry, entry.waiters[0], kept_back)
            if isinstance(outcome, _Turn):
                return outcome
            self._state.refuse(entry, entry.waiters[0], outcome)
        return _Turn.DONE

    def _place(self, entry: Entry, *, beside: bool = False) -> None:
        """Let its load put as many layers onto GPUs as fit there now; with `beside` nobody goes for it."""
        placements = entry.waiters[0].asked.placements
        if placements is not None:
            rooms = device_rooms(entry.model_id, self._state.holders, self._state.bounds, beside=beside)
            self._state.place(entry, placements.most(rooms))

    def _let_a_choice_lead(self, entry: Entry, kept_back: list[Entry]) -> None:
        """Let who chose how to load it go before those who take it as it is, where that load fits now.

        It is then loaded once for all of them, instead of once as usual and again as chosen.
        """
        first = entry.waiters[0].asked
        chosen = next((w for w in entry.waiters[1:] if w.asked.exact), None)
        if chosen is None or entry.state.holds_host or not first.served_by(chosen.asked.parameters):
            return
        need = _need(entry, chosen.asked)
        if self.refusal_without_plan(entry, chosen.asked, need) is not None:
            return
        admission = self._plan(entry, chosen.asked, need)
        if isinstance(admission, Admit) and self._passes(entry, need, admission, kept_back):
            self._state.let_lead(entry, chosen)

    def _take_turn(self, entry: Entry, first: Waiter, kept_back: list[Entry]) -> _Turn | Refusal:
        if entry.state is State.UNLOADING:
            return _Turn.GOING
        asked = first.asked
        need = _need(entry, asked)
        if not _wakes(entry):
            refusal = self.refusal_without_plan(entry, asked, need)
            if refusal is not None:
                return refusal
        admission = self._plan(entry, asked, need)
        if isinstance(admission, Shortage):
            return _too_large(entry.model_id, admission, asked.fits_context)
        entry.waits_for = admission.model_ids if isinstance(admission, Wait) else ()
        if isinstance(admission, Wait) or (entry.must_reload and entry.state in (State.BUSY, State.LOADING)):
            return _Turn.WAITS
        if not self._passes(entry, need, admission, kept_back):
            return _Turn.WAITS
        outcome = self._admit_one(entry, asked, need, admission)
        if isinstance(outcome, Refusal) and asked.placements is not None:
            return self._admit_beside(entry) or outcome
        return outcome

    def _admit_beside(self, entry: Entry) -> _Turn | None:
        """Admit a load that must push nobody out with the layers that fit beside all others, if it fits so.

        Models that ask for one GPU in turns share it, instead of pushing each other out again and again.
        """
        self._place(entry, beside=True)
        asked = entry.waiters[0].asked
        need = _need(entry, asked)
        admission = self._plan(entry, asked, need)
        if not isinstance(admission, Admit) or any(step.kind == "unload" for step in admission.steps):
            return None
        outcome = self._admit_one(entry, asked, need, admission)
        return outcome if isinstance(outcome, _Turn) else None

    def _plan(self, entry: Entry, asked: Requested, need: Charge) -> Admission:
        state = self._state
        return plan_load(
            need,
            state.holders,
            state.bounds,
            model_id=entry.model_id,
            may_doze=state.policy.may_doze,
            spare_loaded_after=state.fresh_after if asked.guarded else math.inf,
        )

    def _passes(self, entry: Entry, need: Charge, admission: Admit, kept_back: list[Entry]) -> bool:
        """Whether the load takes nothing from those before it that wait."""
        return all(self._leaves_room_for(other, entry, need, admission) for other in kept_back)

    def refusal_without_plan(self, entry: Entry, asked: Requested, need: Charge) -> Refusal | None:
        """Why a model must not be loaded now, whatever room there is."""
        now = self._state.now
        if entry.limit_bytes is not None and need.total_bytes > entry.limit_bytes:
            return Refusal(
                "above its own limit",
                entry.model_id,
                need_bytes=need.total_bytes,
                limit_bytes=entry.limit_bytes,
                fits_context=asked.fits_context,
            )
        if not asked.guarded:
            return None
        if now < entry.cooldown_until:
            wait = entry.cooldown_until - now
            return Refusal("cooling down", entry.model_id, retry_seconds=wait, reason=entry.error)
        if self._relief.level >= Level.CRITICAL and self._state.machine is not None:
            return Refusal(
                "memory pressure",
                entry.model_id,
                need_bytes=need.total_bytes,
                available_bytes=self._state.machine.available_bytes,
                retry_seconds=_PRESSURE_HOLDS_SECONDS,
            )
        return None

    def _leaves_room_for(self, other: Entry, entry: Entry, need: Charge, admission: Admit) -> bool:
        """Whether `other`, which waits, would still fit if `entry` was there to stay."""
        state, measured = self._state, entry.measured
        gone = {step.model_id for step in admission.steps if step.kind == "unload"}
        holders = [
            replace(h, standing=Standing.UNLOADING) if h.model_id in gone else h
            for h in state.holders
            if h.model_id != entry.model_id
        ]
        private_bytes = measured.private_bytes if measured else 0
        stays = Holder(
            entry.model_id, need, Standing.BUSY, state.now, pinned=True, private_bytes=private_bytes
        )
        then = [*holders, stays]
        asked = other.waiters[0].asked
        if asked.placements is not None:
            asked = asked.placed(asked.placements.most(device_rooms(other.model_id, then, state.bounds)))
        plan = plan_load(other.need(asked), then, state.bounds, model_id=other.model_id)
        return not isinstance(plan, Shortage)

    def _admit_one(self, entry: Entry, asked: Requested, need: Charge, admission: Admit) -> _Turn | Refusal:
        state = self._state
        if entry.must_reload and entry.state.holds_host:
            goes: tuple[str, ...] = (entry.model_id,)
        else:
            goes = tuple(step.model_id for step in admission.steps if step.kind == "unload")
        if goes and asked.guarded:
            refusal = self._refusal_to_push_out(entry, need, goes)
            if refusal is not None:
                return refusal
            self._guard.made_room(entry.model_id, goes, state.now)
        if entry.must_reload and entry.state.holds_host:
            state.stop(entry, "reload", asked.actor)
            return _Turn.GOING
        state.carry_out(admission.steps, "make room", "another load", entry.model_id)
        if not entry.state.holds_host:
            state.take_over(entry, asked, need)
        entry.admitted = asked
        return _Turn.DONE

    def _refusal_to_push_out(self, entry: Entry, need: Charge, goes: Iterable[str]) -> Refusal | None:
        """Why a program's load must not unload these models now."""
        state = self._state
        if state.given_back.useless(state.now) and self._only_the_machine_is_short(entry, need):
            return self._nothing_gained(entry, need)
        return self._guard.refusal(entry.model_id, goes, state.policy.swaps_allowed, state.now)

    def _only_the_machine_is_short(self, entry: Entry, need: Charge) -> bool:
        """Whether the load fits under the total limit as it is, but not beside what the machine holds."""
        holders, bounds = self._state.holders, self._state.bounds

        def fits_at_once(bounds: Bounds) -> bool:
            return plan_load(need, holders, bounds, model_id=entry.model_id) == Admit()

        machine_alone = replace(bounds, total_limit_bytes=None)
        return fits_at_once(bounds.limits_alone) and not fits_at_once(machine_alone)

    def _nothing_gained(self, entry: Entry, need: Charge) -> Refusal:
        state = self._state
        return Refusal(
            "nothing gained",
            entry.model_id,
            need_bytes=need.total_bytes,
            room_bytes=room_for(entry.model_id, state.holders, state.bounds),
            retry_seconds=state.given_back.useless_seconds(state.now),
        )

    # --- start ---------------------------------------------------------------------------------------

    def _start(self) -> None:
        """Start admitted loads, in their order, as far as room is really there."""
        state = self._state
        admitted = [entry for entry in self._waiting() if entry.admitted is not None]
        promised = {entry.model_id for entry in admitted}
        for entry in admitted:
            promised.discard(entry.model_id)
            counted = [h for h in state.holders if h.model_id not in promised]
            if entry.holder is not None and not holds(counted, state.bounds.concerning(entry.holder.charge)):
                self._reconsider(entry)
                return
            asked = entry.waiters[0].asked
            if entry.state is State.DOZING:
                state.wake(entry, asked.actor)
            elif entry.must_grow and asked.beside is not None:
                state.grow(entry, asked.beside)
            else:
                state.start(entry, asked)

    def _reconsider(self, entry: Entry) -> None:
        """Room that was planned is not there: wait for what is still going, else plan again or give up."""
        state = self._state
        going = any(other.state is State.UNLOADING for other in state.entries.values())
        if going or state.given_back.pending:
            return
        entry.admitted = None
        first = entry.waiters[0]
        need = _need(entry, first.asked)
        if state.given_back.useless(state.now) and self._only_the_machine_is_short(entry, need):
            state.refuse(entry, first, self._nothing_gained(entry, need))


def _wakes(entry: Entry) -> bool:
    """Whether the first waiter needs no more than the weights of a dozing model back."""
    return entry.state is State.DOZING and not entry.must_reload


def _need(entry: Entry, asked: Requested) -> Charge:
    """What a model will be charged when it is loaded as asked, or awake."""
    awake = entry.charge_awake if _wakes(entry) else None
    return awake or entry.need(asked)


def _too_large(model_id: str, shortage: Shortage, fits_context: int | None) -> Refusal:
    code: RefusalCode = (
        "too large for the limit" if shortage.bound == "limit" else "too large for the machine"
    )
    if shortage.device:
        code, fits_context = "too large for the device", None
    return Refusal(
        "pinned in the way" if shortage.pinned else code,
        model_id,
        need_bytes=shortage.need_bytes,
        room_bytes=shortage.room_bytes,
        fits_context=fits_context,
        holders=shortage.pinned,
        device=shortage.device,
    )
