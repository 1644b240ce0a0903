"""The HTTP API of one service: who may ask, what can be asked, and the server that listens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from llmmem_gui import __version__
from llmmem_gui.core.sentence import Sentence
from llmmem_gui.service.http.control_api import ControlApi
from llmmem_gui.service.http.engine_api import EngineApi
from llmmem_gui.service.http.errors import ApiError
from llmmem_gui.service.http.guard import Guard
from llmmem_gui.service.http.loopback_server import LoopbackServer
from llmmem_gui.service.http.metrics import CONTENT_TYPE, Metrics
from llmmem_gui.service.http.neighbour_api import NeighbourApi
from llmmem_gui.service.http.openai_api import OpenAiApi
from llmmem_gui.service.http.openapi_document import openapi_document
from llmmem_gui.service.http.operations import Endpoint, Operation, operations
from llmmem_gui.service.http.replies import JsonReply
from llmmem_gui.service.memory_service import MemoryService
from llmmem_gui.service.storage.history_store import HistoryStore


class HttpApi:
    """Serves one service over HTTP, from `start` until `close`, as the settings say when it starts."""

    def __init__(self, service: MemoryService, token: str, history: HistoryStore) -> None:
        self._service = service
        self._history = history
        self._token = token
        self._metrics = Metrics()
        self._stop_counting: Callable[[], None] | None = None
        self._server = LoopbackServer(self._application, service.settings.api.connection_limit)

    @property
    def url(self) -> str:
        """Such as `http://127.0.0.1:11500`; empty before `start`."""
        return self._server.url

    @property
    def notice(self) -> Sentence | None:
        """A sentence when the port of the settings could not be had and another one is used."""
        return self._server.notice

    async def start(self, port: int | None = None) -> None:
        """Listen on this port, else on that of the settings; on a free one when it cannot be had.

        Raises OSError.
        """
        await self._server.start(self._service.settings.api.port if port is None else port)
        self._stop_counting = self._service.subscribe(self._metrics.observe)

    async def close(self) -> None:
        """Stop listening, let answers end for a second, and cut off the rest."""
        await self._server.close()
        if self._stop_counting is not None:
            self._stop_counting()
            self._stop_counting = None

    def _application(self, port: int) -> ASGIApp:
        table = operations(
            OpenAiApi(self._service, self._metrics),
            ControlApi(self._service, self._history),
            EngineApi(self._service.engines),
            self._signpost,
            NeighbourApi(self._service.neighbours),
            self._document,
            self._metrics_text,
        )
        self._operations = table
        routes = [_route(each) for each in table]
        return Guard(
            self._counted(Router(routes, redirect_slashes=False)),
            port=port,
            token=self._token,
            allowed_origins=lambda: self._service.settings.api.allowed_origins,
        )

    def _counted(self, router: Router) -> ASGIApp:
        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            async def counting_send(message: Message) -> None:
                if message["type"] == "http.response.start":
                    self._metrics.count_http(message["status"])
                await send(message)

            # With an "app" in the scope the router raises its 404 and 405 instead of answering them.
            await router({**scope, "app": self}, receive, counting_send)

        return application

    async def _signpost(self, _: Request) -> Response:
        return JsonReply(
            {
                "name": "LLM Memory",
                "version": __version__,
                "api": f"{self.url}/v1",
                "document": "/openapi.json",
            }
        )

    async def _document(self, _: Request) -> Response:
        # In a thread, and only for who asks: it takes 35 ms and, kept, 0.7 MiB.
        return JsonReply(await asyncio.to_thread(openapi_document, self._operations))

    async def _metrics_text(self, _: Request) -> Response:
        text = self._metrics.render(self._service.snapshot, self._service.sample)
        return Response(text, media_type=CONTENT_TYPE)


def _route(operation: Operation) -> Route:
    if not operation.path.startswith("/v1/"):
        return Route(operation.path, _with_known_query(operation), methods=[operation.method])
    # Clients of OpenAI's part add parameters of other services to its addresses, and a provider's name with
    # a slash to those of models.
    path = operation.path.replace("{model_id}", "{model_id:path}")
    return Route(path, operation.endpoint, methods=[operation.method])


def _with_known_query(operation: Operation) -> Endpoint:
    """The operation, closed to parameters in the address that it does not have or has already."""
    known = {name for name, _ in operation.query}

    async def endpoint(request: Request) -> ASGIApp:
        given = [name for name, _ in request.query_params.multi_items()]
        for name in given if known else ():
            if name not in known or given.count(name) > 1:
                place = name[:40]
                sentence = f"The parameter {place!r} is not one of {operation.path}, or is given twice."
                raise ApiError(400, "unknown_parameter", sentence, parameter=place)
        return await operation.endpoint(request)

    return endpoint
