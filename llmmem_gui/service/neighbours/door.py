"""The way to ask another program: one short HTTP request over its own port on the loopback interface.

Nothing of ours goes along but the question. An answer is bounded in time and in size, must be what was
expected, and is nobody's order: it is not followed elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any, TypeVar

import h11
import msgspec

from llmmem_gui import __version__
from llmmem_gui.service.neighbours.ports import Place

log = logging.getLogger(__name__)

ASKING_SECONDS = 0.3
"""A question is answered in this time, or not at all."""
UNLOADING_SECONDS = 30.0
"""A program may end what it does before it unloads."""
LARGEST_ANSWER = 1024**2

_Answer = TypeVar("_Answer")


class Unclear(Exception):
    """A program did not answer, or not as it should; the text says what was wrong."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status
        """Of the HTTP answer, where there was one."""


class Door:
    """Where one program can be asked."""

    def __init__(self, place: Place, key: str | None = None) -> None:
        """`key` is the program's own key, not ours: what it wants to be shown."""
        self.place = place
        self._key = key

    async def get(self, path: str, kind: type[_Answer]) -> _Answer:
        """What the program answers, as `kind`. Raises `Unclear`."""
        return _decoded(await self._ask("GET", path, None, ASKING_SECONDS), kind)

    async def tell(self, path: str, body: Any = None) -> None:
        """Tell the program to do something; what it says to that does not matter. Raises `Unclear`."""
        await self._ask("POST", path, msgspec.json.encode({} if body is None else body), UNLOADING_SECONDS)

    async def _ask(self, method: str, path: str, body: bytes | None, seconds: float) -> bytes:
        try:
            return await asyncio.wait_for(self._exchange(method, path, body), seconds)
        except asyncio.TimeoutError:
            raise Unclear(f"no answer in {seconds} s") from None
        except (OSError, h11.ProtocolError, ValueError) as error:
            raise Unclear(f"{type(error).__name__}: {error}") from error

    async def _exchange(self, method: str, path: str, body: bytes | None) -> bytes:
        host = f"[{self.place.host}]" if ":" in self.place.host else self.place.host
        headers = [
            ("Host", f"{host}:{self.place.port}"),
            ("User-Agent", f"llmmem/{__version__}"),
            ("Accept", "application/json"),
            ("Connection", "close"),
        ]
        if self._key:
            headers.append(("Authorization", f"Bearer {self._key}"))
        if body is not None:
            headers += [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        connection = h11.Connection(h11.CLIENT)
        asked = connection.send(h11.Request(method=method, target=path, headers=headers)) or b""
        if body is not None:
            asked += connection.send(h11.Data(data=body)) or b""
        asked += connection.send(h11.EndOfMessage()) or b""
        reader, writer = await asyncio.open_connection(self.place.host, self.place.port)
        try:
            writer.write(asked)
            return await _answer(connection, reader)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def _answer(connection: h11.Connection, reader: asyncio.StreamReader) -> bytes:
    content = b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(65_536))
        elif isinstance(event, h11.Response) and not 200 <= event.status_code < 300:
            raise Unclear(f"status {event.status_code}", event.status_code)
        elif isinstance(event, h11.Data):
            content += event.data
            if len(content) > LARGEST_ANSWER:
                raise Unclear(f"more than {LARGEST_ANSWER} bytes")
        elif isinstance(event, h11.EndOfMessage):
            return content
        elif isinstance(event, h11.ConnectionClosed):
            raise Unclear("closed without an answer")


def _decoded(content: bytes, kind: type[_Answer]) -> _Answer:
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unclear(f"not what was expected: {error}") from error
