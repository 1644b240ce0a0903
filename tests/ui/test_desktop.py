"""The real window, driven as a person would, with real models in real hosts."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from llmmem_gui.core.engines import EngineOverview
from llmmem_gui.core.snapshot import State
from llmmem_gui.core.units import GIB, MIB
from llmmem_gui.service.sampling.process_memory import read_process_memory
from llmmem_gui.ui import requests as ask
from llmmem_gui.ui.figures import NO_BREAK
from llmmem_gui.ui.first_size import first_size
from llmmem_gui.ui.help_dialog import HelpDialog
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
    pids = []
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # one that ends meanwhile holds nothing
            if "nursery" not in child.name():
                pids.append(child.pid)
    return pids


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
    assert first_size(QSize(1366, 860), QSize(*available)) == QSize(*first)


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
    program.until(lambda: window.limits.limit.hint.text() == f"unloads {SMOL}")
    assert program.model(SMOL).state is State.READY
    qtbot.mouseRelease(track, left, pos=QPoint(2, middle))
    program.until_state(SMOL, State.UNLOADED)
    assert window.snapshot is not None
    assert window.snapshot.bounds.total_limit_bytes == 128 * MIB
    window.history.stack.undo()
    program.until(lambda: window.snapshot.bounds.total_limit_bytes != 128 * MIB)


def test_an_exchange_goes_on_when_a_model_to_be_unloaded_went_by_itself(program: Running) -> None:
    """What is no longer loaded needs no unload: the other model is loaded as was asked."""
    assert program.model(GEMMA).state is State.UNLOADED
    program.window.requested.emit(ask.Exchange((GEMMA,), SMOL))
    program.until_state(SMOL, State.READY)


def test_a_load_can_be_cancelled(program: Running) -> None:
    """Cancel ends a load in progress: its host is gone, and nothing is told as an error."""
    window = program.window
    window.table.choose(GEMMA)
    window.actions_.load.trigger()
    program.until_state(GEMMA, State.LOADING, State.READY)
    window.table.cancel_asked.emit(GEMMA)
    program.until_state(GEMMA, State.UNLOADED)
    program.until(lambda: not host_pids())
    assert not window.notices.isVisible()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing can be given back this way")
def test_free_heap_goes_back_and_the_libraries_stay(program: Running) -> None:
    """Once it has settled the program trims its heap, and drops no page that only has to be read again."""
    timer = program.desktop._trimming
    held: list[int] = []
    program.desktop.ready.emit()  # again, in case it has settled already
    timer.timeout.connect(lambda: held.append(library_bytes()))
    before = library_bytes()
    program.until(lambda: bool(held))
    assert held[0] > 0.9 * before
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


def test_the_help_names_the_engine_in_use(program: Running, qtbot: QtBot) -> None:
    """A line of the help has name, version and devices of the engine, and follows when another is used."""
    overviews: list[EngineOverview] = []
    program.service.engines_changed.connect(overviews.append)
    service = program.service._program.service
    service._publish(service.engines.overview)
    program.until(lambda: bool(overviews))
    use = overviews[-1].in_use
    assert use is not None
    program.window.actions_.help.trigger()
    help_ = next(each for each in program.window.findChildren(HelpDialog))
    assert help_._engine.text() == f"Engine {use.name} · {use.version} · CPU"
    service._publish(EngineOverview((), None))
    program.until(lambda: help_._engine.text() == "No engine is in use.")
    help_.reject()
    with qtbot.waitSignal(program.service.engines_changed):
        service._publish(service.engines.overview)


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
    program.until(lambda: bool(program.window.notices.shown))
    assert "notes.gguf" in program.window.notices.shown[0].text.text()
    program.load(SMOL)


def test_a_warning_offers_what_helps(program: Running) -> None:
    """A memory warning is a bar with the number; its button unloads the model it names, and that ends it."""
    program.service.carry_out(ask.ChangeSettings({"limits.over_limit_action": "warn"}))
    program.load(SMOL)
    program.until(lambda: program.model(SMOL).resident_bytes > 50 * MIB)
    # Not a share of what it uses: right after a load that may still be falling.
    program.service.carry_out(ask.SetLimit(SMOL, 33 * MIB))
    bar = program.window.notices.warning
    program.until(bar.isVisible)
    # The bar follows each snapshot; only what a sample has confirmed is told, and then told as ended.
    program.until(lambda: "memory-warning" in [event.type for event in program.window._events])
    said = bar.text.text().replace(NO_BREAK, " ")
    assert said.startswith(f"{SMOL} uses ")
    assert "raise its limit" in said
    assert bar.objectName() == program.desktop.tray.drawn[0] == "critical"
    bar.buttons[0].click()
    program.until_state(SMOL, State.UNLOADED)
    program.until(lambda: not bar.isVisible())
    assert program.desktop.tray.drawn[0] == "calm"
    program.until(lambda: "memory-warning-ended" in [event.type for event in program.window._events])


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


def test_a_model_that_ends_by_itself_is_told_while_nobody_looks(
    program: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the window hidden or minimized the desktop says it; else the row and the plot do."""
    told: list[str] = []
    monkeypatch.setattr(
        program.desktop.tray, "show_message", lambda title, text, *, level: told.append(f"{title}: {text}")
    )

    def kill() -> None:
        program.load(SMOL)
        before, pid = len(program.window._events), program.model(SMOL).pid
        psutil.Process(pid).kill()
        program.until(lambda: "host-died" in [event.type for event in program.window._events[before:]])
        program.until(lambda: program.model(SMOL).pid != pid)  # the snapshot comes after the event

    kill()
    assert told == []
    program.window.hide()
    kill()
    assert told[0].startswith(f"A model ended by itself: {SMOL} ended by itself")
    program.window.showMinimized()
    kill()
    assert len(told) == 2


def test_a_limit_of_a_model_says_beforehand_what_it_would_unload(program: Running) -> None:
    """While its slider is held below what the model uses; taken back, it says again what is used."""
    program.load(SMOL)
    program.until(lambda: program.model(SMOL).resident_bytes > 80 * MIB)
    limit = program.window.panel.limit
    limit.drag_to(64 * MIB)
    program.until(lambda: limit.hint.text() == f"unloads {SMOL}")
    assert limit.hint.property("level") == "warning"
    limit.drag_to(2 * GIB)
    program.until(lambda: limit.hint.text() == "nothing has to go")
    limit.track.let_go.emit()
    assert limit.hint.text().startswith("uses ")
    assert program.model(SMOL).state is State.READY
