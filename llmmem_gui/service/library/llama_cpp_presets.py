"""Models that a file of presets of llama.cpp's server names, by their paths or as its server finds them."""

from __future__ import annotations

import os
from collections.abc import Iterator

from llmmem_gui.core.file_window import printable
from llmmem_gui.core.library import FoundModel
from llmmem_gui.core.llama_cpp_preset import LlamaCppPreset, llama_cpp_presets
from llmmem_gui.service.library.findings import MODEL_NAMES, Found, Seen
from llmmem_gui.service.library.folder_files import search_files
from llmmem_gui.service.library.known_folders import DEEP, SHALLOW, ModelFolder
from llmmem_gui.service.library.manifests import read_small

_PREFERRED = ("q4_k_m", "q8_0", "")
"""What its server takes of a repository where nothing is said."""


def preset_models(folder: ModelFolder, seen: Seen) -> Iterator[Found]:
    """The models that the presets in a file name, where they are there."""
    seen.watch(*os.path.split(folder.path))
    text = read_small(folder.path).decode("utf-8", "replace")
    for section in llama_cpp_presets(text):
        model = _model_of(section, folder, seen)
        if model is not None:
            named = model._replace(name=printable(section.name), owner=folder.owner, preset=section.preset)
            yield from seen.models(named)
        yield None


def _model_of(section: LlamaCppPreset, folder: ModelFolder, seen: Seen) -> FoundModel | None:
    """The model that a preset is for; None where it is not here."""
    if section.model:
        # The server takes a path from where it is started, which nobody knows: it should be whole.
        path = os.path.join(os.path.dirname(folder.path), os.path.expanduser(section.model))
        seen.watch(os.path.dirname(path), MODEL_NAMES)
        return next((m for m in _models_in(os.path.dirname(path), SHALLOW) if path in m.paths), None)
    repository, _, quantization = section.repository.partition(":")
    for beside in folder.beside:
        if repository:
            models = _models_in(os.path.join(beside, f"models--{repository.replace('/', '--')}"), DEEP)
            wanted = (quantization.lower(),) if quantization else _PREFERRED
            found = [model for word in wanted for model in models if word in model.name.lower()]
        else:
            found = [model for model in _models_in(beside, SHALLOW) if model.name == section.name]
            found += _models_in(os.path.join(beside, section.name), SHALLOW)
        if found:
            return found[0]
    return None


def _models_in(path: str, depth: int) -> list[FoundModel]:
    steps = search_files(ModelFolder(path, "", depth=depth), Seen())
    return [step for step in steps if isinstance(step, FoundModel)]
