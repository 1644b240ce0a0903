"""Probabilities of an answer's tokens (`logprobs`), from the one row of logits that a host keeps.

llama-cpp-python computes them after the answer from the logits of every token of the context, which
takes 4 bytes × vocabulary × context: 8 GiB for gemma-3 at 8,192 tokens. A host looks at the row of
each token while it is there and keeps what the client asked for.
"""

from __future__ import annotations

import codecs
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy
import numpy.typing


class TokenChance(NamedTuple):
    """A token's bytes and the natural logarithm of its probability."""

    piece: bytes
    log_probability: float | None
    """None: it is the first of a text, and nothing came before it."""

    @property
    def text(self) -> str:
        """The piece as OpenAI writes it: text, or the bytes of a part of a character."""
        try:
            return self.piece.decode()
        except UnicodeDecodeError:
            return "bytes:" + "".join(f"\\x{byte:02x}" for byte in self.piece)

    def of_chat(self) -> dict[str, Any]:
        """One entry as chat answers have it."""
        return {"token": self.text, "bytes": list(self.piece), "logprob": self.log_probability}


class _Chosen(NamedTuple):
    start: int
    """Characters of the answer before it."""
    token: TokenChance
    alternatives: tuple[TokenChance, ...]
    """The likeliest tokens in its place, likeliest first."""
    is_of_prompt: bool


class TokenProbabilities:
    """Takes the tokens of one answer down as they are chosen, and gives those of each piece of its text.

    The probabilities are the model's own, before temperature, penalties and grammar change them.
    """

    def __init__(self, alternatives: int, piece: Callable[[int], bytes]) -> None:
        """Keep that many of the likeliest tokens; `piece` gives the bytes of a token."""
        self._alternatives = alternatives
        self._piece = piece
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="ignore")
        self._chosen: deque[_Chosen] = deque()
        self._decoded = 0
        self._given = 0
        self._of_prompt = 0
        """Tokens still to come that belong to the prompt."""

    def begin_with_prompt(self, tokens: Sequence[int], text: str) -> None:
        """The text begins with a prompt, of whose tokens all but the first are added before the answer's."""
        self._of_prompt = len(tokens)
        written = b"".join(map(self._piece, tokens)).decode("utf-8", "ignore")
        if written == f" {text}":
            self._decoded = -1  # some vocabularies begin a text with a space of their own
        self._take_down(TokenChance(self._piece(tokens[0]), None), ())

    def add(self, token: int, logits: numpy.typing.NDArray[numpy.single]) -> None:
        """Take down a token and the logits it was chosen from, one for each of the vocabulary."""
        peak = float(logits.max())
        log_sum = peak + float(numpy.log(numpy.exp(logits - peak).sum(dtype=numpy.double)))

        def chance(place: int) -> TokenChance:
            return TokenChance(self._piece(place), float(logits[place]) - log_sum)

        count = min(self._alternatives, len(logits))
        likeliest = numpy.argpartition(logits, -count)[-count:] if count else numpy.empty(0, dtype=numpy.intp)
        ordered = likeliest[numpy.argsort(-logits[likeliest], kind="stable")]
        self._take_down(chance(token), tuple(chance(int(place)) for place in ordered))

    def _take_down(self, token: TokenChance, alternatives: tuple[TokenChance, ...]) -> None:
        is_of_prompt, self._of_prompt = self._of_prompt > 0, max(0, self._of_prompt - 1)
        self._chosen.append(_Chosen(max(0, self._decoded), token, alternatives, is_of_prompt))
        self._decoded += len(self._decoder.decode(token.piece))

    def in_chat(self, payload: dict[str, Any]) -> dict[str, Any]:
        """An answer to a chat, whole or a chunk of it, with the probabilities of its text."""
        choice = payload["choices"][0]
        text = choice.get("message", choice.get("delta", {})).get("content")
        content = [
            {**chosen.token.of_chat(), "top_logprobs": [each.of_chat() for each in chosen.alternatives]}
            for chosen in self._take(text)
        ]
        return _with_logprobs(payload, {"content": content, "refusal": None} if text else None)

    def in_completion(self, payload: dict[str, Any], before: int) -> dict[str, Any]:
        """A completion, whole or a chunk of it; so many characters stand before its text."""
        text = payload["choices"][0]["text"]
        taken = list(self._take(text))
        logprobs = {
            "tokens": [chosen.token.text for chosen in taken],
            "text_offset": [before + chosen.start for chosen in taken],
            "token_logprobs": [chosen.token.log_probability for chosen in taken],
            "top_logprobs": [
                None
                if chosen.token.log_probability is None
                else {each.text: each.log_probability for each in (*chosen.alternatives, chosen.token)}
                for chosen in taken
            ],
        }
        return _with_logprobs(payload, logprobs if text else None)

    def _take(self, text: str | None) -> Iterator[_Chosen]:
        # What the library cuts off, because it belongs to a stop sequence, is never given.
        self._given += len(text or "")
        while self._chosen and (self._chosen[0].is_of_prompt or self._chosen[0].start < self._given):
            yield self._chosen.popleft()


def _with_logprobs(payload: dict[str, Any], logprobs: dict[str, Any] | None) -> dict[str, Any]:
    return {**payload, "choices": [{**payload["choices"][0], "logprobs": logprobs}]}
