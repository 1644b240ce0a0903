"""Sorts an answer as it comes into what was thought, what is said, and the tools that are called.

Marks of all families are known at once, whatever the model: they are so peculiar that none is taken for
another, and what turns out to be no call of a tool that was offered is said as it stands.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from llmmem_gui.host.answer_marks import CALL_MARKS, LABELS, THOUGHTS, CallMarks
from llmmem_gui.host.answer_text import overlap
from llmmem_gui.host.written_arguments import Writing, WrittenObject
from llmmem_gui.host.written_calls import (
    Call,
    Schemas,
    are_offered,
    beginning_of_call,
    first_key_may_be_of_call,
)


class Said(NamedTuple):
    """A piece of the answer's text."""

    text: str


class Thought(NamedTuple):
    """A piece of what the model thought before it answered."""

    text: str


class Arguments(NamedTuple):
    """More of the arguments of the call before."""

    text: str


Piece = Said | Thought | Call | Arguments


_MOST_ENDS = 64
"""Ends of objects that are tried, the last first, to find calls in text that goes on or breaks off."""


class AnswerReader:
    """Takes an answer's text in as it comes."""

    def __init__(
        self,
        schemas: Schemas | None = None,
        *,
        thought: str | None = None,
        folds_thoughts: bool = True,
        is_held: bool = False,
    ) -> None:
        """`thought`: the answer begins in a thought that the prompt has opened with this mark.

        Without `folds_thoughts` they stay in the text, with their marks. `is_held`: what begins as a call of
        an offered tool is one, whatever it begins with.
        """
        self._schemas = schemas or {}
        self._folds = folds_thoughts
        self._thought_end = THOUGHTS[thought] if thought is not None else None
        """What ends the thought that is being thought."""
        self._unsaid = f"{thought}\n" if thought is not None and not folds_thoughts else ""
        """Stands before the answer."""
        self._marks: CallMarks | None = None
        """Of the call that is being written."""
        self._is_held = is_held
        self._writing: Writing | None = None
        """Of the call that was told of before it was complete."""
        self._arguments: WrittenObject | None = None
        """Of that call, as long as they are being written."""
        self._pending = ""
        self._has_said = False
        """There was something but white space outside of thoughts."""
        self._at_line_start = True
        self._skips_space = thought is not None and folds_thoughts
        """White space that comes next belongs to the marks of a thought."""
        self._space = ""
        """White space that is said only if something follows it."""
        openings = [marks.opening for marks in CALL_MARKS] if self._schemas else []
        self._openings = (*openings, *LABELS, *THOUGHTS)
        self.has_called = False
        """There was a call."""

    @property
    def is_thinking(self) -> bool:
        """What comes next belongs to a thought."""
        return self._thought_end is not None

    @property
    def thought_end(self) -> str:
        """What ends the present thought; empty outside of thoughts."""
        return self._thought_end or ""

    def lacking_end(self, text: str) -> str:
        """What of the mark is missing, where this text next would end the thought and say something, too."""
        end = self.thought_end
        _, found, rest = (self._pending + text).partition(end) if end else ("", "", "")
        return end[overlap(self._pending, end) :] if found and rest.strip() else ""

    def feed(self, text: str) -> list[Piece]:
        """Take the next part in; gives what is certain now."""
        self._pending += text
        return list(self._pieces())

    def finish(self, *, was_cut: bool = False) -> list[Piece]:
        """Take the end of the answer; `was_cut`: the model would have gone on."""
        left, self._pending = self._pending, ""
        if self._thought_end is not None:
            return [self._thought(left)] if left else []
        pieces = list(self._end_of_call(left, was_cut) if self._marks is not None else self._said(left))
        if self._space and not self.has_called:
            pieces.append(Said(self._space))
        return pieces

    def _pieces(self) -> Iterator[Piece]:
        while self._pending:
            if self._skips_space:
                self._pending = self._pending.lstrip()
                self._skips_space = not self._pending
            before = (self._pending, self._marks, self._thought_end, self._arguments)
            if self._thought_end is not None:
                yield from self._think(self._thought_end)
            elif self._marks is not None:
                yield from self._call(self._marks)
            else:
                yield from self._talk()
            if (self._pending, self._marks, self._thought_end, self._arguments) == before:
                return

    def _think(self, end: str) -> Iterator[Piece]:
        thought, closing, rest = self._pending.partition(end)
        if closing:
            self._thought_end = None
            self._pending = rest
            self._skips_space = self._folds
            thought += "" if self._folds else closing
        else:
            kept = overlap(self._pending, end)
            thought = self._pending[: len(self._pending) - kept]
            self._pending = self._pending[len(thought) :]
        if thought:
            yield self._thought(thought)

    def _thought(self, text: str) -> Piece:
        if self._folds:
            return Thought(text)
        unsaid, self._unsaid = self._unsaid, ""
        return Said(unsaid + text)

    def _talk(self) -> Iterator[Piece]:
        place, opening = self._next_opening()
        if opening is None:
            yield from self._said(self._pending[:place])
            self._pending = self._pending[place:]
            return
        yield from self._said(self._pending[:place])
        self._pending = self._pending[place + len(opening) :]
        if opening in THOUGHTS:
            self._thought_end = THOUGHTS[opening]
            self._skips_space = self._folds
            if not self._folds:
                yield Said(opening)
        elif opening not in LABELS:
            self._marks = next(marks for marks in CALL_MARKS if marks.opening == opening)

    def _next_opening(self) -> tuple[int, str | None]:
        """Where the next mark stands and which it is; without one, how far the text is certain."""
        text = self._pending
        found: tuple[int, int, str] | None = None
        held = 0
        for opening in self._openings:
            place = self._place_of(opening, text)
            if place is not None and (found is None or (place, -len(opening)) < found[:2]):
                found = (place, -len(opening), opening)
            held = max(held, overlap(text, opening))
        if found is None:
            return len(text) - held, None
        place, _, opening = found
        rest = text[place:]
        if any(len(other) > len(rest) and other.startswith(rest) for other in self._openings):
            return place, None  # it may become a longer mark
        return place, opening

    def _place_of(self, opening: str, text: str) -> int | None:
        if opening in THOUGHTS:
            # Once something was said, such a mark is spoken of.
            begin = len(text) - len(text.lstrip())
            return begin if not self._has_said and text.startswith(opening, begin) else None
        place = text.find(opening)
        weak = any(marks.opening == opening and marks.is_weak for marks in CALL_MARKS)
        while weak and place >= 0 and not self._begins_line(text, place):
            place = text.find(opening, place + 1)
        return place if place >= 0 else None

    def _begins_line(self, text: str, place: int) -> bool:
        line = text[:place].rpartition("\n")
        return not line[2].strip() and (bool(line[1]) or self._at_line_start)

    def _said(self, text: str) -> Iterator[Piece]:
        if not text:
            return
        last_line = text.rpartition("\n")
        self._at_line_start = not last_line[2].strip() and (bool(last_line[1]) or self._at_line_start)
        if self._schemas:
            # White space around calls belongs to the form of calls.
            text = self._space + text
            kept = text.rstrip()
            self._space = text[len(kept) :]
            text = kept
        if text.strip():
            self._has_said = True
        if text:
            yield Said(text)

    # --- calls ---------------------------------------------------------------------------------------------

    def _call(self, marks: CallMarks) -> Iterator[Piece]:
        if self._arguments is not None:
            yield from self._argue(self._arguments)
            return
        begun = self._begun_call(marks)
        if begun is not None:
            yield begun
            return
        if marks.is_weak and self._writing is None and not self._may_be_call(marks, self._pending):
            yield from self._release(marks, 0)
            return
        end = self._end_of(marks)
        if end is None:
            return
        inside, rest = self._pending[: end[0]], self._pending[end[1] :]
        if self._writing is not None:
            self._pending = rest
            self._at_line_start = True
            yield from self._after_told(marks, inside)
            return
        calls = self._read(marks, inside)
        if not calls or not are_offered(calls, self._schemas):
            yield from self._release(marks, end[1])
            return
        self._pending = rest
        self._at_line_start = True
        yield from self._made(calls)

    def _begun_call(self, marks: CallMarks) -> Call | None:
        """A call whose arguments have begun so that they can be told as they come."""
        if marks.is_weak and not self._is_held:
            return None
        before = marks.opening if marks.belongs and self._writing is None else ""
        for writing in marks.writings if self._writing is None else (self._writing,):
            found = writing.begun(before + self._pending, follows_call=self._writing is not None)
            if found is not None and found["name"] in self._schemas:
                self._pending = self._pending[found.end() - len(before) :]
                self._writing, self._arguments = writing, WrittenObject()
                self.has_called = True
                self._space = ""
                return Call(found["name"], "")
        return None

    def _argue(self, arguments: WrittenObject) -> Iterator[Piece]:
        told, rest = arguments.take(self._pending)
        self._pending = rest or ""
        if rest is not None:
            self._arguments = None
        if told:
            yield Arguments(told)

    def _after_told(self, marks: CallMarks, text: str) -> Iterator[Piece]:
        """What stands between a call that was told of as it came, and the end of the calls."""
        assert self._writing is not None
        left = self._writing.without_end(text)
        calls = self._read(marks, left) if left else None
        self._writing = self._marks = None
        if calls and are_offered(calls, self._schemas):
            yield from self._made(calls)
        else:
            yield from self._said(left)

    def _read(self, marks: CallMarks, inside: str) -> list[Call] | None:
        return marks.read(marks.opening + inside if marks.belongs else inside, self._schemas)

    def _end_of(self, marks: CallMarks) -> tuple[int, int] | None:
        """Where the text of the calls ends, and where what follows it begins."""
        if marks.closing == marks.opening and not marks.is_weak:
            place = self._pending.find(marks.opening)
            return (place, place) if place >= 0 else None
        if marks.closing is not None:
            place = self._pending.find(marks.closing)
            return (place, place + len(marks.closing)) if place >= 0 else None
        if not marks.is_weak or self._writing is not None:
            return None
        opened, end = marks.opening + self._pending, 0
        while end == 0 or opened[end:].lstrip(" \n\t;,").startswith("{"):  # others may follow in a row
            begin = opened.index("{", end) if end else 0
            try:
                _, end = json.JSONDecoder(strict=False).raw_decode(opened, begin)
            except (ValueError, RecursionError):
                return None
        place = end - len(marks.opening)
        return (place, place) if opened[end:].strip(" \n\t;,") else None

    def _may_be_call(self, marks: CallMarks, inside: str) -> bool:
        text = inside.lstrip()
        if marks.opening.startswith("```"):
            if marks.opening == "```tool_code" or not text:
                return True
            return text[0] in "{[" and first_key_may_be_of_call(text)
        opened = marks.opening + inside
        if not first_key_may_be_of_call(opened):
            return False
        name = re.match(r'[\[{\s]*"name"\s*:\s*"([^"]*)"', opened)
        return name is None or name[1] in self._schemas

    def _release(self, marks: CallMarks, length: int) -> Iterator[Piece]:
        """It is no call: say the mark and so much of what came after it."""
        self._marks = None
        shown = marks.opening + self._pending[:length]
        self._pending = self._pending[length:]
        self._at_line_start = False
        yield from self._said(shown)

    def _end_of_call(self, left: str, was_cut: bool) -> Iterator[Piece]:
        marks = self._marks
        assert marks is not None
        if self._writing is not None:
            if self._arguments is None and not was_cut:
                yield from self._after_told(marks, left)
            return
        calls = self._read(marks, left)
        if calls and are_offered(calls, self._schemas):
            yield from self._made(calls)
            return
        if not marks.is_weak:
            whole, length = self._whole_calls(marks, left)
            if whole:
                yield from self._made(whole)
                yield from () if was_cut else self._said(left[length:].removeprefix("]"))
                return
        if was_cut and not marks.is_weak:
            # Of a call that was cut off in its name nothing can be told, and it is nothing to read.
            begun = beginning_of_call(left, self._schemas)
            yield from self._made([begun] if begun is not None else [])
            return
        self._pending = left
        yield from self._release(marks, len(left))

    def _whole_calls(self, marks: CallMarks, text: str) -> tuple[list[Call], int]:
        """The calls before what was cut off, or before other text; and where they end."""
        ends = [found.end() for found in re.finditer(r"\}", text)][-_MOST_ENDS:]
        for end in reversed(ends):
            for closed in (text[:end], text[:end] + "]"):
                calls = self._read(marks, closed)
                if calls and are_offered(calls, self._schemas):
                    return calls, end
        return [], 0

    def _made(self, calls: Iterable[Call]) -> Iterator[Piece]:
        self.has_called = True
        self._marks = None
        self._space = ""
        yield from calls


def schemas_of(tools: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The schema of each tool's parameters by its name; tools are in OpenAI's form."""
    return {tool["function"]["name"]: tool["function"].get("parameters") or {} for tool in tools}
