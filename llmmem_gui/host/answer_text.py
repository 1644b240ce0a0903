"""The text of an answer as its tokens come: never half a character, never a part of a stop sequence."""

from __future__ import annotations

import codecs
from collections.abc import Sequence


class AnswerText:
    """Turns pieces of bytes into text that is certain to belong to the answer.

    The stop sequence that is complete first ends it, whatever tokens it is made of; of several that one token
    completes, the one that begins first.
    """

    def __init__(self, stops: Sequence[str] = ()) -> None:
        self._stops = [stop for stop in stops if stop]
        # What is no UTF-8 is left out, as are the bytes of a character that never becomes whole.
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="ignore")
        self._held = ""
        """Decoded, and perhaps the beginning of a stop sequence."""
        self.is_stopped = False
        """A stop sequence has come; nothing more belongs to the answer."""

    def add(self, piece: bytes) -> str:
        """Take the bytes of the next token in; gives the text that is certain now."""
        self._held += self._decoder.decode(piece)
        ends = [self._held.index(stop) for stop in self._stops if stop in self._held]
        if ends:
            self.is_stopped = True
            text, self._held = self._held[: min(ends)], ""
            return text
        certain = len(self._held) - max((overlap(self._held, stop) for stop in self._stops), default=0)
        text, self._held = self._held[:certain], self._held[certain:]
        return text

    def finish(self) -> str:
        """The answer is over; gives what was held back and has not become a stop sequence."""
        text, self._held = self._held, ""
        return text


def overlap(text: str, stop: str) -> int:
    """Length of the longest end of the text that is a beginning of the stop sequence."""
    return next((n for n in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:n])), 0)
