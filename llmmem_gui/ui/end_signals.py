"""SIGINT, SIGTERM and SIGHUP reach Python although Qt's event loop runs."""

from __future__ import annotations

import contextlib
import signal
import socket

from PySide6.QtCore import QObject, QSocketNotifier, Signal


class EndSignals(QObject):
    """Emits `received` when the process is asked to end. Must be made in the main thread.

    Signals: `received`.
    """

    received = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._reading, self._writing = socket.socketpair()
        self._reading.setblocking(False)
        self._writing.setblocking(False)
        # Python runs its handlers only between two bytecodes: the byte written here wakes Qt, and so Python.
        self._before = signal.set_wakeup_fd(self._writing.fileno(), warn_on_full_buffer=False)
        self._handlers = {}
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None:
                self._handlers[number] = signal.signal(number, lambda *_: self.received.emit())
        self._notifier = QSocketNotifier(self._reading.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._drain)

    def close(self) -> None:
        """Give the signals back to whoever had them."""
        self._notifier.setEnabled(False)
        signal.set_wakeup_fd(self._before)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._reading.close()
        self._writing.close()

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._reading.recv(64)
