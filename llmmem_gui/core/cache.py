"""The cache of loaded models as a state machine: messages in, actions out.

It starts nothing and never waits: `ModelCache.handle` changes the state at once and returns what the
service has to do. The same messages at the same times give the same actions.

A load passes three gates. It is *queued* in the order of asking; it is *admitted* when a plan exists that
makes room for it (models told to go count as gone); it is *started* when that room is really there, which
is when the processes of the models that went are reaped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from llmmem_gui.core import cache_messages as m
from llmmem_gui.core.cache_entry import Entry, Waiter
from llmmem_gui.core.events import Actor, Cause, EventType
from llmmem_gui.core.plan import Bounds, Holder, Shortage, Step, Wait, plan_load, plan_relief, room
from llmmem_gui.core.pressure import Level
from llmmem_gui.core.readings import MachineReading
from llmmem_gui.core.refusal import Refusal, RefusalCode
from llmmem_gui.core.relief import Relief
from llmmem_gui.core.snapshot import State

_CLOCK_JUMP_SECONDS = 30.0
"""A longer gap between two samples means that the machine slept: nothing was idle meanwhile."""


class ModelCache:
    """Keeps models loaded in least-recently-used order under limits."""

    def __init__(self, policy: m.Policy | None = None) -> None:
        self._policy = policy or m.Policy()
        self._entries: dict[str, Entry] = {}
        self._queue: list[Entry] = []
        self._tickets: dict[int, Entry] = {}
        self._machine: MachineReading | None = None
        self._sampled_at: float | None = None
        self._returned_bytes = 0
        self._next_host = 1
        self._closing = False
        self._now = 0.0
        self._relief = Relief()
        self._given_up: list[str] = []
        self._actions: list[m.Action] = []
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
            m.Sampled: self._sampled,
            m.PressureChanged: self._pressure_changed,
            m.Closing: self._close,
        }

    def handle(self, message: m.Message, now: float) -> tuple[m.Action, ...]:
        """Take one message in at `now` (monotonic seconds) and return what has to be done, in order."""
        self._now = now
        self._actions = []
        self._handlers[type(message)](message)
        self._settle()
        return tuple(self._actions)

    @property
    def policy(self) -> m.Policy:
        """The rules in force."""
        return self._policy

    @property
    def entries(self) -> Iterable[Entry]:
        """Every model that the cache knows of; not to be changed."""
        return self._entries.values()

    def entry(self, model_id: str) -> Entry | None:
        """The model's entry, or None when it was never asked for, pinned or limited."""
        return self._entries.get(model_id)

    @property
    def holders(self) -> tuple[Holder, ...]:
        """The models that hold memory or were promised some."""
        return tuple(h for entry in self._entries.values() if (h := entry.holder) is not None)

    @property
    def bounds(self) -> Bounds:
        """The bounds in force, with what the machine has available now."""
        available = None
        if self._machine is not None:
            available = self._machine.available_bytes + self._returned_bytes
        return Bounds(self._policy.total_limit_bytes, available, self._policy.reserve_bytes)

    # --- requests ------------------------------------------------------------------------------------

    def _requested(self, asked: m.Requested) -> None:
        entry = self._of(asked.model_id)
        refusal = self._refused_at_the_door(entry, asked)
        if refusal is not None:
            self._actions.append(m.Refuse(asked.ticket, refusal))
            self._announce_refusal(refusal, asked.actor)
            return
        entry.waiters.append(Waiter(asked, self._now))
        self._tickets[asked.ticket] = entry
        if not entry.state.holds_host and entry not in self._queue:
            self._want(entry, asked)
            self._announce("load-queued", entry, actor=asked.actor)

    def _refused_at_the_door(self, entry: Entry, asked: m.Requested) -> Refusal | None:
        if self._closing:
            return Refusal("closing", entry.model_id)
        using = len(entry.waiters) + len(entry.in_flight)
        if using >= self._policy.queue_limit:
            return Refusal("queue full", entry.model_id, reason=f"{using} requests")
        loaded = entry.state.holds_host and entry.state is not State.UNLOADING
        if loaded and not (asked.exact and asked.parameters != entry.parameters):
            return None
        if asked.purpose == "use" and self._now < entry.cooldown_until:
            return Refusal(
                "cooling down",
                entry.model_id,
                seconds=entry.cooldown_until - self._now,
                reason=entry.error or "",
            )
        if entry.limit_bytes is not None and asked.charge.total_bytes > entry.limit_bytes:
            return Refusal(
                "above its own limit",
                entry.model_id,
                need_bytes=asked.charge.total_bytes,
                limit_bytes=entry.limit_bytes,
                fits_context=asked.fits_context,
            )
        return None

    def _want(self, entry: Entry, asked: m.Requested) -> None:
        """Queue the model to be loaded as `asked`."""
        entry.state = State.QUEUED
        entry.asked = asked.charge
        entry.parameters = asked.parameters
        entry.admitted = False
        if entry not in self._queue:
            self._queue.append(entry)

    def _withdrawn(self, message: m.Withdrawn) -> None:
        entry = self._tickets.pop(message.ticket, None)
        if entry is None:
            return
        if message.ticket in entry.in_flight:
            self._end_use(entry, message.ticket)
            return
        gone = next(w for w in entry.waiters if w.asked.ticket == message.ticket)
        entry.waiters.remove(gone)
        if not entry.waiters and entry.state is State.LOADING and gone.asked.purpose == "load":
            # A client that hangs up may ask again: its load goes on. A load that was asked for by itself
            # is wanted by nobody once that somebody has cancelled it.
            self._stop(entry, "asked", gone.asked.actor, at_once=True)

    def _finished(self, message: m.Finished) -> None:
        entry = self._tickets.pop(message.ticket, None)
        if entry is not None:
            self._end_use(entry, message.ticket)

    def _end_use(self, entry: Entry, ticket: int) -> None:
        entry.in_flight.pop(ticket, None)
        entry.last_used = self._now
        if not entry.in_flight and entry.state is State.BUSY:
            entry.state = State.READY

    # --- commands ------------------------------------------------------------------------------------

    def _unload_asked(self, message: m.UnloadAsked) -> None:
        entry = self._entries.get(message.model_id)
        if entry is None:
            return
        code: RefusalCode = "cancelled" if entry.state in (State.QUEUED, State.LOADING) else "unloaded"
        self._refuse_waiters(entry, Refusal(code, entry.model_id), announce=False)
        self._end_answers(entry, Refusal("unloaded", entry.model_id))
        if entry.state.holds_host and entry.state is not State.UNLOADING:
            loading = entry.state is State.LOADING
            self._stop(entry, message.cause, message.actor, at_once=loading)

    def _clean_up_asked(self, message: m.CleanUpAsked) -> None:
        for entry in self._entries.values():
            if entry.idle and not entry.pinned:
                self._stop(entry, "clean up", message.actor)

    def _doze_asked(self, message: m.DozeAsked) -> None:
        entry = self._entries.get(message.model_id)
        if entry is not None and entry.idle and entry.state is State.READY:
            self._doze(entry, "asked", message.actor)

    def _pin_set(self, message: m.PinSet) -> None:
        self._of(message.model_id).pinned = message.pinned

    def _limit_set(self, message: m.LimitSet) -> None:
        self._of(message.model_id).limit_bytes = message.limit_bytes

    def _policy_set(self, message: m.PolicySet) -> None:
        self._policy = message.policy

    def _close(self, _: m.Closing) -> None:
        self._closing = True
        for entry in self._entries.values():
            refusal = Refusal("closing", entry.model_id)
            self._refuse_waiters(entry, refusal, announce=False)
            self._end_answers(entry, refusal)
            if entry.state.holds_host and entry.state is not State.UNLOADING:
                self._stop(entry, "quit", "program", at_once=entry.state is State.LOADING)

    # --- hosts ---------------------------------------------------------------------------------------

    def _host_ready(self, message: m.HostReady) -> None:
        entry = self._of_host(message.model_id, message.host)
        if entry is None or entry.state is not State.LOADING:
            return
        entry.state = State.READY
        entry.context = message.context
        entry.load_seconds = message.seconds
        entry.loaded_at = entry.last_used = self._now
        entry.failures, entry.cooldown_until, entry.error = 0, 0.0, None
        actor = entry.waiters[0].asked.actor if entry.waiters else "program"
        self._announce("model-loaded", entry, actor=actor, numbers={"seconds": message.seconds})

    def _host_failed(self, message: m.HostFailed) -> None:
        entry = self._of_host(message.model_id, message.host)
        if entry is not None and entry.state is State.LOADING:
            self._load_failed(entry, message.reason)
            self._stop(entry, "load failed", "program", at_once=True)

    def _host_exited(self, message: m.HostExited) -> None:
        entry = self._of_host(message.model_id, message.host)
        if entry is None:
            return
        if entry.measured is not None:
            self._returned_bytes += entry.measured.private_bytes
        if entry.state is State.LOADING:
            self._load_failed(entry, message.reason)
        elif entry.state is not State.UNLOADING:
            entry.error = message.reason
            self._end_answers(entry, Refusal("host died", entry.model_id, reason=message.reason))
            self._announce("host-died", entry, "crashed", text=message.reason)
        entry.let_go()
        entry.state = State.FAILED if entry.error else State.UNLOADED
        if entry.waiters:
            self._want(entry, entry.waiters[0].asked)

    def _load_failed(self, entry: Entry, reason: str) -> None:
        entry.count_failure(self._now, reason)
        refusal = Refusal("load failed", entry.model_id, reason=reason)
        self._refuse_waiters(entry, refusal, announce=False)
        self._announce("load-failed", entry, "load failed", text=reason)

    # --- time and pressure ---------------------------------------------------------------------------

    def _sampled(self, message: m.Sampled) -> None:
        sample = message.sample
        if self._sampled_at is not None:
            gap = sample.monotonic - self._sampled_at
            if gap > _CLOCK_JUMP_SECONDS:
                self._shift_clocks(gap)
        self._sampled_at = sample.monotonic
        self._machine = sample.machine
        self._returned_bytes = 0
        for entry in self._entries.values():
            if entry.host:
                entry.measured = sample.hosts.get(entry.model_id, entry.measured)
        self._expire_waiters()
        self._unload_idle()
        self._relieve_pressure()

    def _shift_clocks(self, gap: float) -> None:
        for entry in self._entries.values():
            entry.last_used += gap
            entry.waiters = [replace(waiter, since=waiter.since + gap) for waiter in entry.waiters]

    def _expire_waiters(self) -> None:
        busy = tuple(e.model_id for e in self._entries.values() if e.state is State.BUSY)
        for entry in self._entries.values():
            for waiter in [w for w in entry.waiters if w.late(self._now)]:
                entry.waiters.remove(waiter)
                waited = self._now - waiter.since
                self._refuse(waiter, Refusal("waited too long", entry.model_id, seconds=waited, holders=busy))

    def _unload_idle(self) -> None:
        limit = self._policy.idle_seconds
        if limit <= 0:
            return
        for entry in self._entries.values():
            if entry.idle and not entry.pinned and self._now - entry.last_used >= limit:
                self._stop(entry, "idle", "idle timer")

    def _pressure_changed(self, message: m.PressureChanged) -> None:
        self._relief.level_changed(message.level)
        self._relieve_pressure()
        if message.level is Level.NORMAL:
            for model_id in self._given_up:
                if not self._of(model_id).state.holds_host:
                    self._announce("reload-offered", self._of(model_id), "pressure", "memory pressure")
            self._given_up = []

    def _relieve_pressure(self) -> None:
        available = self._machine.available_bytes if self._machine is not None else 0
        for step in self._relief.steps(self.holders, available, self._now, may_doze=self._policy.may_doze):
            entry = self._entries[step.model_id]
            if step.kind == "doze":
                self._doze(entry, "pressure", "memory pressure")
            else:
                self._given_up.append(step.model_id)
                self._stop(entry, "pressure", "memory pressure")

    # --- settling: grant, keep the limits, admit, start ----------------------------------------------

    def _settle(self) -> None:
        self._queue = [entry for entry in self._queue if entry.waiters or self._leave_queue(entry)]
        self._grant_ready()
        self._keep_model_limits()
        self._keep_total_limit()
        if not self._closing:
            self._admit_queue()
            self._start_admitted()
            self._grant_ready()

    def _leave_queue(self, entry: Entry) -> bool:
        """Take an entry for which nobody waits any longer out of the queue."""
        entry.admitted = False
        if entry.state is State.QUEUED:
            entry.state = State.FAILED if entry.error else State.UNLOADED
        return False

    def _grant_ready(self) -> None:
        for entry in self._entries.values():
            if entry.state not in (State.READY, State.BUSY) or not entry.waiters:
                continue
            while entry.waiters and not entry.must_reload:
                asked = entry.waiters.pop(0).asked
                entry.last_used = self._now
                self._actions.append(m.Grant(asked.ticket, entry.model_id, entry.host))
                if asked.purpose == "use":
                    entry.in_flight[asked.ticket] = asked
                    entry.state = State.BUSY
                else:
                    self._tickets.pop(asked.ticket, None)

    def _keep_model_limits(self) -> None:
        if self._policy.over_limit != "unload":
            return
        for entry in self._entries.values():
            if entry.over_limit and entry.idle and not entry.pinned:
                self._stop(entry, "model limit", "limit")

    def _keep_total_limit(self) -> None:
        bounds = Bounds(total_limit_bytes=self._policy.total_limit_bytes)
        self._carry_out(
            plan_relief(self.holders, bounds, may_doze=self._policy.may_doze), "total limit", None
        )

    def _admit_queue(self) -> None:
        for entry in self._entries.values():
            wants = entry.state is State.DOZING or entry.must_reload
            if entry.waiters and wants and entry not in self._queue:
                self._queue.append(entry)
        for entry in list(self._queue):
            if not entry.admitted and not self._admit(entry):
                return

    def _admit(self, entry: Entry) -> bool:
        """Plan the load of the first entry that is not admitted; False: those behind it wait."""
        if entry.state is State.UNLOADING:
            return False
        first = entry.waiters[0].asked
        need = first.charge if entry.state is not State.DOZING or entry.must_reload else entry.asked
        assert need is not None  # a dozing model was loaded once
        admission = plan_load(
            need, self.holders, self.bounds, model_id=entry.model_id, may_doze=self._policy.may_doze
        )
        if isinstance(admission, Shortage):
            self._queue.remove(entry)
            self._refuse_waiters(entry, _too_large(entry.model_id, admission, first.fits_context))
            self._leave_queue(entry)
            return True
        reloads_in_use = entry.must_reload and entry.state in (State.BUSY, State.LOADING)
        if isinstance(admission, Wait) or reloads_in_use:
            return False
        if entry.state.holds_host and entry.must_reload:
            self._queue.remove(entry)
            self._stop(entry, "reload", first.actor)
            return False
        self._carry_out(admission.steps, "make room", entry.model_id)
        entry.admitted = True
        return True

    def _start_admitted(self) -> None:
        """Start admitted loads, in their order, as far as room is really there."""
        waiting = [entry for entry in self._queue if entry.admitted]
        promised = {entry.model_id for entry in waiting}
        for entry in waiting:
            promised.discard(entry.model_id)
            counted = [h for h in self.holders if h.model_id not in promised]
            left = room(counted, self.bounds)
            if left is not None and left < 0:
                if not any(e.state is State.UNLOADING for e in self._entries.values()):
                    entry.admitted = False  # the machine has less than when it was planned: plan again
                return
            self._queue.remove(entry)
            self._start(entry)

    def _start(self, entry: Entry) -> None:
        entry.admitted = False
        actor = entry.waiters[0].asked.actor
        if entry.state is State.DOZING:
            entry.state = State.READY
            self._announce("model-woken", entry, actor=actor)
            return
        assert entry.asked is not None
        entry.host = self._next_host
        self._next_host += 1
        entry.state = State.LOADING
        entry.error = None
        self._actions.append(m.StartHost(entry.model_id, entry.host, entry.parameters, entry.asked))
        self._announce(
            "load-started", entry, actor=actor, numbers={"forecast_bytes": entry.asked.total_bytes}
        )

    # --- doing ---------------------------------------------------------------------------------------

    def _carry_out(self, steps: Iterable[Step], cause: Cause, for_model: str | None) -> None:
        actor: Actor = "limit" if for_model is None else "another load"
        for step in steps:
            entry = self._entries[step.model_id]
            if step.kind == "doze":
                self._doze(entry, cause, actor, for_model)
            else:
                self._stop(entry, cause, actor, for_model=for_model)

    def _stop(
        self, entry: Entry, cause: Cause, actor: Actor, *, for_model: str | None = None, at_once: bool = False
    ) -> None:
        if cause not in ("load failed", "crashed"):
            entry.error = None
        entry.state = State.UNLOADING
        entry.admitted = False
        self._actions.append(m.StopHost(entry.model_id, entry.host, cause, actor, for_model, at_once))
        self._announce("model-unloading", entry, cause, actor, for_model)

    def _doze(self, entry: Entry, cause: Cause, actor: Actor, for_model: str | None = None) -> None:
        entry.state = State.DOZING
        if entry.measured is not None:
            entry.measured = replace(entry.measured, weights_bytes=0)
        self._actions.append(m.DozeHost(entry.model_id, entry.host))
        self._announce("model-dozed", entry, cause, actor, for_model)

    def _refuse_waiters(self, entry: Entry, refusal: Refusal, *, announce: bool = True) -> None:
        waiters, entry.waiters = entry.waiters, []
        for waiter in waiters:
            self._refuse(waiter, refusal, announce=announce and waiter is waiters[0])

    def _refuse(self, waiter: Waiter, refusal: Refusal, *, announce: bool = True) -> None:
        self._tickets.pop(waiter.asked.ticket, None)
        self._actions.append(m.Refuse(waiter.asked.ticket, refusal))
        if announce:
            self._announce_refusal(refusal, waiter.asked.actor)

    def _end_answers(self, entry: Entry, refusal: Refusal) -> None:
        for ticket in entry.in_flight:
            self._tickets.pop(ticket, None)
            self._actions.append(m.EndRequest(ticket, refusal))
        entry.in_flight = {}

    def _announce(
        self,
        kind: EventType,
        entry: Entry,
        cause: Cause | None = None,
        actor: Actor = "program",
        for_model: str | None = None,
        *,
        text: str = "",
        numbers: dict[str, float] | None = None,
    ) -> None:
        self._actions.append(m.Announce(kind, entry.model_id, cause, actor, for_model, text, numbers or {}))

    def _announce_refusal(self, refusal: Refusal, actor: Actor) -> None:
        named = {
            "need_bytes": refusal.need_bytes,
            "room_bytes": refusal.room_bytes,
            "limit_bytes": refusal.limit_bytes,
        }
        numbers = {name: float(value) for name, value in named.items() if value is not None}
        announcement = m.Announce(
            "load-refused", refusal.model_id, None, actor, text=refusal.sentence, numbers=numbers
        )
        self._actions.append(announcement)

    def _of(self, model_id: str) -> Entry:
        return self._entries.setdefault(model_id, Entry(model_id))

    def _of_host(self, model_id: str, host: int) -> Entry | None:
        """The entry, if that host is still its host: a late word of an earlier one means nothing."""
        entry = self._entries.get(model_id)
        return entry if entry is not None and entry.host == host else None


def _too_large(model_id: str, shortage: Shortage, fits_context: int | None) -> Refusal:
    code: RefusalCode = (
        "too large for the limit" if shortage.bound == "limit" else "too large for the machine"
    )
    return Refusal(
        "pinned in the way" if shortage.pinned else code,
        model_id,
        need_bytes=shortage.need_bytes,
        room_bytes=shortage.room_bytes,
        fits_context=fits_context,
        holders=shortage.pinned,
    )
