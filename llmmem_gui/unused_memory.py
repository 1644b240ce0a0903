"""Gives back what this process holds without use: free heap, and pages of libraries read long ago."""

from __future__ import annotations

import ctypes
import mmap
import sys
from collections.abc import Iterator

SETTLED_AFTER_SECONDS = 5.0
"""So long after its start a program has read from its libraries what only a start needs."""

# `dl_iterate_phdr` (man 3) and the ELF format (man 5 elf), as a 64-bit system lays them out.
_LOADED_SEGMENT, _WRITABLE = 1, 2


class _Segment(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("offset", ctypes.c_uint64),
        ("address", ctypes.c_uint64),
        ("physical_address", ctypes.c_uint64),
        ("file_bytes", ctypes.c_uint64),
        ("bytes", ctypes.c_uint64),
        ("alignment", ctypes.c_uint64),
    ]


class _Library(ctypes.Structure):
    _fields_ = [
        ("base", ctypes.c_uint64),
        ("name", ctypes.c_char_p),
        ("segments", ctypes.POINTER(_Segment)),
        ("segment_count", ctypes.c_uint16),
    ]


_Visitor = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Library), ctypes.c_size_t, ctypes.c_void_p)


def give_back_unused() -> None:
    """Give back free heap and the pages of libraries (the latter on Linux, 64 bit); takes some 5 ms.

    Of the code and tables of its libraries, a program with a window keeps less than half in use: symbols
    and relocations are read once, by the linker. What is used again comes back by itself, from the
    system's cache, page by page.
    """
    trim_heap()
    if sys.platform.startswith("linux") and sys.maxsize > 2**32:
        _drop_library_pages()


def trim_heap() -> None:
    """Give free heap pages back to the system (glibc)."""
    if sys.platform.startswith("linux"):
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def _drop_library_pages() -> None:
    # Python's lock stays held: a thread that waited for it inside the linker would wait for ever, because
    # the linker holds its own lock while it calls back.
    libc = ctypes.PyDLL(None)
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]

    def visit(library: ctypes._Pointer[_Library], _size: int, _data: int | None) -> int:
        for start, length in _unwritten_parts(library.contents):
            libc.madvise(start, length, mmap.MADV_DONTNEED)
        return 0

    libc.dl_iterate_phdr(_Visitor(visit), None)


def _unwritten_parts(library: _Library) -> Iterator[tuple[int, int]]:
    """Address and length of what is the same in memory as in the file.

    The linker writes only into writable segments, also where it makes them read-only afterwards.
    """
    for segment in library.segments[: library.segment_count]:
        if segment.type == _LOADED_SEGMENT and not segment.flags & _WRITABLE:
            start = library.base + segment.address
            first_page = start - start % mmap.PAGESIZE
            yield first_page, start + segment.bytes - first_page
