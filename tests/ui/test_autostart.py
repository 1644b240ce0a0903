"""The program is started at login when that is wanted, and not otherwise."""

from __future__ import annotations

import configparser
import shlex
import sys
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from llmmem_gui import resources
from llmmem_gui.folders import Folders
from llmmem_gui.ui import requests as ask
from llmmem_gui.ui.autostart import start_at_login
from tests.ui.running import running


@pytest.mark.parametrize("path", ["/usr/bin/llmmem-gui", '/srv/my "own" 100 % $HOME/llmmem-gui'])
def test_the_desktop_is_told_how_to_start_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """The starter has this program's own command, whatever its path, and opens no window."""
    monkeypatch.setattr(sys, "argv", [path])
    folder = tmp_path / "autostart"
    start_at_login(folder, True)
    (file,) = folder.iterdir()
    entry = configparser.RawConfigParser(strict=False)
    entry.optionxform = str  # type: ignore[assignment,method-assign]
    entry.read(file)
    assert entry.sections() == ["Desktop Entry"]
    command = entry["Desktop Entry"]["Exec"].replace("\\\\", "\\").replace("\\$", "$").replace("%%", "%")
    assert shlex.split(command) == [path, "--minimized"]
    assert entry["Desktop Entry"]["Name"] == "LLM Memory"
    start_at_login(folder, False)
    assert not file.exists()
    start_at_login(folder, False)


def test_the_setting_does_it(qtbot: QtBot, qapp: QApplication, home: Path) -> None:
    """Switched on the starter is there, switched off it is gone."""
    file = Folders.of_user().autostart / f"{resources.APPLICATION_ID}.desktop"
    with running(qtbot, qapp, ()) as program:
        assert not file.exists()
        for wanted in (True, False):
            program.service.carry_out(ask.ChangeSettings({"appearance.start_at_login": wanted}))
            program.until(lambda wanted=wanted: file.exists() == wanted)
