"""Other programs that may be asked to give up a model are asked before an own one goes."""

from __future__ import annotations

import pytest

from llmmem_gui.core.cache_messages import AskForHelp, HelpOffered, Policy
from llmmem_gui.core.pressure import Level
from tests.core.stage import MIB, Stage, mapped


def short_stage(*, help_available: bool = True, reserve_bytes: int = 0) -> Stage:
    """Two idle models, and a machine on which other programs leave nothing."""
    stage = Stage(Policy(may_doze=False, reserve_bytes=reserve_bytes), machine_bytes=1000 * MIB)
    for model in ("a", "b"):
        stage.use(model, mapped(100 * MIB, 50 * MIB, model))
    stage.sample()
    stage.tell(HelpOffered(help_available))
    return stage


def asked(stage: Stage) -> list[str]:
    """On whose behalf other programs were asked."""
    return [action.actor for action in stage.actions if isinstance(action, AskForHelp)]


def test_help_is_asked_for_before_an_own_model_goes() -> None:
    """And nothing goes when what the other program gave back was enough."""
    stage = short_stage()
    stage.pressure(Level.CRITICAL)
    stage.wait(5)
    assert (asked(stage), stage.stopped) == (["memory pressure"], [])
    stage.tell(HelpOffered(available=False))
    stage.pressure(Level.NORMAL)
    stage.wait(60)
    assert (asked(stage), stage.stopped) == (["memory pressure"], [])


def test_help_that_is_not_enough_is_followed_by_more_and_then_by_own_models() -> None:
    """One after the other, each when the effect of the one before shows."""
    stage = short_stage()
    stage.pressure(Level.CRITICAL)
    stage.wait(2)
    stage.tell(HelpOffered(available=True))
    assert len(asked(stage)) == 1
    stage.wait(4)
    assert (len(asked(stage)), stage.stopped) == (2, [])
    stage.tell(HelpOffered(available=False))
    assert stage.stopped == []
    stage.wait(4)
    assert (len(asked(stage)), stage.stopped) == (2, ["a"])


def test_nobody_is_waited_for_for_ever() -> None:
    """A program that was asked and says nothing does not keep the machine from its relief."""
    stage = short_stage()
    stage.pressure(Level.CRITICAL)
    stage.wait(14)
    assert stage.stopped == []
    stage.wait(2)
    assert (len(asked(stage)), stage.stopped) == (1, ["a"])


def test_an_emergency_does_not_wait() -> None:
    """Own models go at once, also while another program was asked."""
    stage = short_stage()
    stage.pressure(Level.CRITICAL)
    assert stage.stopped == []
    stage.pressure(Level.EMERGENCY)
    assert stage.stopped == ["a"]
    assert len(asked(stage)) == 1


@pytest.mark.parametrize("help_available", [True, False])
def test_the_reserve_is_restored_by_others_first(help_available: bool) -> None:
    """A reserve that others have broken: their idle models go for it, if they may be asked."""
    stage = short_stage(help_available=help_available, reserve_bytes=200 * MIB)
    stage.others_bytes = 680 * MIB
    stage.wait(5)
    if help_available:
        assert (asked(stage), stage.stopped) == (["limit"], [])
        stage.others_bytes = 100 * MIB
        stage.tell(HelpOffered(available=False))
        stage.wait(60)
        assert (asked(stage), stage.stopped) == (["limit"], [])
    else:
        assert (asked(stage), stage.stopped[:1]) == ([], ["a"])


def test_limits_that_a_person_set_ask_nobody() -> None:
    """What others hold does not count under the total limit: only own models help."""
    stage = short_stage()
    stage.set_policy(Policy(may_doze=False, total_limit_bytes=160 * MIB))
    assert (asked(stage), stage.stopped) == ([], ["a"])


def test_models_doze_meanwhile() -> None:
    """Sleeping costs nothing: it is not put off."""
    stage = short_stage()
    stage.set_policy(Policy(may_doze=True))
    stage.pressure(Level.CRITICAL)
    assert (stage.dozed, stage.stopped) == (["a", "b"], [])
    stage.wait(1)
    assert (len(asked(stage)), stage.stopped) == (1, [])
