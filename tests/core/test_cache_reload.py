"""Models loaded again: with other parameters, woken, or for whoever comes next."""

from __future__ import annotations

from llmmem_gui.core.cache_messages import LimitSet, PinSet, Policy, UnloadAsked, Withdrawn
from llmmem_gui.core.ledger import Charge
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.snapshot import State
from tests.core.stage import Stage, mapped, stage_with

ONE = Policy(total_limit_bytes=10)
"""Room for one model of the usual size."""
TWO = Policy(total_limit_bytes=20)


def test_other_parameters_load_the_model_again_between_two_requests() -> None:
    """A load with parameters of its own waits until the model is idle, and then gets it reloaded."""
    stage = Stage(Policy(total_limit_bytes=12))
    plain = stage.ask("a")
    stage.ready("a")
    chosen = stage.load("a", 12, context=8192)
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
    too_large, behind = stage.load("a", 11, context=8192), stage.ask("a")
    assert stage.code(too_large) == "too large for the limit"
    assert stage.granted(behind)
    stage.finish(plain, behind)
    assert stage.stopped == []


def test_a_reload_waits_for_its_own_model_and_keeps_no_other_load_back() -> None:
    """While a model in use is to be reloaded, a load for which there is room goes on."""
    stage = Stage(Policy(total_limit_bytes=40))
    stage.ask("a")
    stage.ready("a")
    stage.load("a", 20, context=8192)
    other = stage.ask("b")
    stage.ready("b")
    assert stage.granted(other)


def test_each_waiter_of_a_model_is_judged_by_what_it_asked_for() -> None:
    """When the first waiter's parameters cannot fit, the next one's may."""
    stage = Stage(ONE)
    busy = stage.ask("x")
    stage.ready("x")
    too_large, fitting = stage.load("a", 11, context=8192), stage.load("a", 9, context=1024)
    stage.finish(busy)
    stage.play_out()
    assert stage.code(too_large) == "too large for the limit"
    assert stage.granted(fitting)
    assert stage.hosts["a"].parameters.context == 1024


def test_when_the_first_waiter_leaves_the_next_one_decides_the_parameters() -> None:
    """Room that was promised for a request is planned anew when its client hangs up."""
    stage = stage_with("x", policy=ONE)
    gone, stays = stage.load("a", 10, context=8192), stage.load("a", 6, context=1024)
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
    gone, stays = stage.load("a", 10, context=1024), stage.load("a", 20, context=8192)
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
    reloaded, later = stage.load("a", 10, context=1024), stage.ask("b")
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
    ticket = stage.load("a", 9, context=1024)
    stage.play_out()
    assert stage.granted(ticket)


def test_an_answer_is_had_from_the_model_as_it_is_loaded() -> None:
    """Context, batch and KV type that somebody chose are no reason to load it again for an answer."""
    stage = Stage()
    chosen = stage.load("a", context=1024)
    stage.ready("a")
    by_programs = [stage.ask("a"), stage.ask("a", actor="cli")]
    assert all(map(stage.granted, [chosen, *by_programs]))
    assert stage.stopped == []


def test_an_answer_that_comes_while_a_chosen_load_is_queued_is_had_from_it() -> None:
    """The model is loaded once, as it was chosen, and not again with the usual parameters."""
    stage = Stage(ONE)
    busy = stage.ask("z")
    stage.ready("z")
    chosen, answer = stage.load("a", 10, context=8192), stage.ask("a", 8)
    stage.finish(busy)
    stage.play_out()
    assert stage.granted(chosen)
    assert stage.granted(answer)
    assert stage.started == ["z", "a"]
    assert stage.hosts["a"].parameters.context == 8192


def test_an_answer_that_waits_when_a_chosen_load_is_asked_for_is_had_from_it() -> None:
    """The model is loaded once, as it was chosen, and not first with the usual parameters."""
    stage = Stage(ONE)
    busy = stage.ask("z")
    stage.ready("z")
    answer, chosen = stage.ask("a", 8), stage.load("a", 10, context=8192)
    stage.finish(busy)
    stage.play_out()
    assert stage.granted(answer)
    assert stage.granted(chosen)
    assert stage.started == ["z", "a"]
    assert stage.hosts["a"].parameters.context == 8192


def test_an_answer_does_not_wait_for_the_room_of_a_chosen_load_behind_it() -> None:
    """While only the usual load fits, it is loaded like that, and again when there is room for the choice."""
    stage = Stage(TWO)
    long, short = stage.ask("y"), stage.ask("z")
    stage.ready("y", "z")
    answer, chosen = stage.ask("a", 8), stage.load("a", 20, context=8192)
    stage.finish(short)
    stage.play_out()
    assert stage.granted(answer)
    assert not stage.answered(chosen)
    stage.finish(answer, long)
    stage.play_out()
    assert stage.granted(chosen)


def test_a_chosen_load_that_is_refused_leaves_the_answer_before_it_as_it_was() -> None:
    """What cannot be loaded as chosen is refused to who chose it, and loaded as usual for the answer."""
    stage = Stage(ONE)
    busy = stage.ask("z")
    stage.ready("z")
    answer, chosen = stage.ask("a", 8), stage.load("a", 11, context=8192)
    stage.finish(busy)
    stage.play_out()
    assert stage.granted(answer)
    assert stage.code(chosen) == "too large for the limit"


def test_a_load_without_a_choice_is_had_from_the_model_as_it_is_loaded() -> None:
    """Who says no more than "load it" has it, whether it gives text or embeddings."""
    stage = Stage()
    stage.ask("a", embeddings=True)
    stage.ready("a")
    assert stage.granted(stage.load("a"))
    assert stage.stopped == []


def test_embeddings_and_text_need_a_load_each_with_the_context_in_force() -> None:
    """A model that is loaded for text is loaded again for embeddings, when its answers have ended."""
    stage = Stage()
    stage.load("a", context=1024)
    stage.ready("a")
    text = stage.ask("a")
    vectors = stage.ask("a", embeddings=True)
    assert not stage.answered(vectors)
    stage.finish(text)
    assert stage.stop_of("a").cause == "reload"
    stage.play_out()
    assert stage.granted(vectors)
    assert stage.hosts["a"].parameters == LoadParameters(context=1024, embeddings=True)


def test_a_reload_begins_in_the_step_that_grants_the_waiter_before_it() -> None:
    """Nothing waits for the next reading: what a grant makes possible is done at once."""
    stage = Stage()
    first, second = stage.load("a", context=1024), stage.load("a", context=2048)
    stage.ready("a")
    assert stage.granted(first)
    assert stage.stopped == ["a"]
    stage.play_out()
    assert stage.granted(second)


def test_what_a_model_outgrew_its_limit_by_is_forgotten_when_a_person_loads_it() -> None:
    """He may know that it will not happen again; then programs get it again as well."""
    stage = stage_with("a")
    stage.tell(LimitSet("a", 12))
    stage.really_takes("a", 13)
    stage.sample()
    stage.exited("a")
    assert stage.code(stage.ask("a")) == "above its own limit"
    stage.load("a")
    stage.ready("a")
    stage.tell(UnloadAsked("a", "window"))
    stage.exited("a")
    ticket = stage.ask("a")
    stage.ready("a")
    assert stage.granted(ticket)
