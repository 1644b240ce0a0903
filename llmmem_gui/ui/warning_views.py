"""Draws the one state of warnings everywhere it is seen: in the window, in the tray and by the desktop."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication

from llmmem_gui.core.events import Event
from llmmem_gui.core.snapshot import CacheSnapshot
from llmmem_gui.ui import figures
from llmmem_gui.ui.main_window import MainWindow
from llmmem_gui.ui.memory_warnings import MemoryWarnings
from llmmem_gui.ui.notifier import Notifier
from llmmem_gui.ui.tray import Tray


class WarningViews(QObject):
    """Connects the warnings with the banner, the tray icon, its tool tip and the notification."""

    def __init__(
        self,
        window: MainWindow,
        tray: Tray,
        notifier: Notifier,
        notifies: Callable[[], bool],
        parent: QObject | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`notifies` says whether the desktop is told of warnings."""
        super().__init__(parent)
        self.warnings = MemoryWarnings(self)
        self._window = window
        self._tray = tray
        self._notifier = notifier
        self._notifies = notifies
        self._clock = clock
        self.warnings.changed.connect(self.draw)
        self.warnings.due.connect(self._notify)
        window.notices.warning_closed.connect(self.warnings.close)
        window.snoozed.connect(self._snooze)
        window.retranslated.connect(self.draw)
        tray.snoozed.connect(self._snooze)
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        application.focusWindowChanged.connect(self._focus_moved)

    def take_event(self, event: Event) -> None:
        """Take in that a warning has to be told."""
        self.warnings.take_event(event)

    def take(self, snapshot: CacheSnapshot) -> None:
        """Take in how things are."""
        self.warnings.take(snapshot, self._clock())

    def draw(self) -> None:
        """Draw what is so now, in the language in force."""
        warning = self.warnings.warning()
        until = self.warnings.snoozed_until
        snoozed_until = figures.clock(until) if until else ""
        self._window.notices.show_warning(warning.notice if warning else None)
        self._window.status.show_snoozed(snoozed_until)
        self._tray.show_warning(self.warnings.level, warning.text if warning else "", snoozed_until)
        if warning is None:
            self._notifier.withdraw()
        else:
            self._notifier.update(warning)

    def _notify(self) -> None:
        warning = self.warnings.warning()
        if warning is not None and self._notifies() and not self._window.isActiveWindow():
            self._notifier.show(warning)

    def _snooze(self, minutes: int) -> None:
        self.warnings.snooze(minutes, self._clock())

    def _focus_moved(self, focused: object) -> None:
        """What stands in the window that is looked at needs no notification."""
        if focused is not None and focused is self._window.windowHandle():
            self._notifier.withdraw()
