"""Devices with memory of their own: their limits hold, and nothing goes that lies elsewhere."""

from __future__ import annotations

import pytest

from llmmem_gui.core import cache_messages as m
from llmmem_gui.core.cache_messages import Policy
from llmmem_gui.core.ledger import Charge
from llmmem_gui.core.plan import charged_bytes
from tests.core.stage import Stage

LIMITED = Policy(device_limits={"GPU0": 20})


def on_gpu(model: str, size: int, main: int = 1) -> Charge:
    return Charge(main, 0, model, {"GPU0": size})


def test_the_coldest_on_the_device_goes_and_colder_ones_elsewhere_stay() -> None:
    """Only what is there makes room there."""
    stage = Stage(LIMITED)
    stage.use("main", 90)
    for model in ("a", "b", "c"):
        stage.use(model, on_gpu(model, 10))
    assert stage.stopped == ["a"]
    assert stage.stop_of("a").cause == "make room"


def test_a_load_too_large_for_the_device_is_refused_with_its_numbers() -> None:
    """Whatever main memory has; and it says so beforehand."""
    stage = Stage(LIMITED)
    stage.use("a", on_gpu("a", 5))
    view = stage.outlook("b", on_gpu("b", 21))
    assert (view.obstacle, view.device, view.need_bytes, view.room_bytes) == ("a device", "GPU0", 21, 20)
    ticket = stage.load("b", on_gpu("b", 21))
    refusal = stage.refusal(ticket)
    assert refusal is not None
    assert str(refusal.sentence) == (
        "b needs 21 B of GPU0, which has 20 B for it: place fewer layers there, or raise the limit of GPUs."
    )
    assert stage.stopped == []


def test_a_lower_limit_of_a_device_takes_what_lies_there() -> None:
    """The coldest there goes at once, with the limit as the cause."""
    stage = Stage(LIMITED)
    stage.use("main", 50)
    stage.use("a", on_gpu("a", 10))
    stage.use("b", on_gpu("b", 10))
    stage.set_policy(Policy(device_limits={"GPU0": 15}))
    assert stage.stopped == ["a"]
    assert stage.stop_of("a").cause == "device limit"


def test_what_another_limit_of_a_device_would_bring_is_said_beforehand() -> None:
    """Of what lies there, and of nothing else; a pinned model that stays above it is told with the bytes."""
    stage = Stage(LIMITED)
    stage.use("main", 50)
    stage.use("a", on_gpu("a", 10))
    stage.use("b", on_gpu("b", 10))
    view = stage.cache.outlook(Policy(device_limits={"GPU0": 15}), stage.now)
    assert (view.unloads, view.dozes, view.over_bytes) == (("a",), (), 0)
    for model in ("a", "b"):
        stage.tell(m.PinSet(model, True))
    view = stage.cache.outlook(Policy(device_limits={"GPU0": 15}), stage.now)
    assert (view.unloads, view.over_bytes) == ((), 5)


def test_the_limit_of_one_device_is_kept_on_that_device_alone() -> None:
    """The coldest of all lies on another one, and stays."""
    stage = Stage(Policy(device_limits={"GPU0": 20, "GPU1": 20}))
    stage.use("elsewhere", Charge(1, 0, "elsewhere", {"GPU1": 20}))
    stage.use("a", on_gpu("a", 10))
    stage.use("both", Charge(1, 0, "both", {"GPU0": 5}))
    stage.set_policy(Policy(device_limits={"GPU0": 8, "GPU1": 20}))
    assert stage.stopped == ["a"]


@pytest.mark.parametrize("limit", [0, 5])
def test_a_full_device_keeps_nobody_from_main_memory(limit: int) -> None:
    """A model in use stays over the new limit; one that needs nothing of the device is loaded beside it."""
    stage = Stage(LIMITED)
    ticket = stage.ask("a", on_gpu("a", 10))
    stage.play_out()
    stage.set_policy(Policy(device_limits={"GPU0": limit}))
    stage.use("main", 30)
    assert stage.stopped == []
    stage.finish(ticket)
    assert stage.stopped == ["a"]


def test_what_lies_on_a_device_is_not_charged_to_main_memory() -> None:
    """The total limit is of main memory."""
    stage = Stage(Policy(total_limit_bytes=10, device_limits={"GPU0": 100}))
    stage.use("a", on_gpu("a", 60, main=5))
    stage.use("b", on_gpu("b", 40, main=5))
    assert stage.stopped == []
    assert charged_bytes(stage.cache.holders) == 10
