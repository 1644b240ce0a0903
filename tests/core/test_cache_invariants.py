"""What is true of the cache whatever happens, checked against a much simpler model of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

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
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.plan import Charge
from llmmem_gui.core.pressure import Level
from llmmem_gui.core.sentence import verbatim
from llmmem_gui.core.snapshot import State
from tests.core.onlooker import SeenHost, choose
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
        self.asked: dict[int, m.Requested] = {}
        self.waiting: set[int] = set()
        self.ends: Counter[int] = Counter()
        self.pinned: set[str] = set()
        self.asks: list[m.AskSmaller] = []

    @initialize(
        total=limits,
        reserve=st.integers(0, 10),
        idle=st.sampled_from((0, 20)),
        over=st.sampled_from(("unload", "reload_smaller", "warn")),
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
        purpose=st.sampled_from(("use", "use", "load")),
        actor=st.sampled_from(("api", "api", "window")),
        context=st.sampled_from((None, None, *CONTEXTS)),
        patience=st.sampled_from((None, 4, 30)),
    )
    def ask(
        self,
        model: str,
        private: int,
        weights: int,
        purpose: m.Purpose,
        actor: m.Actor,
        context: int | None,
        patience: float | None,
    ) -> None:
        ticket = len(self.asked) + 1
        self.request(
            m.Requested(
                ticket,
                model,
                Charge(private, weights, FILES[model]),
                LoadParameters(context=context or 4096),
                purpose,
                actor,
                exact=context is not None,
                patience_seconds=patience,
            )
        )

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
        old = self.stage.cache.policy
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
        self.tell(m.PolicySet(policy))

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

    @rule(level=st.sampled_from(Level))
    def pressure(self, level: Level) -> None:
        self.tell(m.PressureChanged(level))

    @precondition(lambda self: self.asks)
    @rule(found=st.booleans(), private=st.integers(0, 10))
    def answer_ask_for_smaller(self, found: bool, private: int) -> None:
        ask = self.asks.pop(0)
        asked = None
        if found:
            ticket = len(self.asked) + 1
            charge = Charge(private, 0, FILES[ask.model_id])
            asked = m.Requested(
                ticket, ask.model_id, charge, LoadParameters(context=512), "load", "limit", exact=True
            )
            self.asked[ticket] = asked
            self.waiting.add(ticket)
        self.tell(m.SmallerFound(ask.model_id, ask.host, asked))

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

    def request(self, asked: m.Requested) -> None:
        self.asked[asked.ticket] = asked
        self.waiting.add(asked.ticket)
        self.tell(asked)

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
        before = self.charged()
        answerable = {ticket: host for host in self.seen.values() for ticket in host.in_flight}
        died = set(died_with)
        admitted_before = self.admitted
        actions = self.stage.tell(message)
        for action in actions:
            match action:
                case m.StartHost():
                    assert not any(host.model == action.model_id for host in self.seen.values())
                    self.seen[action.host] = SeenHost(action.model_id, action.charge)
                    self.check_limit("a load")
                case m.StopHost():
                    host = self.seen[action.host]
                    assert not host.stopped, "stopped twice"
                    host.stopped = True
                    if action.cause in AUTOMATIC:
                        assert host.ready, "a loading model was evicted"
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
                    host.dozing = True
                case m.Grant():
                    self.close(action.ticket)
                    host = self.seen[action.host]
                    assert host.model == action.model_id == self.asked[action.ticket].model_id
                    assert host.ready
                    assert not host.stopped, "a stopped host was granted"
                    asked = self.asked[action.ticket]
                    if asked.exact:
                        entry = self.stage.cache.entry(action.model_id)
                        assert entry is not None
                        assert entry.parameters == asked.parameters
                    if asked.purpose == "use":
                        host.in_flight.add(action.ticket)
                    if host.dozing:
                        host.dozing = False
                        self.check_limit("a wake")
                case m.Refuse():
                    self.close(action.ticket)
                    assert str(action.refusal.sentence).endswith(".")
                case m.EndRequest():
                    assert action.ticket in answerable or action.ticket in died
                    for host in self.seen.values():
                        host.in_flight.discard(action.ticket)
                    died.discard(action.ticket)
                case m.AskSmaller():
                    self.asks.append(action)
        self.check_evictions(actions, admitted_before)
        assert not died, "an answer in flight on a dead host was not ended"
        total = self.stage.cache.policy.total_limit_bytes
        may_grow = isinstance(message, m.Sampled | m.PolicySet)
        if total is not None and not may_grow:
            assert self.charged() <= max(before, total)

    def close(self, ticket: int) -> None:
        assert ticket in self.waiting, "answered twice, or after it was withdrawn"
        self.waiting.remove(ticket)
        self.ends[ticket] += 1

    def charged(self, without: frozenset[str] = frozenset(), extra: dict[str, Charge] | None = None) -> int:
        """Sum of the charges, computed the long way."""
        private = 0
        weights: dict[object, list[int]] = {}
        charges = {host.model: self.charge_of(host) for host in self.seen.values()}
        for model, charge in {**charges, **(extra or {})}.items():
            if model not in without:
                private += charge.private_bytes
                weights.setdefault(charge.file, []).append(charge.weights_bytes)
        return private + sum(max(each) for each in weights.values())

    def charge_of(self, host: SeenHost) -> Charge:
        entry = self.stage.cache.entry(host.model)
        assert entry is not None
        measured = entry.measured
        weights = 0 if host.dozing else host.charge.weights_bytes
        private = host.charge.private_bytes
        if measured is not None:
            private, weights = max(private, measured.private_bytes), max(weights, measured.weights_bytes)
        return Charge(private, weights, host.charge.file)

    def check_limit(self, what: str) -> None:
        total = self.stage.cache.policy.total_limit_bytes
        assert total is None or self.charged() <= total, f"{what} exceeded the limit"

    @property
    def admitted(self) -> set[str]:
        return {entry.model_id for entry in self.stage.cache.entries if entry.admitted is not None}

    def check_evictions(self, actions: tuple[m.Action, ...], admitted_before: set[str]) -> None:
        """Models that went for another one suffice, and none of them is superfluous."""
        stops = [a for a in actions if isinstance(a, m.StopHost)]
        started = {a.model_id for a in actions if isinstance(a, m.StartHost)}
        one_load = len((self.admitted | started) - admitted_before) == 1
        if not one_load or any(stop.for_model is None for stop in stops):
            return  # what goes for another reason in the same step may make a victim superfluous
        leaving = {host.model for host in self.seen.values() if host.stopped}
        assert self.fits(leaving), "an eviction that does not suffice"
        for stop in stops:
            assert not self.fits(leaving - {stop.model_id}), "an eviction that was not needed"

    def fits(self, leaving: set[str]) -> bool:
        """Whether everything that is held or promised fits once these have gone."""
        cache = self.stage.cache
        promised = {
            entry.model_id: holder.charge
            for entry in cache.entries
            if entry.admitted is not None and (holder := entry.holder) is not None
        }
        bounds, without = cache.bounds, frozenset(leaving)
        if (
            bounds.total_limit_bytes is not None
            and self.charged(without, promised) > bounds.total_limit_bytes
        ):
            return False
        if bounds.available_bytes is None:
            return True
        free = bounds.available_bytes - bounds.reserve_bytes
        claims: dict[object, list[int]] = {}
        charges = {host.model: self.charge_of(host) for host in self.seen.values()} | promised
        for model, charge in charges.items():
            measured = cache.entry(model).measured  # type: ignore[union-attr]
            private, resident = (measured.private_bytes, measured.weights_bytes) if measured else (0, 0)
            if model in without:
                free += private
            else:
                free -= max(0, charge.private_bytes - private)
                claims.setdefault(charge.file, []).append(max(charge.weights_bytes, resident))
        return free - sum(max(each) for each in claims.values()) >= 0

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
            while self.asks:
                self.answer_ask_for_smaller(False, 0)
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
