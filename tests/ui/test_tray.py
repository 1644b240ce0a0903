"""The tray and the notifications, against a desktop's half of the session bus."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import msgspec
import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from llmmem_gui.core.units import GIB
from llmmem_gui.ui.figures import NO_BREAK
from llmmem_gui.ui.gauge_icon import gauge_pixmap
from llmmem_gui.ui.languages import speak
from llmmem_gui.ui.memory_warnings import MemoryWarning
from llmmem_gui.ui.notice_bar import Offer
from llmmem_gui.ui.notifier import Notifier
from llmmem_gui.ui.requests import CleanUp, Unload
from llmmem_gui.ui.theme import Theme
from llmmem_gui.ui.tray import Tray
from tests.ui import facts
from tests.ui.session_bus import bus_command

PROJECT = Path(__file__).resolve().parent.parent.parent

on_linux = pytest.mark.skipif(
    sys.platform != "linux" or not shutil.which("dbus-daemon"), reason="needs a session bus of its own"
)
with_x = pytest.mark.skipif(not shutil.which("Xvfb"), reason="a tray needs an X server")


class Talk:
    """A process that is spoken to in lines."""

    def __init__(self, *command: str, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PROJECT,
            env={**os.environ, **environment, "PYTHONPATH": str(PROJECT)},
        )  # fmt: skip

    def say(self, line: str) -> None:
        """Send a line."""
        self._pipe(self.process.stdin).write(f"{line}\n")
        self._pipe(self.process.stdin).flush()

    def hear(self) -> str:
        """The next line."""
        return self._pipe(self.process.stdout).readline().strip()

    def event(self) -> dict[str, Any]:
        """The next line as an event."""
        found: dict[str, Any] = json.loads(self.hear())
        return found

    def end(self) -> None:
        """Close its input and wait until it has ended."""
        self._pipe(self.process.stdin).close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._pipe(self.process.stdout).close()

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        assert pipe is not None
        return pipe


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """The address of a session bus of its own, which is also in the environment."""
    daemon = subprocess.Popen(
        bus_command(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert daemon.stdout is not None
    address = daemon.stdout.readline().strip()
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
    yield address
    daemon.terminate()
    daemon.wait()
    daemon.stdout.close()


@pytest.fixture
def desktop(bus: str) -> Iterator[Talk]:
    """A desktop on that bus, without a tray until it is told to `watch`."""
    talk = Talk(sys.executable, "tests/ui/fake_desktop.py", environment={"DBUS_SESSION_BUS_ADDRESS": bus})
    assert talk.event() == {"event": "ready"}
    yield talk
    talk.end()


WARNING = MemoryWarning(
    "smollm2 is near its limit",
    "smollm2 uses 480 MiB, 94 % of its limit of 512 MiB.",
    "warning",
    (Offer("Unload smollm2 – 142 MiB", Unload("smollm2")), Offer("Clean up unused", CleanUp())),
)


@pytest.fixture
def fallen_back() -> list[str]:
    """What was said by the tray because there are no notifications."""
    return []


@pytest.fixture
def notifier(
    qtbot: QtBot, qapp: QApplication, theme: Theme, fallen_back: list[str], bus: str
) -> Iterator[Notifier]:
    """The notifier on the bus of its own."""
    made = Notifier(lambda title, text, critical: fallen_back.append(text))
    yield made
    made.close()
    made.deleteLater()


def pump(qtbot: QtBot, desktop: Talk) -> dict[str, Any]:
    """Let Qt run once and return the next event of the desktop."""
    qtbot.wait(20)
    return desktop.event()


@on_linux
def test_a_warning_is_a_notification_with_buttons(notifier: Notifier, desktop: Talk, qtbot: QtBot) -> None:
    """A warning is told to the desktop with its text, its buttons and its urgency as the service wants it."""
    notifier.show(WARNING)
    event = pump(qtbot, desktop)
    assert event["event"] == "notified"
    assert event["body"] == WARNING.text
    assert event["actions"] == [
        "default", "Open", "offer-0", "Unload smollm2 – 142 MiB", "offer-1", "Clean up unused",
    ]  # fmt: skip
    assert event["urgency"] == ["y", 1]


@on_linux
def test_a_button_of_the_notification_asks(notifier: Notifier, desktop: Talk, qtbot: QtBot) -> None:
    """Pressing a button of the notification asks for what it says; Open opens the window."""
    notifier.show(WARNING)
    number = pump(qtbot, desktop)["id"]
    qtbot.waitUntil(lambda: notifier._shown_id == number)
    with qtbot.waitSignal(notifier.requested) as asked:
        desktop.say(f"press {number} offer-0")
    assert asked.args == [Unload("smollm2")]
    with qtbot.waitSignal(notifier.open_asked):
        desktop.say(f"press {number} default")


@on_linux
def test_one_notification_is_updated(notifier: Notifier, desktop: Talk, qtbot: QtBot) -> None:
    """A second warning replaces the first one instead of standing beside it."""
    notifier.show(WARNING)
    first = pump(qtbot, desktop)
    qtbot.waitUntil(lambda: notifier._shown_id == first["id"])
    notifier.show(MemoryWarning("Past the limit", "Now it is 99 %.", "critical"))
    second = pump(qtbot, desktop)
    assert second["replaces"] == first["id"]
    assert second["urgency"] == ["y", 2]


@on_linux
def test_warnings_at_once_are_one_notification(notifier: Notifier, desktop: Talk, qtbot: QtBot) -> None:
    """Warnings that come before the service has answered are one notification, which shows the newest."""
    for text in ("first", "second", "third"):
        notifier.show(MemoryWarning("Near", text, "warning"))
    shown = pump(qtbot, desktop)
    qtbot.waitUntil(lambda: notifier._shown_id == shown["id"])
    notifier.show(MemoryWarning("Near", "last", "warning"))
    last = pump(qtbot, desktop)
    assert [shown["body"], last["body"]] == ["third", "last"]
    assert last["replaces"] == shown["id"]


@on_linux
def test_what_is_over_is_taken_away(notifier: Notifier, desktop: Talk, qtbot: QtBot) -> None:
    """A warning that has ended is no longer on the screen, also one that ends before it was shown."""
    notifier.show(WARNING)
    number = pump(qtbot, desktop)["id"]
    qtbot.waitUntil(lambda: notifier._shown_id == number)
    notifier.withdraw()
    assert pump(qtbot, desktop) == {"event": "closed", "id": number}
    notifier.show(WARNING)
    notifier.withdraw()
    number = pump(qtbot, desktop)["id"]
    qtbot.waitUntil(lambda: not notifier._is_asking)
    assert pump(qtbot, desktop) == {"event": "closed", "id": number}


@on_linux
def test_a_notification_on_the_screen_follows(notifier: Notifier, desktop: Talk, qtbot: QtBot) -> None:
    """What gets worse, or offers something else, is told at once; nothing new pops up where it was closed."""
    notifier.update(WARNING)
    notifier.show(WARNING)
    first = pump(qtbot, desktop)
    assert first["summary"] == WARNING.title
    qtbot.waitUntil(lambda: notifier._shown_id == first["id"])
    worse = dataclasses.replace(WARNING, title="smollm2 is past its limit", level="critical", offers=())
    notifier.update(worse)
    second = pump(qtbot, desktop)
    assert (second["replaces"], second["summary"], second["actions"]) == (
        first["id"], worse.title, ["default", "Open"],
    )  # fmt: skip
    qtbot.waitUntil(lambda: not notifier._is_asking)
    desktop.say(f"dismiss {first['id']}")
    qtbot.waitUntil(lambda: notifier._shown_id == 0)
    notifier.update(WARNING)
    notifier.show(WARNING)
    assert pump(qtbot, desktop)["replaces"] == 0


@on_linux
def test_another_service_gets_a_notification_of_its_own(
    notifier: Notifier, desktop: Talk, bus: str, qtbot: QtBot
) -> None:
    """The number of a notification is not used with another service, where it may be somebody else's."""
    notifier.show(WARNING)
    number = pump(qtbot, desktop)["id"]
    qtbot.waitUntil(lambda: notifier._shown_id == number)
    desktop.end()
    qtbot.waitUntil(lambda: notifier._shown_id == 0)
    after = Talk(sys.executable, "tests/ui/fake_desktop.py", environment={"DBUS_SESSION_BUS_ADDRESS": bus})
    assert after.event() == {"event": "ready"}
    notifier.show(WARNING)
    assert pump(qtbot, after)["replaces"] == 0
    after.end()


@on_linux
def test_text_of_models_is_no_markup(notifier: Notifier, desktop: Talk, qtbot: QtBot) -> None:
    """A model whose name looks like markup is shown as it is written."""
    notifier.show(MemoryWarning("Near", "<b>evil</b> & co uses 1 GiB.", "warning"))
    assert pump(qtbot, desktop)["body"] == "&lt;b>evil&lt;/b> &amp; co uses 1 GiB."


@on_linux
def test_without_a_service_the_tray_says_it(notifier: Notifier, fallen_back: list[str], qtbot: QtBot) -> None:
    """Where the bus has no notification service the warning goes to the tray; none is lost."""
    notifier.show(WARNING)
    qtbot.waitUntil(lambda: fallen_back == [WARNING.text])


def test_without_a_bus_the_tray_says_it(
    qtbot: QtBot, qapp: QApplication, fallen_back: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a session bus the warning goes to the tray at once."""
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    notifier = Notifier(lambda title, text, critical: fallen_back.append(text))
    notifier.show(WARNING)
    assert fallen_back == [WARNING.text]
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
    notifier.show(WARNING)
    assert fallen_back == [WARNING.text] * 2
    notifier.close()


@pytest.fixture
def on_x(bus: str) -> Iterator[Talk]:
    """A program with only the tray icon, on an X server and bus of its own."""
    environment = {"QT_QPA_PLATFORM": "xcb", "DBUS_SESSION_BUS_ADDRESS": bus}
    command = ["xvfb-run", "-a", sys.executable, "-m", "tests.ui.tray_program"]
    talk = Talk(*command, environment=environment)
    yield talk
    talk.end()


@on_linux
@with_x
def test_a_tray_that_comes_late_shows_the_icon(desktop: Talk, on_x: Talk) -> None:
    """A program that starts before the tray has its icon in it as soon as the tray is there."""
    assert on_x.hear() == "started False"
    desktop.say("watch")
    assert desktop.event()["event"] == "registered"
    assert on_x.hear() == "available True"
    desktop.say("read")
    seen = desktop.event()
    assert seen["tool_tip"] == "Models 5.50 GiB of 8 GiB"


@on_linux
@with_x
def test_the_menu_is_that_of_the_moment(desktop: Talk, on_x: Talk) -> None:
    """The menu that a panel opens has the loaded models; its entries ask for what they say."""
    assert on_x.hear() == "started False"
    desktop.say("watch")
    desktop.event()
    on_x.hear()
    desktop.say("read")
    entries = [text.replace(NO_BREAK, " ") for text in desktop.event()["entries"]]
    assert "qwen2.5-7b-instruct – 5.08 GiB > Unload" in entries
    assert "Total limit > 8 GiB" in entries
    assert entries[-2:] == ["Open", "Quit"]
    desktop.say("click Clean up unused")
    assert on_x.hear() == "requested CleanUp()"
    desktop.say("click Snooze warnings > 1 hour")
    assert on_x.hear() == "snoozed 60"
    desktop.say(f"click smollm2-135m-instruct – 236{NO_BREAK}MiB > Unload")
    assert on_x.hear() == "requested Unload(model_id='smollm2-135m-instruct')"


@pytest.fixture
def tray(qtbot: QtBot, theme: Theme) -> Iterator[Tray]:
    """The tray where the platform has none."""
    made = Tray()
    yield made
    made.close()
    made.deleteLater()


def test_the_menu_offers_limits_of_this_computer(tray: Tray) -> None:
    """Limits are offered up to the memory of this computer, the one in force is marked."""
    tray.show_memory(facts.usual_snapshot(), "line", 32 * GIB)
    (entry,) = (action for action in tray.menu.actions() if action.text() == "Total limit")
    limits = entry.menu()
    assert limits is not None
    offered = {a.text().replace(NO_BREAK, " "): a.isChecked() for a in limits.actions() if a.text()}
    assert offered == {
        "8 GiB": True, "12 GiB": False, "16 GiB": False, "24 GiB": False, "32 GiB": False, "Custom…": False,
    }  # fmt: skip


def test_an_open_menu_keeps_its_entries(tray: Tray) -> None:
    """New sizes are written into the entries that are there; only a model that goes takes its entry along."""
    tray.show_memory(facts.usual_snapshot(), "line", 32 * GIB)
    before = tray.menu.actions()
    tray.show_memory(facts.usual_snapshot(), "another line", 32 * GIB)
    assert tray.menu.actions() == before
    assert before[0].text() == "another line"
    assert any(facts.SMOL.id in action.text() for action in before)
    tray.show_memory(dataclasses.replace(facts.usual_snapshot(), models=()), "line", 32 * GIB)
    assert not any(facts.SMOL.id in action.text() for action in tray.menu.actions())


def test_a_menu_that_stays_as_it_is_tells_the_panel_nothing(tray: Tray) -> None:
    """A tick writes the entries that it changes, and no other: each write is a message on the bus."""
    tray.show_memory(facts.usual_snapshot(), "line", 32 * GIB)
    changed = []
    for action in tray.menu.actions():
        action.changed.connect(lambda action=action: changed.append(action.text()))
    tray.show_memory(facts.usual_snapshot(), "line", 32 * GIB)
    assert changed == []
    tray.show_memory(facts.usual_snapshot(), "another line", 32 * GIB)
    assert set(changed) == {"another line"}


def test_a_name_marks_no_key(tray: Tray) -> None:
    """Names of models are seen as they are: for a panel, and for Qt, which know other marks of keys."""
    model = facts.usual_snapshot().models[0]
    named = dataclasses.replace(model, facts=msgspec.structs.replace(model.facts, name="q4_k & m"))
    snapshot = dataclasses.replace(facts.usual_snapshot(), models=(named,))
    texts = []
    for is_on_bus in (False, True):
        tray.menu.draw_on_bus(is_on_bus)
        tray.show_memory(snapshot, "line", 32 * GIB)
        texts.append(tray.menu.actions()[2].text().partition(" –")[0])
    assert texts == ["q4_k && m", "q4__k && m"]


def test_the_menu_ends_a_snooze(tray: Tray, qtbot: QtBot) -> None:
    """While warnings are snoozed the menu and the tool tip say until when, and the menu ends it."""
    tray.show_memory(facts.usual_snapshot(), "line", 32 * GIB)
    tray.show_warning("warning", "The models use a lot.", "14:39")
    assert tray.drawn == ("warning", "line\nThe models use a lot.\nWarnings are snoozed until 14:39")
    (entry,) = (a for a in tray.menu.actions() if a.text() == "Warnings are snoozed until 14:39")
    pauses = entry.menu()
    assert pauses is not None
    with qtbot.waitSignal(tray.snoozed) as snoozed:
        pauses.actions()[-1].trigger()
    assert snoozed.args == [0]
    tray.show_warning("calm", "", "")
    assert "Snooze warnings" in [action.text() for action in tray.menu.actions()]


def test_the_menu_speaks_the_language_in_force(tray: Tray) -> None:
    """The menu changes its language with the window."""
    speak("pt_BR")
    QApplication.processEvents()
    assert [action.text() for action in tray.menu.actions()][-2:] == ["Abrir", "Sair"]


def test_the_icon_changes_its_shape(qapp: QApplication) -> None:
    """At warning and critical the outline of the icon differs, not only its colour."""
    shapes = []
    for level in ("calm", "warning", "critical"):
        image = gauge_pixmap(0.5, level, 32).toImage()
        shapes.append([image.pixelColor(x, y).alpha() > 128 for x in range(32) for y in range(32)])
    assert shapes[0] != shapes[1] != shapes[2] != shapes[0]


def test_the_icon_is_a_gauge(qapp: QApplication) -> None:
    """The fuller the limit, the higher the icon is filled."""
    low, high = (gauge_pixmap(share, "calm", 32).toImage() for share in (0.4, 0.9))
    assert low.pixelColor(16, 24) == high.pixelColor(16, 24)
    assert low.pixelColor(16, 10) != high.pixelColor(16, 10)


def test_an_empty_gauge_is_one_too(qapp: QApplication) -> None:
    """With no model loaded the icon has its scale, which is no plain square."""
    image = gauge_pixmap(0.0, "calm", 22).toImage()
    inside = {image.pixelColor(17, y).name() for y in range(4, 18)}
    assert len(inside) > 1
