"""What the files have in common by which Ollama, Docker and RamaLama name what lies under checksums."""

from __future__ import annotations

import json
import re
from typing import Any

from llmmem_gui.core.file_window import InvalidModel, printable_name
from llmmem_gui.service.library.model_files import open_regular

MAXIMUM_MANIFEST_BYTES = 4 * 1024**2
_DIGEST = re.compile(r"sha256[:-]([0-9a-f]{64})\Z")


def read_small(path: str) -> bytes:
    """What a small file holds; empty where it cannot be read."""
    try:
        with open_regular(path, printable_name(path)) as file:
            return file.read(MAXIMUM_MANIFEST_BYTES) or b""
    except (OSError, ValueError, InvalidModel):
        return b""


def read_object(path: str) -> dict[str, Any]:
    """The object that a file holds as JSON; empty where it holds none."""
    try:
        document = json.loads(read_small(path))
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def objects_in(document: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """The objects of a list in a document."""
    listed = document.get(key)
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def text_in(document: dict[str, Any], key: str) -> str:
    """A text of a document; empty where there is none."""
    value = document.get(key)
    return value if isinstance(value, str) else ""


def checksum(digest: object) -> str:
    """The 64 digits of a checksum; empty for anything else: it becomes the name of a file."""
    match = _DIGEST.match(digest) if isinstance(digest, str) else None
    return match[1] if match else ""
