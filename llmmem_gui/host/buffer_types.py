"""What llama.cpp says of its types of buffers: names, and the memory they lie in."""

from __future__ import annotations

import ctypes

from llmmem_gui.core.rehearsal import Memory, memory_of
from llmmem_gui.host.engine import ggml_function

_name = ggml_function("ggml_backend_buft_name", ctypes.c_char_p, ctypes.c_void_p)
_is_host = ggml_function("ggml_backend_buft_is_host", ctypes.c_bool, ctypes.c_void_p)
_device = ggml_function("ggml_backend_buft_get_device", ctypes.c_void_p, ctypes.c_void_p)
_device_type = ggml_function("ggml_backend_dev_type", ctypes.c_int, ctypes.c_void_p)
_device_count = ggml_function("ggml_backend_dev_count", ctypes.c_size_t)
_device_at = ggml_function("ggml_backend_dev_get", ctypes.c_void_p, ctypes.c_size_t)
_type_of_device = ggml_function("ggml_backend_dev_buffer_type", ctypes.c_void_p, ctypes.c_void_p)


def name(buffer_type: int) -> str:
    """Name of a type of buffers, such as `CPU_REPACK`."""
    text: bytes = _name(buffer_type)
    return text.decode("utf-8", "replace")


def memory(buffer_type: int) -> Memory:
    """Where buffers of a type lie."""
    # The CPU's own types name no device, and llama.cpp aborts when it is asked for the type of none.
    device = _device(buffer_type)
    return memory_of(_is_host(buffer_type), None if device is None else _device_type(device))


def of_device(device: int) -> tuple[str, Memory]:
    """Name and place of what lies on a device by default; in main memory it is a copy, never mapped."""
    kind = _type_of_device(device)
    where = memory(kind)
    return name(kind), "extra" if where == "plain" else where


def names_on_gpus() -> frozenset[str]:
    """Names of the types of buffers that lie on the GPUs of this machine."""
    types = [_type_of_device(_device_at(index)) for index in range(_device_count())]
    return frozenset(name(each) for each in types if memory(each) == "gpu")
