"""The parameters a model is loaded with: the part of a load that decides how much memory it takes."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

KvType = Literal["f16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0"]
"""Element types offered for the KV cache, by their GGML names, largest first."""

EMBEDDING_SEQUENCES = 16
"""Texts that a host embeds in one batch."""

EMBEDDED_BESIDE_TEXT = 128
"""Tokens that are embedded in one step, at most, with a context beside that for text: each takes logits."""

LEAST_EMBEDDING_CONTEXT = 512
"""Tokens of the smallest context for embeddings beside that for text."""

_TOKENS_AROUND = 16
"""What a vocabulary adds at the beginning and end of a text, at most."""

KEPT_SEQUENCES = 8
"""Conversations that a host keeps beside those it answers, where one more reserves a row of output only."""

MemoryKind = Literal["attention", "window", "recurrent"]
"""How llama.cpp remembers a sequence: by cells that all share; also by a window or a state of its own."""

Context = Annotated[int, msgspec.Meta(ge=1, le=2**24)]
LARGEST_BATCH = 2**16
Batch = Annotated[int, msgspec.Meta(ge=1, le=LARGEST_BATCH)]
Slots = Annotated[int, msgspec.Meta(ge=1, le=64)]
Auto = Literal["auto"]
AUTO: Auto = "auto"
"""As many layers as the GPUs have room for when the load is admitted; llama.cpp's own word for it."""
GpuLayers = Annotated[int, msgspec.Meta(ge=-1, le=10_000)] | Auto


class LoadParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to load one model; the defaults are the ones that save memory without changing an answer."""

    context: Context = 4096
    """Tokens of context asked for (`n_ctx`); llama.cpp rounds it up to a multiple of 256."""
    kv_type: KvType = "f16"
    """Element type of the KV cache, keys and values alike."""
    gpu_layers: GpuLayers = 0
    """Layers placed on a GPU (`n_gpu_layers`); −1 means all of them, auto as many as fit."""
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
    slots: Slots = 4
    """Requests for text that are answered at once; they share the context."""
    vision: bool = True
    """The projector is loaded with a model that has one, so that it reads images."""

    @property
    def fixed_gpu_layers(self) -> int:
        """The number of layers on GPUs; 0 while it is not found how many fit."""
        return 0 if self.gpu_layers == AUTO else self.gpu_layers

    def with_gpu_layers(self, number: GpuLayers) -> LoadParameters:
        """The same with so many layers on GPUs."""
        return msgspec.structs.replace(self, gpu_layers=number)


class ChosenParameters(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a person chose of the parameters of one model; what is None stays as it is usual.

    Whether a model is loaded for embeddings is no choice: it follows from what is asked of it.
    """

    context: Context | None = None
    kv_type: KvType | None = None
    gpu_layers: GpuLayers | None = None
    batch: Batch | None = None
    flash_attention: bool | None = None
    memory_map: bool | None = None
    full_sliding_window: bool | None = None
    slots: Slots | None = None
    vision: bool | None = None

    @classmethod
    def of(cls, parameters: LoadParameters, usual: LoadParameters) -> ChosenParameters:
        """Those of the parameters that differ from the usual ones."""
        values = {name: getattr(parameters, name) for name in cls.__struct_fields__}
        return cls(**{name: value for name, value in values.items() if value != getattr(usual, name)})

    def instead_of(self, usual: LoadParameters) -> LoadParameters:
        """The usual parameters with those chosen in their place."""
        chosen = {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}
        return msgspec.structs.replace(usual, **chosen)


def of_second_use(parameters: LoadParameters, longest_text: int | None) -> LoadParameters:
    """Those of a second context beside one with these: for embeddings of texts so long, or else for text.

    The length is in tokens, but for those around each text. Contexts grow in steps, not with each text.
    """
    if longest_text is None:
        return msgspec.structs.replace(parameters, embeddings=False)
    tokens = LEAST_EMBEDDING_CONTEXT
    while tokens < min(longest_text + _TOKENS_AROUND, parameters.context):
        tokens *= 2
    return msgspec.structs.replace(
        parameters,
        embeddings=True,
        context=min(tokens, parameters.context),
        batch=min(parameters.batch, EMBEDDED_BESIDE_TEXT),
    )


def batch_tokens(parameters: LoadParameters) -> int:
    """Tokens computed at once: `n_ubatch` in llama-context.cpp, at most the context asked for."""
    return min(parameters.batch, parameters.context)


def sequences(kind: MemoryKind, parameters: LoadParameters) -> int:
    """Sequences that the context keeps apart (`n_seq_max`)."""
    if parameters.embeddings:
        return min(batch_tokens(parameters), EMBEDDING_SEQUENCES)
    return parameters.slots + (KEPT_SEQUENCES if kind == "attention" else 0)
