"""Text to tokens and back."""

from __future__ import annotations

import ctypes

from llama_cpp import _internals as internals
from llama_cpp import llama_cpp as api
from llama_cpp.llama_tokenizer import BaseLlamaTokenizer

from llmmem_gui.core.sentence import BadValue, Sentence


class Tokenizer(BaseLlamaTokenizer):  # type: ignore[misc]
    """Text to tokens and back; remembers the bytes of tokens, because a whole answer is read after each."""

    def __init__(self, model: internals.LlamaModel) -> None:
        self._vocab = model.vocab
        self._begin = model.token_bos()
        self._pieces: dict[tuple[int, bool], bytes] = {}

    def tokenize(self, text: bytes, add_bos: bool = True, special: bool = True) -> list[int]:
        """Give the tokens of UTF-8 text."""
        # The library sizes its buffer by the context length that the file claims, which may be anything.
        capacity = len(text) + 16
        while True:
            tokens = (api.llama_token * capacity)()
            count = api.llama_tokenize(self._vocab, text, len(text), tokens, capacity, add_bos, special)
            if count >= 0:
                return list(tokens[:count])
            if count == -(2**31):
                raise BadValue(
                    Sentence("Host", "a text of {number} bytes has too many tokens").format(number=len(text))
                )
            capacity = -count

    def detokenize(
        self, tokens: list[int], prev_tokens: list[int] | None = None, special: bool = False
    ) -> bytes:
        """Give the UTF-8 bytes of tokens; a character may be cut at either end."""
        text = b"".join([self._piece(token, special) for token in tokens])
        # A first token that begins a sentence brings a space that is not part of the text.
        return text[1:] if tokens and tokens[0] == self._begin and text[:1] == b" " else text

    def _piece(self, token: int, special: bool) -> bytes:
        known = self._pieces.get((token, special))
        if known is not None:
            return known
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            length = api.llama_token_to_piece(self._vocab, token, buffer, size, 0, special)
            if length >= 0:
                break
            size = -length
        piece = buffer.raw[:length]
        self._pieces[token, special] = piece
        return piece
