"""Models of Jan: each lies in a folder of its name, beside a `model.yml` that says where its file is."""

from __future__ import annotations

import os
import re
from collections.abc import Container

from llmmem_gui.core.file_window import printable
from llmmem_gui.core.library import FoundModel
from llmmem_gui.service.library.known_folders import ModelFolder
from llmmem_gui.service.library.manifests import read_small

NAME = "model.yml"
_LINE = re.compile(r"(\w+):\s+(?:\"(.*)\"|'(.*)'|(.*?))\s*\Z")


def jan_model(path: str, folder: ModelFolder, present: Container[str]) -> FoundModel | None:
    """The model that a folder of Jan's says it is; None where it says none.

    Its file is named below Jan's own folder, or anywhere for one that was imported where it lies.
    """
    if NAME not in present:
        return None
    said = _values(read_small(os.path.join(path, NAME)))
    data = os.path.dirname(os.path.dirname(folder.path))  # its models lie in <data>/llamacpp/models
    weights, projector = (
        os.path.join(data, said[key]) if said.get(key) else "" for key in ("model_path", "mmproj_path")
    )
    if not weights:
        return None
    name = said.get("name") or os.path.relpath(path, folder.path)
    return FoundModel(printable(name), folder.owner, (os.path.normpath(weights),), projector)


def _values(content: bytes) -> dict[str, str]:
    """The texts at the top of a file in YAML, as Jan writes it: each on a line of its own."""
    values: dict[str, str] = {}
    for line in content.decode("utf-8", "replace").splitlines():
        match = _LINE.match(line)
        if match:
            values[match[1]] = next(group for group in match.groups()[1:] if group is not None)
    return values
