"""Makes the pictures of the README anew: the real window with real models, on an X server of its own.

`python docs/screenshots.py [--to FOLDER] [--scale N]`; needs Xvfb and the test models in `.models`.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from llmmem_gui.ui.desktop import Desktop
    from llmmem_gui.ui.main_window import MainWindow

PROJECT = Path(__file__).resolve().parent.parent
SMOL, GEMMA = "smollm2-135m-instruct", "gemma-3-270m-q4_k_m"
MIB = 1024**2
HALF_LOADED_BYTES = 150 * MIB
"""Resident bytes of the host of the second model in the middle of its load."""
_PATIENCE_SECONDS = 120.0


def main() -> int:
    """Start an X server if there is none, then take the pictures in a home that is thrown away."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=PROJECT / "docs" / "images")
    parser.add_argument("--scale", type=int, default=1)
    parser.add_argument("--on-display", action="store_true", help="draw on the display that there is")
    options = parser.parse_args()
    options.to.mkdir(parents=True, exist_ok=True)
    if not options.on_display:
        screen = "-screen 0 2720x1800x24"
        command = ["xvfb-run", "-a", "-s", screen, sys.executable, __file__, "--on-display"]
        environment = {**os.environ, "QT_QPA_PLATFORM": "xcb", "QT_SCALE_FACTOR": str(options.scale)}
        more = ["--to", str(options.to), "--scale", str(options.scale)]
        return subprocess.run([*command, *more], env=environment, check=False).returncode
    with tempfile.TemporaryDirectory() as home:
        os.environ["LLMMEM_HOME"] = home
        status = take_pictures(options.to, options.scale)
    if options.scale == 1:
        models = (PROJECT / ".models" / f"{GEMMA}.gguf", PROJECT / ".models" / f"{SMOL}.gguf")
        take_tray(options.to / "tray.png", models)
        take_gpu(options.to / "gpu.png", models)
    return status


def take_tray(file: Path, models: tuple[Path, Path]) -> None:
    """The picture of the tray on a real desktop, where one is installed."""
    from real_tray import missing, take_tray_picture

    without = missing("xfconfd", "xfce4-panel", "xfce4-notifyd")
    if not without:
        take_tray_picture(file, models)
    sys.stdout.write(f"{without or 'took ' + file.name}\n")


def take_gpu(file: Path, models: tuple[Path, Path]) -> None:
    """The picture of a GPU's memory, where there is a GPU in software."""
    from gpu_picture import take_gpu_picture

    sys.stdout.write(f"{take_gpu_picture(file, models)}\n")


def take_pictures(folder: Path, scale: int) -> int:
    """Run the program and take every picture; the number of those that could not be taken."""
    from llmmem_gui.core.settings import AppearanceSettings
    from llmmem_gui.folders import Folders
    from llmmem_gui.service.program import Program

    folders = Folders.of_user()
    folders.create()
    folders.settings_file.write_text("[library]\nsearch_known_folders = false\n\n[api]\nport = 0\n")
    # In a process of its own: its memory would be seen in the pictures as the program's.
    subprocess.run([sys.executable, PROJECT / "docs" / "made_up_day.py"], check=True)
    program = Program(folders)

    from llmmem_gui.ui.desktop import Desktop, make_application
    from llmmem_gui.ui.service_thread import ServiceThread

    application = make_application(["llmmem-gui"])
    service = ServiceThread(program, folders)
    look = AppearanceSettings(theme="light", language="en")
    desktop = Desktop(application, service, program.service.settings, folders, look=look)
    desktop.window.resize(1366 if scale == 1 else 1280, 768 if scale == 1 else 720)
    desktop.start()
    camera = Camera(desktop, folder, f"@{scale}x" if scale > 1 else "")
    try:
        for scene in scenes(camera):
            sys.stdout.write(f"took {scene}\n")
    finally:
        desktop.quit()
        camera.until(lambda: not service.isRunning())
        desktop.release()
    return 0


class Camera:
    """Waits for what shall be seen and saves pictures of it."""

    def __init__(self, desktop: Desktop, folder: Path, suffix: str) -> None:
        self.desktop = desktop
        self._folder = folder
        self._suffix = suffix

    def until(self, there: Callable[[], object]) -> None:
        """Let the program run until something is so; RuntimeError when it does not come."""
        from PySide6.QtCore import QCoreApplication, QEventLoop

        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not there():
            if time.monotonic() > deadline:
                raise RuntimeError("what the picture shall show did not come")
            QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 50)
            time.sleep(0.005)

    def rest(self, seconds: float) -> None:
        """Let the program run for a while."""
        end = time.monotonic() + seconds
        self.until(lambda: time.monotonic() > end)

    def take(self, name: str, widget: QWidget | None = None) -> str:
        """Save a picture of the window, or of a widget of it."""
        self.rest(0.3)
        seen = widget or self.desktop.window
        name = f"{name}{self._suffix}.png"
        if not seen.grab().save(str(self._folder / name)):
            raise RuntimeError(f"{self._folder / name} cannot be written")
        return name

    def take_with(self, name: str, dialog: QWidget) -> str:
        """Save a picture of the window with a dialog over it."""
        from PySide6.QtCore import QPoint, QRect
        from PySide6.QtGui import QColor, QPainter

        self.rest(0.4)
        window = self.desktop.window
        picture, above = window.grab(), dialog.grab()
        corner = QPoint(window.width() - dialog.width(), window.height() - dialog.height()) / 2
        painter = QPainter(picture)
        painter.drawPixmap(corner, above)
        # There is no window manager that would draw a frame.
        painter.setPen(QColor("#8d94a3"))
        painter.drawRect(QRect(corner, dialog.size()))
        painter.end()
        picture.save(str(self._folder / f"{name}{self._suffix}.png"))
        return f"{name}{self._suffix}.png"

    def state(self, model_id: str) -> str:
        """The state of a model now."""
        snapshot = self.desktop.window.snapshot
        model = snapshot.model(model_id) if snapshot else None
        return model.state.value if model else ""

    def wear(self, theme: str, language: str) -> None:
        """Change the look."""
        from llmmem_gui.core.settings import AppearanceSettings

        self.desktop.wear(AppearanceSettings(theme=theme, language=language))
        self.rest(1.2)


def scenes(camera: Camera) -> Iterator[str]:
    """Bring about what is worth seeing, one scene after the other."""
    from llmmem_gui.ui import requests as ask

    desktop, window = camera.desktop, camera.desktop.window
    camera.until(lambda: window.snapshot is not None and window.empty.isVisible())
    camera.rest(1.5)
    yield camera.take("empty")

    for name in (SMOL, GEMMA):
        shutil.copy(PROJECT / ".models" / f"{name}.gguf", Path(os.environ["LLMMEM_HOME"]) / "data" / "models")
    desktop.service.carry_out(ask.Scan())
    camera.until(lambda: camera.state(SMOL) and camera.state(GEMMA))
    desktop.service.carry_out(ask.SetLimit(None, 640 * MIB))
    window.plot.choose_span("1min")
    window.table.choose(GEMMA)
    camera.rest(1)
    yield camera.take("forecast")

    window.ask_load(SMOL)
    camera.until(lambda: camera.state(SMOL) == "ready")
    camera.rest(4)
    others = {child.pid for child in psutil.Process().children(recursive=True)}
    window.ask_load(GEMMA)
    loading = half_loaded(others)
    camera.until(lambda: used_by(window, GEMMA) > 0)
    yield camera.take("loading")
    loading.resume()
    camera.until(lambda: camera.state(GEMMA) == "ready")

    window.table.choose(SMOL)
    tried = window.open_try_out(SMOL)
    assert tried is not None
    tried.prompt.setPlainText("Why is the sky blue? Answer in two sentences.")
    tried.ask()
    camera.until(lambda: not tried.is_answering)
    yield camera.take_with("try-out", tried)
    tried.close()
    desktop.service.carry_out(ask.SetLimit(SMOL, 256 * MIB))
    poem = ask.ChatMessage("user", "Write a short poem about rain.")
    desktop.service.carry_out(ask.Ask(0, GEMMA, (poem,), 48))
    camera.until(lambda: camera.state(GEMMA) == "busy")
    camera.rest(32)
    for theme in ("light", "dark"):
        for language in ("en", "pt_BR"):
            camera.wear(theme, language)
            yield camera.take(f"window-{theme}" if language == "en" else f"window-pt-{theme}")
    camera.wear("light", "en")
    yield from what_models_do(camera)
    window.plot.choose_span("24h")
    yield camera.take("day")
    window.plot.choose_span("1min")
    yield from preview_and_refusal(camera)
    yield from around_the_window(camera)


def what_models_do(camera: Camera) -> Iterator[str]:
    """The second plot while both models answer."""
    from llmmem_gui.ui import requests as ask
    from llmmem_gui.ui.plot_activity import CURVES

    plot, service = camera.desktop.window.plot, camera.desktop.service
    plot.restore_activity(" ".join(("open", *CURVES)))
    for number, (model, tokens) in enumerate(((SMOL, 400), (GEMMA, 300), (GEMMA, 300)), start=10):
        story = ask.ChatMessage("user", "Tell a long story about the sea, with many chapters.")
        service.carry_out(ask.Ask(number, model, (story,), tokens))
    camera.rest(30)
    yield camera.take("activity")
    plot.restore_activity("")
    camera.until(lambda: camera.state(SMOL) == camera.state(GEMMA) == "ready")


def preview_and_refusal(camera: Camera) -> Iterator[str]:
    """The limit dragged below what is used, a warning, and a load that does not fit."""
    from PySide6.QtCore import QEvent, QPointF, Qt
    from PySide6.QtGui import QMouseEvent
    from PySide6.QtWidgets import QApplication, QDialog

    from llmmem_gui.ui import requests as ask

    window = camera.desktop.window
    track = window.limits.limit.track

    def mouse(kind: QEvent.Type, x: float) -> None:
        point = QPointF(x, track.height() / 2)
        button = Qt.MouseButton.LeftButton
        event = QMouseEvent(
            kind, point, track.mapToGlobal(point), button, button, Qt.KeyboardModifier.NoModifier
        )
        QApplication.sendEvent(track, event)

    mouse(QEvent.Type.MouseButtonPress, track.width() / 2)
    mouse(QEvent.Type.MouseMove, 8)
    yield camera.take("preview")
    track.let_go.emit()
    track.setSliderDown(False)

    for level, share in (("warning", 0.92), ("critical", 0.97)):
        camera.desktop.service.carry_out(ask.SetLimit(SMOL, round(used_by(window, SMOL) / share)))
        camera.until(lambda level=level: window.notices.warning.objectName() == level)
        yield camera.take(level)
    camera.desktop.service.carry_out(ask.SetLimit(SMOL, None))
    camera.desktop.service.carry_out(ask.UnloadAll())
    camera.until(lambda: camera.state(SMOL) == camera.state(GEMMA) == "unloaded")
    camera.desktop.service.carry_out(ask.SetLimit(None, 312 * MIB))
    camera.rest(2)
    window.table.choose(GEMMA)
    window.ask_load(GEMMA)
    camera.rest(0.5)
    yield camera.take_with("refusal", window.findChildren(QDialog)[-1])
    window.findChildren(QDialog)[-1].close()


def half_loaded(others: set[int]) -> psutil.Process:
    """The host that is not one of the others, held still in the middle of a load that would soon be over."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.pid not in others and process.memory_info().rss > HALF_LOADED_BYTES:
                    process.suspend()
                    return process
        time.sleep(0.001)
    raise RuntimeError(f"{GEMMA} was not loaded in time")


def used_by(window: MainWindow, model_id: str) -> int:
    """Bytes that a model uses now."""
    model = window.snapshot.model(model_id) if window.snapshot else None
    return model.resident_bytes if model else 0


def around_the_window(camera: Camera) -> Iterator[str]:
    """Settings, help and the menu of the tray."""
    from PySide6.QtWidgets import QDialog

    from llmmem_gui.ui import requests as ask

    desktop = camera.desktop
    desktop.service.carry_out(ask.SetLimit(None, 8192 * MIB))
    camera.rest(1)
    settings = desktop.open_settings()
    yield camera.take_with("settings", settings)
    settings.close()
    desktop.window.actions_.help.trigger()
    yield camera.take_with("help", desktop.window.findChildren(QDialog)[-1])
    desktop.window.findChildren(QDialog)[-1].close()
    desktop.window.ask_load(SMOL)
    camera.until(lambda: camera.state(SMOL) == "ready" and used_by(desktop.window, SMOL))
    desktop.tray.menu.popup(desktop.window.pos())
    yield camera.take("tray-menu", desktop.tray.menu)
    desktop.tray.menu.close()


if __name__ == "__main__":
    sys.exit(main())
