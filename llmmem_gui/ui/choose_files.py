"""Asks the person for model files and folders, and makes requests of what was chosen."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QFileDialog, QWidget

from llmmem_gui.ui import requests as ask

translate = QCoreApplication.translate


def add_models(parent: QWidget, request: Callable[[ask.Request], object]) -> None:
    """Ask for the files that are chosen to be taken into the library."""
    paths, _ = QFileDialog.getOpenFileNames(
        parent,
        translate("ChooseFiles", "Add models"),
        "",
        translate("ChooseFiles", "Models (*.gguf);;All files (*)"),
    )
    for path in paths:
        request(ask.AddModel(path))


def add_folder(parent: QWidget, request: Callable[[ask.Request], object]) -> None:
    """Ask for the folder that is chosen to be searched too, from now on."""
    title = translate("ChooseFiles", "Search one more folder for models")
    path = QFileDialog.getExistingDirectory(parent, title)
    if path:
        request(ask.AddFolder(path))
        request(ask.Scan())
