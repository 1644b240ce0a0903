"""llama.cpp as the host uses it: the engine's libraries, its devices, its log, and the switch that stops it.

Which engine, the parent decides: it names the folder in two variables, one read by the bindings when they
are imported (`LLAMA_CPP_LIB_PATH`) and one read here (`LLMMEM_ENGINE`).
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import llama_cpp
import msgspec
from llama_cpp import llama_cpp as api

from llmmem_gui.core.engines import GPU_FOLDER, MANIFEST_NAME, Device, EngineManifest
from llmmem_gui.core.sentence import Sentence

_folder = os.environ.get("LLMMEM_ENGINE")
FOLDER: Path | None = Path(_folder) if _folder else None
"""The folder of the engine; None: the libraries that lie beside the bindings."""

_WARN, _ERROR, _CONTINUED = 3, 4, 5
_REPACK_LINE = re.compile(r"REPACK\s+model buffer size")

_KINDS: dict[int, Literal["cpu", "gpu", "igpu", "accelerator"]] = {
    0: "cpu",
    1: "gpu",
    2: "igpu",
    3: "accelerator",
}
"""`enum ggml_backend_dev_type` (ggml-backend.h)."""


class _DeviceProperties(ctypes.Structure):
    """`struct ggml_backend_dev_props` (ggml-backend.h)."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("description", ctypes.c_char_p),
        ("memory_free", ctypes.c_size_t),
        ("memory_total", ctypes.c_size_t),
        ("type", ctypes.c_int),
        ("device_id", ctypes.c_char_p),
        ("capabilities", ctypes.c_bool * 8),
    )


def _manifest() -> EngineManifest | None:
    if FOLDER is None or not (FOLDER / MANIFEST_NAME).is_file():
        return None
    return msgspec.json.decode((FOLDER / MANIFEST_NAME).read_bytes(), type=EngineManifest)


def _bind_layout(manifest: EngineManifest | None) -> None:
    """Make the bindings pass the structures that the engine's library takes."""
    if manifest is None or manifest.layout == "bindings":
        return
    fields: list[tuple[str, Any]] = []
    for field in api.llama_context_params._fields_:
        fields.append(field)
        if field[0] == "type_v":
            fields.append(("moe_cache_size", ctypes.c_size_t))
    with_field = type("llama_context_params", (ctypes.Structure,), {"_fields_": fields})
    api.llama_context_params = with_field
    api.llama_context_default_params.restype = with_field
    api.llama_init_from_model.argtypes = [api.llama_init_from_model.argtypes[0], with_field]


_MANIFEST = _manifest()
_bind_layout(_MANIFEST)

VERSION: str = f"{_MANIFEST.name} {_MANIFEST.version}" if _MANIFEST else f"installed {llama_cpp.__version__}"
"""Names one build of llama.cpp."""


_kept: list[EngineLog] = []
"""llama.cpp calls the last one made."""


def start(gpu: bool = False) -> None:
    """Initialise llama.cpp; once per process, inherited by its forks.

    An engine that is made of modules loads those for GPUs only with `gpu`: a GPU's driver takes memory and
    threads, does not survive a fork, and takes part in computing a model that has no layer there.
    """
    _kept.append(EngineLog())  # what is loaded is no news for a terminal
    api.llama_backend_init()
    if FOLDER is not None and ggml_function("ggml_backend_dev_count", ctypes.c_size_t)() == 0:
        load_modules = ggml_function("ggml_backend_load_all_from_path", None, ctypes.c_char_p)
        load_modules(os.fsencode(FOLDER))
        if gpu and (FOLDER / GPU_FOLDER).is_dir():
            load_modules(os.fsencode(FOLDER / GPU_FOLDER))


def supports_gpu() -> bool:
    """Tell whether this process has a GPU that layers can be placed on."""
    return any(device.is_gpu for device in devices())


def devices() -> tuple[Device, ...]:
    """All that this process can compute on."""
    count = ggml_function("ggml_backend_dev_count", ctypes.c_size_t)
    get = ggml_function("ggml_backend_dev_get", ctypes.c_void_p, ctypes.c_size_t)
    properties = ggml_function(
        "ggml_backend_dev_get_props", None, ctypes.c_void_p, ctypes.POINTER(_DeviceProperties)
    )
    found = []
    for index in range(count()):
        told = _DeviceProperties()
        properties(get(index), ctypes.byref(told))
        found.append(
            Device(
                _decoded(told.name),
                _decoded(told.description),
                _KINDS.get(told.type, "accelerator"),
                int(told.memory_total),
                _decoded(told.device_id),
            )
        )
    return tuple(found)


def device_handle(name: str) -> int | None:
    """llama.cpp's own reference to the device of that name; None when there is none."""
    find = ggml_function("ggml_backend_dev_by_name", ctypes.c_void_p, ctypes.c_char_p)
    handle: int | None = find(name.encode())
    return handle


def _decoded(text: bytes | None) -> str:
    return (text or b"").decode("utf-8", "replace")


def ggml_function(name: str, gives: Any, *takes: Any) -> Callable[..., Any]:
    """A function of ggml that the bindings do not name, by the types that it gives and takes.

    Raises AttributeError where the engine has none of that name.
    """
    # A symbol of a library that libllama needs is found through libllama.
    function = getattr(api._lib, name)
    function.argtypes, function.restype = takes, gives
    found: Callable[..., Any] = function
    return found


class EngineLog:
    """Reads what llama.cpp logs: keeps errors, notices repacking, passes warnings on.

    llama.cpp says only in its log why something failed and how it stored the weights.
    """

    def __init__(self) -> None:
        self.first_error: str | None = None
        self.last_error: str | None = None
        self.repacks_weights = False
        """Weights were copied into private memory in another order."""
        self._level = 0
        # llama.cpp keeps only the address.
        self.callback = api.llama_log_callback(self._take)
        api.llama_log_set(self.callback, ctypes.c_void_p(0))

    def reason(self, otherwise: Sentence) -> Sentence:
        """What llama.cpp said first that went wrong; where it said nothing, the sentence given."""
        if self.first_error is None:
            return otherwise
        return Sentence("Engine", "{line}").format(line=self.first_error)

    def _take(self, level: int, text: bytes, _user_data: object) -> None:
        continued = level == _CONTINUED
        if not continued:
            self._level = level
        line = text.decode("utf-8", "replace").strip()
        if self._level in (_WARN, _ERROR):
            sys.stderr.write(text.decode("utf-8", "replace"))
            if self._level == _ERROR and line and not continued:
                self.first_error = self.first_error or line
                self.last_error = line
        elif _REPACK_LINE.search(line):
            self.repacks_weights = True


class AbortSwitch:
    """Stops llama.cpp's computation from another thread, within one node of its graph."""

    def __init__(self) -> None:
        # llama.cpp asks `bool callback(void *)` before each node. C's strlen answers that without
        # Python and its lock: 0 for the empty string, 1 once the first byte is set.
        self._flag = ctypes.create_string_buffer(2)
        strlen = ctypes.CDLL(None if sys.platform != "win32" else "msvcrt").strlen
        self._callback = ctypes.cast(strlen, api.ggml_abort_callback)

    def attach(self, context: api.llama_context_p) -> None:
        """Let the switch stop this context."""
        api.llama_set_abort_callback(context, self._callback, ctypes.addressof(self._flag))

    def press(self) -> None:
        """Stop now."""
        self._flag[0] = b"\1"

    def release(self) -> None:
        """Let computations run again."""
        self._flag[0] = b"\0"

    @property
    def pressed(self) -> bool:
        """The switch is pressed and not yet released."""
        return self._flag[0] != b"\0"
