"""The picture of the tray: Xfce's panel with the menu open and a notification, on a desktop of its own."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from llmmem_gui.core.units import MIB  # noqa: E402 - of this tree, whatever is installed
from llmmem_gui.folders import Folders  # noqa: E402
from tests.running_program import llmmem  # noqa: E402
from tests.ui.real_desktop import PANEL_HEIGHT, RealDesktop, missing, until  # noqa: E402

__all__ = ["missing", "take_tray_picture"]

SIZE = (1180, 310)
SETTINGS = """
[limits]
total_limit_bytes = 629145600
[library]
search_known_folders = false
[api]
port = 0
[appearance]
theme = "light"
language = "en"
"""
PLACE = """<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-notifyd" version="1.0">
  <property name="notify-location" type="uint" value="0"/>
</channel>
"""
"""Notifications come from the left, the menu from the right."""


def take_tray_picture(file: Path, models: tuple[Path, Path]) -> None:
    """Save the picture with these two models; the second one is near its limit."""
    with tempfile.TemporaryDirectory() as folder:
        desktop = RealDesktop(Path(folder), size=SIZE)
        try:
            _show(desktop, Path(folder) / "home", models)
            desktop.save(file)
        finally:
            desktop.close()


def _show(desktop: RealDesktop, home: Path, models: tuple[Path, Path]) -> None:
    folders = Folders.of_user({"LLMMEM_HOME": str(home)})
    folders.create()
    folders.settings_file.write_text(SETTINGS)
    for model in models:
        (folders.models / model.name).symlink_to(model)
    desktop.configure("xfce4/xfconf/xfce-perchannel-xml/xfce4-notifyd.xml", PLACE)
    desktop.start("xfce4-panel", "--disable-wm-check")
    daemon = desktop.start("xfce4-notifyd")
    desktop.start(sys.executable, "-m", "llmmem_gui.app", "--minimized", LLMMEM_HOME=str(home))

    def answer(*command: str) -> Any:
        done = llmmem(home, *command, "--json")
        return done.json if done.code == 0 else None

    for model in models:
        until(lambda model=model: answer("load", model.stem), f"{model.stem} is loaded")
    near = models[1].stem

    def is_warned() -> bool:
        # After a load the use still falls for a while.
        (used,) = (m["resident_bytes"] for m in answer("ps")["models"] if m["id"] == near)
        answer("limit", near, str(round(used / 0.92 / MIB)))
        return bool(desktop.windows(daemon))

    until(is_warned, "the notification is seen")
    before = set(desktop.windows())
    desktop.click((SIZE[0] - 79, PANEL_HEIGHT // 2), 3)
    until(lambda: set(desktop.windows()) - before, "the menu opens")
    before = set(desktop.windows())
    for key in ("Down", "Right"):
        desktop.xdotool("key", key)
    until(lambda: set(desktop.windows()) - before, "the menu of a model opens")
    # The panel lets its windows appear little by little.
    time.sleep(1)
