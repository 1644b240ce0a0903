"""Messages between the service and the program that rehearses loads; each is one line of JSON."""

from __future__ import annotations

import msgspec

from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.sentence import Sentence

LINE_LIMIT_BYTES = 2**20
"""Longest line that either end writes or reads."""


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag=True):
    """Base of every message."""


class Rehearse(_Line, frozen=True):
    """Count what loading the file with these parameters would take; answered with one of those below."""

    path: bytes
    """The file's name as the operating system spells it (`os.fsencode`)."""
    parameters: LoadParameters


class DeviceBuffers(msgspec.Struct, frozen=True):
    """What one kind of memory would hold, in bytes."""

    name: str
    """llama.cpp's name of the buffer type: `CPU`, `CPU_REPACK`, `CUDA0`, `CUDA_Host`, …"""
    is_host: bool
    """Main memory, not a GPU's."""
    weights_bytes: int
    cache_bytes: int
    """Keys and values, or recurrent state."""
    compute_bytes: int
    """The largest graph's intermediate results."""


class Rehearsed(_Line, frozen=True):
    """What a load would take."""

    context: int
    """Tokens of context that llama.cpp would really give."""
    buffers: tuple[DeviceBuffers, ...]
    repack_is_known: bool
    """Whether repacked weights stand apart in `buffers`; without it they are counted as mapped."""
    output_bytes: int
    """The buffer that logits and embeddings are handed out in."""
    model_bytes: int
    """Private memory of the open model beside all buffers, above all its vocabulary; 0: not told."""
    engine_version: str
    cpu_features: tuple[str, ...]
    """What the CPU backend was built to use, by its own names, such as `AVX2`."""
    gpu_offload: bool
    """It was built for a GPU and found one."""


class RehearsalFailed(_Line, frozen=True):
    """llama.cpp would not load the model, or not with these parameters."""

    reason: Sentence


Answer = Rehearsed | RehearsalFailed
