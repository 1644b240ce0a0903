"""Devices with memory of their own: their limits hold, and nothing goes that lies elsewhere."""

from __future__ import annotations

import pytest

from llmmem_gui.core.cache_messages import PinSet, Policy, PolicySet
from llmmem_gui.core.ledger import Charge
from llmmem_gui.core.placement import Placements
from llmmem_gui.core.plan import charged_bytes
from llmmem_gui.core.readings import GpuReading
from llmmem_gui.core.snapshot import State
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
    view = stage.cache.outlook(PolicySet(Policy(device_limits={"GPU0": 15})), stage.now)
    assert (view.unloads, view.dozes, view.over_bytes) == (("a",), (), 0)
    for model in ("a", "b"):
        stage.tell(PinSet(model, True))
    view = stage.cache.outlook(PolicySet(Policy(device_limits={"GPU0": 15})), stage.now)
    assert (view.unloads, view.over_bytes, dict(view.over_on)) == ((), 0, {"GPU0": 5})


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


def layered(model: str, layers: int = 10, size: int = 2, main: int = 1) -> Placements:
    """A model whose layers take so much each, on the device or here."""
    numbers = range(layers + 1)
    here = [main + (layers - number) * size for number in numbers]
    return Placements(model, here, [0] * len(here), {"GPU0": [number * size for number in numbers]})


def layers_of(stage: Stage, model: str) -> int:
    """What its host was told to place on GPUs."""
    return stage.hosts[model].parameters.fixed_gpu_layers


def test_all_layers_go_where_there_is_room_for_all() -> None:
    """And what is charged is what was placed."""
    stage = Stage(Policy(device_limits={"GPU0": 25}))
    stage.use("a", layered("a"))
    assert layers_of(stage, "a") == 10
    assert stage.taken("a") == Charge(1, 0, "a", {"GPU0": 20})


@pytest.mark.parametrize("why", ["in use", "pinned", "not used yet"])
def test_the_second_model_gets_what_the_first_leaves(why: str) -> None:
    """Beside one that stays: it is in use, pinned, or was loaded a moment ago by whoever loads the second."""
    stage = Stage(Policy(device_limits={"GPU0": 27}))
    if why == "in use":
        stage.ask("a", layered("a"))
    elif why == "pinned":
        stage.use("a", layered("a"))
        stage.tell(PinSet("a", True))
    else:
        stage.load("a", layered("a"))
    stage.play_out()
    stage.load("b", layered("b"))
    stage.play_out()
    assert (layers_of(stage, "a"), layers_of(stage, "b")) == (10, 3)
    assert stage.stopped == []
    assert stage.taken("b") == Charge(1 + 7 * 2, 0, "b", {"GPU0": 6})


def test_an_idle_model_makes_room_for_layers() -> None:
    """As it does in main memory: a model with few layers would be slow for as long as it is used."""
    stage = Stage(Policy(device_limits={"GPU0": 27}))
    stage.use("a", layered("a"))
    stage.load("b", layered("b"))
    stage.play_out()
    assert stage.stopped == ["a"]
    assert layers_of(stage, "b") == 10


def test_two_models_asked_for_at_once_share_the_device() -> None:
    """The number is found when a load is admitted, not when it is asked for: both are ready."""
    stage = Stage(Policy(device_limits={"GPU0": 30}))
    stage.load("a", layered("a"))
    stage.load("b", layered("b"))
    stage.play_out()
    assert (layers_of(stage, "a"), layers_of(stage, "b")) == (10, 5)
    assert stage.stopped == []


def test_models_that_programs_ask_for_in_turns_come_to_share_the_device() -> None:
    """Instead of pushing each other out again and again, or being refused for that."""
    stage = Stage(Policy(device_limits={"GPU0": 27}))
    for _ in range(8):
        for model in ("a", "b"):
            ticket = stage.ask(model, layered(model))
            if stage.state(model) is State.LOADING or stage.state(model) is State.QUEUED:
                stage.wait(5.0)
            stage.play_out()
            assert stage.refusal(ticket) is None
            stage.finish(ticket)
    assert 1 < len(stage.stopped) <= 5
    assert sorted(layers_of(stage, model) for model in ("a", "b")) == [3, 10]


def test_a_waiting_load_with_layers_by_themselves_holds_nobody_back_on_the_device() -> None:
    """It can do with fewer there; what it waits for is main memory."""
    stage = Stage(Policy(total_limit_bytes=30, device_limits={"GPU0": 20}))
    busy = stage.ask("busy", 25)
    stage.play_out()
    waits = stage.ask("waits", layered("waits", main=10))
    assert stage.state("waits") is State.QUEUED
    stage.load("small", on_gpu("small", 15))
    assert stage.state("small") is State.LOADING
    stage.play_out()
    stage.finish(busy)
    stage.play_out()
    assert stage.granted(waits)
    assert sum(stage.taken(each).on("GPU0") for each in ("waits", "small")) <= 20


def test_what_other_programs_take_of_a_device_is_left_to_them() -> None:
    """A game, a desktop: what they hold is no room for layers, and models there are not ended for them."""
    policy = Policy(
        device_limits={"GPU0": 90},
        device_reserves={"GPU0": 2},
        device_addresses={"GPU0": "0000:01:00.0"},
    )
    stage = Stage(policy)
    stage.gpus = (GpuReading("0000:01:00.0", "card", 100, 50, {77: 50}),)
    stage.sample()
    stage.load("a", layered("a", size=10))
    stage.play_out()
    assert layers_of(stage, "a") == 4
    pid = stage.reading().hosts["a"].pid
    stage.gpus = (GpuReading("0000:01:00.0", "card", 100, 100, {77: 60, pid: 40}),)
    for _ in range(3):
        stage.sample()
    assert stage.stopped == []
    stage.gpus = (GpuReading("0000:01:00.0", "card", 100, None, None),)
    stage.sample()
    stage.load("b", layered("b", size=10))
    stage.play_out()
    assert layers_of(stage, "b") == 5


def test_a_lower_limit_is_said_to_be_broken_where_it_is() -> None:
    """Of each device by itself."""
    stage = Stage(LIMITED)
    stage.ask("a", on_gpu("a", 10))
    stage.play_out()
    view = stage.cache.outlook(PolicySet(Policy(device_limits={"GPU0": 4})), stage.now)
    assert (view.over_bytes, dict(view.over_on), view.waits_for) == (0, {}, ("a",))
    stage.tell(PinSet("a", True))
    view = stage.cache.outlook(PolicySet(Policy(device_limits={"GPU0": 4})), stage.now)
    assert (view.over_bytes, dict(view.over_on)) == (0, {"GPU0": 6})
