"""Free heap goes back to the system: seen in a process of its own, which has freed a lot."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

TREE = Path(__file__).resolve().parents[1]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

PROGRAM = """
import json
from llmmem_gui.unused_memory import trim_heap

def private_bytes():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon"))

# Blocks that come from the heap, not from maps of their own, and some at the end: one of them finds no hole
# farther below and keeps the top of the heap in use.
blocks = [bytes(60_000) + bytes([number % 256]) for number in range(1000)]
last = [bytes(60_001) for _ in range(50)]
used = private_bytes()
del blocks
freed = private_bytes()
trim_heap()
print(json.dumps([used, freed, private_bytes()]))
"""


def test_free_heap_is_given_back() -> None:
    """Of 57 MiB that were freed below something in use, the C library keeps most until it is told."""
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, cwd=TREE, capture_output=True, text=True, check=True, timeout=60)
    used, freed, trimmed = json.loads(done.stdout)
    assert used - freed < 20 * 2**20
    assert used - trimmed > 50 * 2**20


SEARCH = """
import gc, json
from llmmem_gui.unused_memory import keep_what_stays

class Ring:
    def __init__(self):
        self.itself = self

stays = [[number] for number in range(100_000)]
before = len(gc.get_objects())
keep_what_stays()
Ring()
searched = len(gc.get_objects())
found = gc.collect()
gc.unfreeze()
print(json.dumps([before, searched, found, len(gc.get_objects())]))
"""


def test_what_stays_is_left_out_of_the_search_for_garbage() -> None:
    """A search goes through what came since; at the end everything is as it was."""
    command = [sys.executable, "-c", SEARCH]
    done = subprocess.run(command, cwd=TREE, capture_output=True, text=True, check=True, timeout=60)
    before, searched, found, after = json.loads(done.stdout)
    assert before > 100_000
    assert searched < 1000
    assert found >= 1
    assert after > 100_000


IMPORTS = """
import json, linecache, sys
import llmmem_gui.ui.desktop
feature = sys.modules["shibokensupport.feature"]
print(json.dumps([hasattr(feature, "_mod_uses_pyside"), len(linecache.cache)]))
"""


def test_importing_the_window_reads_no_source_texts() -> None:
    """PySide6 reads and keeps the text of each module that comes after it, unless it is told not to."""
    command = [sys.executable, "-c", IMPORTS]
    done = subprocess.run(command, cwd=TREE, capture_output=True, text=True, check=True, timeout=60)
    known, texts = json.loads(done.stdout)
    assert known, "PySide6 does this in another way now: see llmmem_gui/ui/__init__.py"
    assert texts < 20


HEAP = """
import ctypes, sys, threading
from llmmem_gui.unused_memory import keep_heap_dense

if sys.argv[1] == "dense":
    keep_heap_dense()
picture = bytes(6 * 2**20)
del picture  # glibc learns from the largest block that is freed
picture = bytes(5 * 2**20)
other = threading.Thread(target=lambda: kept.append(ctypes.create_string_buffer(5000)))
kept = []
other.start()
other.join()
library = ctypes.CDLL(None)
library.malloc_info(0, ctypes.c_void_p.in_dll(library, "stdout"))
library.fflush(None)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told how to keep its heap")
def test_large_blocks_stay_out_of_the_one_heap() -> None:
    """A picture is a map of its own also after a larger one was freed, and a thread brings no heap."""

    def heaps_and_maps(how: str) -> tuple[int, int]:
        command = [sys.executable, "-c", HEAP, how]
        done = subprocess.run(command, cwd=TREE, capture_output=True, text=True, check=True, timeout=60)
        told = ElementTree.fromstring(done.stdout)
        (mapped,) = (int(each.attrib["size"]) for each in told.findall("total[@type='mmap']"))
        return len(told.findall("heap")), mapped

    plain, dense = heaps_and_maps("plain"), heaps_and_maps("dense")
    assert plain[0] > 1
    assert plain[1] < 5 * 2**20
    assert dense[0] == 1
    assert dense[1] > 5 * 2**20
