"""A file is replaced as a whole or not at all, whatever ends the program or fills the disk."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec


def replace_file(path: Path, content: bytes) -> None:
    """Put `content` in the place of the file, readable by its user alone, and on the disk when this returns.

    Raises OSError, and then the old file is untouched and nothing else is left.
    """
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        # A full disk may show itself at each of these three, and an implicit close would swallow it.
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    # The new name is on the disk only when its folder is; some file systems cannot do this.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class KeptFile:
    """A file of JSON, written anew when what it holds changes; of several writers the newest wins."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._one_at_a_time = asyncio.Lock()

    async def write(self, state: Callable[[], object]) -> None:
        """Write what `state` gives when its turn comes, and nobody changes after that.

        Raises OSError, and the old file is untouched.
        """
        async with self._one_at_a_time:
            await asyncio.to_thread(self._replace, state())

    def _replace(self, state: object) -> None:
        replace_file(self._path, msgspec.json.encode(state))
