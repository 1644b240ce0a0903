"""What a model sees: prompts with images, and images computed in the steps of the host."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from llmmem_gui.core.sentence import BadValue, Sentence
from llmmem_gui.host.context import Aborted, Context, NotComputed
from llmmem_gui.host.image_tokens import ImageSpan, image_tokens
from llmmem_gui.host.mtmd import ImageChunk, NoVision, Projector, Prompt, TextChunk
from llmmem_gui.host.numbers import Numbers, numbers
from llmmem_gui.host.tokenizer import begun
from llmmem_gui.unused_memory import trim_heap


@dataclass(frozen=True, slots=True)
class _Seen:
    """What an image span stands for."""

    prompt: Prompt
    """Holds the chunk."""
    chunk: ImageChunk


class Vision:
    """Reads images with a projector."""

    def __init__(self, projector: Projector, path: bytes, batch_tokens: int) -> None:
        """`batch_tokens`: as many are computed at once at most."""
        self._projector = projector
        self._batch_tokens = batch_tokens
        status = os.stat(path)
        # What one projector made of an image is nothing to another.
        self._salt = b"%d %d " % (status.st_size, status.st_mtime_ns)

    @property
    def mark(self) -> str:
        """Stands in a text where an image is."""
        return self._projector.mark

    def prompt(
        self, text: str, images: Sequence[bytes], begin: list[int]
    ) -> tuple[list[int], list[ImageSpan]]:
        """The tokens of a text with images at its marks, and where the images are. Raises `BadValue`.

        `begin`: the tokens that texts begin with.
        """
        prompt = self._projector.prompt(text, images)
        first = prompt.parts[0]
        opening = first.tokens if isinstance(first, TextChunk) else []
        if any(token < 0 for part in prompt.parts if isinstance(part, TextChunk) for token in part.tokens):
            raise BadValue(
                Sentence(
                    "Host",
                    "the projector is another model's: the vocabulary lacks tokens that mark images",
                )
            )
        tokens = numbers(begun(opening, begin))
        spans: list[ImageSpan] = []
        for place, part in enumerate(prompt.parts):
            if isinstance(part, TextChunk):
                tokens.extend(part.tokens if place else [])
                continue
            self._require_in_one_piece(part)
            spans.append(ImageSpan(len(tokens), part.tokens, _Seen(prompt, part)))
            tokens += self._tokens(prompt, place, part, images[part.image])
        if not isinstance(prompt.parts[-1], TextChunk):
            raise BadValue(Sentence("Host", "there has to be text after the last image"))
        trim_heap()  # images were decoded and made smaller, which takes several times their size
        return list(tokens), spans

    def read(self, span: ImageSpan, context: Context, sequence: int, position: int) -> None:
        """Compute an image as the next tokens of a sequence.

        Raises `NoPlace`, `Aborted` and `NotComputed`, and then a part of it may be in the memory.
        """
        assert isinstance(span.content, _Seen)
        chunk = span.content.chunk
        try:
            vectors = self._projector.encode(chunk)
        except NoVision as error:
            raise NotComputed(error.sentence) from error
        if vectors is None:
            raise Aborted
        positions = self._projector.positions(chunk, position)
        context.compute_vectors(vectors, positions, sequence, looks_both_ways=self._projector.looks_both_ways)

    def _tokens(self, prompt: Prompt, place: int, part: ImageChunk, content: bytes) -> Numbers:
        before = prompt.parts[:place]
        tile = sum(isinstance(each, ImageChunk) and each.image == part.image for each in before)
        return image_tokens(self._salt + content, tile, part.tokens, part.positions)

    def _require_in_one_piece(self, part: ImageChunk) -> None:
        if self._projector.looks_both_ways and part.tokens > self._batch_tokens:
            raise BadValue(
                Sentence(
                    "Host",
                    "an image takes {number} tokens here, which have to be computed at once, and the model "
                    "is loaded for {most}: load it with a larger batch",
                ).format(number=part.tokens, most=self._batch_tokens)
            )
