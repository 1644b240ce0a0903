"""Tokens of several sequences that are computed together."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import TypeAlias

import numpy
import numpy.typing
from llama_cpp import llama_cpp as api

Vectors: TypeAlias = "numpy.typing.NDArray[numpy.single]"
Positions: TypeAlias = "numpy.typing.NDArray[numpy.int32]"


class Batch:
    """llama.cpp's batch, filled anew for each step."""

    def __init__(self, most_tokens: int) -> None:
        self.most_tokens = most_tokens
        self._batch = api.llama_batch_init(most_tokens, 0, 1)
        # The arrays of the batch itself, so that a prompt is written in one piece.
        self._tokens = numpy.ctypeslib.as_array(self._batch.token, (most_tokens,))
        self._positions = numpy.ctypeslib.as_array(self._batch.pos, (most_tokens,))
        self._outputs = numpy.ctypeslib.as_array(self._batch.logits, (most_tokens,))
        numpy.ctypeslib.as_array(self._batch.n_seq_id, (most_tokens,))[:] = 1

    def close(self) -> None:
        """Free it; it is not used again."""
        api.llama_batch_free(self._batch)

    def clear(self) -> None:
        """Begin anew."""
        self._batch.n_tokens = 0

    def add(self, tokens: Sequence[int], sequence: int, position: int, outputs: int) -> int:
        """Add tokens of a sequence, the first at a position; the last `outputs` of them give output.

        Gives the place of the last one in the batch, by which its output is asked for.
        """
        begin = len(self)
        end = begin + len(tokens)
        self._tokens[begin:end] = tokens
        self._positions[begin:end] = range(position, position + len(tokens))
        self._outputs[begin:end] = 0
        self._outputs[end - outputs : end] = 1
        for place in range(begin, end):
            self._batch.seq_id[place][0] = sequence
        self._batch.n_tokens = end
        return end - 1

    def __len__(self) -> int:
        return int(self._batch.n_tokens)

    @property
    def handle(self) -> api.llama_batch:
        """What llama.cpp takes."""
        return self._batch


class VectorBatch:
    """Vectors of one sequence that are computed together instead of tokens; gives no output."""

    def __init__(self, vectors: Vectors, positions: Positions, sequence: int) -> None:
        """A row for each token; positions have a row for each dimension."""
        count = len(vectors)
        sequences = (ctypes.c_int32 * 1)(sequence)
        each = ctypes.POINTER(ctypes.c_int32)
        self._arrays = (
            numpy.ascontiguousarray(vectors),
            numpy.ascontiguousarray(positions),
            numpy.ones(count, numpy.int32),
            (each * count)(*[ctypes.cast(sequences, each)] * count),
            numpy.zeros(count, numpy.int8),
            sequences,
        )
        rows, places, ones, owners, outputs, _ = self._arrays
        self.handle = api.llama_batch(
            n_tokens=count,
            token=None,
            embd=rows.ctypes.data_as(ctypes.POINTER(ctypes.c_float)),
            pos=places.ctypes.data_as(each),
            n_seq_id=ones.ctypes.data_as(each),
            seq_id=owners,
            logits=outputs.ctypes.data_as(ctypes.POINTER(ctypes.c_int8)),
        )
        """What llama.cpp takes."""
