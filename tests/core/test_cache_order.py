"""Which model goes first, and which never goes: order of last use, sizes, pins."""

from __future__ import annotations

import pytest

from llmmem_gui.core.cache_messages import CleanUpAsked, LimitSet, PinSet, Policy
from llmmem_gui.core.pressure import Level
from llmmem_gui.core.snapshot import State
from tests.core.stage import Stage, mapped, stage_with


def test_case_01_least_recently_used_goes_first_and_touch_changes_it() -> None:
    """The idle model that was used longest ago goes; using it again makes another one the first to go."""
    stage = stage_with("a", "b", "c", policy=Policy(total_limit_bytes=30))
    stage.use("a")
    stage.ask("d")
    assert stage.stopped == ["b"]
    stage.exited("b")
    stage.ready("d")
    stage.ask("e")
    assert stage.stopped == ["b", "c"]


def test_case_02_equal_times_are_broken_by_id() -> None:
    """Models last used at the same moment go in the order of their ids, however they were loaded."""
    stage = Stage(Policy(total_limit_bytes=30))
    tickets = [stage.ask(model) for model in ("c", "a", "b")]
    stage.play_out()
    stage.finish(*tickets)
    stage.ask("d", 20)
    assert stage.stopped == ["a", "b"]


def test_case_03_coldest_single_model_that_suffices_goes_before_several_small_ones() -> None:
    """One model large enough goes instead of several colder ones that are too small alone."""
    stage = Stage(Policy(total_limit_bytes=40))
    for model, size in (("small-1", 5), ("small-2", 5), ("large-1", 15), ("large-2", 15)):
        stage.use(model, size)
    stage.forget()
    stage.ask("new", 12)
    assert stage.stopped == ["large-1"]


def test_case_04_one_big_load_evicts_several_but_none_more_than_needed() -> None:
    """A load larger than any single model evicts the coldest ones that it needs, and no other."""
    stage = Stage(Policy(total_limit_bytes=40))
    for model, size in (("tiny", 2), ("a", 12), ("b", 12), ("c", 12)):
        stage.use(model, size)
    stage.forget()
    ticket = stage.ask("new", 24)
    assert stage.stopped == ["a", "b"]
    stage.play_out()
    assert stage.granted(ticket)
    assert stage.states("tiny", "c") == [State.READY, State.READY]


@pytest.mark.parametrize("actor", ["api", "window"])
def test_case_05_a_model_that_cannot_fit_even_alone_is_refused_at_once(actor: str) -> None:
    """Nobody is evicted for a model above the limit; the refusal has both numbers."""
    stage = stage_with("a", "b", policy=Policy(total_limit_bytes=30))
    ticket = stage.ask("huge", 31, actor=actor)  # type: ignore[arg-type]
    refusal = stage.refusal(ticket)
    assert refusal is not None
    assert (refusal.code, refusal.need_bytes, refusal.room_bytes) == ("too large for the limit", 31, 30)
    assert stage.stopped == []


def test_case_06_exactly_at_the_limit_fits_and_one_byte_more_does_not() -> None:
    """The limit itself may be used up; one byte above it evicts, and above the limit alone is refused."""
    stage = stage_with("a", policy=Policy(total_limit_bytes=30))
    fitting = stage.ask("b", 20)
    assert stage.started == ["b"]
    assert stage.charged == 30
    stage.play_out()
    stage.finish(fitting)
    stage.ask("c", 1)
    assert stage.stopped == ["a"]
    assert stage.refusal(stage.ask("d", 31)) is not None


def test_case_14_pinned_models_are_skipped_by_load_idle_timer_limit_cleanup_and_pressure() -> None:
    """A pinned model that is the coldest of all goes for no automatic reason."""
    stage = stage_with("pinned", "a", policy=Policy(total_limit_bytes=20, idle_seconds=60))
    stage.tell(PinSet("pinned", True))
    stage.ask("b")
    assert stage.stopped == ["a"]
    stage.play_out()
    stage.tell(LimitSet("pinned", 1))
    stage.pressure(Level.EMERGENCY)
    stage.wait(100)
    stage.tell(CleanUpAsked("window"))
    stage.set_policy(Policy(total_limit_bytes=1))
    stage.wait(10)
    assert "pinned" not in stage.stopped + stage.dozed


def test_case_15_all_pinned_refuses_with_their_names_and_keeps_the_limit() -> None:
    """When only pinned models stand in the way, the refusal names them and nothing exceeds the limit."""
    stage = stage_with("a", "b", policy=Policy(total_limit_bytes=20))
    stage.tell(PinSet("a", True))
    stage.tell(PinSet("b", True))
    refusal = stage.refusal(stage.ask("c"))
    assert refusal is not None
    assert (refusal.code, refusal.holders) == ("pinned in the way", ("a",))
    assert stage.started == stage.stopped == []
    assert stage.charged == 20


def test_case_16_pin_survives_crash_and_reload() -> None:
    """A pin belongs to the model, not to its host: it is there after a crash and after a reload."""
    stage = stage_with("a", "b", policy=Policy(total_limit_bytes=20))
    stage.tell(PinSet("a", True))
    stage.exited("a", reason="killed by signal 9")
    stage.use("a")
    stage.use("b")
    stage.ask("c")
    assert stage.stopped == ["b"]


def test_case_17_unpinning_makes_a_candidate_at_once() -> None:
    """The moment the pin is taken away, a limit that it held up is kept and a load may evict it."""
    stage = stage_with("a", policy=Policy(total_limit_bytes=10))
    stage.tell(PinSet("a", True))
    stage.set_policy(Policy(total_limit_bytes=5))
    assert stage.stopped == []
    stage.tell(PinSet("a", False))
    assert stage.stopped == ["a"]


def test_a_dozing_model_is_charged_for_its_private_bytes_alone() -> None:
    """Idle models doze when that makes enough room, and none is unloaded then."""
    stage = Stage(Policy(total_limit_bytes=30))
    stage.use("a", mapped(5, 20, "a.gguf"))
    stage.forget()
    stage.ask("b", 20)
    assert stage.dozed == ["a"]
    assert stage.stopped == []
    assert stage.charged == 25
