"""What is given up for the machine, and whether it was worth it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from llmmem_gui.core.given_back import GivenBack
from llmmem_gui.core.ledger import Bounds, Charge, Holder, Standing
from llmmem_gui.core.plan import Step
from llmmem_gui.core.pressure import Level
from llmmem_gui.core.relief import Relief
from llmmem_gui.core.units import GIB, MIB


def holder(
    model_id: str, *, standing: Standing = Standing.IDLE, last_used: float = 0.0, **more: Any
) -> Holder:
    """A model with 100 MiB of its own and 50 MiB mapped, as measured."""
    charge = Charge(100 * MIB, 50 * MIB, model_id)
    return Holder(
        model_id, charge, standing, last_used, private_bytes=100 * MIB, weights_bytes=50 * MIB, **more
    )


def asleep(model_id: str, last_used: float = 0.0) -> Holder:
    """A model that dozes."""
    charge = Charge(100 * MIB, 0, model_id)
    return Holder(model_id, charge, Standing.DOZING, last_used, private_bytes=100 * MIB)


def relief_at(level: Level) -> tuple[Relief, GivenBack]:
    given_back = GivenBack()
    given_back.sampled(1000 * MIB, 300 * MIB, 0.0)
    relief = Relief(given_back)
    relief.level_changed(level)
    return relief, given_back


def test_nothing_is_given_up_at_the_normal_level() -> None:
    """Without pressure idle models stay awake."""
    assert relief_at(Level.NORMAL)[0].steps([holder("a")], 1.0) == ()


def test_idle_models_doze_before_any_is_unloaded() -> None:
    """From warning on sleep comes first; where models may not doze, they are unloaded from critical on."""
    holders = [holder("a", last_used=2.0), holder("b", last_used=1.0)]
    for level in (Level.WARNING, Level.CRITICAL, Level.EMERGENCY):
        assert relief_at(level)[0].steps(holders, 1.0) == (Step("doze", "b"), Step("doze", "a"))
    assert relief_at(Level.WARNING)[0].steps(holders, 1.0, may_doze=False) == ()
    assert relief_at(Level.CRITICAL)[0].steps(holders, 1.0, may_doze=False) == (Step("unload", "b"),)


def test_protected_models_are_left_alone() -> None:
    """Pinned, fresh, busy, loading and promised ones are not given up even in an emergency."""
    holders = [holder("pinned", pinned=True), holder("fresh", unused_since=0.5)]
    holders += [holder(s.value, standing=s) for s in (Standing.BUSY, Standing.LOADING, Standing.ADMITTED)]
    assert relief_at(Level.EMERGENCY)[0].steps(holders, 1.0, spare_loaded_after=0.0) == ()


def test_one_model_goes_at_a_time_and_the_next_one_after_its_effect() -> None:
    """While a model unloads, and until a reading shows what it gave back, no second one is taken."""
    relief, given_back = relief_at(Level.CRITICAL)
    rest = [asleep("b", 1.0), asleep("c", 2.0)]
    assert relief.steps([asleep("a"), *rest], 1.0) == (Step("unload", "a"),)
    assert relief.steps([holder("a", standing=Standing.UNLOADING), *rest], 2.0) == ()
    given_back.reaped(100 * MIB, 2.5)
    assert relief.steps(rest, 2.5) == ()
    given_back.sampled(1100 * MIB, 200 * MIB, 3.0)
    assert relief.steps(rest, 3.0) == (Step("unload", "b"),)


def test_giving_up_ends_when_it_does_not_help_until_the_level_changes() -> None:
    """Another program takes what was given back: no further model is given to it."""
    relief, given_back = relief_at(Level.CRITICAL)
    given_back.reaped(100 * MIB, 1.0)
    for at in range(2, 8):
        given_back.sampled(1000 * MIB, 200 * MIB, float(at))
    assert relief.steps([asleep("b")], 8.0) == ()
    relief.level_changed(Level.EMERGENCY)
    assert relief.steps([asleep("b")], 8.0) == (Step("unload", "b"),)


def test_the_reserve_is_broken_after_two_samples_and_by_more_than_a_little() -> None:
    """A twentieth of the reserve, at least 64 MiB, may be missing; one sample may be a peak."""
    relief, _ = relief_at(Level.NORMAL)

    def watch(missing_mib: int) -> bool:
        bounds = Bounds(available_bytes=2 * GIB + 50 * MIB - missing_mib * MIB, reserve_bytes=2 * GIB)
        relief.watch_reserve([holder("a")], bounds)
        return relief.reserve_broken(1.0)

    assert not watch(90)
    assert not watch(90)
    assert not watch(110)
    assert not watch(90)
    assert not watch(110)
    assert watch(110)
    assert not watch(0)


def test_a_reserve_moved_by_hand_counts_at_once() -> None:
    """Who moves a slider does not have to wait for a second sample."""
    relief, _ = relief_at(Level.NORMAL)
    assert not relief.reserve_broken(1.0)
    relief.reserve_moved()
    assert relief.reserve_broken(1.0)


def test_what_an_ended_host_gave_back_is_credited_until_a_reading_shows_it() -> None:
    """The credit shrinks by what a reading shows and is gone when three quarters are shown."""
    given_back = GivenBack()
    given_back.sampled(1000 * MIB, 400 * MIB, 0.0)
    given_back.reaped(400 * MIB, 1.0)
    assert given_back.credit_bytes == 400 * MIB
    given_back.sampled(1100 * MIB, 0, 1.5)
    assert given_back.credit_bytes == 300 * MIB
    given_back.sampled(1350 * MIB, 0, 2.0)
    assert (given_back.credit_bytes, given_back.pending) == (0, False)
    assert not given_back.useless(2.0)


def test_bytes_that_other_hosts_take_meanwhile_do_not_hide_what_was_given_back() -> None:
    """A load that starts in the room of an ended host makes its end no less useful."""
    given_back = GivenBack()
    given_back.sampled(1000 * MIB, 400 * MIB, 0.0)
    given_back.reaped(400 * MIB, 1.0)
    given_back.sampled(1000 * MIB, 400 * MIB, 2.0)
    assert (given_back.credit_bytes, given_back.pending) == (0, False)


def test_a_reading_from_before_the_end_of_a_host_settles_nothing() -> None:
    """It is as old as the memory it shows."""
    given_back = GivenBack()
    given_back.sampled(1000 * MIB, 400 * MIB, 0.0)
    given_back.reaped(400 * MIB, 1.0)
    given_back.sampled(1000 * MIB, 400 * MIB, 0.9)
    assert given_back.credit_bytes == 400 * MIB


def test_useless_is_remembered_for_a_minute_and_not_concluded_from_little() -> None:
    """Below 16 MiB the noise of a reading is larger than what is looked for."""
    given_back = GivenBack()
    given_back.sampled(1000 * MIB, 400 * MIB, 0.0)
    given_back.reaped(10 * MIB, 1.0)
    given_back.sampled(1000 * MIB, 390 * MIB, 7.0)
    assert not given_back.useless(7.0)
    given_back.reaped(300 * MIB, 8.0)
    given_back.sampled(1000 * MIB, 90 * MIB, 13.0)
    assert given_back.useless(72.0)
    assert not given_back.useless(73.0)


def test_what_lies_on_a_device_is_not_given_up_for_main_memory() -> None:
    """It would give hardly anything back; where nothing else is left, it goes for what it has here."""
    there = replace(holder("there", last_used=1.0), charge=Charge(100 * MIB, 0, "there", {"GPU0": 8 * GIB}))
    little = replace(there, private_bytes=10 * MIB, weights_bytes=0)
    here = holder("here", last_used=2.0)
    steps = [
        relief_at(Level.CRITICAL)[0].steps(holders, 1.0, may_doze=False)
        for holders in ([there, here], [there], [little])
    ]
    assert steps == [(Step("unload", "here"),), (Step("unload", "there"),), ()]
