"""One HTTP connection with bounds that uvicorn does not have: how many, how long, how slow.

uvicorn starts its keep-alive clock anew with each byte, so that a client which sends one byte a second
holds a connection for ever (seen in 0.54). Here the header of a request has an absolute deadline, a client
that does not read its answer is cut off, and connections beyond a number are refused, the ones that wait
for a request going first.
"""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from llmmem_gui.service.http.errors import ApiError

HEADER_SECONDS = 5.0
"""From the first byte of a request (or the start of a connection) until its header is complete."""
KEEP_ALIVE_SECONDS = 30
"""How long a connection stays open between two requests."""
UNREAD_SECONDS = 30.0
"""How long a client may leave a full send buffer unread."""
HEADER_BYTES = 16 * 1024


class BoundedConnection(H11Protocol):
    """A connection of the server; see the module for what bounds it."""

    _header_deadline: asyncio.TimerHandle | None = None
    _read_deadline: asyncio.TimerHandle | None = None
    _received_any = False
    waiting_since = 0.0

    def __init__(self, *arguments: Any, connection_limit: int, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._connection_limit = connection_limit

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.waiting_since = self.loop.time()
        if len(self.connections) > self._connection_limit and not self._displace_a_waiting_connection():
            self._refuse(
                ApiError(
                    503,
                    "too_many_connections",
                    f"{self._connection_limit} connections are in use: close some or try again.",
                    retry_after_seconds=1,
                    may_retry=True,
                )
            )
            return
        self._start_header_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_header_deadline()
        self._stop_read_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._received_any = True
        if not self.answering and self._header_deadline is None:
            self._start_header_deadline()
        super().data_received(data)
        if self.answering:
            self._stop_header_deadline()

    @property
    def answering(self) -> bool:
        """Whether a request is being answered, as opposed to waited for."""
        return self.cycle is not None and not self.cycle.response_complete

    def on_response_complete(self) -> None:
        """Wait for the next request, unless the body of this one was left unread."""
        self.waiting_since = self.loop.time()
        if self.conn.their_state is h11.SEND_BODY:
            self.transport.close()
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._read_deadline = self.loop.call_later(UNREAD_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        self._stop_read_deadline()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP/1.1."""
        self._refuse(ApiError(400, "invalid_http", "This is not a valid HTTP/1.1 request."))

    def _displace_a_waiting_connection(self) -> bool:
        waiting = [
            c
            for c in self.connections
            if isinstance(c, BoundedConnection) and not c.answering and c is not self
        ]
        if not waiting:
            return False
        min(waiting, key=lambda connection: connection.waiting_since).transport.abort()
        return True

    def _start_header_deadline(self) -> None:
        self._header_deadline = self.loop.call_later(HEADER_SECONDS, self._header_is_late)

    def _stop_header_deadline(self) -> None:
        if self._header_deadline is not None:
            self._header_deadline.cancel()
            self._header_deadline = None

    def _stop_read_deadline(self) -> None:
        if self._read_deadline is not None:
            self._read_deadline.cancel()
            self._read_deadline = None

    def _header_is_late(self) -> None:
        if self._received_any:
            self._refuse(
                ApiError(
                    408, "too_slow", f"The request's header did not arrive in {HEADER_SECONDS:.0f} seconds."
                )
            )
        else:
            self.transport.close()

    def _refuse(self, error: ApiError) -> None:
        """Answer without the application, and close."""
        self._stop_header_deadline()
        self._unset_keepalive_if_required()
        reply = error.response()
        events: list[Any] = [
            h11.Response(
                status_code=reply.status_code, headers=[*reply.raw_headers, (b"connection", b"close")]
            ),
            h11.Data(data=bytes(reply.body)),
            h11.EndOfMessage(),
        ]
        try:
            for event in events:
                self.transport.write(self.conn.send(event) or b"")
        except h11.LocalProtocolError:
            pass  # an answer was already on its way; closing is all that is left
        self.transport.close()
