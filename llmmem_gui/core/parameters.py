"""The parameters a model is loaded with: the part of a load that decides how much memory it takes."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

KvType = Literal["f16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0"]
"""Element types offered for the KV cache, by their GGML names, largest first."""

Context = Annotated[int, msgspec.Meta(ge=1, le=2**24)]
Batch = Annotated[int, msgspec.Meta(ge=1, le=2**16)]
GpuLayers = Annotated[int, msgspec.Meta(ge=-1, le=10_000)]


class LoadParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to load one model; the defaults are the ones that save memory without changing an answer."""

    context: Context = 4096
    """Tokens of context asked for (`n_ctx`); llama.cpp rounds it up to a multiple of 256."""
    kv_type: KvType = "f16"
    """Element type of the KV cache, keys and values alike."""
    gpu_layers: GpuLayers = 0
    """Layers placed on a GPU (`n_gpu_layers`); −1 means all of them."""
    batch: Batch = 512
    """Tokens decoded per call and per compute graph (`n_batch` and `n_ubatch`)."""
    flash_attention: bool = True
    """Attention without the n_ctx × n_batch score matrix."""
    memory_map: bool = True
    """Weights are mapped from the file instead of being copied into private memory."""
    full_sliding_window: bool = False
    """Sliding-window layers keep the whole context (`swa_full`) instead of their window."""
    embeddings: bool = False
    """The model is loaded to give embeddings, not to generate."""
