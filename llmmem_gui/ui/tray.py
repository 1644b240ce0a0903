"""The tray icon: a gauge, a tool tip and a menu."""

from __future__ import annotations

import sys

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QSystemTrayIcon

from llmmem_gui.core.snapshot import CacheSnapshot
from llmmem_gui.ui.gauge_icon import GaugeLevel, gauge_icon
from llmmem_gui.ui.tray_menu import TrayMenu

_WITHOUT_TRAYS = ("offscreen", "minimal", "vnc", "linuxfb", "eglfs")
_WATCHER = "org.kde.StatusNotifierWatcher"
_MESSAGE_MILLISECONDS = 15_000
_STEPS = 24
"""Heights of the gauge that are told apart: so many pixels has the icon in most panels."""


class Tray(QObject):
    """Shows the gauge while the desktop has a tray, also one that comes late.

    Signals: `requested` with a request; `open_asked`, `toggle_asked`, `custom_limit_asked`, `quit_asked`;
    `snoozed` with minutes; `available_changed`.
    """

    requested = Signal(object)
    open_asked = Signal()
    toggle_asked = Signal()
    custom_limit_asked = Signal()
    quit_asked = Signal()
    snoozed = Signal(int)
    available_changed = Signal(bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._line = "LLM Memory"
        self._share = 0.0
        self._level: GaugeLevel = "calm"
        self._notes: tuple[str, ...] = ()
        """Lines of the tool tip below the first one."""
        self._drawn: tuple[int, GaugeLevel] | None = None
        self.menu = TrayMenu()
        # A menu is nobody's child, and facts come until the service has ended.
        self.destroyed.connect(self.menu.deleteLater)
        self.menu.requested.connect(self.requested)
        self.menu.open_asked.connect(self.open_asked)
        self.menu.custom_limit_asked.connect(self.custom_limit_asked)
        self.menu.quit_asked.connect(self.quit_asked)
        self.menu.snoozed.connect(self.snoozed)
        self._icon = self._made()
        self._watcher = self._watch()

    def _made(self) -> QSystemTrayIcon | None:
        """The icon; on X11 also before there is a tray, None where there never is one."""
        if QGuiApplication.platformName() in _WITHOUT_TRAYS:
            return None
        icon = QSystemTrayIcon(gauge_icon(0.0), self)
        icon.setToolTip(self._tip)
        self.menu.draw_on_bus(_panel_draws_menus())
        icon.setContextMenu(self.menu)
        icon.activated.connect(self._activated)
        icon.messageClicked.connect(self.open_asked)
        icon.show()
        return icon

    def _watch(self) -> QObject | None:
        """Notice a tray that starts after this program: an icon made before never shows in it."""
        if sys.platform != "linux":
            return None
        from PySide6.QtDBus import QDBusConnection, QDBusServiceWatcher

        bus = QDBusConnection.sessionBus()
        if not bus.isConnected():
            return None
        watcher = QDBusServiceWatcher(
            _WATCHER, bus, QDBusServiceWatcher.WatchModeFlag.WatchForOwnerChange, self
        )
        watcher.serviceRegistered.connect(self._tray_came)
        watcher.serviceUnregistered.connect(lambda _: self.available_changed.emit(self.is_available))
        return watcher

    @property
    def is_available(self) -> bool:
        """Whether the desktop shows tray icons right now."""
        return QSystemTrayIcon.isSystemTrayAvailable()

    def close(self) -> None:
        """Take the icon away."""
        if self._icon is not None:
            self._icon.hide()

    def show_memory(self, snapshot: CacheSnapshot, line: str, machine_bytes: int) -> None:
        """Show this state of the cache; `line` is the first line of the window."""
        self.menu.show_memory(snapshot, line, machine_bytes)
        limit = snapshot.bounds.total_limit_bytes
        self._share = snapshot.resident_bytes / limit if limit else 0.0
        self._line = line
        self._draw()

    def show_warning(self, level: GaugeLevel, text: str, snoozed_until: str) -> None:
        """Show how grave things are by colour and shape, and what is wrong in the tool tip.

        `snoozed_until` is the time of day until when warnings are snoozed, or empty.
        """
        self._level = level
        snoozed = self.tr("Warnings are snoozed until {time}").format(time=snoozed_until)
        self._notes = tuple(note for note in (text, snoozed if snoozed_until else "") if note)
        self.menu.show_snoozed(snoozed_until)
        self._draw()

    @property
    def _tip(self) -> str:
        return "\n".join((self._line, *self._notes))

    @property
    def drawn(self) -> tuple[GaugeLevel, str]:
        """The level and the tool tip as they are shown."""
        return self._level, self._tip

    def _draw(self) -> None:
        if self._icon is None:
            return
        if self._icon.toolTip() != self._tip:
            self._icon.setToolTip(self._tip)
        steps = min(_STEPS, max(round(self._share * _STEPS), 1 if self._share > 0 else 0))
        if (steps, self._level) != self._drawn:
            self._drawn = steps, self._level
            self._icon.setIcon(gauge_icon(steps / _STEPS, self._level))

    def show_message(self, title: str, text: str, *, level: GaugeLevel) -> None:
        """Say something by the tray itself, where there are no desktop notifications."""
        if self._icon is None:
            return
        icon = QSystemTrayIcon.MessageIcon
        if level == "calm":
            # A panel shows the sign of a message instead of the icon: what is no warning keeps the icon.
            self._icon.showMessage(title, text, self._icon.icon(), _MESSAGE_MILLISECONDS)
        else:
            sign = icon.Critical if level == "critical" else icon.Warning
            self._icon.showMessage(title, text, sign, _MESSAGE_MILLISECONDS)

    def _tray_came(self, _: str) -> None:
        if self._icon is not None:
            self._icon.hide()
            self._icon.deleteLater()
        self._icon = self._made()
        self._drawn = None
        self._draw()
        self.available_changed.emit(True)

    def _activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        # On macOS a click opens the menu.
        if reason == QSystemTrayIcon.ActivationReason.Trigger and sys.platform != "darwin":
            self.toggle_asked.emit()


def _panel_draws_menus() -> bool:
    """Whether the icon and its menu go to the panel over the session bus, as Qt decides for a new icon."""
    if sys.platform != "linux":
        return False
    if QGuiApplication.platformName() != "xcb":
        return True
    from PySide6.QtDBus import QDBusConnection

    names = QDBusConnection.sessionBus().interface()
    return names is not None and bool(names.isServiceRegistered(_WATCHER).value())
