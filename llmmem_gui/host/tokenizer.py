"""Text to tokens and back."""

from __future__ import annotations

import ctypes

from llama_cpp import llama_cpp as api

from llmmem_gui.core.sentence import BadValue, Sentence
from llmmem_gui.host.model import NO_TOKEN, Model


class Tokenizer:
    """A model's vocabulary at work; remembers the bytes of tokens, which most answers use again."""

    def __init__(self, model: Model) -> None:
        self._vocabulary = model.vocabulary
        self.adds_begin = bool(api.llama_vocab_get_add_bos(self._vocabulary))
        """A text begins with a token of its own."""
        self._adds_end = bool(api.llama_vocab_get_add_eos(self._vocabulary))
        self._begin, self._end = model.begin_token, model.end_token
        self._around = tuple(
            int(find(self._vocabulary)) for find in (api.llama_vocab_cls, api.llama_vocab_sep)
        )
        self._pieces: dict[int, bytes] = {}

    def tokens(self, text: str, *, adds_special: bool, reads_special: bool = True) -> list[int]:
        """The tokens of a text.

        `adds_special`: with those that the vocabulary wants around it. `reads_special`: names of special
        tokens in the text stand for these tokens. Raises `BadValue` for more tokens than can be counted.
        """
        encoded = text.encode("utf-8", "replace")
        # Not sized by the context length that the file claims, which may be anything.
        capacity = len(encoded) + 16
        while True:
            found = (api.llama_token * capacity)()
            count = api.llama_tokenize(
                self._vocabulary, encoded, len(encoded), found, capacity, adds_special, reads_special
            )
            if count >= 0:
                return list(found[:count])
            if count == -(2**31):
                raise BadValue(
                    Sentence("Host", "a text of {number} bytes has too many tokens").format(
                        number=len(encoded)
                    )
                )
            capacity = -count

    def prompt(self, text: str) -> list[int]:
        """The tokens of a text that is to be continued."""
        opening, closing = self._around
        begin = [opening if opening != NO_TOKEN else self._begin] if self.adds_begin else []
        end = [closing if closing != NO_TOKEN else self._end] if self._adds_end else []
        inside = self.tokens(text, adds_special=False) if text else []
        return [token for token in (*begin, *inside, *end) if token != NO_TOKEN]

    def begun(self, text: str) -> list[int]:
        """The tokens of a text that may or may not begin with the name of the token that texts begin with."""
        return begun(self.tokens(text, adds_special=False) if text else [], self.begin)

    @property
    def begin(self) -> list[int]:
        """The token that a text begins with, if there is one."""
        return [self._begin] if self.adds_begin and self._begin != NO_TOKEN else []

    def hidden_token(self, mark: str) -> int | None:
        """The token that a mark stands for, if it is one that says nothing in an answer."""
        found = self.tokens(mark, adds_special=False)
        return found[0] if len(found) == 1 and not self.piece(found[0]) else None

    def piece(self, token: int) -> bytes:
        """The bytes that a token stands for, perhaps a part of a character; none for a special one."""
        known = self._pieces.get(token)
        if known is not None:
            return known
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            length = api.llama_token_to_piece(self._vocabulary, token, buffer, size, 0, False)
            if length >= 0:
                break
            size = -length
        piece = self._pieces[token] = buffer.raw[:length]
        return piece


def begun(tokens: list[int], begin: list[int]) -> list[int]:
    """The tokens of a text with those that texts begin with, once, whether it has them or not."""
    while begin and tokens[: len(begin)] == begin:
        tokens = tokens[len(begin) :]
    return begin + tokens
