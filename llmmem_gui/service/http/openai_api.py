"""The part of the HTTP API that speaks OpenAI's language: models, chat, completions and embeddings."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import Any, Protocol, TypeVar

import msgspec
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from llmmem_gui.core.protocol import Operation
from llmmem_gui.core.sentence import Sentence
from llmmem_gui.core.snapshot import ModelSnapshot
from llmmem_gui.service.command_error import CommandError
from llmmem_gui.service.http.actor import actor_of, client_of
from llmmem_gui.service.http.errors import ApiError, command_failed, program_closes, refused
from llmmem_gui.service.http.gap_filling import as_chat, as_infill, fim_arguments, infill_arguments
from llmmem_gui.service.http.image_urls import require_eyes
from llmmem_gui.service.http.metrics import Metrics, Outcome
from llmmem_gui.service.http.model_names import file_asked, known_model
from llmmem_gui.service.http.openai_messages import with_tools_of_today
from llmmem_gui.service.http.openai_schemas import (
    ChatRequest,
    CompletionRequest,
    EmbeddingRequest,
    FimRequest,
    Generation,
    InfillRequest,
    Record,
    StreamOptions,
)
from llmmem_gui.service.http.openai_translation import (
    Arguments,
    chat_arguments,
    completion_arguments,
    packed,
    prompts_of,
    vector_of,
    with_old_calls,
)
from llmmem_gui.service.http.replies import ClientGone, EventStream, JsonReply, unless_client_leaves
from llmmem_gui.service.http.request_fields import Asked, read_fields
from llmmem_gui.service.http.several_answers import Payload, SeveralAnswers
from llmmem_gui.service.memory_service import MemoryService
from llmmem_gui.service.model_answer import AnswerUsage

Body = TypeVar("Body", bound=Record)
Form = Callable[[Payload], Payload]
"""Puts an answer, or a chunk of one, into the form that a client knows."""

QUIET_SECONDS = 5.0
"""After this long without a word of a stream a comment tells what is done, so that nobody gives up on it."""
_LAST_WORD_SECONDS = 1.0
"""How long a client that does not read may keep the program from closing."""
MOST_ANSWERS = 256
"""To one request, of all its prompts together."""
_NOTICE_HEADER = "x-llmmem-notice"


def _as_it_is(payload: Payload) -> Payload:
    return payload


class OpenAiApi:
    """Answers OpenAI's requests with the models of one service."""

    def __init__(self, service: MemoryService, metrics: Metrics) -> None:
        self._service = service
        self._metrics = metrics

    async def models(self, _: Request) -> JsonReply:
        """List the models that can be asked."""
        models = [model_object(model) for model in self._service.snapshot.models if model.facts.error is None]
        return JsonReply({"object": "list", "data": models})

    async def model(self, request: Request) -> JsonReply:
        """Describe one model."""
        return JsonReply(model_object(known_model(self._service, request.path_params["model_id"])))

    async def chat(self, request: Request) -> AnswerReply:
        """Answer a chat."""
        asked = await self._read(request, ChatRequest)
        body = with_tools_of_today(asked.body)
        form = with_old_calls if body.functions else _as_it_is
        return await self._answers(request, asked, "chat", [chat_arguments(body)], form)

    async def completion(self, request: Request) -> AnswerReply:
        """Continue a text, or several."""
        asked = await self._read(request, CompletionRequest)
        body = asked.body
        arguments = completion_arguments(body)
        samples = max(body.n, body.best_of or 1)
        form = _as_it_is
        if samples > body.n:
            # The best are known when all have ended.
            arguments |= {"stream": False, "logprobs": arguments.get("logprobs", 0)}
            if body.logprobs is None and not body.n_probs:
                form = _without_probabilities
        each = [{**arguments, "prompt": prompt} for prompt in prompts_of(body)]
        return await self._answers(request, asked, "completion", each, form, samples)

    async def fim(self, request: Request) -> AnswerReply:
        """Fill a gap as Mistral's clients ask for it."""
        asked = await self._read(request, FimRequest)
        return await self._answers(request, asked, "completion", [fim_arguments(asked.body)], as_chat)

    async def infill(self, request: Request) -> AnswerReply:
        """Fill a gap as llama-server's clients ask for it."""
        asked = await self._read(request, InfillRequest)
        return await self._answers(request, asked, "completion", [infill_arguments(asked.body)], as_infill)

    async def embedding(self, request: Request) -> AnswerReply | JsonReply:
        """Turn texts into vectors."""
        asked = await self._read(request, EmbeddingRequest)
        body = asked.body
        model = await file_asked(self._service, body.model)
        texts = [body.input] if isinstance(body.input, str) else body.input
        if not all(isinstance(text, str) for text in texts):
            raise refused(
                "input",
                "the input holds the numbers of tokens, which are another model's: send texts "
                "(in LangChain, set check_embedding_ctx_length=False)",
            )
        length = model.shape.embedding_length if model.shape else None
        if body.dimensions is not None and length is not None and body.dimensions > length:
            raise refused("dimensions", f"the vectors of {model.id} have {length} dimensions, and no more")
        if not texts:
            usage = {"prompt_tokens": 0, "total_tokens": 0}
            return JsonReply({"object": "list", "data": [], "model": model.id, "usage": usage})
        arguments = {"input": texts, "truncate": body.truncate in (True, "END")}
        actor, client = actor_of(request), client_of(request, asked.user)
        answer = self._service.ask(model.id, "embedding", arguments, actor=actor, client=client)
        as_floats = body.encoding_format != "base64"
        if not as_floats and body.dimensions is None:
            return AnswerReply(answer, self._metrics, headers=asked.headers)
        form = partial(with_vectors, dimensions=body.dimensions, as_floats=as_floats)
        return AnswerReply(answer, self._metrics, form, headers=asked.headers, in_thread=True)

    async def _read(self, request: Request, kind: type[Body]) -> Asked[Body]:
        asked = await read_fields(request, kind, strict=self._service.settings.api.strict)
        self._metrics.count_ignored(asked.ignored)
        return asked

    async def _answers(
        self,
        request: Request,
        asked: Asked[Any],
        operation: Operation,
        arguments: list[Arguments],
        form: Form = _as_it_is,
        samples: int | None = None,
    ) -> AnswerReply:
        """The reply with `samples` answers to each of the prompts."""
        body: Generation = asked.body
        samples = samples or body.n
        if samples * len(arguments) > MOST_ANSWERS:
            raise refused("n", f"one request gets {MOST_ANSWERS} answers at most: send several")
        model = await file_asked(self._service, body.model)
        if operation == "chat":
            require_eyes(model, arguments[0]["messages"], self._service.snapshot.models)
        actor, client = actor_of(request), client_of(request, asked.user)
        answers = [
            self._service.ask(model.id, operation, _sampled(each, sample), actor=actor, client=client)
            for each in arguments
            for sample in range(samples)
        ]
        stream = bool(body.stream)
        several = SeveralAnswers(answers, samples=samples, kept=body.n, stream=stream)
        options = body.stream_options
        return AnswerReply(
            several, self._metrics, form, stream=stream, options=options, headers=asked.headers
        )


def _sampled(arguments: Arguments, sample: int) -> Arguments:
    """What is asked for one of several answers to a prompt: with one seed all would be the same."""
    if sample and "seed" in arguments:
        return {**arguments, "seed": (arguments["seed"] + sample) % (2**32 - 1)}
    return arguments


def _without_probabilities(payload: Payload) -> Payload:
    return {**payload, "choices": [{**choice, "logprobs": None} for choice in payload["choices"]]}


def with_vectors(payload: Payload, dimensions: int | None, as_floats: bool) -> Payload:
    """The answer with its vectors as asked, one after the other: a thread that does it lets others run."""
    data = []
    for item in payload["data"]:
        vector = vector_of(item["embedding"], dimensions)
        written = msgspec.Raw(msgspec.json.encode(vector.tolist())) if as_floats else packed(vector)
        data.append({**item, "embedding": written})
    return {**payload, "data": data}


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


class AnswerReply:
    """ASGI application that sends one answer of a model, and cancels it when the client leaves."""

    def __init__(
        self,
        answer: Answer,
        metrics: Metrics,
        form: Form = _as_it_is,
        *,
        stream: bool = False,
        options: StreamOptions | None = None,
        headers: Mapping[str, str] | None = None,
        in_thread: bool = False,
    ) -> None:
        """`in_thread`: a whole answer may be large, and is put into its form while the loop goes on."""
        self._answer = answer
        self._metrics = metrics
        self._form = form
        self._headers = dict(headers or {})
        self._stream = stream
        self._in_thread = in_thread
        self._says_usage = options is not None and bool(options.include_usage)

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
                    await asyncio.wait_for(stream.say(program_closes().body()), _LAST_WORD_SECONDS)
                    await stream.end()
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
        return await asyncio.to_thread(self._form, whole) if self._in_thread else self._form(whole)

    async def _send_stream(self, stream: EventStream) -> bool:
        """Send the chunks; False when the answer failed after its beginning was sent."""
        last: Payload = {}
        telling = asyncio.ensure_future(self._tell_progress(stream))
        try:
            async for chunk in self._answer:
                if not telling.done():
                    await _ended(telling)
                last = chunk
                formed = self._form(self._named(chunk))
                if self._says_usage:
                    formed["usage"] = None
                await stream.say(formed)
        except CommandError as error:
            if not stream.started:
                raise
            await _ended(telling)
            await stream.say(command_failed(error).body())
            await stream.end()
            return False
        finally:
            await _ended(telling)
        if self._says_usage:
            await stream.say(self._usage_chunk(last))
        await stream.write(b"data: [DONE]\n\n")
        await stream.end()
        return True

    async def _tell_progress(self, stream: EventStream) -> None:
        """Send a comment now and then, while there is nothing else to say."""
        while True:
            await asyncio.sleep(QUIET_SECONDS)
            await stream.write(f": {self._answer.progress}\n\n".encode())

    def _usage_chunk(self, last: Payload) -> Payload:
        return self._named({**last, "choices": [], "usage": self._counts()})

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


async def _ended(task: asyncio.Future[None]) -> None:
    """Cancel a task and wait until it is over. Raises what it has failed of."""
    task.cancel()
    # Not awaited itself: to be cancelled meanwhile is another matter than that it was.
    await asyncio.wait({task})
    if not task.cancelled():
        task.result()


def model_object(model: ModelSnapshot) -> Payload:
    """A model in OpenAI's form, with what clients of other servers look for besides."""
    facts = model.facts
    in_force = model.context or model.parameters.context
    modified = facts.identities[0].modified_ns if facts.identities else 0
    return {
        "id": model.id,
        "object": "model",
        "created": modified // 1_000_000_000,
        "owned_by": "local",
        "state": model.state.value,
        "context_length": in_force,
        "max_model_len": in_force,
        "max_context_length": facts.context_length,
        "input_modalities": ["text", "image"] if facts.sees else ["text"],
        "meta": {
            "n_ctx": in_force,
            "n_ctx_train": facts.context_length,
            "n_params": facts.parameters,
            "size": facts.file_bytes,
        },
    }
