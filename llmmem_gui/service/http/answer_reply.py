"""The reply with an answer of a model, whole or streamed, in the words of the API that was asked."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any, Protocol

from starlette.types import Receive, Scope, Send

from llmmem_gui.core.sentence import Sentence
from llmmem_gui.service.command_error import CommandError
from llmmem_gui.service.http.errors import ApiError, command_failed, program_closes
from llmmem_gui.service.http.metrics import Metrics, Outcome
from llmmem_gui.service.http.openai_schemas import StreamOptions
from llmmem_gui.service.http.replies import (
    ClientGone,
    EventStream,
    JsonReply,
    StreamEvent,
    unless_client_leaves,
)
from llmmem_gui.service.http.several_answers import Payload
from llmmem_gui.service.model_answer import AnswerUsage

Form = Callable[[Payload], Payload]
"""Puts an answer, or a chunk of one, into the form that a client knows."""

QUIET_SECONDS = 5.0
"""After this long without a word of a stream a comment tells what is done, so that nobody gives up on it."""
_LAST_WORD_SECONDS = 1.0
"""How long a client that does not read may keep the program from closing."""
_NOTICE_HEADER = "x-llmmem-notice"


class Answer(Protocol):
    """An answer of a model, or several as one."""

    @property
    def model_id(self) -> str: ...
    @property
    def usage(self) -> AnswerUsage | None: ...
    @property
    def notice(self) -> Sentence | None: ...
    @property
    def progress(self) -> str: ...
    def __aiter__(self) -> AsyncIterator[Payload]: ...
    async def __aenter__(self) -> Any: ...
    async def __aexit__(self, *_: object) -> None: ...


class Wording(Protocol):
    """Puts the answer to one request into the words of an API."""

    @property
    def last_words(self) -> bytes:
        """What a stream ends with that went well."""

    def whole(self, payload: Payload) -> Payload:
        """The whole answer."""

    def chunk(self, payload: Payload) -> Iterable[StreamEvent]:
        """The events that a chunk is told by."""

    def end(self, counts: Payload) -> Iterable[StreamEvent]:
        """The last events, with how many tokens the answer took."""

    def failure(self, error: ApiError) -> Iterable[StreamEvent]:
        """The last events of an answer that has failed."""


class ChunkWording:
    """OpenAI's chunks, and those of other servers that differ by their form alone."""

    last_words = b"data: [DONE]\n\n"

    def __init__(self, form: Form = lambda payload: payload, options: StreamOptions | None = None) -> None:
        self._form = form
        self._says_usage = options is not None and bool(options.include_usage)
        self._last: Payload = {}

    def whole(self, payload: Payload) -> Payload:
        """The whole answer."""
        return self._form(payload)

    def chunk(self, payload: Payload) -> Iterable[StreamEvent]:
        """The chunk itself."""
        self._last = payload
        formed = self._form(payload)
        return (StreamEvent(None, {**formed, "usage": None} if self._says_usage else formed),)

    def end(self, counts: Payload) -> Iterable[StreamEvent]:
        """A chunk without a choice that tells the tokens, where that was asked for."""
        if not self._says_usage:
            return ()
        return (StreamEvent(None, {**self._last, "choices": [], "usage": counts}),)

    def failure(self, error: ApiError) -> Iterable[StreamEvent]:
        """The error object."""
        return (StreamEvent(None, error.body()),)


class AnswerReply:
    """ASGI application that sends one answer of a model, and cancels it when the client leaves."""

    def __init__(
        self,
        answer: Answer,
        metrics: Metrics,
        wording: Wording | None = None,
        *,
        stream: bool = False,
        headers: Mapping[str, str] | None = None,
        in_thread: bool = False,
    ) -> None:
        """`in_thread`: a whole answer may be large, and is put into words while the loop goes on."""
        self._answer = answer
        self._metrics = metrics
        self._wording = wording or ChunkWording()
        self._headers = dict(headers or {})
        self._stream = stream
        self._in_thread = in_thread

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        outcome: Outcome = "failed"
        stream = EventStream(send, self._headers)
        try:
            async with self._answer:
                if self._stream:
                    complete = await unless_client_leaves(receive, self._send_stream(stream))
                    outcome = "answered" if complete else "failed"
                else:
                    payload = await unless_client_leaves(receive, self._whole())
                    outcome = "answered"
                    await JsonReply(payload, headers=self._headers_at_end())(scope, receive, send)
        except ClientGone:
            outcome = "abandoned"
            raise
        except asyncio.CancelledError:
            # Only the closing server cancels. Without a last word a client would take what it has for all.
            if stream.started:
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._fail(stream, program_closes()), _LAST_WORD_SECONDS)
            raise
        finally:
            self._metrics.count_answer(self._answer.model_id, outcome, self._answer.usage)

    def _headers_at_end(self) -> dict[str, str]:
        notice = self._answer.notice
        told = {} if notice is None else {_NOTICE_HEADER: str(notice).encode("ascii", "replace").decode()}
        return self._headers | told

    async def _whole(self) -> Payload:
        payloads = [payload async for payload in self._answer]
        if not payloads:
            raise ApiError(409, "cancelled", "The answer was cancelled.")
        whole = self._named(payloads[-1])
        if "choices" in whole:
            whole["usage"] = {**(whole.get("usage") or {}), **self._counts()}
        word = self._wording.whole
        return await asyncio.to_thread(word, whole) if self._in_thread else word(whole)

    async def _send_stream(self, stream: EventStream) -> bool:
        """Send the chunks; False when the answer failed after its beginning was sent."""
        telling = asyncio.ensure_future(self._tell_progress(stream))
        try:
            async for chunk in self._answer:
                if not telling.done():
                    await _ended(telling)
                await _say(stream, self._wording.chunk(self._named(chunk)))
        except CommandError as error:
            if not stream.started:
                raise
            await _ended(telling)
            await self._fail(stream, command_failed(error))
            return False
        finally:
            await _ended(telling)
        await _say(stream, self._wording.end(self._counts()))
        if self._wording.last_words:
            await stream.write(self._wording.last_words)
        await stream.end()
        return True

    async def _fail(self, stream: EventStream, error: ApiError) -> None:
        await _say(stream, self._wording.failure(error))
        await stream.end()

    async def _tell_progress(self, stream: EventStream) -> None:
        """Send a comment now and then, while there is nothing else to say."""
        while True:
            await asyncio.sleep(QUIET_SECONDS)
            await stream.write(f": {self._answer.progress}\n\n".encode())

    def _counts(self) -> Payload:
        usage = self._answer.usage or AnswerUsage(0, 0, 0.0, None)
        return {
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "total_tokens": usage.prompt_tokens + usage.completion_tokens,
            "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
            "completion_tokens_details": {"reasoning_tokens": usage.thought_tokens},
        }

    def _named(self, payload: Payload) -> Payload:
        """The payload under the model's id; the host knows the model by its file's path."""
        return {**payload, "model": self._answer.model_id}


async def _say(stream: EventStream, events: Iterable[StreamEvent]) -> None:
    for event in events:
        await stream.say(event)


async def _ended(task: asyncio.Future[None]) -> None:
    """Cancel a task and wait until it is over. Raises what it has failed of."""
    task.cancel()
    # Not awaited itself: to be cancelled meanwhile is another matter than that it was.
    await asyncio.wait({task})
    if not task.cancelled():
        task.result()
