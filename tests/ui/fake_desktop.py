"""A desktop's half of the session bus: tray watcher and notification service, driven over standard input.

Lines in: `watch` and `unwatch` put the watcher on the bus and take it off, `press ID KEY` presses a button
of a notification, `dismiss ID` closes one as a person does, `read` tells the tool tip and the menu of the
item that registered last, `click TEXT` clicks an entry of its menu. Lines out: JSON, one event each.

No future annotations here: dbus-fast reads the signatures of D-Bus from them.
"""

import asyncio
import json
import sys
from typing import Any

from dbus_fast import Message, MessageType, PropertyAccess, RequestNameReply, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property, dbus_signal

WATCHER = "org.kde.StatusNotifierWatcher"
NOTIFICATIONS = "org.freedesktop.Notifications"


def tell(**event: Any) -> None:
    """Write one event."""
    print(json.dumps(event), flush=True)  # noqa: T201 - this is how it speaks


class Watcher(ServiceInterface):
    """The watcher that tray icons register with."""

    def __init__(self) -> None:
        super().__init__(WATCHER)
        self.items: list[tuple[str, str]] = []
        self.sender = ""

    @dbus_method()
    def RegisterStatusNotifierItem(self, service: "s") -> None:  # noqa: F821
        name, path = (self.sender, service) if service.startswith("/") else (service, "/StatusNotifierItem")
        self.items.append((name, path))
        tell(event="registered", name=name, path=path)

    @dbus_method()
    def RegisterStatusNotifierHost(self, service: "s") -> None:  # noqa: F821
        pass

    @dbus_property(access=PropertyAccess.READ)
    def RegisteredStatusNotifierItems(self) -> "as":  # noqa: F722
        return [f"{name}{path}" for name, path in self.items]

    @dbus_property(access=PropertyAccess.READ)
    def IsStatusNotifierHostRegistered(self) -> "b":  # noqa: F821
        return True

    @dbus_property(access=PropertyAccess.READ)
    def ProtocolVersion(self) -> "i":  # noqa: F821
        return 0


class Notifications(ServiceInterface):
    """The service that shows notifications."""

    def __init__(self) -> None:
        super().__init__(NOTIFICATIONS)
        self.last = 0

    @dbus_method()
    def GetCapabilities(self) -> "as":  # noqa: F722
        return ["actions", "body"]

    @dbus_method()
    def GetServerInformation(self) -> "ssss":  # noqa: F821
        return ["fake", "tests", "1", "1.2"]

    @dbus_method()
    def Notify(
        self,
        application: "s",  # noqa: F821
        replaces: "u",  # noqa: F821
        icon: "s",  # noqa: F821
        summary: "s",  # noqa: F821
        body: "s",  # noqa: F821
        actions: "as",  # noqa: F722
        hints: "a{sv}",  # noqa: F722
        timeout: "i",  # noqa: F821
    ) -> "u":  # noqa: F821
        if not replaces:
            self.last += 1
        urgency = hints["urgency"]
        tell(
            event="notified", id=replaces or self.last, replaces=replaces, summary=summary, body=body,
            actions=actions, urgency=[urgency.signature, urgency.value],
        )  # fmt: skip
        return replaces or self.last

    @dbus_method()
    def CloseNotification(self, number: "u") -> None:  # noqa: F821
        tell(event="closed", id=number)

    @dbus_signal()
    def NotificationClosed(self, number: int, reason: int) -> "uu":  # noqa: F821
        return [number, reason]

    @dbus_signal()
    def ActionInvoked(self, number: int, key: str) -> "us":  # noqa: F821
        return [number, key]


async def call(
    bus: MessageBus, name: str, path: str, interface: str, member: str, *body: Any, signature: str
) -> Any:
    """Call a method and return what it answers."""
    reply = await bus.call(Message(name, path, interface, member, signature=signature, body=list(body)))
    assert reply is not None
    if reply.message_type is MessageType.ERROR:
        raise RuntimeError(f"{member}: {reply.error_name} {reply.body}")
    return reply.body


async def property_of(bus: MessageBus, name: str, path: str, what: str) -> Any:
    """A property of a tray item."""
    body = await call(
        bus, name, path, "org.freedesktop.DBus.Properties", "Get",
        "org.kde.StatusNotifierItem", what, signature="ss",
    )  # fmt: skip
    return body[0].value


async def menu_of(bus: MessageBus, name: str, path: str) -> tuple[str, Any]:
    """Path and layout of the menu of a tray item, opened as a panel opens it."""
    menu = await property_of(bus, name, path, "Menu")
    interface = "com.canonical.dbusmenu"
    await call(bus, name, menu, interface, "AboutToShow", 0, signature="i")
    _, layout = await call(bus, name, menu, interface, "GetLayout", 0, -1, [], signature="iias")
    return menu, layout


def entries(layout: Any, above: str = "") -> list[tuple[int, str]]:
    """Number and text of each entry, those of submenus with the text above them."""
    number, properties, children = layout
    text = str(properties["label"].value).replace("_", "") if "label" in properties else ""
    full = f"{above} > {text}" if above else text
    found = [(number, full)] if text else []
    for child in children:
        found += entries(child.value if isinstance(child, Variant) else child, full)
    return found


async def main() -> None:
    """Serve until standard input ends."""
    bus = await MessageBus().connect()
    watcher, notifications = Watcher(), Notifications()

    def note_sender(message: Message) -> None:
        if message.member == "RegisterStatusNotifierItem":
            watcher.sender = message.sender or ""

    bus.add_message_handler(note_sender)
    bus.export("/StatusNotifierWatcher", watcher)
    bus.export("/org/freedesktop/Notifications", notifications)
    reply = await bus.request_name(NOTIFICATIONS)
    assert reply is RequestNameReply.PRIMARY_OWNER
    tell(event="ready")
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        command, _, rest = line.strip().partition(" ")
        if command == "watch":
            await bus.request_name(WATCHER)
        elif command == "unwatch":
            await bus.release_name(WATCHER)
        elif command == "press":
            number, _, key = rest.partition(" ")
            notifications.ActionInvoked(int(number), key)
        elif command == "dismiss":
            notifications.NotificationClosed(int(rest), 2)
        elif command == "read":
            name, path = watcher.items[-1]
            tip = await property_of(bus, name, path, "ToolTip")
            _, layout = await menu_of(bus, name, path)
            tell(event="read", tool_tip=tip[2] or tip[3], entries=[text for _, text in entries(layout)])
        elif command == "click":
            name, path = watcher.items[-1]
            menu, layout = await menu_of(bus, name, path)
            number = next(number for number, text in entries(layout) if text == rest)
            await call(
                bus, name, menu, "com.canonical.dbusmenu", "Event",
                number, "clicked", Variant("i", 0), 0, signature="isvu",
            )  # fmt: skip


if __name__ == "__main__":
    asyncio.run(main())
