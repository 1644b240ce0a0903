"""What the window says when the program starts where things are not as they should be."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QMessageBox
from pytestqt.qtbot import QtBot

from llmmem_gui.core.sentence import Sentence
from llmmem_gui.folders import Folders
from llmmem_gui.ui.failed_start import show_failed_start
from tests.ui.running import running


@pytest.fixture
def locked_state(home: Path) -> Iterator[Path]:
    """A home of which the folder of the state cannot be made."""
    home.mkdir()
    (home / "state").write_text("in the way")
    yield home / "state"
    for place in Folders.of_user().elsewhere():
        shutil.rmtree(place.state, ignore_errors=True)


def test_a_home_that_cannot_be_written_is_told_in_the_window(
    qtbot: QtBot, qapp: QApplication, smol_path: Path, locked_state: Path
) -> None:
    """It is one sentence in one bar, and a model is loaded all the same."""
    with running(qtbot, qapp, (smol_path,)) as run:
        said = f"{locked_state} cannot be written"
        run.until(lambda: any(said in bar.text.text() for bar in run.window.notices.shown))
        run.load(smol_path.stem)
        assert sum(said in bar.text.text() for bar in run.window.notices.shown) == 1


def test_why_a_start_failed_is_shown_until_it_is_closed(qtbot: QtBot, qapp: QApplication) -> None:
    """One box with one sentence."""
    said = []

    def close() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        said.append(box.text())
        box.accept()

    QTimer.singleShot(0, close)
    show_failed_start(Sentence("Folders", "{path}").format(path="There is no place."))
    assert said == ["There is no place."]
