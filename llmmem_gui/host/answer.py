"""Answers one request with the model's own methods, and says what it took."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any

from llmmem_gui.core import protocol
from llmmem_gui.host.chat import TemplateError
from llmmem_gui.host.model import Cancelled, HostedModel
from llmmem_gui.host.requests import Requests

Send = Callable[[protocol.Message], None]


def answer(model: HostedModel, ask: protocol.Ask, requests: Requests, send: Send) -> None:
    """Answer a request with `Chunk`s and `Answered`, or with `AskFailed`; its failure ends here."""
    started = time.monotonic()
    payload: dict[str, Any] | None = None
    cancelled = not requests.begin(ask.request_id)
    model.begin_answer()
    try:
        if not cancelled:
            result = _call(model, ask)
            if isinstance(result, Iterator):
                for chunk in result:
                    send(protocol.Chunk(ask.request_id, chunk))
            else:
                payload = result
    except Cancelled:
        cancelled = True
    except (TemplateError, ValueError, TypeError, KeyError, IndexError, RuntimeError, MemoryError) as error:
        send(protocol.AskFailed(ask.request_id, _reason(error)))
        return
    finally:
        requests.end()
    seconds = time.monotonic() - started
    send(
        protocol.Answered(
            request_id=ask.request_id,
            payload=payload,
            prompt_tokens=model.prompt_tokens,
            completion_tokens=model.completion_tokens,
            seconds=seconds,
            first_token_seconds=model.first_token_time and model.first_token_time - started,
            cancelled=cancelled,
            notice=model.chat_template_notice if ask.operation == "chat" else None,
        )
    )


def _call(model: HostedModel, ask: protocol.Ask) -> Any:
    if ask.operation == "embedding":
        return model.create_embedding(**ask.arguments)
    arguments = {"seed": secrets.randbits(32), **ask.arguments}
    if ask.operation == "chat":
        return model.create_chat_completion(**arguments)
    return model.create_completion(**arguments)


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
