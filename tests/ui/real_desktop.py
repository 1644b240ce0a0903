"""A desktop as people have it: an X server, a window manager, a session bus, panels, notification daemons.

Every program of it is nobody's child, so that what a panel starts in its own time is not taken for something
that the test at hand has left behind; each is ended by its process id.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import psutil
from numpy.typing import NDArray

from tests.ui.session_bus import bus_command

PATIENCE_SECONDS = 60.0
PANEL_HEIGHT = 28

PACKAGES = {
    "Xvfb": "xvfb",
    "dbus-daemon": "dbus-daemon",
    "openbox": "openbox",
    "xdotool": "xdotool",
    "xprop": "x11-utils",
    "import": "imagemagick",
    "xfconfd": "xfconf",
    "xfce4-panel": "xfce4-panel",
    "xfce4-notifyd": "xfce4-notifyd",
    "trayer": "trayer",
    "dunst": "dunst",
}
"""The Debian package of each program."""
_EVERYWHERE = ("Xvfb", "dbus-daemon", "openbox", "xdotool", "xprop", "import")

_PANEL = """<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0">
  <property name="configver" type="int" value="2"/>
  <property name="panels" type="array">
    <value type="int" value="1"/>
    <property name="dark-mode" type="bool" value="{dark}"/>
    <property name="panel-1" type="empty">
      <property name="position" type="string" value="p=6;x=0;y=0"/>
      <property name="position-locked" type="bool" value="true"/>
      <property name="length" type="uint" value="100"/>
      <property name="size" type="uint" value="{height}"/>
      <property name="plugin-ids" type="array">
        <value type="int" value="1"/>
        <value type="int" value="2"/>
        <value type="int" value="3"/>
      </property>
    </property>
  </property>
  <property name="plugins" type="empty">
    <property name="plugin-1" type="string" value="separator">
      <property name="expand" type="bool" value="true"/>
      <property name="style" type="uint" value="0"/>
    </property>
    <property name="plugin-2" type="string" value="systray"/>
    <property name="plugin-3" type="string" value="clock"/>
  </property>
</channel>
"""

Found = TypeVar("Found")


def until(there: Callable[[], Found], what: str) -> Found:
    """Wait for what other programs do and return what was found; AssertionError when it does not come."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := there()):
        assert time.monotonic() < deadline, f"This did not come about in {PATIENCE_SECONDS:.0f} s: {what}."
        time.sleep(0.05)
    return found


def missing(*names: str) -> str:
    """One sentence on programs that are not installed, of these and of those that every desktop needs."""
    packages = [PACKAGES[name] for name in (*_EVERYWHERE, *names) if not _path(name)]
    return (
        f"This desktop needs what is not installed: apt-get install {' '.join(packages)}" if packages else ""
    )


def _path(name: str) -> str | None:
    # Xfce keeps what nobody starts by hand out of PATH.
    inside = next(Path("/usr/lib").glob(f"*/xfce4/*/{name}"), None)
    return str(inside) if inside else shutil.which(name)


def is_running(process: psutil.Process) -> bool:
    """The process exists and is not a zombie."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def end(process: psutil.Process) -> None:
    """End a process and wait until it is gone; one that does not listen is killed."""
    deadline = time.monotonic() + 10
    if is_running(process):
        process.terminate()
    while is_running(process):
        if time.monotonic() > deadline:
            process.kill()
        time.sleep(0.02)


class RealDesktop:
    """An X server with a window manager and a session bus, on which a panel and a daemon are started."""

    def __init__(
        self, folder: Path, *, size: tuple[int, int] = (1440, 900), dark: bool = False, style: str = ""
    ) -> None:
        """`size` is that of the screen in pixels; `style` is CSS that GTK programs follow."""
        self.folder = folder
        self._width, self._height = size
        self._started: list[psutil.Process] = []
        runtime = folder / "run"
        runtime.mkdir(mode=0o700)
        kept = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LLMMEM_TEST_MODELS")
        self.environment = {name: os.environ[name] for name in kept if name in os.environ} | {
            "HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "XDG_RUNTIME_DIR": str(runtime),
            "XDG_CURRENT_DESKTOP": "XFCE",
            "LANG": "C.UTF-8",
            "NO_AT_BRIDGE": "1",
        }
        panel = _PANEL.format(dark=str(dark).lower(), height=PANEL_HEIGHT)
        self.configure("xfce4/xfconf/xfce-perchannel-xml/xfce4-panel.xml", panel)
        self.configure("gtk-3.0/gtk.css", style)
        try:
            screen = ("-screen", "0", f"{self._width}x{self._height}x24", "-nolisten", "tcp")
            self.environment["DISPLAY"] = ":" + self._answer_of(r"\d+", "Xvfb", "-displayfd", "1", *screen)
            address = self._answer_of(r"unix:.+", *bus_command(runtime))
            self.environment["DBUS_SESSION_BUS_ADDRESS"] = address
            self.start("openbox")
            if _path("xfconfd"):
                self.start("xfconfd")
        except BaseException:
            self.close()
            raise

    def configure(self, file: str, text: str) -> None:
        """Write a file into the folder of settings."""
        path = self.folder / "config" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def start(self, name: str, *arguments: str, **changes: str) -> psutil.Process:
        """Start a program on this desktop, with changes to its environment; its output goes to a file."""
        # The shell tells the process id and ends; its child is then nobody's.
        shell = ["sh", "-c", '"$@" >>"$0" 2>&1 </dev/null & echo $!', str(self._log(name))]
        told = subprocess.run(
            [*shell, _path(name) or name, *arguments], env={**self.environment, **changes},
            stdout=subprocess.PIPE, text=True, check=True,
        )  # fmt: skip
        self._started.append(psutil.Process(int(told.stdout)))
        return self._started[-1]

    def _answer_of(self, pattern: str, name: str, *arguments: str) -> str:
        """Start a program that says in a line like this where it is to be found, among complaints perhaps."""
        self.start(name, *arguments)
        log = self._log(name)
        line = re.compile(rf"^({pattern})\n", re.MULTILINE)
        found = until(lambda: line.search(log.read_text()), name)
        return found[1]

    def _log(self, name: str) -> Path:
        return self.folder / f"{Path(name).name}.log"

    def close(self) -> None:
        """End everything that was started, the last first."""
        for process in reversed(self._started):
            end(process)

    # --- what is seen and pointed at ---------------------------------------------------------------------

    def xdotool(self, *arguments: str) -> str:
        """Point, click and type as a person does; what it answers."""
        command = ["xdotool", *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        return done.stdout

    def click(self, point: tuple[int, int], button: int = 1) -> None:
        """Click with a button of the mouse: 1 left, 3 right."""
        self.point(point)
        self.xdotool("click", str(button))

    def point(self, point: tuple[int, int]) -> None:
        """Move the mouse there."""
        self.xdotool("mousemove", str(point[0]), str(point[1]))

    def windows(self, process: psutil.Process | None = None, name: str = "") -> list[int]:
        """The windows on the screen: those of a process, those whose name the pattern fits."""
        of_process = ("--pid", str(process.pid)) if process else ()
        found = self.xdotool("search", "--all", "--onlyvisible", *of_process, "--name", name)
        return [int(line) for line in found.split()]

    def focused(self) -> list[int]:
        """The window that has the keyboard, if there is one."""
        return [int(line) for line in self.xdotool("getactivewindow").split()]

    def is_minimized(self, window: int) -> bool:
        """Whether the window manager keeps this window in its list and not on the screen."""
        asked = ["xprop", "-id", str(window), "WM_STATE"]
        done = subprocess.run(asked, env=self.environment, capture_output=True, text=True, check=False)
        return "Iconic" in done.stdout

    def size_of(self, window: int) -> tuple[int, int]:
        """Width and height of a window in pixels."""
        return self._geometry(window, "WIDTH", "HEIGHT")

    def middle_of(self, window: int) -> tuple[int, int]:
        """The point in the middle of a window."""
        (left, top), (width, height) = self._geometry(window, "X", "Y"), self.size_of(window)
        return left + width // 2, top + height // 2

    def _geometry(self, window: int, *names: str) -> tuple[int, int]:
        told = self.xdotool("getwindowgeometry", "--shell", str(window))
        known = dict(line.split("=") for line in told.split())
        first, second = (int(known.get(name, 0)) for name in names)
        return first, second

    def pixels(self) -> NDArray[np.uint8]:
        """What the screen shows: rows of red, green and blue."""
        command = ["import", "-window", "root", "-depth", "8", "rgb:-"]
        grabbed = subprocess.run(command, env=self.environment, stdout=subprocess.PIPE, check=True).stdout
        return np.frombuffer(grabbed, np.uint8).reshape(self._height, self._width, 3)

    def save(self, file: Path) -> None:
        """Save a picture of the screen."""
        subprocess.run(["import", "-window", "root", str(file)], env=self.environment, check=True)
