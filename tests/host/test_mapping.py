"""What of a mapped file is in memory, given up, and wanted back: with a real file and the real page cache."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TREE = Path(__file__).resolve().parents[2]
MIB = 2**20

SCRIPT = """
import ctypes, mmap, os, sys, time
sys.path.append(sys.argv[1])
from llmmem_gui.host.mapping import PAGE_BYTES, OwnMemory

MIB = 2**20
path = sys.argv[2]
memory = OwnMemory()
before = memory.regions()
file = open(path, "rb")
mapped = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
# As llama.cpp maps a model, and so that only what is touched is read.
(region,) = memory.weights_since(before)
mapped.madvise(mmap.MADV_RANDOM)
libc = ctypes.CDLL(None)
libc.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]

def cached(start, end):
    pages = (ctypes.c_ubyte * ((end - start) // PAGE_BYTES))()
    assert libc.mincore(start, end - start, pages) == 0
    return sum(page & 1 for page in pages) * PAGE_BYTES

used = [(2 * MIB, 6 * MIB), (20 * MIB, 24 * MIB)]
for start, end in used:
    for place in range(start, end, PAGE_BYTES):
        mapped[place]
parts = memory.parts_in_use([region])
print([(start - region.start, end - region.start) for start, end in parts])
held = memory.file_bytes()
memory.drop([region])
print(held - memory.file_bytes() >= 8 * MIB, memory.parts_in_use([region]))
os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
gone = cached(region.start, region.end)
memory.want(parts)
deadline = time.monotonic() + 30
while sum(cached(*part) for part in parts) < 8 * MIB and time.monotonic() < deadline:
    time.sleep(0.01)
print(gone, sum(cached(*part) for part in parts) == 8 * MIB, cached(region.start, region.end))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere nothing is dropped")
def test_only_what_was_in_use_is_wanted_back(tmp_path: Path) -> None:
    """Of a file of 32 MiB two parts were read: they are found, dropped, and they alone are read again."""
    path = tmp_path / "weights"
    path.write_bytes(os.urandom(32 * MIB))
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    command = [sys.executable, "-c", SCRIPT, str(TREE), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    found, dropped, wanted = done.stdout.splitlines()
    assert found == str([(2 * MIB, 6 * MIB), (20 * MIB, 24 * MIB)])
    assert dropped == "True ()"
    gone, back, cached = wanted.split()
    assert (gone, back) == ("0", "True")
    assert int(cached) < 12 * MIB
