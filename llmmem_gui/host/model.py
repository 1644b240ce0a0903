"""A model that is open: its weights, and what its file says about it."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, Literal

from llama_cpp import llama_cpp as api

from llmmem_gui.core.architectures import WITHOUT_CACHE
from llmmem_gui.core.parameters import LoadParameters, MemoryKind
from llmmem_gui.core.sentence import Sentence
from llmmem_gui.host.engine import EngineLog, device_handle
from llmmem_gui.host.modelfile import LoadError

Pooling = Literal["mean", "first", "last"]
"""What of a text's tokens makes its vector."""
_POOLING: dict[str, Pooling] = {"1": "mean", "2": "first"}
"""By the numbers that files have for it (`llama_pooling_type`); those not named here want the last token."""

NO_TOKEN = -1
"""What llama.cpp gives for a token that a vocabulary does not have."""


class Model:
    """A loaded model; a host holds one until the process ends."""

    def __init__(self, path: bytes, parameters: api.llama_model_params, log: EngineLog) -> None:
        """Open it. Raises `LoadError` with the first error that llama.cpp logs."""
        handle = api.llama_model_load_from_file(path, parameters)
        if handle is None:
            raise LoadError(log.reason(Sentence("Host", "llama.cpp gives no reason")))
        self.handle = handle
        self.vocabulary = api.llama_model_get_vocab(handle)
        self.metadata = self._read_metadata()
        self.vocabulary_size = int(api.llama_vocab_n_tokens(self.vocabulary))
        self.input_length = int(api.llama_model_n_embd_inp(handle))
        """Numbers of a vector that stands for a token."""
        self.embedding_length = int(api.llama_model_n_embd_out(handle))
        self.trained_context = int(api.llama_model_n_ctx_train(handle))
        """Tokens of context that the model was trained with, as its file says."""
        self.weights_bytes = int(api.llama_model_size(handle))
        """Bytes of all tensors."""
        self.sliding_window = int(api.llama_model_n_swa(handle))
        """Tokens that layers with a sliding window look back at; 0 where none has one."""
        self.begin_token = int(api.llama_vocab_bos(self.vocabulary))
        self.end_token = int(api.llama_vocab_eos(self.vocabulary))

    def close(self) -> None:
        """Free it."""
        api.llama_model_free(self.handle)

    @property
    def has_chat_template(self) -> bool:
        """The file brings a chat template."""
        return "tokenizer.chat_template" in self.metadata

    @property
    def pools(self) -> bool:
        """It was made to give one embedding for a text."""
        return self._about("pooling_type") is not None

    @property
    def pooling(self) -> Pooling:
        """What of a text's tokens makes its vector; of a model that was made to generate, all of them."""
        named = self._about("pooling_type")
        return "mean" if named is None else _POOLING.get(named, "last")

    @property
    def reads_forwards(self) -> bool:
        """A token looks at those before it alone: a text may be computed in pieces, one after the other."""
        bidirectional = self._about("attention.causal") == "false"
        return not bidirectional and self.metadata.get("general.architecture") not in WITHOUT_CACHE

    def is_for_embeddings(self, parameters: LoadParameters) -> bool:
        """It gives embeddings and no text: because that was asked, or because it can nothing else."""
        return parameters.embeddings or self._about("attention.causal") == "false"

    def memory_kind(self, parameters: LoadParameters) -> MemoryKind:
        """How llama.cpp remembers what it read."""
        if api.llama_model_is_recurrent(self.handle) or api.llama_model_is_hybrid(self.handle):
            return "recurrent"
        return "window" if self.sliding_window and not parameters.full_sliding_window else "attention"

    def ends_answer(self, token: int) -> bool:
        """Whether an answer ends with this token."""
        return bool(api.llama_vocab_is_eog(self.vocabulary, token))

    def token_text(self, token: int) -> str:
        """A token's text as it stands in the vocabulary; what is not UTF-8 is replaced."""
        return str(api.llama_vocab_get_text(self.vocabulary, token).decode("utf-8", "replace"))

    def _about(self, key: str) -> str | None:
        return self.metadata.get(f"{self.metadata.get('general.architecture')}.{key}")

    def _read_metadata(self) -> dict[str, str]:
        """The file's metadata but for arrays; what is not UTF-8 is replaced."""
        buffer = ctypes.create_string_buffer(4096)

        def text(read: Callable[..., Any], index: int) -> str:
            nonlocal buffer
            length = read(self.handle, index, buffer, len(buffer))
            if length >= len(buffer):
                buffer = ctypes.create_string_buffer(length + 1)
                read(self.handle, index, buffer, len(buffer))
            return buffer.value.decode("utf-8", "replace")

        return {
            text(api.llama_model_meta_key_by_index, index): text(api.llama_model_meta_val_str_by_index, index)
            for index in range(api.llama_model_meta_count(self.handle))
        }


def model_parameters(
    gpu_layers: int, extra_buffers: bool, device: str | None = None, *, memory_map: bool = True
) -> api.llama_model_params:
    """How llama.cpp shall place a model: so many layers on GPUs (below 0: all), with or without copies.

    Layers go to the GPU `device`, or are spread over all.
    """
    parameters = api.llama_model_default_params()
    parameters.n_gpu_layers = 2**31 - 1 if gpu_layers < 0 else gpu_layers
    if gpu_layers == 0 or device is not None:
        # With an empty list llama.cpp keeps everything in main memory, also the work on long prompts.
        chosen = [] if gpu_layers == 0 or device is None else [device_handle(device)]
        listed = (ctypes.c_void_p * 2)(*chosen)
        parameters.devices = ctypes.cast(listed, ctypes.c_void_p)
        parameters.listed_devices = listed  # llama.cpp keeps only the address
    parameters.use_extra_bufts = extra_buffers
    parameters.load_mode = api.LLAMA_LOAD_MODE_MMAP if memory_map else api.LLAMA_LOAD_MODE_NONE
    return parameters
