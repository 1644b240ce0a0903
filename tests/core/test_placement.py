"""How many layers go onto GPUs: as many as each device has room for, of what is really taken there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmmem_gui.core.engine import Engine
from llmmem_gui.core.engines import Device
from llmmem_gui.core.forecast import Forecast, forecast_by_formula
from llmmem_gui.core.ledger import Bounds, Charge, DeviceBounds, Holder, Ledger, Standing
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.placement import Placements, placements
from llmmem_gui.core.plan import Admit, device_rooms, plan_load
from llmmem_gui.core.units import MIB
from tests.core.shapes import shape_of
from tests.made_up_models import Recipe

ENGINE = Engine("test", frozenset({"AVX2"}), gpu_offload=True)
CARD = Device("GPU0", "a card", "gpu", 8 * 1024 * MIB)
OTHER = Device("GPU1", "another card", "gpu", 8 * 1024 * MIB)
PART = Device("GPU2", "part of the processor", "igpu", 8 * 1024 * MIB)
SHAPES = [
    shape_of(Recipe(layers=12, vocabulary=2_000, type="q4_K", tied=False)),
    shape_of(Recipe(architecture="gemma3", layers=7, vocabulary=9_000, sliding_window=512)),
]


def by_formula(number: int, shape: int = 0, **parameters: object) -> Forecast:
    """The formula's forecast with so many layers."""
    return forecast_by_formula(SHAPES[shape], LoadParameters(gpu_layers=number, **parameters), ENGINE)


def found(
    known: dict[int, Forecast], shape: int = 0, gpus: tuple[Device, ...] = (CARD,), **parameters: object
) -> Placements:
    """The placements of a model of which so much is known."""
    return placements(SHAPES[shape], LoadParameters(**parameters), ENGINE, "file", gpus, known)


def rehearsed(number: int, more_bytes: int, shape: int = 0) -> Forecast:
    """A better forecast that finds so much more on the device."""
    forecast = by_formula(number, shape)
    return replace(
        forecast,
        source="dry run",
        overhead_bytes=forecast.overhead_bytes + more_bytes,
        vram_overhead_bytes=forecast.vram_overhead_bytes + more_bytes,
        high_bytes=forecast.high_bytes + more_bytes,
    )


def near(charge: Charge, other: Charge, off: int = 16) -> bool:
    """Whether they are the same but for a few bytes of rounding."""
    pairs = [
        (charge.private_bytes, other.private_bytes),
        (charge.weights_bytes, other.weights_bytes),
        *((charge.on(gpu.name), other.on(gpu.name)) for gpu in (CARD, OTHER)),
    ]
    return all(abs(one - two) <= off for one, two in pairs)


@pytest.mark.parametrize("shape", [0, 1])
@pytest.mark.parametrize("gpus", [(CARD,), (CARD, OTHER), (PART,)])
@pytest.mark.parametrize("memory_map", [True, False])
def test_without_rehearsals_each_number_is_as_the_formula_says(
    shape: int, gpus: tuple[Device, ...], memory_map: bool
) -> None:
    """Though the formula is asked for three numbers only, for a model may have a hundred."""
    told = found({}, shape, gpus, memory_map=memory_map)
    assert told.all == SHAPES[shape].layers + 1
    for number in range(told.all + 1):
        forecast = by_formula(number, shape, memory_map=memory_map)
        assert near(told.charge(number), forecast.charge("file", gpus)), number


def test_without_a_gpu_no_layer_goes_there() -> None:
    """None is all that there is."""
    told = placements(SHAPES[0], LoadParameters(), Engine("test"), "file", (), {})
    assert (told.all, told.most({})) == (0, 0)


@given(
    offs=st.dictionaries(st.integers(0, 13), st.integers(-2 * MIB, 300 * MIB), max_size=4),
    room=st.integers(-MIB, 900 * MIB),
    more=st.integers(0, 200 * MIB),
)
@settings(deadline=None)
def test_as_many_layers_as_fit_and_no_more(offs: dict[int, int], room: int, more: int) -> None:
    """What is chosen fits; one more would not, unless it is all; with more room it is never less."""
    known = {number: rehearsed(number, off if number else 0) for number, off in offs.items()}
    told = found(known)
    number = told.most({"GPU0": room})
    assert 0 <= number <= told.all
    assert number == 0 or told.charge(number).on("GPU0") <= room
    assert all(told.charge(more).on("GPU0") > room for more in range(number + 1, told.all + 1))
    assert told.most({"GPU0": room + more}) >= number
    assert told.charge(0).device_bytes == {}
    for known_number, forecast in known.items():
        assert told.charge(known_number) == forecast.charge("file", (CARD,))
    for each in range(told.all + 1):
        charge = told.charge(each)
        assert min(charge.private_bytes, charge.weights_bytes, charge.on("GPU0")) >= 0


@given(off=st.integers(-2 * MIB, 200 * MIB), at=st.integers(1, 13))
def test_one_rehearsal_corrects_all_numbers(off: int, at: int) -> None:
    """A buffer that the formula does not know is there with one layer and with all."""
    told, plain = found({at: rehearsed(at, off)}), found({})
    for number in range(1, told.all + 1):
        assert abs(told.charge(number).on("GPU0") - max(0, plain.charge(number).on("GPU0") + off)) <= 16


def test_devices_share_as_a_dry_run_counted() -> None:
    """The small one is the one that is full."""
    known = replace(by_formula(13), devices={"GPU0": 3, "GPU1": 1}, source="dry run")
    told = found({13: known}, gpus=(CARD, OTHER))
    whole = told.charge(6)
    assert whole.on("GPU0") == pytest.approx(3 * whole.on("GPU1"), rel=0.01)
    rooms = {"GPU0": 1000 * MIB, "GPU1": whole.on("GPU1")}
    assert told.most(rooms) == 6
    assert told.most({"GPU0": whole.on("GPU0"), "GPU1": 1000 * MIB}) == 6


sizes = st.integers(0, 60)
standings = st.sampled_from(list(Standing))


@st.composite
def holders(draw: st.DrawFn) -> list[Holder]:
    """Models that hold something of a device and of main memory."""
    return [
        Holder(
            f"m{place}",
            Charge(draw(sizes), 0, f"m{place}", {"GPU0": draw(sizes)}),
            draw(standings),
            float(place),
            pinned=draw(st.booleans()),
            unused_since=draw(st.sampled_from([None, 1.0])),
        )
        for place in range(draw(st.integers(0, 5)))
    ]


@given(held=holders(), limit=st.integers(0, 200), available=st.none() | st.integers(0, 200))
def test_what_is_placed_is_admitted_and_no_device_is_over_its_limit(
    held: list[Holder], limit: int, available: int | None
) -> None:
    """By the plan that follows: idle models go for it, those in use, pinned or not used yet stay."""
    bounds = Bounds(devices={"GPU0": DeviceBounds(limit, available)})
    told = Placements("new", [9] * 11, [0] * 11, {"GPU0": [7 * number for number in range(11)]})
    number = told.most(device_rooms("new", held, bounds))
    need = told.charge(number)
    plan = plan_load(need, held, bounds, model_id="new")
    assert isinstance(plan, Admit)
    gone = {step.model_id for step in plan.steps}
    assert not gone & {h.model_id for h in held if not h.evictable}
    ledger = Ledger(held, bounds.concerning(need))
    for holder in held:
        if holder.model_id in gone or holder.standing is Standing.UNLOADING:
            ledger.take("unload", holder)
    ledger.add(Holder("new", need, Standing.ADMITTED, 9.0))
    assert ledger.fits()
    beside = told.most(device_rooms("new", held, bounds, beside=True))
    assert beside <= number
    if beside:
        assert plan_load(told.charge(beside), held, bounds, model_id="new") == Admit()


def test_what_decides_how_many_fit_is_rehearsed() -> None:
    """The number that fits; one more where it nearly does; one where none seems to fit; nothing elsewhere."""
    told = Placements("new", [0] * 4, [0] * 4, {"GPU0": [0, 1000, 2000, 3000]})
    decisive = {room: list(told.worth_rehearsing({"GPU0": room})) for room in (5000, 2500, 2990, 1985, 10)}
    assert decisive == {5000: [3], 2500: [2], 2990: [2, 3], 1985: [1, 2], 10: [1]}
    assert Placements("none", [0], [0], {}).worth_rehearsing({}) == []


def test_two_rehearsals_tell_how_the_formula_drifts() -> None:
    """Intermediate results hardly grow with the layers there; a drift beyond belief is bounded."""
    kibi = 1024
    drifting = found({2: rehearsed(2, -2 * kibi), 6: rehearsed(6, -6 * kibi)})
    plain = found({})
    for number in range(1, drifting.all + 1):
        off = drifting.charge(number).on("GPU0") - plain.charge(number).on("GPU0")
        assert abs(off + number * kibi) <= 16
    wild = found({2: rehearsed(2, 0), 3: rehearsed(3, 300 * MIB)})
    assert wild.charge(13).on("GPU0") < plain.charge(13).on("GPU0") + 400 * MIB
