"""The plot: axes, crosshair, zoom, export."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from pytestqt.qtbot import QtBot

from llmmem_gui.core.history import History
from llmmem_gui.core.readings import HostReading, MachineReading, Sample
from llmmem_gui.core.units import GIB, MIB
from llmmem_gui.ui import stacked_areas
from llmmem_gui.ui.composition import Ghost
from llmmem_gui.ui.figures import NO_BREAK
from llmmem_gui.ui.memory_plot import SPANS, MemoryPlot
from llmmem_gui.ui.plot_axes import byte_ticks, clock_ticks, elapsed_ticks, top_of_axis
from llmmem_gui.ui.plot_series import HistorySource
from llmmem_gui.ui.theme import Theme
from tests.ui import facts


@pytest.fixture
def plot(qtbot: QtBot, theme: Theme) -> MemoryPlot:
    """The plot of the usual five minutes."""
    made = MemoryPlot(theme, facts.usual_memory())
    qtbot.addWidget(made)
    made.resize(980, 320)
    made.show_limit(8 * GIB)
    made.show_events(facts.usual_events())
    made.show()
    made.refresh(facts.NOW, 5 * GIB)
    return made


def test_the_highest_use_is_that_of_the_range(qtbot: QtBot, theme: Theme) -> None:
    """Another range says its own highest use at once, not only with the next sample."""
    memory = HistorySource(History())
    machine = MachineReading(16 * GIB, 8 * GIB)
    for second in range(200):
        used = GIB if second > 100 else 2 * GIB
        hosts = {facts.SMOL.id: HostReading(1, used, 0)}
        memory.history.append(Sample(facts.NOW - 200 + second, float(second), machine, hosts), None)
    made = MemoryPlot(theme, memory)
    qtbot.addWidget(made)
    made.resize(980, 320)
    made.show()
    made.refresh(facts.NOW, GIB)
    told = [made._numbers.text()]
    for span in ("1min", "5min"):
        made.choose_span(span)
        told.append(made._numbers.text())
    highest = [text.replace(NO_BREAK, " ").partition("highest ")[2] for text in told]
    assert highest == ["2.00 GiB", "1.00 GiB", "2.00 GiB"]


@pytest.mark.parametrize("top", [3e5, 5e7, 3e8, 1.2e9, 6e9, 8.6e9, 4e10, 3e11, 5e12])
def test_ticks_of_bytes_are_few_and_round(theme: Theme, top: float) -> None:
    """Three to seven ticks, the first at zero, each within the axis and with its unit."""
    ticks = byte_ticks(top_of_axis(top))
    assert 3 <= len(ticks) <= 7
    assert ticks[0].value == 0
    assert all(tick.value <= top_of_axis(top) * 1.001 for tick in ticks)
    assert all(NO_BREAK in tick.label for tick in ticks[1:])
    assert len({tick.label for tick in ticks}) == len(ticks)


@pytest.mark.parametrize("span", SPANS.values())
def test_ticks_of_time_are_few_and_rise(theme: Theme, span: float) -> None:
    """At every range there are three to eight ticks of time, in order, within the window."""
    for ticks, start, end in (
        (elapsed_ticks(span, "now", "min", "s"), -span, 0.0),
        (clock_ticks(facts.NOW - span, facts.NOW), facts.NOW - span, facts.NOW),
    ):
        values = [tick.value for tick in ticks]
        assert 3 <= len(values) <= 9
        assert values == sorted(values)
        assert start <= values[0]
        assert values[-1] <= end


def test_the_numbers_stand_beside_the_plot(plot: MemoryPlot) -> None:
    """What is used now, whatever is seen, and the highest use seen are text."""
    assert plot._numbers.text().replace(NO_BREAK, " ") == "now 5.00 GiB · highest 5.72 GiB"


def test_the_crosshair_reads_every_model(plot: MemoryPlot, qtbot: QtBot) -> None:
    """Under the pointer each model's use is read, and told as text."""
    scene = plot.canvas.scene
    assert scene is not None
    x = scene.x_of(facts.NOW - 10)
    with qtbot.waitSignal(plot.canvas.read) as read:
        qtbot.mouseMove(plot.canvas, QPoint(round(x), 100))
    reading = read.args[0]
    assert {model for model, _, _ in reading.models} == {facts.SMOL.id, facts.QWEN.id, facts.GEMMA.id}
    smol = next(row for row in reading.models if row[0] == facts.SMOL.id)
    assert smol[1:] == (142 * MIB, 94 * MIB)
    assert "smollm2-135m-instruct 236 MiB" in plot._numbers.text().replace(NO_BREAK, " ")
    plot.grab()


def test_the_crosshair_moves_by_keys(plot: MemoryPlot, qtbot: QtBot) -> None:
    """The left arrow reads earlier moments, Escape ends reading."""
    times = []
    for _ in range(3):
        with qtbot.waitSignal(plot.canvas.read) as read:
            qtbot.keyClick(plot.canvas, Qt.Key.Key_Left)
        times.append(read.args[0].time)
    assert times == sorted(times, reverse=True)
    qtbot.keyClick(plot.canvas, Qt.Key.Key_Escape)
    assert "now" in plot._numbers.text()


def test_hovering_over_a_mark_tells_the_event(plot: MemoryPlot, qtbot: QtBot) -> None:
    """At the mark of an event the reading has the event with cause and numbers."""
    scene = plot.canvas.scene
    assert scene is not None
    mark = next(mark for mark in scene.marks if mark.sign == "down")
    with qtbot.waitSignal(plot.canvas.read) as read:
        qtbot.mouseMove(plot.canvas, QPoint(round(mark.x), 150))
    text = read.args[0].text().replace(NO_BREAK, " ")
    assert "unloaded gemma-3-270m: 158 MiB back in 18 ms (idle too long)" in text


def test_dragging_zooms_and_a_double_click_goes_back(plot: MemoryPlot, qtbot: QtBot) -> None:
    """Drag chooses a window of time, a double click follows the present again."""
    left = Qt.MouseButton.LeftButton
    before = plot.canvas.shown_times
    qtbot.mousePress(plot.canvas, left, pos=QPoint(400, 100))
    qtbot.mouseMove(plot.canvas, QPoint(500, 100))
    with qtbot.waitSignal(plot.canvas.followed) as followed:
        qtbot.mouseRelease(plot.canvas, left, pos=QPoint(500, 100))
    assert followed.args == [False]
    start, end = plot.canvas.shown_times
    assert before[0] < start < end < before[1]
    assert plot._live.isVisible()
    with qtbot.waitSignal(plot.canvas.followed) as followed:
        qtbot.mouseDClick(plot.canvas, left, pos=QPoint(450, 100))
    assert followed.args == [True]
    assert plot.canvas.shown_times == before


@pytest.mark.parametrize("name", SPANS)
def test_every_range_can_be_chosen(plot: MemoryPlot, name: str) -> None:
    """Each range shows as many seconds as its name says."""
    plot.choose_span(name)
    start, end = plot.canvas.shown_times
    assert end - start == SPANS[name]
    assert end == facts.NOW


def test_the_axis_reaches_the_limit_when_it_is_near(plot: MemoryPlot) -> None:
    """The limit is within the axis when a fifth of it is used, and above it when much less is."""
    assert plot.canvas.scene is not None
    assert plot.canvas.scene.top_bytes > 8 * GIB
    plot.show_limit(64 * GIB)
    plot.choose_span("5min")
    assert plot.canvas.scene.top_bytes < 10 * GIB


def test_a_ghost_fits_into_the_axis(plot: MemoryPlot) -> None:
    """What a load would take is drawn on top of what stays; one that is far too large does not dwarf it."""
    plot.show_ghost(Ghost(facts.LLAMA.id, 5 * GIB))
    scene = plot.canvas.scene
    assert scene is not None
    assert scene.top_bytes > scene.resting_bytes + 5 * GIB
    plot.show_ghost(Ghost(facts.LARGE.id, 41 * GIB, fits=False))
    assert plot.canvas.scene is not None
    assert plot.canvas.scene.top_bytes < 12 * GIB


def test_nothing_is_drawn_while_nobody_sees_it(plot: MemoryPlot, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hidden plot takes samples in without drawing them, and draws when it is shown again."""
    drawn: list[int] = []
    from llmmem_gui.ui import plot_canvas

    monkeypatch.setattr(
        plot_canvas,
        "stacked_areas",
        lambda *arguments: drawn.append(1) or stacked_areas.stacked_areas(*arguments),
    )
    plot.hide()
    plot.refresh(facts.NOW + 1, 5 * GIB)
    assert drawn == []
    plot.show()
    assert drawn


def test_numbers_are_exported(plot: MemoryPlot, tmp_path: Path) -> None:
    """The CSV file has a row a time and two columns a model, with the numbers that are seen."""
    file = tmp_path / "memory.csv"
    assert plot.save_numbers(file)
    rows = list(csv.reader(file.read_text().splitlines()))
    series = plot.canvas.series
    assert series is not None
    assert rows[0][:3] == ["time", f"{facts.GEMMA.id} private_bytes", f"{facts.GEMMA.id} weights_bytes"]
    assert len(rows) == 1 + len(series.times)
    assert rows[-1][1:3] == [str(158 * MIB), str(240 * MIB)]
    assert rows[-1][0].endswith("+00:00")


def test_a_picture_is_exported(plot: MemoryPlot, tmp_path: Path, qtbot: QtBot) -> None:
    """The PNG file is written; a folder that is not there is said in one sentence."""
    with qtbot.waitSignal(plot.note) as note:
        assert plot.save_picture(tmp_path / "memory.png")
    assert (tmp_path / "memory.png").stat().st_size > 1000
    with qtbot.waitSignal(plot.note) as note:
        assert not plot.save_numbers(tmp_path / "none" / "memory.csv")
    assert "choose another folder" in note.args[0]


def test_a_plot_without_samples_is_empty(qtbot: QtBot, theme: Theme) -> None:
    """Before the first sample the plot shows its axes and no number."""
    made = MemoryPlot(theme, HistorySource(History()))
    qtbot.addWidget(made)
    made.resize(600, 240)
    made.show()
    made.refresh(facts.NOW, 5 * GIB)
    assert made._numbers.text() == ""
    assert np.isfinite(made.canvas.scene.top_bytes) if made.canvas.scene else False
    qtbot.mouseMove(made.canvas, QPointF(300, 100).toPoint())
    made.grab()
