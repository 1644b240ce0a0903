"""Free heap goes back to the system: seen in a process of its own, which has freed a lot."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

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
keep_what_stays()  # a second time it does nothing: garbage that came since is not kept
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
