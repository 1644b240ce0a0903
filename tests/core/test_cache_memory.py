"""What counts as used: forecast and measurement, memory that is on its way back, files mapped twice."""

from __future__ import annotations

from dataclasses import replace

from llmmem_gui.core.cache_messages import DozeAsked, HostDozed, Policy, Sampled, UnloadAsked, Withdrawn
from llmmem_gui.core.ledger import Bounds, Charge
from llmmem_gui.core.plan import Shortage, plan_load, room
from llmmem_gui.core.readings import HostReading
from llmmem_gui.core.snapshot import State
from tests.core.stage import MIB, Stage, load_and_leave, mapped, stage_with


def test_case_26_a_measurement_below_the_forecast_does_not_make_room() -> None:
    """A model that has not touched all it was promised is charged for all of it, under both bounds."""
    stage = stage_with("a", policy=Policy(total_limit_bytes=30))
    stage.really_takes("a", 0)
    stage.sample()
    assert stage.charged == 10
    assert room(stage.cache.holders, stage.cache.bounds) == 20

    machine = Stage(machine_bytes=30)
    machine.sample()
    machine.use("a")
    machine.really_takes("a", 0)
    machine.sample()
    assert machine.reading().machine.available_bytes == 30
    assert room(machine.cache.holders, machine.cache.bounds) == 20


def test_case_27_footprint_lags_after_own_eviction_and_the_load_is_still_admitted() -> None:
    """A reading that does not show yet what an ended host gave back refuses nobody."""
    stage = Stage(machine_bytes=100)
    stage.use("a", 80)
    stage.sample()
    ticket = stage.ask("b", 70)
    assert stage.stopped == ["a"]
    stage.exited("a")
    assert stage.started == ["a", "b"]
    stage.ready("b")
    assert stage.granted(ticket)


def test_case_27_a_reading_made_before_the_end_does_not_take_the_credit_away() -> None:
    """A sample that was made before the host was reaped, and told after it, changes nothing."""
    stage = Stage(machine_bytes=100)
    stage.use("a", 80)
    stage.sample()
    early = stage.reading()
    stage.ask("b", 70)
    stage.now += 0.1
    stage.exited("a")
    lagging = replace(early, monotonic=stage.now - 0.05, hosts={})
    stage.tell(Sampled(lagging))
    assert stage.cache.bounds.available_bytes == 100
    assert stage.stopped == ["a"]


def test_case_28_high_footprint_without_own_eviction_refuses() -> None:
    """Memory that others use is not expected back: a load that needs it is refused with the numbers."""
    stage = Stage(Policy(reserve_bytes=10), machine_bytes=100, others_bytes=80)
    stage.sample()
    refusal = stage.refusal(stage.ask("a", 20))
    assert refusal is not None
    assert (refusal.code, refusal.need_bytes, refusal.room_bytes) == ("too large for the machine", 20, 10)


def test_case_29_page_cache_counts_as_available_but_weights_of_loaded_models_do_not() -> None:
    """What the machine calls available may be used, less the mapped weights that loaded models need."""
    stage = Stage(Policy(reserve_bytes=10), machine_bytes=100)
    stage.sample()
    stage.use("a", mapped(5, 40, "a.gguf"))
    stage.sample()
    assert stage.cache.bounds == Bounds(None, 95, 10)
    assert room(stage.cache.holders, stage.cache.bounds) == 95 - 40 - 10


def test_case_30_a_forecast_too_low_is_corrected_after_the_load_and_evicts_once() -> None:
    """What a load really took is charged when it is measured; then one model goes, and no cascade follows."""
    stage = stage_with("a", "b", "c", policy=Policy(total_limit_bytes=40))
    ticket = stage.ask("d")
    stage.ready("d")
    assert stage.stopped == []
    stage.really_takes("d", 15)
    stage.sample()
    assert stage.stopped == ["a"]
    stage.wait(5)
    stage.exited("a")
    stage.wait(5)
    stage.finish(ticket)
    assert stage.stopped == ["a"]
    assert stage.charged == 35


def test_case_30_weights_mapped_and_copied_during_a_load_evict_nobody() -> None:
    """Mapped pages that a load drops at its end are not charged, however many are seen before."""
    stage = stage_with("a", policy=Policy(total_limit_bytes=30, may_doze=False))
    stage.ask("b", mapped(18, 2, "b.gguf"))
    stage.really_takes("b", 18, 18)
    stage.sample()
    stage.ready("b")
    assert stage.stopped == []
    assert stage.charged == 30
    stage.now += 1
    stage.sample()
    assert stage.stopped == ["a"]


def test_case_31_an_unloading_model_is_charged_until_it_is_reaped() -> None:
    """Between the order to stop and the end of the process nothing may use its room."""
    stage = stage_with("a", policy=Policy(total_limit_bytes=10))
    stage.ask("b")
    assert stage.state("a") is State.UNLOADING
    assert stage.started == []
    assert room([h for h in stage.cache.holders if h.model_id == "a"], stage.cache.bounds) == 0
    stage.exited("a")
    assert stage.started == ["b"]
    assert stage.charged == 10


def test_case_32_a_replaced_models_bytes_are_subtracted() -> None:
    """Loading a model with other parameters is planned without what it takes now."""
    stage = stage_with("a", policy=Policy(total_limit_bytes=15))
    holders, bounds = stage.cache.holders, stage.cache.bounds
    assert plan_load(Charge(15, 0, "a"), holders, bounds, model_id="a").steps == ()  # type: ignore[union-attr]
    assert isinstance(plan_load(Charge(16, 0, "a"), holders, bounds, model_id="a"), Shortage)


def test_case_47_one_file_loaded_twice_is_counted_once() -> None:
    """Two models that map the same file are charged for its pages once, and one of them going keeps them."""
    stage = Stage(Policy(total_limit_bytes=30, may_doze=False))
    stage.use("a", mapped(5, 20, "same.gguf"))
    stage.use("b", mapped(5, 20, "same.gguf"))
    assert stage.stopped == stage.dozed == []
    assert stage.charged == 30
    stage.ask("c", 5)
    assert stage.stopped == ["a"]
    stage.exited("a")
    assert stage.charged == 30


def test_a_load_whose_eviction_made_nothing_available_is_refused_instead_of_evicting_on() -> None:
    """Others take what a victim gives back: after 5 s the load is refused, and nobody else is evicted."""
    stage = Stage(machine_bytes=1000 * MIB)
    load_and_leave(stage, ("a", "b"), 400 * MIB)
    stage.sample()
    ticket = stage.ask("c", 500 * MIB)
    assert stage.stopped == ["a"]
    stage.others_bytes += 150 * MIB
    stage.wait(1)
    stage.others_bytes += 350 * MIB
    stage.exited("a")
    stage.wait(4)
    assert not stage.answered(ticket)
    stage.wait(1)
    refusal = stage.refusal(ticket)
    assert refusal is not None
    assert (refusal.code, refusal.need_bytes) == ("nothing gained", 500 * MIB)
    assert stage.state("b") is State.READY
    assert stage.started == ["a", "b"]


def test_after_an_eviction_that_freed_nothing_programs_evict_no_more_for_a_minute() -> None:
    """A useless eviction is remembered: further loads of programs do not repeat it, a person's load may."""
    stage = Stage(machine_bytes=1000 * MIB)
    load_and_leave(stage, ("a", "b"), 400 * MIB)
    stage.sample()
    stage.tell(Withdrawn(stage.load("c", 500 * MIB)))
    assert stage.stopped == ["a"]
    stage.exited("a")
    stage.others_bytes += 400 * MIB
    stage.wait(6)
    assert stage.code(stage.ask("c", 500 * MIB)) == "nothing gained"
    assert stage.stopped == ["a"]
    assert stage.code(stage.ask("small", 100 * MIB)) is None
    stage.tell(UnloadAsked("small", "window"))
    stage.exited("small")
    stage.load("c", 500 * MIB)
    assert stage.stopped == ["a", "small", "b"]


def test_a_machine_with_room_refuses_nothing_because_an_unload_freed_nothing() -> None:
    """Another program took what one unload gave back; a model is reloaded in its place all the same."""
    stage = Stage(machine_bytes=2000 * MIB)
    load_and_leave(stage, ("a", "b"), 400 * MIB)
    stage.sample()
    stage.tell(UnloadAsked("a", "window"))
    stage.exited("a")
    stage.others_bytes += 400 * MIB
    stage.wait(6)
    vectors = stage.ask("b", 500 * MIB, embeddings=True)
    stage.play_out()
    assert stage.granted(vectors)


def test_the_refusal_of_a_machine_that_is_short_says_when_to_ask_again_and_what_is_missing() -> None:
    """The room named is less than the need and counts what the model itself holds."""
    stage = Stage(machine_bytes=1000 * MIB)
    load_and_leave(stage, ("a", "b"), 400 * MIB)
    stage.sample()
    stage.tell(UnloadAsked("a", "window"))
    stage.exited("a")
    stage.others_bytes += 400 * MIB
    stage.wait(16)
    refusal = stage.refusal(stage.ask("b", 700 * MIB, embeddings=True))
    assert refusal is not None
    assert (refusal.need_bytes, refusal.room_bytes) == (700 * MIB, 600 * MIB)
    assert refusal.code == "too large for the machine"
    refusal = stage.refusal(stage.ask("c", 300 * MIB))
    assert refusal is not None
    assert (refusal.code, refusal.retry_seconds) == ("nothing gained", 49)
    assert (refusal.need_bytes, refusal.room_bytes) == (300 * MIB, 200 * MIB)


def test_evictions_that_keep_the_total_limit_are_not_called_useless() -> None:
    """The total limit counts charges: what others take of the machine does not stop it from being kept."""
    stage = Stage(Policy(total_limit_bytes=800 * MIB), machine_bytes=2000 * MIB)
    load_and_leave(stage, ("a", "b"), 400 * MIB)
    stage.sample()
    stage.tell(Withdrawn(stage.load("c", 400 * MIB)))
    stage.exited("a")
    stage.others_bytes += 400 * MIB
    stage.wait(6)
    ticket = stage.ask("c", 800 * MIB)
    stage.play_out()
    assert stage.granted(ticket)


def test_a_reading_of_a_host_that_is_gone_is_not_taken_for_its_successor() -> None:
    """A model without a host keeps no measurement, whatever an old sample says."""
    stage = stage_with("a")
    late = stage.reading()
    stage.exited("a")
    stage.tell(Sampled(replace(late, hosts={"a": HostReading(1, 99, 0)})))
    entry = stage.cache.entry("a")
    assert entry is not None
    assert entry.measured is None


def test_a_reading_begun_before_a_model_was_told_to_doze_unloads_nothing() -> None:
    """Its weights are in a sample that is on its way, and in those taken until the host has dropped them."""
    stage = Stage(Policy(total_limit_bytes=100))
    stage.use("a", mapped(20, 50, "one"))
    stage.use("b", mapped(20, 10, "two"))
    stage.sample()
    stage.forget()
    stage.dozes_slowly = True
    on_its_way = stage.reading()
    stage.load("c", mapped(40, 0, "three"))
    assert stage.dozed == ["a"]
    stage.tell(Sampled(on_its_way))
    stage.wait(2)
    assert stage.stopped == []
    assert stage.charged == 90
    stage.dozed_at_last("a")
    stage.wait(1)
    assert stage.stopped == []
    assert stage.charged == 90


def test_a_host_that_does_not_drop_its_weights_is_charged_them_again() -> None:
    """What was told to doze and still holds its weights when that is over is measured as it is."""
    stage = Stage(Policy(total_limit_bytes=100))
    stage.use("a", mapped(20, 50, "one"))
    stage.sample()
    stage.dozes_slowly = True
    stage.tell(DozeAsked("a", "window"))
    stage.wait(2)
    assert stage.charged == 20
    stage.tell(HostDozed("a", stage.hosts["a"].host))
    stage.wait(1)
    assert stage.charged == 70


def test_a_reading_begun_before_its_host_was_born_is_ignored() -> None:
    """A sample that was on its way while a model was loaded again tells of the host before."""
    stage = Stage(Policy(total_limit_bytes=100))
    stage.use("a", 90)
    on_its_way = stage.reading()
    stage.now += 0.1
    stage.tell(UnloadAsked("a", "window"))
    stage.exited("a")
    stage.load("a", 10)
    stage.load("b", 80)
    stage.ready("a", "b")
    stage.forget()
    hosts = {name: replace(reading, begun=on_its_way.monotonic) for name, reading in on_its_way.hosts.items()}
    stage.now += 0.1
    stage.tell(Sampled(replace(on_its_way, monotonic=stage.now, hosts=hosts)))
    assert stage.stopped == []
    assert stage.charged == 90
