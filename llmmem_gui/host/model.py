"""The model that a host holds: llama-cpp-python's `Llama`, opened in less time and memory."""

from __future__ import annotations

import contextlib
import ctypes
import os
import time
from collections.abc import Generator, Sequence
from typing import Any

import llama_cpp
import numpy
import numpy.typing
from llama_cpp import _internals as internals
from llama_cpp import llama_chat_format
from llama_cpp import llama_cpp as api

from llmmem_gui.core.parameters import KvType, LoadParameters
from llmmem_gui.core.sentence import Sentence, SentenceError
from llmmem_gui.host.chat import chat_handler_for
from llmmem_gui.host.engine import AbortSwitch, EngineLog
from llmmem_gui.host.modelfile import LoadError
from llmmem_gui.host.probabilities import TokenProbabilities
from llmmem_gui.host.tokenizer import Tokenizer

_GGML_TYPES: dict[KvType, int] = {
    "f16": api.GGML_TYPE_F16,
    "q8_0": api.GGML_TYPE_Q8_0,
    "q5_1": api.GGML_TYPE_Q5_1,
    "q5_0": api.GGML_TYPE_Q5_0,
    "q4_1": api.GGML_TYPE_Q4_1,
    "q4_0": api.GGML_TYPE_Q4_0,
}

_EMBEDDING_SEQUENCES = 16
"""Texts embedded in one batch; each reserves an output row as long as the vocabulary."""


class NotComputed(SentenceError, RuntimeError):
    """llama.cpp failed in the midst of an answer."""


class Cancelled(Exception):
    """The request was cancelled."""


class HostedModel(llama_cpp.Llama):  # type: ignore[misc]
    """A `Llama` for one process that holds one model until it ends.

    Differs from `Llama` in what it costs: nothing is allocated by the size of the vocabulary or the
    context, the chat template is compiled at the first chat, output is reserved for one token, and a
    sliding-window cache keeps only its window. `Llama.__init__` is not called.
    """

    def __init__(
        self,
        path: bytes,
        parameters: LoadParameters,
        threads: int,
        log: EngineLog,
        abort: AbortSwitch,
    ) -> None:
        """Open the model. Raises `LoadError` with the first error that llama.cpp logs."""
        self._log = log
        self._abort = abort
        self.wanted_threads = self.n_threads = self.n_threads_batch = threads
        self.begin_answer()
        self._open(path, parameters)
        self._set_constants(path)
        self._read_vocabulary()
        self._set_chat()

    def _open(self, path: bytes, parameters: LoadParameters) -> None:
        self.model_params = api.llama_model_default_params()
        self.model_params.n_gpu_layers = 2**31 - 1 if parameters.gpu_layers < 0 else parameters.gpu_layers
        self.model_params.load_mode = (
            api.LLAMA_LOAD_MODE_MMAP if parameters.memory_map else api.LLAMA_LOAD_MODE_NONE
        )
        model = api.llama_model_load_from_file(path, self.model_params)
        if model is None:
            raise LoadError(self._log.reason(Sentence("Host", "llama.cpp gives no reason")))
        self._model = OpenModel(model)
        self.metadata = self._model.metadata()
        self.context_params = self._context_parameters(parameters)
        context = api.llama_init_from_model(model, self.context_params)
        if context is None:
            raise LoadError(
                self._log.reason(Sentence("Host", "llama.cpp gives no reason for not making a context"))
            )
        self._ctx = _OpenContext(context)
        self._abort.attach(context)

    def _context_parameters(self, parameters: LoadParameters) -> api.llama_context_params:
        context = api.llama_context_default_params()
        context.n_ctx = parameters.context
        context.n_batch = context.n_ubatch = self.n_batch = min(parameters.context, parameters.batch)
        context.n_threads = context.n_threads_batch = self.n_threads
        context.flash_attn_type = (
            api.LLAMA_FLASH_ATTN_TYPE_ENABLED
            if parameters.flash_attention
            else api.LLAMA_FLASH_ATTN_TYPE_DISABLED
        )
        context.type_k = context.type_v = _GGML_TYPES[parameters.kv_type]
        context.swa_full = parameters.full_sliding_window
        self.gives_embeddings = parameters.embeddings or self._about("attention.causal") == "false"
        """It is for `create_embedding`, not to generate: because that was asked, or it can nothing else."""
        context.embeddings = self.gives_embeddings
        if self.gives_embeddings:
            context.n_seq_max = min(self.n_batch, _EMBEDDING_SEQUENCES)
            context.kv_unified = True
            if self._about("pooling_type") is None:
                # A client wants one vector for a text; a model made to generate has no pooling of its own.
                context.pooling_type = api.LLAMA_POOLING_TYPE_MEAN
        else:
            context.n_outputs_max = 1
        return context

    def _about(self, key: str) -> str | None:
        return self.metadata.get(f"{self.metadata.get('general.architecture')}.{key}")

    def _set_constants(self, path: bytes) -> None:
        # What Llama's methods read and this class does not vary.
        self._stack = contextlib.ExitStack()
        self.verbose = False
        self.model_path = os.fsdecode(path)
        self.numa = api.GGML_NUMA_STRATEGY_DISABLED
        self.tensor_split = self._c_tensor_split = None
        self.kv_overrides = None
        self.lora_base = self.lora_path = self._lora_adapter = None
        self.lora_scale = 1.0
        self.spm_infill = False
        self.cache = None
        self.draft_model = None
        self.last_n_tokens_size = 64
        self._seed = api.LLAMA_DEFAULT_SEED
        self._logits_all = False
        self._sampler = None
        self._mirostat_mu = ctypes.c_float(10.0)
        self._is_recurrent = api.llama_model_is_recurrent(self._model.model)
        self._is_hybrid = api.llama_model_is_hybrid(self._model.model)
        self._sliding_window = api.llama_model_n_swa(self._model.model)
        self.n_tokens = 0
        self._requires_eval = True

    def _read_vocabulary(self) -> None:
        self.tokenizer_ = Tokenizer(self._model)
        self._n_vocab = self.n_vocab()
        self._n_ctx = self.n_ctx()
        self._token_nl = self.token_nl()
        self._token_eos = self.token_eos()
        # Llama wants a sequence for each of a batch's tokens, up to n_ctx of them; one is used.
        sequences = self.context_params.n_seq_max if self.gives_embeddings else 1
        self._batch = internals.LlamaBatch(n_tokens=self.n_batch, embd=0, n_seq_max=sequences, verbose=False)
        self.input_ids = numpy.empty(self._n_ctx, dtype=numpy.intc)
        # Passed to stopping criteria, which look at tokens only; zeros without memory.
        self.scores = numpy.broadcast_to(numpy.single(0), (self._n_ctx, self._n_vocab))

    def _set_chat(self) -> None:
        self.chat_template_notice: Sentence | None = None
        """Why the model's own chat template is not used, for the user."""
        self.chat_handler = None
        self._chat_handlers: dict[str, llama_chat_format.LlamaChatCompletionHandler] = {}
        known = llama_chat_format.guess_chat_format_from_gguf_metadata(self.metadata)
        self._brings_own_format = known is None and self.has_chat_template
        self.chat_format = known or "llama-2"  # the library's own last resort

    def begin_answer(self) -> None:
        """Set the counts of an answer back."""
        self.prompt_tokens = 0
        """Tokens of the prompt."""
        self.completion_tokens = 0
        """Tokens chosen."""
        self.first_token_time: float | None = None
        """When the first token was chosen, by the monotonic clock."""
        self.probabilities: TokenProbabilities | None = None
        """Takes down what each token was chosen from, when that is asked for."""

    @property
    def trained_context(self) -> int:
        """Tokens of context that the model was trained with, as its file says."""
        return int(self._model.n_ctx_train())

    @property
    def weights_bytes(self) -> int:
        """Bytes of all tensors."""
        return int(self._model.size())

    @property
    def has_chat_template(self) -> bool:
        """The file brings a chat template."""
        return "tokenizer.chat_template" in self.metadata

    def create_chat_completion(self, *args: Any, **arguments: Any) -> Any:
        """Answer a chat as `Llama.create_chat_completion` does; compiles the template first."""
        if self._brings_own_format and self.chat_handler is None and self.chat_template_notice is None:
            begin, end = self.token_bos(), self.token_eos()
            self.chat_handler, self.chat_template_notice = chat_handler_for(
                self.metadata["tokenizer.chat_template"],
                begin_token=self._model.token_get_text(begin) if begin != -1 else "",
                end_token=self._model.token_get_text(end) if end != -1 else "",
                end_token_id=end,
            )
        return super().create_chat_completion(*args, **arguments)

    def eval(self, tokens: Sequence[int]) -> None:
        """Decode tokens after those already decoded. Raises `Cancelled`."""
        if self.n_threads != self.wanted_threads:
            self.n_threads = self.n_threads_batch = self.wanted_threads
            self._ctx.set_n_threads(self.n_threads, self.n_threads)
        try:
            super().eval(tokens)
        except RuntimeError as error:
            self._raise_if_cancelled()
            # Nobody knows what of the tokens is in the cache.
            self._forget()
            said = self._log.last_error or str(error)
            raise NotComputed(
                Sentence("Host", "llama.cpp could not compute: {line}").format(line=said)
            ) from error
        self._raise_if_cancelled()

    def generate(self, tokens: Sequence[int], *args: Any, **arguments: Any) -> Generator[int, Any, None]:
        """Yield the tokens that follow a prompt, as `Llama.generate` does. Raises `Cancelled`."""
        prompt = list(tokens)
        self.prompt_tokens = len(prompt)
        self._forget_unless_extended(prompt)
        for token in super().generate(prompt, *args, **arguments):
            self.first_token_time = self.first_token_time or time.monotonic()
            self.completion_tokens += 1
            if self.probabilities is not None:
                self.probabilities.add(token, self._ctx.last_logits(self._n_vocab))
            yield token

    def embed(self, input: str | list[str], *args: Any, **arguments: Any) -> Any:
        """Embed texts as `Llama.embed` does, but refuse one longer than a batch instead of cutting it."""
        return super().embed(input, *args, **{"truncate": False, **arguments})

    def _forget_unless_extended(self, prompt: list[int]) -> None:
        # Llama.generate keeps the longest common prefix of the last and the new prompt. A cache that holds
        # only the sliding window may have lost tokens that the prefix's end still looks at: then start anew.
        if not self._sliding_window or self.n_tokens == 0:
            return
        kept = min(self.longest_token_prefix(self._input_ids.tolist(), prompt), len(prompt) - 1)
        oldest_held = api.llama_memory_seq_pos_min(self._ctx.memory, 0)
        holds_window = 0 <= oldest_held <= max(0, kept - self._sliding_window)
        if kept < self.n_tokens and not holds_window:
            self._forget()

    def _forget(self) -> None:
        self._ctx.kv_cache_clear()
        self.n_tokens = 0
        self._requires_eval = True

    def _raise_if_cancelled(self) -> None:
        if self._abort.pressed:
            raise Cancelled


class OpenModel(internals.LlamaModel):  # type: ignore[misc]
    """A loaded model that lives as long as the process."""

    def __init__(self, model: api.llama_model_p) -> None:
        self.model = model
        self.vocab = api.llama_model_get_vocab(model)
        self.sampler = None
        self.custom_samplers: list[Any] = []
        self._exit_stack = contextlib.ExitStack()

    def metadata(self) -> dict[str, str]:
        """Give the file's metadata but for arrays, with what is not UTF-8 replaced."""
        buffer = ctypes.create_string_buffer(4096)

        def text(read: Any, index: int) -> str:
            nonlocal buffer
            length = read(self.model, index, buffer, len(buffer))
            if length >= len(buffer):
                buffer = ctypes.create_string_buffer(length + 1)
                read(self.model, index, buffer, len(buffer))
            return buffer.value.decode("utf-8", "replace")

        return {
            text(api.llama_model_meta_key_by_index, index): text(api.llama_model_meta_val_str_by_index, index)
            for index in range(api.llama_model_meta_count(self.model))
        }

    def token_get_text(self, token: int) -> str:
        """Give a token's text, with what is not UTF-8 replaced."""
        return str(api.llama_vocab_get_text(self.vocab, token).decode("utf-8", "replace"))


class _OpenContext(internals.LlamaContext):  # type: ignore[misc]
    """A context that lives as long as the process."""

    def __init__(self, context: api.llama_context_p) -> None:
        self.ctx = context
        self.memory = api.llama_get_memory(context)
        self.sampler = None
        self._exit_stack = contextlib.ExitStack()

    def last_logits(self, vocabulary_size: int) -> numpy.typing.NDArray[numpy.single]:
        """Give the logits after the last token that was decoded; overwritten by the next."""
        row = api.llama_get_logits_ith(self.ctx, -1)
        return numpy.ctypeslib.as_array(row, shape=(vocabulary_size,))

    def kv_cache_clear(self) -> None:
        """Forget all tokens; their bytes stay, unread, so that no page is touched."""
        if self.memory is not None:
            api.llama_memory_clear(self.memory, False)
