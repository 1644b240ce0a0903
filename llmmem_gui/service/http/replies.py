"""Answers of the HTTP API: JSON, and streams of server-sent events that end when nobody listens."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any, NamedTuple, TypeVar

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Send

Result = TypeVar("Result")


class StreamEvent(NamedTuple):
    """A server-sent event."""

    name: str | None
    content: Any
    """What is written as JSON."""


class ClientGone(Exception):
    """The client closed the connection before its answer was complete."""


class JsonReply(Response):
    """A whole answer in JSON."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Encode records, mappings and lists."""
        return msgspec.json.encode(content)


class EventStream:
    """A stream of server-sent events; the headers go out with the first event."""

    def __init__(self, send: Send, headers: Mapping[str, str] | None = None) -> None:
        """`headers` stand beside those that every stream has."""
        self._send = send
        self._headers = {"content-type": "text/event-stream; charset=utf-8", **(headers or {})}
        self.started = False

    async def start(self) -> None:
        """Send the headers; done by the first event if nobody did before."""
        self.started = True
        headers = [(name.encode(), value.encode()) for name, value in self._headers.items()]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})

    async def say(self, event: StreamEvent) -> None:
        """Send one event."""
        name = f"event: {event.name}\n".encode() if event.name else b""
        await self.write(name + b"data: " + msgspec.json.encode(event.content) + b"\n\n")

    async def write(self, lines: bytes) -> None:
        """Send lines as they are."""
        if not self.started:
            await self.start()
        await self._send({"type": "http.response.body", "body": lines, "more_body": True})

    async def end(self) -> None:
        """End the stream."""
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})


async def unless_client_leaves(receive: Receive, work: Awaitable[Result]) -> Result:
    """The result of the work, which is cancelled when the client closes the connection.

    The body of the request must have been read. Raises `ClientGone`, and what the work raises.
    """
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_client_left(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientGone
        return working.result()
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _client_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
