"""The host's own memory by address: the mapped weights, and pages that hold only zeros."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import FileIO

import numpy
import numpy.typing

PAGE_BYTES = mmap.PAGESIZE
BLOCK_BYTES = 2**20
"""Zero pages are looked for in blocks of this length."""

# Bits of an entry of /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst).
_PRESENT, _FILE, _EXCLUSIVE = 1 << 63, 1 << 61, 1 << 56
_KIND = numpy.uint64(_PRESENT | _FILE | _EXCLUSIVE)
_SHARED = numpy.uint64(_PRESENT)


_MADV_COLD = 20
"""Advice of `madvise(2)` that Python has no name for; a kernel before 5.4 refuses it, and nothing is lost."""

Part = tuple[int, int]
"""First address of a range, and the one after its last."""


@dataclass(frozen=True)
class Region:
    """A mapped range of addresses."""

    start: int
    end: int
    permissions: bytes
    """As `/proc/PID/maps` spells them: `r--s` is a shared mapping that is only read."""
    inode: int
    """Of the mapped file; 0 for anonymous memory."""

    @property
    def length(self) -> int:
        """Bytes of address space."""
        return self.end - self.start


class OwnMemory:
    """Reads and advises the memory of this process (Linux; elsewhere it sees nothing and does nothing).

    Its files under `/proc` are opened once, before the sandbox closes the file system.
    """

    def __init__(self) -> None:
        self._maps: FileIO | None = None
        self._statm: FileIO | None = None
        self._pagemap: FileIO | None = None
        self._inherited: tuple[Region, ...] = ()
        if sys.platform.startswith("linux"):
            self._maps = FileIO("/proc/self/maps")
            self._statm = FileIO("/proc/self/statm")
            with contextlib.suppress(OSError):
                self._pagemap = FileIO("/proc/self/pagemap")
            self._inherited = tuple(region for region in self._regions() if _may_hold_copies(region))
            # Called with Python's lock held: no other thread writes between a look and its consequence.
            self._libc = ctypes.PyDLL(None)
            self._libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
            self._libc.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]
            self._libc.memcmp.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]

    def regions(self) -> frozenset[Region]:
        """Give all mapped regions."""
        return frozenset(self._regions())

    def file_bytes(self) -> int:
        """Give the resident bytes of mapped files and shared memory."""
        if self._statm is None:
            return 0
        return int(os.pread(self._statm.fileno(), 256, 0).split()[2]) * PAGE_BYTES

    def private_virtual_bytes(self) -> int:
        """Give what `process.private_virtual_bytes` gives, also in the sandbox."""
        if self._statm is None:
            return 0
        return int(os.pread(self._statm.fileno(), 256, 0).split()[5]) * PAGE_BYTES

    def shared_bytes(self) -> int:
        """Give the anonymous bytes that were there when this object was made and that others map too."""
        if self._pagemap is None:
            return 0
        return PAGE_BYTES * sum(self._shared_pages(region) for region in self._inherited)

    def weights_since(self, before: frozenset[Region]) -> tuple[Region, ...]:
        """Give the file mappings new since `before`: those that llama.cpp made of the model file."""
        return tuple(region for region in self._regions() if _is_weights(region) and region not in before)

    def parts_in_use(self, weights: Iterable[Region]) -> tuple[Part, ...]:
        """Give the parts of mapped files that this process has in memory."""
        if self._pagemap is None:
            return ()
        return tuple(part for region in weights for part in self._resident_parts(region))

    def drop(self, weights: Iterable[Region]) -> None:
        """Take pages of mapped files out of this process; a touch brings them back.

        They stay in the page cache as what the system takes first. Without the first advice the second would
        protect them: the system takes pages that were in use until now for its most wanted.
        """
        for region in weights:
            self._libc.madvise(region.start, region.length, _MADV_COLD)
            self._libc.madvise(region.start, region.length, mmap.MADV_DONTNEED)

    def want(self, parts: Iterable[Part]) -> None:
        """Ask the system to read these parts of mapped files ahead."""
        for start, end in parts:
            self._libc.madvise(start, end - start, mmap.MADV_WILLNEED)

    def release_zeros(self, before: frozenset[Region]) -> int:
        """Give back zero pages of anonymous memory that is new since `before`; returns the bytes.

        llama.cpp fills a new KV cache with zeros, which makes all of it resident long before it is used.
        A private anonymous page that was given back reads as zeros again, so nothing changes for who uses
        it; it costs memory only once it is written. Every page is looked at before it goes.
        """
        return sum(
            self._release_zeros(start, end)
            for region in self.regions() - before
            if _is_anonymous(region)
            for start, end in _without(region, before)
        )

    def _shared_pages(self, region: Region) -> int:
        return int(numpy.count_nonzero(self._page_entries(region) & _KIND == _SHARED))

    def _resident_parts(self, region: Region) -> Iterator[Part]:
        present = numpy.flatnonzero(self._page_entries(region) & _SHARED)
        if not present.size:
            return
        # A short gap is read faster than left out.
        breaks = numpy.flatnonzero(numpy.diff(present) > BLOCK_BYTES // PAGE_BYTES)
        firsts = (present[0], *present[breaks + 1])
        lasts = (*present[breaks], present[-1])
        for first, last in zip(firsts, lasts, strict=True):
            yield region.start + int(first) * PAGE_BYTES, region.start + (int(last) + 1) * PAGE_BYTES

    def _page_entries(self, region: Region) -> numpy.typing.NDArray[numpy.uint64]:
        assert self._pagemap is not None
        pages = region.length // PAGE_BYTES
        entries = os.pread(self._pagemap.fileno(), 8 * pages, region.start // PAGE_BYTES * 8)
        return numpy.frombuffer(entries, dtype=numpy.uint64)

    def _release_zeros(self, start: int, end: int) -> int:
        released = 0
        resident = (ctypes.c_ubyte * (BLOCK_BYTES // PAGE_BYTES))()
        for block in range(start, end, BLOCK_BYTES):
            length = min(BLOCK_BYTES, end - block)
            # A look at an untouched page would cost a page fault.
            if self._libc.mincore(block, length, resident) != 0 or not any(resident):
                continue
            is_zero = ctypes.c_ubyte.from_address(block).value == 0 and (
                self._libc.memcmp(block, block + 1, length - 1) == 0
            )
            if is_zero and self._libc.madvise(block, length, mmap.MADV_DONTNEED) == 0:
                released += length
        return released

    def _regions(self) -> Iterator[Region]:
        if self._maps is None:
            return
        self._maps.seek(0)
        for line in self._maps.readall().splitlines():
            addresses, permissions, _offset, _device, inode = line.split(maxsplit=5)[:5]
            start, _, end = addresses.partition(b"-")
            yield Region(int(start, 16), int(end, 16), permissions, int(inode))


def _is_anonymous(region: Region) -> bool:
    return region.inode == 0 and region.permissions == b"rw-p"


def _may_hold_copies(region: Region) -> bool:
    # Written anonymous memory, or a written page of a private file mapping, which may be read-only by now.
    return region.permissions[3:] == b"p" and (b"w" in region.permissions or region.inode != 0)


def _is_weights(region: Region) -> bool:
    return region.inode != 0 and region.permissions == b"r--s"


def _without(region: Region, others: Iterable[Region]) -> list[tuple[int, int]]:
    """Give what of a region's addresses none of the others has; a new mapping may have joined an old one."""
    parts = [(region.start, region.end)]
    for other in others:
        parts = [
            part
            for start, end in parts
            for part in ((start, min(end, other.start)), (max(start, other.end), end))
            if part[0] < part[1]
        ]
    return parts
