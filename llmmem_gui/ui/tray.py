"""The tray icon: a gauge, a tool tip, and a menu that is built when it opens."""

from __future__ import annotations

import sys

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction, QGuiApplication
from PySide6.QtWidgets import QMenu, QSystemTrayIcon

from llmmem_gui.core.snapshot import CacheSnapshot, State
from llmmem_gui.core.units import GIB
from llmmem_gui.ui import figures
from llmmem_gui.ui import requests as ask
from llmmem_gui.ui.gauge_icon import GaugeLevel, gauge_icon

_WITHOUT_TRAYS = ("offscreen", "minimal", "vnc", "linuxfb", "eglfs")
_WATCHER = "org.kde.StatusNotifierWatcher"
_LIMITS_GIB = (2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128)


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
        self._snapshot: CacheSnapshot | None = None
        self._machine_bytes = 0
        self._line = "LLM Memory"
        self._level: GaugeLevel = "calm"
        self._drawn: tuple[int, GaugeLevel] | None = None
        self.menu = QMenu()
        self.menu.aboutToShow.connect(self._fill)
        self._fill()
        self._icon = self._made()
        self._watcher = self._watch()

    def _made(self) -> QSystemTrayIcon | None:
        """The icon; on X11 also before there is a tray, None where there never is one."""
        if QGuiApplication.platformName() in _WITHOUT_TRAYS:
            return None
        icon = QSystemTrayIcon(gauge_icon(0.0), self)
        icon.setToolTip(self._line)
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
        self.menu.deleteLater()

    def show_memory(self, snapshot: CacheSnapshot, line: str, machine_bytes: int) -> None:
        """Show this state of the cache; `line` is the first line of the window."""
        self._snapshot, self._line, self._machine_bytes = snapshot, line, machine_bytes
        limit = snapshot.bounds.total_limit_bytes
        share = snapshot.resident_bytes / limit if limit else 0.0
        if self._icon is None:
            return
        if self._icon.toolTip() != line:
            self._icon.setToolTip(line)
        drawn = (round(min(1.0, share) * 24), self._level)
        if drawn != self._drawn:
            self._drawn = drawn
            self._icon.setIcon(gauge_icon(drawn[0] / 24, self._level))

    def show_level(self, level: GaugeLevel) -> None:
        """Change colour and shape with the gravity of what was warned of."""
        if level != self._level:
            self._level = level
            if self._snapshot is not None:
                self.show_memory(self._snapshot, self._line, self._machine_bytes)

    def show_message(self, title: str, text: str, *, critical: bool) -> None:
        """Say something by the tray itself, where there are no desktop notifications."""
        icon = QSystemTrayIcon.MessageIcon
        if self._icon is not None:
            self._icon.showMessage(title, text, icon.Critical if critical else icon.Warning, 15_000)

    def _tray_came(self, _: str) -> None:
        if self._icon is not None:
            self._icon.hide()
            self._icon.deleteLater()
        self._icon = self._made()
        self._drawn = None
        if self._snapshot is not None:
            self.show_memory(self._snapshot, self._line, self._machine_bytes)
        self.available_changed.emit(True)

    def _activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        # On macOS a click opens the menu.
        if reason == QSystemTrayIcon.ActivationReason.Trigger and sys.platform != "darwin":
            self.toggle_asked.emit()

    # --- the menu ----------------------------------------------------------------------------------------

    def _fill(self) -> None:
        menu = self.menu
        menu.clear()
        line = menu.addAction(self._line)
        line.setEnabled(False)
        menu.addSeparator()
        loaded = [m for m in self._snapshot.models if m.state.holds_host] if self._snapshot else []
        for model in loaded:
            size = figures.size(model.resident_bytes)
            entry = menu.addMenu(f"{model.facts.name} – {size}")
            action = entry.addAction(self.tr("Unload"))
            action.setEnabled(model.state is not State.UNLOADING)
            action.triggered.connect(
                lambda _=False, model_id=model.id: self.requested.emit(ask.Unload(model_id))
            )
        if loaded:
            menu.addSeparator()
        self._add(menu, self.tr("Unload all"), ask.UnloadAll()).setEnabled(bool(loaded))
        idle = any(m.eviction_rank is not None for m in loaded)
        self._add(menu, self.tr("Clean up unused"), ask.CleanUp()).setEnabled(idle)
        self._add_limits(menu.addMenu(self.tr("Total limit")))
        snooze = menu.addMenu(self.tr("Snooze warnings"))
        for minutes, text in ((60, self.tr("1 hour")), (480, self.tr("8 hours")), (0, self.tr("Not at all"))):
            snooze.addAction(text).triggered.connect(lambda _=False, m=minutes: self.snoozed.emit(m))
        menu.addSeparator()
        menu.addAction(self.tr("Open")).triggered.connect(self.open_asked)
        menu.addAction(self.tr("Quit")).triggered.connect(self.quit_asked)

    def _add(self, menu: QMenu, text: str, request: ask.Request) -> QAction:
        action = menu.addAction(text)
        action.triggered.connect(lambda _=False: self.requested.emit(request))
        return action

    def _add_limits(self, menu: QMenu) -> None:
        now = self._snapshot.bounds.total_limit_bytes if self._snapshot else None
        for gib in [g for g in _LIMITS_GIB if g * GIB <= max(self._machine_bytes, 4 * GIB)][-5:]:
            action = self._add(menu, figures.chosen_size(gib * GIB), ask.SetLimit(None, gib * GIB))
            action.setCheckable(True)
            action.setChecked(now == gib * GIB)
        menu.addSeparator()
        menu.addAction(self.tr("Custom…")).triggered.connect(self.custom_limit_asked)
