"""Embeddings as they leave the host: vectors of length 1, as 32-bit floats in base64."""

from __future__ import annotations

import base64

import numpy
import numpy.typing


def packed_vector(vector: numpy.typing.ArrayLike) -> str:
    """A vector with length 1, so that a dot product is a cosine: little-endian 32-bit floats in base64.

    Done here, where nobody waits for it: as numbers, 2,048 vectors would keep the service busy reading them.
    """
    floats = numpy.asarray(vector, dtype=numpy.float64)
    length = numpy.sqrt(numpy.sum(floats * floats))
    unit = floats / length if length else floats
    return base64.b64encode(unit.astype("<f4").tobytes()).decode("ascii")
