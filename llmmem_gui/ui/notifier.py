"""The warning that stands as one notification of the desktop, with buttons: shown, updated and taken away."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QSocketNotifier, Signal
from PySide6.QtGui import QIcon, QImage

from llmmem_gui import resources
from llmmem_gui.ui.memory_warnings import MemoryWarning
from llmmem_gui.ui.requests import Request

log = logging.getLogger(__name__)

_NAME = "org.freedesktop.Notifications"
_PATH = "/org/freedesktop/Notifications"
_OPEN = "default"
_ICON_SIDE = 48
_NUMBERS_AGE_SECONDS = 10.0
"""Numbers of a notification on the screen may be this old: each new one is a message on the bus."""


class Notifier(QObject):
    """Shows warnings by the desktop's notification service, else by `fallback` (title, text, critical).

    Qt's own `showMessage` drops the message where there is no tray and has no buttons, and QtDBus cannot
    send the unsigned number that the service wants: so the call is made with jeepney.

    Signals: `requested` with the request of the button pressed, `open_asked`.
    """

    requested = Signal(object)
    open_asked = Signal()

    def __init__(self, fallback: Callable[[str, str, bool], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._fallback = fallback
        self._bus: Any = None
        self._socket: QSocketNotifier | None = None
        self._answers: dict[int, Callable[[tuple[Any, ...]], None]] = {}
        """What to do with the answer to the call with that serial number."""
        self._failures: dict[int, Callable[[], None]] = {}
        self._wanted: MemoryWarning | None = None
        """What is to stand on the screen; None: nothing."""
        self._told: MemoryWarning | None = None
        """What the service was asked to show last."""
        self._told_at = 0.0
        self._is_asking = False
        """A call is under way: what comes meanwhile is told afterwards, so that it can take the place."""
        self._buttons_shown: bool | None = None
        """Whether this service shows buttons; None: it was not asked yet."""
        self._shown_id = 0
        self._requests: dict[str, Request] = {}

    def close(self) -> None:
        """Take the notification away and leave the bus."""
        self.withdraw()
        self._leave()

    def show(self, warning: MemoryWarning) -> None:
        """Show a warning, in place of the last one."""
        self._wanted, self._told = warning, None
        if not self._join():
            self._fall_back()
        else:
            self._settle()

    def update(self, warning: MemoryWarning) -> None:
        """Let the notification say this, if it is still on the screen; one that was closed stays so."""
        if self._wanted is None or self._wanted == warning:
            return
        before, self._wanted = self._wanted, warning
        only_numbers = _kind(before) == _kind(warning) == (_kind(self._told) if self._told else None)
        if not only_numbers or time.monotonic() - self._told_at >= _NUMBERS_AGE_SECONDS:
            self._settle()

    def withdraw(self) -> None:
        """Take the notification away: what it said is over, or is seen elsewhere."""
        self._wanted = None
        self._settle()

    @property
    def wanted(self) -> MemoryWarning | None:
        """What is to stand on the screen; None: nothing."""
        return self._wanted

    def _settle(self) -> None:
        """Make what the service shows what is wanted; with a call under way, when that is answered."""
        if self._bus is None or self._is_asking:
            return
        if self._wanted is None:
            if self._shown_id:
                self._call("CloseNotification", "u", (self._shown_id,))
                self._shown_id = 0
        elif self._wanted != self._told:
            self._tell(self._wanted)

    def _fall_back(self) -> None:
        self._is_asking = False
        warning, self._wanted = self._wanted, None
        if warning is not None:
            self._fallback(warning.title, warning.text, warning.level == "critical")

    # --- the bus -----------------------------------------------------------------------------------------

    def _join(self) -> bool:
        if self._bus is not None:
            return True
        if sys.platform != "linux" or not os.environ.get("DBUS_SESSION_BUS_ADDRESS"):
            return False
        from jeepney import MatchRule, message_bus
        from jeepney.io.blocking import open_dbus_connection

        try:
            self._bus = open_dbus_connection("SESSION")
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            log.warning("no session bus for notifications: %s", error)
            return False
        self._socket = QSocketNotifier(self._bus.sock.fileno(), QSocketNotifier.Type.Read, self)
        self._socket.activated.connect(self._read)
        comes_and_goes = MatchRule(type="signal", interface=message_bus.interface, member="NameOwnerChanged")
        comes_and_goes.add_arg_condition(0, _NAME)
        for rule in (MatchRule(type="signal", interface=_NAME, path=_PATH), comes_and_goes):
            self._bus.send(message_bus.AddMatch(rule))
        return True

    def _leave(self) -> None:
        if self._socket is not None:
            self._socket.setEnabled(False)
            self._socket.deleteLater()
            self._socket = None
        if self._bus is not None:
            self._bus.close()
            self._bus = None
        self._answers.clear()
        self._failures.clear()
        self._forget_service()
        self._fall_back()

    def _call(
        self,
        method: str,
        signature: str,
        arguments: tuple[Any, ...],
        answer: Callable[[tuple[Any, ...]], None] | None = None,
        failure: Callable[[], None] | None = None,
    ) -> None:
        from jeepney import DBusAddress, new_method_call

        message = new_method_call(DBusAddress(_PATH, _NAME, _NAME), method, signature or None, arguments)
        serial = next(self._bus.outgoing_serial)
        if answer is not None:
            self._answers[serial] = answer
        if failure is not None:
            self._failures[serial] = failure
        try:
            self._bus.send(message, serial=serial)
        except OSError as error:
            log.warning("the session bus is gone: %s", error)
            self._leave()

    def _read(self) -> None:
        from jeepney import HeaderFields, MessageType

        while self._bus is not None:
            try:
                message = self._bus.receive(timeout=0)
            except TimeoutError:
                return
            except (OSError, EOFError) as error:
                log.warning("the session bus is gone: %s", error)
                self._leave()
                return
            fields = message.header.fields
            if message.header.message_type == MessageType.signal:
                self._take_signal(fields.get(HeaderFields.member, ""), message.body)
                continue
            serial = fields.get(HeaderFields.reply_serial, 0)
            answer, failure = self._answers.pop(serial, None), self._failures.pop(serial, None)
            if message.header.message_type == MessageType.method_return and answer is not None:
                answer(message.body)
            elif message.header.message_type == MessageType.error and failure is not None:
                failure()

    # --- notifications -----------------------------------------------------------------------------------

    def _tell(self, warning: MemoryWarning) -> None:
        self._is_asking = True
        if self._buttons_shown is None:
            self._call("GetCapabilities", "", (), self._take_capabilities, self._fall_back)
        else:
            self._told, self._told_at = warning, time.monotonic()
            self._notify(warning, self._buttons_shown)

    def _notify(self, warning: MemoryWarning, buttons_shown: bool) -> None:
        self._requests = {f"offer-{place}": offer.request for place, offer in enumerate(warning.offers)}
        actions = [_OPEN, self.tr("Open")]
        for key, offer in zip(self._requests, warning.offers, strict=True):
            actions += [key, offer.text]
        critical = warning.level == "critical"
        hints = {
            "urgency": ("y", 2 if critical else 1),
            "desktop-entry": ("s", resources.APPLICATION_ID),
            "category": ("s", "device.error" if critical else "device"),
            "image-data": _picture(),
        }
        text = warning.text if buttons_shown else f"{warning.text} {self.tr('Open LLM Memory to act.')}"
        arguments = (
            "LLM Memory",
            self._shown_id,
            resources.APPLICATION_ID,
            warning.title,
            text.replace("&", "&amp;").replace("<", "&lt;"),
            actions if buttons_shown else [],
            hints,
            -1,
        )
        self._call("Notify", "susssasa{sv}i", arguments, self._take_id, self._fall_back)

    def _take_capabilities(self, body: tuple[Any, ...]) -> None:
        self._buttons_shown = "actions" in body[0]
        self._is_asking = False
        self._settle()

    def _take_id(self, body: tuple[Any, ...]) -> None:
        self._shown_id = int(body[0])
        self._is_asking = False
        self._settle()

    def _take_signal(self, member: str, body: tuple[Any, ...]) -> None:
        if member == "NameOwnerChanged":
            self._forget_service()
        elif not body or body[0] != self._shown_id or not self._shown_id:
            return
        elif member == "NotificationClosed":
            self._shown_id, self._wanted = 0, None
        elif member == "ActionInvoked":
            request = self._requests.get(body[1])
            if request is not None:
                self.requested.emit(request)
            elif body[1] == _OPEN:
                self.open_asked.emit()

    def _forget_service(self) -> None:
        """Another service counts from 1 anew: the number may be that of another program's notification."""
        self._shown_id = 0
        self._buttons_shown = None
        self._told = None


def _kind(warning: MemoryWarning) -> tuple[object, ...]:
    """What of a warning is more than a number."""
    return warning.title, warning.level, tuple(offer.request for offer in warning.offers)


def _picture() -> tuple[str, tuple[Any, ...]]:
    """The program's icon, pixel by pixel: its name is known only to a desktop on which it was installed."""
    drawn = QIcon(str(resources.application_icon())).pixmap(_ICON_SIDE, _ICON_SIDE).toImage()
    image = drawn.convertToFormat(QImage.Format.Format_RGBA8888)
    size = (image.width(), image.height(), image.bytesPerLine())
    return "(iiibiiay)", (*size, True, 8, 4, bytes(image.constBits()))
