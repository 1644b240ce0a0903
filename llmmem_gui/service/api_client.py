"""A client of a running program's HTTP API, for the command line and for scripts; synchronous."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar, overload
from urllib.parse import quote, urlsplit

import msgspec

from llmmem_gui.core.events import Actor
from llmmem_gui.core.file_window import printable
from llmmem_gui.folders import Folders
from llmmem_gui.service.storage.endpoint import ACTOR_HEADER, Endpoint, running_program
from llmmem_gui.service.storage.token_file import read_token

CONNECT_SECONDS = 5.0

Decoded = TypeVar("Decoded")


class NoProgram(Exception):
    """No running program was reached; the text says so and what to do."""


class RequestFailed(Exception):
    """The program refused or could not do it; the text is the sentence it gave."""

    def __init__(
        self, sentence: str, *, status: int = 0, code: str = "", numbers: dict[str, float] | None = None
    ):
        super().__init__(sentence)
        self.status = status
        self.code = code
        self.numbers = numbers or {}


class _ErrorText(msgspec.Struct):
    message: str
    code: str = ""
    numbers: dict[str, float] = {}


class _Refusal(msgspec.Struct):
    error: _ErrorText


class ApiClient:
    """Speaks to the program at one address; may be used by several threads at once."""

    def __init__(self, endpoint: Endpoint, actor: Actor) -> None:
        self.endpoint = endpoint
        self._address = urlsplit(endpoint.url).netloc
        self._headers = {
            "Authorization": f"Bearer {read_token(Path(endpoint.token_file))}",
            ACTOR_HEADER: actor,
        }

    @classmethod
    def of_running_program(cls, folders: Folders, actor: Actor) -> ApiClient:
        """A client of the program that runs for these folders. Raises `NoProgram` and `TokenError`."""
        endpoint = running_program(folders.meeting_places())
        if endpoint is None:
            raise NoProgram("LLM Memory is not running: start `llmmem serve` or open its window.")
        return cls(endpoint, actor)

    @overload
    def request(self, method: str, path: str, body: Any = None) -> Any: ...
    @overload
    def request(self, method: str, path: str, body: Any = None, *, gives: type[Decoded]) -> Decoded: ...
    def request(self, method: str, path: str, body: Any = None, *, gives: Any = Any) -> Any:
        """Ask once and wait for the whole answer, however long the work takes.

        Raises `NoProgram` and `RequestFailed`.
        """
        with contextlib.closing(self._connect()) as connection:
            answer = self._send(connection, method, path, body)
            return msgspec.json.decode(answer.read(), type=gives)

    def stream(self, method: str, path: str, body: Any = None) -> EventReader:
        """The server-sent events of an answer that has begun; close it when done.

        Raises `NoProgram` and `RequestFailed`.
        """
        connection = self._connect()
        try:
            return EventReader(connection, self._send(connection, method, path, body))
        except BaseException:
            connection.close()
            raise

    def model_id(self, model: str) -> str:
        """The id of a model given by its id or by the path of its file, which then joins the library."""
        if not is_path(model):
            return model
        added = self.request("POST", "/api/v1/models", {"path": os.path.abspath(model)})
        return str(added["id"])

    def _connect(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(self._address, timeout=CONNECT_SECONDS)
        try:
            connection.connect()
        except OSError as error:
            raise NoProgram(
                f"LLM Memory (process {self.endpoint.pid}) does not answer at {self.endpoint.url}: "
                "start it again."
            ) from error
        connection.sock.settimeout(None)
        return connection

    def _send(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: Any
    ) -> http.client.HTTPResponse:
        headers = dict(self._headers)
        content = None
        if body is not None:
            content = _json(body)
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, path, content, headers)
            answer = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise NoProgram("LLM Memory ended while it was asked: start it again.") from error
        if answer.status >= 400:
            raise _failure(answer.status, answer.read())
        return answer


def is_path(model: str) -> bool:
    """Whether a model is named by its file: ids hold no separator and no ending."""
    return os.sep in model or model.lower().endswith(".gguf")


class EventReader:
    """Gives the contents of server-sent events as they come, until the program ends the stream or `close`."""

    def __init__(self, connection: http.client.HTTPConnection, answer: http.client.HTTPResponse) -> None:
        self._connection = connection
        self._answer = answer
        self._socket = connection.sock
        self._closed = False
        self.is_complete = False
        """The program has said that nothing follows; streams of events never do."""

    def __enter__(self) -> EventReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self._answer.close()
        self._connection.close()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Raises `RequestFailed` for an error in the stream, `NoProgram` when the stream is torn."""
        while line := self._line():
            if not line.startswith(b"data: "):
                continue
            content = line.removeprefix(b"data: ").strip()
            if content == b"[DONE]":
                self.is_complete = True
                continue
            event: dict[str, Any] = msgspec.json.decode(content)
            if isinstance(event.get("error"), dict):
                raise _failure(0, content)
            yield event

    def close(self) -> None:
        """End the stream, from any thread; whoever iterates comes to the end."""
        self._closed = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def _line(self) -> bytes:
        try:
            return self._answer.readline()
        except (OSError, http.client.HTTPException) as error:
            if self._closed:
                return b""
            raise NoProgram("LLM Memory ended while it answered: start it again.") from error


def model_path(model_id: str, action: str = "") -> str:
    """The address of a model, or of something done to it."""
    quoted = quote(model_id, safe="", errors="surrogateescape")
    return f"/api/v1/models/{quoted}" + (f"/{action}" if action else "")


def _json(body: Any) -> bytes:
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError as error:
        # Python hands on the bytes of a command line, and names of files, that are no text.
        name = printable(os.fsencode(error.object))
        raise RequestFailed(f"{name} is not UTF-8: rename the file, or write it in UTF-8.") from error


def _failure(status: int, content: bytes) -> RequestFailed:
    try:
        error = msgspec.json.decode(content, type=_Refusal).error
    except msgspec.DecodeError:
        return RequestFailed(
            f"LLM Memory gave an answer that is not its own (status {status}).", status=status
        )
    return RequestFailed(error.message, status=status, code=error.code, numbers=error.numbers)
