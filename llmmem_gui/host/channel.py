"""The host's end of its socket: frames in and out."""

from __future__ import annotations

import socket

from llmmem_gui.core import protocol


class Disconnected(Exception):
    """The service closed the socket, or is gone."""


class Channel:
    """Blocking exchange of messages with the service; one thread may receive while another sends."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def send(self, message: protocol.Message) -> None:
        """Send a message. Raises `protocol.ProtocolError` and `Disconnected`."""
        frame = protocol.frame(message)
        try:
            self._connection.sendall(frame)
        except OSError as error:
            raise Disconnected from error

    def receive(self) -> protocol.ToHost:
        """Wait for a message. Raises `protocol.ProtocolError` and `Disconnected`."""
        length = protocol.body_length(self._read(protocol.HEADER_BYTES))
        return protocol.decode_to_host(self._read(length))

    def _read(self, length: int) -> bytes:
        parts = bytearray()
        while len(parts) < length:
            try:
                part = self._connection.recv(min(length - len(parts), 2**20))
            except OSError as error:
                raise Disconnected from error
            if not part:
                raise Disconnected
            parts += part
        return bytes(parts)
