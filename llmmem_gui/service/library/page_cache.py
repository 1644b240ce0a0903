"""What of a file lies in the system's page cache (Linux): asked, while no page of it is read or mapped in.

`cachestat(2)` tells it, and where the kernel has none `mincore(2)`. Neither tells it of files that this user
neither owns nor may write: since Linux 5.2 `mincore` calls them wholly resident, and `cachestat` is refused.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import mmap
import os
import sys
from collections.abc import Iterator, Sequence

from llmmem_gui.core.file_window import InvalidModel, printable_name
from llmmem_gui.core.warmth import Warmth, together
from llmmem_gui.service.library.model_files import open_regular

MOST_LOOKS = 128
"""Places of a file that `mincore` looks at, evenly spread: pages that are not there take their time, too."""

_PAGE = mmap.PAGESIZE
_CACHESTAT = 451
"""Number of the system call, the same on all processors that the program runs on; Linux 6.5 has it."""
_BLOCK_BYTES = 512
"""Unit of `st_blocks`."""
_HOLES_SHARE = 0.02
"""Of a file that may lie in holes, which are on no disk, and still leave its warmth known."""

# Kinds of file systems (statfs(2)).
_FUSE, _ZFS, _OVERLAY = 0x65735546, 0x2FC12FC1, 0x794C7630
_UNTOLD = (_FUSE, _ZFS)
"""FUSE may drop a file from memory when it is opened, or keep it elsewhere; ZFS has a cache of its own."""


def warmth_of(paths: Sequence[str]) -> Warmth | None:
    """How much of these files is in memory, together; None where the system does not tell it of one of them.

    May wait for the disk or the network that has the files' names.
    """
    if not sys.platform.startswith("linux"):
        return None
    warmth = together(_of_file(path) for path in paths)
    return warmth if warmth is not None and warmth.file_bytes > 0 else None


def _of_file(path: str) -> Warmth | None:
    kind = _file_system(path)
    if kind is None or kind in _UNTOLD:
        return None
    try:
        with open_regular(path, printable_name(path)) as file:
            status = os.fstat(file.fileno())
            size = status.st_size
            if status.st_blocks * _BLOCK_BYTES < size * (1 - _HOLES_SHARE):
                return None
            warm = None
            if size == 0:
                warm = 0
            elif kind != _OVERLAY:  # whose files have the pages of those below, which cachestat does not see
                warm = _by_cachestat(file.fileno())
            if warm is None and _may_be_told(file.fileno(), status):
                warm = _by_mincore(file.fileno(), size)
    except (OSError, InvalidModel):
        return None
    return None if warm is None else Warmth(size, min(size, warm))


@functools.cache
def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long)
    libc.mmap.restype = ctypes.c_void_p
    libc.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
    libc.mincore.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)
    libc.statfs.argtypes = (ctypes.c_char_p, ctypes.c_void_p)
    libc.syscall.restype = ctypes.c_long
    return libc


def _file_system(path: str) -> int | None:
    """The kind of file system that a file is on, found without opening it; None where there is no file."""
    described = (ctypes.c_long * 64)()  # larger than any struct statfs, which begins with the kind
    with contextlib.suppress(ValueError):  # a name with a zero byte
        if _libc().statfs(os.fsencode(path), described) == 0:
            return described[0] & 0xFFFFFFFF
    return None


def _by_cachestat(descriptor: int) -> int | None:
    """Bytes in memory; None where the kernel does not say."""
    whole_file = (ctypes.c_uint64 * 2)(0, 0)
    pages = (ctypes.c_uint64 * 5)()
    call, flags = ctypes.c_long(_CACHESTAT), ctypes.c_uint(0)
    if _libc().syscall(call, ctypes.c_uint(descriptor), whole_file, pages, flags) != 0:
        return None
    return int(pages[0]) * _PAGE


def _may_be_told(descriptor: int, status: os.stat_result) -> bool:
    """Whether `mincore` tells this user the truth about a file: the kernel's own rule (mm/mincore.c)."""
    return status.st_uid == os.geteuid() or os.access(
        f"/proc/self/fd/{descriptor}", os.W_OK, effective_ids=True
    )


def _by_mincore(descriptor: int, size: int) -> int | None:
    """Bytes in memory, of a large file estimated; None where the kernel does not say."""
    if not _mincore_tells():
        return None
    pages = -(-size // _PAGE)
    looks = min(pages, MOST_LOOKS)
    with _mapped(descriptor, size) as address:
        present = sum(_is_present(address + page * pages // looks * _PAGE) for page in range(looks))
    return size * present // looks


@functools.cache
def _mincore_tells() -> bool:
    """Whether `mincore` sees that a page is not in memory: there are sandboxes in which it never does."""
    descriptor = os.memfd_create("hole", os.MFD_CLOEXEC)
    try:
        os.ftruncate(descriptor, _PAGE)
        with _mapped(descriptor, _PAGE) as address:
            return not _is_present(address)
    finally:
        os.close(descriptor)


def _is_present(address: int) -> bool:
    page = ctypes.c_ubyte()
    if _libc().mincore(address, _PAGE, ctypes.byref(page)) != 0:
        raise OSError(ctypes.get_errno(), "mincore")
    return bool(page.value & 1)


@contextlib.contextmanager
def _mapped(descriptor: int, size: int) -> Iterator[int]:
    """The address of a file that is mapped and not touched: that takes no memory."""
    address = _libc().mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, descriptor, 0)
    if address in (None, ctypes.c_void_p(-1).value):
        raise OSError(ctypes.get_errno(), "mmap")
    try:
        yield address
    finally:
        _libc().munmap(address, size)
