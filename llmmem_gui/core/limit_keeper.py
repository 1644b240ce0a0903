"""Keeps what is loaded under the limits: of single models, in total, in idle time, and for the machine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from llmmem_gui.core.cache_entry import Entry
from llmmem_gui.core.cache_messages import AskForHelp
from llmmem_gui.core.cache_state import CacheState
from llmmem_gui.core.events import Actor, Cause
from llmmem_gui.core.ledger import Bounds, Charge
from llmmem_gui.core.plan import Admit, Step, holds, plan_drain, plan_load, plan_relief
from llmmem_gui.core.pressure import Level
from llmmem_gui.core.refusal import Refusal
from llmmem_gui.core.relief import Relief
from llmmem_gui.core.snapshot import State

_STOPPED_LOAD_WAITS_SECONDS = 30.0
"""Before a program asks again for a load that left the machine without memory."""


class LimitKeeper:
    """Unloads, in the order of last use, what is above a limit; what is in use goes when it is done.

    A pinned model is never unloaded here.
    """

    def __init__(self, state: CacheState, relief: Relief) -> None:
        self._state = state
        self._relief = relief
        self._given_up: dict[str, Charge] = {}
        """Models unloaded for the machine's sake, to be offered again, with what they took."""

    def settle(self) -> set[Entry]:
        """Keep the limits; the models in use that must take no further requests because of them."""
        return (
            self._keep_model_limits()
            | self._keep_total_limit()
            | self._keep_device_limits()
            | self._keep_reserve()
        )

    def sampled(self) -> None:
        """Look at idle times, the machine and its reserve after a new reading."""
        self.unload_idle()
        self._relief.watch_reserve(
            self._state.holders, replace(self._state.bounds, total_limit_bytes=None, devices={})
        )
        self.relieve()

    # --- limits of the user --------------------------------------------------------------------------

    def _keep_model_limits(self) -> set[Entry]:
        draining: set[Entry] = set()
        if self._state.policy.over_limit == "warn":
            return draining
        for entry in self._state.entries.values():
            if not entry.over_limit or entry.pinned or entry.must_reload or entry.awaited:
                continue
            if entry.state is State.BUSY:
                draining.add(entry)
            elif entry.state in (State.READY, State.DOZING):
                # Those who wait for it are refused in their turn: it is remembered what it took.
                self._state.stop(entry, "model limit", "limit")
        return draining

    def _keep_total_limit(self) -> set[Entry]:
        return self._keep(Bounds(total_limit_bytes=self._state.bounds.total_limit_bytes), "total limit")

    def _keep_device_limits(self) -> set[Entry]:
        # Their limits alone: whoever plays a game next to the models has not asked for them to go.
        return self._keep(Bounds(devices=self._state.bounds.limits_alone.devices), "device limit")

    def _keep_reserve(self) -> set[Entry]:
        if not self._relief.reserve_broken(self._state.now):
            return set()
        return self._keep(replace(self._state.bounds, total_limit_bytes=None, devices={}), "reserve")

    def _keep(self, bounds: Bounds, cause: Cause) -> set[Entry]:
        """Take idle models out until the bounds hold; those in use that have to follow when they are done."""
        state = self._state
        holders = state.holders
        if holds(holders, bounds):
            return set()
        steps = plan_relief(holders, bounds, may_doze=state.policy.may_doze)
        if cause == "reserve":
            steps = self._after_help(steps, "limit")
            self._give_up(steps)
        state.carry_out(steps, cause, "limit")
        if cause == "reserve" and self._relief.waits_for_help(state.now):
            return set()
        return {state.entries[model_id] for model_id in plan_drain(holders, bounds)}

    # --- time ----------------------------------------------------------------------------------------

    def unload_idle(self) -> None:
        """Unload what nobody used for longer than the policy allows."""
        limit = self._state.policy.idle_seconds
        if limit <= 0:
            return
        for entry in self._state.entries.values():
            if entry.idle and not entry.pinned and self._state.now - entry.last_used >= limit:
                self._state.stop(entry, "idle", "idle timer")

    # --- the machine ---------------------------------------------------------------------------------

    def relieve(self) -> None:
        """Give up what the pressure on the machine demands now, and offer it again when that is over."""
        state = self._state
        if self._stop_a_load():
            return
        steps = self._relief.steps(
            state.holders,
            state.now,
            may_doze=state.policy.may_doze,
            spare_loaded_after=state.fresh_after,
        )
        steps = self._after_help(steps, "memory pressure")
        self._give_up(steps)
        state.carry_out(steps, "pressure", "memory pressure")
        if self._relief.level is Level.NORMAL:
            self._offer_again()

    def _stop_a_load(self) -> bool:
        """In an emergency, stop the load that began last; the one before it only if that did not help."""
        state = self._state
        loading = [
            entry for entry in state.entries.values() if entry.state is State.LOADING and not entry.pinned
        ]
        if self._relief.level < Level.EMERGENCY or not loading:
            return False
        going = any(entry.state is State.UNLOADING for entry in state.entries.values())
        if not going and not state.given_back.pending:
            newest = max(loading, key=lambda entry: entry.host)
            refusal = Refusal(
                "load stopped",
                newest.model_id,
                need_bytes=newest.asked.total_bytes if newest.asked else None,
                available_bytes=state.machine.available_bytes if state.machine else None,
                retry_seconds=_STOPPED_LOAD_WAITS_SECONDS,
            )
            state.refuse_all(newest, refusal)
            state.stop(newest, "pressure", "memory pressure", at_once=True)
        return True

    def _after_help(self, steps: tuple[Step, ...], actor: Actor) -> tuple[Step, ...]:
        """The steps that are taken now: nothing is unloaded while another program may give up something."""
        if any(step.kind == "unload" for step in steps) and self._relief.asks_for_help(self._state.now):
            self._state.actions.append(AskForHelp(actor))
        if not self._relief.waits_for_help(self._state.now):
            return steps
        return tuple(step for step in steps if step.kind != "unload")

    def _give_up(self, steps: Iterable[Step]) -> None:
        for step in steps:
            charge = self._state.entries[step.model_id].charge
            if step.kind == "unload" and charge is not None:
                self._given_up[step.model_id] = charge

    def _offer_again(self) -> None:
        """Offer what was given up to be loaded again, once, when there is room for it."""
        state = self._state
        for model_id, charge in list(self._given_up.items()):
            entry = state.of(model_id)
            if entry.state.holds_host and entry.state is not State.UNLOADING:
                del self._given_up[model_id]
            elif not entry.state.holds_host and plan_load(charge, state.holders, state.bounds) == Admit():
                del self._given_up[model_id]
                numbers = {"need_bytes": float(charge.total_bytes)}
                state.announce("reload-offered", entry, "pressure", "memory pressure", numbers=numbers)
