"""Cancelling, crashing, unloading twice, quitting, and a clock that jumps."""

from __future__ import annotations

from llmmem_gui.core.cache_messages import (
    Closing,
    Finished,
    HostExited,
    HostFailed,
    HostReady,
    Policy,
    Refuse,
    UnloadAsked,
    Withdrawn,
)
from llmmem_gui.core.sentence import verbatim
from llmmem_gui.core.snapshot import State
from tests.core.stage import Stage, mapped, stage_with


def test_case_44_a_cancelled_load_frees_all() -> None:
    """Who cancels his load gets the host killed at once; when it is reaped nothing is charged any more."""
    stage = Stage(Policy(total_limit_bytes=10))
    ticket = stage.load("a")
    stage.tell(Withdrawn(ticket))
    assert stage.stop_of("a").at_once
    assert stage.charged == 10
    stage.exited("a")
    assert stage.charged == 0
    assert stage.state("a") is State.UNLOADED
    assert stage.cache.open_tickets == frozenset()


def test_case_44_a_client_that_hangs_up_does_not_cancel_what_others_wait_for() -> None:
    """A load goes on while anybody waits for it, and for a request even when nobody does any longer."""
    stage = Stage()
    cancelled, waiting = stage.load("a"), stage.ask("a")
    stage.tell(Withdrawn(cancelled))
    stage.tell(Withdrawn(waiting))
    assert stage.stopped == []
    stage.ready("a")
    assert stage.state("a") is State.READY


def test_case_45_a_host_killed_from_outside_ends_its_answers_and_is_shown_as_killed() -> None:
    """Its answers end with the reason, the model is failed, nothing stays charged, the next load works."""
    stage = stage_with("a", policy=Policy(total_limit_bytes=10))
    in_flight = stage.ask("a")
    stage.exited("a", reason="The host of a was killed by signal 9.")
    refusal = stage.refusal(in_flight)
    assert refusal is not None
    assert (refusal.code, str(refusal.sentence)) == ("host died", "The host of a was killed by signal 9.")
    entry = stage.cache.entry("a")
    assert entry is not None
    assert (entry.state, str(entry.error)) == (State.FAILED, "The host of a was killed by signal 9.")
    assert [each.text for each in stage.announced("host-died")] == [entry.error]
    assert stage.charged == 0
    again = stage.ask("a")
    stage.ready("a")
    assert stage.granted(again)


def test_case_45_a_host_killed_while_it_loads_fails_the_load() -> None:
    """The end of the process is the end of the load, with the reason for all who wait."""
    stage = Stage()
    ticket = stage.ask("a")
    stage.exited("a", reason="The host of a was killed by signal 6.")
    refusal = stage.refusal(ticket)
    assert refusal is not None
    assert (refusal.code, str(refusal.reason)) == ("load failed", "The host of a was killed by signal 6.")
    assert stage.state("a") is State.FAILED


def test_case_46_a_file_replaced_while_loaded_counts_beside_the_old_one() -> None:
    """The host keeps the old file mapped; a second model that maps the new one shares nothing with it."""
    stage = Stage()
    stage.use("a", mapped(1, 20, (8, 100)))
    newcomer = stage.ask("b", mapped(1, 20, (8, 101)))
    stage.ready("b")
    assert stage.charged == 42
    stage.finish(newcomer)
    stage.tell(UnloadAsked("a", "window"))
    stage.exited("a")
    stage.use("a", mapped(1, 20, (8, 101)))
    assert stage.charged == 22


def test_case_46_a_file_deleted_while_loaded_leaves_the_model_at_work() -> None:
    """The loaded model answers on; only its next load fails."""
    stage = stage_with("a")
    ticket = stage.ask("a")
    assert stage.granted(ticket)
    stage.finish(ticket)
    stage.tell(UnloadAsked("a", "window"))
    stage.exited("a")
    gone = stage.ask("a")
    stage.failed("a", "a.gguf is not there any more.")
    assert stage.code(gone) == "load failed"


def test_case_48_double_unload_and_unload_of_unknown_do_nothing() -> None:
    """A second order to unload, and one for a model that nobody knows, have no effect."""
    stage = stage_with("a")
    stage.tell(UnloadAsked("a", "window"))
    assert stage.tell(UnloadAsked("a", "tray")) == ()
    stage.exited("a")
    assert stage.tell(UnloadAsked("a", "cli")) == ()
    assert stage.tell(UnloadAsked("nobody", "cli")) == ()


def test_case_49_quit_while_loading_stops_every_host_and_answers_everybody() -> None:
    """Closing kills the load, asks the others, ends answers, refuses waiters, and admits nothing more."""
    stage = Stage(Policy(total_limit_bytes=20))
    in_flight = stage.ask("a")
    stage.ready("a")
    loading, queued = stage.load("b"), stage.ask("c", 20)
    stage.tell(Closing())
    assert stage.stopped == ["a", "b"]
    assert [stage.stop_of(model).at_once for model in ("a", "b")] == [False, True]
    assert [stage.code(ticket) for ticket in (in_flight, loading, queued)] == ["closing"] * 3
    late = stage.ask("d")
    assert stage.code(late) == "closing"
    stage.exited("a", "b")
    stage.wait(5)
    assert stage.started == ["a", "b"]
    assert stage.charged == 0
    assert stage.cache.open_tickets == frozenset()


def test_case_50_time_asleep_counts_as_idle_and_not_as_waiting() -> None:
    """After a suspend of eight hours an idle model goes at once, and a waiter is as patient as before.

    The clock stands still meanwhile, as CLOCK_MONOTONIC does.
    """
    stage = stage_with("idle", policy=Policy(total_limit_bytes=20, idle_seconds=900))
    stage.wait(30)
    stage.ask("busy")
    stage.ready("busy")
    waiting = stage.ask("a", 20, patience=10)
    stage.wait(2)
    assert stage.stopped == []
    stage.sample(slept_seconds=8 * 3600)
    assert stage.stopped == ["idle"]
    assert stage.stop_of("idle").cause == "idle"
    stage.wait(7)
    assert not stage.answered(waiting)
    stage.wait(1)
    assert stage.code(waiting) == "waited too long"


def test_a_stall_of_the_program_prolongs_no_idle_time() -> None:
    """A minute in which no sample came is a minute like any other: only the machine's own sleep is told."""
    stage = stage_with("idle", policy=Policy(idle_seconds=50))
    stage.wait(1)
    stage.now += 60
    stage.sample()
    assert stage.stopped == ["idle"]


def test_case_50_what_happens_between_waking_and_the_first_sample_keeps_its_time() -> None:
    """A model used right after a suspend is the most recently used one, and not idle since the evening."""
    stage = stage_with("a", "b", policy=Policy(total_limit_bytes=20, idle_seconds=900))
    stage.wait(2)
    stage.now += 1
    stage.finish(stage.ask("a"))
    stage.sample(slept_seconds=8 * 3600)
    assert stage.stopped == ["b"]
    entry = stage.cache.entry("a")
    assert entry is not None
    assert entry.last_used == stage.now


def test_late_words_of_an_earlier_host_mean_nothing() -> None:
    """Ready, failed or exited, said of a host that has been replaced, changes nothing."""
    stage = stage_with("a")
    old = stage.hosts["a"].host
    stage.exited("a")
    stage.ask("a")
    for late in (
        HostReady("a", old, 1, 1.0),
        HostFailed("a", old, verbatim("late")),
        HostExited("a", old, verbatim("late")),
    ):
        assert stage.tell(late) == ()
    assert stage.state("a") is State.LOADING


def test_a_host_that_becomes_ready_after_it_was_told_to_stop_is_not_granted() -> None:
    """The word that a load succeeded may cross the order to stop."""
    stage = Stage()
    ticket = stage.ask("a")
    host = stage.hosts["a"].host
    stage.tell(UnloadAsked("a", "window"))
    stage.tell(HostReady("a", host, 4096, 1.0))
    assert stage.code(ticket) == "cancelled"
    assert stage.state("a") is State.UNLOADING


def test_finishing_twice_or_an_unknown_ticket_does_nothing() -> None:
    """A ticket is given back once."""
    stage = Stage()
    ticket = stage.ask("a")
    stage.ready("a")
    other = stage.ask("a")
    stage.finish(ticket)
    assert stage.tell(Finished(ticket)) == ()
    assert stage.tell(Finished(4711)) == ()
    assert stage.state("a") is State.BUSY
    stage.finish(other)
    assert stage.state("a") is State.READY


def test_finishing_a_ticket_that_still_waits_does_not_take_it_away() -> None:
    """Only a granted ticket can be finished; who no longer wants to wait withdraws."""
    stage = Stage()
    ticket = stage.ask("a")
    stage.finish(ticket)
    stage.ready("a")
    assert stage.granted(ticket)


def test_the_same_refusal_is_put_on_the_timeline_once_in_ten_seconds() -> None:
    """A program that asks again and again is refused each time, and mentioned now and then."""
    stage = Stage(Policy(total_limit_bytes=5))
    for _ in range(5):
        stage.ask("a")
    refusals = [action for action in stage.actions if isinstance(action, Refuse)]
    assert (len(refusals), len(stage.announced("load-refused"))) == (5, 1)
    stage.now += 10
    stage.ask("a")
    assert len(stage.announced("load-refused")) == 2
