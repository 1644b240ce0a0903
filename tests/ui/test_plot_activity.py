"""The second plot: what models and machine do, below the memory and on its axis of time."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from llmmem_gui.core.activity_window import ActivityWindow
from llmmem_gui.core.events import Event
from llmmem_gui.core.history import History
from llmmem_gui.core.readings import ActivityReading, GpuReading, HostReading, MachineReading, Sample
from llmmem_gui.core.units import GIB
from llmmem_gui.ui.main_window import MainWindow
from llmmem_gui.ui.memory_plot import MemoryPlot
from llmmem_gui.ui.plot.activity import count_step
from llmmem_gui.ui.plot_series import HistorySource
from llmmem_gui.ui.theme import Theme
from tests.ui import facts
from tests.ui.conftest import feed
from tests.ui.plot_mouse import place_of, point_at, said, turn_wheel


def busy_sample(
    time: float, activity: Mapping[str, ActivityReading], *, gpus: int = 0, swap: int = 0
) -> Sample:
    """A sample of a machine with swap and PSI, and so many GPUs."""
    machine = MachineReading(
        16 * GIB, 8 * GIB, swap_total_bytes=4 * GIB, swap_free_bytes=4 * GIB - swap,
        pressure_some_percent=3.0, pressure_full_percent=1.0,
    )  # fmt: skip
    hosts = {facts.SMOL.id: HostReading(1, GIB, 0)}
    return Sample(
        time,
        time,
        machine,
        hosts,
        (GpuReading("0000:01:00.0", "gpu", 8 * GIB, 3 * GIB),) * gpus,
        activity=activity,
    )


class CountedSource(HistorySource):
    """Counts how often somebody wants to see activity."""

    asked = 0

    def activity(self, start: float, end: float, columns: int) -> ActivityWindow:
        self.asked += 1
        return super().activity(start, end, columns)


@pytest.fixture
def source() -> CountedSource:
    """Five minutes: smol answers in the second of them, and from then on two requests wait."""
    memory = CountedSource(History())
    for second in range(300):
        doing = {}
        if 60 <= second < 120:
            doing = {facts.SMOL.id: ActivityReading(1, 2, 40, 40.0)}
        memory.history.append(busy_sample(facts.NOW - 299 + second, doing, gpus=1, swap=GIB), None)
    return memory


@pytest.fixture
def plot(qtbot: QtBot, theme: Theme, source: CountedSource) -> MemoryPlot:
    made = MemoryPlot(theme, source)
    qtbot.addWidget(made)
    made.resize(980, 520)
    made.show()
    made.show_measured(busy_sample(facts.NOW, {}, gpus=1))
    made.refresh(facts.NOW, {facts.SMOL.id: GIB})
    QApplication.processEvents()
    return made


def click_toggle(plot: MemoryPlot, qtbot: QtBot) -> None:
    qtbot.mouseClick(plot._activity, Qt.MouseButton.LeftButton)
    QApplication.processEvents()


def titles(plot: MemoryPlot) -> list[str]:
    """The titles of the strips that are open."""
    return [strip.title.toPlainText() for strip in plot.canvas.activity.shown]


def toggle_in_menu(plot: MemoryPlot, name: str) -> None:
    """Switch a curve in the plot's menu, as a person does."""
    plot._fill_menu()
    below = next(action.menu() for action in plot._menu.actions() if action.menu())
    assert isinstance(below, QMenu)
    next(action for action in below.actions() if action.text() == name).trigger()
    QApplication.processEvents()


def test_nothing_is_computed_while_it_is_closed(
    plot: MemoryPlot, source: CountedSource, qtbot: QtBot
) -> None:
    """Ticks and zooms with a closed second plot never ask for activity, also after it was open."""
    assert plot.canvas.activity.shown == []
    for second in range(3):
        plot.refresh(facts.NOW + second, {})
    turn_wheel(plot, QPoint(400, 100), 2)
    assert source.asked == 0
    click_toggle(plot, qtbot)
    assert source.asked > 0
    click_toggle(plot, qtbot)
    source.asked = 0
    plot.refresh(facts.NOW + 4, {})
    assert source.asked == 0


def test_what_the_computer_has_is_shown(plot: MemoryPlot, qtbot: QtBot) -> None:
    """Opened, each kind of curve stands in a strip below the memory; GPU memory only where there is one."""
    click_toggle(plot, qtbot)
    assert titles(plot) == [
        "tokens per second", "requests: running, waiting", "waiting for memory: some, full",
        "swap, GPU memory",
    ]  # fmt: skip
    plot.show_measured(busy_sample(facts.NOW, {}))
    QApplication.processEvents()
    assert titles(plot)[-1] == "swap"
    plot.show_measured(facts.sample(facts.usual_snapshot()))
    assert len(titles(plot)) == 2
    times = [strip.times.isVisible() for strip in plot.canvas.activity.shown]
    assert times == [False, True]
    assert not plot.canvas.times.isVisible()
    click_toggle(plot, qtbot)
    assert plot.canvas.times.isVisible()


def test_time_is_shared(plot: MemoryPlot, qtbot: QtBot) -> None:
    """The wheel over a strip zooms the memory with it, and what is marked above is shown below."""
    click_toggle(plot, qtbot)
    strip = plot.canvas.activity.shown[0]
    view = strip.getViewBox()
    place = plot.canvas.mapFromScene(view.mapViewToScene(QPointF(facts.NOW - 200, 1)))
    assert view.viewRange()[0] == pytest.approx(plot.canvas.view.viewRange()[0], abs=1)
    before = plot.canvas.view.viewRange()[0]
    turn_wheel(plot, place, 3)
    zoomed = plot.canvas.view.viewRange()[0]
    assert zoomed[1] - zoomed[0] < before[1] - before[0]
    assert not plot.canvas.follows
    assert view.viewRange()[0] == pytest.approx(zoomed, abs=1)
    plot.canvas.zoom(facts.NOW - 100, facts.NOW - 40)
    assert view.viewRange()[0] == pytest.approx([facts.NOW - 100, facts.NOW - 40], abs=1)


def test_each_curve_can_be_switched_off_and_that_is_remembered(
    plot: MemoryPlot, qtbot: QtBot, theme: Theme, source: CountedSource
) -> None:
    """A curve that is switched off in the menu is gone, and stays so in the next run; the last closes it."""
    click_toggle(plot, qtbot)
    for name in ("Tokens per second", "Swap in use", "Requests, running and waiting"):
        toggle_in_menu(plot, name)
    assert titles(plot) == ["waiting for memory: some, full", "GPU memory"]
    later = MemoryPlot(theme, source)
    qtbot.addWidget(later)
    later.resize(980, 520)
    later.restore_activity(plot.activity_state)
    later.show()
    later.show_measured(busy_sample(facts.NOW, {}, gpus=1))
    QApplication.processEvents()
    assert titles(later) == titles(plot)
    for name in ("GPU memory", "Stalls on memory (PSI)"):
        toggle_in_menu(plot, name)
    assert titles(plot) == []
    assert not plot._activity.isChecked()
    toggle_in_menu(plot, "Tokens per second")
    assert titles(plot) == ["tokens per second"]
    assert plot._activity.isChecked()


def test_the_crosshair_reads_both_plots(plot: MemoryPlot, qtbot: QtBot) -> None:
    """Under the pointer stand tokens, requests, swap and GPU memory of that moment, over a strip as well."""
    click_toggle(plot, qtbot)
    point_at(plot, place_of(plot, facts.NOW - 200))
    text = said(plot)
    assert "40.0 tokens/s, 1 running, 2 waiting" in text
    assert "swap 1.00 GiB" in text
    assert "GPU memory 3.00 GiB of 8.00 GiB" in text
    assert all(strip.crosshair.isVisible() for strip in plot.canvas.activity.shown)
    view = plot.canvas.activity.shown[1].getViewBox()
    point_at(plot, plot.canvas.mapFromScene(view.mapViewToScene(QPointF(facts.NOW - 30, 0.5))))
    assert plot.canvas.is_reading
    assert "tokens/s" not in said(plot)
    point_at(plot, QPoint(1, 1))
    assert not any(strip.crosshair.isVisible() for strip in plot.canvas.activity.shown)


def test_where_height_is_short_strips_close_and_the_memory_stays(plot: MemoryPlot, qtbot: QtBot) -> None:
    """What is closed is not told either; all come back with the room, which is asked for as before."""
    click_toggle(plot, qtbot)
    whole = titles(plot)
    wanted: list[int] = []
    plot.height_wanted.connect(wanted.append)
    for height, count in ((150, 0), (220, 2), (520, 4)):
        plot.resize(980, height)
        QApplication.processEvents()
        assert titles(plot) == whole[:count]
        assert plot.canvas.view.height() >= 40
        point_at(plot, place_of(plot, facts.NOW - 200))
        assert ("40.0 tokens/s" in said(plot)) == (count > 0)
        assert ("swap" in said(plot)) == (count == 4)
        plot._want_height()
    assert wanted[0] == wanted[1] == wanted[2]


@pytest.mark.parametrize("height", [700, 900])
def test_opened_it_gets_its_height_from_the_table(
    qtbot: QtBot, theme: Theme, source: CountedSource, height: int
) -> None:
    """The memory keeps 80 pixels of curve above an open second plot; closed, all is as before."""
    window = MainWindow(theme, source)
    qtbot.addWidget(window)
    window.resize(1366, height)
    window.show()
    feed(window, facts.usual_snapshot())
    window.show_sample(busy_sample(facts.NOW, {}, gpus=1))
    QApplication.processEvents()
    before = window.left.sizes()
    click_toggle(window.plot, qtbot)
    assert len(titles(window.plot)) == 4
    assert window.plot.canvas.view.height() >= 80
    assert height < 800 or window.left.sizes()[0] > before[0]
    click_toggle(window.plot, qtbot)
    assert window.left.sizes() == before
    assert (window.width(), window.height()) == (1366, height)


def test_a_sleep_is_no_time_without_the_program(plot: MemoryPlot, source: CountedSource) -> None:
    """Time for which the computer slept is drawn and read as that, other gaps as time without the program."""
    for second in range(5):
        source.history.append(busy_sample(facts.NOW + 6000 + second, {}), None)
        source.history.append(busy_sample(facts.NOW + 3000 + second, {}), None)
    slept = Event(facts.NOW + 3000, "computer-slept", numbers={"seconds": 3000.0})
    plot.show_events([slept])
    plot.refresh(facts.NOW + 6005, {})
    plot.canvas.zoom(facts.NOW - 300, facts.NOW + 6005)
    image = plot.canvas.grab().toImage()
    asleep, closed = (place_of(plot, facts.NOW + when, 0.1 * GIB) for when in (1500, 4500))
    colours = [
        {image.pixelColor(place.x() + dx, place.y()).name() for dx in range(30)} for place in (asleep, closed)
    ]
    assert len(colours[0]) == 1
    assert not colours[0] & colours[1]
    point_at(plot, asleep)
    assert "the computer slept" in said(plot)
    point_at(plot, closed)
    assert "the program did not run" in said(plot)


@pytest.mark.parametrize(
    ("top", "step"), [(0.2, 1), (1, 1), (4.9, 2), (5, 5), (61, 50), (100, 100), (730, 500)]
)
def test_the_tick_of_a_strip_is_round_and_below_its_highest_figure(top: float, step: float) -> None:
    """One, two or five times a power of ten."""
    assert count_step(top) == step


def test_what_is_seen_of_both_plots_is_exported(plot: MemoryPlot, qtbot: QtBot, tmp_path: Path) -> None:
    """A picture has both plots and the axis of time; the numbers have a column for each curve."""
    assert plot.save(tmp_path / "closed.png")
    assert plot.save(tmp_path / "closed.csv")
    click_toggle(plot, qtbot)
    for name in ("open.png", "open.svg", "open.csv"):
        assert plot.save(tmp_path / name)
    closed, opened = (QImage(str(tmp_path / name)) for name in ("closed.png", "open.png"))
    assert opened.height() == pytest.approx(closed.height(), rel=0.1)
    drawing = (tmp_path / "open.svg").read_text()
    assert "tokens per second" in drawing
    assert "now" in drawing
    (before, *_), (header, *rows) = (
        list(csv.reader((tmp_path / name).read_text().splitlines())) for name in ("closed.csv", "open.csv")
    )
    assert set(header) - set(before) == {
        f"{facts.SMOL.id} tokens_per_second", f"{facts.SMOL.id} requests_running",
        f"{facts.SMOL.id} requests_waiting", "stalled_some_percent", "stalled_full_percent",
        "swap_used_bytes", "gpu_used_bytes",
    }  # fmt: skip
    speeds = [row[header.index(f"{facts.SMOL.id} tokens_per_second")] for row in rows]
    assert speeds.count("40") == 60
    assert {row[header.index("stalled_some_percent")] for row in rows} == {"3"}
