"""What is true of the cache whatever happens, checked against a much simpler model of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from llmmem_gui.core import cache_messages as m
from llmmem_gui.core.cache import ModelCache
from llmmem_gui.core.ledger import Charge
from llmmem_gui.core.outlook import Outlook
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.pressure import Level
from llmmem_gui.core.refusal import Refusal
from llmmem_gui.core.sentence import verbatim
from llmmem_gui.core.snapshot import State
from tests.core.onlooker import Books, SeenHost, choose, ids
from tests.core.stage import Stage

MODELS = ("a", "b", "c", "d", "e", "f")
FILES = {"a": "one", "b": "one", "c": "two", "d": "three", "e": "four", "f": "five"}
"""Two models share a file."""
CONTEXTS = (1024, 4096, 8192)
AUTOMATIC = ("make room", "total limit", "model limit", "idle", "pressure", "reserve", "clean up")
MACHINE_BYTES = 60

models = st.sampled_from(MODELS)
limits = st.one_of(st.none(), st.integers(5, 40))


class CacheMachine(RuleBasedStateMachine):
    """Drives a cache at random and keeps books of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.stage = Stage(m.Policy(), machine_bytes=MACHINE_BYTES)
        self.seen: dict[int, SeenHost] = {}
        self.books = Books(self.stage.cache, self.seen)
        self.asked: dict[int, m.Requested] = {}
        self.waiting: set[int] = set()
        self.ends: Counter[int] = Counter()
        self.refused: set[int] = set()
        self.level = Level.NORMAL
        self.pinned: set[str] = set()

    @initialize(
        total=limits,
        reserve=st.integers(0, 10),
        idle=st.sampled_from((0, 20)),
        over=st.sampled_from(("unload", "warn")),
        doze=st.booleans(),
    )
    def set_rules(self, total: int | None, reserve: int, idle: float, over: m.OverLimit, doze: bool) -> None:
        """Each run has rules of its own."""
        self.tell(
            m.PolicySet(m.Policy(total, reserve, idle, 6, doze, over, fresh_seconds=8, drain_seconds=3))
        )

    # --- what may happen -----------------------------------------------------------------------------

    @rule(
        model=models,
        private=st.integers(0, 20),
        weights=st.integers(0, 15),
        actor=st.sampled_from(("api", "api", "window")),
        embeddings=st.sampled_from((False, False, True)),
        patience=st.sampled_from((None, 4, 30)),
        second=st.one_of(st.none(), st.integers(0, 8)),
        tokens=st.sampled_from((512, 2048)),
    )
    def ask(
        self,
        model: str,
        private: int,
        weights: int,
        actor: m.Actor,
        embeddings: bool,
        patience: float | None,
        second: int | None,
        tokens: int,
    ) -> None:
        """An answer, as the service asks for it: with the parameters in force, else the usual ones."""
        entry = self.stage.cache.entry(model)
        held = entry is not None and entry.state.holds_host
        base = entry.parameters if entry and held else LoadParameters()
        parameters = msgspec.structs.replace(base, embeddings=embeddings)
        had_at_once = self.gives(model, embeddings)
        wanted = msgspec.structs.replace(parameters, context=tokens if embeddings else parameters.context)
        beside = None if second is None else m.Beside(wanted, Charge(second, 0, FILES[model]))
        charge = Charge(private, weights, FILES[model])
        ticket = self.request(model, charge, parameters, actor, patience_seconds=patience, beside=beside)
        if had_at_once:
            assert ticket in self.in_flight or ticket in self.refused, "an answer that could be had at once"

    @rule(
        model=models,
        private=st.integers(0, 20),
        weights=st.integers(0, 15),
        actor=st.sampled_from(("api", "window")),
        context=st.sampled_from((None, *CONTEXTS)),
    )
    def load(self, model: str, private: int, weights: int, actor: m.Actor, context: int | None) -> None:
        """A load and no more, with parameters of its own or as the settings say."""
        charge = Charge(private, weights, FILES[model])
        parameters = LoadParameters(context=context or 4096)
        unloaded = self.stage.state(model) in (State.UNLOADED, State.FAILED)
        foretold = unloaded and not self.waiting and actor == "window"
        expected = self.stage.outlook(model, charge) if foretold else None
        before = len(self.stage.actions)
        ticket = self.request(model, charge, parameters, actor, purpose="load", exact=context is not None)
        if expected is not None:
            self.check_outlook(expected, ticket, self.stage.actions[before:])

    def check_outlook(self, expected: Outlook, ticket: int, actions: list[m.Action]) -> None:
        """A load goes as its row said."""
        assert ids(actions, m.StopHost) == expected.unloads
        assert ids(actions, m.DozeHost) == expected.dozes
        assert (ticket in self.refused) == (expected.obstacle is not None)
        entry = self.stage.cache.entry(self.asked[ticket].model_id)
        assert entry is not None
        if ticket in self.waiting:
            assert entry.waits_for == expected.waits_for
            assert (entry.admitted is None and entry.state is State.QUEUED) == bool(expected.waits_for)

    def gives(self, model: str, embeddings: bool) -> bool:
        """Whether the model is loaded for that, nobody waits for it, and it is not about to go."""
        entry = self.stage.cache.entry(model)
        if entry is None or entry.state not in (State.READY, State.BUSY) or entry.waiters or entry.draining:
            return False
        return entry.parameters.embeddings == embeddings

    @precondition(lambda self: self.waiting)
    @rule(pick=st.integers(0, 20))
    def hang_up(self, pick: int) -> None:
        self.withdraw(choose(self.waiting, pick))

    @precondition(lambda self: self.in_flight)
    @rule(pick=st.integers(0, 20), hangs_up=st.booleans())
    def end_answer(self, pick: int, hangs_up: bool) -> None:
        self.end(choose(self.in_flight, pick), hangs_up=hangs_up)

    @precondition(lambda self: self.loading)
    @rule(pick=st.integers(0, 20), well=st.sampled_from((True, True, False)))
    def load_ends(self, pick: int, well: bool) -> None:
        host = choose(self.loading, pick)
        self.seen[host].ready = well
        if well:
            self.tell(m.HostReady(self.seen[host].model, host, 4096, 1.0))
        else:
            self.tell(m.HostFailed(self.seen[host].model, host, verbatim("Bad file.")))

    @precondition(lambda self: self.stopping)
    @rule(pick=st.integers(0, 20))
    def reap(self, pick: int) -> None:
        self.exit(choose(self.stopping, pick))

    @precondition(lambda self: self.seen)
    @rule(pick=st.integers(0, 20))
    def crash(self, pick: int) -> None:
        self.exit(choose(self.seen, pick))

    @rule(model=models)
    def unload(self, model: str) -> None:
        self.tell(m.UnloadAsked(model, "window"))

    @rule()
    def clean_up(self) -> None:
        self.tell(m.CleanUpAsked("window"))

    @rule(model=models)
    def doze(self, model: str) -> None:
        self.tell(m.DozeAsked(model, "window"))

    @rule(model=models, pinned=st.booleans())
    def pin(self, model: str, pinned: bool) -> None:
        (self.pinned.add if pinned else self.pinned.discard)(model)
        self.tell(m.PinSet(model, pinned))

    @rule(model=models, limit=limits)
    def limit(self, model: str, limit: int | None) -> None:
        self.tell(m.LimitSet(model, limit))

    @rule(total=limits, reserve=st.integers(0, 20))
    def move_sliders(self, total: int | None, reserve: int) -> None:
        cache, old = self.stage.cache, self.stage.cache.policy
        policy = m.Policy(
            total,
            reserve,
            old.idle_seconds,
            6,
            old.may_doze,
            old.over_limit,
            fresh_seconds=8,
            drain_seconds=3,
        )
        expected = cache.outlook(m.PolicySet(policy), self.stage.now)
        before = len(self.stage.actions)
        self.tell(m.PolicySet(policy))
        assert ids(self.stage.actions[before:], m.StopHost) == expected.unloads
        assert ids(self.stage.actions[before:], m.DozeHost) == expected.dozes
        assert tuple(sorted(e.model_id for e in cache.entries if e.draining)) == expected.waits_for

    @rule(seconds=st.sampled_from((0.1, 1.0, 1.0, 5.0, 3600.0)), others=st.integers(0, 30))
    def time_passes(self, seconds: float, others: int) -> None:
        self.stage.now += seconds
        self.stage.others_bytes = others
        self.take_sample()

    @precondition(lambda self: self.stage.hosts)
    @rule(pick=st.integers(0, 20), private=st.integers(0, 25), weights=st.integers(0, 15))
    def measure(self, pick: int, private: int, weights: int) -> None:
        self.stage.really_takes(choose(self.stage.hosts, pick), private, weights)
        self.take_sample()

    @rule(level=st.sampled_from(Level), helped=st.booleans())
    def pressure(self, level: Level, helped: bool = False) -> None:
        self.level = level
        self.tell(m.HelpOffered(helped))
        self.tell(m.PressureChanged(level))

    # --- the onlooker's books ------------------------------------------------------------------------

    @property
    def in_flight(self) -> set[int]:
        return {ticket for host in self.seen.values() for ticket in host.in_flight}

    @property
    def loading(self) -> list[int]:
        return [number for number, host in self.seen.items() if not host.ready and not host.stopped]

    @property
    def stopping(self) -> list[int]:
        return [number for number, host in self.seen.items() if host.stopped]

    def request(
        self, model: str, charge: Charge, parameters: LoadParameters, actor: m.Actor, **more: Any
    ) -> int:
        ticket = len(self.asked) + 1
        asked = m.Requested(ticket, model, charge, parameters, actor=actor, **more)
        self.asked[ticket] = asked
        self.waiting.add(ticket)
        self.tell(asked)
        return ticket

    def withdraw(self, ticket: int) -> None:
        self.waiting.remove(ticket)
        self.tell(m.Withdrawn(ticket))
        assert self.ends[ticket] == 0

    def end(self, ticket: int, *, hangs_up: bool = False) -> None:
        for host in self.seen.values():
            host.in_flight.discard(ticket)
        self.tell(m.Withdrawn(ticket) if hangs_up else m.Finished(ticket))

    def exit(self, number: int) -> None:
        host = self.seen[number]
        was_in_flight = set(host.in_flight)
        del self.seen[number]
        del self.stage.hosts[host.model]
        self.stage._takes.pop(host.model, None)
        self.stage.dozing.discard(host.model)
        self.tell(m.HostExited(host.model, number, verbatim("Killed.")), died_with=was_in_flight)

    def take_sample(self) -> None:
        self.tell(m.Sampled(self.stage.reading()))

    def tell(self, message: m.Message, died_with: Iterable[int] = ()) -> None:
        """Give the cache a message and check every action that it answers with."""
        before = self.books.charged()
        answerable = {ticket: host for host in self.seen.values() for ticket in host.in_flight}
        died = set(died_with)
        admitted_before = self.books.admitted
        actions = self.stage.tell(message)
        for action in actions:
            match action:
                case m.StartHost():
                    assert not any(host.model == action.model_id for host in self.seen.values())
                    self.seen[action.host] = SeenHost(action.model_id, action.charge)
                    self.check_limit("a load")
                case m.GrowHost():
                    self.seen[action.host].grow(action.beside)
                    self.check_limit("a second context")
                case m.StopHost():
                    host = self.seen[action.host]
                    assert not host.stopped, "stopped twice"
                    host.stopped = True
                    if action.cause in AUTOMATIC:
                        emergency = action.cause == "pressure" and action.at_once
                        assert host.ready != emergency, "a loading model was evicted"
                        assert not host.in_flight, "a busy model was evicted"
                        assert action.model_id not in self.pinned, "a pinned model was evicted"
                    if action.cause == "reload":
                        assert host.ready
                        assert not host.in_flight
                case m.DozeHost():
                    host = self.seen[action.host]
                    assert host.ready
                    assert not host.stopped
                    assert not host.in_flight
                    assert action.model_id not in self.pinned or isinstance(message, m.DozeAsked)
                    host.doze()
                case m.Grant():
                    self.close(action.ticket)
                    host = self.seen[action.host]
                    assert host.model == action.model_id == self.asked[action.ticket].model_id
                    assert host.ready
                    assert not host.stopped, "a stopped host was granted"
                    asked = self.asked[action.ticket]
                    entry = self.stage.cache.entry(action.model_id)
                    assert entry is not None
                    assert host.gives(asked, entry.parameters)
                    if asked.purpose == "use":
                        host.in_flight.add(action.ticket)
                    if host.dozing:
                        host.dozing = False
                        self.check_limit("a wake")
                case m.Refuse():
                    self.close(action.ticket)
                    self.refused.add(action.ticket)
                    self.check_refusal(self.asked[action.ticket], action.refusal)
                case m.EndRequest():
                    assert action.ticket in answerable or action.ticket in died
                    for host in self.seen.values():
                        host.in_flight.discard(action.ticket)
                    died.discard(action.ticket)
        self.check_evictions(actions, admitted_before)
        assert not died, "an answer in flight on a dead host was not ended"
        total = self.stage.cache.policy.total_limit_bytes
        may_grow = isinstance(message, m.Sampled | m.PolicySet)
        if total is not None and not may_grow:
            assert self.books.charged() <= max(before, total)

    def check_refusal(self, asked: m.Requested, refusal: Refusal) -> None:
        """A refusal for want of memory is true by the numbers it carries and by the onlooker's books."""
        assert str(refusal.sentence).endswith(".")
        there = refusal.limit_bytes if refusal.room_bytes is None else refusal.room_bytes
        if there is not None:
            assert refusal.need_bytes is not None
            assert refusal.need_bytes > there, "refused for want of what there is"
        if refusal.room_bytes is not None:
            entry = self.stage.cache.entry(asked.model_id)
            assert entry is not None
            going = {host.model for host in self.seen.values() if host.stopped} - {asked.model_id}
            assert not self.books.fits(going, {asked.model_id: entry.need(asked)}), "it fits as it is"
        if refusal.code == "memory pressure":
            assert self.level >= Level.CRITICAL

    def close(self, ticket: int) -> None:
        assert ticket in self.waiting, "answered twice, or after it was withdrawn"
        self.waiting.remove(ticket)
        self.ends[ticket] += 1

    def check_limit(self, what: str) -> None:
        total = self.stage.cache.policy.total_limit_bytes
        assert total is None or self.books.charged() <= total, f"{what} exceeded the limit"

    def check_evictions(self, actions: tuple[m.Action, ...], admitted_before: set[str]) -> None:
        """Models that went for another one suffice, and none of them is superfluous."""
        stops = [a for a in actions if isinstance(a, m.StopHost)]
        started = {a.model_id for a in actions if isinstance(a, m.StartHost | m.GrowHost)}
        one_load = len((self.books.admitted | started) - admitted_before) == 1
        if not one_load or any(stop.for_model is None for stop in stops):
            return  # what goes for another reason in the same step may make a victim superfluous
        leaving = {host.model for host in self.seen.values() if host.stopped}
        assert self.books.fits(leaving), "an eviction that does not suffice"
        for stop in stops:
            assert not self.books.fits(leaving - {stop.model_id}), "an eviction that was not needed"

    # --- what is always true -------------------------------------------------------------------------

    @invariant()
    def tickets_are_open_exactly_while_somebody_waits_or_uses(self) -> None:
        assert self.stage.cache.open_tickets == self.waiting | self.in_flight

    @invariant()
    def states_agree_with_the_books(self) -> None:
        hosts = {host.model: host for host in self.seen.values()}
        for entry in self.stage.cache.entries:
            host = hosts.get(entry.model_id)
            assert entry.state.holds_host == (host is not None)
            assert (entry.state is State.QUEUED) == (host is None and bool(entry.waiters))
            if host is not None:
                assert (entry.state is State.UNLOADING) == host.stopped
                assert (entry.state is State.BUSY) == (bool(host.in_flight) and not host.stopped)

    @invariant()
    def everything_that_can_be_decided_is_decided(self) -> None:
        """A message that says nothing changes nothing: nothing waits for the next one."""
        assert self.stage.tell(m.Withdrawn(0)) == ()

    @invariant()
    def nobody_waits_for_a_model_that_could_be_granted(self) -> None:
        for entry in self.stage.cache.entries:
            assert not entry.grantable

    def teardown(self) -> None:
        """Everything comes to rest: nobody waits any longer, and the same story gives the same actions."""
        self.stage.others_bytes = 0
        for model in MODELS:
            self.pin(model, False)
        self.pressure(Level.NORMAL)
        at_rest = 0
        for _ in range(200):
            for host in self.loading:
                self.seen[host].ready = True
                self.tell(m.HostReady(self.seen[host].model, host, 4096, 1.0))
            for host in self.stopping:
                self.exit(host)
            for ticket in sorted(self.in_flight):
                self.end(ticket)
            self.stage.now += 2.0
            self.take_sample()
            moving = self.waiting or self.loading or self.stopping
            at_rest = 0 if moving else at_rest + 1
            if at_rest == 3:
                break
        assert self.waiting == set(), "somebody still waits although everything is idle"
        assert self.stage.cache.open_tickets == frozenset()
        self.check_limit("everything at rest")
        again = ModelCache(m.Policy())
        replayed = [action for message, now in self.stage.messages for action in again.handle(message, now)]
        assert replayed == self.stage.actions


def test_invariants_hold_whatever_happens() -> None:
    """No limit exceeded, no busy or pinned model evicted, no useless eviction, every waiter answered once."""
    run_state_machine_as_test(
        CacheMachine,
        settings=settings(
            max_examples=60,
            stateful_step_count=50,
            derandomize=True,
            database=None,
            phases=(Phase.generate, Phase.shrink),
        ),
    )
