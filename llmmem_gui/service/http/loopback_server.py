"""Serves an ASGI application on the loopback interface, in the running event loop and in no thread."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import Callable
from functools import partial

import uvicorn
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from llmmem_gui.core.sentence import Sentence
from llmmem_gui.service.http.connection import HEADER_BYTES, KEEP_ALIVE_SECONDS, BoundedConnection

ADDRESS = "127.0.0.1"
NEXT_PORTS = 20
"""So many ports behind one that is taken are tried: programs that were told one find it again."""
CLOSE_SECONDS = 1.0
"""How long answers that are under way may take to end when the server closes."""

log = logging.getLogger(__name__)


class LoopbackServer:
    """Listens from `start` until `close`; `port` and `url` are known between the two."""

    def __init__(self, make_application: Callable[[int], ASGIApp], connection_limit: int) -> None:
        self._make_application = make_application
        self._connection_limit = connection_limit
        # uvicorn's own Server is left out: it wakes ten times a second and takes the process's signals.
        self._state = ServerState()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.url = ""
        """Such as `http://127.0.0.1:11500`."""
        self.notice: Sentence | None = None
        """A sentence when the port asked for could not be had and another one is used."""

    async def start(self, port: int) -> None:
        """Listen on a port or, when it cannot be had, on the next that is free. Raises OSError."""
        listener = self._listen(port)
        self.port = listener.getsockname()[1]
        self.url = f"http://{ADDRESS}:{self.port}"
        config = uvicorn.Config(
            self._make_application(self.port),
            http=BoundedConnection,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            h11_max_incomplete_event_size=HEADER_BYTES,
        )
        config.load()
        connection = partial(
            BoundedConnection, config, self._state, {}, connection_limit=self._connection_limit
        )
        self._server = await asyncio.get_running_loop().create_server(connection, sock=listener, backlog=128)

    async def close(self) -> None:
        """Stop listening, let answers end for a second, and cut off the rest."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        for connection in list(self._state.connections):
            connection.shutdown()
        if self._state.tasks:
            await asyncio.wait(self._state.tasks, timeout=CLOSE_SECONDS)
        cut_off = list(self._state.tasks)
        for task in cut_off:
            task.cancel()
        await asyncio.gather(*cut_off, return_exceptions=True)
        for connection in list(self._state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)  # lets each transport call its connection_lost

    def _listen(self, port: int) -> socket.socket:
        try:
            return _bound(port)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES) or port == 0:
                raise
            listener = _next_free(port)
            free = listener.getsockname()[1]
            if error.errno == errno.EADDRINUSE:
                notice = Sentence("Port", "Port {port} is in use: the API listens on port {free} instead.")
            else:
                notice = Sentence(
                    "Port",
                    "Port {port} needs rights that this program does not have: "
                    "the API listens on port {free} instead.",
                )
            self.notice = notice.format(port=port, free=free)
            log.warning("%s", self.notice)
            return listener


def _next_free(port: int) -> socket.socket:
    """One of the next ports, so that the same one is found at the next start; else any."""
    for following in range(port + 1, min(port + 1 + NEXT_PORTS, 65_536)):
        with contextlib.suppress(OSError):
            return _bound(following)
    return _bound(0)


def _bound(port: int) -> socket.socket:
    # asyncio sends small answers at once only on sockets that name their protocol;
    # on others each waits 40 ms for the client's delayed acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    with contextlib.ExitStack() as on_failure:
        on_failure.callback(listener.close)
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            # A program that starts again gets its port back at once; two listeners on it stay impossible.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((ADDRESS, port))
        listener.setblocking(False)
        on_failure.pop_all()
    return listener
