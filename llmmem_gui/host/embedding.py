"""Embeddings of texts: read in pieces, as many texts at once as a step holds, one vector for each."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy
import numpy.typing

from llmmem_gui.core import protocol
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.sentence import BadValue, Sentence
from llmmem_gui.host.abortion import Abortion
from llmmem_gui.host.batch import Batch
from llmmem_gui.host.context import Aborted, Context, NoPlace, NotComputed
from llmmem_gui.host.generation import Send, send_end
from llmmem_gui.host.loop import STEP_SECONDS, Pace
from llmmem_gui.host.mapping import OwnMemory
from llmmem_gui.host.model import Pooling
from llmmem_gui.host.modelfile import LoadError
from llmmem_gui.host.numbers import Numbers, numbers
from llmmem_gui.host.openai_forms import Payload
from llmmem_gui.host.requests import REFUSALS, ContextExceeded, ask_failed, check_fields
from llmmem_gui.host.tokenizer import Tokenizer
from llmmem_gui.host.vectors import packed_vector

PIECE_CHARACTERS = 2**20
"""Vectors leave the host when there are so many characters of them: no message holds the largest answers."""

_Vector = numpy.typing.NDArray[numpy.double]

OpenContext = Callable[[LoadParameters], Context]
"""Makes a context for embeddings. Raises `LoadError`."""


@dataclass(eq=False)
class _Request:
    """A request under way."""

    id: int
    texts: Sequence[str]
    cuts_texts: bool
    """A text that is too long is cut instead of being refused."""
    began: float
    read: list[Numbers] = field(default_factory=list)
    """The tokens of the first texts; all of them are read before the first is computed."""
    done: int = 0
    """Texts that have their vectors."""
    position: int = 0
    """Tokens of the next one that are computed already."""
    pooled: _Vector | None = None
    """What was kept of these."""
    vectors: list[str] = field(default_factory=list)
    """Those that have not left yet, packed."""
    sent: int = 0
    """Those that have."""

    @property
    def tokens(self) -> int:
        """Tokens of all texts that were read."""
        return sum(map(len, self.read))


class _Piece(NamedTuple):
    """What of one text is computed in a step."""

    sequence: int
    position: int
    """Of the first token."""
    tokens: Numbers
    ends: bool
    """The text ends with it."""


class EmbeddingQueue:
    """Answers requests for embeddings, a step at a time; who comes later has a turn after each text.

    Its context is made when it is first needed, and made anew when a longer text comes than it has room for.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        parameters: LoadParameters,
        open_context: OpenContext,
        abortion: Abortion,
        memory: OwnMemory,
        send: Send,
    ) -> None:
        self.parameters = parameters
        """Of the context; it is made anew when they want a larger one."""
        self._tokenizer = tokenizer
        self._open_context = open_context
        self._abortion = abortion
        self._memory = memory
        self._send = send
        self._context: Context | None = None
        self._batch: Batch | None = None
        self._waiting: dict[int, _Request] = {}
        self._pace = Pace()
        self._filled_tokens = 0

    @property
    def has_work(self) -> bool:
        """Requests wait."""
        return bool(self._waiting)

    @property
    def context(self) -> Context:
        """Its context, made now if there is none. Raises `LoadError`."""
        if self._context is not None and self._context.asked_tokens < self.parameters.context:
            self.give_up()
        if self._context is None:
            self._context = self._open_context(self.parameters)
            self._batch = Batch(self._context.batch_tokens)
        return self._context

    def set_threads(self, threads: int) -> None:
        """Compute with so many threads from now on."""
        if self._context is not None:
            self._context.set_threads(threads)

    def give_up(self) -> None:
        """Free the context and its buffers, while nothing is under way."""
        if self._context is not None and self._batch is not None:
            self._context.close()
            self._batch.close()
            self._context = self._batch = None

    def ask(self, ask: protocol.Ask) -> None:
        """Take a request in; one that is no request is refused at once."""
        try:
            check_fields(ask)
        except REFUSALS as error:
            self._send(ask_failed(ask.request_id, error))
            return
        given = ask.arguments.get("input", [])
        texts = [given] if isinstance(given, str) else given
        cuts = bool(ask.arguments.get("truncate"))
        self._waiting[ask.request_id] = _Request(ask.request_id, texts, cuts, time.monotonic())

    def cancel(self, request_id: int) -> None:
        """End a request that is not answered yet."""
        request = self._waiting.pop(request_id, None)
        if request is None:
            return
        if request.position and self._context is not None:
            self._context.clear()
        self._answer(request, None, cancelled=True)

    def step(self, *, beside_answers: bool) -> None:
        """Compute the next tokens; beside answers no more than these can wait for."""
        request = next(iter(self._waiting.values()))
        try:
            if len(request.read) < len(request.texts):
                self._read_some(request)
            elif request.done < len(request.read):
                self._compute(request, beside_answers=beside_answers)
            if len(request.read) == request.done == len(request.texts):
                self._answer(request, embedding_answer(request.vectors, request.sent, request.tokens))
                del self._waiting[request.id]
        except Aborted:
            self._forget(request)  # it was cancelled, which is told when that message comes up
        except (LoadError, *REFUSALS) as error:
            self._forget(request)
            del self._waiting[request.id]
            self._send(ask_failed(request.id, error))
        if request.position == 0 and self._waiting.pop(request.id, None) is not None:
            self._waiting[request.id] = request  # behind the others

    def _forget(self, request: _Request) -> None:
        """Nobody knows what of a request is in the context."""
        if self._context is not None:
            self._context.clear()
        request.position, request.pooled = 0, None

    # --- texts to tokens -------------------------------------------------------------------------------

    def _read_some(self, request: _Request) -> None:
        """Read texts for about the time of a step. Raises `BadValue` for one that cannot be embedded."""
        until = time.monotonic() + STEP_SECONDS / 2
        room = self.context.most_text_tokens
        for text in request.texts[len(request.read) :]:
            tokens = self._tokenizer.tokens(text, adds_special=True)
            if not tokens:
                raise BadValue(Sentence("Host", "a text without any token has no embedding"))
            if len(tokens) > room:
                if not request.cuts_texts:
                    raise ContextExceeded("embedding", len(tokens), room)
                tokens = self._cut(tokens, room)
            request.read.append(numbers(tokens))
            if time.monotonic() > until:
                return

    def _cut(self, tokens: list[int], room: int) -> list[int]:
        """The beginning of a text, with the token that ends texts."""
        around = self._tokenizer.tokens("", adds_special=True)
        ending = tokens[-1:] if around[-1:] == tokens[-1:] else []
        return tokens[: room - len(ending)] + ending

    # --- tokens to vectors -----------------------------------------------------------------------------

    def _compute(self, request: _Request, *, beside_answers: bool) -> None:
        context, batch = self.context, self._batch
        assert batch is not None
        pieces = self._pieces(request, context, beside_answers=beside_answers)
        batch.clear()
        for piece in pieces:
            batch.add(piece.tokens, piece.sequence, piece.position, outputs=len(piece.tokens))
        computed = sum(map(len, request.read[: request.done])) + request.position
        self._send(protocol.Reading(request.id, computed, request.tokens))
        began = time.monotonic()
        self._abortion.begin(frozenset({request.id}))
        try:
            context.compute(batch)
        except NoPlace as error:
            full = Sentence("Host", "llama.cpp has no place for it in its memory")
            raise NotComputed(full) from error
        finally:
            self._abortion.end()
        self._pace.learn(len(batch), time.monotonic() - began)
        self._filled_tokens = max(self._filled_tokens, request.position + len(batch))
        self._take(request, context, pieces)
        if sum(map(len, request.vectors)) >= PIECE_CHARACTERS:
            self._send(protocol.Chunk(request.id, {"data": vector_entries(request.vectors, request.sent)}))
            request.sent += len(request.vectors)
            request.vectors.clear()

    def _pieces(self, request: _Request, context: Context, *, beside_answers: bool) -> list[_Piece]:
        """The rest of the text begun and the next ones; only a model that reads forwards may stop midway."""
        most = self._pace.most_beside_answers if beside_answers else self._pace.most_alone
        room = min(most, context.batch_tokens, context.tokens - request.position)
        pieces: list[_Piece] = []
        position = request.position
        for place, tokens in enumerate(request.read[request.done :], request.done):
            left = len(tokens) - position
            taken = min(left, room) if context.keeps_tokens or left <= room else 0
            if not taken and not pieces:
                taken = left  # it is computed as a whole, however long that takes
            if not taken or len(pieces) == context.sequences:
                break
            part = tokens[position : position + taken]
            pieces.append(_Piece(place % context.sequences, position, part, taken == left))
            room -= taken
            position = 0
        return pieces

    def _take(self, request: _Request, context: Context, pieces: Sequence[_Piece]) -> None:
        """Keep what a step has brought."""
        first = 0
        for piece in pieces:
            if context.keeps_tokens:
                rows = context.embeddings(first, len(piece.tokens))
                request.pooled = _pooled(context.pooling, request.pooled, rows)
                first += len(piece.tokens)
            elif piece.ends:
                request.pooled = _widened(context.embedding(piece.sequence))
            if piece.ends and request.pooled is not None:
                request.vectors.append(packed_vector(request.pooled))
                request.done, request.position, request.pooled = request.done + 1, 0, None
                context.empty(piece.sequence)
            else:
                request.position = piece.position + len(piece.tokens)

    def _answer(self, request: _Request, payload: Payload | None, *, cancelled: bool = False) -> None:
        tokens = request.tokens
        answered = protocol.Answered(
            request_id=request.id,
            payload=payload,
            prompt_tokens=tokens,
            completion_tokens=0,
            seconds=time.monotonic() - request.began,
            first_token_seconds=None,
            shared_bytes=self._memory.shared_bytes(),
            filled_tokens=self._filled_tokens,
            cancelled=cancelled,
        )
        send_end(answered, self._send)


def _pooled(pooling: Pooling, before: _Vector | None, rows: numpy.typing.NDArray[numpy.single]) -> _Vector:
    """One vector of what the tokens of a text gave, those of earlier pieces and the next; of any length."""
    if pooling == "first":
        return _widened(rows[0]) if before is None else before
    if pooling == "last":
        return _widened(rows[-1])
    added: _Vector = rows.sum(axis=0, dtype=numpy.double)
    return added if before is None else before + added


def _widened(row: numpy.typing.NDArray[numpy.single]) -> _Vector:
    return row.astype(numpy.double)


def vector_entries(vectors: Sequence[str], first: int = 0) -> list[Payload]:
    """Vectors in OpenAI's form, the first of them with this index; they are 32-bit floats in base64."""
    return [
        {"object": "embedding", "embedding": each, "index": index}
        for index, each in enumerate(vectors, first)
    ]


def embedding_answer(vectors: Sequence[str], first: int, tokens: int) -> Payload:
    """The answer in OpenAI's form, with the vectors that have not left before."""
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": vector_entries(vectors, first), "model": "", "usage": usage}
