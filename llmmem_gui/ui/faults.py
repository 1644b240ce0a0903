"""Faults of the program itself: into the log, and once each into the window."""

from __future__ import annotations

import faulthandler
import logging
import sys
import threading
import traceback
from pathlib import Path
from types import TracebackType
from typing import IO

from PySide6.QtCore import QMessageLogContext, QObject, QtMsgType, Signal, qInstallMessageHandler

log = logging.getLogger(__name__)

_LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}


class Faults(QObject):
    """Catches what nobody caught, in every thread.

    Signals: `met` with a sentence and the details, once for each place in the code.
    """

    met = Signal(str, str)

    def __init__(self, crash_file: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._seen: set[tuple[str, int]] = set()
        self._crash_log: IO[str] = open(crash_file, "a", encoding="utf-8")  # noqa: SIM115 - until `close`
        self._faulthandler_was_on = faulthandler.is_enabled()
        faulthandler.enable(self._crash_log)
        self._hooks = (sys.excepthook, threading.excepthook)
        sys.excepthook = self._caught
        threading.excepthook = lambda args: self._caught(
            args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback
        )
        self._qt_handler = qInstallMessageHandler(self._from_qt)

    def close(self) -> None:
        """Let Python and Qt report faults as before."""
        qInstallMessageHandler(self._qt_handler)
        sys.excepthook, threading.excepthook = self._hooks
        faulthandler.disable()
        if self._faulthandler_was_on:
            faulthandler.enable()
        self._crash_log.close()

    def _caught(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            return
        details = "".join(traceback.format_exception(kind, error, trace))
        log.error("nobody caught this:\n%s", details)
        last = traceback.extract_tb(trace)[-1:] if trace else []
        place = (last[0].filename, last[0].lineno or 0) if last else (kind.__name__, 0)
        if place not in self._seen:
            self._seen.add(place)
            sentence = self.tr("Something in LLM Memory went wrong ({error}); the models go on.")
            self.met.emit(sentence.format(error=kind.__name__), details)

    def _from_qt(self, kind: QtMsgType, context: QMessageLogContext, message: str) -> None:
        log.log(_LEVELS.get(kind, logging.WARNING), "Qt: %s", message)
