"""A session bus; what a panel reads of a tray icon on it, and what a notification daemon is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jeepney import DBusAddress, MessageType, Properties, message_bus, new_method_call
from jeepney.io.blocking import open_dbus_connection

WATCHER = "org.kde.StatusNotifierWatcher"
NOTIFICATIONS = "org.freedesktop.Notifications"
_ITEM = "org.kde.StatusNotifierItem"
_MENU = "com.canonical.dbusmenu"
_SECONDS = 30.0

_SETTINGS = """
<busconfig>
  <type>session</type>
  <listen>unix:dir={folder}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""


def bus_command(folder: Path) -> tuple[str, ...]:
    """The command that runs a session bus in this folder and says its address.

    It starts no service by itself: whatever is installed, there is the daemon that was started, or none.
    """
    settings = folder / "bus.conf"
    settings.write_text(_SETTINGS.format(folder=folder))
    return "dbus-daemon", f"--config-file={settings}", "--nofork", "--print-address=1"


class SessionBus:
    """Asks the programs on a bus, as one of them."""

    def __init__(self, address: str) -> None:
        self._bus = open_dbus_connection(address)

    def close(self) -> None:
        """Leave the bus."""
        self._bus.close()

    def has(self, name: str) -> bool:
        """Whether a service of that name is there."""
        return bool(self._ask(message_bus.NameHasOwner(name))[0])

    def items(self, pid: int) -> list[TrayItem]:
        """The tray icons of a process that the panel knows; none without a panel."""
        if not self.has(WATCHER):
            return []
        watcher = DBusAddress("/StatusNotifierWatcher", WATCHER, WATCHER)
        found = []
        for known in self._ask(Properties(watcher).get("RegisteredStatusNotifierItems"))[0][1]:
            name, slash, path = known.partition("/")
            if self.has(name) and self._ask(message_bus.GetConnectionUnixProcessID(name))[0] == pid:
                found.append(TrayItem(self, name, slash + path))
        return found

    def property_of(self, name: str, path: str, what: str) -> Any:
        """A property of a tray icon."""
        return self._ask(Properties(DBusAddress(path, name, _ITEM)).get(what))[0][1]

    def layout_of(self, name: str, menu: str) -> Any:
        """The whole menu of a tray icon, with its number, properties and entries."""
        asked = new_method_call(DBusAddress(menu, name, _MENU), "GetLayout", "iias", (0, -1, []))
        return self._ask(asked)[1]

    def _ask(self, message: Any) -> Any:
        reply = self._bus.send_and_get_reply(message, timeout=_SECONDS)
        assert reply.header.message_type is MessageType.method_return, reply.body
        return reply.body


@dataclass(frozen=True)
class TrayItem:
    """A tray icon that a panel knows."""

    bus: SessionBus
    name: str
    path: str

    @property
    def tool_tip(self) -> str:
        """What is shown when the mouse rests on it."""
        _, _, title, text = self.bus.property_of(self.name, self.path, "ToolTip")
        return str(title or text)

    @property
    def entries(self) -> list[str]:
        """Its menu as a person reads it: `Total limit > 8 GiB`; `[one]` cannot be chosen."""
        menu = self.bus.property_of(self.name, self.path, "Menu")
        return list(_entries(self.bus.layout_of(self.name, menu)))


def _entries(layout: Any) -> Iterator[str]:
    for _, (_, properties, below) in layout[2]:
        label = properties.get("label", ("s", ""))[1]
        # One underscore marks a key, two are one that is seen.
        text = "_".join(part.replace("_", "") for part in label.split("__"))
        if below:
            yield from (f"{text} > {entry}" for entry in _entries((0, properties, below)))
        elif text:
            yield text if properties.get("enabled", ("b", True))[1] else f"[{text}]"


@dataclass(frozen=True)
class Notification:
    """A call to show a notification."""

    replaces: int
    title: str
    text: str
    buttons: list[str]


class NotificationMonitor:
    """Hears every notification that is asked for on a bus."""

    def __init__(self, address: str) -> None:
        self._bus = open_dbus_connection(address)
        monitoring = DBusAddress(
            "/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus.Monitoring"
        )
        rules = [f"type='method_call',interface='{NOTIFICATIONS}',member='Notify'"]
        become = new_method_call(monitoring, "BecomeMonitor", "asu", (rules, 0))
        self._bus.send_and_get_reply(become, timeout=_SECONDS)
        self.heard: list[Notification] = []

    def listen(self) -> list[Notification]:
        """All notifications that were asked for so far."""
        while True:
            try:
                message = self._bus.receive(timeout=0)
            except TimeoutError:
                return self.heard
            if message.header.message_type is MessageType.method_call:
                _, replaces, _, title, text, actions, _, _ = message.body
                self.heard.append(Notification(replaces, title, text, actions[1::2]))

    def close(self) -> None:
        """Leave the bus."""
        self._bus.close()
