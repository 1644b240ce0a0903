"""Models of RamaLama: references name the snapshot in force, whose files are links to checksums."""

from __future__ import annotations

import os
from collections.abc import Iterator

from llmmem_gui.core.file_window import printable
from llmmem_gui.core.library import FoundModel
from llmmem_gui.service.library.findings import ANY_NAME, Found, Seen, too_many, unreadable
from llmmem_gui.service.library.known_folders import ModelFolder
from llmmem_gui.service.library.manifests import objects_in, read_object, text_in


def ramalama_models(folder: ModelFolder, seen: Seen) -> Iterator[Found]:
    """The models that the references of a store name, by the place that each was fetched from."""
    seen.watch(folder.path, ANY_NAME)
    problems: list[OSError] = []
    for path, folders, names in os.walk(folder.path, onerror=problems.append):
        folders.sort()
        if not seen.count(len(names) + len(folders)):
            yield too_many(path, folder)
            return
        if "refs" not in folders:
            for name in folders:  # before they are listed
                seen.watch(os.path.join(path, name), ANY_NAME)
            continue
        folders.clear()
        references = os.path.join(path, "refs")
        seen.watch(references, ANY_NAME)
        for name in sorted(os.listdir(references)):
            model = _model(folder, path, name) if name.endswith(".json") else None
            if model is not None:
                yield from seen.models(model)
            yield None
    for error in problems:
        if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
            yield unreadable(folder.path, folder, error)


def _model(folder: ModelFolder, path: str, reference: str) -> FoundModel | None:
    said = read_object(os.path.join(path, "refs", reference))
    snapshot = os.path.join(path, "snapshots", os.path.basename(text_in(said, "hash")))
    files: dict[str, list[str]] = {"gguf": [], "mmproj": []}
    for file in objects_in(said, "files"):
        name = text_in(file, "name")
        if name and os.path.normpath(name) == name and not name.startswith(("/", "..")):
            files.setdefault(text_in(file, "type"), []).append(os.path.join(snapshot, name))
    if not files["gguf"]:
        return None
    # <transport>/<organisation>/<model>; Ollama's own models are of its library.
    _, *parts = os.path.relpath(path, folder.path).split(os.sep)
    name = "/".join(parts).removeprefix("library/")
    tag = reference.removesuffix(".json")
    name = name if tag == "latest" else f"{name}:{tag}"
    projector = files["mmproj"][0] if files["mmproj"] else ""
    return FoundModel(printable(name), folder.owner, tuple(sorted(files["gguf"])), projector)
