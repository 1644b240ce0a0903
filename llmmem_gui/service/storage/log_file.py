"""The program's log: a few files of bounded size that only their user can read; no prompt is in them."""

from __future__ import annotations

import logging
import logging.handlers
import os
from pathlib import Path

FILE_NAME = "llmmem.log"
_FILE_BYTES = 2**20
_OLD_FILES = 4


class _PrivateFile(logging.handlers.RotatingFileHandler):
    def _open(self):  # type: ignore[no-untyped-def]
        return open(self.baseFilename, self.mode, encoding="utf-8", opener=_private)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def keep_log(folder: Path) -> logging.Handler:
    """Write what the program logs into a file of this folder, from now on."""
    handler = _PrivateFile(
        folder / FILE_NAME, maxBytes=_FILE_BYTES, backupCount=_OLD_FILES, encoding="utf-8", delay=True
    )
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    package = logging.getLogger("llmmem_gui")
    package.setLevel(logging.INFO)
    package.addHandler(handler)
    return handler
