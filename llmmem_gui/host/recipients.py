"""Reads answers whose messages say to whom they go, as Functionary 3.2 writes them."""

from __future__ import annotations

from collections.abc import Iterator

from llmmem_gui.host.answer_reader import Arguments, Piece, Said
from llmmem_gui.host.answer_text import overlap
from llmmem_gui.host.written_calls import Call, Schemas

KNOWN_BY = ">>>${recipient}"
"""Stands in the templates of the family."""
_BEFORE = ">>>"


class RecipientReader:
    """An `AnswerReader` for `>>>RECIPIENT`, a line break and text: to `all` it is said, to a tool it calls.

    The prompt has written the first mark.
    """

    is_thinking = False
    thought_end = ""

    def __init__(self, schemas: Schemas) -> None:
        self._heads = {f"{_BEFORE}{name}\n": name for name in ("all", *schemas)}
        self._pending = _BEFORE
        self._is_call = False
        self._is_first = True
        self.has_called = False
        """There was a call."""

    def lacking_end(self, text: str) -> str:
        """Nothing: there are no thoughts."""
        return ""

    def feed(self, text: str) -> list[Piece]:
        """Take the next part in; gives what is certain now."""
        self._pending += text
        return list(self._pieces())

    def finish(self, *, was_cut: bool = False) -> list[Piece]:
        """Take the end of the answer; `was_cut`: the model would have gone on."""
        left = self._pending
        if self._is_first:
            left = left.removeprefix(_BEFORE)
        self._pending = ""
        return list(self._text(left))

    def _pieces(self) -> Iterator[Piece]:
        if self._is_first and not self._pending.startswith(tuple(self._heads)):
            if any(head.startswith(self._pending) for head in self._heads):
                return
            self._pending = self._pending.removeprefix(_BEFORE)  # it wrote to nobody
        self._is_first = False
        while places := {self._pending.find(head): head for head in self._heads if head in self._pending}:
            place = min(places)
            head = places[place]
            yield from self._text(self._pending[:place])
            self._pending = self._pending[place + len(head) :]
            self._is_call = self._heads[head] != "all"
            if self._is_call:
                self.has_called = True
                yield Call(self._heads[head], "")
        certain = len(self._pending) - max(overlap(self._pending, head) for head in self._heads)
        yield from self._text(self._pending[:certain])
        self._pending = self._pending[certain:]

    def _text(self, text: str) -> Iterator[Piece]:
        if text:
            yield Arguments(text) if self._is_call else Said(text)
