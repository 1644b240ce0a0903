"""Answers that are held to a form: JSON of a schema, a regular expression, a grammar; by llguidance.

A constraint takes the logits of the tokens that must not come next out of the choice. What it cannot hold is
refused before anything is computed, and the refusal names the place in the schema.
"""

from __future__ import annotations

import ctypes
import json
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import llguidance
import llguidance.gbnf_to_lark
import llguidance.numpy
import numpy
import numpy.typing
from llama_cpp import llama_cpp as api

from llmmem_gui.core.sentence import BadValue, Sentence
from llmmem_gui.host.model import NO_TOKEN, Model
from llmmem_gui.host.schemas import (
    LIMITS,
    Schema,
    checked,
    forget_checked,
    place_of,
    refused,
    schema_grammar,
    schema_of,
)
from llmmem_gui.host.tokenizer import Tokenizer
from llmmem_gui.unused_memory import trim_heap

_KEPT = 8
"""Compiled constraints kept for the next request with the same form."""
_INVISIBLE = api.LLAMA_TOKEN_ATTR_CONTROL | api.LLAMA_TOKEN_ATTR_UNKNOWN | api.LLAMA_TOKEN_ATTR_UNUSED

_RULE_OF_LARK = re.compile(r"^[ \t]*[?!]*\w+(\.-?\d+)?[ \t]*:(?!:=)", re.MULTILINE)
"""How a rule begins in Lark; in GBNF `::=` follows its name."""
_PRIORITY = re.compile(r"^([ \t]*[?!]*\w+)\.-?\d+(?=[ \t]*:)", re.MULTILINE)
"""Says which of two readings of a text to prefer: that changes nothing about which texts there are."""

Logits = numpy.typing.NDArray[numpy.single]
Bits = numpy.typing.NDArray[numpy.uint8]


class Held(Protocol):
    """What one answer is held to."""

    @property
    def is_complete(self) -> bool:
        """Nothing may follow but the end of the answer."""

    def mask(self, logits: Logits) -> None:
        """Take the tokens that must not come next out of the choice. Raises `BadValue`."""

    def take(self, token: int) -> None:
        """Take in which token was chosen. Raises `BadValue`."""


class Constraint:
    """Holds an answer to one form."""

    def __init__(self, matcher: llguidance.LLMatcher, vocabulary_size: int) -> None:
        self._matcher = matcher
        self._bits = llguidance.numpy.allocate_token_bitmask(1, vocabulary_size)

    @property
    def is_complete(self) -> bool:
        """Nothing may follow but the end of the answer."""
        return bool(self._matcher.is_stopped())

    def mask(self, logits: Logits) -> None:
        """Take the tokens that must not come next out of the choice. Raises `BadValue`."""
        _forbid(logits, self.allowed())

    def allowed(self) -> Bits:
        """The tokens that may come next, a bit for each; overwritten by the next. Raises `BadValue`."""
        llguidance.numpy.fill_next_token_bitmask(self._matcher, self._bits)
        self._check()
        bits: Bits = self._bits[0].view(numpy.uint8)
        return bits

    def take(self, token: int) -> None:
        """Take in which token was chosen. Raises `BadValue`."""
        self._matcher.consume_token(token)
        self._check()

    def takes(self, token: int) -> bool:
        """Take in which token was chosen, if it may come next."""
        return bool(self._matcher.try_consume_tokens([token]))

    def _check(self) -> None:
        if self._matcher.is_error():
            # Its own words quote tables of its parser.
            raise BadValue(Sentence("Host", "the form that the answer is held to is too involved"))


class ThoughtOrAnswer:
    """Holds an answer to a form, and lets the model open a thought before it.

    What is thought is held to nothing: nobody asks here before the thought has ended.
    """

    def __init__(self, opening: Constraint, answer: Constraint, after: Constraint) -> None:
        """`after` holds what follows the thought that the `opening` opens."""
        self._opening, self._answer, self._after = opening, answer, after
        self._ways = [opening, answer]
        """What the answer may still become."""

    @property
    def is_complete(self) -> bool:
        """Nothing may follow but the end of the answer."""
        return all(way is not self._opening and way.is_complete for way in self._ways)

    def mask(self, logits: Logits) -> None:
        """Take the tokens that must not come next out of the choice. Raises `BadValue`."""
        _forbid(logits, numpy.bitwise_or.reduce([way.allowed() for way in self._ways]))

    def take(self, token: int) -> None:
        """Take in which token was chosen. Raises `BadValue`."""
        if len(self._ways) == 1 and self._ways[0] is not self._opening:
            self._ways[0].take(token)
            return
        self._ways = [way for way in self._ways if way.takes(token)]
        if self._opening in self._ways and self._opening.is_complete:
            self._ways = [self._after]


def _forbid(logits: Logits, allowed: Bits) -> None:
    numpy.putmask(logits, numpy.unpackbits(allowed, bitorder="little")[: len(logits)] == 0, -numpy.inf)


class Constraints:
    """Makes constraints for the vocabulary of one model.

    llguidance's picture of a vocabulary takes about a second and 32 MiB for 262,000 tokens: it is made when
    first needed, and forgotten when the model dozes off.
    """

    def __init__(self, model: Model, tokenizer: Tokenizer) -> None:
        self._model = model
        self._words = tokenizer
        self._made: llguidance.LLTokenizer | None = None
        self._matchers: OrderedDict[str, llguidance.LLMatcher] = OrderedDict()
        self._size = model.vocabulary_size

    def of_form(self, form: Mapping[str, Any]) -> Constraint | None:
        """What a request's `response_format` says; None for any text. Raises `BadValue`."""
        schema = schema_of(form)
        if schema is not None:
            return self.of_schema(schema, place_of(form))
        kind = form["type"]
        if kind == "text":
            return None
        if kind == "regex":
            return self.of_regex(form["pattern"])
        if kind == "grammar":
            return self.of_grammar(form["grammar"])
        if kind == "choice":
            return self.of_choice(form["choices"])
        raise BadValue(Sentence("Host", "an answer cannot have the form {name}").format(name=str(kind)))

    def of_schema(self, schema: Schema, place: str) -> Constraint:
        """JSON that a schema describes; `place` is where it stands in the request. Raises `BadValue`."""
        return self._constraint(schema_grammar(checked(schema, place)), place)

    def of_regex(self, pattern: str) -> Constraint:
        """Text that a regular expression describes. Raises `BadValue`."""
        return self._constraint(llguidance.LLMatcher.grammar_from_regex(pattern), "the regular expression")

    def of_grammar(self, text: str) -> Constraint:
        """Text of a grammar in GBNF or in llguidance's Lark. Raises `BadValue`."""
        if '"multipleOf"' in text:
            # Schemas may stand in Lark, and this takes for ever in them.
            raise refused("the grammar", "it cannot be held to multipleOf: use response_format")
        if _RULE_OF_LARK.search(text):
            return self.of_lark(_PRIORITY.sub(r"\1", text), "the grammar")
        try:
            lark = llguidance.gbnf_to_lark.any_to_lark(text)
        except Exception as error:
            raise refused("the grammar", str(error)) from error
        return self.of_lark(lark, "the grammar")

    def of_lark(self, lark: str, place: str) -> Constraint:
        """Text of a grammar in llguidance's Lark. Raises `BadValue`."""
        return self._constraint(llguidance.LLMatcher.grammar_from_lark(lark), place)

    def of_choice(self, choices: list[str]) -> Constraint:
        """One of these texts. Raises `BadValue`."""
        if not choices:
            raise refused("the choices", "there is none")
        return self.of_lark("start: " + " | ".join(map(json.dumps, choices)), "the choices")

    def of_opening(self, openings: Sequence[Sequence[str]]) -> Constraint:
        """One of some marks, each in the parts that may be tokens of their own."""
        return self.of_lark("start: " + " | ".join(map(self.spelled, openings)), "the thought")

    def spelled(self, marks: Sequence[str]) -> str:
        """Marks in a row as a Lark grammar spells them."""
        return " ".join(map(self.name_of, marks))

    def name_of(self, mark: str) -> str:
        """A mark as a Lark grammar spells it: a token by its number if it is one that text cannot spell."""
        token = self._words.hidden_token(mark)
        return json.dumps(mark, ensure_ascii=False) if token is None else f"<[{token}]>"

    def _constraint(self, grammar: str, place: str) -> Constraint:
        matcher = self._matchers.get(grammar)
        if matcher is None:
            matcher = llguidance.LLMatcher(self._tokenizer, grammar, log_level=0, limits=LIMITS)
            if not matcher.is_error():
                # What has no beginning, such as a reference to itself, is found out with the first token.
                matcher.compute_bitmask()
            if matcher.is_error():
                raise refused(place, matcher.get_error())
            self._matchers[grammar] = matcher
            if len(self._matchers) > _KEPT:
                self._matchers.popitem(last=False)
        self._matchers.move_to_end(grammar)
        return Constraint(matcher.deep_copy(), self._size)

    def forget(self) -> None:
        """Give the memory back until it is needed again."""
        self._made = None
        self._matchers.clear()
        forget_checked()

    @property
    def _tokenizer(self) -> llguidance.LLTokenizer:
        if self._made is None:
            self._made = self._read_vocabulary()
            trim_heap()
        return self._made

    def _read_vocabulary(self) -> llguidance.LLTokenizer:
        vocabulary = self._model.vocabulary
        buffer = ctypes.create_string_buffer(4096)
        pieces, ends = [], {self._model.end_token} - {NO_TOKEN}
        for token in range(self._size):
            length = max(0, api.llama_token_to_piece(vocabulary, token, buffer, len(buffer), 0, True))
            piece = buffer.raw[:length]
            if api.llama_token_get_attr(vocabulary, token) & _INVISIBLE:
                # llguidance takes this byte for the sign of a token that text cannot spell.
                piece = b"\xff" + piece
                if self._model.ends_answer(token):
                    ends.add(token)
            pieces.append(piece)
        if not ends:
            # llguidance wants one; the model cannot choose what it does not have.
            ends.add(len(pieces))
            pieces.append(b"\xff<end>")
        return llguidance.LLTokenizer.from_llamacpp(  # type: ignore[attr-defined, no-any-return]
            tokens=pieces,
            vocab_ptr=vocabulary,
            tokenize_fptr=ctypes.cast(api._lib.llama_tokenize, ctypes.c_void_p).value,
            eos_token=sorted(ends),
            slices=[],  # they make masks ten times faster, and triple the memory; a mask takes 0.2 ms without
        )
