"""Gives back what this process no longer needs: garbage soon, and free parts of the heap to the system."""

from __future__ import annotations

import ctypes
import gc
import sys

SETTLED_AFTER_SECONDS = 5.0
"""So long after its start a program has freed what only a start needs."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
"""Parameters of glibc's `mallopt` (malloc.h)."""
_OWN_MAP_BYTES = 512 * 1024
_KEPT_BYTES = 512 * 1024


def keep_heap_dense() -> None:
    """Have the C library keep large blocks out of the heap and threads in one; before threads begin (glibc).

    By itself glibc raises the size from which a block is a map of its own to that of the largest one freed,
    up to 32 MiB: after the first picture of a window all pictures lie in the heap, small blocks that stay
    settle between them, and what is free between those is only given back in whole pages. A heap for each
    thread holds what each needed at its most; ours take turns anyway.
    """
    if sys.platform.startswith("linux"):
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_M_MMAP_THRESHOLD, _OWN_MAP_BYTES)
            mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
            mallopt(_M_ARENA_MAX, 1)


def keep_what_stays() -> None:
    """Leave what there is now out of every later search for garbage; `gc.unfreeze` takes that back.

    A hundred thousand objects of modules and windows live as long as the program. A search through all of
    them holds up every thread for some 50 ms; one through what came since takes next to nothing. What is
    garbage already is kept as well, so: after a search, or where there is hardly any.
    """
    gc.freeze()


def trim_heap() -> None:
    """Give free heap pages back to the system (glibc)."""
    if sys.platform.startswith("linux"):
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
