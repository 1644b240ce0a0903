"""Reads answers in channels, as gpt-oss writes them: `analysis` is thought, `final` is said.

One message after the other: `<|channel|>NAME to=functions.TOOL <|constrain|>json<|message|>TEXT<|end|>`, with
`<|start|>assistant` before each but the first, which the prompt has begun (github.com/openai/harmony).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from llmmem_gui.host.answer_reader import Piece, Said, Thought
from llmmem_gui.host.answer_text import overlap
from llmmem_gui.host.written_calls import Call, Schemas

MARKS = ("<|start|>", "<|channel|>", "<|message|>", "<|end|>", "<|call|>", "<|return|>", "<|constrain|>")
_END = "<|end|>"
OWN_THOUGHT = ("<|channel|>", "analysis", "<|message|>")
"""Opens a thought."""
SAID = ("<|channel|>", "final", "<|message|>")
"""Begins what is said."""
NEXT_MESSAGE = ("<|start|>", "assistant")
"""Begins the message after a thought."""
_MARK = re.compile("|".join(map(re.escape, MARKS)))

_Part = Literal["head", "thought", "said", "call"]


class HarmonyReader:
    """An `AnswerReader` for channels."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas
        self._pending = ""
        self._part: _Part = "head"
        """Of a message: what comes next belongs to it."""
        self._head = ""
        self._arguments = ""
        self.has_called = False
        """There was a call."""

    @property
    def is_thinking(self) -> bool:
        """What comes next belongs to a thought."""
        return self._part == "thought"

    @property
    def thought_end(self) -> str:
        """What ends the present thought and begins what is said; empty outside of thoughts."""
        return "<|end|><|start|>assistant<|channel|>final<|message|>" if self.is_thinking else ""

    def lacking_end(self, text: str) -> str:
        """What of the mark is missing, where this text next would end the thought and say something, too."""
        _, found, rest = (self._pending + text).partition(_END) if self.is_thinking else ("", "", "")
        return _END[overlap(self._pending, _END) :] if found and rest.strip() else ""

    def feed(self, text: str) -> list[Piece]:
        """Take the next part in; gives what is certain now."""
        self._pending += text
        pieces: list[Piece] = []
        while found := _MARK.search(self._pending):
            pieces += self._text(self._pending[: found.start()])
            self._pending = self._pending[found.end() :]
            pieces += self._mark(found[0])
        certain = len(self._pending) - max(overlap(self._pending, mark) for mark in MARKS)
        pieces += self._text(self._pending[:certain])
        self._pending = self._pending[certain:]
        return pieces

    def finish(self, *, was_cut: bool = False) -> list[Piece]:
        """Take the end of the answer; `was_cut`: the model would have gone on."""
        left, self._pending = self._pending, ""
        pieces = list(self._text(left))
        if self._part == "head" and self._head.strip() not in ("", "assistant"):
            pieces.append(Said(self._head))  # it wrote without channels
        return [*pieces, *self._end_of_message()]

    def _mark(self, mark: str) -> Iterator[Piece]:
        if mark == "<|message|>":
            self._part = self._part_of(self._head)
        elif mark in ("<|channel|>", "<|constrain|>"):
            self._head += " "
        else:
            yield from self._end_of_message()

    @staticmethod
    def _part_of(head: str) -> _Part:
        if "to=" in head:
            return "call"
        return "thought" if "analysis" in head else "said"

    def _text(self, text: str) -> Iterator[Piece]:
        if not text:
            return
        if self._part == "head":
            self._head += text
        elif self._part == "call":
            self._arguments += text
        elif self._part == "thought":
            yield Thought(text)
        elif self._part == "said":
            yield Said(text)

    def _end_of_message(self) -> Iterator[Piece]:
        if self._part == "call":
            found = re.search(r"to=(?:functions\.)?([\w.-]+)", self._head)
            if found is not None and found[1] in self._schemas:
                self.has_called = True
                yield Call(found[1], self._arguments.strip() or "{}")
            else:
                yield Said(self._arguments)
        self._part, self._head, self._arguments = "head", "", ""
