"""One window for each user: a second start hands its files to the first and ends."""

from __future__ import annotations

import json
import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

log = logging.getLogger(__name__)

_PATIENCE_SECONDS = 3.0
_MOST_BYTES = 64 * 1024
_SOCKET_NAME = "window.sock"


@dataclass(frozen=True, slots=True)
class SecondStart:
    """What the second start was given."""

    files: tuple[str, ...]
    activation_token: str = ""
    """Lets a Wayland compositor raise the window."""


def hand_over(runtime_folder: Path, files: list[str]) -> bool:
    """Hand files (absolute paths) to the window that runs; False when none answers within three seconds.

    The first start holds the program's lock before it listens, so connecting is tried for a while.
    """
    message = {"files": files, "token": os.environ.get("XDG_ACTIVATION_TOKEN", "")}
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        client = QLocalSocket()
        client.connectToServer(str(runtime_folder / _SOCKET_NAME))
        if client.waitForConnected(500):
            client.write(json.dumps(message).encode() + b"\n")
            client.waitForBytesWritten(1000)
            answered = client.waitForReadyRead(2000)
            client.disconnectFromServer()
            return answered
        time.sleep(0.1)
    return False


class SingleInstance(QObject):
    """Listens for second starts. Only the holder of the program's lock may make one.

    Signals: `second_start`.
    """

    second_start = Signal(SecondStart)

    def __init__(self, runtime_folder: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        path = str(runtime_folder / _SOCKET_NAME)
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        # We hold the lock, so a socket that is still there was left by a program that was killed.
        QLocalServer.removeServer(path)
        if not self._server.listen(path):
            log.warning("second starts cannot be heard: %s", self._server.errorString())
        self._server.newConnection.connect(self._accept)

    def close(self) -> None:
        """Stop listening."""
        self._server.close()

    def _accept(self) -> None:
        while (client := self._server.nextPendingConnection()) is not None:
            client.readyRead.connect(lambda socket=client: self._read(socket))
            client.disconnected.connect(client.deleteLater)

    def _read(self, client: QLocalSocket) -> None:
        if client.bytesAvailable() > _MOST_BYTES:
            client.abort()
            return
        if not client.canReadLine():
            return
        try:
            message = json.loads(bytes(client.readLine().data()))
            files = tuple(str(path) for path in message["files"])
            start = SecondStart(files, str(message.get("token", "")))
        except (ValueError, KeyError, TypeError, AttributeError):
            client.abort()
            return
        client.write(b"ok\n")
        client.flush()
        self.second_start.emit(start)
