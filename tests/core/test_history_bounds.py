"""The bounds of the history in memory: how long rows are kept, and which models keep their pages."""

from __future__ import annotations

import tracemalloc

import numpy as np

from llmmem_gui.core.events import Event
from llmmem_gui.core.history import MOST_EVENTS, MOST_PAGES, History
from llmmem_gui.core.history_pages import Block, ModelPages
from llmmem_gui.core.history_rows import (
    MODEL_FIGURES,
    MOST_MODELS,
    RESOLUTIONS,
)
from llmmem_gui.core.units import GIB, MIB
from tests.core.history_samples import DAY, NOON, history_of, sample, sampled


def test_rows_are_kept_as_long_as_promised() -> None:
    """An hour by the second, a day by ten seconds and thirty days by the minute are there to the last row."""
    history = history_of(sample(NOON + second) for second in range(0, 31 * DAY, 60))
    now = NOON + 31 * DAY
    for second in range(0, DAY + 600, 10):
        history.append(sample(now + second))
    now += DAY + 600
    for second in range(4_000):
        history.append(sample(now + second))
    now += 4_000
    for resolution, number in zip(RESOLUTIONS, range(3), strict=True):
        span = resolution.row_seconds * resolution.kept_rows
        window = history.window(now - span, now, most_points=100_000)
        assert window.point_seconds == RESOLUTIONS[number].row_seconds
        assert sampled(window).all()
        assert len(window.times) >= resolution.kept_rows


def test_memory_is_fixed() -> None:
    """A month of ten models that come and go takes less than 16 MiB, all that the history allocates."""
    tracemalloc.start()
    try:
        history = History()
        held = history.bytes_held
        for second in range(0, 31 * DAY, 600):
            models = {f"model {(second // 7_200 + place) % 40}": (place * GIB, GIB) for place in range(10)}
            history.append(sample(NOON + second, models), 8 * GIB)
        for place in range(2 * MOST_EVENTS):
            history.append_event(
                Event(NOON + place, "model-unloaded", "a model", "idle", numbers={"seconds": 1.5 * place})
            )
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert history.bytes_held == held
    assert most < 16 * MIB


def test_ten_models_are_seen_for_more_than_a_week() -> None:
    """Ten models that are loaded all the time have columns of their own for the whole range of seven days."""
    models = {f"model {place}": (GIB, GIB) for place in range(10)}
    history = history_of(sample(NOON + second, models) for second in range(0, 16 * DAY, 300))
    now = NOON + 16 * DAY
    window = history.window(now - 7 * DAY, now - 300)
    assert len(window.models) == 10
    assert (window.private_bytes.mean == GIB).all()


def test_with_too_many_models_the_oldest_rows_lose_them_and_keep_the_sum() -> None:
    """When all pages are used models vanish from the far past first; what they used together stays known."""
    models = {f"model {place}": (GIB, 0) for place in range(MOST_MODELS)}
    history = history_of(sample(NOON + second, models) for second in range(0, 16 * DAY, 300))
    now = NOON + 16 * DAY
    window = history.window(NOON, now - 300)
    assert (window.models_bytes.mean == MOST_MODELS * GIB).all()
    shown = window.private_bytes.mean.sum(axis=0)
    assert shown[0] == 0
    assert shown[-1] == MOST_MODELS * GIB
    # From one point on all of them are there to the end.
    assert (np.diff(shown) >= 0).all()
    assert (now - window.times[shown > 0][0]) / DAY > 4


def test_of_very_many_models_the_largest_are_kept_apart() -> None:
    """In one row the 16 largest models have columns; all of them count in the sum."""
    models = {f"model {place:02}": (place * MIB, 0) for place in range(1, 41)}
    window = history_of([sample(NOON, models)]).window(NOON, NOON + 1)
    assert window.models == tuple(f"model {place:02}" for place in range(25, 41))
    assert window.models_bytes.mean.tolist() == [sum(range(1, 41)) * MIB]


def test_ever_new_models_do_not_take_the_columns_of_those_loaded_now() -> None:
    """A thousand models that come and go within the hour leave the one that stays its column."""
    history = History()
    for second in range(MOST_PAGES + 300):
        history.append(sample(NOON + 2 * second, {"stays": (GIB, 0), f"model {second}": (MIB, 0)}))
    window = history.window(NOON + 2 * second - 60, NOON + 2 * second)
    assert (window.private_bytes.mean[window.models.index("stays")] == GIB).all()


def test_a_window_shown_before_forgets_a_model_whose_pages_are_gone() -> None:
    """Shown again after its pages went to newer blocks, an old block is drawn without its models."""
    models = {f"model {place}": (GIB, 0) for place in range(MOST_MODELS)}
    history = History()
    for second in range(0, 7 * DAY, 300):
        history.append(sample(NOON + second, models))
        window = history.window(NOON, NOON + 6 * 3_600)
    # By now the pages of the first six hours are needed elsewhere.
    assert window.models == ()
    assert np.nanmin(window.models_bytes.mean) == MOST_MODELS * GIB


def test_a_page_that_was_another_model_s_is_empty() -> None:
    """A page that is given back and taken again shows nothing of what it held before."""
    pages = ModelPages(MODEL_FIGURES, MOST_PAGES)
    first = pages.obtain(Block(0, 1, 360), "a")
    assert first is not None
    first[:] = GIB
    pages.release(Block(0, 1, 360))
    again = pages.obtain(Block(0, 2, 720), "b")
    assert again is not None
    assert np.shares_memory(first, again)
    assert not again.any()


def test_the_block_written_now_keeps_its_pages_under_a_clock_that_is_behind() -> None:
    """Under a clock of 1970 the block written now is the oldest of all and loses no page."""
    pages = ModelPages(MODEL_FIGURES, MOST_PAGES)
    for number in range(100, 100 + MOST_PAGES):
        assert pages.obtain(Block(2, number, number * 21_600), "old") is not None
    now = Block(2, 0, 0)
    for place in range(10):
        assert pages.obtain(now, f"model {place}", protected=frozenset({now})) is not None
    assert pages.models(now) == tuple(f"model {place}" for place in range(10))


def test_a_stored_block_takes_no_page_from_a_newer_one() -> None:
    """When a stored month has more models than pages, the newest blocks get them."""
    pages = ModelPages(MODEL_FIGURES, MOST_PAGES)
    for number in range(MOST_PAGES):
        pages.obtain(Block(2, number + 10, (number + 10) * 21_600), "a")
    assert pages.obtain(Block(2, 5, 5 * 21_600), "a") is None
    assert pages.obtain(Block(2, 2_000, 2_000 * 21_600), "a") is not None
    assert pages.models(Block(2, 10, 10 * 21_600)) == ()
