"""Messages between the service and the program that rehearses loads; each is one line of JSON."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Literal

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
    extra_buffers: bool = True
    """Weights may be copied into the order that the processor computes fastest with."""
    projector: bytes | None = None
    """The file that reads images for it."""


Bytes = Annotated[int, msgspec.Meta(ge=0)]

Memory = Literal["plain", "extra", "gpu"]
"""Where a buffer lies: in main memory as any program reads it, which is where weights can be mapped; in main
memory in an order of its own (repacked, AMX, KleidiAI), which weights are copied into; on a GPU."""


class DeviceType(IntEnum):
    """What llama.cpp says a device is (`ggml_backend_dev_type` in ggml-backend.h)."""

    CPU = 0
    GPU = 1
    IGPU = 2
    ACCEL = 3
    """Works on main memory beside the CPU, such as BLAS."""
    META = 4
    """Several GPUs as one."""


def memory_of(is_host: bool, device: int | None) -> Memory:
    """Where a type of buffers lies, by what it is and never by its name.

    `is_host` is llama.cpp's word for plain main memory; a GPU's own pinned buffers (Vulkan_Host, CUDA_Host)
    are that, too. `device` is the type of the device behind it, None where llama.cpp names none.
    """
    if is_host:
        return "plain"
    return "gpu" if device in (DeviceType.GPU, DeviceType.IGPU, DeviceType.META) else "extra"


class Buffers(msgspec.Struct, frozen=True):
    """What the buffers of one type would hold, in bytes."""

    name: str
    """llama.cpp's name of the type, for people: `CPU`, `CPU_REPACK`, `AMX`, `Vulkan0`, `Vulkan_Host`, …"""
    memory: Memory
    weights_bytes: Bytes
    cache_bytes: Bytes
    """Keys and values, or recurrent state."""
    compute_bytes: Bytes
    """The largest graph's intermediate results."""


class Rehearsed(_Line, frozen=True):
    """What a load would take."""

    context: int
    """Tokens of context that llama.cpp would really give."""
    buffers: tuple[Buffers, ...]
    split_is_known: bool
    """Whether `buffers` tells where weights and caches would lie; without it all stand as plain memory."""
    output_bytes: Bytes
    """The buffer that logits and embeddings are handed out in."""
    model_bytes: Bytes
    """Private memory of the open model beside all buffers, above all its vocabulary; 0: not told."""
    engine_version: str
    cpu_features: tuple[str, ...]
    """What the CPU backend was built to use, by its own names, such as `AVX2`."""
    gpu_offload: bool
    """It was built for a GPU and found one."""
    extra_buffers: bool = True
    """Weights may be copied into an order that the processor computes faster with."""
    projector: tuple[Buffers, ...] = ()
    """What the projector would take, all of it as weights; empty without one, and where it is not told."""

    def __post_init__(self) -> None:
        """Refuse what cannot be: memory of a GPU where there is none."""
        if not self.gpu_offload and any(buffer.memory == "gpu" for buffer in self.buffers):
            raise ValueError("a buffer lies on a GPU and there is none")


class RehearsalFailed(_Line, frozen=True):
    """llama.cpp would not load the model, or not with these parameters."""

    reason: Sentence


RehearsalOutcome = Rehearsed | RehearsalFailed
