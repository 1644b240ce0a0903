"""The whole program on a real desktop: real panels, real notification daemons, a real mouse, real models."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from llmmem_gui.core.units import MIB
from llmmem_gui.folders import Folders
from llmmem_gui.ui.figures import NO_BREAK
from llmmem_gui.ui.gauge_icon import _FILL, _GROUND
from tests.running_program import llmmem
from tests.ui.real_desktop import PANEL_HEIGHT, RealDesktop, end, is_running, missing, until
from tests.ui.session_bus import WATCHER, NotificationMonitor, SessionBus, TrayItem

SMOL, GEMMA = "smollm2-135m-instruct", "gemma-3-270m-q4_k_m"

BUTTON_COLOUR = "#7a3fd6"
STYLE = f"#XfceNotifyWindow button {{ background: {BUTTON_COLOUR}; }}"
"""Buttons of notifications in a colour that nothing else has, to be found by."""
SETTINGS = """
[limits]
total_limit_bytes = 629145600
[loading]
context = 1024
threads = 1
[monitoring]
interval_seconds = 0.25
[library]
search_known_folders = false
[api]
port = 0
[appearance]
theme = "light"
language = "en"
"""
DUNST = """
[global]
origin = top-center
mouse_left_click = do_action
"""

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(sys.platform != "linux", reason="this desktop is one of X11"),
    pytest.mark.skipif(bool(missing()), reason=missing()),
]


def needs(*names: str) -> pytest.MarkDecorator:
    """Skips a test where one of these programs is not installed."""
    return pytest.mark.skipif(bool(missing(*names)), reason=missing(*names))


on_xfce = needs("xfconfd", "xfce4-panel", "xfce4-notifyd")
on_trayer = needs("trayer", "dunst")


@pytest.fixture(scope="module")
def desktop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealDesktop]:
    """A desktop on which nothing runs yet but the window manager."""
    made = RealDesktop(tmp_path_factory.mktemp("desktop"), style=STYLE)
    made.configure("dunst/dunstrc", DUNST)
    yield made
    made.close()


@pytest.fixture
def bus(desktop: RealDesktop) -> Iterator[SessionBus]:
    """The session bus of that desktop, asked by somebody else than the program."""
    with closing(SessionBus(desktop.environment["DBUS_SESSION_BUS_ADDRESS"])) as made:
        yield made


@contextmanager
def running(desktop: RealDesktop, name: str, *arguments: str, **changes: str) -> Iterator[psutil.Process]:
    """A program of the desktop, until the block ends."""
    process = desktop.start(name, *arguments, **changes)
    try:
        yield process
    finally:
        end(process)


@pytest.fixture
def panel(desktop: RealDesktop, bus: SessionBus) -> Iterator[psutil.Process]:
    """Xfce's panel, ready for icons."""
    with running(desktop, "xfce4-panel", "--disable-wm-check") as process:
        until(lambda: bus.has(WATCHER), "the panel takes icons")
        yield process


@pytest.fixture
def daemon(desktop: RealDesktop, bus: SessionBus) -> Iterator[psutil.Process]:
    """Xfce's notification daemon."""
    with running(desktop, "xfce4-notifyd") as process:
        yield process


@pytest.fixture
def old_panel(desktop: RealDesktop) -> Iterator[psutil.Process]:
    """A panel of the time before the session bus: icons are small windows in it."""
    place = ("--edge", "top", "--align", "right", "--height", str(PANEL_HEIGHT), "--widthtype", "request")
    place += ("--SetDockType", "true", "--SetPartialStrut", "true")
    with running(desktop, "trayer", *place) as process:
        yield process


@dataclass(frozen=True)
class Program:
    """LLM Memory, which runs on the desktop."""

    desktop: RealDesktop
    process: psutil.Process
    home: Path

    @property
    def windows(self) -> list[int]:
        """Its main window, while that is on the screen."""
        return self.desktop.windows(self.process, "^LLM Memory$")

    def load(self, path: Path) -> psutil.Process:
        """Load a model; the process that holds it."""
        # Until the program listens and has found the model the command fails.
        loaded = until(lambda: self._answer("load", path.stem), f"{path.stem} is loaded")
        return psutil.Process(loaded["pid"])

    def percent(self) -> float:
        """What the models use of the limit of all."""
        return float(until(lambda: self._answer("usage"), "the program answers")["percent"])

    def _answer(self, *command: str) -> Any:
        done = llmmem(self.home, *command, "--json")
        return done.json if done.code == 0 else None

    def limit(self, model_id: str, used_share: float) -> None:
        """Set the limit of a model so that it uses this share of it; after a load the use still falls."""
        (used,) = (m["resident_bytes"] for m in self._answer("ps")["models"] if m["id"] == model_id)
        done = llmmem(self.home, "limit", model_id, str(round(used / used_share / MIB)))
        assert done.code == 0, done.err


@contextmanager
def started(
    desktop: RealDesktop, home: Path, *arguments: str, model: Path | None = None
) -> Iterator[Program]:
    """LLM Memory with these arguments and the model in its folder, until the block ends."""
    folders = Folders.of_user({"LLMMEM_HOME": str(home)})
    folders.create()
    folders.settings_file.write_text(SETTINGS)
    if model is not None:
        (folders.models / model.name).symlink_to(model.resolve())
    python = (sys.executable, "-m", "llmmem_gui.app", *arguments)
    with running(desktop, *python, LLMMEM_HOME=str(home)) as process:
        yield Program(desktop, process, home)
    assert " ERROR " not in (folders.logs / "llmmem.log").read_text()


@pytest.fixture
def program(panel: psutil.Process, desktop: RealDesktop, home: Path, smol_path: Path) -> Iterator[Program]:
    """LLM Memory, hidden in Xfce's tray, with one model."""
    with started(desktop, home, "--minimized", model=smol_path) as made:
        yield made


def item_of(program: Program, bus: SessionBus) -> TrayItem:
    """The program's icon, once the panel knows it."""
    return until(lambda: bus.items(program.process.pid), "the panel knows the icon")[0]


@dataclass(frozen=True)
class Gauge:
    """The icon as it is seen on the screen."""

    middle: tuple[int, int]
    column: list[str]
    """The colours through its middle, from the top."""


def gauge_on(desktop: RealDesktop) -> Gauge | None:
    """The icon in the panel, if it is seen there."""
    strip = desktop.pixels()[:PANEL_HEIGHT]
    ground, fill = gauge_colours()
    # The window has the colour of the filling too.
    ys, xs = np.nonzero((strip == rgb(ground)).all(axis=2))
    if not len(xs) or xs.max() - xs.min() > PANEL_HEIGHT:
        return None
    x = int(xs.min() + xs.max()) // 2
    column = ["#" + bytes(pixel).hex() for pixel in strip[ys.min() :, x]]
    height = max(y for y, colour in enumerate(column, 1) if colour in (ground, fill))
    return Gauge((x, int(ys.min()) + height // 2), column[:height])


def rgb(colour: str) -> list[int]:
    """Red, green and blue of `#rrggbb`."""
    return list(bytes.fromhex(colour[1:]))


def gauge_colours() -> tuple[str, str]:
    """Ground and filling of a calm icon."""
    return _GROUND["calm"], _FILL["calm"]


def seen(desktop: RealDesktop) -> Gauge:
    """The icon, once it is seen and the panel has stopped to move it."""
    last: list[Gauge | None] = [None, None]

    def settled() -> Gauge | None:
        last[:] = last[1], gauge_on(desktop)
        return last[1] if last[0] == last[1] else None

    return until(settled, "the icon is seen in the panel")


@on_xfce
def test_the_panel_shows_a_gauge(
    desktop: RealDesktop, program: Program, bus: SessionBus, smol_path: Path
) -> None:
    """The icon is seen in the panel, filled to the models' share of the limit; its tool tip says how much."""
    program.load(smol_path)
    ground, fill = gauge_colours()

    def is_true() -> bool:
        column = seen(desktop).column
        return column.count(fill) / len(column) == pytest.approx(program.percent() / 100, abs=0.1)

    until(is_true, "the gauge is filled to the share")
    gauge = seen(desktop)
    assert fill in gauge.column
    assert len(gauge.column) >= 14
    # One row where both meet may be mixed: this panel makes its icon of the largest that it is given.
    assert len(gauge.column) - gauge.column.count(fill) - gauge.column.count(ground) <= 1
    before = set(desktop.windows())
    desktop.point(gauge.middle)
    until(lambda: set(desktop.windows()) - before, "a tool tip opens")
    tip = item_of(program, bus).tool_tip.replace(NO_BREAK, " ")
    assert tip.startswith("Models ")
    # What the context may still take is said between the two.
    assert " of 600 MiB" in tip.partition(" · ")[0]
    assert " · this computer " in tip


@on_xfce
def test_a_click_shows_and_hides_the_window(desktop: RealDesktop, program: Program) -> None:
    """A click on the icon opens the window above the others, the next one puts it away."""
    icon = seen(desktop).middle
    assert program.windows == []
    desktop.click(icon)
    until(lambda: program.windows, "the window opens")
    put_away_by_click(program)


@on_xfce
def test_going_on_is_no_warning(desktop: RealDesktop, program: Program, bus: SessionBus) -> None:
    """The first time the window is closed a message says where the program is, under its own sign."""
    desktop.click(seen(desktop).middle)
    until(lambda: program.windows == desktop.focused() != [], "the window is active")
    desktop.xdotool("key", "ctrl+w")
    until(lambda: not program.windows, "the window is put away")
    there = item_of(program, bus)
    until(lambda: bus.property_of(there.name, there.path, "Status") == "NeedsAttention", "it is told")
    assert not bus.property_of(there.name, there.path, "AttentionIconName").startswith("dialog-")


def put_away_by_click(program: Program) -> None:
    """Hide the window by a click on the icon, once the window is the active one."""
    until(lambda: program.windows == program.desktop.focused() != [], "the window is active")
    program.desktop.click(seen(program.desktop).middle)
    until(lambda: not program.windows, "the window is put away")


@on_xfce
def test_the_menu_unloads(desktop: RealDesktop, program: Program, bus: SessionBus, smol_path: Path) -> None:
    """The panel's menu has what can be done, with the model that is loaded; its Unload ends the host."""
    host = program.load(smol_path)
    item = item_of(program, bus)
    until(lambda: any(SMOL in entry for entry in menu_of(item)), "the model is in the menu")
    entries = menu_of(item)
    assert entries[0].startswith("[Models ")
    assert entries[1].startswith("[this computer ")
    assert entries[2].startswith(f"{SMOL} – ")
    assert entries[2].endswith(" MiB > Unload")
    assert entries[3:5] == ["Unload all", "Clean up unused"]
    assert "Total limit > 2 GiB" in entries
    assert entries[-2:] == ["Open", "Quit"]
    before = set(desktop.windows())
    desktop.click(seen(desktop).middle, 3)
    # A line for each entry that is not in a menu beside it: it was laid out for all of them.
    lines = len({entry.partition(" > ")[0] for entry in entries})
    until(lambda: tallest(desktop, before) > lines * 16, "the menu opens")
    before = set(desktop.windows())
    desktop.xdotool("key", "Down")
    desktop.xdotool("key", "Right")
    until(lambda: set(desktop.windows()) - before, "the model's menu opens beside it")
    desktop.xdotool("key", "Return")
    until(lambda: not is_running(host), "the host ends")
    assert is_running(program.process)
    until(lambda: "Unload all" not in menu_of(item), "nothing is left to unload")


def tallest(desktop: RealDesktop, before: set[int]) -> int:
    """Pixels in height of the tallest of the windows that have come since."""
    return max((desktop.size_of(window)[1] for window in set(desktop.windows()) - before), default=0)


def menu_of(item: TrayItem) -> list[str]:
    """The menu of the icon, with plain spaces."""
    return [entry.replace(NO_BREAK, " ") for entry in item.entries]


@on_xfce
def test_names_of_models_are_written_as_they_are(
    desktop: RealDesktop, panel: psutil.Process, bus: SessionBus, home: Path, gemma_path: Path
) -> None:
    """An underscore in the name of a model is seen in the panel's menu, not taken for the mark of a key."""
    with started(desktop, home, "--minimized", model=gemma_path) as program:
        program.load(gemma_path)
        item = item_of(program, bus)
        until(lambda: any(entry.startswith(f"{GEMMA} – ") for entry in menu_of(item)), "the name as it is")


@on_xfce
def test_a_warning_is_one_notification_whose_button_unloads(
    desktop: RealDesktop, daemon: psutil.Process, program: Program, smol_path: Path
) -> None:
    """Near the limit one notification is shown, nearer it is updated; its button unloads the model."""
    host = program.load(smol_path)
    with closing(NotificationMonitor(desktop.environment["DBUS_SESSION_BUS_ADDRESS"])) as monitor:
        until(lambda: program.limit(SMOL, 0.92) or desktop.windows(daemon), "the notification is seen")
        until(lambda: program.limit(SMOL, 0.98) or len(monitor.listen()) > 1, "it is updated")
    first, *more = monitor.heard
    assert (first.title, first.replaces) == (f"{SMOL} is near its limit", 0)
    assert SMOL in first.text
    assert more[-1].title == first.title
    assert more[-1].text != first.text
    assert all(later.replaces for later in more)
    opens, unloads = first.buttons
    assert opens == "Open"
    assert unloads.startswith(f"Unload {SMOL} – ")
    until(lambda: len(buttons_on(desktop)) == len(first.buttons), "the buttons are seen")
    assert len(desktop.windows(daemon)) == 1
    desktop.click(buttons_on(desktop)[1])
    until(lambda: not is_running(host), "the host ends")
    until(lambda: not desktop.windows(daemon), "the notification goes")


def buttons_on(desktop: RealDesktop) -> list[tuple[int, int]]:
    """The middles of the buttons on the screen, from the left."""
    pixels = desktop.pixels()
    is_button = (pixels == rgb(BUTTON_COLOUR)).all(axis=2)
    rows = np.flatnonzero(is_button.any(axis=1))
    if not len(rows):
        return []
    # Just inside the upper edge, where no letters are.
    inside = np.flatnonzero(np.diff(is_button[rows.min() + 4].astype(int), prepend=0, append=0))
    middle = int(rows.min() + rows.max()) // 2
    return [(int(left + right) // 2, middle) for left, right in inside.reshape(-1, 2)]


@on_xfce
def test_a_late_panel_shows_the_icon(
    desktop: RealDesktop, bus: SessionBus, home: Path, smol_path: Path
) -> None:
    """A program that started before the panel is in its tray as soon as the panel is there."""
    with started(desktop, home, model=smol_path) as program:
        until(lambda: program.windows, "the window opens")
        with running(desktop, "xfce4-panel", "--disable-wm-check"):
            assert item_of(program, bus).tool_tip
            put_away_by_click(program)


@on_xfce
def test_a_panel_that_comes_again_shows_the_icon(
    desktop: RealDesktop, panel: psutil.Process, bus: SessionBus, home: Path
) -> None:
    """A closed window is in the tray; when the panel is killed it is minimized; the new icon opens it."""
    with started(desktop, home) as program:
        window = close_window(program)
        until(lambda: not program.windows, "the window is put away")
        item_of(program, bus)
        panel.kill()
        until(lambda: not bus.has(WATCHER), "the panel is gone")
        until(lambda: desktop.is_minimized(window), "the window is in the list of windows")
        with running(desktop, "xfce4-panel", "--disable-wm-check"):
            item_of(program, bus)
            desktop.click(seen(desktop).middle)
            until(lambda: program.windows, "the window opens")


@on_trayer
def test_an_old_panel_shows_icon_menu_and_window(
    desktop: RealDesktop, old_panel: psutil.Process, home: Path, smol_path: Path
) -> None:
    """In a panel that knows windows only, icon, click and menu do the same."""
    with started(desktop, home, model=smol_path) as program:
        host = program.load(smol_path)
        put_away_by_click(program)
        before = set(desktop.windows())
        desktop.click(seen(desktop).middle, 3)
        until(lambda: set(desktop.windows()) - before, "the menu opens")
        for key in ("Down", "Right", "Return"):
            desktop.xdotool("key", key)
        until(lambda: not is_running(host), "the host ends")


@on_trayer
def test_a_click_on_the_notification_opens_the_window(
    desktop: RealDesktop, old_panel: psutil.Process, home: Path, smol_path: Path
) -> None:
    """A daemon without buttons of its own opens the window when the notification is clicked."""
    with running(desktop, "dunst"), started(desktop, home, "--minimized", model=smol_path) as program:
        program.load(smol_path)
        (notification,) = until(
            lambda: program.limit(SMOL, 0.92) or desktop.windows(name="^Dunst$"), "the notification is seen"
        )
        desktop.click(desktop.middle_of(notification))
        until(lambda: program.windows, "the window opens")


def test_without_a_tray_closing_quits_after_saying_so_once(
    desktop: RealDesktop, home: Path, smol_path: Path
) -> None:
    """Where no tray is, closing the window asks once and quits; the next time it quits at once."""
    with started(desktop, home, model=smol_path) as program:
        host = program.load(smol_path)
        close_window(program)
        until(lambda: len(program.windows) == 2, "the question comes")
        assert is_running(program.process)
        desktop.xdotool("key", "Return")
        until(lambda: not is_running(program.process), "the program ends")
        assert not is_running(host)
    with started(desktop, home) as program:
        close_window(program)
        until(lambda: not is_running(program.process), "the program ends")


def close_window(program: Program) -> int:
    """Close the window as the window manager does; the window."""
    (window,) = until(lambda: program.windows, "the window opens")
    program.desktop.xdotool("windowactivate", "--sync", str(window), "key", "alt+F4")
    return window
