"""The whole desktop program in the test's process, with real hosts and the real models."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from llmmem_gui.core.settings import AppearanceSettings, Language
from llmmem_gui.core.snapshot import ModelSnapshot, State
from llmmem_gui.folders import Folders
from llmmem_gui.service.program import Program
from llmmem_gui.ui.desktop import Desktop
from llmmem_gui.ui.service_thread import ServiceThread

PATIENCE_MILLISECONDS = 60_000


class Running:
    """A desktop program that runs, and what tests wait for."""

    def __init__(self, desktop: Desktop, service: ServiceThread, qtbot: QtBot) -> None:
        self.desktop = desktop
        self.service = service
        self.window = desktop.window
        self._qtbot = qtbot

    def model(self, model_id: str) -> ModelSnapshot:
        """The model as the window knows it."""
        assert self.window.snapshot is not None
        model = self.window.snapshot.model(model_id)
        assert model is not None, f"{model_id} is not among {[m.id for m in self.window.snapshot.models]}"
        return model

    def until(self, there: object, seconds: float = PATIENCE_MILLISECONDS / 1000) -> None:
        """Let the program run until the function says so."""
        self._qtbot.waitUntil(there, timeout=int(seconds * 1000))

    def until_state(self, model_id: str, *states: State) -> None:
        """Let the program run until the model is in one of the states."""
        self.until(lambda: self.model(model_id).state in states)

    def load(self, model_id: str) -> None:
        """Load a model by the button and wait until it is ready."""
        self.window.table.choose(model_id)
        self.window.actions_.load.trigger()
        self.until_state(model_id, State.READY)


@contextmanager
def running(
    qtbot: QtBot, qapp: QApplication, models: tuple[Path, ...], language: Language = "en"
) -> Iterator[Running]:
    """Run the desktop program on these models until the block ends, then close it in order."""
    folders = Folders.of_user()
    folders.prepare()
    if not folders.settings_file.exists():
        for model in models:
            (folders.models / model.name).symlink_to(model.resolve())
        folders.settings_file.write_text(
            "[library]\nsearch_known_folders = false\n[api]\nport = 0\n"
            f"[monitoring]\ninterval_seconds = {json.dumps(0.25)}\n"
        )
    program = Program(folders)
    folders = program.folders
    service = ServiceThread(program, folders)
    look = AppearanceSettings(theme="light", language=language)
    desktop = Desktop(qapp, service, program.service.settings, folders, look=look)
    desktop.window.resize(1366, 768)
    desktop.start()
    run = Running(desktop, service, qtbot)
    try:
        run.until(lambda: run.window.snapshot is not None and len(run.window.snapshot.models) == len(models))
        yield run
    finally:
        desktop.quit()
        run.until(lambda: not service.isRunning())
        qapp.processEvents()
        desktop.release()
        desktop.deleteLater()
        service.deleteLater()
