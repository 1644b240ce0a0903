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

# Blocks that come from the heap, not from maps of their own, and one at the end that keeps its top in use.
blocks = [bytes(60_000) + bytes([number % 256]) for number in range(1000)]
last = bytes(60_001)
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
