"""Embeddings of texts: as many at once as a batch holds, one vector for each."""

from __future__ import annotations

import time
from collections.abc import Sequence

from llmmem_gui.core import protocol
from llmmem_gui.core.sentence import BadValue, Sentence
from llmmem_gui.host.abortion import Abortion
from llmmem_gui.host.batch import Batch
from llmmem_gui.host.context import Aborted, Context
from llmmem_gui.host.generation import Send, send_end
from llmmem_gui.host.mapping import OwnMemory
from llmmem_gui.host.openai_forms import Payload
from llmmem_gui.host.requests import REFUSALS, ask_failed, check_fields
from llmmem_gui.host.tokenizer import Tokenizer
from llmmem_gui.host.vectors import packed_vector


class Embedder:
    """Embeds texts with a context that was made for it."""

    def __init__(self, tokenizer: Tokenizer, context: Context, batch: Batch) -> None:
        self._tokenizer = tokenizer
        self._context = context
        self._batch = batch

    @property
    def batch_tokens(self) -> int:
        """Tokens that are embedded together at most."""
        return self._context.batch_tokens

    def read(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of texts. Raises `BadValue` for one that does not fit into a batch."""
        read = [self._tokenizer.tokens(text, adds_special=True) for text in texts]
        longest = max(map(len, read), default=0)
        if longest > self._context.batch_tokens:
            raise BadValue(
                Sentence(
                    "Host",
                    "a text has {tokens} tokens and a batch holds {room}: "
                    "shorten it or load with a larger batch",
                ).format(tokens=longest, room=self._context.batch_tokens)
            )
        if not all(read):
            raise BadValue(Sentence("Host", "a text without any token has no embedding"))
        return read

    def embed(self, texts: Sequence[Sequence[int]]) -> list[str]:
        """Vectors of texts, packed. Raises `NotComputed` and `Aborted`."""
        vectors: list[str] = []
        together: list[Sequence[int]] = []
        for tokens in texts:
            filled = sum(map(len, together)) + len(tokens) > self._context.batch_tokens
            if filled or len(together) == self._context.sequences:
                vectors += self._embed_together(together)
                together = []
            together.append(tokens)
        return vectors + (self._embed_together(together) if together else [])

    def _embed_together(self, texts: Sequence[Sequence[int]]) -> list[str]:
        self._context.clear()
        self._batch.clear()
        for sequence, tokens in enumerate(texts):
            self._batch.add(tokens, sequence, 0, outputs=len(tokens))
        self._context.compute(self._batch)
        return [packed_vector(self._context.embedding(sequence)) for sequence in range(len(texts))]


class EmbeddingQueue:
    """Answers requests for embeddings, one after the other."""

    def __init__(self, embedder: Embedder, abortion: Abortion, memory: OwnMemory, send: Send) -> None:
        self._embedder = embedder
        self._abortion = abortion
        self._memory = memory
        self._send = send
        self._waiting: dict[int, protocol.Ask] = {}

    @property
    def has_work(self) -> bool:
        """Requests wait."""
        return bool(self._waiting)

    def ask(self, ask: protocol.Ask) -> None:
        """Take a request in."""
        if ask.operation == "embedding":
            self._waiting[ask.request_id] = ask
        else:
            reason = Sentence("Host", "the model is loaded to give embeddings and does not generate text")
            self._send(protocol.AskFailed(ask.request_id, reason))

    def cancel(self, request_id: int) -> None:
        """End a request that is not answered yet."""
        if self._waiting.pop(request_id, None) is not None:
            self._answer(request_id, None, 0, 0.0, cancelled=True)

    def rest(self) -> None:
        """There is no memory to give back."""

    def keep(self, file: int, most_bytes: int) -> int:
        """There are no conversations to keep."""
        return 0

    def step(self) -> None:
        """Answer the request that waits longest."""
        request_id, ask = next(iter(self._waiting.items()))
        began = time.monotonic()
        self._abortion.begin(frozenset({request_id}))
        try:
            payload, tokens = self._embedded(ask)
        except Aborted:
            return  # it was cancelled, which is told when that message comes up
        except REFUSALS as error:
            self._send(ask_failed(request_id, error))
        else:
            self._answer(request_id, payload, tokens, time.monotonic() - began)
        finally:
            self._abortion.end()
        del self._waiting[request_id]

    def _embedded(self, ask: protocol.Ask) -> tuple[Payload, int]:
        check_fields(ask)
        given = ask.arguments.get("input", [])
        texts = self._embedder.read([given] if isinstance(given, str) else given)
        tokens = sum(map(len, texts))
        self._send(protocol.Reading(ask.request_id, 0, tokens))
        return embedding_answer(self._embedder.embed(texts), tokens), tokens

    def _answer(
        self,
        request_id: int,
        payload: Payload | None,
        tokens: int,
        seconds: float,
        *,
        cancelled: bool = False,
    ) -> None:
        answered = protocol.Answered(
            request_id=request_id,
            payload=payload,
            prompt_tokens=tokens,
            completion_tokens=0,
            seconds=seconds,
            first_token_seconds=None,
            shared_bytes=self._memory.shared_bytes(),
            filled_tokens=min(tokens, self._embedder.batch_tokens),
            cancelled=cancelled,
        )
        send_end(answered, self._send)


def embedding_answer(vectors: Sequence[str], tokens: int) -> Payload:
    """The answer in OpenAI's form; vectors are 32-bit floats in base64."""
    data = [{"object": "embedding", "embedding": each, "index": index} for index, each in enumerate(vectors)]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": "", "usage": usage}
