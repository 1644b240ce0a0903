"""The part of the HTTP API that speaks OpenAI's language: models, chat, completions and embeddings."""

from __future__ import annotations

from functools import partial
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request

from llmmem_gui.core.protocol import Operation
from llmmem_gui.core.snapshot import ModelSnapshot
from llmmem_gui.service.http.actor import actor_of, client_of
from llmmem_gui.service.http.answer_reply import AnswerReply, ChunkWording, Form, Wording
from llmmem_gui.service.http.errors import ApiError, refused
from llmmem_gui.service.http.gap_filling import as_chat, as_infill, fim_arguments, infill_arguments
from llmmem_gui.service.http.image_urls import require_eyes
from llmmem_gui.service.http.metrics import Metrics
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
from llmmem_gui.service.http.replies import JsonReply
from llmmem_gui.service.http.request_fields import Asked, read_fields
from llmmem_gui.service.http.responses_schemas import ResponsesRequest
from llmmem_gui.service.http.responses_stream import ResponseWording
from llmmem_gui.service.http.responses_translation import ResponseFrame, as_sent, chat_of
from llmmem_gui.service.http.several_answers import Payload, SeveralAnswers
from llmmem_gui.service.memory_service import MemoryService

Body = TypeVar("Body", bound=Record)
MOST_ANSWERS = 256
"""To one request, of all its prompts together."""


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

    async def response(self, request: Request) -> AnswerReply:
        """Answer a chat in the words of the Responses API."""
        asked = await self._read(request, ResponsesRequest)
        try:
            arguments = chat_arguments(with_tools_of_today(chat_of(asked.body)))
        except ApiError as error:
            raise as_sent(error, asked.body) from None
        if "place" in (form := arguments.get("response_format", {})):
            form["place"] = "text.format.schema"
        wording = ResponseWording(ResponseFrame(asked.body))
        return await self._answers(request, asked, "chat", [arguments], wording)

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
        return AnswerReply(answer, self._metrics, ChunkWording(form), headers=asked.headers, in_thread=True)

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
        form: Form | Wording = _as_it_is,
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
        wording = ChunkWording(form, body.stream_options) if callable(form) else form
        return AnswerReply(several, self._metrics, wording, stream=stream, headers=asked.headers)


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
