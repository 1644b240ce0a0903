"""Files of images, as they are sent with a question."""

from __future__ import annotations

import base64
import mimetypes
from pathlib import Path
from typing import Any

from llmmem_gui.cli.failures import CannotDo
from llmmem_gui.core.images import MOST_BYTES
from llmmem_gui.core.units import MIB

_OF_NO_KIND = "application/octet-stream"


def shown(prompt: str, files: list[str]) -> str | list[dict[str, Any]]:
    """The content of a message with a prompt and these images before it. Raises `CannotDo`."""
    if not files:
        return prompt
    images = [{"type": "image_url", "image_url": {"url": _url(name)}} for name in files]
    return [*images, {"type": "text", "text": prompt}]


def _url(name: str) -> str:
    path = Path(name).expanduser()
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise CannotDo(f"The image {name} cannot be read ({error.strerror or error}).") from error
    if len(content) > MOST_BYTES:
        raise CannotDo(f"The image {name} has more than {MOST_BYTES // MIB} MiB: make it smaller.")
    kind = mimetypes.guess_type(path.name)[0] or _OF_NO_KIND
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
