"""Models of Docker Model Runner: an index names manifests, whose layers are files called by checksums."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from llmmem_gui.core.file_window import printable
from llmmem_gui.core.library import FoundModel
from llmmem_gui.core.sentence import Sentence
from llmmem_gui.service.library.findings import Found, Seen, unreadable
from llmmem_gui.service.library.known_folders import ModelFolder
from llmmem_gui.service.library.manifests import checksum, objects_in, read_object, text_in

_REGISTRIES = ("index.docker.io/", "docker.io/")
_INDEX = "models.json"
_FILE_NAME = "org.cncf.model.filepath"


def docker_models(folder: ModelFolder, seen: Seen) -> Iterator[Found]:
    """The models that the index of a store names."""
    seen.watch(folder.path, _INDEX)
    try:
        os.listdir(folder.path)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        yield unreadable(folder.path, folder, error)
        return
    for entry in objects_in(read_object(os.path.join(folder.path, _INDEX)), "models"):
        model = _model(folder, entry)
        if model is not None:
            yield from seen.models(model)
        yield None


def _model(folder: ModelFolder, entry: dict[str, Any]) -> FoundModel | None:
    identity = checksum(entry.get("id"))
    if not identity:
        return None
    manifest = read_object(os.path.join(folder.path, "manifests", "sha256", identity))
    weights = [path for kind, path in _layers(folder, manifest) if kind == "weights"]
    projectors = [path for kind, path in _layers(folder, manifest) if kind == "projector"]
    if not weights:
        return None
    tags = entry.get("tags")
    name = _name(tags[0] if isinstance(tags, list) and tags else identity[:12])
    error = None
    if len(weights) > 1:
        # llama.cpp goes by the names of the parts, which only an unpacked model has.
        weights = _unpacked(os.path.join(folder.path, "bundles", "sha256", identity, "model")) or weights[:1]
        if len(weights) == 1:
            error = Sentence(
                "File", "{model} is split and not unpacked: run it once in Docker, which unpacks it."
            ).format(model=name)
    projector = projectors[0] if projectors else ""
    return FoundModel(printable(name), folder.owner, tuple(weights), projector, error)


def _layers(folder: ModelFolder, manifest: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What each layer that matters is, and its file."""
    for layer in objects_in(manifest, "layers"):
        kind, digest = text_in(layer, "mediaType"), checksum(layer.get("digest"))
        notes = layer.get("annotations")
        file_name = text_in(notes, _FILE_NAME) if isinstance(notes, dict) else ""
        is_weights = "gguf" in kind or (".model.weight." in kind and file_name.endswith(".gguf"))
        if not digest or "lora" in kind or not (is_weights or "mmproj" in kind):
            continue
        is_projector = "mmproj" in kind or "mmproj" in file_name
        path = os.path.join(folder.path, "blobs", "sha256", digest)
        yield ("projector" if is_projector else "weights"), path


def _unpacked(path: str) -> list[str]:
    try:
        names = sorted(name for name in os.listdir(path) if name.endswith(".gguf"))
    except OSError:
        return []
    return [os.path.join(path, name) for name in names if "mmproj" not in name]


def _name(tag: object) -> str:
    """`index.docker.io/ai/smollm2:latest` is called ai/smollm2, as Docker itself does."""
    name = str(tag)
    for registry in _REGISTRIES:
        name = name.removeprefix(registry)
    return name.removesuffix(":latest")
