"""The cache of loaded models as a state machine: messages in, actions out.

It starts nothing and never waits: `ModelCache.handle` changes the state at once and returns what the
service has to do. The same messages at the same times give the same actions.

A load passes three gates. It is *queued* in the order of asking; it is *admitted* when a plan exists that
makes room for it (models told to go count as gone); it is *started* when that room is really there, which
is when the processes of the models that went are reaped.

The pieces: `cache_state` is what the cache knows and the verbs that change it, `load_queue` the three
gates, `limit_keeper` the limits, `relief` the machine, `thrash_guard` loops, `plan` the arithmetic.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import replace

from llmmem_gui.core import cache_messages as m
from llmmem_gui.core.cache_entry import Entry
from llmmem_gui.core.cache_state import CacheState
from llmmem_gui.core.ledger import Bounds, Holder, Standing
from llmmem_gui.core.limit_keeper import LimitKeeper
from llmmem_gui.core.load_queue import LoadQueue
from llmmem_gui.core.outlook import LimitsOutlook
from llmmem_gui.core.plan import device_rooms, room_for
from llmmem_gui.core.refusal import Refusal, RefusalCode
from llmmem_gui.core.relief import Relief
from llmmem_gui.core.sentence import Sentence
from llmmem_gui.core.snapshot import State


class ModelCache:
    """Keeps models loaded in least-recently-used order under limits."""

    def __init__(self, policy: m.Policy | None = None) -> None:
        self._state = CacheState(policy or m.Policy())
        self._relief = Relief(self._state.given_back)
        self._queue = LoadQueue(self._state, self._relief)
        self._limits = LimitKeeper(self._state, self._relief)
        self._sampled_at: float | None = None
        self._closing = False
        self._handlers: dict[type, Callable[..., None]] = {
            m.Requested: self._requested,
            m.Withdrawn: self._withdrawn,
            m.Finished: self._finished,
            m.UnloadAsked: self._unload_asked,
            m.CleanUpAsked: self._clean_up_asked,
            m.DozeAsked: self._doze_asked,
            m.PinSet: self._pin_set,
            m.LimitSet: self._limit_set,
            m.PolicySet: self._policy_set,
            m.HostReady: self._host_ready,
            m.HostFailed: self._host_failed,
            m.HostExited: self._host_exited,
            m.HostDozed: self._host_dozed,
            m.Sampled: self._sampled,
            m.TimePassed: self._time_passed,
            m.PressureChanged: self._pressure_changed,
            m.HelpOffered: self._help_offered,
            m.Closing: self._close,
        }

    def handle(self, message: m.Message, now: float) -> tuple[m.Action, ...]:
        """Take one message in at `now` (monotonic seconds) and return what has to be done, in order."""
        self._state.now = now
        self._state.actions = []
        self._handlers[type(message)](message)
        if not self._closing:
            self._settle()
        return tuple(self._state.actions)

    def outlook(self, change: m.PolicySet | m.LimitSet, now: float) -> LimitsOutlook:
        """What other rules, or another limit of a model, would bring at once, found out on a copy."""
        trial = copy.deepcopy(self)
        actions = trial.handle(change, now)
        leaving = {entry.model_id for entry in trial.entries if entry.draining}
        holders = [
            replace(holder, standing=Standing.UNLOADING) if holder.model_id in leaving else holder
            for holder in trial.holders
        ]
        left = room_for("", holders, trial.bounds)
        rooms = device_rooms("", holders, trial.bounds.limits_alone, beside=True)
        return LimitsOutlook(
            dozes=tuple(action.model_id for action in actions if isinstance(action, m.DozeHost)),
            unloads=tuple(action.model_id for action in actions if isinstance(action, m.StopHost)),
            waits_for=tuple(sorted(leaving)),
            over_bytes=0 if left is None else max(0, -left),
            over_on={device: int(-room) for device, room in rooms.items() if room < 0},
        )

    @property
    def policy(self) -> m.Policy:
        """The rules in force."""
        return self._state.policy

    @property
    def entries(self) -> Iterable[Entry]:
        """Every model that the cache knows of; not to be changed."""
        return self._state.entries.values()

    def entry(self, model_id: str) -> Entry | None:
        """The model's entry, or None when it was never asked for, pinned or limited."""
        return self._state.entries.get(model_id)

    @property
    def holders(self) -> tuple[Holder, ...]:
        """The models that hold memory or were promised some."""
        return self._state.holders

    @property
    def bounds(self) -> Bounds:
        """The bounds in force, with what the machine has available now."""
        return self._state.bounds

    @property
    def open_tickets(self) -> frozenset[int]:
        """Tickets that wait for an answer or use a model."""
        return frozenset(self._state.open_tickets)

    def _settle(self) -> None:
        """Bring the cache to rest: keep the limits, admit and start loads, grant what is loaded.

        What one round decides may make more possible, such as the reload of a model whose first waiter was
        granted. It ends: each round but the last answers somebody, or starts, stops or puts to sleep a host.
        """
        decided = -1
        while decided < len(self._state.actions):
            decided = len(self._state.actions)
            self._settle_once()

    def _settle_once(self) -> None:
        draining = self._limits.settle() | self._queue.settle()
        for entry in self._state.entries.values():
            drains = entry in draining and not entry.awaited
            if drains != entry.draining:
                entry.draining = drains
            while entry.grantable:
                self._state.grant(entry)

    # --- requests ------------------------------------------------------------------------------------

    def _requested(self, asked: m.Requested) -> None:
        entry = self._state.of(asked.model_id)
        refusal = self._refusal_at_the_door(entry, asked)
        if refusal is None:
            self._state.wait(entry, asked)
        else:
            self._state.actions.append(m.Refuse(asked.ticket, refusal))
            self._state.announce_refusal(refusal, asked.actor)

    def _refusal_at_the_door(self, entry: Entry, asked: m.Requested) -> Refusal | None:
        """What can be refused without waiting for its turn."""
        if self._closing:
            return Refusal("closing", entry.model_id)
        using = len(entry.waiters) + len(entry.in_flight)
        if using >= self.policy.queue_limit:
            requests = Sentence("Refusal", "{count} requests").format(count=using)
            return Refusal("queue full", entry.model_id, reason=requests)
        loaded = entry.state.holds_host and entry.state is not State.UNLOADING
        if loaded and entry.serves(asked):
            return None
        return self._queue.refusal_without_plan(entry, asked, entry.need(asked))

    def _withdrawn(self, message: m.Withdrawn) -> None:
        entry = self._state.of_ticket(message.ticket)
        if entry is None:
            return
        if message.ticket in entry.in_flight:
            self._state.end_use(entry, message.ticket)
            return
        gone = next(w for w in entry.waiters if w.asked.ticket == message.ticket)
        self._state.stop_waiting(entry, gone)
        if not entry.waiters and entry.state is State.LOADING and gone.asked.purpose == "load":
            # A client that hangs up may ask again: its load goes on. A load that was asked for by itself
            # is wanted by nobody once that somebody has cancelled it.
            self._state.stop(entry, "asked", gone.asked.actor, at_once=True)

    def _finished(self, message: m.Finished) -> None:
        entry = self._state.of_ticket(message.ticket)
        if entry is not None and message.ticket in entry.in_flight:
            entry.failures = 0
            self._state.end_use(entry, message.ticket)

    # --- commands ------------------------------------------------------------------------------------

    def _unload_asked(self, message: m.UnloadAsked) -> None:
        entry = self.entry(message.model_id)
        if entry is None:
            return
        code: RefusalCode = "cancelled" if entry.state in (State.QUEUED, State.LOADING) else "unloaded"
        self._empty(entry, Refusal(code, entry.model_id), Refusal("unloaded", entry.model_id))
        if entry.state.holds_host and entry.state is not State.UNLOADING:
            loading = entry.state is State.LOADING
            self._state.stop(entry, message.cause, message.actor, at_once=loading)

    def _clean_up_asked(self, message: m.CleanUpAsked) -> None:
        for entry in self.entries:
            if entry.idle and not entry.pinned:
                self._state.stop(entry, "clean up", message.actor)

    def _doze_asked(self, message: m.DozeAsked) -> None:
        entry = self.entry(message.model_id)
        if entry is not None and entry.idle and entry.state is State.READY:
            self._state.doze(entry, "asked", message.actor)

    def _pin_set(self, message: m.PinSet) -> None:
        self._state.of(message.model_id).pinned = message.pinned

    def _limit_set(self, message: m.LimitSet) -> None:
        entry, limit = self._state.of(message.model_id), message.limit_bytes
        entry.limit_bytes = limit if limit and limit > 0 else None
        entry.admitted = None

    def _policy_set(self, message: m.PolicySet) -> None:
        before, self._state.policy = self._state.policy, message.policy
        self._queue.plan_again()
        if message.policy.reserve_bytes != before.reserve_bytes and not self._closing:
            self._relief.reserve_moved()

    def _close(self, _: m.Closing) -> None:
        self._closing = True
        for entry in self.entries:
            refusal = Refusal("closing", entry.model_id)
            self._empty(entry, refusal, refusal)
            if entry.state.holds_host and entry.state is not State.UNLOADING:
                self._state.stop(entry, "quit", "program", at_once=entry.state is State.LOADING)

    def _empty(self, entry: Entry, to_waiters: Refusal, to_users: Refusal) -> None:
        """Send everybody away who waits for a model or uses it."""
        self._state.refuse_all(entry, to_waiters, announce=False)
        self._state.end_answers(entry, to_users)

    # --- hosts ---------------------------------------------------------------------------------------

    def _host_ready(self, message: m.HostReady) -> None:
        entry = self._state.of_host(message.model_id, message.host)
        if entry is None or entry.state is not State.LOADING:
            return
        entry.state = State.READY
        entry.context = message.context
        entry.load_seconds = message.seconds
        entry.loaded_at = entry.last_used = self._state.now
        entry.cooldown_until, entry.error = 0.0, None
        self._queue.load_ended(entry)
        actor = entry.waiters[0].asked.actor if entry.waiters else "program"
        self._state.announce("model-loaded", entry, actor=actor, numbers={"seconds": message.seconds})

    def _host_failed(self, message: m.HostFailed) -> None:
        entry = self._state.of_host(message.model_id, message.host)
        if entry is not None and entry.state is State.LOADING:
            self._load_failed(entry, message.reason)
            self._state.stop(entry, "load failed", "program", at_once=True)

    def _host_exited(self, message: m.HostExited) -> None:
        entry = self._state.of_host(message.model_id, message.host)
        if entry is None:
            return
        if entry.state is State.LOADING:
            self._load_failed(entry, message.reason)
        elif entry.state is not State.UNLOADING:
            # It was loaded and answered: what one client asked is not held against the model for all.
            entry.error = message.reason
            refusal = Refusal("host died", entry.model_id, reason=message.reason)
            self._state.end_answers(entry, refusal)
            self._state.announce("host-died", entry, "crashed", text=message.reason)
        self._state.reaped(entry)

    def _load_failed(self, entry: Entry, reason: Sentence) -> None:
        entry.count_failure(self._state.now, reason)
        self._queue.load_ended(entry)
        self._state.refuse_all(entry, Refusal("load failed", entry.model_id, reason=reason), announce=False)
        self._state.announce("load-failed", entry, "load failed", text=reason)

    # --- time and pressure ---------------------------------------------------------------------------

    def _host_dozed(self, message: m.HostDozed) -> None:
        entry = self._state.of_host(message.model_id, message.host)
        if entry is not None:
            entry.readable_from = self._state.now

    def _sampled(self, message: m.Sampled) -> None:
        sample = message.sample
        if sample.slept_seconds > 0 and self._sampled_at is not None:
            self._count_sleep(sample.slept_seconds, self._sampled_at)
        self._sampled_at = sample.monotonic
        self._state.read(sample)
        if not self._closing:
            self._expire_waiters()
            self._limits.sampled()

    def _time_passed(self, _: m.TimePassed) -> None:
        if not self._closing:
            self._expire_waiters()
            self._limits.unload_idle()

    def _count_sleep(self, seconds: float, before: float) -> None:
        """Count the time for which the machine was suspended as idle, and not as waiting.

        A model that nobody used for a night is idle since the evening, as a clock on the wall says. Those
        who wait for a model were suspended themselves. What was used since it woke is as new as it is.
        """
        for entry in self.entries:
            if entry.last_used <= before:
                entry.last_used -= seconds

    def _expire_waiters(self) -> None:
        now = self._state.now
        for entry in self.entries:
            for waiter in entry.waiters:
                if not waiter.late(now):
                    continue
                waits_for = entry.waits_for if entry.needs_load else ()
                refusal = Refusal(
                    "waited too long", entry.model_id, waited_seconds=now - waiter.since, holders=waits_for
                )
                self._state.refuse(entry, waiter, refusal)

    def _pressure_changed(self, message: m.PressureChanged) -> None:
        self._relief.level_changed(message.level)
        if not self._closing:
            self._limits.relieve()

    def _help_offered(self, message: m.HelpOffered) -> None:
        self._relief.help_offered(message.available, self._state.now)
