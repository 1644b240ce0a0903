"""llama.cpp as the host uses it: its log, its version, and the switch that stops a computation."""

from __future__ import annotations

import ctypes
import re
import sys

import llama_cpp
from llama_cpp import llama_cpp as api

from llmmem_gui.core.sentence import Sentence

VERSION: str = llama_cpp.__version__
"""Version of llama-cpp-python, which names one version of llama.cpp."""

_WARN, _ERROR, _CONTINUED = 3, 4, 5
_REPACK_LINE = re.compile(r"REPACK\s+model buffer size")


def start() -> None:
    """Initialise llama.cpp; once per process, inherited by its forks."""
    api.llama_backend_init()


def supports_gpu() -> bool:
    """Tell whether llama.cpp was built for a GPU and found its driver."""
    return bool(api.llama_supports_gpu_offload())


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
        self._callback = api.llama_log_callback(self._take)
        api.llama_log_set(self._callback, ctypes.c_void_p(0))

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
