"""The part of the HTTP API that speaks OpenAI's language: models, chat, completions and embeddings."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from llmmem_gui.core.events import Actor
from llmmem_gui.core.protocol import Operation
from llmmem_gui.core.snapshot import ModelSnapshot
from llmmem_gui.service.answer import Answer
from llmmem_gui.service.command_error import CommandError
from llmmem_gui.service.http.actor import actor_of
from llmmem_gui.service.http.errors import ApiError, command_failed
from llmmem_gui.service.http.guard import read_json
from llmmem_gui.service.http.metrics import Metrics, Outcome
from llmmem_gui.service.http.openai_schemas import (
    ChatRequest,
    CompletionRequest,
    EmbeddingRequest,
    StreamOptions,
)
from llmmem_gui.service.http.openai_translation import (
    base64_vector,
    call_reader,
    chat_arguments,
    chunk_with_calls,
    completion_arguments,
    unit_length,
    with_calls,
)
from llmmem_gui.service.http.replies import ClientGone, EventStream, JsonReply, unless_client_leaves
from llmmem_gui.service.memory_service import MemoryService

Payload = dict[str, Any]

_chat = msgspec.json.Decoder(ChatRequest)
_completion = msgspec.json.Decoder(CompletionRequest)
_embedding = msgspec.json.Decoder(EmbeddingRequest)


def _as_it_is(payload: Payload) -> Payload:
    return payload


def _embeddings(payload: Payload, *, in_base64: bool) -> Payload:
    """The vectors with length 1, in the encoding asked for."""
    vectors = [unit_length(item["embedding"]) for item in payload["data"]]
    encoded = [base64_vector(vector) if in_base64 else vector for vector in vectors]
    data = [{**item, "embedding": each} for item, each in zip(payload["data"], encoded, strict=True)]
    return {**payload, "data": data}


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
        body = await read_json(request, _chat)
        arguments = chat_arguments(body)
        reader = call_reader(body)
        reshape: Callable[[Payload], Payload] = _as_it_is
        if reader is not None:
            reshape = partial(chunk_with_calls if body.stream else with_calls, reader=reader)
        answer = self._ask(body.model, "chat", arguments, actor_of(request))
        return AnswerReply(
            answer, self._metrics, reshape, stream=bool(body.stream), options=body.stream_options
        )

    async def completion(self, request: Request) -> AnswerReply:
        """Continue a text."""
        body = await read_json(request, _completion)
        answer = self._ask(body.model, "completion", completion_arguments(body), actor_of(request))
        return AnswerReply(answer, self._metrics, stream=bool(body.stream), options=body.stream_options)

    async def embedding(self, request: Request) -> AnswerReply:
        """Turn texts into vectors."""
        body = await read_json(request, _embedding)
        texts = [body.input] if isinstance(body.input, str) else body.input
        answer = self._ask(body.model, "embedding", {"input": texts}, actor_of(request))
        reshape = partial(_embeddings, in_base64=body.encoding_format == "base64")
        return AnswerReply(answer, self._metrics, reshape)

    def _ask(self, model_id: str, operation: Operation, arguments: Payload, actor: Actor) -> Answer:
        known_model(self._service, model_id)
        return self._service.ask(model_id, operation, arguments, actor=actor)


class AnswerReply:
    """ASGI application that sends one answer of a model, and cancels it when the client leaves."""

    def __init__(
        self,
        answer: Answer,
        metrics: Metrics,
        reshape: Callable[[Payload], Payload] = _as_it_is,
        *,
        stream: bool = False,
        options: StreamOptions | None = None,
    ) -> None:
        self._answer = answer
        self._metrics = metrics
        self._reshape = reshape
        self._stream = stream
        self._says_usage = options is not None and bool(options.include_usage)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        outcome: Outcome = "failed"
        try:
            async with self._answer:
                if self._stream:
                    complete = await unless_client_leaves(receive, self._send_stream(EventStream(send)))
                    outcome = "answered" if complete else "failed"
                else:
                    payload = await unless_client_leaves(receive, self._whole())
                    outcome = "answered"
                    await JsonReply(payload)(scope, receive, send)
        except ClientGone:
            outcome = "abandoned"
            raise
        finally:
            self._metrics.count_answer(self._answer.model_id, outcome, self._answer.usage)

    async def _whole(self) -> Payload:
        payloads = [payload async for payload in self._answer]
        if not payloads:
            raise ApiError(409, "cancelled", "The answer was cancelled.")
        return self._named(self._reshape(payloads[-1]))

    async def _send_stream(self, stream: EventStream) -> bool:
        """Send the chunks; False when the answer failed after its beginning was sent."""
        last: Payload = {}
        try:
            async for chunk in self._answer:
                last = chunk
                reshaped = self._named(self._reshape(chunk))
                if self._says_usage:
                    reshaped["usage"] = None
                await stream.say(reshaped)
        except CommandError as error:
            if not stream.started:
                raise
            await stream.say(command_failed(error).body())
            await stream.end()
            return False
        if self._says_usage:
            await stream.say(self._usage_chunk(last))
        await stream.write(b"data: [DONE]\n\n")
        await stream.end()
        return True

    def _usage_chunk(self, last: Payload) -> Payload:
        usage = self._answer.usage
        prompt, completion = (usage.prompt_tokens, usage.completion_tokens) if usage else (0, 0)
        counts = {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
        }
        return self._named({**last, "choices": [], "usage": counts})

    def _named(self, payload: Payload) -> Payload:
        """The payload under the model's id; the host knows the model by its file's path."""
        return {**payload, "model": self._answer.model_id}


def model_object(model: ModelSnapshot) -> Payload:
    """A model in OpenAI's form, with what a client likes to know besides."""
    return {
        "id": model.id,
        "object": "model",
        "created": 0,
        "owned_by": "local",
        "state": model.state.value,
        "context_length": model.facts.context_length,
    }


def known_model(service: MemoryService, model_id: str) -> ModelSnapshot:
    """The model with that id; an id is looked up and never taken for a path.

    Raises `ApiError` 404.
    """
    model = service.snapshot.model(model_id)
    if model is None:
        raise ApiError(
            404,
            "model_not_found",
            f"There is no model {model_id[:80]!r}: /v1/models lists the ids.",
            parameter="model",
        )
    return model
