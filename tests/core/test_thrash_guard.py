"""Loops that waste the machine's time are noticed, ended and explained."""

from __future__ import annotations

import pytest

from llmmem_gui.core.cache_messages import Policy, UnloadAsked
from llmmem_gui.core.events import Actor
from llmmem_gui.core.snapshot import State
from llmmem_gui.core.thrash_guard import ThrashGuard
from tests.core.stage import Stage

ONE = Policy(total_limit_bytes=10)


def swap(stage: Stage, model: str, *, loading: float, answering: float, actor: Actor = "api") -> str | None:
    """Ask for a model, which takes so long to load and to answer; why it was refused, or None."""
    ticket = stage.ask(model, actor=actor)
    for entry in list(stage.cache.entries):
        if entry.state is State.UNLOADING:
            stage.exited(entry.model_id)
    if stage.state(model) is State.LOADING:
        stage.now += loading
        stage.ready(model, seconds=loading)
    if not stage.granted(ticket):
        return stage.code(ticket)
    stage.now += answering
    stage.finish(ticket)
    return None


def test_ping_pong_that_is_mostly_loading_is_refused_for_a_while() -> None:
    """Two models push each other out: after four swaps the one that came last keeps its place for 30 s."""
    stage = Stage(ONE)
    outcomes = [swap(stage, "ab"[turn % 2], loading=4, answering=1) for turn in range(6)]
    assert outcomes == [None] * 6
    refused = stage.ask("a")
    refusal = stage.refusal(refused)
    assert refusal is not None
    assert (refusal.code, refusal.retry_seconds, refusal.holders) == ("thrashing", 30, ("b",))
    assert str(refusal.sentence) == (
        "a and b keep pushing each other out of memory (4 times in 20 s, 16 s of it loading): "
        "try again in 30 s, raise the total limit or use a smaller context."
    )
    assert swap(stage, "b", loading=4, answering=1) is None
    said = stage.announced("load-refused")
    assert [(each.model_id, each.numbers["retry_seconds"]) for each in said] == [("a", 30)]
    stage.now += 29
    assert swap(stage, "a", loading=4, answering=1) is None
    assert swap(stage, "b", loading=4, answering=1) is None


def test_large_models_thrash_slowly() -> None:
    """Loads of more than a minute each are noticed as well."""
    stage = Stage(ONE)
    outcomes = [swap(stage, "ab"[turn % 2], loading=80, answering=20) for turn in range(7)]
    assert outcomes == [None] * 6 + ["thrashing"]


def test_after_a_rest_swaps_are_counted_anew() -> None:
    """What was punished once is not held against the models a second time."""
    stage = Stage(ONE)
    for _ in range(2):
        turn = 0
        while swap(stage, "ab"[turn % 2], loading=80, answering=20) is None:
            turn += 1
        assert turn >= 4
        stage.now += 30


def test_swapping_whose_time_goes_into_answers_is_no_thrashing() -> None:
    """Models that are used in turns may swap as often as they like when the answers take longer."""
    stage = Stage(ONE)
    assert all(swap(stage, "ab"[turn % 2], loading=0.3, answering=2) is None for turn in range(40))


def test_small_models_may_swap_for_a_while() -> None:
    """Loads of half a second are not worth a refusal before ten seconds went into them."""
    stage = Stage(ONE)
    outcomes = [swap(stage, "ab"[turn % 2], loading=0.5, answering=0.1) for turn in range(30)]
    assert outcomes.index("thrashing") == 22


def test_swapping_now_and_then_is_no_thrashing() -> None:
    """Loads that take a third of the time leave enough of it."""
    stage = Stage(ONE)
    for turn in range(30):
        assert swap(stage, "ab"[turn % 2], loading=20, answering=1) is None
        stage.now += 40


def test_a_burst_of_swaps_is_noticed_after_a_long_calm() -> None:
    """Swaps that were no trouble earlier do not hide the ones that are."""
    stage = Stage(ONE)
    for turn in range(6):
        assert swap(stage, "ab"[turn % 2], loading=4, answering=60) is None
    outcomes = [swap(stage, "ab"[turn % 2], loading=4, answering=1) for turn in range(6)]
    assert "thrashing" in outcomes


def test_three_models_in_the_place_of_two_thrash_as_well() -> None:
    """The order of last use makes a round of three models push each other out in turn."""
    stage = Stage(Policy(total_limit_bytes=20))
    outcomes = [swap(stage, "abc"[turn % 3], loading=4, answering=1) for turn in range(12)]
    assert "thrashing" in outcomes


@pytest.mark.parametrize("actor", ["window", "tray", "cli"])
def test_a_person_is_never_held_up(actor: Actor) -> None:
    """Who asks by hand may swap as he likes, also while programs are refused."""
    stage = Stage(ONE)
    assert all(swap(stage, "ab"[turn % 2], loading=4, answering=1, actor=actor) is None for turn in range(20))
    turn = 0
    while swap(stage, "ab"[turn % 2], loading=4, answering=1) is None:
        turn += 1
    assert swap(stage, "ab"[turn % 2], loading=4, answering=1, actor=actor) is None


def test_the_guard_can_be_switched_off() -> None:
    """With no number of swaps set, programs may thrash."""
    stage = Stage(Policy(total_limit_bytes=10, swaps_allowed=0))
    assert all(swap(stage, "ab"[turn % 2], loading=4, answering=1) is None for turn in range(20))


def test_models_that_took_no_part_are_not_held_up() -> None:
    """While two models rest, a third one may be loaded where it evicts neither."""
    guard = ThrashGuard()
    now = 0.0
    for newcomer, gone in ("ab", "ba", "ab", "ba", "ab"):
        assert guard.refusal(newcomer, [gone], 4, now) is None
        guard.made_room(newcomer, [gone], now)
        now += 4.0
        guard.load_ended(newcomer, now)
    assert guard.refusal("b", ["a"], 4, now) is not None
    assert guard.refusal("c", ["d"], 4, now) is None
    assert guard.refusal("c", ["b"], 4, now) is not None


def test_one_model_reloaded_with_other_parameters_in_turns_is_thrashing_too() -> None:
    """Two programs, one of which wants text of a model and the other embeddings, make it reload for ever."""
    stage = Stage(ONE)
    codes = []
    for turn in range(12):
        ticket = stage.ask("a", embeddings=bool(turn % 2))
        if stage.state("a") is State.UNLOADING:
            stage.exited("a")
        if stage.state("a") is State.LOADING:
            stage.now += 4
            stage.ready("a")
        codes.append(stage.code(ticket))
        if stage.granted(ticket):
            stage.finish(ticket)
    assert "thrashing" in codes
    refusal = next(str(a.text) for a in stage.announced("load-refused"))
    assert refusal.startswith("a is loaded with other parameters again and again (4 times in ")


def test_a_model_that_cannot_fit_even_alone_is_not_loaded_twice_for_a_program() -> None:
    """Forecast below the limit, measured above it: the second request is refused with what it took."""
    stage = Stage(ONE)
    ticket = stage.ask("a", 9)
    stage.ready("a")
    stage.really_takes("a", 12)
    stage.sample()
    stage.finish(ticket)
    assert stage.stop_of("a").cause == "total limit"
    stage.exited("a")
    refusal = stage.refusal(stage.ask("a", 9))
    assert refusal is not None
    assert (refusal.code, refusal.need_bytes, refusal.room_bytes) == ("too large for the limit", 12, 10)
    by_hand = stage.ask("a", 9, actor="window")
    stage.ready("a")
    assert stage.granted(by_hand)


def test_loads_that_keep_failing_wait_longer_and_longer_and_never_more_than_five_minutes() -> None:
    """The cool-down doubles with each failure; the sentence has the reason and the time."""
    stage = Stage()
    waits = []
    for _ in range(12):
        stage.ask("a")
        stage.failed("a", "out of memory")
        refusal = stage.refusal(stage.ask("a"))
        if refusal is not None:
            assert refusal.retry_seconds is not None
            waits.append(refusal.retry_seconds)
            stage.now += refusal.retry_seconds
        else:
            stage.tell(UnloadAsked("a", "window"))
            stage.exited("a")
    assert waits[:3] == [5, 10, 20]
    assert waits[-1] == 300
