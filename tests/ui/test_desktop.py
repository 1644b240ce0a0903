"""The real window, driven as a person would, with real models in real hosts."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from llmmem_gui.core.alerts import Alert
from llmmem_gui.core.events import Event
from llmmem_gui.core.pressure import Level
from llmmem_gui.core.snapshot import State
from llmmem_gui.core.units import MIB
from llmmem_gui.service.sampling.process_memory import read_process_memory
from llmmem_gui.ui import requests as ask
from llmmem_gui.ui.desktop import first_size
from llmmem_gui.ui.figures import NO_BREAK
from tests.ui.running import Running, running

SMOL, GEMMA = "smollm2-135m-instruct", "gemma-3-270m-q4_k_m"

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def program(
    qtbot: QtBot, qapp: QApplication, home: Path, smol_path: Path, gemma_path: Path
) -> Iterator[Running]:
    """The running program, which knows both models."""
    with running(qtbot, qapp, (smol_path, gemma_path)) as run:
        yield run


def host_pids() -> list[int]:
    """Processes that hold models."""
    children = psutil.Process().children(recursive=True)
    return [child.pid for child in children if "nursery" not in child.name()]


def library_bytes() -> int:
    """Resident pages of files that this process maps."""
    memory = read_process_memory(os.getpid())
    assert memory is not None
    return memory.mapped_bytes


@pytest.mark.parametrize(
    ("available", "first"),
    [((1920, 1040), (1366, 860)), ((1366, 740), (1350, 692)), ((1024, 600), (1008, 552))],
)
def test_the_first_window_fits_the_screen(available: tuple[int, int], first: tuple[int, int]) -> None:
    """The first window is as large as it is good to be, or as the screen and a frame allow."""
    assert first_size(QSize(*available)) == QSize(*first)


def test_load_and_unload_by_button(program: Running) -> None:
    """Load and Unload do what they say: the row, the plot and the receipt follow what really happens."""
    window = program.window
    program.load(SMOL)
    program.until(lambda: program.model(SMOL).private_bytes > 10 * MIB)
    model = program.model(SMOL)
    assert model.pid in host_pids()
    program.until(lambda: window.plot.canvas.series is not None and SMOL in window.plot.canvas.series.models)
    assert window.panel.primary.text() == "Try it…"
    window.actions_.unload.trigger()
    program.until_state(SMOL, State.UNLOADED)
    program.until(lambda: f"unloaded {SMOL}" in window.status.message.text())
    assert "back in" in window.status.message.text()
    assert not psutil.pid_exists(model.pid or 0)


def test_a_limit_below_use_evicts(program: Running, qtbot: QtBot) -> None:
    """Dragging the limit below what is used first says what would go; letting go makes it go."""
    window = program.window
    program.load(SMOL)
    program.until(lambda: program.model(SMOL).idle_since is not None)
    track = window.limits.limit.track
    left = Qt.MouseButton.LeftButton
    middle = track.height() // 2
    qtbot.mousePress(track, left, pos=QPoint(track.width() // 2, middle))
    qtbot.mouseMove(track, QPoint(2, middle))
    assert window.limits.limit.hint.text() == f"unloads {SMOL}"
    assert program.model(SMOL).state is State.READY
    qtbot.mouseRelease(track, left, pos=QPoint(2, middle))
    program.until_state(SMOL, State.UNLOADED)
    assert window.snapshot is not None
    assert window.snapshot.bounds.total_limit_bytes == 128 * MIB
    window.history.stack.undo()
    program.until(lambda: window.snapshot.bounds.total_limit_bytes != 128 * MIB)


def test_a_load_can_be_cancelled(program: Running) -> None:
    """Cancel ends a load in progress: its host is gone, and nothing is told as an error."""
    window = program.window
    window.table.choose(GEMMA)
    window.actions_.load.trigger()
    program.until_state(GEMMA, State.LOADING, State.READY)
    window.table.cancel_asked.emit(GEMMA)
    program.until_state(GEMMA, State.UNLOADED)
    program.until(lambda: not host_pids())
    assert not window.warning.isVisible()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing can be given back this way")
def test_what_only_the_start_needed_is_given_back(program: Running) -> None:
    """Once it has settled, the program holds less of its libraries than before."""
    timer = program.desktop._unused
    held: list[int] = []
    program.desktop.ready.emit()  # again, in case it has settled already
    timer.timeout.connect(lambda: held.append(library_bytes()))
    before = library_bytes()
    program.until(lambda: bool(held))
    assert held[0] < before / 2
    assert timer.interval() == 30_000


def test_the_tray_menu_unloads(program: Running) -> None:
    """The menu of the tray lists what is loaded with its size; Unload there unloads it."""
    program.load(SMOL)
    menu = program.desktop.tray.menu
    program.until(lambda: program.model(SMOL).resident_bytes > 10 * MIB)
    menu.aboutToShow.emit()
    entry = next(action for action in menu.actions() if action.text().startswith(SMOL))
    assert "MiB" in entry.text()
    submenu = entry.menu()
    assert submenu is not None
    submenu.actions()[0].trigger()
    program.until_state(SMOL, State.UNLOADED)
    assert program.window._events[-1].actor == "tray"


def test_a_model_answers(program: Running) -> None:
    """Trying a model out streams a real answer, with its figures at the end."""
    program.load(SMOL)
    tried = program.window.open_try_out(SMOL)
    assert tried is not None
    tried.prompt.setPlainText("Say hello.")
    tried.ask()
    program.until(lambda: not tried.is_answering)
    assert len(tried.answer.toPlainText()) > 3
    assert "tokens a second" in tried.figures.text()
    tried.close()


def test_an_answer_can_be_stopped(program: Running) -> None:
    """Stop ends a long answer; the model is idle and can be asked again."""
    program.load(SMOL)
    tried = program.window.open_try_out(SMOL)
    assert tried is not None
    tried.prompt.setPlainText("Tell me a very long story about a river.")
    tried.ask()
    program.until(lambda: tried.answer.toPlainText() != "")
    tried.stop.click()
    program.until(lambda: not tried.is_answering)
    program.until_state(SMOL, State.READY)
    tried.close()


def test_other_settings_load_the_model_again(program: Running) -> None:
    """A context chosen for a loaded model is offered to load it again with, and then is in force."""
    window = program.window
    program.load(SMOL)
    window.panel.context.chosen.emit(2048)
    program.until(window.panel.reload.isVisible)
    window.panel.reload.click()
    program.until(lambda: program.model(SMOL).context == 2048)


def test_a_bad_file_is_said_and_the_rest_goes_on(program: Running, tmp_path: Path) -> None:
    """A text file named .gguf is refused with the file and the reason; models go on working."""
    bad = tmp_path / "notes.gguf"
    bad.write_text("this is no model")
    program.desktop.load_files([str(bad)])
    program.until(program.window.warning.isVisible)
    assert "notes.gguf" in program.window.warning.text.text()
    program.load(SMOL)


def test_a_warning_offers_what_helps(program: Running) -> None:
    """A memory warning is a bar with the number; its button unloads the model it names."""
    program.load(SMOL)
    alert = Alert(Level.CRITICAL, 96 * MIB, 100 * MIB, SMOL)
    warning = Event(1e10, "memory-warning", SMOL, text=alert.sentence, numbers=alert.numbers)
    program.service.happened.emit(warning)
    bar = program.window.warning
    said = bar.text.text().replace(NO_BREAK, " ")
    assert said.startswith(f"{SMOL} uses 96.0 MiB of its limit of 100 MiB (96 %): raise its limit")
    assert bar.objectName() == "critical"
    assert program.desktop.tray._level == "critical"
    bar._offers.itemAt(0).widget().click()
    program.until_state(SMOL, State.UNLOADED)


def test_a_restart_finds_everything(
    qtbot: QtBot, qapp: QApplication, home: Path, smol_path: Path, gemma_path: Path
) -> None:
    """After a restart the limits are those of before, and the history shows what was loaded."""
    with running(qtbot, qapp, (smol_path, gemma_path)) as run:
        run.service.carry_out(ask.SetLimit(None, 3000 * MIB))
        run.service.carry_out(ask.SetLimit(SMOL, 700 * MIB))
        run.load(SMOL)
        run.until(lambda: run.model(SMOL).resident_bytes > 10 * MIB)
        qtbot.wait(600)
    with running(qtbot, qapp, (smol_path, gemma_path)) as run:
        assert run.window.snapshot is not None
        assert run.window.snapshot.bounds.total_limit_bytes == 3000 * MIB
        assert run.model(SMOL).limit_bytes == 700 * MIB
        run.until(lambda: SMOL in run.window.plot.canvas.series.models)
        assert "model-loaded" in [event.type for event in run.window._events]


def test_closing_while_a_model_loads_leaves_nothing(
    qtbot: QtBot, qapp: QApplication, home: Path, gemma_path: Path
) -> None:
    """The program closes in order while a model loads; no host outlives it."""
    with running(qtbot, qapp, (gemma_path,)) as run:
        run.window.table.choose(GEMMA)
        run.window.actions_.load.trigger()
        run.until_state(GEMMA, State.LOADING, State.READY)
    assert psutil.Process().children(recursive=True) == []
