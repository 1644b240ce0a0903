"""LLM Memory: keeps GGUF models in memory under limits and shows what each one uses."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # Importing the package must stay cheap: the window, the hosts and `llmmem --help` do it too. What type
    # checkers see stands in __init__.pyi.
    if name == "WorkerService":
        return importlib.import_module("llmmem_gui.service.worker").WorkerService
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
