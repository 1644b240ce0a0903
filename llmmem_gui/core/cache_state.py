"""What the cache knows, and the verbs that change it: every action of the cache is made here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

from llmmem_gui.core import cache_messages as m
from llmmem_gui.core.cache_entry import Entry, Waiter
from llmmem_gui.core.device_use import DeviceUse
from llmmem_gui.core.events import Actor, Cause, EventType
from llmmem_gui.core.given_back import GivenBack
from llmmem_gui.core.ledger import Bounds, Charge, DeviceBounds, Holder
from llmmem_gui.core.plan import Step
from llmmem_gui.core.readings import MachineReading, Sample
from llmmem_gui.core.refusal import Refusal, RefusalCode
from llmmem_gui.core.sentence import Sentence
from llmmem_gui.core.snapshot import State

_REFUSAL_QUIET_SECONDS = 10.0
"""A program that asks again and again is refused each time, but put on the timeline once in this time."""


class CacheState:
    """Entries, tickets and readings of the cache."""

    def __init__(self, policy: m.Policy) -> None:
        self.policy = policy
        self.entries: dict[str, Entry] = {}
        self.machine: MachineReading | None = None
        self.given_back = GivenBack()
        self._device_use = DeviceUse()
        self.now = 0.0
        self.actions: list[m.Action] = []
        self._tickets: dict[int, Entry] = {}
        self._turn = 0
        self._last_host = 0
        self._refusal_said_at: dict[tuple[str, RefusalCode], float] = {}

    # --- what there is -------------------------------------------------------------------------------

    @property
    def holders(self) -> tuple[Holder, ...]:
        """The models that hold memory or were promised some."""
        return tuple(holder for entry in self.entries.values() if (holder := entry.holder) is not None)

    @property
    def fresh_after(self) -> float:
        """Models loaded after this moment and not used yet are spared."""
        return self.now - self.policy.fresh_seconds

    @property
    def bounds(self) -> Bounds:
        """The bounds in force, with what the machine has available now."""
        available = None
        if self.machine is not None:
            available = self.machine.available_bytes + self.given_back.credit_bytes
        limit = self.policy.total_limit_bytes
        devices = {
            name: DeviceBounds(most, self._available_on(name), self.policy.device_reserves.get(name, 0))
            for name, most in self.policy.device_limits.items()
        }
        return Bounds(limit if limit and limit > 0 else None, available, self.policy.reserve_bytes, devices)

    def _available_on(self, device: str) -> int | None:
        left = self._device_use.left_by_others(device)
        return None if left is None else left - sum(holder.taken_on(device) for holder in self.holders)

    def of(self, model_id: str) -> Entry:
        """The model's entry, made when there is none."""
        return self.entries.setdefault(model_id, Entry(model_id))

    def of_host(self, model_id: str, host: int) -> Entry | None:
        """The entry, if that host is still its host: a late word of an earlier one means nothing."""
        entry = self.entries.get(model_id)
        return entry if entry is not None and entry.host == host else None

    def of_ticket(self, ticket: int) -> Entry | None:
        """The entry that the ticket waits for or uses."""
        return self._tickets.get(ticket)

    @property
    def open_tickets(self) -> Iterable[int]:
        """Tickets that wait for an answer or use a model."""
        return self._tickets.keys()

    # --- tickets -------------------------------------------------------------------------------------

    def wait(self, entry: Entry, asked: m.Requested) -> None:
        """Let a request wait for its model."""
        self._turn += 1
        entry.waiters = (*entry.waiters, Waiter(asked, self.now, self._turn))
        self._tickets[asked.ticket] = entry
        self._follow_waiters(entry)

    def let_lead(self, entry: Entry, waiter: Waiter) -> None:
        """Put a waiter before all others of its model, in the turn that the first of them had."""
        others = tuple(other for other in entry.waiters if other is not waiter)
        entry.waiters = (replace(waiter, turn=others[0].turn), *others)

    def place(self, entry: Entry, number: int) -> None:
        """Let the load that its first waiter asked for put so many layers onto GPUs."""
        first, *others = entry.waiters
        placed = first.asked.placed(number)
        if placed is not first.asked:
            entry.waiters = (replace(first, asked=placed), *others)

    def stop_waiting(self, entry: Entry, waiter: Waiter) -> None:
        """Take a waiter away; its ticket is closed, and what was promised for it is not any more."""
        if entry.admitted is not None and entry.admitted.ticket == waiter.asked.ticket:
            entry.admitted = None
        entry.waiters = tuple(other for other in entry.waiters if other is not waiter)
        del self._tickets[waiter.asked.ticket]
        self._follow_waiters(entry)

    def grant(self, entry: Entry) -> None:
        """Give a loaded model to the first waiter who can have it."""
        served = entry.next_served
        assert served is not None
        asked, entry.waiters = served.asked, tuple(each for each in entry.waiters if each is not served)
        entry.last_used = self.now
        self.actions.append(m.Grant(asked.ticket, entry.model_id, entry.host))
        if asked.purpose == "use":
            entry.used = True
            entry.in_flight[asked.ticket] = asked
            entry.state = State.BUSY
        else:
            del self._tickets[asked.ticket]

    def end_use(self, entry: Entry, ticket: int) -> None:
        """Take a ticket back that used the model."""
        del entry.in_flight[ticket]
        del self._tickets[ticket]
        entry.last_used = self.now
        if not entry.in_flight and entry.state is State.BUSY:
            entry.state = State.READY

    def refuse(self, entry: Entry, waiter: Waiter, refusal: Refusal, *, announce: bool = True) -> None:
        """Tell a waiter that it will not get its model."""
        self.stop_waiting(entry, waiter)
        self.actions.append(m.Refuse(waiter.asked.ticket, refusal))
        if announce:
            self.announce_refusal(refusal, waiter.asked.actor)

    def refuse_all(self, entry: Entry, refusal: Refusal, *, announce: bool = True) -> None:
        """Tell all waiters of a model."""
        for waiter in entry.waiters:
            self.refuse(entry, waiter, refusal, announce=announce)

    def end_answers(self, entry: Entry, refusal: Refusal) -> None:
        """End all answers in flight: the model goes, or is gone."""
        for ticket in entry.in_flight:
            del self._tickets[ticket]
            self.actions.append(m.EndRequest(ticket, refusal))
        entry.in_flight = {}

    def _follow_waiters(self, entry: Entry) -> None:
        """A model without a host is queued exactly while somebody waits for it."""
        if entry.state.holds_host:
            return
        if not entry.waiters:
            entry.admitted = None
            if entry.state is State.QUEUED:
                entry.state = _at_rest(entry)
        elif entry.state is not State.QUEUED:
            entry.state = State.QUEUED
            first = entry.waiters[0].asked
            self.take_over(entry, first, first.charge)
            self.announce("load-queued", entry, actor=first.actor)

    # --- hosts ---------------------------------------------------------------------------------------

    @staticmethod
    def take_over(entry: Entry, asked: m.Requested, charge: Charge) -> None:
        """Let a model be loaded as it was asked for."""
        entry.asked, entry.parameters, entry.gpu_layers = charge, asked.parameters, asked.gpu_layers

    def start(self, entry: Entry, asked: m.Requested) -> None:
        """Start a host that loads the model as it was asked for."""
        self._last_host += 1
        entry.host = self._last_host
        charge = entry.need(asked)
        self.take_over(entry, asked, charge)
        if not asked.guarded:
            entry.outgrown = None  # whoever wants it all the same has it measured anew
        entry.admitted = None
        entry.state = State.LOADING
        entry.readable_from = self.now
        entry.error = None
        self.actions.append(m.StartHost(entry.model_id, entry.host, asked.as_placed, charge))
        numbers = {"forecast_bytes": charge.total_bytes}
        self.announce("load-started", entry, actor=asked.actor, numbers=numbers)

    def stop(
        self, entry: Entry, cause: Cause, actor: Actor, *, for_model: str | None = None, at_once: bool = False
    ) -> None:
        """End the host of a model."""
        if cause not in ("load failed", "crashed"):
            entry.error = None
        if cause in ("total limit", "model limit"):
            entry.remember_outgrown()
        entry.state = State.UNLOADING
        entry.admitted = None
        self.actions.append(m.StopHost(entry.model_id, entry.host, cause, actor, for_model, at_once))
        numbers = {"charge_bytes": charge.total_bytes} if (charge := entry.charge) is not None else {}
        self.announce("model-unloading", entry, cause, actor, for_model, numbers=numbers)

    def doze(self, entry: Entry, cause: Cause, actor: Actor, for_model: str | None = None) -> None:
        """Let a model drop its mapped weights."""
        numbers = {"weights_bytes": charge.weights_bytes} if (charge := entry.charge) is not None else {}
        entry.state = State.DOZING
        entry.asleep = True
        if entry.beside is not None and entry.beside.parameters.embeddings:
            entry.beside = None  # the host gives that context up; one for text holds conversations
        # Until the host says that it has dropped them, a reading may show the weights or not.
        entry.readable_from = math.inf
        if entry.measured is not None:
            entry.measured = replace(entry.measured, weights_bytes=0)
        self.actions.append(m.DozeHost(entry.model_id, entry.host))
        self.announce("model-dozed", entry, cause, actor, for_model, numbers=numbers)

    def wake(self, entry: Entry, actor: Actor) -> None:
        """Count a dozing model as ready: its weights come back as it reads them."""
        entry.admitted = None
        entry.asleep = False
        entry.readable_from = self.now
        entry.state = State.READY
        self.announce("model-woken", entry, actor=actor)

    def grow(self, entry: Entry, beside: m.Beside) -> None:
        """Let a loaded model have a second context; its host makes it when it is asked."""
        entry.admitted = None
        entry.beside = beside
        self.actions.append(m.GrowHost(entry.model_id, entry.host, beside))

    def carry_out(
        self, steps: Iterable[Step], cause: Cause, actor: Actor, for_model: str | None = None
    ) -> None:
        """Take the steps of a plan."""
        for step in steps:
            entry = self.entries[step.model_id]
            if step.kind == "doze":
                self.doze(entry, cause, actor, for_model)
            else:
                self.stop(entry, cause, actor, for_model=for_model)

    def reaped(self, entry: Entry) -> None:
        """The process of a model's host is gone."""
        if entry.measured is not None:
            self.given_back.reaped(entry.measured.private_bytes, self.now)
        entry.let_go()
        entry.state = _at_rest(entry)
        self._follow_waiters(entry)

    def read(self, sample: Sample) -> None:
        """Take a sample in."""
        self.machine = sample.machine
        self._device_use.sampled(sample, self.policy.device_addresses)
        for entry in self.entries.values():
            reading = sample.hosts.get(entry.model_id)
            if entry.host and reading is not None:
                entry.measure(reading, sample.monotonic)
        private = sum(reading.private_bytes for reading in sample.hosts.values())
        self.given_back.sampled(sample.machine.available_bytes, private, sample.monotonic)

    # --- the timeline --------------------------------------------------------------------------------

    def announce(
        self,
        kind: EventType,
        entry: Entry,
        cause: Cause | None = None,
        actor: Actor = "program",
        for_model: str | None = None,
        *,
        text: Sentence | None = None,
        numbers: Mapping[str, float] | None = None,
    ) -> None:
        """Put something on the timeline."""
        self.actions.append(m.Announce(kind, entry.model_id, cause, actor, for_model, text, numbers or {}))

    def announce_refusal(self, refusal: Refusal, actor: Actor) -> None:
        """Put a refusal on the timeline, unless the same one was said a moment ago."""
        key = (refusal.model_id, refusal.code)
        if self.now - self._refusal_said_at.get(key, -_REFUSAL_QUIET_SECONDS) < _REFUSAL_QUIET_SECONDS:
            return
        self._refusal_said_at[key] = self.now
        entry = self.of(refusal.model_id)
        self.announce("load-refused", entry, actor=actor, text=refusal.sentence, numbers=refusal.numbers)


def _at_rest(entry: Entry) -> State:
    return State.FAILED if entry.error else State.UNLOADED
