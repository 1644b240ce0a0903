"""Whether the engine's libraries are those that the bindings were made for.

Structures go to llama.cpp by value: a library with one field more or less would read what was meant for
another. No version number in the library tells; what it writes when it is asked for its defaults does.
"""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Mapping
from typing import Any

from llama_cpp import llama_cpp as api

from llmmem_gui.core.sentence import Sentence

_PROBE_BYTES = 1024
"""More than any structure of llama.h; a longer answer is cut off by nothing but luck, so there is room."""

_CONTEXT_DEFAULTS: Mapping[str, float] = {
    "n_ctx": 512,
    "n_batch": 2048,
    "n_ubatch": 512,
    "n_seq_max": 1,
    "n_outputs_max": 0,
    "n_outputs_max_per_seq": 1,
    "n_threads": 4,
    "n_threads_batch": 4,
    "rope_scaling_type": -1,
    "pooling_type": -1,
    "attention_type": -1,
    "flash_attn_type": -1,
    "yarn_ext_factor": -1.0,
    "defrag_thold": -1.0,
    "type_k": 1,
    "type_v": 1,
    "embeddings": False,
    "offload_kqv": True,
    "no_perf": True,
    "op_offload": True,
    "swa_full": True,
    "kv_unified": False,
    "n_samplers": 0,
}
_MODEL_DEFAULTS: Mapping[str, float] = {
    "n_gpu_layers": -1,
    "split_mode": 1,
    "main_gpu": 0,
    "vocab_only": False,
    "check_tensors": False,
    "use_extra_bufts": True,
    "no_host": False,
    "no_alloc": False,
}

_FUNCTIONS = (
    "ggml_backend_buft_get_device",
    "ggml_backend_buft_is_host",
    "ggml_backend_buft_name",
    "ggml_backend_dev_by_name",
    "ggml_backend_dev_count",
    "ggml_backend_dev_get",
    "ggml_backend_dev_get_props",
    "ggml_backend_dev_type",
    "ggml_backend_load_all_from_path",
)
"""What is used beside what the bindings name; these are looked up when they are imported."""


def mismatch() -> Sentence | None:
    """What does not fit, completing the sentence "the engine …"; None when all that is looked at does."""
    for name in _FUNCTIONS:
        if not hasattr(api._lib, name):
            return Sentence("Engine", "lacks the function {name}").format(name=name)
    for function, structure, defaults in (
        ("llama_context_default_params", api.llama_context_params, _CONTEXT_DEFAULTS),
        ("llama_model_default_params", api.llama_model_params, _MODEL_DEFAULTS),
        ("llama_batch_get_one", api.llama_batch, {}),
    ):
        reason = structure_mismatch(api, api._lib, function, structure, defaults)
        if reason is not None:
            return reason
    return None


def structure_mismatch(
    bindings: Any,
    library: ctypes.CDLL,
    function: str,
    structure: type[ctypes.Structure],
    defaults: Mapping[str, float],
) -> Sentence | None:
    """What does not fit in a structure that a function of the library returns; None when all does."""
    return _size_mismatch(library, function, structure) or _value_mismatch(
        bindings, structure, function, defaults
    )


def _size_mismatch(library: ctypes.CDLL, function: str, structure: type[ctypes.Structure]) -> Sentence | None:
    if platform.machine() not in ("x86_64", "AMD64"):
        return None  # elsewhere the address of what is returned goes where ctypes cannot put it
    written = _written_bytes(library, function)
    # The last bytes may be padding, which nobody writes.
    if ctypes.sizeof(structure) - ctypes.alignment(structure) < written <= ctypes.sizeof(structure):
        return None
    return Sentence(
        "Engine", "has a {structure} of about {number} bytes where the bindings have {expected}"
    ).format(structure=structure.__name__, number=written, expected=ctypes.sizeof(structure))


def _written_bytes(library: ctypes.CDLL, function: str) -> int:
    """How far a function writes that returns a structure.

    By the calling convention of x86-64 (System V ABI, 3.2.3) a structure of more than 16 bytes is returned in
    memory whose address is passed like a first argument. Bytes that are the same after two calls over
    different contents were written.
    """
    # A second lookup, so that the types of the bindings' own function stay.
    call = library[function]
    call.restype = ctypes.c_void_p
    contents = []
    for byte in (b"\0", b"\xff"):
        buffer = ctypes.create_string_buffer(byte * _PROBE_BYTES, _PROBE_BYTES)
        call(ctypes.c_void_p(ctypes.addressof(buffer)), ctypes.c_void_p(0), ctypes.c_int32(0))
        contents.append(buffer.raw)
    return max(
        (place + 1 for place in range(_PROBE_BYTES) if contents[0][place] == contents[1][place]), default=0
    )


def _value_mismatch(
    bindings: Any, structure: type[ctypes.Structure], function: str, defaults: Mapping[str, float]
) -> Sentence | None:
    if not defaults:
        return None
    given: Any = getattr(bindings, function)()
    for name, expected in defaults.items():
        value = getattr(given, name)
        if value != expected:
            return Sentence(
                "Engine", "gives {value} as the default of {name} in {structure} where {expected} is known"
            ).format(value=str(value), name=name, structure=structure.__name__, expected=str(expected))
    return None
