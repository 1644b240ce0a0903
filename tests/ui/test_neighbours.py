"""What other programs hold, in the table, the bar and the plot, and what can be done about it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication, QMenu, QMessageBox
from pytestqt.qtbot import QtBot

from llmmem_gui.core.history import History
from llmmem_gui.core.neighbours import Held, held_by_program, recorded_as
from llmmem_gui.core.settings import NeighbourSettings, Settings
from llmmem_gui.core.snapshot import CacheSnapshot
from llmmem_gui.core.units import GIB, MIB
from llmmem_gui.ui import requests as ask
from llmmem_gui.ui.cells import Column
from llmmem_gui.ui.composition import composition
from llmmem_gui.ui.figures import NO_BREAK
from llmmem_gui.ui.main_window import MainWindow
from llmmem_gui.ui.memory_plot import MemoryPlot
from llmmem_gui.ui.neighbour_actions import EndQuestion, FreeQuestion
from llmmem_gui.ui.palette import LIGHT
from llmmem_gui.ui.plot.bands import Frame, stacked_image
from llmmem_gui.ui.plot.reading import reading_at
from llmmem_gui.ui.plot_series import HistorySource
from tests.ui import facts
from tests.ui.conftest import feed

NAMES = {kind: kind for kind in ("promised", "room", "free", "reserve", "other", "own")}


def beside_others() -> CacheSnapshot:
    """The usual models, and two other programs."""
    return replace(facts.usual_snapshot(), neighbours=(facts.OLLAMA, facts.FORGOTTEN))


@pytest.fixture
def others(window: MainWindow) -> MainWindow:
    """The window with other programs in it."""
    feed(window, beside_others())
    return window


def rows(window: MainWindow) -> list[list[str]]:
    """All rows of the table as text."""
    model = window.table.rows
    texts = [
        [str(model.index(row, column).data()).replace(NO_BREAK, " ") for column in Column]
        for row in range(model.rowCount())
    ]
    return [[text.split("\n")[0] for text in row] for row in texts]


def choose(window: MainWindow, name: str) -> None:
    """Make the row about another program, or a model of one, the current one."""
    named = [number for number, row in enumerate(rows(window)) if row[0] == name]
    window.table.view.selectRow(next(row for row in named if window.table.rows.model_at(row) is None))


def test_programs_stand_below_what_is_loaded(others: MainWindow) -> None:
    """Each program with its sum, below it its models with what they do, hold, claim, and since when idle."""
    shown = rows(others)
    names = [row[0] for row in shown]
    first = names.index("Ollama")
    assert names[first : first + 5] == [
        "Ollama", "llama3.2:latest", "nomic-embed-text:latest", "llama-server", "qwen2.5-7b-instruct",
    ]  # fmt: skip
    assert set(names[:first]) == {facts.SMOL.id, facts.QWEN.id, facts.GEMMA.id}
    assert set(names[first + 5 :]) == {facts.LLAMA.id, facts.LARGE.id}
    assert shown[first][Column.USES] == "4.10 GiB"
    assert shown[first + 1][Column.STATE : Column.LIMIT] == ["busy", "2.64 GiB", "–", "2.93 GiB"]
    assert (shown[first + 2][Column.STATE], shown[first + 2][Column.IDLE]) == ("ready", "2 min")
    assert shown[first + 4][Column.USES] == "–"


def test_what_rests_has_no_row(window: MainWindow) -> None:
    """A program that holds no model and little memory is not worth a line."""
    resting = replace(facts.OLLAMA, models=(), held=Held(30 * MIB))
    feed(window, replace(facts.usual_snapshot(), neighbours=(resting,)))
    assert "Ollama" not in [row[0] for row in rows(window)]


def test_the_search_finds_them(others: MainWindow) -> None:
    """Words are looked for in the names of programs and of their models."""
    others.toolbar.search.setText("nomic")
    assert [row[0] for row in rows(others)] == ["Ollama", "nomic-embed-text:latest"]


def test_a_chosen_row_stays_chosen(others: MainWindow) -> None:
    """Also while programs come and go; the panel has nothing to say about what is not ours."""
    choose(others, "nomic-embed-text:latest")
    feed(others, replace(beside_others(), neighbours=(facts.OLLAMA,)))
    row = others.table.current_neighbour
    assert row is not None
    assert row.model == facts.OLLAMA.models[1]
    assert others.table.current is None


@pytest.mark.parametrize(
    ("name", "request_"),
    [
        ("nomic-embed-text:latest", ask.UnloadNeighbour("ollama-4711", "nomic-embed-text:latest")),
        ("Ollama", ask.UnloadNeighbour("ollama-4711")),
    ],
)
def test_delete_unloads(others: MainWindow, qtbot: QtBot, name: str, request_: object) -> None:
    """A model of a program by itself; the row of the program stands for all of them."""
    choose(others, name)
    with qtbot.waitSignal(others.requested) as asked:
        qtbot.keyClick(others.table.view, Qt.Key.Key_Delete)
    assert asked.args == [request_]


def test_the_menu_offers_both(others: MainWindow, qtbot: QtBot) -> None:
    """The model alone, all that the program holds, and everything."""
    choose(others, "llama3.2:latest")
    others.table.view.menu.emit(QPoint(-1, -1))
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    texts = [action.text() for action in menu.actions() if action.text()]
    assert texts == ["Unload llama3.2:latest", "Unload all that Ollama holds", "Free everything…"]
    with qtbot.waitSignal(others.requested) as asked:
        menu.actions()[0].trigger()
    assert asked.args == [ask.UnloadNeighbour("ollama-4711", "llama3.2:latest")]
    menu.close()


def test_the_end_of_a_process_is_asked_twice(others: MainWindow, qtbot: QtBot) -> None:
    """A server that cannot be told to unload is named, twice, before it is asked to end."""
    asked: list[object] = []
    others.requested.connect(asked.append)
    choose(others, "llama-server")
    others.actions_.unload.trigger()
    first = open_box(EndQuestion)
    assert first.text() == "llama-server (process 4800) cannot be told to unload what it holds."
    assert "4.59 GiB" in first.informativeText().replace(NO_BREAK, " ")
    first.end.click()
    assert asked == []
    second = open_box(EndQuestion, but=first)
    assert second.text() == "Really end llama-server (process 4800)?"
    second.end.click()
    assert asked == [ask.UnloadNeighbour("llama-server-4800", end_process=True)]


def test_saying_no_ends_nothing(others: MainWindow, qtbot: QtBot) -> None:
    """The first question can be answered with no."""
    asked: list[object] = []
    others.requested.connect(asked.append)
    choose(others, "llama-server")
    others.actions_.unload.trigger()
    open_box(EndQuestion).stay.click()
    assert asked == []
    assert not [
        box for box in QApplication.topLevelWidgets() if isinstance(box, EndQuestion) and box.isVisible()
    ]


def test_a_process_that_is_not_ours_to_end_is_not_offered(window: MainWindow) -> None:
    """Neither by the button and the key nor in the menu."""
    foreign = replace(facts.FORGOTTEN, unloads="never")
    feed(window, replace(facts.usual_snapshot(), neighbours=(foreign,)))
    choose(window, "llama-server")
    assert not window.actions_.unload.isEnabled()
    assert not window.neighbour_panel.unload.isEnabled()
    window.table.view.menu.emit(QPoint(-1, -1))
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    assert [action.text() for action in menu.actions() if action.text()] == ["Free everything…"]
    menu.close()


def test_freeing_everything_says_what_goes(others: MainWindow, qtbot: QtBot) -> None:
    """Ours and theirs are named with their bytes, and so is what stays."""
    others.actions_.free_everything.trigger()
    box = open_box(FreeQuestion)
    told = box.informativeText().replace(NO_BREAK, " ")
    goes, _, stays = told.partition("cannot be told")
    assert "smollm2-135m-instruct: 236 MiB" in goes
    assert "Ollama: llama3.2:latest (busy), nomic-embed-text:latest – 4.10 GiB" in goes
    assert "llama-server: qwen2.5-7b-instruct – 4.59 GiB" in stays
    with qtbot.waitSignal(others.requested) as asked:
        box.free.click()
    assert asked.args == [ask.FreeEverything()]


def test_what_a_program_of_another_user_holds_is_named_too(window: MainWindow) -> None:
    """It stays, although nobody can tell which models these are."""
    theirs = replace(facts.OLLAMA, models=(), unloads="never", answers=False)
    feed(window, replace(facts.usual_snapshot(), neighbours=(theirs,)))
    window.actions_.free_everything.trigger()
    told = open_box(FreeQuestion).informativeText().replace(NO_BREAK, " ")
    assert "Ollama: process 4711 – 4.10 GiB" in told.partition("cannot be told")[2]


def open_box(kind: type[QMessageBox], but: QMessageBox | None = None) -> QMessageBox:
    """The question that is asked now."""
    boxes = [box for box in QApplication.topLevelWidgets() if isinstance(box, kind) and box.isVisible()]
    (found,) = [box for box in boxes if box is not but]
    return found


def test_a_model_that_is_loaded_elsewhere_says_so(window: MainWindow) -> None:
    """The very file of a model of ours, in another program: who has it, and how many bytes."""
    there = replace(facts.OLLAMA.models[0], file=facts.LLAMA.facts.file)
    ollama = replace(facts.OLLAMA, models=(there,))
    feed(window, replace(facts.usual_snapshot(), neighbours=(ollama,)))
    row = window.table.rows.row_of(facts.LLAMA.id)
    assert row is not None
    text = str(window.table.rows.index(row, Column.MODEL).data()).replace(NO_BREAK, " ")
    assert text.endswith("Ollama has it loaded: 2.64 GiB")


def test_the_bar_tells_them_apart() -> None:
    """Each program is a part of its own, and all parts still make up the computer."""
    shot = beside_others()
    machine = facts.sample(shot).machine
    parts = composition(shot, machine, NAMES)
    theirs = {part.name: part.size_bytes for part in parts if part.kind == "neighbour"}
    assert theirs == {"Ollama": 4200 * MIB, "llama-server": 4700 * MIB}
    assert sum(part.size_bytes for part in parts) == machine.total_bytes
    without = {p.kind: p.size_bytes for p in composition(facts.usual_snapshot(), machine, NAMES)}
    others = {part.kind: part.size_bytes for part in parts}
    # Their private memory comes from the grey rest, their weights from what was called free.
    assert without["other"] - others["other"] == 1300 * MIB


def recorded() -> HistorySource:
    """A minute in which Ollama held 4.1 GiB beside a small model."""
    memory = HistorySource(History())
    shot = beside_others()
    for second in range(60):
        sample = facts.sample(facts.snapshot(facts.SMOL), time=facts.NOW - 59 + second)
        memory.history.append(replace(sample, neighbours=held_by_program(shot.neighbours)), 8 * GIB)
    return memory


def test_they_are_recorded_and_read() -> None:
    """The history keeps them by program, apart from the models, and the crosshair reads them."""
    series = recorded().series(facts.NOW - 60, facts.NOW, 300)
    assert series.models == (facts.SMOL.id,)
    assert series.programs == (recorded_as("Ollama"), recorded_as("llama-server"))
    assert series.highest(0, facts.NOW) is not None
    assert series.tallest(0, facts.NOW) == pytest.approx(facts.SMOL.resident_bytes + 8900 * MIB, rel=1e-3)
    reading = reading_at(series, facts.NOW - 30, facts.NOW)
    assert reading is not None
    assert reading.total_bytes == pytest.approx(facts.SMOL.resident_bytes, rel=1e-3)
    assert [program for program, _ in reading.programs] == [*reversed(series.programs)]


def test_they_stand_on_top_of_the_models() -> None:
    """A column of the plot has the models at the bottom, then each program in its colour, then nothing."""
    series = recorded().series(facts.NOW - 60, facts.NOW, 300)
    colours = [QColor("#0000ff"), QColor("#ff0000"), QColor("#00ff00")]
    frame = Frame(facts.NOW - 50, facts.NOW - 10, 10 * GIB, facts.NOW)
    image = stacked_image(series, frame, 40, 1000, colours, LIGHT)
    seen = [image.pixelColor(20, 999 - round(share * 999)) for share in (0.21, 0.6, 0.95)]
    assert seen[0].red() > seen[0].green()
    assert seen[1].green() > seen[1].red()
    assert seen[2].alpha() == 0
    assert not np.isnan(series.others).any() if series.others is not None else False


def test_the_panel_tells_of_the_row(others: MainWindow, qtbot: QtBot) -> None:
    """What was measured and what is claimed, a word where something is missing, and the button for it."""
    panel = others.neighbour_panel
    choose(others, "llama3.2:latest")
    assert panel.isVisible()
    assert panel.title.text() == "llama3.2:latest"
    texts = {
        key: text.text().replace(NO_BREAK, " ") for key, text in panel.grid.texts.items() if text.isVisible()
    }
    assert texts == {
        "state": "busy",
        "private": "700 MiB",
        "weights": "1.95 GiB",
        "claimed": "2.93 GiB",
    }
    with qtbot.waitSignal(others.requested) as asked:
        panel.unload.click()
    assert asked.args == [ask.UnloadNeighbour("ollama-4711", "llama3.2:latest")]
    choose(others, "qwen2.5-7b-instruct")
    assert (
        panel.notice.text() == "No process holds this model alone: its bytes are among those of the program."
    )
    assert panel.unload.text() == "End…"
    others.table.choose(facts.SMOL.id)
    assert others.panel.isVisible()
    assert not panel.isVisible()


def test_a_program_may_be_asked_first_when_memory_gets_short(others: MainWindow, qtbot: QtBot) -> None:
    """Switched on for one program, whatever the case of its name; not offered where it cannot be told."""
    panel = others.neighbour_panel
    choose(others, "Ollama")
    assert panel.may_unload.isVisible()
    assert not panel.may_unload.isChecked()
    with qtbot.waitSignal(others.requested) as asked:
        panel.may_unload.click()
    assert asked.args == [ask.ChangeSettings({"neighbours.may_unload": ("Ollama",)})]
    others.show_settings(Settings(neighbours=NeighbourSettings(("vLLM", "ollama"))))
    assert panel.may_unload.isChecked()
    with qtbot.waitSignal(others.requested) as asked:
        panel.may_unload.click()
    assert asked.args == [ask.ChangeSettings({"neighbours.may_unload": ("vLLM",)})]
    choose(others, "llama-server")
    assert not panel.may_unload.isVisible()


def test_the_plot_can_do_without_them(plot: MemoryPlot) -> None:
    """Taken away they leave the scale to the models, and that is remembered."""
    plot.canvas.show_source(recorded())
    both = plot.canvas.top_bytes
    assert plot.canvas.series is not None
    assert plot.canvas.series.programs
    plot.restore_activity("alone tokens")
    assert plot.canvas.series.programs == ()
    assert plot.canvas.top_bytes < both
    assert plot.activity_state == "alone tokens"


def test_a_model_of_ours_is_chosen_first(window: MainWindow) -> None:
    """While there is none, nothing unloads what another program holds; the first one that comes is chosen."""
    feed(window, replace(facts.snapshot(), neighbours=(facts.OLLAMA,)))
    window.table._chosen = None
    window.table._choose_first()
    window._suit_actions()
    assert window.empty.isVisible()
    assert not window.actions_.unload.isEnabled()
    feed(window, replace(facts.snapshot(facts.LLAMA), neighbours=(facts.OLLAMA,)))
    assert window.table.current is not None
    assert window.table.current.id == facts.LLAMA.id
