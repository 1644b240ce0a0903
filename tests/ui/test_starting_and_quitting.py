"""What a restart brings back, and what quitting asks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication, QMessageBox
from pytestqt.qtbot import QtBot

from llmmem_gui.core.snapshot import State
from llmmem_gui.folders import Folders
from llmmem_gui.ui import requests as ask
from llmmem_gui.ui.quitting import QuitQuestion
from llmmem_gui.ui.requests import ChatMessage
from tests.ui.running import Running, running

SMOL = "smollm2-135m-instruct"

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def program(qtbot: QtBot, qapp: QApplication, home: Path, smol_path: Path) -> Iterator[Running]:
    """The running program with one model."""
    with running(qtbot, qapp, (smol_path,)) as run:
        yield run


def offered(run: Running) -> list[str]:
    """What the notices of the window say."""
    return [bar.text.text() for bar in run.window.notices.shown]


@pytest.mark.parametrize("ended_in_order", [True, False])
def test_what_was_loaded_is_offered_after_a_restart(
    qtbot: QtBot, qapp: QApplication, home: Path, smol_path: Path, ended_in_order: bool
) -> None:
    """After quitting, and with other words after a crash, one click loads again what was loaded."""
    with running(qtbot, qapp, (smol_path,)) as run:
        assert offered(run) == []
        run.load(SMOL)
        run.until(lambda: run.model(SMOL).loaded_at is not None)
    if not ended_in_order:
        state = QSettings(str(Folders.of_user().state / "window.ini"), QSettings.Format.IniFormat)
        assert str(state.value("loaded")) == SMOL
        state.setValue("runs", "yes")
        state.sync()
    with running(qtbot, qapp, (smol_path,)) as run:
        (said,) = offered(run)
        assert said.startswith("When you quit" if ended_in_order else "LLM Memory did not end in order")
        assert SMOL in said
        (button,) = run.window.notices.shown[0].buttons
        button.click()
        run.until_state(SMOL, State.READY)
        run.until(lambda: offered(run) == [])
        run.service.carry_out(ask.Unload(SMOL))
        run.until_state(SMOL, State.UNLOADED)
    with running(qtbot, qapp, (smol_path,)) as run:
        assert offered(run) == []


def test_a_model_that_is_wanted_at_each_start_is_loaded(
    qtbot: QtBot, qapp: QApplication, home: Path, smol_path: Path
) -> None:
    """A model with *Load at start* is loaded without a click, and is not offered besides."""
    with running(qtbot, qapp, (smol_path,)) as run:
        run.service.carry_out(ask.ChangeModel(SMOL, {"load_at_start": True}))
        run.until(lambda: run.model(SMOL).load_at_start)
    with running(qtbot, qapp, (smol_path,)) as run:
        run.until_state(SMOL, State.READY)
        assert offered(run) == []


def test_quitting_while_somebody_is_answered_asks(program: Running) -> None:
    """The question says how many answers would be cut off; *Cancel* cuts none, *Quit* closes the program."""
    program.load(SMOL)
    program.service.carry_out(
        ask.Ask(1, SMOL, (ChatMessage("user", "Write a very long story about a river."),), 2000)
    )
    program.until_state(SMOL, State.BUSY)
    program.window.quit_asked.emit()
    question = program.window.findChildren(QuitQuestion)[-1]
    assert question.text() == "1 answer is not finished."
    question.stay.click()
    assert program.desktop._closing_since is None
    assert program.model(SMOL).state is State.BUSY
    program.window.quit_asked.emit()
    program.window.findChildren(QuitQuestion)[-1].quit.click()
    assert program.desktop._closing_since is not None


def test_quitting_while_nobody_is_answered_asks_nothing(program: Running) -> None:
    """Loaded and idle models are no reason to ask."""
    program.load(SMOL)
    program.window.quit_asked.emit()
    assert program.window.findChildren(QuitQuestion) == []
    assert program.desktop._closing_since is not None


def test_the_warning_that_no_tray_keeps_the_program_goes_with_its_answer(program: Running) -> None:
    """Closed as often as one likes, none of the questions stays behind the window."""
    for _ in range(2):
        program.window.close()
        program.window.findChildren(QMessageBox)[-1].reject()
        program.until(lambda: program.window.findChildren(QMessageBox) == [])
    assert program.desktop._closing_since is None
