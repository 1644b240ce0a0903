"""What a model is used for, text and embeddings: each with a context of its own, computed in turns."""

from __future__ import annotations

from collections.abc import Callable

from llmmem_gui.core import protocol
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.sentence import Sentence
from llmmem_gui.host.embedding import EmbeddingQueue
from llmmem_gui.host.generation import Send
from llmmem_gui.host.loop import TextLoop
from llmmem_gui.host.modelfile import LoadError
from llmmem_gui.host.requests import ask_failed

OpenText = Callable[[LoadParameters], TextLoop]
"""Makes the context for text and what answers with it. Raises `LoadError`."""


class Uses:
    """The uses of a loaded model; one that was allowed beside the first begins with its first request."""

    def __init__(
        self, text: TextLoop | None, embeddings: EmbeddingQueue | None, open_text: OpenText, send: Send
    ) -> None:
        self._text = text
        self._embeddings = embeddings
        self._open_text = open_text
        self._text_allowed: LoadParameters | None = None
        """Of a context for text that is not made yet."""
        self._send = send
        self._embeds_next = False

    @property
    def has_work(self) -> bool:
        """Requests are under way or wait."""
        return any(use is not None and use.has_work for use in (self._text, self._embeddings))

    @property
    def sees(self) -> bool:
        """Images are read."""
        return self._text is not None and self._text.sees

    def allow_text(self, parameters: LoadParameters) -> None:
        """Answer requests for text as well."""
        if self._text is None:
            self._text_allowed = parameters

    def allow_embeddings(self, embeddings: EmbeddingQueue, parameters: LoadParameters) -> None:
        """Answer requests for embeddings as well, of texts as long as these parameters have room for."""
        if self._embeddings is None:
            self._embeddings = embeddings
        else:
            self._embeddings.parameters = parameters

    def ask(self, ask: protocol.Ask) -> None:
        """Take a request in; one that cannot be answered is refused at once."""
        if ask.operation == "embedding" and self._embeddings is not None:
            self._embeddings.ask(ask)
            return
        try:
            if self._text is None and self._text_allowed is not None:
                self._text = self._open_text(self._text_allowed)
        except LoadError as error:
            self._send(ask_failed(ask.request_id, error))
            return
        if self._text is not None:
            self._text.ask(ask)
        else:
            reason = Sentence("Host", "the model is loaded to give embeddings and does not generate text")
            self._send(protocol.AskFailed(ask.request_id, reason))

    def cancel(self, request_id: int) -> None:
        """End a request that is not over yet."""
        for use in (self._text, self._embeddings):
            if use is not None:
                use.cancel(request_id)

    def step(self, threads: int) -> None:
        """Compute the next tokens of one use; when both have work, they take turns."""
        text = self._text if self._text is not None and self._text.has_work else None
        embeddings = self._embeddings if self._embeddings is not None and self._embeddings.has_work else None
        if embeddings is not None and (text is None or self._embeds_next):
            self._embeds_next = False
            embeddings.set_threads(threads)
            embeddings.step(beside_answers=text is not None)
        elif text is not None:
            self._embeds_next = True
            text.set_threads(threads)
            text.step()

    def rest(self) -> None:
        """Give back memory that nobody needs for now."""
        if self._text is None:
            return
        self._text.rest()
        if self._embeddings is not None:
            self._embeddings.give_up()

    def keep(self, file: int, most_bytes: int) -> int:
        """Write all conversations to a file; gives how many. Raises OSError."""
        return 0 if self._text is None else self._text.keep(file, most_bytes)
