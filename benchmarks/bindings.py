"""llama.cpp's Python bindings in a benchmark's own process, with the engine that hosts use."""

from __future__ import annotations

import os
from types import ModuleType

from llmmem_gui.service.hosting.engine_choice import EngineChoice


def bindings() -> ModuleType:
    """The module `llama_cpp`; to be called before anything else imports it, which is when it loads libraries.

    Raises RuntimeError when no engine answers rightly on this machine.
    """
    use = EngineChoice.of_machine().current
    if use is None:
        raise RuntimeError("no engine answers rightly here: `llmmem engine` says why")
    os.environ["LLAMA_CPP_LIB_PATH"] = os.environ["LLMMEM_ENGINE"] = use.folder
    import llama_cpp

    from llmmem_gui.host import engine

    engine.start()
    return llama_cpp
