"""One program for each home: the lock is held by its process, and by nobody once that has ended."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from llmmem_gui.service.storage.program_lock import AlreadyRunning, ProgramLock, holder

TREE = Path(__file__).resolve().parents[2]

HOLD = """
import sys
from pathlib import Path
from llmmem_gui.service.storage.program_lock import ProgramLock
lock = ProgramLock(Path(sys.argv[1]))
print("held", flush=True)
input()
"""


def test_the_lock_is_its_holders_until_it_is_released(tmp_path: Path) -> None:
    """Nobody holds it at first; then this process does, by its number, and no longer after the release."""
    assert holder(tmp_path) is None
    lock = ProgramLock(tmp_path)
    assert holder(tmp_path) == os.getpid()
    lock.release()
    assert holder(tmp_path) is None


def test_a_second_program_is_told_who_holds_it(tmp_path: Path) -> None:
    """It is refused while the first one lives, and gets the lock when that was killed."""
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, cwd=TREE, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"held\n"
        with pytest.raises(AlreadyRunning, match=f"as process {first.pid}:") as refused:
            ProgramLock(tmp_path)
        assert refused.value.pid == first.pid
        os.kill(first.pid, 9)
    lock = ProgramLock(tmp_path)
    assert holder(tmp_path) == os.getpid()
    lock.release()
