"""Limits that move, idle times, and a machine that is short of memory."""

from __future__ import annotations

import pytest

from llmmem_gui.core.cache_messages import (
    Finished,
    LimitSet,
    Policy,
)
from llmmem_gui.core.pressure import Level
from llmmem_gui.core.snapshot import State
from tests.core.stage import MIB, Stage, load_and_leave, mapped, stage_with


def test_case_37_warning_dozes_critical_unloads_one_by_one_normal_stops() -> None:
    """Idle models doze at warning; from critical on one goes, then, after its effect, the next one."""
    stage = Stage(machine_bytes=100 * MIB)
    for model in ("a", "b", "c"):
        stage.use(model, mapped(20 * MIB, 5 * MIB, model))
    stage.sample()
    stage.pressure(Level.WARNING)
    stage.wait(30)
    assert (stage.dozed, stage.stopped) == (["a", "b", "c"], [])
    stage.pressure(Level.CRITICAL)
    assert stage.stopped == ["a"]
    stage.wait(3)
    assert stage.stopped == ["a"]
    stage.exited("a")
    stage.wait(1)
    assert stage.stopped == ["a", "b"]
    stage.exited("b")
    stage.pressure(Level.WARNING)
    stage.wait(30)
    assert stage.stopped == ["a", "b"]


def test_case_37_pressure_never_touches_busy_or_fresh_models() -> None:
    """Even an emergency leaves alone what is in use or waits for its first request."""
    stage = Stage(machine_bytes=1000 * MIB)
    stage.sample()
    busy = stage.ask("busy", mapped(10 * MIB, 5 * MIB, "busy"))
    stage.ready("busy")
    stage.load("fresh", mapped(10 * MIB, 5 * MIB, "fresh"))
    stage.ready("fresh")
    stage.load("loading", mapped(10 * MIB, 5 * MIB, "loading"))
    stage.pressure(Level.CRITICAL)
    stage.wait(20)
    assert stage.stopped == stage.dozed == []
    stage.ready("loading")
    stage.pressure(Level.EMERGENCY)
    stage.wait(5)
    assert stage.stopped == stage.dozed == []
    stage.finish(busy)
    stage.wait(1)
    assert stage.dozed == ["busy"]


def test_a_load_that_takes_the_machine_to_an_emergency_is_stopped() -> None:
    """The load begun last goes at once, whoever asked; the one before it only if that does not help."""
    stage = Stage(machine_bytes=1000 * MIB)
    stage.sample()
    idle = stage.ask("idle", 100 * MIB)
    stage.ready("idle")
    stage.finish(idle)
    first, second = stage.load("first", 200 * MIB), stage.ask("second", 200 * MIB)
    stage.wait(40)
    stage.pressure(Level.EMERGENCY)
    assert stage.stopped == ["second"]
    assert stage.stop_of("second").at_once
    assert stage.code(second) == "load stopped"
    stage.wait(2)
    assert stage.stopped == ["second"]
    stage.exited("second")
    stage.wait(2)
    assert stage.stopped == ["second", "first"]
    assert stage.code(first) == "load stopped"
    stage.exited("first")
    stage.wait(2)
    assert stage.stopped == ["second", "first", "idle"]


def test_a_load_that_is_stopped_in_time_leaves_the_others_alone() -> None:
    """When the emergency is over, what was loading before goes on."""
    stage = Stage(machine_bytes=1000 * MIB)
    stage.sample()
    first = stage.load("first", 200 * MIB)
    stage.load("second", 200 * MIB)
    stage.pressure(Level.EMERGENCY)
    stage.exited("second")
    stage.pressure(Level.CRITICAL)
    stage.wait(5)
    stage.ready("first")
    assert stage.granted(first)
    assert stage.stopped == ["second"]


def test_case_38_an_eviction_without_effect_is_not_repeated() -> None:
    """After an unload that made nothing available, pressure takes no other model until its level changes."""
    stage = Stage(machine_bytes=1000 * MIB)
    load_and_leave(stage, ("a", "b", "c"), 100 * MIB)
    stage.sample()
    stage.pressure(Level.CRITICAL)
    assert stage.stopped == ["a"]
    stage.others_bytes += 100 * MIB
    stage.exited("a")
    stage.wait(30)
    assert stage.stopped == ["a"]
    stage.pressure(Level.EMERGENCY)
    assert stage.stopped == ["a", "b"]


def test_case_39_the_only_model_left_is_not_unloaded_at_warning() -> None:
    """A warning makes the last model doze at most."""
    stage = Stage(machine_bytes=1000 * MIB)
    stage.use("a", mapped(10 * MIB, 5 * MIB, "a"))
    stage.sample()
    stage.pressure(Level.WARNING)
    stage.wait(60)
    assert (stage.dozed, stage.stopped) == (["a"], [])
    again = stage.ask("a", mapped(10 * MIB, 5 * MIB, "a"))
    assert stage.granted(again)


def test_case_40_limit_moved_below_current_use_evicts_in_order_and_busy_ones_later() -> None:
    """Idle models go at once, least recently used first; one in use goes when its answer has ended."""
    stage = stage_with("a", "b", "c", policy=Policy(total_limit_bytes=40))
    in_flight = stage.ask("b")
    stage.set_policy(Policy(total_limit_bytes=5))
    assert stage.stopped == ["a", "c"]
    assert stage.stop_of("a").cause == "total limit"
    stage.exited("a", "c")
    stage.wait(10)
    assert stage.state("b") is State.BUSY
    stage.finish(in_flight)
    assert stage.stopped == ["a", "c", "b"]


def test_case_40_a_model_in_steady_use_goes_when_the_requests_in_flight_are_answered() -> None:
    """Overlapping requests do not keep a model above the limit for ever: later ones wait, and are refused."""
    stage = stage_with("a", policy=Policy(total_limit_bytes=40))
    in_flight = stage.ask("a")
    stage.set_policy(Policy(total_limit_bytes=5))
    late = stage.ask("a")
    assert not stage.answered(late)
    stage.finish(in_flight)
    assert stage.stopped == ["a"]
    stage.exited("a")
    assert stage.code(late) == "too large for the limit"


def test_case_40_the_limit_evicts_no_more_than_it_needs() -> None:
    """The coldest single model that brings the sum under the limit goes alone."""
    stage = Stage(Policy(total_limit_bytes=100))
    for model, size in (("small", 5), ("large", 20), ("new", 20)):
        stage.use(model, size)
    stage.set_policy(Policy(total_limit_bytes=30))
    assert stage.stopped == ["large"]


def test_case_40_a_load_promised_room_is_planned_again_when_the_limit_moves() -> None:
    """A limit lowered while a load waits for its victim to exit refuses the load; nothing is exceeded."""
    stage = stage_with("a", policy=Policy(total_limit_bytes=10))
    ticket = stage.ask("b")
    stage.set_policy(Policy(total_limit_bytes=9))
    assert stage.code(ticket) == "too large for the limit"
    stage.exited("a")
    assert stage.charged == 0


@pytest.mark.parametrize("off", [None, 0])
def test_case_41_no_limit_and_a_limit_of_zero_switch_it_off(off: int | None) -> None:
    """A total limit or a model's own limit of None or 0 bytes is none at all."""
    stage = Stage(Policy(total_limit_bytes=off))
    stage.tell(LimitSet("a", off))
    stage.use("a", 10**12)
    stage.wait(5)
    assert stage.stopped == []
    assert stage.cache.bounds.total_limit_bytes is None


def test_case_42_another_program_grows_models_go_and_are_offered_again_when_it_shrinks() -> None:
    """The reserve is restored with idle models; when the other program lets go, what went is offered once."""
    stage = Stage(Policy(reserve_bytes=200 * MIB), machine_bytes=1000 * MIB)
    load_and_leave(stage, ("a", "b"), 300 * MIB)
    stage.wait(2)
    stage.others_bytes = 400 * MIB
    stage.wait(1)
    assert stage.stopped == []
    stage.wait(1)
    assert stage.stopped == ["a"]
    assert stage.stop_of("a").cause == "reserve"
    stage.exited("a")
    stage.wait(10)
    assert stage.stopped == ["a"]
    assert stage.announced("reload-offered") == []
    stage.others_bytes = 0
    stage.wait(10)
    offers = stage.announced("reload-offered")
    assert [offer.model_id for offer in offers] == ["a"]
    assert offers[0].numbers == {"need_bytes": 300 * MIB}


def test_case_42_a_passing_peak_of_another_program_evicts_nobody() -> None:
    """One reading below the reserve, or a little below it for long, moves nothing."""
    stage = Stage(Policy(reserve_bytes=200 * MIB), machine_bytes=1000 * MIB)
    load_and_leave(stage, ("a", "b"), 300 * MIB)
    stage.wait(2)
    stage.others_bytes = 400 * MIB
    stage.wait(1)
    stage.others_bytes = 250 * MIB
    stage.wait(20)
    assert stage.stopped == []


def test_case_42_what_pressure_took_is_offered_when_the_pressure_is_gone() -> None:
    """Under pressure nothing is offered; at the normal level it is, once, if it fits now."""
    stage = Stage(machine_bytes=1000 * MIB)
    stage.use("a", 100 * MIB)
    stage.sample()
    stage.pressure(Level.CRITICAL)
    stage.exited("a")
    stage.wait(20)
    assert stage.announced("reload-offered") == []
    stage.pressure(Level.NORMAL)
    stage.wait(5)
    assert [offer.model_id for offer in stage.announced("reload-offered")] == ["a"]


def test_reserve_moved_above_what_is_free_evicts_at_once_and_busy_ones_later() -> None:
    """A person who asks for a larger reserve gets it without delay, as far as idle models allow."""
    stage = Stage(Policy(reserve_bytes=100), machine_bytes=1000)
    load_and_leave(stage, ("a", "b"), 300)
    stage.sample()
    in_flight = stage.ask("a", 300)
    stage.set_policy(Policy(reserve_bytes=1000))
    assert stage.stopped == ["b"]
    late = stage.ask("a", 300)
    assert not stage.answered(late)
    stage.finish(in_flight)
    assert stage.stopped == ["b", "a"]


@pytest.mark.parametrize("seconds", [0, -1])
def test_case_43_idle_time_of_zero_or_below_means_never(seconds: float) -> None:
    """Without an idle time models stay."""
    stage = stage_with("a", policy=Policy(idle_seconds=seconds))
    stage.wait(3600)
    assert stage.stopped == []


def test_case_43_idle_timer_resets_on_each_request() -> None:
    """The time counts from the end of the last request."""
    stage = stage_with("a", policy=Policy(idle_seconds=60))
    stage.wait(50)
    ticket = stage.ask("a")
    stage.wait(10)
    stage.finish(ticket)
    stage.wait(59)
    assert stage.stopped == []
    stage.wait(1)
    assert stage.stopped == ["a"]
    assert (stage.stop_of("a").cause, stage.stop_of("a").actor) == ("idle", "idle timer")


def test_case_43_idle_timer_that_runs_out_while_busy_acts_after_the_request() -> None:
    """A model in use is never idle, however long its answer takes."""
    stage = stage_with("a", policy=Policy(idle_seconds=60))
    ticket = stage.ask("a")
    stage.wait(600)
    assert stage.stopped == []
    stage.tell(Finished(ticket))
    stage.wait(59)
    assert stage.stopped == []
    stage.wait(1)
    assert stage.stopped == ["a"]


def test_case_43_idle_time_changed_while_running_counts_at_once() -> None:
    """A shorter idle time unloads at the next sample what has been idle for that long."""
    stage = stage_with("a", policy=Policy(idle_seconds=600))
    stage.wait(100)
    stage.set_policy(Policy(idle_seconds=60))
    stage.wait(1)
    assert stage.stopped == ["a"]


def test_a_model_above_its_own_limit_is_not_loaded() -> None:
    """The refusal has the forecast, the limit and the context that would fit."""
    stage = Stage()
    stage.tell(LimitSet("a", 100 * MIB))
    ticket = stage.ask("a", 120 * MIB, fits_context=2048)
    refusal = stage.refusal(ticket)
    assert refusal is not None
    assert str(refusal.sentence) == (
        "a needs 120 MiB, its limit is 100 MiB: load it with a context of at most 2048."
    )
    assert stage.started == []


def test_a_limit_lowered_while_a_load_waits_is_kept() -> None:
    """A queued load whose forecast is above the new limit of its model is refused in its turn."""
    stage = stage_with("x", policy=Policy(total_limit_bytes=10))
    ticket = stage.ask("a")
    stage.tell(LimitSet("a", 9))
    stage.exited("x")
    assert stage.code(ticket) == "above its own limit"
    assert stage.started == []


def test_a_model_that_outgrew_its_limit_finishes_its_request_and_goes() -> None:
    """At 100 % of its own limit a model takes no further request and is unloaded when the last one ends."""
    stage = stage_with("a")
    in_flight = stage.ask("a")
    stage.tell(LimitSet("a", 12))
    stage.really_takes("a", 13)
    stage.sample()
    assert stage.state("a") is State.BUSY
    late = stage.ask("a")
    assert not stage.answered(late)
    stage.finish(in_flight)
    assert stage.stop_of("a").cause == "model limit"
    stage.exited("a")
    refusal = stage.refusal(late)
    assert refusal is not None
    assert (refusal.code, refusal.need_bytes, refusal.limit_bytes) == ("above its own limit", 13, 12)


def test_a_model_that_outgrew_its_limit_is_loaded_by_programs_only_after_the_limit_is_raised() -> None:
    """What it really took is remembered, so that it is not loaded and unloaded in turns."""
    stage = stage_with("a")
    stage.tell(LimitSet("a", 12))
    stage.really_takes("a", 13)
    stage.sample()
    stage.exited("a")
    assert stage.code(stage.ask("a")) == "above its own limit"
    stage.tell(LimitSet("a", 13))
    ticket = stage.ask("a")
    stage.ready("a")
    assert stage.granted(ticket)


def test_each_decision_is_told_with_cause_actor_and_numbers() -> None:
    """Who reads the timeline learns what went, why, for whom, who asked and how much it held."""
    stage = Stage(Policy(total_limit_bytes=30))
    stage.use("a", mapped(5, 15, "a.gguf"))
    stage.use("b", 10)
    stage.ask("c", 15)
    (dozed,) = stage.announced("model-dozed")
    assert (dozed.model_id, dozed.cause, dozed.actor, dozed.for_model) == (
        "a",
        "make room",
        "another load",
        "c",
    )
    assert dozed.numbers == {"weights_bytes": 15}
    stage.ready("c")
    stage.ask("d", 10)
    (gone,) = stage.announced("model-unloading")
    assert (gone.model_id, gone.cause, gone.actor, gone.for_model) == ("b", "make room", "another load", "d")
    assert gone.numbers == {"charge_bytes": 10}
    (started, *_) = stage.announced("load-started")
    assert started.numbers == {"forecast_bytes": 20}


def test_policy_warn_leaves_a_model_above_its_limit_alone() -> None:
    """With `warn` nothing is unloaded; the warning is the business of alerts."""
    stage = stage_with("a", policy=Policy(over_limit="warn"))
    stage.tell(LimitSet("a", 5))
    stage.wait(60)
    assert stage.stopped == []


def test_programs_get_no_new_load_while_the_machine_is_in_a_critical_state() -> None:
    """A load that would fight the relief is refused with the numbers; models that are there answer on."""
    stage = Stage(machine_bytes=1000 * MIB)
    in_use = stage.ask("a", 100 * MIB)
    stage.ready("a")
    stage.sample()
    stage.pressure(Level.CRITICAL)
    refused = stage.refusal(stage.ask("b", 10 * MIB))
    assert refused is not None
    assert (refused.code, refused.available_bytes, refused.room_bytes) == ("memory pressure", 900 * MIB, None)
    assert refused.retry_seconds == 15
    assert stage.granted(stage.ask("a"))
    by_hand = stage.load("c", 10 * MIB)
    stage.ready("c")
    assert stage.granted(by_hand)
    assert stage.granted(in_use)
