"""The arithmetic of admission and eviction, against sums computed the long way."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from llmmem_gui.core.ledger import Bounds, Charge, DeviceBounds, Holder, Standing
from llmmem_gui.core.plan import (
    Admit,
    Shortage,
    Step,
    Wait,
    charged_bytes,
    eviction_order,
    plan_drain,
    plan_load,
    plan_relief,
    room,
)

IN_USE = (Standing.BUSY, Standing.LOADING, Standing.ADMITTED)


def holder(
    model_id: str,
    private: int = 10,
    weights: int = 0,
    *,
    file: str = "",
    standing: Standing = Standing.IDLE,
    last_used: float = 0.0,
    measured: bool = True,
    pinned: bool = False,
    unused_since: float | None = None,
) -> Holder:
    """A holder that has taken what it is charged, unless it was not measured yet."""
    return Holder(
        model_id,
        Charge(private, weights, file or model_id),
        standing,
        last_used,
        pinned,
        private if measured else 0,
        weights if measured else 0,
        unused_since,
    )


def need(private: int, weights: int = 0, file: str = "new") -> Charge:
    return Charge(private, weights, file)


def limit(total: int) -> Bounds:
    return Bounds(total_limit_bytes=total)


def machine(available: int, reserve: int = 0) -> Bounds:
    return Bounds(available_bytes=available, reserve_bytes=reserve)


# --- room -----------------------------------------------------------------------------------------------


def test_room_is_the_smaller_of_limit_and_machine() -> None:
    """min(total limit − charges, available − resident weights − promises − reserve)."""
    holders = [holder("a", 10, 20), holder("b", 5, measured=False)]
    assert room(holders, Bounds(100, 1000, 50)) == 100 - 35
    assert room(holders, Bounds(1000, 100, 50)) == 100 - 50 - 20 - 5
    assert room(holders, Bounds(30, None, 0)) == -5
    assert room(holders, Bounds()) is None


def test_one_file_counts_once_under_both_bounds() -> None:
    """Two hosts of one file share its pages; private bytes are their own."""
    holders = [holder("a", 5, 20, file="x"), holder("b", 5, 20, file="x")]
    assert charged_bytes(holders) == 30
    assert room(holders, machine(100)) == 100 - 20


def test_promised_private_bytes_are_taken_from_what_is_available() -> None:
    """A load that has just begun will still take its bytes, although the machine calls them available."""
    loading = holder("a", 30, 10, standing=Standing.LOADING, measured=False)
    assert room([loading], machine(100)) == 60


def test_an_unloading_model_counts_until_it_is_gone() -> None:
    """Its room is not there yet; a plan may count on it, a start may not."""
    going = holder("a", 30, standing=Standing.UNLOADING)
    assert room([going], limit(40)) == 10
    assert plan_load(need(40), [going], limit(40)) == Admit()


# --- loading --------------------------------------------------------------------------------------------


def test_dozing_is_milder_than_unloading() -> None:
    """Weights that are dropped suffice: nobody is unloaded."""
    holders = [holder("a", 5, 20), holder("b", 30, 5, last_used=-1.0)]
    assert plan_load(need(20), holders, limit(60)) == Admit((Step("doze", "a"),))
    assert plan_load(need(20), holders, limit(60), may_doze=False) == Admit((Step("unload", "b"),))


def test_one_of_two_models_that_share_a_file_gains_nothing_by_dozing_alone() -> None:
    """Its pages stay, because the other host maps them too: both doze, or one goes."""
    holders = [holder("a", 5, 20, file="x"), holder("b", 5, 20, file="x", last_used=1.0)]
    assert plan_load(need(15), holders, limit(40)) == Admit((Step("doze", "a"), Step("doze", "b")))
    busy = [holders[0], replace(holders[1], standing=Standing.BUSY)]
    assert plan_load(need(15), busy, limit(40)) == Admit((Step("unload", "a"),))


def test_models_in_use_are_waited_for_and_no_superfluous_one_is_named() -> None:
    """What fits when models in use are done waits for them, coldest first, as few as suffice."""
    holders = [
        holder("small", 5, standing=Standing.BUSY, last_used=1.0),
        holder("loading", 20, standing=Standing.LOADING, last_used=2.0),
        holder("busy", 20, standing=Standing.BUSY, last_used=3.0),
    ]
    assert plan_load(need(60), holders, limit(100)) == Wait(("small",))
    assert plan_load(need(75), holders, limit(100)) == Wait(("loading",))
    assert plan_load(need(90), holders, limit(100)) == Wait(("loading", "busy"))


def test_a_fresh_model_is_in_use_for_a_program_and_idle_for_a_person() -> None:
    """Who loads by hand may push out what was just loaded."""
    fresh = holder("a", 10, unused_since=100.0)
    assert plan_load(need(10), [fresh], limit(10), spare_loaded_after=99.0) == Wait(("a",))
    assert plan_load(need(10), [fresh], limit(10), spare_loaded_after=100.0) == Admit((Step("unload", "a"),))
    assert plan_load(need(10), [fresh], limit(10)) == Admit((Step("unload", "a"),))


def test_a_shortage_says_which_bound_and_how_much_there_could_be() -> None:
    """The most room that evicting could make, under the bound that is tighter then."""
    pinned = holder("p", 30, pinned=True)
    assert plan_load(need(80), [pinned], limit(100)) == Shortage("limit", 80, 70, ("p",))
    assert plan_load(need(120), [pinned], limit(100)) == Shortage("limit", 120, 70, ())
    idle = holder("a", 50)
    assert plan_load(need(90), [idle], machine(40, reserve=10)) == Shortage("machine", 90, 80, ())
    assert plan_load(need(90), [idle], Bounds(100, 40, 10)) == Shortage("machine", 90, 80, ())


def test_a_model_replaces_itself() -> None:
    """Its own bytes are subtracted, also under the machine's bound, and it is never its own victim."""
    loaded = holder("a", 50, 10)
    assert plan_load(need(60, file="a"), [loaded], limit(60), model_id="a") == Admit()
    assert plan_load(need(60), [loaded], machine(10), model_id="a") == Admit()
    assert plan_load(need(61), [loaded], machine(10), model_id="a") == Shortage("machine", 61, 60, ())


def test_nothing_goes_for_a_load_that_does_not_fit_anyway() -> None:
    """A shortage and a wait plan no steps at all."""
    holders = [holder("a", 10), holder("b", 10, standing=Standing.BUSY)]
    assert isinstance(plan_load(need(30), holders, limit(20)), Shortage)
    assert isinstance(plan_load(need(20), holders, limit(20)), Wait)


# --- limits that are exceeded ---------------------------------------------------------------------------


def test_relief_takes_as_little_as_possible_or_comes_as_near_as_it_can() -> None:
    """Idle models go until the limit holds; models in use that have to follow are named apart."""
    holders = [
        holder("a", 10, last_used=1.0),
        holder("b", 20, last_used=2.0),
        holder("busy", 30, standing=Standing.BUSY, last_used=3.0),
        holder("other", 30, standing=Standing.BUSY, last_used=4.0),
    ]
    assert plan_relief(holders, limit(70)) == (Step("unload", "b"),)
    assert plan_drain(holders, limit(70)) == ()
    assert plan_relief(holders, limit(40)) == (Step("unload", "a"), Step("unload", "b"))
    assert plan_drain(holders, limit(40)) == ("busy",)
    assert plan_drain(holders, limit(20)) == ("busy", "other")


def test_relief_takes_nobody_who_brings_the_bound_no_nearer() -> None:
    """A model without private memory of its own, whose file another one keeps mapped, stays."""
    holders = [holder("a", 0, 20, file="x"), holder("p", 5, 20, file="x", pinned=True)]
    assert plan_relief(holders, limit(10)) == ()


def test_eviction_order_is_last_use_then_id() -> None:
    """Pinned models and models in use are not in it."""
    holders = [
        holder("b", last_used=1.0),
        holder("a", last_used=1.0),
        holder("c", last_used=0.5, standing=Standing.DOZING),
        holder("p", pinned=True),
        *(holder(standing.value, standing=standing) for standing in (*IN_USE, Standing.UNLOADING)),
    ]
    assert [h.model_id for h in eviction_order(holders)] == ["c", "a", "b"]


# --- devices with memory of their own -------------------------------------------------------------------


def on_gpu(model_id: str, gpu: int, *, private: int = 10, last_used: float = 0.0) -> Holder:
    """A loaded model with a part on the GPU."""
    made = holder(model_id, private, last_used=last_used)
    return replace(made, charge=replace(made.charge, device_bytes={"gpu": gpu}))


def test_only_what_helps_the_pool_that_is_short_goes() -> None:
    """A model without a byte on the device stays, however cold and large it is; sleep helps no device."""
    holders = [holder("cold", 90, 50, last_used=-9.0), on_gpu("a", 8), on_gpu("b", 8, last_used=1.0)]
    bounds = Bounds(1000, 1000, devices={"gpu": DeviceBounds(20)})
    wanted = Charge(1, 1, "new", {"gpu": 10})
    assert plan_load(wanted, holders, bounds) == Admit((Step("unload", "a"),))
    assert plan_load(replace(wanted, device_bytes={"gpu": 4}), holders, bounds) == Admit()
    full = replace(bounds, devices={"gpu": DeviceBounds(1)})
    assert plan_load(replace(wanted, device_bytes={}), holders, full) == Admit()
    assert plan_load(replace(wanted, device_bytes={"other": 40}), holders, bounds) == Admit()
    assert plan_load(replace(wanted, device_bytes={"gpu": 21}), holders, bounds) == Shortage(
        "limit", 21, 20, (), "gpu"
    )


def test_a_load_has_to_fit_into_every_pool() -> None:
    """What is short of both takes what helps either."""
    holders = [holder("main", 50), on_gpu("there", 15, private=1)]
    bounds = Bounds(60, None, devices={"gpu": DeviceBounds(20)})
    wanted = Charge(50, 0, "new", {"gpu": 15})
    assert plan_load(wanted, holders, bounds) == Admit((Step("unload", "main"), Step("unload", "there")))


def test_what_a_load_was_promised_of_a_device_is_not_free() -> None:
    """Its driver says that it is until the model is there."""
    loading = replace(on_gpu("a", 15), standing=Standing.LOADING)
    bounds = Bounds(devices={"gpu": DeviceBounds(None, 20)})
    assert plan_load(Charge(0, 0, "new", {"gpu": 10}), [loading], bounds) == Wait(("a",))
    loaded = [on_gpu("a", 15)]
    assert plan_load(Charge(0, 0, "new", {"gpu": 10}), loaded, bounds) == Admit()


# --- any holders at all ---------------------------------------------------------------------------------


@st.composite
def holders_of_any_kind(draw: st.DrawFn) -> list[Holder]:
    """Up to six holders of three files, in every standing, measured or not."""
    made = []
    for number in range(draw(st.integers(0, 6))):
        private, weights = draw(st.integers(0, 12)), draw(st.integers(0, 12))
        made.append(
            Holder(
                f"m{number}",
                Charge(private, weights, draw(st.sampled_from("xyz")), draw(on_devices)),
                draw(st.sampled_from(Standing)),
                float(draw(st.integers(0, 3))),
                draw(st.booleans()),
                draw(st.integers(0, private)),
                draw(st.integers(0, 12)),
            )
        )
    return made


on_devices = st.dictionaries(st.sampled_from(("gpu 0", "gpu 1")), st.integers(0, 12))
bounds_of_any_kind = st.builds(
    Bounds,
    st.one_of(st.none(), st.integers(0, 60)),
    st.one_of(st.none(), st.integers(0, 60)),
    st.integers(0, 10),
    st.dictionaries(
        st.sampled_from(("gpu 0", "gpu 1")),
        st.builds(
            DeviceBounds,
            st.one_of(st.none(), st.integers(0, 30)),
            st.one_of(st.none(), st.integers(0, 30)),
        ),
    ),
)


def fits(staying: Iterable[Holder], gone: Iterable[Holder], bounds: Bounds) -> bool:
    """Whether the bounds hold, with every sum computed from the definition."""
    staying, gone = list(staying), list(gone)
    for device, most in bounds.devices.items():
        if most.limit_bytes is not None and sum(h.charge.on(device) for h in staying) > most.limit_bytes:
            return False
        promised = [h for h in staying if h.standing in (Standing.LOADING, Standing.ADMITTED)]
        back = [h for h in gone if h.standing not in (Standing.LOADING, Standing.ADMITTED)]
        if most.available_bytes is not None:
            free = most.available_bytes + sum(h.charge.on(device) for h in back)
            if sum(h.charge.on(device) for h in promised) > free:
                return False
    files = {h.charge.file for h in staying}
    of_file = {file: [h for h in staying if h.charge.file == file] for file in files}
    if bounds.total_limit_bytes is not None:
        weights = sum(max(h.charge.weights_bytes for h in each) for each in of_file.values())
        if sum(h.charge.private_bytes for h in staying) + weights > bounds.total_limit_bytes:
            return False
    if bounds.available_bytes is None:
        return True
    available = bounds.available_bytes + sum(h.private_bytes for h in gone) - bounds.reserve_bytes
    claims = sum(max(max(h.charge.weights_bytes, h.weights_bytes) for h in each) for each in of_file.values())
    promises = sum(max(0, h.charge.private_bytes - h.private_bytes) for h in staying)
    return available - claims - promises >= 0


@settings(max_examples=300, derandomize=True, database=None)
@given(
    holders_of_any_kind(),
    bounds_of_any_kind,
    st.integers(1, 20),
    st.integers(0, 20),
    st.sampled_from("xyz"),
    on_devices,
)
def test_a_load_is_admitted_exactly_when_some_eviction_makes_it_fit_and_each_step_is_needed(
    holders: list[Holder],
    bounds: Bounds,
    private: int,
    weights: int,
    file: str,
    devices: dict[str, int],
) -> None:
    """Checked against all subsets of the evictable models."""
    bounds = bounds.concerning(Charge(private, weights, file, devices))
    newcomer = Holder("new", Charge(private, weights, file, devices), Standing.ADMITTED, 0.0)
    leaving = [h for h in holders if h.standing is Standing.UNLOADING]
    others = [h for h in holders if h.standing is not Standing.UNLOADING]
    evictable = [h for h in others if h.evictable]

    def fits_without(gone: Iterable[Holder]) -> bool:
        gone = list(gone)
        return fits([*(h for h in others if h not in gone), newcomer], [*leaving, *gone], bounds)

    subsets = [s for n in range(len(evictable) + 1) for s in itertools.combinations(evictable, n)]
    possible = [s for s in subsets if fits_without(s)]
    plan = plan_load(newcomer.charge, holders, bounds, model_id="new", may_doze=False)
    assert isinstance(plan, Admit) == bool(possible)
    by_id = {h.model_id: h for h in holders}
    if isinstance(plan, Admit):
        gone = [by_id[step.model_id] for step in plan.steps]
        assert set(gone) <= set(evictable)
        assert fits_without(gone)
        assert all(not fits_without([h for h in gone if h is not each]) for each in gone)
        alone = [s[0] for s in possible if len(s) == 1]
        if alone and gone:
            assert gone == [min(alone, key=lambda h: (h.last_used, h.model_id))]
    elif isinstance(plan, Wait):
        waited = [by_id[model_id] for model_id in plan.model_ids]
        assert all(h.standing in IN_USE and not h.pinned for h in waited)
        assert fits_without([*evictable, *waited])
    else:
        in_use = [h for h in others if not h.pinned]
        assert not fits_without(in_use)
        assert plan.room_bytes < plan.need_bytes
        if plan.pinned:
            assert fits_without([*in_use, *(by_id[model_id] for model_id in plan.pinned)])


@settings(max_examples=300, derandomize=True, database=None)
@given(holders_of_any_kind(), bounds_of_any_kind)
def test_relief_restores_the_bounds_if_that_is_possible_and_each_step_brings_them_nearer(
    holders: list[Holder], bounds: Bounds
) -> None:
    """Every unload of a relief lessens what is missing; together they suffice if all idle models would."""
    leaving = [h for h in holders if h.standing is Standing.UNLOADING]
    others = [h for h in holders if h.standing is not Standing.UNLOADING]
    evictable = [h for h in others if h.evictable]
    steps = plan_relief(holders, bounds, may_doze=False)
    gone = [h for h in others if h.model_id in {step.model_id for step in steps}]
    assert set(gone) <= set(evictable)

    def fits_without(gone: list[Holder]) -> bool:
        return fits([h for h in others if h not in gone], [*leaving, *gone], bounds)

    assert fits_without(gone) or not fits_without(evictable)
    for each in gone:
        rest = [h for h in gone if h is not each]
        assert not fits([h for h in others if h not in rest], [*leaving, *rest], bounds)
