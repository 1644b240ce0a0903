"""Answers one request with the model's own methods, and says what it took."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from llmmem_gui.core import protocol
from llmmem_gui.core.sentence import BadValue, Sentence, SentenceError, verbatim
from llmmem_gui.host.chat import TemplateError
from llmmem_gui.host.mapping import OwnMemory
from llmmem_gui.host.model import Cancelled, HostedModel
from llmmem_gui.host.probabilities import TokenProbabilities
from llmmem_gui.host.requests import Requests

Send = Callable[[protocol.Message], None]

_EXPECTED = (
    AssertionError,
    TemplateError,
    protocol.ProtocolError,
    ValueError,
    TypeError,
    LookupError,
    RuntimeError,
    MemoryError,
)
"""What the library raises for a request that it cannot answer."""

_TOO_LONG = re.compile(r"Requested tokens \((\d+)\) exceed (context window|batch size) of (\d+)")


def answer(model: HostedModel, ask: protocol.Ask, requests: Requests, memory: OwnMemory, send: Send) -> None:
    """Answer a request with `Chunk`s and `Answered`, or with `AskFailed`; its failure ends here."""
    started = time.monotonic()
    payload: dict[str, Any] | None = None
    cancelled = not requests.begin(ask.request_id)
    model.begin_answer()
    try:
        if not cancelled:
            payload = _carry_out(model, ask, send)
    except Cancelled:
        cancelled = True
    except _EXPECTED as error:
        send(protocol.AskFailed(ask.request_id, _reason(error)))
        return
    finally:
        requests.end()
    first_token = model.first_token_time
    answered = protocol.Answered(
        request_id=ask.request_id,
        payload=payload,
        prompt_tokens=model.prompt_tokens,
        completion_tokens=model.completion_tokens,
        seconds=time.monotonic() - started,
        first_token_seconds=None if first_token is None else first_token - started,
        shared_bytes=memory.shared_bytes(),
        cancelled=cancelled,
        notice=model.chat_template_notice if ask.operation == "chat" else None,
    )
    try:
        send(answered)
    except protocol.ProtocolError as error:
        send(
            protocol.AskFailed(
                ask.request_id,
                Sentence("Host", "the answer is too long to be sent: {reason}").format(reason=str(error)),
            )
        )


def _carry_out(model: HostedModel, ask: protocol.Ask, send: Send) -> dict[str, Any] | None:
    finish = _finisher(model, ask)
    result = _call(model, ask)
    if not isinstance(result, Iterator):
        return finish(dict(result))
    for chunk in result:
        send(protocol.Chunk(ask.request_id, finish(chunk)))
    return None


def _finisher(model: HostedModel, ask: protocol.Ask) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Give what adds the probabilities of tokens to an answer or its chunks, if they are asked for."""
    wanted = ask.arguments.get("logprobs")
    if wanted is None or wanted is False:
        return lambda payload: payload
    if ask.arguments.get("echo"):
        raise BadValue(
            Sentence(
                "Host", "probabilities of tokens (logprobs) are given for the answer only: leave echo out"
            )
        )
    alternatives = (ask.arguments.get("top_logprobs") or 0) if wanted is True else wanted
    model.probabilities = TokenProbabilities(alternatives, lambda token: model.detokenize([token]))
    if ask.operation == "chat":
        return model.probabilities.in_chat
    return partial(model.probabilities.in_completion, prompt_length=len(ask.arguments["prompt"]))


def _call(model: HostedModel, ask: protocol.Ask) -> Any:
    if (ask.operation == "embedding") != model.gives_embeddings:
        if model.gives_embeddings:
            raise BadValue(
                Sentence("Host", "the model is loaded to give embeddings and does not generate text")
            )
        raise BadValue(
            Sentence("Host", "the model is loaded to generate text; load it for embeddings to get them")
        )
    if ask.operation == "embedding":
        return model.create_embedding(**ask.arguments)
    for token in ask.arguments.get("logit_bias") or {}:
        if int(token) >= model.n_vocab():
            raise BadValue(
                Sentence("Host", "logit_bias names the token {token}; the model has {number}").format(
                    token=str(token), number=model.n_vocab()
                )
            )
    # Without a seed the library begins with the same one in each process.
    arguments = {"seed": secrets.randbits(32), **ask.arguments}
    for name in ("logprobs", "top_logprobs"):
        arguments.pop(name, None)
    if ask.operation == "completion":
        return model.create_completion(**arguments)
    return model.create_chat_completion(**_with_schema(arguments))


def _with_schema(arguments: dict[str, Any]) -> dict[str, Any]:
    """Put a JSON schema where the library looks for it instead of where OpenAI's API has it."""
    form = arguments.get("response_format") or {}
    if form.get("type") != "json_schema":
        return arguments
    schema = form["json_schema"]["schema"]
    return {**arguments, "response_format": {"type": "json_object", "schema": schema}}


def _reason(error: Exception) -> Sentence:
    if isinstance(error, SentenceError):
        return error.sentence
    too_long = _TOO_LONG.search(str(error))
    if too_long:
        tokens, what, room = too_long.groups()
        if what == "batch size":
            return Sentence(
                "Host",
                "a text has {tokens} tokens and a batch holds {room}: shorten it or load with a larger batch",
            ).format(tokens=tokens, room=room)
        return Sentence(
            "Host",
            "the prompt has {tokens} tokens and the context {room}: shorten it or load with more context",
        ).format(tokens=tokens, room=room)
    if isinstance(error, KeyError):
        return Sentence("Host", "the request lacks {name}").format(name=str(error))
    return verbatim(str(error) or type(error).__name__)
