"""The page cache, as tests and benchmarks need it: files that are on the disk only."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from llmmem_gui.service.library.page_cache import warmth_of


def forget_pages(path: Path) -> None:
    """Take a file that nobody maps out of memory, as far as the system does so."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def evict(path: Path) -> None:
    """Take a file out of memory; skips the test where that cannot be done, or nobody is told."""
    if not hasattr(os, "posix_fadvise"):
        pytest.skip("this system does not take files out of memory when it is asked to")
    forget_pages(path)
    warmth = warmth_of([str(path)])
    if warmth is None or not warmth.is_cold:
        pytest.skip(f"{path} does not leave memory, or the system does not tell")
