"""The list of models: files that are dropped, rows that are removed, renamed and found, several at once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QItemSelectionModel, QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QInputDialog
from pytestqt.qtbot import QtBot

from llmmem_gui.ui import requests as ask
from llmmem_gui.ui.main_window import MainWindow
from tests.ui import facts
from tests.ui.conftest import feed
from tests.ui.running import Running, running
from tests.ui.test_main_window import asked_of, gone


def select(window: MainWindow, *model_ids: str) -> None:
    """Select the rows of these models."""
    flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
    window.table.view.clearSelection()
    for model_id in model_ids:
        row = window.table.rows.row_of(model_id)
        assert row is not None
        index = window.table.rows.index(row, 0)
        window.table.view.selectionModel().select(index, flags)


def listed(window: MainWindow) -> list[str]:
    """The ids of the rows."""
    found = [window.table.rows.model_at(row) for row in range(window.table.rows.rowCount())]
    return [model.id for model in found if model is not None]


def drop(window: MainWindow, *paths: Path) -> bool:
    """Drag files onto the window and let them go; whether the window takes them."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    modes = (Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    enter = QDragEnterEvent(window.rect().center(), *modes)
    enter.ignore()
    QApplication.sendEvent(window, enter)
    if enter.isAccepted():
        QApplication.sendEvent(window, QDropEvent(QPointF(window.rect().center()), *modes))
    return enter.isAccepted()


def test_files_and_folders_can_be_dropped(window: MainWindow, tmp_path: Path) -> None:
    """A dropped file is added, a dropped folder is searched from now on; text is not taken for a file."""
    asked = asked_of(window)
    model, folder = tmp_path / "a.gguf", tmp_path / "models"
    folder.mkdir()
    assert drop(window, model, folder)
    assert asked == [ask.AddModel(str(model)), ask.AddFolder(str(folder)), ask.Scan()]
    data = QMimeData()
    data.setText("not a file")
    modes = (Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    enter = QDragEnterEvent(window.rect().center(), *modes)
    enter.ignore()
    QApplication.sendEvent(window, enter)
    assert not enter.isAccepted()


def test_what_was_added_is_said_and_chosen(window: MainWindow) -> None:
    """The new row is the current one, also when it comes after the answer; a notice offers to load it."""
    new = facts.model("new-model", need=(100, 50))
    window.show_outcome(ask.Outcome(ask.AddModel("/models/new-model.gguf"), new.facts))
    shot = facts.usual_snapshot()
    feed(window, replace(shot, models=(*shot.models, new)))
    assert window.table.current is not None
    assert window.table.current.id == "new-model"
    (bar,) = window.notices.shown
    assert "new-model" in bar.text.text()
    assert [button.property("request") for button in bar.buttons] == [ask.Load("new-model")]
    feed(window, replace(facts.later(shot, 61), models=(*shot.models, new)))
    assert window.notices.shown == []


def test_a_search_says_what_it_found(window: MainWindow) -> None:
    """Searching again is answered with a number, also with none."""
    for found, said in (((facts.SMOL.facts, facts.QWEN.facts), "2 models found"), ((), "0 models found")):
        window.show_outcome(ask.Outcome(ask.Scan(), found))
        assert window.status.message.text() == said


def test_what_is_found_without_a_search_is_told_too(window: MainWindow) -> None:
    """Folders are watched: what is new in the list follows the number of the last search."""
    window.show_outcome(ask.Outcome(ask.Scan(), ()))
    shot = facts.usual_snapshot()
    first, *others = (facts.model(f"new-{number}", need=(100, 50)) for number in range(3))
    for models, said in (((first,), "Found new-0"), ((first, *others), "2 new models found")):
        feed(window, replace(shot, models=(*shot.models, *models)))
        assert window.status.message.text() == said


def test_a_folder_can_be_added_beside_models(window: MainWindow) -> None:
    """The button that adds models has an arrow: no other button offers it once there is a model."""
    (button,) = (
        each for each in window.toolbar.buttons if each.defaultAction() is window.actions_.add_models
    )
    assert button.menu().actions() == [window.actions_.add_folder]


def test_several_rows_at_once(window: MainWindow) -> None:
    """Unload, pin, load at start and remove act on all selected rows that they make sense for."""
    asked = asked_of(window)
    select(window, facts.SMOL.id, facts.GEMMA.id, facts.LARGE.id)
    window.actions_.unload.trigger()
    assert sorted(request.model_id for request in asked) == sorted([facts.SMOL.id, facts.GEMMA.id])
    asked.clear()
    select(window, facts.LLAMA.id, facts.LARGE.id)
    assert window.actions_.remove.isEnabled()
    assert not window.actions_.unload.isEnabled()
    window.actions_.remove.trigger()
    assert {request.model_id for request in asked} == {facts.LLAMA.id, facts.LARGE.id}
    assert {type(request) for request in asked} == {ask.RemoveModel}
    asked.clear()
    window.actions_.load_at_start.trigger()
    assert {request.changes["load_at_start"] for request in asked} == {True}
    select(window, facts.SMOL.id)
    assert not window.actions_.remove.isEnabled()


def test_delete_unloads_and_offers_the_model_back(window: MainWindow, qtbot: QtBot) -> None:
    """A key is pressed by accident more easily than a button: what went can be had back."""
    asked = asked_of(window)
    window.table.choose(facts.SMOL.id)
    qtbot.keyClick(window.table.view, Qt.Key.Key_Delete)
    assert asked == [ask.Unload(facts.SMOL.id)]
    window.show_receipt(gone(facts.SMOL, "asked"), facts.NOW)
    (bar,) = window.notices.shown
    assert "(" not in bar.text.text()
    assert [button.property("request") for button in bar.buttons] == [ask.Restore((facts.SMOL.id,))]
    bar.close_button.click()
    window.show_receipt(gone(facts.SMOL, "asked"), facts.NOW)  # by a button, another time
    assert window.notices.shown == []


def test_unload_all_offers_all_of_them_back(window: MainWindow) -> None:
    """One press empties the cache; what went can be had back with another."""
    asked = asked_of(window)
    window.actions_.unload_all.trigger()
    assert asked == [ask.UnloadAll()]
    for model in (facts.SMOL, facts.QWEN):
        window.show_receipt(gone(model, "asked"), facts.NOW)
    (bar,) = window.notices.shown
    assert "Unloaded 2 models" in bar.text.text()
    assert [button.property("request") for button in bar.buttons] == [
        ask.Restore((facts.SMOL.id, facts.QWEN.id))
    ]


def test_delete_removes_what_is_not_loaded_and_undo_lists_it_again(window: MainWindow, qtbot: QtBot) -> None:
    """The notice counts what was removed within a minute; its button takes all of it back."""
    asked = asked_of(window)
    for model in (facts.LLAMA, facts.LARGE):
        window.table.choose(model.id)
        qtbot.keyClick(window.table.view, Qt.Key.Key_Delete)
        assert asked.pop() == ask.RemoveModel(model.id)
        window.show_outcome(ask.Outcome(ask.RemoveModel(model.id)))
    (bar,) = window.notices.shown
    assert "2 models" in bar.text.text()
    again = ask.ListAgain((facts.LLAMA.facts.path, facts.LARGE.facts.path))
    assert [button.property("request") for button in bar.buttons] == [again]
    window.show_outcome(ask.Outcome(again))
    window.table.choose(facts.LLAMA.id)
    window.actions_.remove.trigger()
    window.show_outcome(ask.Outcome(ask.RemoveModel(facts.LLAMA.id)))
    assert facts.LLAMA.facts.name in window.notices.shown[0].text.text()


def test_what_was_removed_is_not_listed_unless_asked_for(window: MainWindow) -> None:
    """A hidden model has no row; one that holds memory always has; all are listed on demand."""
    gone = replace(facts.LLAMA, hidden=True)
    busy = replace(facts.QWEN, hidden=True)
    feed(window, facts.snapshot(facts.SMOL, gone, busy))
    assert sorted(listed(window)) == sorted([facts.SMOL.id, busy.id])
    window.actions_.show_hidden.trigger()
    assert sorted(listed(window)) == sorted([facts.SMOL.id, gone.id, busy.id])


def test_a_model_can_be_renamed(window: MainWindow, qtbot: QtBot) -> None:
    """F2 asks for a name and asks the service to keep it."""
    asked = asked_of(window)
    select(window, facts.SMOL.id)
    window.table.choose(facts.SMOL.id)
    window.actions_.rename.trigger()
    dialog = window.findChildren(QInputDialog)[-1]
    assert dialog.textValue() == facts.SMOL.facts.name
    dialog.setTextValue("  my model ")
    dialog.accept()
    assert asked == [ask.ChangeModel(facts.SMOL.id, {"name": "my model"})]


def test_the_folder_of_a_model_is_shown(window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of the file is opened by the desktop's own program."""
    opened: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    window.table.choose(facts.SMOL.id)
    window.actions_.show_in_folder.trigger()
    assert [url.toLocalFile() for url in opened] == ["/models"]


@pytest.fixture
def program(qtbot: QtBot, qapp: QApplication, home: Path, smol_path: Path) -> Iterator[Running]:
    """The running program with one model in its own folder."""
    with running(qtbot, qapp, (smol_path,)) as run:
        yield run


def test_a_file_that_is_no_model_stays_out(program: Running, tmp_path: Path) -> None:
    """A wrong file is refused with the reason, however it comes; nothing of it is in the list."""
    wrong = tmp_path / "passwd"
    wrong.write_text("root:x:0:0")
    program.service.carry_out(ask.AddModel(str(wrong)))
    program.until(lambda: any("passwd" in bar.text.text() for bar in program.window.notices.shown))
    typo = tmp_path / "typo.gguf"
    program.desktop.load_files([str(typo)])
    program.until(lambda: any("typo.gguf" in bar.text.text() for bar in program.window.notices.shown))
    assert len(program.window.snapshot.models) == 1


def test_a_real_model_is_removed_renamed_and_comes_back(program: Running, gemma_path: Path) -> None:
    """One that was added is forgotten, one in a searched folder is hidden; adding it again lists it again."""
    window = program.window
    own = program.window.snapshot.models[0].id
    program.service.carry_out(ask.AddModel(str(gemma_path)))
    program.until(lambda: len(listed(window)) == 2)
    (added,) = set(listed(window)) - {own}
    program.service.carry_out(ask.ChangeModel(added, {"name": "Gemma of mine"}))
    program.until(lambda: program.model(added).facts.name == "Gemma of mine")
    for model_id in (added, own):
        program.service.carry_out(ask.RemoveModel(model_id))
    program.until(lambda: listed(window) == [])
    program.service.carry_out(ask.Scan())
    program.until(lambda: "1 model found" in window.status.message.text())
    assert [model.id for model in window.snapshot.models] == [own]
    assert window.snapshot.models[0].hidden
    program.service.carry_out(ask.AddModel(window.snapshot.models[0].facts.path))
    program.until(lambda: listed(window) == [own])


def test_what_was_removed_comes_back(program: Running, tmp_path: Path, smol_path: Path) -> None:
    """One from a folder that is searched, and one that was added by itself."""
    alone = tmp_path / "elsewhere" / "alone.gguf"
    alone.parent.mkdir()
    shutil.copy(smol_path, alone)
    program.service.carry_out(ask.AddModel(str(alone)))
    program.until(lambda: len(listed(program.window)) == 2)
    before = listed(program.window)
    for model_id in before:
        program.window.table.choose(model_id)
        program.window.actions_.remove.trigger()
    program.until(lambda: not listed(program.window))
    program.until(lambda: "2" in program.window.notices.shown[0].text.text())
    program.window.notices.shown[0].buttons[0].click()
    program.until(lambda: listed(program.window) == before)
