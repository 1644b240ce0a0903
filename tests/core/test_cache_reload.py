"""Models loaded again: with other parameters, woken, or for whoever comes next."""

from __future__ import annotations

from llmmem_gui.core.cache_messages import (
    Grant,
    PinSet,
    Policy,
    Refuse,
    Requested,
    SmallerFound,
    Withdrawn,
)
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.plan import Charge
from llmmem_gui.core.snapshot import State
from tests.core.stage import Stage, mapped, stage_with

ONE = Policy(total_limit_bytes=10)
"""Room for one model of the usual size."""
TWO = Policy(total_limit_bytes=20)


def test_other_parameters_load_the_model_again_between_two_requests() -> None:
    """A request with parameters of its own waits until the model is idle, and then gets it reloaded."""
    stage = Stage(Policy(total_limit_bytes=12))
    plain = stage.ask("a")
    stage.ready("a")
    chosen = stage.ask("a", 12, context=8192)
    behind = stage.ask("a")
    assert not stage.answered(chosen)
    stage.finish(plain)
    assert stage.stop_of("a").cause == "reload"
    stage.play_out()
    assert stage.granted(chosen)
    assert stage.granted(behind)
    assert stage.hosts["a"].parameters == LoadParameters(context=8192)
    assert stage.hosts["a"].charge == Charge(12, 0, "a")


def test_a_reload_that_cannot_fit_is_refused_and_the_model_stays() -> None:
    """Asking a loaded model for a context that is too large refuses that request and harms no other."""
    stage = Stage(ONE)
    plain = stage.ask("a")
    stage.ready("a")
    too_large, behind = stage.ask("a", 11, context=8192), stage.ask("a")
    assert stage.code(too_large) == "too large for the limit"
    assert stage.granted(behind)
    stage.finish(plain, behind)
    assert stage.stopped == []


def test_a_reload_waits_for_its_own_model_and_keeps_no_other_load_back() -> None:
    """While a model in use is to be reloaded, a load for which there is room goes on."""
    stage = Stage(Policy(total_limit_bytes=40))
    stage.ask("a")
    stage.ready("a")
    stage.ask("a", 20, context=8192)
    other = stage.ask("b")
    stage.ready("b")
    assert stage.granted(other)


def test_each_waiter_of_a_model_is_judged_by_what_it_asked_for() -> None:
    """When the first waiter's parameters cannot fit, the next one's may."""
    stage = Stage(ONE)
    busy = stage.ask("x")
    stage.ready("x")
    too_large, fitting = stage.ask("a", 11, context=8192), stage.ask("a", 9, context=1024)
    stage.finish(busy)
    stage.play_out()
    assert stage.code(too_large) == "too large for the limit"
    assert stage.granted(fitting)
    assert stage.hosts["a"].parameters.context == 1024


def test_when_the_first_waiter_leaves_the_next_one_decides_the_parameters() -> None:
    """Room that was promised for a request is planned anew when its client hangs up."""
    stage = stage_with("x", policy=ONE)
    gone, stays = stage.ask("a", 10, context=8192), stage.ask("a", 6, context=1024)
    stage.tell(Withdrawn(gone))
    stage.exited("x")
    assert stage.hosts["a"].charge.total_bytes == 6
    stage.ready("a")
    assert stage.granted(stays)


def test_when_the_first_waiter_leaves_a_larger_load_of_the_next_one_waits_for_its_own_room() -> None:
    """Room that was promised for a small load is not taken for a larger one."""
    stage = stage_with("x", policy=TWO)
    busy = stage.ask("busy")
    stage.ready("busy")
    gone, stays = stage.ask("a", 10, context=1024), stage.ask("a", 20, context=8192)
    stage.tell(Withdrawn(gone))
    stage.exited("x")
    stage.wait(2)
    assert "a" not in stage.started
    stage.finish(busy)
    stage.exited("busy")
    stage.ready("a")
    assert stage.granted(stays)
    assert stage.charged == 20


def test_a_reload_keeps_its_turn_while_its_host_is_stopped() -> None:
    """A load that came later does not take the room in the moment between the old host and the new one."""
    stage = stage_with("a", policy=ONE)
    reloaded, later = stage.ask("a", 10, context=1024), stage.ask("b")
    assert stage.state("a") is State.UNLOADING
    stage.tell(Withdrawn(stage.ask("nobody")))
    stage.exited("a")
    stage.play_out()
    assert stage.granted(reloaded)
    assert not stage.answered(later)


def test_a_dozing_model_wakes_for_a_request_once_there_is_room_for_its_weights() -> None:
    """Waking counts like a load: it evicts if it must, and starts no new host."""
    stage = Stage(Policy(total_limit_bytes=30))
    stage.use("a", mapped(5, 20, "a.gguf"))
    stage.use("b", 20)
    assert stage.state("a") is State.DOZING
    stage.forget()
    ticket = stage.ask("a", mapped(5, 20, "a.gguf"))
    assert stage.stopped == ["b"]
    assert not stage.answered(ticket)
    stage.exited("b")
    assert stage.granted(ticket)
    assert stage.started == []
    assert stage.charged == 25


def test_queue_limit_refuses_further_requests() -> None:
    """Requests that wait for one model or use it are bounded; more are refused with their number."""
    stage = Stage(Policy(queue_limit=2))
    stage.ask("a")
    stage.ask("a")
    refusal = stage.refusal(stage.ask("a"))
    assert refusal is not None
    assert refusal.code == "queue full"
    assert "2 requests" in str(refusal.sentence)


def test_a_pinned_model_may_be_reloaded_for_who_asks_for_it_by_name() -> None:
    """A pin keeps a model from going; loading it with other parameters is not going."""
    stage = stage_with("a", policy=ONE)
    stage.tell(PinSet("a", True))
    ticket = stage.ask("a", 9, context=1024)
    stage.play_out()
    assert stage.granted(ticket)


def test_an_answer_to_a_question_that_was_not_asked_is_still_answered() -> None:
    """Smaller parameters that come too late get their ticket refused, not forgotten."""
    stage = stage_with("a")
    asked = Requested(99, "a", Charge(5, 0, "a"), LoadParameters(context=512), "load", "limit")
    actions = stage.tell(SmallerFound("a", stage.hosts["a"].host, asked))
    assert [type(a) for a in actions] == [Refuse]
    assert not any(isinstance(a, Grant) for a in actions)
