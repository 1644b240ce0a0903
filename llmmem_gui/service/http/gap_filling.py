"""Filling a gap between two texts as other servers' clients ask for it: llama-server's and Mistral's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmmem_gui.service.http.openai_schemas import FimRequest, InfillRequest
from llmmem_gui.service.http.openai_translation import Arguments, generation_arguments

Payload = dict[str, Any]

_BETWEEN_FILES = "\n\n--- snippet ---\n\n"
"""As llama-server writes it for models that have no token for that."""


def infill_arguments(request: InfillRequest) -> Arguments:
    """What a host is asked to fill a gap; other files, and the beginning of the line, stand before it."""
    files = [*(extra.text for extra in request.input_extra), request.input_prefix + request.prompt]
    arguments = {"prompt": _BETWEEN_FILES.join(files), "suffix": request.input_suffix}
    return {**generation_arguments(request), **arguments}


def fim_arguments(request: FimRequest) -> Arguments:
    """What a host is asked to fill a gap, or to go on where nothing stands behind it."""
    arguments = {"prompt": request.prompt, "suffix": request.suffix or None}
    given = {name: value for name, value in arguments.items() if value is not None}
    return {**generation_arguments(request), **given}


def as_infill(payload: Mapping[str, Any]) -> Payload:
    """A completion, or a chunk of one, as llama-server writes it."""
    if not payload["choices"]:
        return dict(payload)
    choice = payload["choices"][0]
    reason = choice["finish_reason"]
    answer: Payload = {
        "index": choice["index"],
        "content": choice["text"],
        "stop": reason is not None,
        "model": payload["model"],
    }
    if reason is not None:
        answer |= {"stop_type": "limit" if reason == "length" else "eos", "truncated": False}
    usage = payload.get("usage")
    if usage:
        answer |= {
            "tokens_predicted": usage["completion_tokens"],
            "tokens_evaluated": usage["prompt_tokens"],
            "tokens_cached": usage["prompt_tokens_details"]["cached_tokens"],
        }
    return answer


def as_chat(payload: Mapping[str, Any]) -> Payload:
    """A completion, or a chunk of one, in the form of a chat, as Mistral writes it."""
    whole = bool(payload.get("usage"))
    choices = [
        {
            "index": choice["index"],
            "finish_reason": choice["finish_reason"],
            "message" if whole else "delta": {"role": "assistant", "content": choice["text"]},
        }
        for choice in payload["choices"]
    ]
    return {**payload, "object": "chat.completion" if whole else "chat.completion.chunk", "choices": choices}
