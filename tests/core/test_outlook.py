"""What is said beforehand of a load and of other limits is what happens."""

from __future__ import annotations

from msgspec.structs import replace

from llmmem_gui.core.cache_messages import LimitSet, PinSet, Policy, PolicySet
from llmmem_gui.core.ledger import Charge
from llmmem_gui.core.outlook import LimitsOutlook, Outlook
from llmmem_gui.core.snapshot import State
from tests.core.stage import Stage, mapped, stage_with


def test_nobody_is_said_to_doze_where_models_may_not() -> None:
    """With dozing switched off, row and slider say that a model is unloaded, and it is."""
    for may_doze in (True, False):
        policy = Policy(total_limit_bytes=100, may_doze=may_doze)
        stage = Stage(policy)
        stage.use("a", mapped(20, 50, "fa"))
        stage.sample()
        need = mapped(40, 0, "fc")
        said = stage.outlook("c", need)
        slider = stage.cache.outlook(PolicySet(replace(policy, total_limit_bytes=60)), stage.now)
        stage.forget()
        stage.load("c", need)
        assert (said.dozes, said.unloads) == (slider.dozes, slider.unloads)
        assert (list(said.dozes), list(said.unloads)) == (stage.dozed, stage.stopped)
        assert said.fits


def test_what_keeps_a_load_from_fitting_is_named_with_its_numbers() -> None:
    """Its own limit, pinned models, the total limit with the one that would do, the computer."""
    stage = Stage(Policy(total_limit_bytes=30), machine_bytes=100)
    stage.sample()
    stage.use("a", 10)
    stage.tell(LimitSet("small", 5))
    assert stage.outlook("small", Charge(6, 0, "small")) == Outlook(6, "its own limit", room_bytes=5)
    assert stage.outlook("b", Charge(40, 0, "b")) == Outlook(
        40, "the total limit", room_bytes=30, limit_bytes=40
    )
    assert stage.outlook("c", Charge(200, 0, "c")) == Outlook(200, "the total limit", room_bytes=30)
    stage.tell(PinSet("a", True))
    assert stage.outlook("b", Charge(25, 0, "b")) == Outlook(
        25, "the total limit", pinned=("a",), room_bytes=20
    )
    stage.set_policy(Policy())
    stage.sample()
    assert stage.outlook("c", Charge(200, 0, "c")) == Outlook(200, "the computer", room_bytes=90)


def test_a_limit_that_would_be_raised_is_one_under_which_the_load_fits() -> None:
    """Whoever takes the offer to raise the limit can load the model."""
    stage = stage_with("a", policy=Policy(total_limit_bytes=30))
    need = Charge(40, 0, "b")
    limit = stage.outlook("b", need).limit_bytes
    stage.set_policy(Policy(total_limit_bytes=limit))
    assert stage.outlook("b", need) == Outlook(40, unloads=("a",))


def test_other_limits_are_tried_on_a_copy() -> None:
    """Idle models would go, busy ones when they are done, pinned ones never; nothing has happened yet."""
    stage = stage_with("a", "b")
    busy = stage.ask("c")
    stage.ready("c")
    stage.tell(PinSet("b", True))
    stage.forget()

    def slider(limit: int) -> LimitsOutlook:
        return stage.cache.outlook(PolicySet(Policy(total_limit_bytes=limit)), stage.now)

    assert slider(30) == LimitsOutlook()
    assert slider(20) == LimitsOutlook(unloads=("a",))
    assert slider(10) == LimitsOutlook(unloads=("a",), waits_for=("c",))
    assert slider(5) == LimitsOutlook(unloads=("a",), waits_for=("c",), over_bytes=5)
    assert stage.actions == []
    assert stage.states("a", "b", "c") == [State.READY, State.READY, State.BUSY]
    stage.set_policy(Policy(total_limit_bytes=10))
    assert stage.stopped == ["a"]
    stage.finish(busy)
    assert stage.stopped == ["a", "c"]
