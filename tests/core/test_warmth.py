"""How long loads are expected to take, learned from loads that happened, and how that is said."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmem_gui.core.gguf import FileIdentity
from llmmem_gui.core.measurement import LoadKey
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.units import GIB, MIB
from llmmem_gui.core.warmth import ExpectedLoad, LoadTimes, TimedLoad, Warmth, together, warmth_sentence

SIZE = 4 * GIB


def key(model: int = 1, *, device: int = 1, gpu_layers: int = 0, memory_map: bool = True) -> LoadKey:
    """What a load of one of the models is known by."""
    parameters = LoadParameters(gpu_layers=gpu_layers, memory_map=memory_map)
    return LoadKey((FileIdentity(device, model, SIZE, 1),), parameters, "1")


def warmth(share: float, file_bytes: int = SIZE) -> Warmth:
    return Warmth(file_bytes, round(file_bytes * share))


WARM, COLD = warmth(1.0), warmth(0.0)


def learned(*loads: tuple[LoadKey, Warmth, float]) -> LoadTimes:
    times = LoadTimes()
    for loaded, began, seconds in loads:
        times.learn(loaded, TimedLoad(began, seconds))
    return times


shares = st.floats(0, 1)
durations = st.floats(0.01, 1000)
keys = st.builds(
    key,
    st.integers(1, 3),
    device=st.integers(1, 2),
    gpu_layers=st.sampled_from((0, -1)),
    memory_map=st.booleans(),
)
sizes = st.integers(1, 64 * GIB)
warmths = st.builds(lambda size, share: Warmth(size, int(size * share)), sizes, shares)
loads = st.lists(st.tuples(keys, warmths, durations), max_size=30)


@given(loads, keys, sizes, shares, shares)
def test_what_is_colder_never_loads_sooner(
    past: list[tuple[LoadKey, Warmth, float]], of: LoadKey, size: int, one: float, other: float
) -> None:
    """Whatever was learned, a time is finite and above 0, and less in memory never makes it shorter."""
    times = learned(*past)
    cold, warm = sorted((one, other))
    later = times.expected_seconds(of, Warmth(size, int(size * cold)))
    sooner = times.expected_seconds(of, Warmth(size, int(size * warm)))
    for seconds in (later, sooner):
        assert seconds is None or (math.isfinite(seconds) and seconds > 0)
    if later is not None and sooner is not None:
        assert sooner <= later * (1 + 1e-9)


@given(loads, keys, durations, durations)
def test_a_load_that_begins_as_the_last_ones_takes_as_long(
    past: list[tuple[LoadKey, Warmth, float]], of: LoadKey, warm_seconds: float, more: float
) -> None:
    """Five loads of the model itself outweigh whatever was learned before, cold and warm."""
    own = [(of, WARM, warm_seconds), (of, COLD, warm_seconds + more)] * 5
    times = learned(*past, *own)
    assert times.expected_seconds(of, WARM) == pytest.approx(warm_seconds)
    assert times.expected_seconds(of, COLD) == pytest.approx(warm_seconds + more)
    half = times.expected_seconds(of, warmth(0.5))
    assert half == pytest.approx(warm_seconds + more / 2)


@given(loads, keys, warmths)
def test_loads_of_another_way_tell_nothing(
    past: list[tuple[LoadKey, Warmth, float]], of: LoadKey, began: Warmth
) -> None:
    """What loads onto a GPU, and loads that copy the weights, have shown stays with them."""
    alike = [load for load in past if _way(load[0]) == _way(of)]
    assert learned(*past).expected_seconds(of, began) == learned(*alike).expected_seconds(of, began)


def _way(of: LoadKey) -> tuple[bool, bool]:
    return of.parameters.gpu_layers != 0, of.parameters.memory_map


@given(st.lists(st.floats(1.0, 2.0), min_size=3, max_size=3), st.lists(st.floats(0.01, 1e4), max_size=2))
def test_a_few_odd_loads_do_not_count(usual: list[float], odd: list[float]) -> None:
    """The middle one of the last loads counts: two of five that were disturbed change nothing of the kind."""
    times = learned(*((key(), WARM, seconds) for seconds in (*usual, *odd)))
    seconds = times.expected_seconds(key(), WARM)
    assert seconds is not None
    assert min(usual) <= seconds <= max(usual)


def test_nothing_is_made_up_before_a_load_has_shown_it() -> None:
    """No load, no time; a cold one says nothing about warm ones, and a warm one nothing about the disk."""
    assert learned().expected_seconds(key(), COLD) is None
    only_cold = learned((key(), COLD, 9.0))
    assert only_cold.expected_seconds(key(), COLD) == pytest.approx(9.0)
    assert only_cold.expected_seconds(key(), WARM) is None
    assert only_cold.expected_seconds(key(), warmth(0.5)) is None
    only_warm = learned((key(), WARM, 0.5))
    assert only_warm.expected_seconds(key(), WARM) == 0.5
    assert only_warm.expected_seconds(key(), COLD) is None


def test_other_models_of_the_same_disk_are_a_measure() -> None:
    """By their size; those of another disk tell how long warm loads take, and nothing of reading."""
    times = learned((key(1), WARM, 0.4), (key(1), COLD, 8.4))
    twice = Warmth(2 * SIZE, 0)
    assert times.expected_seconds(key(2), twice) == pytest.approx(16.8)
    assert times.expected_seconds(key(2, device=2), twice) is None
    assert times.expected_seconds(key(2, device=2), Warmth(SIZE, SIZE)) == pytest.approx(0.4)


def test_a_load_from_memory_takes_no_longer_than_one_that_had_to_read() -> None:
    """What others show does not go before what the model itself has shown."""
    times = learned((key(2), WARM, 10.0), (key(1), COLD, 2.0))
    assert times.expected_seconds(key(1), WARM) == 2.0
    assert times.expected_seconds(key(1), COLD) == pytest.approx(2.0, abs=0.01)


def test_tiny_models_are_no_measure_for_others() -> None:
    """What a load of a few MiB takes is all but reading."""
    tiny = 2 * MIB
    times = learned((key(1), Warmth(tiny, 0), 0.2), (key(1), Warmth(tiny, tiny), 0.1))
    assert times.expected_seconds(key(2), COLD) is None
    assert times.expected_seconds(key(1), Warmth(tiny, 0)) == pytest.approx(0.2)


def test_a_time_is_written_down_as_it_was() -> None:
    """A load's record keeps how warm it was when it began."""
    timed = TimedLoad(warmth(0.25), 3.5)
    assert msgspec.json.decode(msgspec.json.encode(timed), type=TimedLoad) == timed


def test_several_files_count_as_one() -> None:
    """By their bytes; what is not known of one of them is not known of all."""
    assert together((Warmth(30, 30), Warmth(70, 0))) == Warmth(100, 30)
    assert together((Warmth(30, 30), None)) is None


@pytest.mark.parametrize(
    ("share", "seconds", "told"),
    [
        (1.0, 0.31, "in memory: loads in about 0.3 s"),
        (0.0, 9.04, "on disk: loads in about 9 s"),
        (0.45, 5.0, "45 % in memory: loads in about 5 s"),
        (0.99, None, "in memory"),
        (0.01, None, "on disk"),
        (0.5, None, "50 % in memory"),
    ],
)
def test_it_is_said_in_a_few_words(share: float, seconds: float | None, told: str) -> None:
    """Where the files are, and what a load takes where that is known."""
    assert str(warmth_sentence(share, seconds)) == told
    assert str(ExpectedLoad(warmth(share), seconds).sentence) == told
