"""Gives back what this process no longer needs: garbage soon, and free parts of the heap to the system."""

from __future__ import annotations

import ctypes
import gc
import sys

SETTLED_AFTER_SECONDS = 5.0
"""So long after its start a program has freed what only a start needs."""


def keep_what_stays() -> None:
    """Leave what there is now out of every search for garbage, once; `gc.unfreeze` takes that back.

    A hundred thousand objects of modules and windows live as long as the program. A search through all of
    them holds up every thread for some 50 ms; one through what came since takes next to nothing.
    """
    if not gc.get_freeze_count():
        gc.freeze()


def trim_heap() -> None:
    """Give free heap pages back to the system (glibc)."""
    if sys.platform.startswith("linux"):
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
