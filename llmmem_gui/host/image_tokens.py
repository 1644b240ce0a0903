"""Numbers that stand for the tokens of images among those of a text.

An image has no tokens of a vocabulary: it is given to the model as vectors. Negative numbers made of its
content stand in their place, so that what two conversations have in common is found as it is for texts, and
two images are never taken for one another. Where the tokens of an image lie in two dimensions they take fewer
positions than they are; the numbers tell that, too, so that it is known wherever the tokens are kept.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy

from llmmem_gui.host.numbers import Numbers, numbers

_BESIDE = 2**30
"""Numbers below its negative stand for tokens that take no position of their own."""


class ImageSpan(NamedTuple):
    """Tokens of a prompt that stand for an image: read in one step, and kept whole or not at all."""

    begin: int
    length: int
    content: object
    """What is read there; known to who reads it."""

    @property
    def end(self) -> int:
        """The token after it."""
        return self.begin + self.length


def image_tokens(content: bytes, part: int, tokens: int, positions: int) -> Numbers:
    """Numbers for so many tokens of a part of an image, of which so many take positions of their own."""
    digest = hashlib.shake_128(hashlib.sha256(content).digest() + part.to_bytes(4, "little"))
    drawn = numpy.frombuffer(digest.digest(4 * tokens), "<u4") % _BESIDE
    values = -1 - drawn.astype(numpy.int64)
    values[positions:] -= _BESIDE
    return numbers(values.tolist())


def position_after(tokens: Numbers, length: int) -> int:
    """The position of what follows on the first so many tokens."""
    if not length:
        return 0
    beside = numpy.count_nonzero(numpy.frombuffer(tokens, numpy.int32, count=length) < -_BESIDE)
    return length - int(beside)
