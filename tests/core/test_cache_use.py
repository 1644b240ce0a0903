"""Models in use, and the queue of those who wait."""

from __future__ import annotations

from llmmem_gui.core.cache_messages import (
    Policy,
    UnloadAsked,
    Withdrawn,
)
from llmmem_gui.core.snapshot import State
from tests.core.stage import Stage, stage_with

ONE = Policy(total_limit_bytes=10)
"""Room for one model of the usual size."""
TWO = Policy(total_limit_bytes=20)


def test_case_07_busy_model_is_never_evicted() -> None:
    """A load that needs the room of a model in use waits, and gets it when the answer has ended."""
    stage = Stage(ONE)
    in_use = stage.ask("a")
    stage.ready("a")
    newcomer = stage.ask("b")
    stage.wait(4)
    assert stage.stopped == []
    assert stage.state("b") is State.QUEUED
    stage.finish(in_use)
    assert stage.stopped == ["a"]
    stage.play_out()
    assert stage.granted(newcomer)


def test_case_08_all_busy_waits_and_then_times_out_with_a_clear_error() -> None:
    """A request that waited as long as it wanted to is refused with the time and the models in use."""
    stage = Stage(TWO)
    for model in ("a", "b"):
        stage.ask(model)
        stage.ready(model)
    ticket = stage.ask("c", 20, patience=10)
    stage.wait(9)
    assert not stage.answered(ticket)
    stage.wait(1)
    refusal = stage.refusal(ticket)
    assert refusal is not None
    assert (refusal.code, refusal.waited_seconds, refusal.holders) == ("waited too long", 10, ("a", "b"))
    assert str(refusal.sentence) == "c waited 10 s for a, b to finish: try again later or unload a model."
    assert stage.state("c") is State.UNLOADED
    assert stage.stopped == []


def test_case_09_loading_model_is_never_a_victim() -> None:
    """A model that is being loaded is not evicted for another load; that one waits."""
    stage = Stage(ONE)
    stage.load("a")
    stage.ask("b")
    stage.wait(60)
    assert stage.state("a") is State.LOADING
    assert stage.stopped == []


def test_case_10_fresh_model_is_not_evicted_before_its_first_request() -> None:
    """A model loaded ahead of its first request is spared from programs' loads for 30 s."""
    stage = Stage(ONE)
    stage.load("a", actor="api")
    stage.ready("a")
    newcomer = stage.ask("b")
    stage.wait(29)
    assert stage.stopped == []
    stage.wait(1)
    assert stage.stopped == ["a"]
    stage.play_out()
    assert stage.granted(newcomer)


def test_case_10_a_load_by_hand_may_evict_a_fresh_model() -> None:
    """A person who loads one model after the other gets what he asks for at once."""
    stage = Stage(ONE)
    stage.load("a")
    stage.ready("a")
    stage.load("b")
    assert stage.stopped == ["a"]


def test_case_10_a_model_loaded_for_a_request_serves_it_before_anything_else() -> None:
    """Even when it turns out larger than the limit, a model answers the request that it was loaded for."""
    stage = Stage(ONE)
    ticket = stage.ask("a", 10)
    stage.really_takes("a", 15)
    stage.sample()
    stage.ready("a")
    assert stage.granted(ticket)
    assert stage.stopped == []
    stage.finish(ticket)
    assert stage.stopped == ["a"]


def test_case_11_request_for_a_stopping_model_waits_and_restarts_it() -> None:
    """A request is never given to a host that was told to stop: the model is loaded again for it."""
    stage = stage_with("a")
    stopping = stage.hosts["a"].host
    stage.tell(UnloadAsked("a", "window"))
    ticket = stage.ask("a")
    assert not stage.answered(ticket)
    assert stage.started == []
    stage.exited("a")
    assert stage.started == ["a"]
    assert stage.hosts["a"].host != stopping
    stage.ready("a")
    assert stage.granted(ticket)


def test_case_12_victim_used_again_while_the_loader_waits_for_it() -> None:
    """The model that a load waits for gets another request: the load takes another victim, nobody hangs."""
    stage = Stage(TWO)
    first = stage.ask("a")
    stage.ready("a")
    stage.use("b", 5)
    loader = stage.ask("c", 12)
    assert stage.stopped == []
    again = stage.ask("a")
    assert stage.granted(again)
    stage.finish(first)
    assert stage.stopped == []
    stage.finish(again)
    assert stage.stopped == ["a"]
    stage.play_out()
    assert stage.granted(loader)


def test_case_12_victim_asked_for_after_it_was_told_to_go_comes_back() -> None:
    """Both the load and the model that went for it are served in the end."""
    stage = stage_with("a", policy=ONE)
    loader = stage.ask("b")
    assert stage.state("a") is State.UNLOADING
    again = stage.ask("a")
    stage.play_out()
    assert stage.granted(loader)
    assert not stage.answered(again)
    stage.finish(loader)
    stage.play_out()
    assert stage.granted(again)


def test_case_13_a_model_is_idle_when_the_last_of_its_parallel_requests_ends() -> None:
    """With two answers in flight the end of one leaves the model busy."""
    stage = Stage(ONE)
    one, two = stage.ask("a"), stage.ask("a")
    stage.ready("a")
    stage.ask("b")
    stage.finish(one)
    assert stage.state("a") is State.BUSY
    assert stage.stopped == []
    stage.finish(two)
    assert stage.stopped == ["a"]


def test_case_18_many_requests_for_one_model_are_one_load_and_one_eviction() -> None:
    """Five requests for a model that is not loaded start one host and stop one; all are granted."""
    stage = stage_with("a", policy=ONE)
    tickets = [stage.ask("b") for _ in range(5)]
    stage.play_out()
    assert (stage.started, stage.stopped) == (["b"], ["a"])
    assert all(stage.granted(ticket) for ticket in tickets)


def test_case_19_two_waiters_and_one_idle_victim_are_both_served_in_the_end() -> None:
    """Two loads that want the same idle model's room do not both count on it."""
    stage = stage_with("a", policy=ONE)
    one, two = stage.ask("b"), stage.ask("c")
    assert stage.stopped == ["a"]
    stage.play_out()
    assert stage.granted(one)
    assert not stage.answered(two)
    assert stage.charged == 10
    stage.finish(one)
    stage.play_out()
    assert stage.granted(two)


def test_case_20_loads_are_served_in_the_order_of_asking() -> None:
    """The queue is first in, first out, over all models."""
    stage = Stage(ONE)
    busy = stage.ask("a")
    stage.ready("a")
    waiting = [stage.ask(model) for model in ("c", "b", "d")]
    stage.finish(busy)
    for ticket in waiting:
        stage.play_out()
        assert stage.granted(ticket)
        stage.finish(ticket)
    assert stage.started == ["a", "c", "b", "d"]


def test_case_20_a_small_load_does_not_overtake_at_the_cost_of_a_large_one() -> None:
    """A load that fits now waits when it would take room that an earlier one waits for."""
    stage = Stage(TWO)
    busy = stage.ask("a")
    stage.ready("a")
    large, small = stage.ask("large", 20), stage.ask("small", 10)
    assert stage.started == ["a"]
    stage.finish(busy)
    stage.play_out()
    assert stage.granted(large)
    assert not stage.answered(small)


def test_a_load_that_takes_nothing_from_an_earlier_one_need_not_wait_for_it() -> None:
    """While a large load waits for a model in use, one for which there is room anyway is loaded."""
    stage = Stage(Policy(total_limit_bytes=40))
    busy = stage.ask("a", 20)
    stage.ready("a")
    large, small = stage.ask("large", 30), stage.ask("small", 10)
    stage.ready("small")
    assert stage.granted(small)
    assert not stage.answered(large)
    stage.finish(busy)
    stage.play_out()
    assert stage.granted(large)


def test_case_21_client_gone_while_queued_evicts_nothing() -> None:
    """When the one who waited hangs up before its turn, nobody goes for its load."""
    stage = Stage(ONE)
    busy = stage.ask("a")
    stage.ready("a")
    gone = stage.ask("b")
    stage.tell(Withdrawn(gone))
    stage.finish(busy)
    assert stage.stopped == []
    assert stage.started == ["a"]
    assert stage.state("b") is State.UNLOADED
    assert not stage.answered(gone)


def test_client_gone_while_room_is_made_leaves_no_load_behind() -> None:
    """A load whose client hangs up while the victim still exits is not started."""
    stage = stage_with("a", policy=ONE)
    stage.tell(Withdrawn(stage.ask("b")))
    stage.exited("a")
    assert stage.started == []
    assert stage.charged == 0


def test_case_22_load_error_fails_all_its_waiters_and_the_next_may_try() -> None:
    """A load that fails refuses everybody who waited for it with the reason; a later request loads anew."""
    stage = Stage()
    waiting = [stage.ask("a"), stage.ask("a"), stage.load("a")]
    stage.failed("a", "a.gguf is truncated.")
    for ticket in waiting:
        refusal = stage.refusal(ticket)
        assert refusal is not None
        assert (refusal.code, str(refusal.sentence)) == ("load failed", "a.gguf is truncated.")
    assert stage.state("a") is State.FAILED
    again = stage.ask("a")
    stage.ready("a")
    assert stage.granted(again)


def test_case_23_cooldown_after_failures_grows_and_success_ends_it() -> None:
    """From the second failure on programs wait 5, 10, 20 s; a load by hand does not; an answer resets it."""
    stage = Stage()
    stage.ask("a")
    stage.failed("a")
    for seconds in (5, 10, 20):
        stage.ask("a")
        stage.failed("a")
        refused = stage.refusal(stage.ask("a"))
        assert refused is not None
        assert (refused.code, refused.retry_seconds) == ("cooling down", seconds)
        stage.now += seconds
    stage.now -= 1
    by_hand = stage.ask("a", actor="window")
    stage.ready("a")
    assert stage.granted(by_hand)
    stage.finish(by_hand)
    stage.tell(UnloadAsked("a", "window"))
    stage.exited("a")
    stage.ask("a")
    stage.failed("a")
    assert stage.code(stage.ask("a")) is None


def test_case_23_what_one_client_asked_shuts_nobody_out() -> None:
    """A host that dies while it answers says nothing about the model: the next request loads it again."""
    stage = Stage()
    for _ in range(5):
        crashing = stage.ask("a")
        stage.ready("a")
        stage.exited("a", reason="killed by signal 11")
        assert stage.code(crashing) in ("host died", None)
        assert stage.code(stage.ask("a")) is None
        stage.ready("a")


def test_case_24_unload_drops_queued_waiters_with_an_error() -> None:
    """Whoever waits for a model, or uses it, is told when somebody unloads it."""
    stage = Stage(ONE)
    in_flight = stage.ask("a")
    stage.ready("a")
    queued = stage.ask("b")
    stage.tell(UnloadAsked("b", "window"))
    assert stage.code(queued) == "cancelled"
    stage.tell(UnloadAsked("a", "window"))
    assert stage.code(in_flight) == "unloaded"
    stage.exited("a")
    assert stage.cache.open_tickets == frozenset()


def test_case_25_disjoint_swaps_run_in_parallel_and_overlapping_ones_do_not() -> None:
    """Two loads that evict different models go on at once; two that need the same room follow each other."""
    stage = stage_with("a", "b", policy=TWO)
    stage.ask("c")
    stage.ask("d")
    assert stage.stopped == ["a", "b"]
    stage.exited("a")
    assert stage.started == ["c"]
    stage.exited("b")
    assert stage.started == ["c", "d"]

    stage = stage_with("a", "b", policy=TWO)
    stage.ask("c", 20)
    stage.ask("d", 20)
    assert stage.stopped == ["a", "b"]
    stage.exited("a", "b")
    assert stage.started == ["c"]


def test_a_load_is_started_only_when_its_room_is_really_there() -> None:
    """A load that evicts two models is started after the second process is reaped, not after the first."""
    stage = stage_with("a", "b", policy=TWO)
    stage.ask("c", 20)
    stage.exited("a")
    assert stage.started == []
    stage.exited("b")
    assert stage.started == ["c"]


def test_a_model_in_steady_use_takes_no_more_requests_when_a_load_waited_long_enough() -> None:
    """Overlapping requests do not keep a waiting load out for ever: after 5 s it gets the next turn."""
    stage = Stage(ONE)
    in_flight = stage.ask("a")
    stage.ready("a")
    newcomer = stage.ask("b")
    for _ in range(4):
        overlapping = stage.ask("a")
        assert stage.granted(overlapping)
        stage.finish(in_flight)
        in_flight = overlapping
        stage.wait(1)
    stage.wait(1)
    late = stage.ask("a")
    assert not stage.answered(late)
    stage.finish(in_flight)
    stage.play_out()
    assert stage.granted(newcomer)
    stage.finish(newcomer)
    stage.play_out()
    assert stage.granted(late)
