"""An engine's folder as it is put on the disk: whole or not at all, whatever ends the program meanwhile."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import msgspec

from llmmem_gui.core.engines import MANIFEST_NAME, EngineManifest


def holds_engine(folder: Path, manifest: EngineManifest) -> bool:
    """Whether exactly this engine lies in the folder."""
    try:
        return msgspec.json.decode((folder / MANIFEST_NAME).read_bytes(), type=EngineManifest) == manifest
    except (OSError, ValueError, RecursionError):
        return False


def write_through(path: Path, content: bytes) -> None:
    """Write a new file, and the folders above it, on the disk when this returns. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def put_in_place(unpacked: Path, folder: Path, manifest: EngineManifest) -> None:
    """Make an engine of a folder with its libraries, in the place of what is in `folder`. Raises OSError.

    The manifest comes last: a folder without it is no engine.
    """
    write_through(unpacked / MANIFEST_NAME, msgspec.json.encode(manifest))
    if folder.exists():
        shutil.rmtree(folder)
    os.replace(unpacked, folder)
