"""Reads answers in channels, as gpt-oss writes them: `analysis` is thought, `final` is said.

One message after the other: `<|channel|>NAME to=functions.TOOL <|constrain|>json<|message|>TEXT<|end|>`, with
`<|start|>assistant` before each but the first, which the prompt has begun (github.com/openai/harmony).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from llmmem_gui.host.answer_reader import Arguments, Piece, Said, Thought
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
        self._has_argued = False
        """Of the present call there were arguments."""
        self._space = ""
        """White space that belongs to the arguments only if something follows it."""
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
        return [*pieces, *self._end_of_message(was_cut=was_cut)]

    def _mark(self, mark: str) -> Iterator[Piece]:
        if mark == "<|message|>":
            self._part = self._part_of(self._head)
            if self._part == "call":
                self.has_called = True
                self._has_argued, self._space = False, ""
                yield Call(self._called(self._head), "")
        elif mark in ("<|channel|>", "<|constrain|>"):
            self._head += " "
        else:
            yield from self._end_of_message()

    def _part_of(self, head: str) -> _Part:
        if self._called(head) in self._schemas:
            return "call"
        return "thought" if "analysis" in head and "to=" not in head else "said"

    @staticmethod
    def _called(head: str) -> str:
        found = re.search(r"to=(?:functions\.)?([\w.-]+)", head)
        return found[1] if found else ""

    def _text(self, text: str) -> Iterator[Piece]:
        if not text:
            return
        if self._part == "head":
            self._head += text
        elif self._part == "call":
            yield from self._argued(text)
        elif self._part == "thought":
            yield Thought(text)
        elif self._part == "said":
            yield Said(text)

    def _argued(self, text: str) -> Iterator[Piece]:
        """Arguments, without the white space around them."""
        text = self._space + text
        argued = text.rstrip() if self._has_argued else text.strip()
        self._has_argued = self._has_argued or bool(argued)
        self._space = text[len(text.rstrip()) :] if self._has_argued else ""
        if argued:
            yield Arguments(argued)

    def _end_of_message(self, *, was_cut: bool = False) -> Iterator[Piece]:
        if self._part == "call" and not self._has_argued and not was_cut:
            yield Arguments("{}")
        self._part, self._head = "head", ""
