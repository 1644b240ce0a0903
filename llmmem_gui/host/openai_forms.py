"""Answers in the forms of OpenAI's API: whole ones and the chunks of a stream."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Iterator
from typing import Any, Literal, Protocol

from llmmem_gui.host.answer_reader import Arguments, Piece, Said, Thought
from llmmem_gui.host.written_calls import Call

Payload = dict[str, Any]
FinishReason = Literal["stop", "length", "tool_calls"]


class AnswerForm(Protocol):
    """How an answer is written: in chunks, or what was added in one piece."""

    @property
    def is_thinking(self) -> bool:
        """What comes next is a thought before the answer."""

    @property
    def thought_end(self) -> str:
        """What ends the present thought; empty outside of thoughts."""

    def lacking_end(self, text: str) -> str:
        """What of the mark is missing, where this text next would end the thought and say something, too."""

    def chunk(self, text: str) -> Iterator[Payload]:
        """Write the next part of a stream."""

    def last_chunk(self, reason: FinishReason) -> Iterator[Payload]:
        """Write the end of a stream."""

    def add(self, text: str) -> None:
        """Take in the next part of an answer in one piece."""

    def whole(self, reason: FinishReason, prompt_tokens: int, completion_tokens: int) -> Payload:
        """Write what was added."""


class _Form:
    """What both forms have in common."""

    id_prefix = ""

    def __init__(self) -> None:
        self._head = {
            "id": f"{self.id_prefix}-{secrets.token_hex(16)}",
            "created": int(time.time()),
            # The service knows what its client calls the model.
            "model": "",
        }

    def _payload(self, kind: str, choice: Payload, reason: FinishReason | None, **more: Any) -> Payload:
        choices = [{"index": 0, **choice, "logprobs": None, "finish_reason": reason}]
        return {**self._head, "object": kind, "choices": choices, **more}


class CompletionForm(_Form):
    """Continued texts."""

    id_prefix = "cmpl"
    is_thinking = False
    thought_end = ""

    def __init__(self, echoed: str = "") -> None:
        """`echoed` stands before the answer."""
        super().__init__()
        self._echoed = echoed
        self._parts = [echoed]

    def lacking_end(self, text: str) -> str:
        """Nothing: there are no thoughts."""
        return ""

    def chunk(self, text: str) -> Iterator[Payload]:
        """Write the next part of a stream."""
        echoed, self._echoed = self._echoed, ""
        yield self._payload("text_completion", {"text": echoed + text}, None)

    def last_chunk(self, reason: FinishReason) -> Iterator[Payload]:
        """Write the end of a stream."""
        if self._echoed:
            yield from self.chunk("")
        yield self._payload("text_completion", {"text": ""}, reason)

    def add(self, text: str) -> None:
        """Take in the next part of an answer in one piece."""
        self._parts.append(text)

    def whole(self, reason: FinishReason, prompt_tokens: int, completion_tokens: int) -> Payload:
        """Write what was added."""
        usage = _usage(prompt_tokens, completion_tokens)
        return self._payload("text_completion", {"text": "".join(self._parts)}, reason, usage=usage)


class Reader(Protocol):
    """Sorts the text of a chat's answer into pieces (`AnswerReader`, `HarmonyReader`)."""

    has_called: bool

    @property
    def is_thinking(self) -> bool:
        """What comes next belongs to a thought."""

    @property
    def thought_end(self) -> str:
        """What ends the present thought; empty outside of thoughts."""

    def lacking_end(self, text: str) -> str:
        """What of the mark is missing, where this text next would end the thought and say something, too."""

    def feed(self, text: str) -> list[Piece]:
        """Take the next part in; gives what is certain now."""

    def finish(self, *, was_cut: bool = False) -> list[Piece]:
        """Take the end of the answer; `was_cut`: the model would have gone on."""


class ChatForm(_Form):
    """Messages of an assistant: thoughts, text and calls of tools."""

    id_prefix = "chatcmpl"

    def __init__(self, reader: Reader) -> None:
        super().__init__()
        self._reader = reader
        self._pieces: list[Piece] = []
        self._has_begun = False
        self._calls = 0

    @property
    def is_thinking(self) -> bool:
        """What comes next is a thought before the answer."""
        return self._reader.is_thinking

    @property
    def thought_end(self) -> str:
        """What ends the present thought; empty outside of thoughts."""
        return self._reader.thought_end

    def lacking_end(self, text: str) -> str:
        """What of the mark is missing, where this text next would end the thought and say something, too."""
        return self._reader.lacking_end(text)

    def chunk(self, text: str) -> Iterator[Payload]:
        """Write the next part of a stream; before the first one stands whose message it is."""
        yield from self._deltas(self._reader.feed(text))

    def last_chunk(self, reason: FinishReason) -> Iterator[Payload]:
        """Write the end of a stream."""
        yield from self._beginning()
        yield from self._deltas(self._reader.finish(was_cut=reason == "length"))
        yield self._delta({}, self._reason(reason))

    def add(self, text: str) -> None:
        """Take in the next part of an answer in one piece."""
        self._pieces += self._reader.feed(text)

    def whole(self, reason: FinishReason, prompt_tokens: int, completion_tokens: int) -> Payload:
        """Write what was added."""
        pieces = [*self._pieces, *self._reader.finish(was_cut=reason == "length")]
        thought = "".join(piece.text for piece in pieces if isinstance(piece, Thought))
        said = "".join(piece.text for piece in pieces if isinstance(piece, Said))
        calls = [self._call(call) for call in whole_calls(pieces)]
        message: Payload = {"role": "assistant", "content": said or None if self._reader.has_called else said}
        if thought:
            message["reasoning_content"] = thought
        if calls:
            message["tool_calls"] = calls
        usage = _usage(prompt_tokens, completion_tokens)
        return self._payload("chat.completion", {"message": message}, self._reason(reason), usage=usage)

    def _deltas(self, pieces: Iterable[Piece]) -> Iterator[Payload]:
        for piece in pieces:
            yield from self._beginning()
            if isinstance(piece, Thought):
                yield self._delta({"reasoning_content": piece.text})
            elif isinstance(piece, Said):
                yield self._delta({"content": piece.text})
            elif isinstance(piece, Arguments):
                yield self._arguments_delta(piece.text)
            else:
                named = {"index": self._calls, **self._call(Call(piece.name, ""))}
                yield self._delta({"tool_calls": [named]})
                if piece.arguments:
                    yield self._arguments_delta(piece.arguments)

    def _arguments_delta(self, text: str) -> Payload:
        """More of the arguments of the last call."""
        return self._delta({"tool_calls": [{"index": self._calls - 1, "function": {"arguments": text}}]})

    def _call(self, call: Call) -> Payload:
        self._calls += 1
        function = {"name": call.name, "arguments": call.arguments}
        return {"id": f"call_{secrets.token_hex(12)}", "type": "function", "function": function}

    def _reason(self, reason: FinishReason) -> FinishReason:
        return "tool_calls" if reason == "stop" and self._reader.has_called else reason

    def _delta(self, delta: Payload, reason: FinishReason | None = None) -> Payload:
        return self._payload("chat.completion.chunk", {"delta": delta}, reason)

    def _beginning(self) -> Iterator[Payload]:
        if not self._has_begun:
            self._has_begun = True
            yield self._delta({"role": "assistant"})


def whole_calls(pieces: Iterable[Piece]) -> list[Call]:
    """The calls of an answer, each in one piece."""
    calls: list[Call] = []
    for piece in pieces:
        if isinstance(piece, Call):
            calls.append(piece)
        elif isinstance(piece, Arguments):
            calls[-1] = Call(calls[-1].name, calls[-1].arguments + piece.text)
    return calls


def _usage(prompt_tokens: int, completion_tokens: int) -> dict[str, int]:
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }
