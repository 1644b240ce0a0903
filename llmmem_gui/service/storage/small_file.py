"""Reads a small file that may have been damaged, replaced or put there by anybody."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from llmmem_gui.core.sentence import Sentence, SentenceError

MOST_BYTES = 4 * 2**20
"""No file that this program or a person writes for it is longer."""


class Unfit(SentenceError, OSError):
    """What lies in the place of the file is none that could be read."""


def read_small_file(path: Path) -> bytes:
    """The bytes of a regular file of sane size. Raises OSError, also for a folder, a FIFO or a device."""
    with open(path, "rb", opener=_open_without_waiting) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise Unfit(Sentence("Settings", "it is not a regular file"))
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        sentence = Sentence("Settings", "it is longer than {number} MiB")
        raise Unfit(sentence.format(number=MOST_BYTES // 2**20))
    return content


def _open_without_waiting(path: str, flags: int) -> int:
    # A FIFO in the place of the file would otherwise wait for a writer.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
