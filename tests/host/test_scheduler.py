"""The scheduler without a model: who is computed, and what stays in the cache."""

from __future__ import annotations

import json
import random
from collections import Counter

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from llmmem_gui.core.parameters import MemoryKind
from llmmem_gui.host.loop import Pace
from llmmem_gui.host.numbers import common_prefix, numbers
from llmmem_gui.host.scheduler import Part, Run, Scheduler
from llmmem_gui.host.shelf import Shelf

BATCH = 8


class FakeMemory:
    """Does what llama.cpp's memory does with sequences, and complains of what it could not."""

    def __init__(self, kind: MemoryKind, window: int = 6) -> None:
        self.kind = kind
        self.window = window
        self.tokens: dict[int, list[tuple[int, int]]] = {}
        """What is in each sequence: the number of a cell and its token."""
        self.oldest: dict[int, int] = {}
        """First position of each sequence that its window still has."""
        self._cells = 0

    def copy(self, source: int, target: int, length: int) -> None:
        assert self.kind == "attention"
        assert not self.tokens.get(target)
        self.tokens[target] = self.tokens[source][:length]

    def cut(self, sequence: int, length: int) -> None:
        held = self.tokens.get(sequence, [])
        assert length <= len(held)
        if length == 0:
            self.oldest[sequence] = 0
        elif length < len(held):
            assert self.kind != "recurrent"
            assert self.can_cut(sequence, length)
        self.tokens[sequence] = held[:length]

    def can_cut(self, sequence: int, length: int) -> bool:
        return self.kind == "attention" or self.oldest.get(sequence, 0) <= max(0, length - self.window)

    def compute(self, step: list[Part]) -> None:
        for part in step:
            held = self.tokens.setdefault(part.sequence, [])
            assert part.position == len(held)
            for token in part.tokens:
                self._cells += 1
                held.append((self._cells, token))
            if self.kind == "window":
                self.oldest[part.sequence] = max(
                    self.oldest.get(part.sequence, 0), len(held) - self.window - BATCH
                )

    def state_bytes(self, sequence: int) -> int:
        return len(self.state(sequence))

    def state(self, sequence: int) -> bytearray:
        held = self.tokens[sequence]
        return bytearray(json.dumps([self.oldest.get(sequence, 0), [token for _, token in held]]).encode())

    def restore(self, sequence: int, state: bytearray) -> bool:
        assert not self.tokens.get(sequence)
        self.oldest[sequence], tokens = json.loads(state)
        self.tokens[sequence] = []
        for token in tokens:
            self._cells += 1
            self.tokens[sequence].append((self._cells, token))
        return True

    @property
    def cells(self) -> set[int]:
        return {cell for held in self.tokens.values() for cell, _ in held}


class Host:
    """A scheduler, its memory, and answers that follow from what was read."""

    def __init__(
        self,
        kind: MemoryKind,
        cells: int = 64,
        sequences: int = 6,
        slots: int = 3,
        shelf_bytes: int = 0,
        aside_tokens: int = 256,
    ) -> None:
        self.memory = FakeMemory(kind)
        shelf = Shelf(self.memory, shelf_bytes, any_prefix=kind == "attention", fewest_tokens=4)
        self.scheduler = Scheduler(
            self.memory,
            cells=cells,
            sequences=sequences,
            slots=slots,
            kind=kind,
            shelf=shelf,
            aside_tokens=aside_tokens,
        )
        self.cells, self.slots = cells, slots
        self.ended: list[Run] = []
        self.read_tokens = 0

    def ask(self, prompt: list[int], answer: int = 4, *, tells_prompt: bool = False, turn: int = 0) -> Run:
        most = min(len(prompt) + answer, self.cells)
        run = Run(numbers(prompt), most, tells_prompt=tells_prompt, turn=turn)
        self.scheduler.add(run)
        return run

    def step(self, most: int = BATCH, beside: int = 4) -> list[Part]:
        step = self.scheduler.next_step(most, beside)
        assert sum(len(part.tokens) for part in step) <= most
        assert sum(part.outputs for part in step) <= len(self.scheduler.sequences)
        self.memory.compute(step)
        self.scheduler.computed(step)
        for part in step:
            self.read_tokens += len(part.tokens)
            run = part.run
            if part.chooses:
                held = [token for _, token in self.memory.tokens[part.sequence]]
                assert held == list(run.tokens)
                run.tokens.append(sum(held) % 7)
                if len(run.tokens) >= run.most_tokens:
                    self.scheduler.end(run)
                    self.ended.append(run)
        return step

    def finish(self) -> None:
        for _ in range(10_000):
            if not self.scheduler.has_work:
                return
            assert self.step()
        raise AssertionError("requests are never answered")


KINDS: list[MemoryKind] = ["attention", "window", "recurrent"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_conversation_is_not_read_again(kind: MemoryKind) -> None:
    """The second turn of each of two conversations in turn reads only what is new."""
    host = Host(kind)
    first, second = host.ask([1] * 10), host.ask([2] * 10)
    host.finish()
    for run in (first, second):
        before = host.read_tokens
        longer = host.ask([*run.tokens, 5, 6])
        host.finish()
        # The token that was chosen last was never computed.
        assert longer.cached_tokens == len(run.tokens) - 1
        assert host.read_tokens - before == 1 + 2 + 3


def test_a_state_at_the_end_of_a_prompt_serves_again_and_again() -> None:
    """What goes on with it leaves it as it is: each other end of the same beginning reads only that end."""
    host = Host("recurrent", cells=256, shelf_bytes=10_000)
    beginning = list(range(100, 140))
    host.ask([*beginning, 1])
    host.finish()
    for end in (2, 3, 4):
        before = host.read_tokens
        run = host.ask([*beginning, end, end])
        host.finish()
        assert run.cached_tokens == len(beginning)
        assert host.read_tokens - before == 2 + 3


def test_a_shared_beginning_is_read_once() -> None:
    """Two requests that come at once with the same long system message: the second waits and copies it."""
    system = list(range(100, 140))
    host = Host("attention", cells=256)
    one, other = host.ask([*system, 1]), host.ask([*system, 2, 3])
    host.finish()
    assert other.cached_tokens == len(system)
    assert host.read_tokens == len(system) + 1 + 3 + 2 + 3
    assert one.cached_tokens == 0


def test_a_short_prompt_is_read_in_the_next_step_beside_a_long_one() -> None:
    """A short request beside a long prompt and an answer gets its token in the first step that has it."""
    host = Host("attention", cells=512)
    answering = host.ask([1, 2], answer=100)
    host.step()
    host.ask(list(range(200)))
    host.step()
    short = host.ask([7, 8])
    step = host.step()
    assert len(short.tokens) == 3
    assert {part.run for part in step} >= {answering, short}


@pytest.mark.parametrize("kind", KINDS)
def test_prompts_that_are_told_are_read_whole_and_beside_others(kind: MemoryKind) -> None:
    """All tokens come out, although the cache has them; no more at once than there is room for."""
    host = Host(kind, cells=256)
    prompt = [1] * 40
    host.ask(prompt)
    host.finish()
    answering = host.ask([2, 3], answer=40)
    host.step()
    before = host.read_tokens
    told = [host.ask(prompt, 1, tells_prompt=True) for _ in range(2)]
    outputs = 0
    while not set(told) <= set(host.ended):
        step = host.step()
        assert any(part.run is answering for part in step) or answering in host.ended
        outputs += sum(part.outputs for part in step if part.run in told)
        assert len({part.run for part in step}) == len(host.scheduler.running) + sum(
            part.run in host.ended for part in step
        )
    assert outputs == 2 * len(prompt)
    assert [run.cached_tokens for run in told] == [0, 0]
    assert host.read_tokens - before >= 2 * len(prompt)


def test_a_full_cache_lets_the_oldest_go_on() -> None:
    """Answers that outgrow the cache together: the youngest waits, all come to their end and are right."""
    host = Host("attention", cells=40, slots=3)
    runs = [host.ask([place] * 8, answer=30) for place in range(3)]
    host.finish()
    assert host.ended == runs
    alone = Host("attention", cells=40)
    for place, run in enumerate(runs):
        same = alone.ask([place] * 8, answer=30)
        alone.finish()
        assert same.tokens == run.tokens


def test_a_step_that_was_dropped_is_computed_again() -> None:
    """After a failure nobody relies on what the cache held; a run that was dropped is still answered."""
    host = Host("attention")
    run, other = host.ask([1, 2, 3]), host.ask([4, 5, 6])
    host.step()
    host.scheduler.drop(run)
    host.step()
    host.memory.tokens.clear()
    for sequence in host.scheduler.sequences:
        host.memory.tokens[sequence.id] = [(0, token) for token in sequence.tokens]
    host.scheduler.forget()
    host.finish()
    assert {run, other} == set(host.ended)


def test_nothing_is_computed_beside_a_run_that_is_alone() -> None:
    """It waits until the others are over, and those that come later wait for it."""
    host = Host("attention")
    before = host.ask([1, 2, 3])
    suspect = Run(numbers([4, 5, 6]), 7, alone=True)
    host.scheduler.add(suspect)
    after = host.ask([7, 8, 9])
    together = []
    while host.scheduler.has_work:
        together.append({part.run for part in host.step()})
    assert host.ended == [before, suspect, after]
    assert {suspect} in together
    assert all(len(runs) == 1 for runs in together)


def test_long_idle_conversations_make_way_while_the_shelf_has_room() -> None:
    """Attention would go through them for nothing; none is read again, and none is lost for another."""
    host = Host("attention", cells=256, shelf_bytes=200, aside_tokens=8)
    long, other, short = host.ask([1] * 40), host.ask([2] * 40), host.ask([3] * 3)
    host.finish()
    held = sum(len(sequence.tokens) for sequence in host.scheduler.sequences)
    host.ask([4, 4])
    host.finish()
    now = [list(sequence.tokens[:2]) for sequence in host.scheduler.sequences if sequence.tokens]
    assert [1, 1] not in now
    assert [3, 3] in now  # too short to matter
    assert [2, 2] in now  # the shelf has room for one, and what it holds stays
    assert held == len(long.tokens) + len(other.tokens) + len(short.tokens) - 3
    for run in (long, other, short):
        before = host.read_tokens
        again = host.ask([*run.tokens, 5], answer=1)
        host.finish()
        assert host.read_tokens - before == 2
        assert again.cached_tokens == len(run.tokens) - 1


def test_what_is_shared_gains_nothing_by_going() -> None:
    """The cells of a common beginning stay in use for the other conversation."""
    host = Host("attention", shelf_bytes=1000, aside_tokens=8)
    for last in (2, 3):
        host.ask([*[1] * 12, last], answer=1)
        host.finish()
    host.ask([4], answer=1)
    host.step()
    assert sum(len(sequence.tokens) >= 12 for sequence in host.scheduler.sequences) == 2


def test_the_smallest_turn_is_next() -> None:
    """Whatever came earlier; among equal turns it is the oldest, and what is under way goes on."""
    host = Host("attention", slots=1)
    many = [host.ask([1, turn], turn=turn) for turn in range(4)]
    host.step()
    one = host.ask([9, 9], turn=0)
    other = host.ask([8, 8], turn=1)
    host.finish()
    assert host.ended == [many[0], one, many[1], other, *many[2:]]


def test_a_step_reads_what_takes_so_long() -> None:
    """Few tokens while nothing is known; then as many as fit the time, smoothed, and never too few."""
    pace = Pace()
    assert (pace.most_beside_answers, pace.most_alone) == (32, 128)
    pace.learn(64, seconds=0.064)
    assert (pace.most_beside_answers, pace.most_alone) == (200, 1000)
    pace.learn(1, seconds=9.0)  # an answer's token: it tells nothing of reading
    assert pace.most_beside_answers == 200
    pace.learn(64, seconds=0.64)
    assert 50 < pace.most_beside_answers < 100
    for _ in range(50):
        pace.learn(64, seconds=64.0)
    assert (pace.most_beside_answers, pace.most_alone) == (32, 128)


def test_the_cache_gives_up_idle_conversations_first() -> None:
    """What llama.cpp has no place for: idle sequences go, then the youngest run; a run alone is too large."""
    host = Host("attention")
    host.ask([1, 2, 3], answer=1)
    host.finish()
    older, younger = host.ask([4, 5, 6]), host.ask([7, 8, 9])
    host.step()
    assert host.scheduler.make_smaller()
    assert host.scheduler.running == [older, younger]
    assert host.scheduler.make_smaller()
    assert host.scheduler.running == [older]
    assert not host.scheduler.make_smaller()
    host.finish()


@pytest.mark.parametrize("length", [0, 1, 5, 1000])
def test_the_common_beginning_is_found(length: int) -> None:
    """Halving finds the first difference, wherever it is."""
    chance = random.Random(length)
    for _ in range(20):
        shared = [chance.randrange(3) for _ in range(length)]
        one = numbers([*shared, 7, *(chance.randrange(3) for _ in range(chance.randrange(9)))])
        other = numbers([*shared, 8, *(chance.randrange(3) for _ in range(chance.randrange(9)))])
        assert common_prefix(one, other) == length
        assert common_prefix(one, numbers(shared)) == length


class Requests(RuleBasedStateMachine):
    """Arrivals, steps, cancellations and failures in any order."""

    host: Host

    @initialize(
        kind=st.sampled_from(KINDS),
        cells=st.integers(12, 80),
        slots=st.integers(1, 4),
        kept=st.integers(0, 3),
        shelf_bytes=st.sampled_from([0, 300, 3000]),
        aside_tokens=st.sampled_from([1, 6, 256]),
    )
    def begin(
        self, kind: MemoryKind, cells: int, slots: int, kept: int, shelf_bytes: int, aside_tokens: int
    ) -> None:
        self.host = Host(kind, cells, slots + kept, slots, shelf_bytes, aside_tokens)
        self.asked: list[Run] = []
        self.cancelled: list[Run] = []
        self.computed: Counter[Run] = Counter()

    @rule(
        shared=st.integers(0, 30),
        own=st.lists(st.integers(0, 6), min_size=1, max_size=9),
        more=st.integers(1, 20),
        tells_prompt=st.booleans(),
        turn=st.integers(0, 4),
    )
    def ask(self, shared: int, own: list[int], more: int, tells_prompt: bool, turn: int) -> None:
        prompt = [*range(100, 100 + shared), *own][: self.host.cells - 1]
        self.asked.append(self.host.ask(prompt, more, tells_prompt=tells_prompt, turn=turn))

    @rule(which=st.integers(0, 20), own=st.lists(st.integers(0, 6), max_size=4))
    def continue_one(self, which: int, own: list[int]) -> None:
        if self.host.ended:
            before = self.host.ended[which % len(self.host.ended)]
            prompt = [*before.tokens, *own]
            if len(prompt) < self.host.cells:
                self.asked.append(self.host.ask(prompt, 3))

    @precondition(lambda self: self.host.scheduler.has_work)
    @rule(most=st.integers(1, BATCH), beside=st.integers(0, BATCH))
    def step(self, most: int, beside: int) -> None:
        before = list(self.host.scheduler.running)
        step = self.host.step(most, beside)
        assert step
        served = {part.run for part in step}
        for run in before:
            # Nobody waits longer than it takes to serve each of the others once.
            self.computed[run] = 0 if run in served or run.sequence is None else self.computed[run] + 1
            assert self.computed[run] <= self.host.slots

    @precondition(lambda self: self.host.scheduler.has_work)
    @rule(which=st.integers(0, 20))
    def cancel(self, which: int) -> None:
        under_way = [*self.host.scheduler.running, *self.host.scheduler.waiting]
        run = under_way[which % len(under_way)]
        self.host.scheduler.end(run)
        self.cancelled.append(run)

    @rule()
    def make_smaller(self) -> None:
        self.host.scheduler.make_smaller()

    @precondition(lambda self: self.host.scheduler.running)
    @rule(which=st.integers(0, 5))
    def drop(self, which: int) -> None:
        running = self.host.scheduler.running
        self.host.scheduler.drop(running[which % len(running)])

    @rule()
    def forget(self) -> None:
        self.host.scheduler.forget()

    @invariant()
    def what_is_counted_is_there(self) -> None:
        if not hasattr(self, "host"):
            return
        scheduler, memory = self.host.scheduler, self.host.memory
        for sequence in scheduler.sequences:
            held = [token for _, token in memory.tokens.get(sequence.id, [])]
            assert held == list(sequence.tokens)
            assert len(sequence.cells) == len(sequence.tokens)
            assert sequence.run is None or sequence.run in scheduler.running
        assert len(memory.cells) == self.host.cells - scheduler._cells.free <= self.host.cells
        assert len(scheduler.running) <= self.host.slots
        assert len({id(run.sequence) for run in scheduler.running}) == len(scheduler.running)

    def teardown(self) -> None:
        if hasattr(self, "host"):
            self.host.finish()
            assert {*self.host.ended, *self.cancelled} == set(self.asked)


TestRequests = Requests.TestCase
TestRequests.settings = settings(
    max_examples=200, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck)
)
