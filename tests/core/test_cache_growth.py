"""A second use of a loaded model: its context is admitted and charged before it is made."""

from __future__ import annotations

from llmmem_gui.core import cache_messages as m
from llmmem_gui.core.cache_messages import Beside, DozeAsked, LimitSet, Policy, Withdrawn
from llmmem_gui.core.ledger import Charge
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.snapshot import State
from tests.core.stage import Stage, mapped, stage_with


def embeddings(size: int = 3, tokens: int = 512) -> Beside:
    """A context for embeddings beside the one for text."""
    return Beside(LoadParameters(context=tokens, embeddings=True), Charge(size, 0, "any"))


def text(size: int = 3) -> Beside:
    """A context for text beside the one for embeddings."""
    return Beside(LoadParameters(), Charge(size, 0, "any"))


def embed(stage: Stage, model: str, size: int = 3, tokens: int = 512) -> int:
    """Ask for vectors as the service does."""
    return stage.ask(model, embeddings=True, beside=embeddings(size, tokens))


def grown(stage: Stage) -> list[Beside]:
    """The contexts that hosts were allowed."""
    return [action.beside for action in stage.actions if isinstance(action, m.GrowHost)]


def test_embeddings_of_a_model_that_answers_are_had_beside_the_answer() -> None:
    """No reload and no wait: the host may make a second context, which is charged from then on."""
    stage = Stage(Policy(total_limit_bytes=20))
    answer = stage.ask("a", beside=text())
    stage.ready("a")
    vectors = embed(stage, "a")
    assert stage.granted(answer)
    assert stage.granted(vectors)
    assert (grown(stage), stage.stopped, stage.charged) == ([embeddings()], [], 13)
    assert stage.granted(embed(stage, "a"))
    assert stage.granted(stage.ask("a", beside=text()))
    assert grown(stage) == [embeddings()]


def test_text_of_a_model_that_embeds_is_had_beside_the_embeddings() -> None:
    """The other way round; the model keeps the use that it was loaded for."""
    stage = Stage()
    embed(stage, "a")
    stage.ready("a")
    assert stage.granted(stage.ask("a", beside=text(4)))
    assert stage.granted(embed(stage, "a", tokens=4096))
    assert (grown(stage), stage.charged) == ([text(4)], 14)


def test_a_longer_text_makes_the_second_context_larger_and_not_a_third() -> None:
    """The charge is that of the larger context alone."""
    stage = stage_with("a")
    embed(stage, "a", 3, tokens=512)
    embed(stage, "a", 6, tokens=2048)
    assert [each.parameters.context for each in grown(stage)] == [512, 2048]
    assert stage.charged == 16
    assert stage.granted(embed(stage, "a", 4, tokens=1024))
    assert len(grown(stage)) == 2


def test_a_second_context_makes_idle_models_go() -> None:
    """It is admitted like a load, and only made when the room is really there."""
    stage = Stage(Policy(total_limit_bytes=22))
    stage.use("idle")
    stage.use("a")
    vectors = embed(stage, "a")
    assert stage.stopped == ["idle"]
    assert not stage.answered(vectors)
    assert grown(stage) == []
    assert stage.granted(stage.ask("a", beside=text())), "text waits for nothing"
    stage.exited("idle")
    assert stage.granted(vectors)
    assert stage.charged == 13


def test_a_model_for_which_room_is_made_is_not_asked_to_go_meanwhile() -> None:
    """What was promised for its growth is nobody else's."""
    stage = Stage(Policy(total_limit_bytes=22))
    stage.use("idle")
    stage.use("a")
    vectors, other = embed(stage, "a"), stage.ask("b", 12)
    assert stage.stopped == ["idle"]
    stage.exited("idle")
    assert stage.granted(vectors)
    assert not stage.answered(other)
    stage.finish(vectors)
    assert stage.stopped == ["idle", "a"]


def test_without_room_for_it_embeddings_are_refused_and_text_goes_on() -> None:
    """A limit too small, of all models or of this one, refuses with what both uses would take."""
    for limits in ("total", "own"):
        stage = Stage(Policy(total_limit_bytes=12 if limits == "total" else None))
        stage.use("a")
        if limits == "own":
            stage.tell(LimitSet("a", 12))
        refusal = stage.refusal(embed(stage, "a"))
        assert refusal is not None
        assert refusal.need_bytes == 13
        assert stage.granted(stage.ask("a", beside=text()))
        assert (stage.stopped, stage.charged) == ([], 10)


def test_what_a_model_really_takes_counts_when_it_grows() -> None:
    """A model measured above its forecast needs room beside the measured bytes."""
    stage = stage_with("a", policy=Policy(total_limit_bytes=15))
    stage.really_takes("a", 13)
    stage.sample()
    refusal = stage.refusal(embed(stage, "a"))
    assert refusal is not None
    assert refusal.need_bytes == 16


def test_a_doze_gives_the_context_for_embeddings_up() -> None:
    """Asleep, a model is charged what it was loaded for; the next text makes the context anew."""
    stage = stage_with("a")
    vectors = embed(stage, "a")
    stage.finish(vectors)
    assert stage.charged == 13
    stage.tell(DozeAsked("a", "window"))
    assert (stage.state("a"), stage.charged) == (State.DOZING, 10)
    assert stage.granted(embed(stage, "a"))
    assert len(grown(stage)) == 2
    assert stage.charged == 13


def test_a_dozing_model_wakes_first_and_grows_then() -> None:
    """Its weights come back, and the second context is admitted beside them."""
    stage = Stage(Policy(total_limit_bytes=28))
    stage.use("a", mapped(5, 20, "a.gguf"))
    stage.tell(DozeAsked("a", "window"))
    assert stage.granted(embed(stage, "a"))
    assert stage.charged == 28
    stage.tell(DozeAsked("a", "window"))
    assert stage.state("a") is State.BUSY


def test_who_hangs_up_takes_the_promise_along() -> None:
    """The room is free again, and the model is as idle as it is."""
    stage = Stage(Policy(total_limit_bytes=22))
    stage.use("idle")
    stage.use("a")
    vectors = embed(stage, "a")
    stage.tell(Withdrawn(vectors))
    stage.exited("idle")
    assert grown(stage) == []
    assert stage.charged == 10
    stage.ask("b", 22)
    assert stage.stopped == ["idle", "a"]


def test_a_choice_that_differs_only_in_the_use_needs_no_other_load() -> None:
    """Who loads a model as it is loaded has it, also while it is loaded for embeddings."""
    stage = Stage()
    stage.ask("a", embeddings=True)
    stage.ready("a")
    context = LoadParameters().context
    assert stage.granted(stage.load("a", context=context))
    assert stage.stopped == []
