"""The history in memory: what a window shows of the samples, whatever the clock did."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmmem_gui.core.events import Event
from llmmem_gui.core.history import MOST_EVENTS, History
from llmmem_gui.core.history_rings import StoredRows
from llmmem_gui.core.history_rows import (
    BLOCK_ROWS,
    MACHINE_FIGURES,
    MODEL_FIGURES,
    RESOLUTIONS,
    RowsInProgress,
)
from llmmem_gui.core.readings import ActivityReading, GpuReading, MachineReading, Sample
from llmmem_gui.core.units import GIB, MIB
from tests.core.history_samples import DAY, NOON, history_of, sample, sampled


def test_nothing_sampled_is_an_empty_window() -> None:
    """A history without samples gives a window without points, and without models."""
    window = History().window(NOON - 300, NOON)
    assert len(window.times) == 0
    assert window.models == ()
    assert window.private_bytes.mean.shape == (0, 0)


def test_a_second_stands_as_it_was_sampled() -> None:
    """Each sample of the last minutes is one point with its figures, and its slot's middle as its time."""
    history = history_of(
        [
            sample(NOON + 0.2, {"a": (1 * GIB, 2 * GIB)}, own=100 * MIB),
            sample(NOON + 1.2, {"a": (1 * GIB, 2 * GIB), "b": (5 * MIB, 0)}, own=101 * MIB),
        ],
        limit_bytes=8 * GIB,
    )
    window = history.window(NOON - 60, NOON + 2)
    assert window.point_seconds == 1
    assert window.times.tolist() == [NOON + 0.5, NOON + 1.5]
    assert window.models == ("a", "b")
    assert window.private_bytes.mean.tolist() == [[GIB, GIB], [0, 5 * MIB]]
    assert window.weights_bytes.mean.tolist() == [[2 * GIB, 2 * GIB], [0, 0]]
    assert window.models_bytes.mean.tolist() == [3 * GIB, 3 * GIB + 5 * MIB]
    assert window.available_bytes.mean.tolist() == [20 * GIB, 20 * GIB]
    assert window.own_bytes.mean.tolist() == [100 * MIB, 101 * MIB]
    # Weights are available to others: only private bytes are taken from what is used.
    assert window.other_programs_bytes.mean.tolist() == [
        12 * GIB - GIB - 100 * MIB,
        12 * GIB - GIB - 106 * MIB,
    ]
    assert window.machine_bytes.tolist() == [32 * GIB, 32 * GIB]
    assert window.limit_bytes.tolist() == [8 * GIB, 8 * GIB]


def test_no_limit_is_not_a_number() -> None:
    """Where no total limit was set the limit is NaN and everything else is a number."""
    window = history_of([sample(NOON)]).window(NOON, NOON + 1)
    assert np.isnan(window.limit_bytes).all()
    assert sampled(window).all()


def test_a_coarse_point_has_least_mean_and_most() -> None:
    """A point of a minute says how low and how high each quantity went within it, and its mean."""
    history = history_of(sample(NOON + second, {"a": (second * MIB, GIB)}) for second in range(60))
    # So far back that only rows of a minute reach.
    window = history.window(NOON - 20 * DAY, NOON + 60)
    assert window.point_seconds >= 60
    assert window.private_bytes.least.tolist() == [[0]]
    assert window.private_bytes.mean.tolist() == [[29.5 * MIB]]
    assert window.private_bytes.most.tolist() == [[59 * MIB]]
    assert window.weights_bytes.least.tolist() == [[GIB]]
    assert window.models_bytes.most.tolist() == [GIB + 59 * MIB]


def test_a_model_uses_nothing_while_it_is_not_loaded() -> None:
    """A model that was there for half of a row counts with half in its mean, and with 0 as its least."""
    half = [sample(NOON + second, {"a": (4 * GIB, 0)} if second >= 30 else {}) for second in range(60)]
    window = history_of(half).window(NOON - 20 * DAY, NOON + 60)
    assert window.private_bytes.least.tolist() == [[0]]
    assert window.private_bytes.mean.tolist() == [[2 * GIB]]
    assert window.private_bytes.most.tolist() == [[4 * GIB]]


def test_a_spike_of_one_second_is_seen_a_month_later() -> None:
    """The most that was ever used is not averaged away, however many rows make a point."""
    history = History()
    for second in range(0, 29 * DAY, 60):
        history.append(sample(NOON + second, {"a": (GIB, 0)}))
        if second == 60_000:
            history.append(sample(NOON + second + 1, {"a": (7 * GIB, 0)}))
    now = NOON + 29 * DAY
    window = history.window(now - 30 * DAY, now)
    assert window.point_seconds == 60 * 60
    assert window.models_bytes.most.max() == 7 * GIB
    assert window.models_bytes.mean.max() < 1.1 * GIB


@pytest.mark.parametrize(
    ("from_ago", "span", "point_seconds"),
    [
        (60, 60, 1),
        (300, 300, 1),
        (3_600, 3_600, 5),
        (6 * 3_600, 6 * 3_600, 30),
        (DAY, DAY, 120),
        (7 * DAY, 7 * DAY, 720),
        (30 * DAY, 30 * DAY, 3_600),
        # A short window in the past takes the finest rows that are still kept.
        (3 * 3_600, 300, 10),
        (3 * DAY, 300, 60),
    ],
)
def test_the_finest_rows_that_reach_back_are_drawn(from_ago: int, span: int, point_seconds: int) -> None:
    """Each range of the screen gets the finest points that 900 of them allow and that are still kept."""
    history = history_of([sample(NOON)])
    window = history.window(NOON - from_ago, NOON - from_ago + span, most_points=900)
    assert window.point_seconds == point_seconds


def test_points_stand_still_while_the_window_moves() -> None:
    """A live plot does not flicker: a finished point has the same time and figures in every later window."""
    history = history_of(sample(NOON + second, {"a": (second * MIB, 0)}) for second in range(3_000))
    seen: dict[float, float] = {}
    for now in range(NOON + 3_000, NOON + 3_060):
        history.append(sample(now, {"a": ((now - NOON) * MIB, 0)}))
        window = history.window(now - 3_000, now)
        # The first may have lost rows to the edge, the last is not full yet.
        for time, mean in zip(window.times[1:-1], window.private_bytes.mean[0, 1:-1], strict=True):
            assert seen.setdefault(float(time), float(mean)) == mean
    assert len(seen) > 600


def test_a_pause_of_the_program_is_a_break() -> None:
    """Where the program did not run, or the machine slept, stands one point of NaN in every figure."""
    times = [*range(NOON, NOON + 60), *range(NOON + 90, NOON + 150)]
    window = history_of(sample(time, {"a": (GIB, 0)}) for time in times).window(NOON, NOON + 150)
    breaks = np.flatnonzero(~sampled(window))
    assert len(breaks) == 1
    assert NOON + 60 <= window.times[breaks[0]] < NOON + 90
    for figures in (window.private_bytes.mean, window.weights_bytes.most, window.machine_bytes):
        assert np.isnan(figures[..., breaks[0]]).all()
    assert (np.diff(window.times) > 0).all()


def test_a_pause_of_hours_is_a_break_in_a_coarse_window() -> None:
    """A night in which the machine slept is a break in the window of a day, and of a week."""
    times = [*range(NOON, NOON + 4 * 3_600, 5), *range(NOON + 12 * 3_600, NOON + 16 * 3_600, 5)]
    history = history_of(sample(time) for time in times)
    for span in (DAY, 7 * DAY):
        window = history.window(NOON + 16 * 3_600 - span, NOON + 16 * 3_600)
        assert (~sampled(window)).sum() == 1


@pytest.mark.parametrize("interval", [0.25, 0.5, 1, 1.03, 2, 5, 5.2])
def test_slow_sampling_is_no_break(interval: float) -> None:
    """Whatever the sampling interval, a program that runs draws no breaks at any range."""
    count = int(3_000 / interval)
    history = history_of(sample(NOON + place * interval) for place in range(count))
    for span in (60, 300, 3_000, DAY):
        assert sampled(history.window(NOON + 3_000 - span, NOON + 3_000)).all()


def test_a_change_of_the_interval_is_no_break() -> None:
    """A program that samples less often for a while draws no break where that begins or ends."""
    times = [*range(60), *range(60, 120, 5), *range(120, 180)]
    history = history_of(sample(NOON + time) for time in times)
    assert sampled(history.window(NOON, NOON + 180)).all()


def test_one_missed_sample_is_no_break_and_four_are() -> None:
    """At one sample a second a hiccup of two seconds is drawn through, one of five is a break."""
    for missed, breaks in ((1, 0), (4, 1)):
        times = [*range(30), *range(30 + missed, 60)]
        window = history_of(sample(NOON + time) for time in times).window(NOON, NOON + 60)
        assert (~sampled(window)).sum() == breaks


def test_a_clock_set_back_writes_over_what_it_wrote() -> None:
    """After an hour back the moments that come again are drawn as they were sampled last."""
    history = history_of(sample(NOON + second, {"old": (GIB, 0)}) for second in range(1_800))
    for second in range(600):
        history.append(sample(NOON + 600 + second, {"new": (2 * GIB, 0)}))
    window = history.window(NOON + 500, NOON + 1_200)
    assert window.models == ("new", "old")
    new, old = window.private_bytes.most
    again = (window.times > NOON + 600) & (window.times < NOON + 1_200)
    assert (new[again] == 2 * GIB).all()
    assert (old[again] == 0).all()
    assert (old[window.times < NOON + 600] == GIB).all()
    # What was sampled under the clock that ran ahead stands where it stood, in the time to come.
    assert history.window(NOON + 1_300, NOON + 1_400).models == ("old",)


def test_a_clock_set_back_a_little_stands_still() -> None:
    """A correction by a second loses nothing of the rows that it touches, not even of the minute before."""
    history = history_of(sample(NOON + second, {"a": (9 * GIB, 0)}) for second in range(60))
    history.append(sample(NOON + 60, {"a": (GIB, 0)}))
    history.append(sample(NOON + 59.5, {"a": (GIB, 0)}))
    history.append(sample(NOON + 61, {"a": (GIB, 0)}))
    window = history.window(NOON - 20 * DAY, NOON + 120, most_points=100_000)
    assert window.private_bytes.most.tolist() == [[9 * GIB, GIB]]
    assert window.private_bytes.mean.tolist() == [[9 * GIB, GIB]]


@pytest.mark.parametrize("wrong", [0, NOON - 400 * DAY, NOON + 9_000 * DAY, 10**12])
def test_a_wild_clock_costs_one_block_at_most(wrong: int) -> None:
    """A minute under a clock that is years off costs at most six hours of the month, and no exception."""
    history = history_of(
        sample(NOON - 20 * DAY + second, {"a": (GIB, 0)}) for second in range(0, 20 * DAY, 60)
    )
    before = history.window(NOON - 20 * DAY, NOON, most_points=100_000)
    for second in range(60):
        history.append(sample(wrong + second, {"a": (3 * GIB, 0)}))
    history.append(sample(NOON, {"a": (GIB, 0)}))
    after = history.window(NOON - 20 * DAY, NOON, most_points=100_000)
    assert sampled(after).sum() >= sampled(before).sum() - BLOCK_ROWS
    assert np.nanmax(after.private_bytes.most) == GIB


def test_a_suspend_over_the_whole_ring_leaves_no_ghost() -> None:
    """What is older than a ring is not taken for what came a ring later at the same place."""
    span = RESOLUTIONS[0].ring_rows
    history = history_of(sample(NOON + second, {"a": (GIB, 0)}) for second in range(300))
    history.append(sample(NOON + span + 10, {"b": (GIB, 0)}))
    window = history.window(NOON + span, NOON + span + 20)
    assert window.models == ("b",)
    assert sampled(window).sum() == 1


def test_a_model_that_is_gone_leaves_the_legend() -> None:
    """A window names only the models that used memory within it."""
    history = history_of(sample(NOON + second, {"a": (GIB, 0)}) for second in range(10))
    for second in range(60, 120):
        history.append(sample(NOON + second, {"b": (0, GIB)}))
    assert history.window(NOON + 70, NOON + 110).models == ("b",)
    assert history.window(NOON, NOON + 110).models == ("a", "b")


def test_rows_that_were_stored_come_back_and_go_on() -> None:
    """A minute that a restart interrupts keeps the highest figure from before it."""
    before = RowsInProgress()
    for second in range(30):
        before.add(sample(NOON + second, {"a": (5 * GIB, 0)}), 8 * GIB)
    history = History()
    history.resume(dict(before.rows()))
    for second in range(40, 60):
        history.append(sample(NOON + second, {"a": (GIB, 0)}), 8 * GIB)
    window = history.window(NOON - 20 * DAY, NOON + 60)
    assert window.private_bytes.most.tolist() == [[5 * GIB]]
    assert window.private_bytes.mean[0, 0] == pytest.approx((30 * 5 + 20) / 50 * GIB)


def test_events_are_bounded_and_found_by_time() -> None:
    """The newest events are kept, and a window of time gives those within it, oldest first."""
    history = History()
    for place in range(MOST_EVENTS + 50):
        history.append_event(Event(NOON + place, "note", text=str(place)))
    assert len(history.events(0, math.inf)) == MOST_EVENTS
    found = history.events(NOON + 100, NOON + 102)
    assert [event.text for event in found] == ["100", "101", "102"]


def test_events_after_a_clock_set_back_are_in_order() -> None:
    """Events are given by their times, also when they were recorded in another order."""
    history = History()
    for time in (NOON + 50, NOON + 10, NOON + 30):
        history.append_event(Event(time, "note"))
    assert [event.time for event in history.events(NOON, NOON + 60)] == [NOON + 10, NOON + 30, NOON + 50]


@given(
    steps=st.lists(st.sampled_from([0.25, 1, 1, 1, 5, 40, 700, 30_000, -3, -90, 4_000_000]), max_size=60),
    span=st.sampled_from([1, 60, 3_600, 90_000, 3_000_000, 10**9]),
    back=st.integers(0, 100_000),
    most_points=st.integers(1, 2_000),
)
@settings(max_examples=150)
def test_every_window_is_well_formed(steps: list[float], span: int, back: int, most_points: int) -> None:
    """Whatever the clock did: at most the points asked for, rising times, and least <= mean <= most."""
    history = History()
    time = float(NOON)
    for place, step in enumerate(steps):
        time += step
        history.append(sample(time, {f"model {place % 3}": (place * MIB, GIB)}))
    window = history.window(time - back - span, time - back, most_points)
    assert len(window.times) <= max(250, most_points)
    assert (np.diff(window.times) > 0).all()
    there = sampled(window)
    for spread in (window.private_bytes, window.weights_bytes, window.models_bytes, window.own_bytes):
        assert spread.least.shape == spread.mean.shape == spread.most.shape
        assert spread.mean.shape[-1] == len(window.times)
        assert (np.isnan(spread.mean) == ~there).all()
        slack = 1 + 1e-6
        assert (spread.least[..., there] <= spread.mean[..., there] * slack).all()
        assert (spread.mean[..., there] <= spread.most[..., there] * slack).all()


@given(
    steps=st.lists(st.sampled_from([1, 1, 5, 200, 400, 7_000, -3, -90, -400, 4_000_000]), max_size=60),
    span=st.sampled_from([400, 3_600, 90_000, 700_000]),
)
@settings(max_examples=100)
def test_a_window_that_was_shown_before_hides_nothing_new(steps: list[int], span: int) -> None:
    """A window shown after every sample ends up the same as one that is shown for the first time."""
    shown, fresh, time = History(), History(), NOON
    for place, step in enumerate(steps):
        time += step
        for history in (shown, fresh):
            history.append(sample(time, {f"model {place % 3}": (place * MIB, GIB)}))
        shown.window(time - span, time + span)
    left, right = shown.window(time - span, time + span), fresh.window(time - span, time + span)
    assert left.models == right.models
    np.testing.assert_array_equal(left.times, right.times)
    np.testing.assert_array_equal(left.private_bytes.mean, right.private_bytes.mean)
    np.testing.assert_array_equal(left.models_bytes.most, right.models_bytes.most)


def test_a_window_shown_before_is_shown_with_other_points() -> None:
    """A window shown with many points and then with fewer has the fewer."""
    history = history_of(sample(NOON + second) for second in range(3_600))
    for most_points, point_seconds in ((1_200, 4), (900, 5), (1_200, 4)):
        window = history.window(NOON, NOON + 3_600, most_points)
        assert window.point_seconds == point_seconds
        assert (np.diff(window.times) == point_seconds).all()


def test_rows_put_in_after_a_window_was_shown_are_shown() -> None:
    """What a store puts in is seen at once, also in a block that was shown before."""
    history = history_of([sample(NOON), sample(NOON + 2 * DAY)])
    begin, end = NOON - 3_600, NOON + DAY
    assert sampled(history.window(begin, end)).sum() == 1
    nobody = np.zeros(0, np.int64)
    slots = np.array([NOON // 60 + 100])
    machine = np.ones((1, MACHINE_FIGURES), np.float32)
    lines = np.zeros((0, MODEL_FIGURES), np.float32)
    history.restore(2, StoredRows(slots, np.ones(1, np.int64), machine, nobody, (), nobody, lines))
    assert sampled(history.window(begin, end)).sum() == 2


@given(
    values=st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from([None, 0, 1, 700, 40 * 1024])), min_size=1, max_size=80
    ),
    number=st.integers(0, 2),
)
@settings(max_examples=100)
def test_rows_are_what_their_samples_come_to(values: list[tuple[int, int | None]], number: int) -> None:
    """At every resolution least, mean and most agree with those counted over the samples themselves."""
    resolution = RESOLUTIONS[number]
    history, by_slot, time = History(), dict[int, list[int]](), NOON
    for step, mib in values:
        time += step
        history.append(sample(time, {} if mib is None else {"a": (mib * MIB, 0)}))
        by_slot.setdefault(time // resolution.row_seconds, []).append((mib or 0) * MIB)
    span = resolution.row_seconds * resolution.kept_rows - 100
    window = history.window(time + 1 - span, time + 1, most_points=100_000)
    assert window.point_seconds == resolution.row_seconds
    there = sampled(window)
    expected = [by_slot[slot] for slot in sorted(by_slot)]
    used = any(any(row) for row in expected)
    assert window.models == (("a",) if used else ())
    if used:
        assert window.private_bytes.least[0, there].tolist() == [min(row) for row in expected]
        assert window.private_bytes.most[0, there].tolist() == [max(row) for row in expected]
        assert window.private_bytes.mean[0, there] == pytest.approx([sum(row) / len(row) for row in expected])


def test_of_activity_the_highest_within_a_point_is_kept() -> None:
    """Ten seconds of tokens within an hour are seen at their speed in a window of a week, not as a mean."""
    history = History()
    for second in range(3_600):
        doing = {"a": ActivityReading(1, 3, 20, 20.0 + second % 2)} if 100 <= second < 110 else {}
        machine = MachineReading(GIB, GIB, pressure_some_percent=second / 100)
        history.append(Sample(NOON + second, second, machine, activity=doing))
    window = history.activity(NOON - 7 * DAY, NOON + 3_600)
    assert window.models == ("a",)
    assert np.nanmax(window.tokens_per_second) == 21.0
    assert (np.nanmax(window.running), np.nanmax(window.waiting)) == (1, 3)
    assert np.nanmax(window.stalled_some_percent) == pytest.approx(35.99)
    assert (window.tokens_per_second[0] > 0).sum() == 1


def test_activity_that_is_not_known_is_no_zero() -> None:
    """Without PSI, swap and GPU there are no figures; where the program did not run there is a break."""
    history = history_of([sample(NOON), sample(NOON + 100)])
    window = history.activity(NOON, NOON + 101)
    assert len(window.times) == 3
    for figures in (
        window.stalled_some_percent,
        window.stalled_full_percent,
        window.swap_bytes,
        window.gpu_bytes,
    ):
        assert np.isnan(figures).all()


def test_memory_of_gpus_is_their_own_and_known() -> None:
    """A unified GPU's is main memory; of one whose use is not told the size alone would mislead."""
    gpus = (
        GpuReading("0000:01:00.0", "card", 8 * GIB, 3 * GIB),
        GpuReading("0000:02:00.0", "card whose use is not told", 16 * GIB, None),
        GpuReading("0000:c1:00.0", "unified", GIB, GIB, {}, True),
    )
    machine = MachineReading(32 * GIB, 20 * GIB)
    window = history_of([Sample(NOON, NOON, machine, gpus=gpus)]).activity(NOON, NOON + 1)
    assert (np.nanmax(window.gpu_bytes), np.nanmax(window.gpu_total_bytes)) == (3 * GIB, 8 * GIB)
    window = history_of([Sample(NOON, NOON, machine, gpus=gpus[1:])]).activity(NOON, NOON + 1)
    assert np.isnan(window.gpu_bytes).all()
    assert np.isnan(window.gpu_total_bytes).all()


def test_activity_and_memory_have_the_same_points() -> None:
    """The two windows of one time lie on the same points, so that one crosshair reads both."""
    history = history_of(sample(NOON + second, {"a": (GIB, 0)}) for second in range(0, 9_000, 3))
    for span in (60, 3_600, DAY, 7 * DAY):
        until = NOON + 9_000
        memory, activity = history.window(until - span, until), history.activity(until - span, until)
        assert memory.times.tolist() == activity.times.tolist()


def test_of_very_many_busy_models_those_that_generate_most_are_kept() -> None:
    """A row has room for the activity of eight models: the fastest stay."""
    doing = {f"model {place:02}": ActivityReading(1, 0, place, float(place)) for place in range(1, 21)}
    history = History()
    history.append(Sample(NOON, 0.0, MachineReading(GIB, GIB), activity=doing))
    assert history.activity(NOON, NOON + 1).models == tuple(f"model {place:02}" for place in range(13, 21))
