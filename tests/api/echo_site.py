"""A small echo behind the guard and the server of the API, and raw sockets to speak to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from llmmem_gui.service.http.guard import Guard, read_json
from llmmem_gui.service.http.loopback_server import LoopbackServer
from llmmem_gui.service.http.replies import ClientGone, JsonReply, unless_client_leaves

TOKEN = "a-token-of-forty-three-characters-for-a-test"
LISTED = "http://localhost:3000"
CONNECTION_LIMIT = 8


class Letter(msgspec.Struct, forbid_unknown_fields=True):
    """What the echo takes."""

    text: str
    number: int = 0


class Echo:
    """An application that counts what gets through to it and gives back the body it was sent."""

    def __init__(self) -> None:
        self.reached = 0
        self.abandoned = asyncio.Event()
        self._decoder = msgspec.json.Decoder(Letter)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.reached += 1
        request = Request(scope, receive)
        if scope["path"] in ("/wait", "/flood"):
            work = asyncio.Event().wait() if scope["path"] == "/wait" else self._flood(send)
            try:
                await unless_client_leaves(receive, work)
            except ClientGone:
                self.abandoned.set()
                raise
        if scope["path"] == "/broken":
            raise RuntimeError("the prompt was: secret")
        if scope["path"] == "/plain":
            await Response("plain")(scope, receive, send)
            return
        letter = await read_json(request, self._decoder)
        await JsonReply(letter)(scope, receive, send)

    async def _flood(self, send: Send) -> bool:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
            await asyncio.sleep(0)


class Site:
    """A running server and what is needed to speak to it."""

    def __init__(self, echo: Echo, server: LoopbackServer) -> None:
        self.echo = echo
        self.port = server.port
        self.connections = server._state.connections

    def request(
        self,
        *headers: str,
        method: str = "GET",
        path: str = "/plain",
        body: bytes = b"",
        host: str | None = None,
        token: str | None = TOKEN,
    ) -> bytes:
        """The bytes of a request that is right except for what the caller makes wrong."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host or f'127.0.0.1:{self.port}'}", *headers]
        if token is not None:
            lines.append(f"Authorization: Bearer {token}")
        if body:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body

    async def exchange(self, *parts: bytes, seconds: float = 30) -> bytes:
        """Send bytes, close our side for nothing, and read until the server closes or falls silent."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            for part in parts:
                writer.write(part)
            return await asyncio.wait_for(read_answer(reader), seconds)
        finally:
            writer.close()

    async def status(self, *parts: bytes) -> int:
        """Status of the answer to these bytes; 0 when the connection is closed without one."""
        answer = await self.exchange(*parts)
        return int(answer.split(b" ", 2)[1]) if answer else 0


async def read_answer(reader: asyncio.StreamReader) -> bytes:
    """One answer with its body; what there is when the connection ends before."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (
                int(line.split(b":")[1])
                for line in head.lower().split(b"\r\n")
                if line.startswith(b"content-length")
            ),
            0,
        )
        return head + await reader.readexactly(length)
    except asyncio.IncompleteReadError as error:
        return error.partial
    except ConnectionResetError:
        return b""


@asynccontextmanager
async def echo_site() -> AsyncIterator[Site]:
    """The echo behind the guard, on a free port."""
    echo = Echo()

    def application(port: int) -> ASGIApp:
        return Guard(echo, port=port, token=TOKEN, allowed_origins=lambda: (LISTED,))

    server = LoopbackServer(application, CONNECTION_LIMIT)
    await server.start(0)
    yield Site(echo, server)
    await server.close()
