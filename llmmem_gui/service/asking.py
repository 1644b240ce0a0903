"""Asks a model a question over the API, for the command line and for scripts."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from llmmem_gui.service.api_client import ApiClient, RequestFailed


class Reply(msgspec.Struct, frozen=True):
    """A model's whole answer."""

    text: str
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    """From the question until the end of the answer, with the load of the model if there was one."""


class Question:
    """One question to a model; iterating gives the answer's text as it comes, after which `reply` is known.

    Iterating raises `NoProgram` and `RequestFailed`, also when the answer is cut off; leaving before the end
    cancels the generation.
    """

    def __init__(
        self,
        client: ApiClient,
        model_id: str,
        messages: Sequence[Mapping[str, Any]],
        options: Mapping[str, Any],
    ) -> None:
        """`options` are further fields of OpenAI's chat request; None stands for the default."""
        self._client = client
        given = {name: value for name, value in options.items() if value is not None}
        self._body = {
            **given,
            "model": model_id,
            "messages": list(messages),
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        self.reply: Reply | None = None

    def __iter__(self) -> Iterator[str]:
        started = time.monotonic()
        pieces: list[str] = []
        usage: dict[str, int] = {}
        with self._client.stream("POST", "/v1/chat/completions", self._body) as chunks:
            for chunk in chunks:
                usage = chunk.get("usage") or usage
                for choice in chunk["choices"]:
                    piece = choice["delta"].get("content") or ""
                    if piece:
                        pieces.append(piece)
                        yield piece
            if not chunks.is_complete:
                raise RequestFailed("LLM Memory ended before the answer was complete: ask again.")
        self.reply = Reply(
            "".join(pieces),
            usage.get("prompt_tokens", 0),
            usage.get("completion_tokens", 0),
            time.monotonic() - started,
        )

    def whole(self) -> Reply:
        """Wait for the whole answer."""
        for _ in self:
            pass
        assert self.reply is not None
        return self.reply
