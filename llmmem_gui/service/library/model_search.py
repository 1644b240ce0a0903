"""Finds the files of models in folders, however their programs lay them out, without opening the files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from llmmem_gui.service.library.docker_models import docker_models
from llmmem_gui.service.library.findings import Found, Seen
from llmmem_gui.service.library.folder_files import search_files
from llmmem_gui.service.library.known_folders import Layout, ModelFolder
from llmmem_gui.service.library.llama_cpp_presets import preset_models
from llmmem_gui.service.library.ollama_models import ollama_models
from llmmem_gui.service.library.ramalama_models import ramalama_models

_SEARCHES: Mapping[Layout, Callable[[ModelFolder, Seen], Iterator[Found]]] = {
    "files": search_files,
    "jan": search_files,
    "ollama": ollama_models,
    "docker": docker_models,
    "ramalama": ramalama_models,
    "presets": preset_models,
}


def search(folders: Iterable[ModelFolder], seen: Seen | None = None) -> Iterator[Found]:
    """Search the folders, one step an item: a caller may stop between any two.

    Each real folder is searched once and each real file found once, by device and inode, whatever links
    lead to it. Folders that do not exist are passed over; folders that may not be read are reported.
    `seen` is told what was looked into.
    """
    seen = seen or Seen()
    # A preset says more of a file than the folder that it lies in.
    for folder in sorted(folders, key=lambda folder: folder.layout != "presets"):
        yield from _SEARCHES[folder.layout](folder, seen)
