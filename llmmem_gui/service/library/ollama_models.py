"""Models of Ollama: manifests name them and point to files called by their checksums."""

from __future__ import annotations

import os
from collections.abc import Iterator

from llmmem_gui.core.file_window import printable
from llmmem_gui.core.library import FoundModel
from llmmem_gui.core.ollama_preset import LAYERS_READ, ollama_preset
from llmmem_gui.core.sentence import Sentence
from llmmem_gui.service.library.findings import ANY_NAME, Found, Seen, too_many, unreadable
from llmmem_gui.service.library.known_folders import ModelFolder
from llmmem_gui.service.library.manifests import checksum, objects_in, read_object, read_small, text_in

_KIND = "application/vnd.ollama.image."


def ollama_models(folder: ModelFolder, seen: Seen) -> Iterator[Found]:
    """The models that the manifests in a folder of Ollama's describe."""
    manifests = os.path.join(folder.path, "manifests")
    seen.watch(folder.path, "manifests")
    try:
        os.listdir(manifests)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        yield unreadable(folder.path, folder, error)
        return
    seen.watch(manifests, ANY_NAME)
    for path, folders, names in os.walk(manifests):
        folders.sort()
        if not seen.count(len(names) + len(folders)):
            yield too_many(path, folder)
            return
        for name in folders:  # before they are listed
            seen.watch(os.path.join(path, name), ANY_NAME)
        for name in sorted(names):
            model = _model(os.path.join(path, name), manifests, folder)
            if model is not None:
                yield from seen.models(model)
            yield None


def _model(manifest: str, manifests: str, folder: ModelFolder) -> FoundModel | None:
    """The model that a manifest describes; None where it describes none."""
    blobs: dict[str, str] = {}
    for layer in objects_in(read_object(manifest), "layers"):
        kind, digest = text_in(layer, "mediaType"), checksum(layer.get("digest"))
        if kind.startswith(_KIND) and digest:
            blobs.setdefault(kind.removeprefix(_KIND), _blob_path(folder.path, digest))
    name = _name(os.path.relpath(manifest, manifests))
    if "model" in blobs:
        texts = {kind: read_small(path) if kind in LAYERS_READ else b"" for kind, path in blobs.items()}
        return FoundModel(
            printable(name),
            folder.owner,
            (blobs["model"],),
            blobs.get("projector", ""),
            preset=ollama_preset(texts),
        )
    if "tensor" in blobs:
        reason = Sentence("File", "{model} is kept by Ollama in a format of its own, not as GGUF.").format(
            model=name
        )
        return FoundModel(printable(name), folder.owner, (blobs["tensor"],), error=reason)
    return None


def _blob_path(folder: str, digest: str) -> str:
    paths = [os.path.join(folder, "blobs", f"sha256{sign}{digest}") for sign in "-:"]
    return next((path for path in paths if os.path.exists(path)), paths[0])


def _name(relative: str) -> str:
    """`registry.ollama.ai/library/llama3.2/latest` is called llama3.2, as Ollama itself does."""
    host, namespace, model, tag = ["", "", "", *relative.split(os.sep)][-4:]
    name = model if namespace in ("", "library") else f"{namespace}/{model}"
    name = name if host in ("", "registry.ollama.ai") else f"{host}/{name}"
    return name if tag == "latest" else f"{name}:{tag}"
