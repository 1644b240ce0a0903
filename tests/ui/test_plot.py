"""The plot: numbers, axes, limits, ghost, what is missing."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QPoint
from PySide6.QtGui import QPainter, QPicture
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from llmmem_gui.core.history import History
from llmmem_gui.core.readings import HostReading, MachineReading, Sample
from llmmem_gui.core.units import GIB
from llmmem_gui.ui.composition import Ghost
from llmmem_gui.ui.figures import NO_BREAK
from llmmem_gui.ui.memory_plot import SPANS, MemoryPlot
from llmmem_gui.ui.plot.axes import ByteAxis, TimeAxis, clock_ticks, elapsed_ticks, top_of_axis
from llmmem_gui.ui.plot_series import HistorySource
from llmmem_gui.ui.theme import Theme
from tests.ui import facts
from tests.ui.conftest import PLOT_USED
from tests.ui.counted import Counted
from tests.ui.plot_mouse import place_of, point_at, said


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
    made.refresh(facts.NOW, {facts.SMOL.id: GIB})
    told = [said(made)]
    for span in ("1min", "5min"):
        made.choose_span(span)
        told.append(said(made))
    highest = [text.partition("highest ")[2].partition(" at")[0] for text in told]
    assert highest == ["2.00 GiB", "1.00 GiB", "2.00 GiB"]


def test_the_highest_use_that_is_told_is_drawn_where_it_was(qtbot: QtBot, theme: Theme) -> None:
    """One high sample in a day stands on the plot as high, and where, as the words beside it say."""
    memory = HistorySource(History())
    machine = MachineReading(16 * GIB, 8 * GIB)
    for number in range(8640):
        used = 6 * GIB if number == 4321 else GIB
        time = facts.NOW - 86400 + 10 * number
        memory.history.append(
            Sample(time, float(number), machine, {facts.SMOL.id: HostReading(1, used, 0)}), None
        )
    made = MemoryPlot(theme, memory)
    qtbot.addWidget(made)
    made.resize(980, 320)
    made.show()
    made.refresh(facts.NOW, {facts.SMOL.id: GIB})
    made.choose_span("24h")
    assert "highest 6.00 GiB" in said(made)
    image = made.canvas.grab().toImage()
    when = facts.NOW - 86400 + 43210
    spot = place_of(made, when, 5.7 * GIB) + made.canvas.viewport().pos()
    card = theme.palette.card
    assert any(image.pixelColor(spot.x() + dx, spot.y()).name() != card for dx in range(-2, 3))
    assert image.pixelColor(spot.x() + 40, spot.y()).name() == card


@pytest.mark.parametrize("top", [3e5, 5e7, 3e8, 1.2e9, 6e9, 8.6e9, 4e10, 3e11, 5e12])
@pytest.mark.parametrize("height", [70, 120, 200, 600])
def test_ticks_of_bytes_are_few_and_round(theme: Theme, top: float, height: int) -> None:
    """Two to seven ticks, the first at zero, each within the axis, with its unit and unlike the others."""
    axis, top = ByteAxis("left"), top_of_axis(top)
    ((spacing, values),) = axis.tickValues(0.0, top, height)
    labels = axis.tickStrings(values, 1.0, spacing)
    assert 2 <= len(values) <= 7
    assert values[0] == 0
    assert all(value <= top * 1.001 for value in values)
    assert all(NO_BREAK in label for label in labels[1:])
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize("span", SPANS.values())
def test_ticks_of_time_are_few_and_rise(theme: Theme, span: float) -> None:
    """At every range there are three to eight ticks of time, in order, within the window."""
    start = facts.NOW - span
    for ticks in (elapsed_ticks(facts.NOW, span), clock_ticks(start, facts.NOW)):
        values = [tick.value for tick in ticks]
        assert 3 <= len(values) <= 9
        assert values == sorted(values)
        assert start <= values[0]
        assert values[-1] <= facts.NOW


def test_a_live_axis_begins_with_its_unit_and_ends_now(theme: Theme) -> None:
    """Both labels at the edges are there: the oldest has the unit, the newest says now."""
    axis = TimeAxis()
    axis.follow(facts.NOW)
    ((spacing, values),) = axis.tickValues(facts.NOW - 300, facts.NOW, 900)
    labels = axis.tickStrings(values, 1.0, spacing)
    assert (labels[0].replace(NO_BREAK, " "), labels[-1]) == ("−5 min", "now")
    assert facts.NOW - 300 < values[0] < values[-1] < facts.NOW


def test_the_numbers_stand_beside_the_plot(plot: MemoryPlot) -> None:
    """What is used now, whatever is seen, and the highest use seen are text."""
    assert said(plot).startswith("now 5.00 GiB · highest 5.72 GiB at ")


def test_where_room_is_short_the_time_of_the_highest_use_goes_first(plot: MemoryPlot) -> None:
    """The sizes are not cut in the middle of what follows them."""
    told = []
    for width in (1400, 980, 1400):
        plot.resize(width, 320)
        QApplication.processEvents()
        plot.refresh(facts.NOW, PLOT_USED)
        told.append(said(plot).replace(NO_BREAK, " "))
    assert told[0] == told[2]
    whole, _, time = told[0].partition(" at ")
    assert time
    assert told[1] == whole


@pytest.mark.parametrize("name", SPANS)
def test_every_range_can_be_chosen(plot: MemoryPlot, name: str) -> None:
    """Each range shows as many seconds as its name says, up to now."""
    plot.choose_span(name)
    start, end = plot.canvas.shown_times
    assert end - start == pytest.approx(SPANS[name], rel=0.005)
    assert end == facts.NOW


def test_the_axis_reaches_the_limit_when_it_is_near(plot: MemoryPlot) -> None:
    """The limit is within the axis when a fifth of it is used, and told above it when much less is."""
    assert plot.canvas.top_bytes > 8 * GIB
    assert plot.canvas.limit.isVisible()
    assert not plot.canvas.beyond.isVisible()
    plot.show_limit(64 * GIB)
    plot.choose_span("5min")
    assert plot.canvas.top_bytes < 10 * GIB
    assert not plot.canvas.limit.isVisible()
    assert "64" in plot.canvas.beyond.toPlainText()


def test_the_label_of_the_limit_has_room_above_the_line(plot: MemoryPlot) -> None:
    """At every height the whole label stands within the plot, above the line and not over the bands."""
    for height in (150, 200, 320, 600):
        plot.resize(980, height)
        plot.choose_span("5min")
        QApplication.processEvents()
        label = plot.canvas.limit.label.textItem.sceneBoundingRect()
        assert plot.canvas.view.sceneBoundingRect().adjusted(0, -3, 0, 0).contains(label)
        line = plot.canvas.mapToScene(place_of(plot, facts.NOW, 8 * GIB)).y()
        assert label.bottom() <= line + 2


def test_a_ghost_stands_beside_now(plot: MemoryPlot) -> None:
    """What a load would take is right of now, on what stays, and hides nothing that was measured."""
    plot.show_ghost(Ghost(facts.LLAMA.id, 5 * GIB, (facts.SMOL.id,)))
    canvas = plot.canvas
    opts = canvas.ghost.opts
    assert canvas.ghost.isVisible()
    assert opts["x0"][0] >= facts.NOW
    assert place_of(plot, opts["x1"][0]).x() - place_of(plot, opts["x0"][0]).x() > 50
    assert (opts["y0"][0], opts["y1"][0]) == (4 * GIB, 9 * GIB)
    assert canvas.top_bytes > 9 * GIB
    assert canvas.shown_times[1] == facts.NOW
    assert "+5" in canvas.ghost.label.toPlainText()
    plot.show_ghost(Ghost(facts.LARGE.id, 41 * GIB, fits=False))
    assert canvas.top_bytes < 12 * GIB
    plot.show_ghost(None)
    assert not canvas.ghost.isVisible()


def test_the_own_limit_of_the_chosen_model_is_drawn_on_what_lies_below_it(plot: MemoryPlot) -> None:
    """The line is where the model's band would end at its limit, and only where it held memory."""
    plot.show_chosen(facts.QWEN.id, 6 * GIB)
    canvas = plot.canvas
    _times, reach = canvas.own_limit.getData()
    assert canvas.own_limit.isVisible()
    series = canvas.series
    assert series is not None
    place = series.models.index(facts.QWEN.id)
    below = float((series.private + series.weights)[:place, -1].sum())
    assert reach[-1] == pytest.approx(below + 6 * GIB)
    assert math.isnan(reach[0])
    assert canvas.own_limit.opts["pen"].color() == plot._theme.model_colours.of(facts.QWEN.id)
    plot.show_chosen(facts.QWEN.id, None)
    assert not canvas.own_limit.isVisible()


def test_what_is_kept_free_is_a_band_at_the_scale_of_the_computer(plot: MemoryPlot, qtbot: QtBot) -> None:
    """At that scale the axis ends with the computer's memory, whose upper end is shaded."""
    plot.show_machine(32 * GIB, 2 * GIB)
    plot._fill_menu()
    scale = next(action for action in plot._menu.actions() if action.text() == "Scale of the whole computer")
    scale.trigger()
    assert 32 * GIB < plot.canvas.top_bytes < 33 * GIB
    assert plot.canvas.kept_free.getRegion() == (30 * GIB, 32 * GIB)
    scale.trigger()
    assert plot.canvas.top_bytes < 10 * GIB


def test_a_tick_paints_the_plot_once(plot: MemoryPlot) -> None:
    """What moves with time is in its new place before the scene is painted, and not by it."""
    plot.show_ghost(Ghost(facts.LARGE.id, 2 * GIB))
    QApplication.processEvents()
    counted = Counted(QEvent.Type.Paint)
    plot.canvas.viewport().installEventFilter(counted)
    for second in range(1, 6):
        plot.refresh(facts.NOW + second, PLOT_USED)
        for _ in range(3):
            QApplication.processEvents()
        assert len(counted.events) == second


def test_nothing_is_drawn_while_nobody_sees_it(plot: MemoryPlot) -> None:
    """A hidden plot takes samples in without asking for a series, and draws when it is shown again."""
    asked: list[float] = []
    source = plot.canvas._source

    class Counting:
        complete = True

        def series(self, start: float, end: float, columns: int) -> object:
            asked.append(end)
            return source.series(start, end, columns)

    plot.canvas.show_source(Counting())
    plot.hide()
    asked.clear()
    plot.refresh(facts.NOW + 1, PLOT_USED)
    assert asked == []
    plot.show()
    assert asked


def test_a_plot_without_samples_says_so(qtbot: QtBot, theme: Theme) -> None:
    """Before the first sample the plot shows its axes and no number, and says what it waits for."""
    source = HistorySource(History(), complete=False)
    made = MemoryPlot(theme, source)
    qtbot.addWidget(made)
    made.resize(600, 240)
    made.show()
    made.refresh(facts.NOW, {})
    assert said(made) == ""
    assert "Reading" in made.canvas.message.toPlainText()
    source.complete = True
    made.refresh(facts.NOW + 1, {})
    assert "not recorded" in made.canvas.message.toPlainText()
    point_at(made, QPoint(300, 100))
    made.grab()


def test_the_library_of_the_plot_waits_until_the_plot_is_seen() -> None:
    """A program started into the tray does without pyqtgraph; shown, it draws with PySide6."""
    script = """
import os, sys
os.environ["QT_QPA_PLATFORM"] = "offscreen"
os.environ["PYQTGRAPH_QT_LIB"] = "PyQt5"
from PySide6.QtCore import QEvent
from PySide6.QtGui import QPainter, QPicture
from PySide6.QtWidgets import QApplication
application = QApplication([])
import llmmem_gui.app, llmmem_gui.ui.desktop
from llmmem_gui.ui.main_window import MainWindow
from llmmem_gui.ui.theme import Theme
from tests.ui import facts
window = MainWindow(Theme(application), facts.usual_memory())
shot = facts.usual_snapshot()
window.show_snapshot(shot)
window.show_sample(facts.sample(shot))
window.show_history(facts.usual_events())
print("pyqtgraph" in sys.modules, flush=True)
window.show()
application.processEvents()
print("pyqtgraph" in sys.modules, sys.modules["pyqtgraph.Qt"].QT_LIB, flush=True)
window.deleteLater()
application.sendPostedEvents(window, QEvent.Type.DeferredDelete)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parents[2], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout.split("\n")[:2]) == (0, ["False", "True PySide6"]), done.stderr


def test_the_labels_at_both_edges_of_time_are_drawn_within_it(plot: MemoryPlot) -> None:
    """The first and the last label of a live plot are whole, on the screen as in the ticks."""
    axis = plot.canvas.times
    picture = QPicture()
    painter = QPainter(picture)
    specs = axis.generateDrawSpecs(painter)
    painter.end()
    assert specs is not None
    labels = [text.replace(NO_BREAK, " ") for _, _, text in specs[2]]
    assert (labels[0], labels[-1]) == ("−5 min", "now")
    assert all(rect.left() >= 0 and rect.right() <= axis.geometry().width() for rect, _, _ in specs[2])
