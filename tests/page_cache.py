"""The page cache, as tests and benchmarks need it: files that are on the disk only."""

from __future__ import annotations

import os
from pathlib import Path


def forget_pages(path: Path) -> None:
    """Take a file that nobody maps out of memory, as far as the system does so."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)
