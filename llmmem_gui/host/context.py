"""A context of llama.cpp: the memory of sequences and the buffers that a model is computed with."""

from __future__ import annotations

import ctypes

import numpy
import numpy.typing
from llama_cpp import llama_cpp as api

from llmmem_gui.core.parameters import (
    EMBEDDING_SEQUENCES,
    KvType,
    LoadParameters,
    batch_tokens,
    sequences,
)
from llmmem_gui.core.sentence import Sentence, SentenceError
from llmmem_gui.host.batch import Batch, Positions, VectorBatch, Vectors
from llmmem_gui.host.engine import AbortSwitch, EngineLog
from llmmem_gui.host.model import Model
from llmmem_gui.host.modelfile import LoadError

_GGML_TYPES: dict[KvType, int] = {
    "f16": api.GGML_TYPE_F16,
    "q8_0": api.GGML_TYPE_Q8_0,
    "q5_1": api.GGML_TYPE_Q5_1,
    "q5_0": api.GGML_TYPE_Q5_0,
    "q4_1": api.GGML_TYPE_Q4_1,
    "q4_0": api.GGML_TYPE_Q4_0,
}

_NO_PLACE, _ABORTED = 1, 2
"""What `llama_decode` answers besides 0 for success (llama.h)."""


class NotComputed(SentenceError, RuntimeError):
    """llama.cpp failed in the midst of an answer."""


class NoPlace(Exception):
    """The memory has no place for these tokens; nothing was computed and nothing has changed."""


class Aborted(Exception):
    """The computation was stopped; what of it is in the memory is not known."""


def context_parameters(model: Model, parameters: LoadParameters, threads: int) -> api.llama_context_params:
    """The parameters of the context that a host makes for a model loaded with `parameters`.

    Output is reserved for one token of each sequence and not for each of a batch, and all sequences share one
    memory: four answers at once do not take four contexts.
    """
    context = api.llama_context_default_params()
    context.n_ctx = parameters.context
    context.n_batch = context.n_ubatch = batch_tokens(parameters)
    context.n_threads = context.n_threads_batch = threads
    context.op_offload = parameters.fixed_gpu_layers != 0
    context.flash_attn_type = (
        api.LLAMA_FLASH_ATTN_TYPE_ENABLED
        if parameters.flash_attention
        else api.LLAMA_FLASH_ATTN_TYPE_DISABLED
    )
    context.type_k = context.type_v = _GGML_TYPES[parameters.kv_type]
    context.swa_full = parameters.full_sliding_window
    context.kv_unified = True
    context.embeddings = model.is_for_embeddings(parameters)
    if context.embeddings:
        context.n_seq_max = min(context.n_batch, EMBEDDING_SEQUENCES)
        if model.reads_forwards:
            # Tokens are pooled here, so that a text may come in pieces.
            context.pooling_type = api.LLAMA_POOLING_TYPE_NONE
        elif not model.pools:
            # A client wants one vector for a text; a model made to generate has no pooling of its own.
            context.pooling_type = api.LLAMA_POOLING_TYPE_MEAN
    else:
        context.n_seq_max = sequences(model.memory_kind(parameters), parameters)
        # A token of each answer; llama.cpp wants room for one of each sequence.
        context.n_outputs_max = context.n_seq_max
    return context


class Context:
    """A context; closed when the use that it was made for is over before the process is."""

    def __init__(
        self, model: Model, parameters: LoadParameters, threads: int, log: EngineLog, abort: AbortSwitch
    ) -> None:
        """Make it. Raises `LoadError` with the first error that llama.cpp logs."""
        wanted = context_parameters(model, parameters, threads)
        handle = api.llama_init_from_model(model.handle, wanted)
        if handle is None:
            raise LoadError(
                log.reason(Sentence("Host", "llama.cpp gives no reason for not making a context"))
            )
        self.handle = handle
        self.tokens = int(api.llama_n_ctx(handle))
        """Cells of the memory (`n_ctx`)."""
        self.batch_tokens = int(wanted.n_batch)
        self.sequences = int(wanted.n_seq_max)
        self.is_for_embeddings = bool(wanted.embeddings)
        self.asked_tokens = parameters.context
        self.keeps_tokens = self.is_for_embeddings and model.reads_forwards
        """It embeds texts in pieces, and gives what each token of them brought."""
        held = self.tokens if self.keeps_tokens else self.batch_tokens
        self.most_text_tokens = min(parameters.context, held)
        """The longest text that it embeds."""
        self.pooling = model.pooling
        self._threads = threads
        self._memory = api.llama_get_memory(handle)
        self._vocabulary_size = model.vocabulary_size
        self._embedding_length = model.embedding_length
        self._sliding_window = 0 if parameters.full_sliding_window else model.sliding_window
        self._log = log
        abort.attach(handle)
        self._abort = abort

    def set_threads(self, threads: int) -> None:
        """Compute with so many threads from now on."""
        if threads != self._threads:
            self._threads = threads
            api.llama_set_n_threads(self.handle, threads, threads)

    def compute(self, batch: Batch) -> None:
        """Compute a batch. Raises `NoPlace`, `Aborted` and `NotComputed`."""
        self._compute(batch.handle)

    def compute_vectors(
        self, vectors: Vectors, positions: Positions, sequence: int, *, looks_both_ways: bool
    ) -> None:
        """Compute vectors as the next tokens of a sequence, in as many batches as they need.

        Raises as `compute` does, and then a part of them may be in the memory.
        """
        if looks_both_ways:
            api.llama_set_causal_attn(self.handle, False)
        try:
            for begin in range(0, len(vectors), self.batch_tokens):
                part = slice(begin, begin + self.batch_tokens)
                batch = VectorBatch(vectors[part], positions[:, part], sequence)
                self._compute(batch.handle)
        finally:
            if looks_both_ways:
                api.llama_set_causal_attn(self.handle, True)

    def _compute(self, batch: api.llama_batch) -> None:
        code = api.llama_decode(self.handle, batch)
        if code == _NO_PLACE:
            raise NoPlace
        if code == _ABORTED or self._abort.pressed:
            raise Aborted
        if code != 0:
            said = self._log.last_error or f"llama_decode gave {code}"
            raise NotComputed(Sentence("Host", "llama.cpp could not compute: {line}").format(line=said))

    def logits(self, place: int) -> numpy.typing.NDArray[numpy.single]:
        """The logits after a token of the batch computed last; overwritten by the next."""
        row = api.llama_get_logits_ith(self.handle, place)
        return numpy.ctypeslib.as_array(row, shape=(self._vocabulary_size,))

    def embedding(self, sequence: int) -> numpy.typing.NDArray[numpy.single]:
        """The pooled embedding of a sequence of the batch computed last; overwritten by the next."""
        row = api.llama_get_embeddings_seq(self.handle, sequence)
        return numpy.ctypeslib.as_array(row, shape=(self._embedding_length,))

    def embeddings(self, first: int, count: int) -> numpy.typing.NDArray[numpy.single]:
        """What some tokens of the batch computed last gave, in their order; overwritten by the next."""
        rows = api.llama_get_embeddings(self.handle)
        return numpy.ctypeslib.as_array(rows, shape=(first + count, self._embedding_length))[first:]

    def close(self) -> None:
        """Free it; it is not used again."""
        api.llama_free(self.handle)

    # --- memory of sequences: lengths are in positions ---------------------------------------------------

    def copy(self, source: int, target: int, length: int) -> None:
        """Let an empty sequence begin with the first tokens of another; they share the cells."""
        api.llama_memory_seq_cp(self._memory, source, target, 0, length)

    def cut(self, sequence: int, length: int) -> None:
        """Keep only the first tokens of a sequence."""
        if not api.llama_memory_seq_rm(self._memory, sequence, length if length else -1, -1):
            raise AssertionError(f"sequence {sequence} cannot be cut to {length} tokens")

    def empty(self, sequence: int) -> None:
        """Forget a sequence, if there is a memory of sequences at all."""
        if self._memory is not None:
            api.llama_memory_seq_rm(self._memory, sequence, -1, -1)

    def can_cut(self, sequence: int, length: int) -> bool:
        """Whether all that the next token would look back at, after these first tokens, is still there.

        A memory that holds only the sliding window may have lost tokens that an earlier one looks at.
        """
        if not self._sliding_window:
            return True
        oldest_held = api.llama_memory_seq_pos_min(self._memory, sequence)
        return bool(0 <= oldest_held <= max(0, length - self._sliding_window))

    def clear(self) -> None:
        """Forget all sequences; their bytes stay, unread, so that no page is touched."""
        if self._memory is not None:
            api.llama_memory_clear(self._memory, False)

    def state_bytes(self, sequence: int) -> int:
        """Size of what the memory holds of a sequence."""
        return int(api.llama_state_seq_get_size(self.handle, sequence))

    def state(self, sequence: int) -> bytearray:
        """All that the memory holds of a sequence. Raises MemoryError."""
        size = self.state_bytes(sequence)
        buffer = bytearray(size)
        place = (ctypes.c_uint8 * size).from_buffer(buffer)
        written = api.llama_state_seq_get_data(self.handle, place, size, sequence)
        if written != size:
            raise MemoryError(f"of the {size} bytes of a state {written} were given")
        return buffer

    def restore(self, sequence: int, state: bytearray) -> bool:
        """Put a state into an empty sequence; False when llama.cpp does not take it."""
        place = (ctypes.c_uint8 * len(state)).from_buffer(state)
        read = api.llama_state_seq_set_data(self.handle, place, len(state), sequence)
        if read == 0:
            api.llama_memory_seq_rm(self._memory, sequence, -1, -1)
        return bool(read)
