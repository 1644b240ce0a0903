"""One running program for each home: a lock that the system releases when its holder ends."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

FILE_NAME = "program.lock"
_PROBE_SECONDS = 0.3
"""How long a start waits for others that are only looking whether the lock is held."""


class AlreadyRunning(Exception):
    """Another program holds the home; `folder` is where it can be reached."""

    def __init__(self, pid: int | None, folder: Path) -> None:
        who = f"process {pid}" if pid else "another process"
        super().__init__(f"LLM Memory already runs for this user as {who}: use that one, or end it first.")
        self.pid = pid
        self.folder = folder


class ProgramLock:
    """The right to be the one program of a runtime folder, until `release` or the end of the process.

    Raises `AlreadyRunning`.
    """

    def __init__(self, runtime_folder: Path) -> None:
        path = runtime_folder / FILE_NAME
        self._file = open(path, "a+b", opener=_for_its_user)  # noqa: SIM115 - held until `release`
        deadline = time.monotonic() + _PROBE_SECONDS
        while not _try_lock(self._file.fileno()):
            if time.monotonic() > deadline:
                self._file.close()
                raise AlreadyRunning(_pid_in(path), runtime_folder)
            time.sleep(0.02)
        self._file.truncate(0)
        self._file.write(str(os.getpid()).encode())
        self._file.flush()

    def release(self) -> None:
        """Give the right back."""
        self._file.close()


def holder(runtime_folder: Path) -> int | None:
    """Process that holds the lock now; None when no program runs."""
    path = runtime_folder / FILE_NAME
    try:
        with open(path, "rb") as file:
            return None if _try_lock(file.fileno(), shared=True) else _pid_in(path)
    except OSError:
        return None


def _for_its_user(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _pid_in(path: Path) -> int | None:
    written = path.read_bytes()
    return int(written) if written.isdigit() and len(written) < 12 else None


if sys.platform == "win32":
    import msvcrt

    _LOCKED_BYTE = 2**30  # beyond the text, because Windows keeps others from reading a locked byte

    def _try_lock(descriptor: int, *, shared: bool = False) -> bool:
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _try_lock(descriptor: int, *, shared: bool = False) -> bool:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
