"""Sizes of llama.cpp's buffers, computed from a model's shape: weights, caches, intermediate results.

The formulas follow llama.cpp as llama-cpp-python 0.3.36 ships it, with the settings of our hosts: sequences
that share one memory, output for one token of each answer. `benchmarks/forecast.py` compares them with
llama.cpp itself.
"""

from __future__ import annotations

from typing import NamedTuple

from llmmem_gui.core.engine import Engine
from llmmem_gui.core.ggml_types import BY_NAME
from llmmem_gui.core.model_shape import AttentionLayers, ModelShape
from llmmem_gui.core.parameters import LoadParameters, MemoryKind, batch_tokens, sequences

CONTEXT_STEP = 256
"""llama.cpp rounds every context up to a multiple of this (`GGML_PAD` in llama-context.cpp)."""

_FLOAT_BYTES, _HALF_BYTES = 4, 2


class Weights(NamedTuple):
    """Where the weights of a model would lie, in bytes."""

    mapped: int
    private: int
    vram: int


class Split(NamedTuple):
    """Bytes in main memory and on GPUs."""

    main: int
    vram: int

    @property
    def total(self) -> int:
        """Both together."""
        return self.main + self.vram


def given_context(parameters: LoadParameters) -> int:
    """Tokens of context that llama.cpp gives when these are asked for."""
    return _padded(parameters.context, CONTEXT_STEP)


def memory_kind(shape: ModelShape, parameters: LoadParameters) -> MemoryKind:
    """How llama.cpp remembers what it read with this model."""
    if shape.recurrent_layers:
        return "recurrent"
    slides = any(layers.sliding for layers in shape.attention) and not parameters.full_sliding_window
    return "window" if slides else "attention"


def _sequences(shape: ModelShape, parameters: LoadParameters) -> int:
    return sequences(memory_kind(shape, parameters), parameters)


def weights(shape: ModelShape, parameters: LoadParameters, engine: Engine) -> Weights:
    """Where the weights would lie.

    Sizes: the sum of the tensors, each padded to 32 bytes (ggml_backend_alloc_ctx_tensors_from_buft_size).
    The last `gpu_layers` of all layers and the output go to the GPU (`i_gpu_start` in llama-model.cpp).
    Matrices that the CPU backend repacks are private, others mapped. Embeddings that are also the output
    are there twice where the output is repacked or on a GPU (TENSOR_DUPLICATED in llama-model-loader.cpp).
    Nothing is repacked beside a GPU: its plain buffers come before (`make_cpu_buft_list` in llama-model.cpp).
    """
    first_on_gpu = _first_layer_on_gpu(shape, parameters, engine)
    layers_vram, layers_total = sum(shape.layer_bytes[first_on_gpu:]), sum(shape.layer_bytes)
    output_on_gpu = first_on_gpu <= shape.layers
    mapped = private = vram = 0
    for group in shape.weights:
        size = group.size_bytes
        if group.place == "output" and output_on_gpu:
            on_gpu = size
        else:
            on_gpu = size * layers_vram // layers_total if group.place == "layers" else 0
        vram += on_gpu
        repacked = not output_on_gpu and engine.repacks(group.type, group.row_multiple)
        if group.place != "input" and repacked:
            private += size - on_gpu
        else:
            mapped += size - on_gpu
    if shape.tied and shape.embedding_type:
        if output_on_gpu:
            vram += shape.embedding_bytes
        elif engine.repacks(shape.embedding_type, shape.embedding_row_multiple):
            private += shape.embedding_bytes
    if not parameters.memory_map:
        mapped, private = 0, mapped + private
    return Weights(mapped, private, vram)


def cache(shape: ModelShape, parameters: LoadParameters, engine: Engine) -> Split:
    """Keys, values and recurrent state.

    Keys and values (llama-kv-cache.cpp): for each layer that attends, cells × (row of keys + row of
    values). Sliding layers keep their window and one batch, rounded up to 256 cells
    (llama-kv-cache-iswa.cpp). Without flash attention all values are as wide as the widest
    (`n_embd_v_gqa_max`). State (llama-memory-recurrent.cpp): 32-bit numbers, once for each sequence.
    """
    kind = BY_NAME[parameters.kv_type]
    widest = max((layers.value_elements for layers in shape.attention), default=0)
    size = 0
    for layers in shape.attention:
        values = layers.value_elements
        if values and not parameters.flash_attention:
            values = widest
        cell_bytes = kind.row_bytes(layers.key_elements) + kind.row_bytes(values)
        size += layers.count * _cells(shape, layers, parameters) * cell_bytes
    size += shape.state_elements * _FLOAT_BYTES * _sequences(shape, parameters)
    return _split(size, shape, parameters, engine)


def compute(shape: ModelShape, parameters: LoadParameters, engine: Engine) -> Split:
    """Intermediate results of the largest graph: what lives at once while one layer is computed.

    Found by comparing with `sched_reserve` of llama-context.cpp over 26 shapes of 12 architectures, to
    the byte for most: per token of a batch a gated feed-forward network holds 3 of its rows, 3 rows of
    the model and one of the heads, attention holds the scores (without flash attention) and the rows it makes
    them from, a recurrent layer 6½ of its rows. The masks are there all the time.
    """
    tokens = batch_tokens(parameters)
    per_token = max(
        _feed_forward_elements(shape),
        _attention_elements(shape, parameters),
        _recurrent_elements(shape),
    )
    size = tokens * per_token * _FLOAT_BYTES + _mask_bytes(shape, parameters)
    outputs = _sequences(shape, parameters)
    if parameters.embeddings:
        outputs = tokens if shape.causal else 0
    size = max(size, outputs * shape.vocabulary * _FLOAT_BYTES)
    return _split(size, shape, parameters, engine)


def work_bytes(shape: ModelShape, parameters: LoadParameters) -> int:
    """Scratch memory of the CPU backend (`ggml_graph_plan` in ggml-cpu.c), main memory only.

    Matrices are multiplied with a copy of the other side in their own kind of numbers: at most 8½ bits
    for each of a quantised matrix, 16 otherwise. Without flash attention the scores are such a side.
    """
    tokens = batch_tokens(parameters)
    quantised = not shape.quantization.upper().startswith(("F16", "BF16"))
    side = max(shape.feed_forward_length, shape.experts_used * shape.expert_feed_forward_length)
    side = max(side, shape.inner_length, shape.embedding_length)
    scores = 0 if parameters.flash_attention else _score_elements(shape, parameters)
    return tokens * max(side * 9 // 8 if quantised else side * _HALF_BYTES, scores * _HALF_BYTES)


def _padded(size: int, step: int) -> int:
    return -(-size // step) * step


def _first_layer_on_gpu(shape: ModelShape, parameters: LoadParameters, engine: Engine) -> int:
    """The first layer on a GPU; the output counts as the layer after the last; above it: none is."""
    return max(0, shape.layers + 1 - layers_on_gpus(shape, parameters, engine))


def layers_on_gpus(shape: ModelShape, parameters: LoadParameters, engine: Engine) -> int:
    """Layers on GPUs as llama.cpp counts them: the output is one, and the first that goes there."""
    asked, most = parameters.fixed_gpu_layers, shape.layers + 1
    if not engine.gpu_offload:
        return 0
    return most if asked < 0 else min(asked, most)


def _split(size: int, shape: ModelShape, parameters: LoadParameters, engine: Engine) -> Split:
    """Share bytes between main memory and GPUs as the layers are shared."""
    on_gpu = max(0, shape.layers - _first_layer_on_gpu(shape, parameters, engine))
    vram = size * on_gpu // shape.layers
    return Split(size - vram, vram)


def _cells(shape: ModelShape, layers: AttentionLayers, parameters: LoadParameters) -> int:
    context = given_context(parameters)
    if not layers.sliding or parameters.full_sliding_window:
        return context
    window = shape.sliding_window * _sequences(shape, parameters) + batch_tokens(parameters)
    return _padded(min(context, window), CONTEXT_STEP)


def _mask_bytes(shape: ModelShape, parameters: LoadParameters) -> int:
    """One number for each pair of cell and token, for each kind of cache (`build_attn_inp_kv_mask`)."""
    number_bytes = _HALF_BYTES if parameters.flash_attention else _FLOAT_BYTES
    kinds = {layers.sliding: _cells(shape, layers, parameters) for layers in shape.attention}
    cells = sum(kinds.values()) if kinds else 0 if shape.recurrent_layers else batch_tokens(parameters)
    return batch_tokens(parameters) * cells * number_bytes


def _feed_forward_elements(shape: ModelShape) -> int:
    rows = 3 * shape.embedding_length
    if not shape.gated:
        return shape.feed_forward_length + rows
    expert = shape.expert_feed_forward_length or shape.feed_forward_length
    experts = shape.experts_used * max(expert, shape.embedding_length)
    heads = min(shape.heads * shape.value_length, shape.embedding_length)
    return 3 * max(shape.feed_forward_length, experts) + rows + heads


def _attention_elements(shape: ModelShape, parameters: LoadParameters) -> int:
    widest = max((layers.key_elements + layers.value_elements for layers in shape.attention), default=0)
    heads = shape.heads * shape.key_length
    rows = 3 * shape.embedding_length + 2 * heads + widest
    return rows if parameters.flash_attention else rows + _score_elements(shape, parameters)


def _score_elements(shape: ModelShape, parameters: LoadParameters) -> int:
    cells = [_cells(shape, layers, parameters) for layers in shape.attention]
    without_cache = 0 if shape.recurrent_layers else batch_tokens(parameters)
    return shape.heads * max(cells, default=without_cache)


def _recurrent_elements(shape: ModelShape) -> int:
    if not shape.recurrent_layers:
        return 0
    inner = shape.inner_length or 2 * shape.embedding_length
    return 13 * inner // 2 + (2 * shape.embedding_length if shape.attention else 0)
