"""The HTTP API: a server on the loopback interface, in the service's own event loop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from functools import partial

import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.server import ServerState

from llmmem_gui.service.control_api import ControlApi
from llmmem_gui.service.http_connection import HEADER_BYTES, KEEP_ALIVE_SECONDS, BoundedConnection
from llmmem_gui.service.http_guard import Guard
from llmmem_gui.service.http_operations import operations
from llmmem_gui.service.http_replies import JsonReply
from llmmem_gui.service.memory_service import MemoryService
from llmmem_gui.service.metrics import CONTENT_TYPE, Metrics
from llmmem_gui.service.openai_api import OpenAiApi
from llmmem_gui.service.openapi_document import openapi_document

LOOPBACK = "127.0.0.1"
CLOSE_SECONDS = 1.0
"""How long answers that are under way may take to end when the server closes."""

log = logging.getLogger(__name__)


class HttpApi:
    """Serves one service over HTTP, from `start` until `close`; `url` is known between the two."""

    def __init__(self, service: MemoryService, token: str) -> None:
        self._service = service
        self._token = token
        self._metrics = Metrics()
        self._state = ServerState()
        self._server: asyncio.Server | None = None
        self.url = ""
        """Such as `http://127.0.0.1:11500`."""
        self.notice: str | None = None
        """A sentence when the port of the settings was taken and another one is used."""

    async def start(self) -> None:
        """Listen on the port of the settings or, when that is taken, on a free one. Raises OSError."""
        listener = self._listen(self._service.settings.api.port)
        port: int = listener.getsockname()[1]
        self.url = f"http://{LOOPBACK}:{port}"
        config = uvicorn.Config(
            self.application(port),
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
            BoundedConnection,
            config,
            self._state,
            {},
            connection_limit=self._service.settings.api.connection_limit,
        )
        self._unsubscribe = self._service.subscribe(self._metrics.observe)
        self._server = await asyncio.get_running_loop().create_server(connection, sock=listener, backlog=128)

    async def close(self) -> None:
        """Stop listening, let answers end for a second, and cut off the rest."""
        if self._server is None:
            return
        self._unsubscribe()
        self._server.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        if self._state.tasks:
            await asyncio.wait(self._state.tasks, timeout=CLOSE_SECONDS)
        for task in list(self._state.tasks):
            task.cancel()
        await asyncio.gather(*self._state.tasks, return_exceptions=True)
        for connection in list(self._state.connections):
            connection.transport.abort()
        self._server = None

    def application(self, port: int) -> ASGIApp:
        """The ASGI application, guarded, for a server on that port."""
        table = operations(
            OpenAiApi(self._service, self._metrics),
            ControlApi(self._service),
            self._document,
            self._metrics_text,
        )
        document = openapi_document(table)
        self._document_reply = JsonReply(document)
        routes = [
            Route(
                operation.path,
                operation.endpoint,
                methods=[operation.method],
            )
            for operation in table
        ]
        router = Router(routes, redirect_slashes=False)
        return Guard(
            self._counted(router),
            port=port,
            token=self._token,
            allowed_origins=lambda: self._service.settings.api.allowed_origins,
        )

    def _listen(self, port: int) -> socket.socket:
        try:
            return _bound(port)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES) or port == 0:
                raise
            why = (
                "is in use"
                if error.errno == errno.EADDRINUSE
                else "needs rights that this program does not have"
            )
            listener = _bound(0)
            self.notice = f"Port {port} {why}: the API listens on port {listener.getsockname()[1]} instead."
            log.warning(self.notice)
            return listener

    def _counted(self, router: Router) -> ASGIApp:
        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            async def counting_send(message: Message) -> None:
                if message["type"] == "http.response.start":
                    self._metrics.count_http(message["status"])
                await send(message)

            # With an "app" in the scope the router raises its 404 and 405 instead of answering them.
            await router({**scope, "app": self}, receive, counting_send)

        return application

    async def _document(self, _: Request) -> Response:
        return self._document_reply

    async def _metrics_text(self, _: Request) -> Response:
        text = self._metrics.render(self._service.snapshot, self._service.sample)
        return Response(text, media_type=CONTENT_TYPE)


def _bound(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    with contextlib.ExitStack() as on_failure:
        on_failure.callback(listener.close)
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            # Lets a restarted program have its port back at once; two listeners on one port stay impossible.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, port))
        listener.setblocking(False)
        on_failure.pop_all()
    return listener
