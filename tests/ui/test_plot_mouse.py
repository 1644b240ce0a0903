"""The plot under mouse and keys: crosshair, zoom, pan, menu, the line of the limit."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given
from PySide6.QtCore import QPoint, QRect, QSize, Qt
from pytestqt.qtbot import QtBot

from llmmem_gui.core.settings import Settings
from llmmem_gui.core.units import GIB, MIB
from llmmem_gui.ui import requests as ask
from llmmem_gui.ui.figures import NO_BREAK
from llmmem_gui.ui.main_window import MainWindow
from llmmem_gui.ui.memory_plot import MemoryPlot
from llmmem_gui.ui.plot.reading import place_beside
from tests.ui import facts
from tests.ui.plot_mouse import LEFT, RIGHT, drag, place_of, point_at, said, turn_wheel


def test_the_crosshair_reads_every_model(plot: MemoryPlot, qtbot: QtBot) -> None:
    """Under the pointer each model's use is read, drawn in a box and told as text."""
    with qtbot.waitSignal(plot.canvas.read) as read:
        point_at(plot, place_of(plot, facts.NOW - 10))
    reading = read.args[0]
    assert {model for model, _, _ in reading.models} == {facts.SMOL.id, facts.QWEN.id, facts.GEMMA.id}
    smol = next(row for row in reading.models if row[0] == facts.SMOL.id)
    assert smol[1:] == (142 * MIB, 94 * MIB)
    assert "smollm2-135m-instruct 236 MiB" in said(plot)
    box = plot.canvas._box
    assert box is not None
    assert box.isVisible()
    assert "142" in box.text()
    point_at(plot, QPoint(2, 2))
    assert not box.isVisible()


@given(st.integers(0, 799), st.integers(0, 599), st.integers(20, 780), st.integers(20, 560))
def test_the_box_never_covers_the_pointer(x: int, y: int, width: int, height: int) -> None:
    """Wherever the pointer is and however much there is to read, the box lies beside it."""
    room = QRect(0, 0, 800, 600)
    box = place_beside(QPoint(x, y), QSize(width, height), room)
    assert not box.contains(QPoint(x, y))
    # It is cut only where neither side of the pointer has room for it.
    beside = x - 16 - width >= 0 or x + 16 + width <= 799
    stacked = y - 16 - height >= 0 or y + 16 + height <= 599
    assert room.contains(box) or not (beside or stacked)


def test_the_crosshair_moves_by_keys(plot: MemoryPlot, qtbot: QtBot) -> None:
    """The left arrow reads earlier moments, Escape ends reading."""
    times = []
    for _ in range(3):
        with qtbot.waitSignal(plot.canvas.read) as read:
            qtbot.keyClick(plot.canvas, Qt.Key.Key_Left)
        times.append(read.args[0].time)
    assert times == sorted(times, reverse=True)
    assert len(set(times)) == 3
    qtbot.keyClick(plot.canvas, Qt.Key.Key_Escape)
    assert said(plot).startswith("now")


def test_hovering_over_a_mark_tells_the_event(plot: MemoryPlot, qtbot: QtBot) -> None:
    """At the mark of an event the reading has the event with cause and numbers."""
    mark = next(mark for mark in plot.canvas.events.marks if mark.sign == "down")
    with qtbot.waitSignal(plot.canvas.read) as read:
        point_at(plot, place_of(plot, mark.events[0].time))
    text = read.args[0].text(str).replace(NO_BREAK, " ")
    assert "unloaded gemma-3-270m: 158 MiB back in 18 ms (idle too long)" in text


def test_a_moment_without_samples_is_said_to_be_none(plot: MemoryPlot, qtbot: QtBot) -> None:
    """A gap is told as a gap and not as nothing in use, under the pointer and over a wide one."""
    plot.choose_span("1h")
    with qtbot.waitSignal(plot.canvas.read) as read:
        point_at(plot, place_of(plot, facts.NOW - 1800))
    assert not read.args[0].sampled
    assert "not recorded" in said(plot)
    assert "not recorded" in plot.canvas.message.toPlainText()
    assert plot.canvas.message.isVisible()


def test_the_wheel_zooms_time_under_the_pointer(plot: MemoryPlot, qtbot: QtBot) -> None:
    """The moment under the pointer stays where it is while the time around it shrinks and grows."""
    place = place_of(plot, facts.NOW - 100)
    before = plot.canvas.shown_times
    turn_wheel(plot, place, 2)
    start, end = plot.canvas.shown_times
    assert before[0] < start < end < before[1]
    assert abs(place_of(plot, facts.NOW - 100).x() - place.x()) <= 1
    assert not plot.canvas.follows
    turn_wheel(plot, place, -2)
    assert plot.canvas.shown_times == pytest.approx(before, abs=1.0)


def test_dragging_pans_and_never_past_now(plot: MemoryPlot, qtbot: QtBot) -> None:
    """A drag to the right shows earlier times, one to the left later ones, as far as there are any."""
    before = plot.canvas.shown_times
    drag(plot, qtbot, QPoint(400, 120), QPoint(500, 120))
    start, end = plot.canvas.shown_times
    assert start < before[0]
    assert end - start == pytest.approx(before[1] - before[0], rel=0.01)
    drag(plot, qtbot, QPoint(800, 120), QPoint(100, 120))
    assert plot.canvas.shown_times[1] == pytest.approx(facts.NOW)


def test_a_marked_region_is_zoomed_into_and_a_double_click_goes_back(plot: MemoryPlot, qtbot: QtBot) -> None:
    """A drag with the right button marks a window of time; a double click follows the present again."""
    before = plot.canvas.shown_times
    begun, ended = (
        plot.canvas.view.mapSceneToView(plot.canvas.mapToScene(QPoint(x, 120))).x() for x in (400, 500)
    )
    drag(plot, qtbot, QPoint(400, 120), QPoint(500, 120), RIGHT)
    assert plot.canvas.shown_times == pytest.approx((begun, ended), abs=0.5)
    assert plot._live.isVisible()
    assert [button.isChecked() for button in plot._spans.buttons()] == [False] * 5
    with qtbot.waitSignal(plot.canvas.followed) as followed:
        # As a window system tells it: the second press is the double click, and each has its release.
        qtbot.mouseClick(plot.canvas.viewport(), LEFT, pos=QPoint(450, 120))
        qtbot.mouseDClick(plot.canvas.viewport(), LEFT, pos=QPoint(450, 120))
        qtbot.mouseRelease(plot.canvas.viewport(), LEFT, pos=QPoint(450, 120))
    assert followed.args == [True]
    assert plot.canvas.shown_times == before
    assert [button.isChecked() for button in plot._spans.buttons()] == [False, True, False, False, False]


def test_keys_zoom_and_move_in_time(plot: MemoryPlot, qtbot: QtBot) -> None:
    """Plus zooms in, minus out, Page up goes back in time, Escape to the present."""
    widths = []
    for key in (Qt.Key.Key_Plus, Qt.Key.Key_Plus, Qt.Key.Key_Minus):
        qtbot.keyClick(plot.canvas, key)
        start, end = plot.canvas.shown_times
        widths.append(end - start)
    assert widths[1] < widths[0] < 300
    assert widths[2] > widths[1]
    end = plot.canvas.shown_times[1]
    qtbot.keyClick(plot.canvas, Qt.Key.Key_PageUp)
    assert plot.canvas.shown_times[1] < end
    qtbot.keyClick(plot.canvas, Qt.Key.Key_Escape)
    assert plot.canvas.follows


def test_the_line_of_the_limit_is_a_handle_like_the_slider(window: MainWindow, qtbot: QtBot) -> None:
    """The slider moves with it while it is dragged; let go it is one request, which undo takes back."""
    plot, slider = window.plot, window.limits.limit
    wanted: list[object] = []
    window.requested.connect(wanted.append)
    start = place_of(plot, facts.NOW - 150, 8 * GIB)
    end = place_of(plot, facts.NOW - 150, 4 * GIB)
    viewport = plot.canvas.viewport()
    point_at(plot, start)
    qtbot.mousePress(viewport, LEFT, pos=start)
    point_at(plot, start + (end - start) * 0.5, LEFT)
    point_at(plot, end, LEFT)
    held = slider.value
    assert held is not None
    assert abs(held - 4 * GIB) < GIB / 4
    assert held in slider._scale.stops
    assert slider.hint.text() != "5.50 GiB used now · 69 %"
    assert plot.canvas.limit.value() == held
    name = "limits.total_limit_bytes"
    assert not [request for request in wanted if isinstance(request, ask.ChangeSettings)]
    qtbot.mouseRelease(viewport, LEFT, pos=end)
    assert ask.ChangeSettings({name: held}) in wanted
    window.history.stack.undo()
    assert wanted[-1] == ask.ChangeSettings({name: Settings().limits.total_limit_bytes})
    assert len([request for request in wanted if isinstance(request, ask.ChangeSettings)]) == 2


def test_a_right_click_opens_the_menu(plot: MemoryPlot, qtbot: QtBot) -> None:
    """The menu on the plot has the ranges, export and copy."""
    viewport = plot.canvas.viewport()
    point_at(plot, QPoint(400, 120))
    qtbot.mouseClick(viewport, RIGHT, pos=QPoint(400, 120))
    assert plot._menu.isVisible()
    texts = [action.text() for action in plot._menu.actions()]
    for text in ("Show the last 24 h", "Copy picture", "Save numbers (CSV)…"):
        assert text.replace("24 h", f"24{' '}h") in texts
    plot._menu.close()
