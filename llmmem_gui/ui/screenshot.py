"""`llmmem-gui --screenshot FILE`: loads what is asked for, saves a picture of the real window, and ends."""

from __future__ import annotations

import argparse
import logging

from PySide6.QtCore import QObject, QSize, QTimer

from llmmem_gui.ui import requests as ask
from llmmem_gui.ui.desktop import Desktop

log = logging.getLogger(__name__)

_LONGEST_LOAD_SECONDS = 300


class Screenshot(QObject):
    """Takes one picture of the window and quits; `status` is then the exit status."""

    def __init__(self, desktop: Desktop, options: argparse.Namespace) -> None:
        super().__init__(desktop)
        self._desktop = desktop
        self._options = options
        self._waiting = list(options.load)
        self.status = 1
        width, _, height = options.size.partition("x")
        self.size = QSize(int(width), int(height))
        desktop.ready.connect(self._next)
        desktop.service.concluded.connect(self._concluded)
        QTimer.singleShot(_LONGEST_LOAD_SECONDS * 1000, self, desktop.quit)

    def _next(self) -> None:
        if self._waiting:
            self._desktop.service.carry_out(ask.Load(self._waiting.pop(0)), "window")
        else:
            QTimer.singleShot(round(self._options.seconds * 1000), self, self._take)

    def _concluded(self, outcome: ask.Outcome) -> None:
        if isinstance(outcome.request, ask.Load):
            if outcome.problem is not None:
                log.error("%s", outcome.problem.sentence)
            self._next()

    def _take(self) -> None:
        window = self._desktop.window
        if self._options.select:
            window.table.choose(self._options.select)
        QTimer.singleShot(300, self, self._save)

    def _save(self) -> None:
        saved = self._desktop.window.grab().save(self._options.screenshot, "PNG")
        self.status = 0 if saved else 1
        if not saved:
            log.error("%s cannot be written: choose another folder", self._options.screenshot)
        self._desktop.quit()
