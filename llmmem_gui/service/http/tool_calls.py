"""Tool calls: how a model is made to write them, and how they are read out of what it wrote.

Models are taught different ways to write a call. The one most of them share puts a JSON object between
`<tool_call>` and `</tool_call>` (Hermes, Qwen, SmolLM and those derived from them); with `tool_choice`
`auto` that form is recognized, and text without it is an ordinary answer. When a call is demanded the model
is held by a grammar to one JSON object that names a tool and fits its parameters, whatever it was taught.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from typing import Any

OPENING = "<tool_call>"
CLOSING = "</tool_call>"


def demanded_call_schema(tools: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """JSON schema of one call of one of the tools, given in OpenAI's form."""
    calls = [_call_schema(tool["function"]) for tool in tools]
    return calls[0] if len(calls) == 1 else {"anyOf": calls}


def _call_schema(function: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "name": {"const": function["name"]},
            "arguments": function.get("parameters") or {"type": "object"},
        },
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


class CallReader:
    """Reads an answer as it comes and sorts it into text for the person and calls for the program."""

    def __init__(self, names: Sequence[str], *, demanded: bool) -> None:
        self._names = frozenset(names)
        self._demanded = demanded
        self._pending = ""
        self.calls: list[dict[str, Any]] = []
        """The calls found so far, in the form of OpenAI's `tool_calls`."""

    def feed(self, text: str) -> str:
        """Take the next part of the answer; gives the text that is certain to be no part of a call."""
        self._pending += text
        if self._demanded:
            return ""
        shown = ""
        while True:
            before, opening, after = self._pending.partition(OPENING)
            if not opening:
                kept = _length_of_a_beginning(self._pending, OPENING)
                shown += self._pending[: len(self._pending) - kept]
                self._pending = self._pending[len(self._pending) - kept :]
                return shown
            inside, closing, rest = after.partition(CLOSING)
            shown += before
            if not closing:
                self._pending = opening + after
                return shown
            if not self._add(inside):
                shown += opening + inside + closing
            self._pending = rest

    def finish(self) -> str:
        """Take the end of the answer; gives the text that turned out to be no call."""
        left, self._pending = self._pending, ""
        # A model that stops after its call often leaves out the closing tag.
        written = left if self._demanded else left.removeprefix(OPENING)
        if (self._demanded or written != left) and self._add(written):
            return ""
        return left

    def _add(self, written: str) -> bool:
        try:
            call = json.loads(written)
        except (ValueError, RecursionError):
            return False
        if not isinstance(call, dict) or call.get("name") not in self._names:
            return False
        arguments = call.get("arguments", call.get("parameters", {}))
        self.calls.append(
            {
                "index": len(self.calls),
                "id": f"call_{secrets.token_hex(12)}",
                "type": "function",
                "function": {
                    "name": call["name"],
                    "arguments": arguments
                    if isinstance(arguments, str)
                    else json.dumps(arguments, ensure_ascii=False),
                },
            }
        )
        return True


def _length_of_a_beginning(text: str, word: str) -> int:
    """Length of the longest end of the text that is a beginning of the word."""
    return next((n for n in range(min(len(word) - 1, len(text)), 0, -1) if text.endswith(word[:n])), 0)
