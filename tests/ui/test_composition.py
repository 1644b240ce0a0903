"""The composition bar: its parts add up, its words and its ghost."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given
from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from llmmem_gui.core.readings import MachineReading
from llmmem_gui.core.units import GIB, MIB
from llmmem_gui.ui import requests as ask
from llmmem_gui.ui.composition import Ghost, composition
from llmmem_gui.ui.composition_bar import CompositionBar
from llmmem_gui.ui.figures import NO_BREAK
from llmmem_gui.ui.main_window import MainWindow
from llmmem_gui.ui.theme import Theme
from tests.ui import facts

NAMES = {kind: kind for kind in ("promised", "room", "free", "reserve", "other", "own")}
sizes = st.integers(0, 16 * GIB)


@given(st.lists(st.tuples(sizes, sizes), max_size=5), sizes, st.none() | sizes, sizes)
def test_the_parts_fill_the_computer(
    models: list[tuple[int, int]], spare: int, limit: int | None, reserve: int
) -> None:
    """The parts are all memory of the computer, whatever the limit; none is empty but the room."""
    loaded = [
        facts.model(f"m{n}", facts.State.READY, private=private, weights=weights, idle=1)
        for n, (private, weights) in enumerate(models)
    ]
    private, weights = sum(p for p, _ in models), sum(w for _, w in models)
    own = 100 * MIB
    total = private + weights + spare + own + GIB
    shot = facts.snapshot(*loaded, limit=limit, available=spare + weights, reserve=reserve)
    parts = composition(shot, MachineReading(total, spare + weights, own_bytes=own), NAMES)
    assert all(part.size_bytes > (-1 if part.kind == "room" else 0) for part in parts)
    assert [part.kind for part in parts].count("room") == 1
    assert sum(part.size_bytes for part in parts) == total


def test_room_is_what_the_limit_leaves() -> None:
    """The part named room is the smaller of what the limit and what the computer leaves."""
    shot = facts.snapshot(facts.SMOL, limit=GIB, available=10 * GIB, reserve=GIB)
    parts = {part.kind: part.size_bytes for part in composition(shot, facts.sample(shot).machine, NAMES)}
    assert parts["room"] == GIB - facts.SMOL.resident_bytes
    tight = facts.snapshot(facts.SMOL, limit=20 * GIB, available=3 * GIB, reserve=GIB)
    parts = {part.kind: part.size_bytes for part in composition(tight, facts.sample(tight).machine, NAMES)}
    assert parts["room"] == 3 * GIB - facts.SMOL.weights_bytes - GIB


def test_what_is_promised_is_no_room() -> None:
    """Used, promised and room make up the limit: what loads get is what is called room."""
    growing = facts.model(
        "growing", facts.State.READY, private=100 * MIB, weights=MIB, need=(MIB, 400 * MIB), idle=1
    )
    shot = facts.snapshot(growing, limit=GIB, available=10 * GIB, reserve=GIB)
    parts = {part.kind: part.size_bytes for part in composition(shot, facts.sample(shot).machine, NAMES)}
    assert (shot.promised_bytes, parts["promised"]) == (300 * MIB, 300 * MIB)
    assert parts["room"] == GIB - shot.charged_bytes == shot.room_bytes
    assert shot.resident_bytes + parts["promised"] + parts["room"] == GIB


@pytest.fixture
def bar(qtbot: QtBot, theme: Theme) -> CompositionBar:
    """A bar that shows the usual models."""
    made = CompositionBar(theme)
    qtbot.addWidget(made)
    made.resize(1200, made.sizeHint().height())
    shot = facts.usual_snapshot()
    made.show_memory(shot, facts.sample(shot).machine)
    return made


def test_all_numbers_are_text_too(bar: CompositionBar) -> None:
    """What the bar draws is its accessible description: each model, the limit, and the program itself."""
    text = bar.accessibleDescription().replace(NO_BREAK, " ")
    for words in ("smollm2-135m-instruct 236 MiB", "limit 8.00 GiB", "LLM Memory itself 118 MiB"):
        assert words in text
    assert text == bar.summary().replace(NO_BREAK, " ")


def test_a_model_is_seen_in_its_colour(bar: CompositionBar, theme: Theme) -> None:
    """Private memory of a model is drawn in the model's colour."""
    colour = theme.model_colours.of(facts.QWEN.id)
    row = bar.grab().toImage()
    y = round(bar._bar().center().y())
    assert any(row.pixelColor(x, y) == colour for x in range(row.width()))


def test_the_ghost_is_listed_and_drawn(bar: CompositionBar) -> None:
    """A ghost adds its need to the legend and changes the picture; without it both are as before."""
    before, text = bar.grab().toImage(), bar.summary()
    bar.show_ghost(Ghost(facts.LLAMA.id, 5 * GIB))
    assert "llama-3.1-8b-instruct 5.00 GiB" in bar.summary().replace(NO_BREAK, " ")
    assert bar.grab().toImage() != before
    bar.show_ghost(None)
    assert bar.summary() == text
    assert bar.grab().toImage() == before


def test_the_mark_of_the_limit_is_a_handle_like_the_slider(window: MainWindow, qtbot: QtBot) -> None:
    """The slider moves with the mark that is dragged; let go it is one request; beside it nothing moves."""
    bar, slider = window.composition, window.limits.limit
    wanted: list[object] = []
    window.requested.connect(wanted.append)
    left = Qt.MouseButton.LeftButton
    middle = round(bar._bar().center().y())
    start, end = (QPoint(round(bar._x_of(size)), middle) for size in (8 * GIB, 12 * GIB))
    qtbot.mousePress(bar, left, pos=start + QPoint(40, 0))
    qtbot.mouseMove(bar, end)
    qtbot.mouseRelease(bar, left, pos=end)
    assert slider.value == 8 * GIB
    qtbot.mousePress(bar, left, pos=start)
    qtbot.mouseMove(bar, end)
    assert slider.value is not None
    assert abs(slider.value - 12 * GIB) <= GIB / 4
    assert window.plot.canvas.limit.value() == slider.value
    assert not [request for request in wanted if isinstance(request, ask.ChangeSettings)]
    qtbot.mouseRelease(bar, left, pos=end)
    assert ask.ChangeSettings({"limits.total_limit_bytes": slider.value}) in wanted
