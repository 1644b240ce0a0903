"""What a host takes beside llama.cpp's buffers: vocabulary, graphs, the library's and Python's own memory.

These are measurements, not formulas of llama.cpp: glibc's `malloc`, CPython 3.11 and llama-cpp-python
0.3.36 on Linux. `benchmarks/forecast.py` shows how well they hold.
"""

from __future__ import annotations

from collections.abc import Iterable

from llmmem_gui.core.buffers import given_context, memory_kind, work_bytes
from llmmem_gui.core.engine import Engine
from llmmem_gui.core.model_shape import ModelShape
from llmmem_gui.core.parameters import LoadParameters, batch_tokens, sequences

MIB = 1024**2

_TOKEN_BYTES = 150
"""A token: its text twice, its place in a table, its score and its piece (llama-vocab.cpp)."""
_MERGE_BYTES = 118
"""A merge of byte-pair encoding: two texts and their place in a table."""
_CONTEXT_BYTES = 5 * MIB // 4
_LAYER_BYTES = 35 * 1024
"""A layer's nodes in the two graphs that a context keeps."""
_CELL_BYTES = 46
"""A cell of the cache: its position and sequences (llama-kv-cells.h)."""
_NUMBERED_TOKEN_BYTES = 4
"""A token's number in the list of all that a context makes for its samplers."""
_SAMPLED_TOKEN_BYTES = 20
"""A token while the next one is chosen: candidates are kept twice by llama-cpp-python."""
_PROMPT_TOKEN_BYTES = 150
"""A token of a prompt: its number is a Python object in several lists while it is answered."""
_HOST_BYTES = 6 * MIB
"""A forked host that has answered once: what it wrote to of the nursery's memory, and its own objects."""
_GPU_RUNTIME_BYTES = 400 * MIB
"""What a runtime for computing takes on its GPU for each process (a CUDA context); not measured by us."""
_WITHOUT_RUNTIME = ("Vulkan", "Metal")
"""How llama.cpp's names of devices begin whose drivers draw as well and keep next to nothing there."""


def model_bytes(shape: ModelShape) -> int:
    """Memory of the open model beside its weights, above all the vocabulary; a rehearsal measures it."""
    return shape.vocabulary * _TOKEN_BYTES + shape.merges * _MERGE_BYTES


def context_bytes(shape: ModelShape, parameters: LoadParameters) -> int:
    """Memory of a context beside its buffers: graphs, cells, lists of tokens."""
    cells = given_context(parameters) if shape.attention else 0
    tokens = shape.vocabulary * _NUMBERED_TOKEN_BYTES
    return _CONTEXT_BYTES + shape.layers * _LAYER_BYTES + cells * _CELL_BYTES + tokens


def output_bytes(shape: ModelShape, parameters: LoadParameters) -> int:
    """The buffer of logits and embeddings (`output_reserve` in llama-context.cpp).

    A row for each sequence to generate; for embeddings a row of both for each token of a batch, once a text
    is that long.
    """
    if not parameters.embeddings:
        return 4 * shape.vocabulary * sequences(memory_kind(shape, parameters), parameters)
    return 4 * (shape.vocabulary + shape.embedding_length) * batch_tokens(parameters)


def host_bytes(shape: ModelShape, parameters: LoadParameters) -> int:
    """What a host takes that neither is a buffer nor shows in a rehearsal."""
    asked = given_context(parameters) * _PROMPT_TOKEN_BYTES
    if not parameters.embeddings:
        asked += shape.vocabulary * _SAMPLED_TOKEN_BYTES
    return _HOST_BYTES + asked + work_bytes(shape, parameters)


def second_use_bytes(shape: ModelShape, parameters: LoadParameters) -> int:
    """What a second context takes beside its buffers, in a host that has answered with the first."""
    answering = host_bytes(shape, parameters) - _HOST_BYTES
    return context_bytes(shape, parameters) + output_bytes(shape, parameters) + answering


def gpu_runtime_bytes(parameters: LoadParameters, engine: Engine) -> int:
    """What the GPU's own runtime takes on the GPU, while nobody knows on which."""
    return _GPU_RUNTIME_BYTES if engine.gpu_offload and parameters.fixed_gpu_layers else 0


def gpu_runtime_bytes_on(devices: Iterable[str]) -> int:
    """What the runtimes of these GPUs take there, by llama.cpp's names of them."""
    return sum(_GPU_RUNTIME_BYTES for name in devices if not name.startswith(_WITHOUT_RUNTIME))
