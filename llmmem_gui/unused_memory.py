"""Gives back the free parts of this process's heap, which the C library otherwise keeps."""

from __future__ import annotations

import ctypes
import sys

SETTLED_AFTER_SECONDS = 5.0
"""So long after its start a program has freed what only a start needs."""


def trim_heap() -> None:
    """Give free heap pages back to the system (glibc)."""
    if sys.platform.startswith("linux"):
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
