"""Finds the files of models in folders, without opening the files."""

from __future__ import annotations

import json
import os
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from llmmem_gui.core.file_window import InvalidModel, printable, printable_name
from llmmem_gui.core.library import FoundModel
from llmmem_gui.core.sentence import Count, Sentence
from llmmem_gui.core.system_errors import reason_of
from llmmem_gui.service.library.known_folders import ModelFolder
from llmmem_gui.service.library.model_files import open_regular

MAXIMUM_ENTRIES = 500_000
"""Entries of folders looked at in one search; a search from the root of a disk ends here."""
MAXIMUM_MANIFEST_BYTES = 4 * 1024**2
UNFINISHED = (
    ".part",
    ".partial",
    ".incomplete",
    ".downloading",
    ".download",
    ".crdownload",
    ".aria2",
    ".!qB",
    ".tmp",
)
"""What programs put behind the name of a file, or beside it under that name, while they download it."""
_SPLIT = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf\Z", re.IGNORECASE)
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
MAXIMUM_REFERENCE_BYTES = 256
_DIGEST = re.compile(r"sha256[:-][0-9a-f]{64}\Z")
_OLLAMA_MODEL = "application/vnd.ollama.image.model"
_OLLAMA_PROJECTOR = "application/vnd.ollama.image.projector"
_OLLAMA_TENSOR = "application/vnd.ollama.image.tensor"


class FolderProblem(NamedTuple):
    """A folder that could not be searched, or not wholly."""

    path: str
    owner: str
    reason: Sentence


Found = FoundModel | FolderProblem | None
"""What one step of a search gives: a model, a folder in trouble, or nothing yet."""


def search(folders: Iterable[ModelFolder]) -> Iterator[Found]:
    """Search the folders, one step an item: a caller may stop between any two.

    Each real folder is searched once and each real file found once, by device and inode, whatever links
    lead to it. Folders that do not exist are passed over; folders that may not be read are reported.
    """
    seen = _Seen()
    for folder in folders:
        steps = _search_ollama(folder, seen) if folder.layout == "ollama" else _search_files(folder, seen)
        yield from steps


def is_projector_name(name: str) -> bool:
    """Whether a file of this name reads images for a model instead of being one."""
    return "mmproj" in name.lower()


class _Seen:
    """Folders and files met so far, by device and inode, and the entries looked at."""

    def __init__(self) -> None:
        self._met: set[tuple[int, int]] = set()
        self.entries = 0

    def is_new(self, status: os.stat_result) -> bool:
        key = (status.st_dev, status.st_ino)
        # File systems without inodes give 0 for all.
        new = key not in self._met or status.st_ino == 0
        self._met.add(key)
        return new


def _search_files(folder: ModelFolder, seen: _Seen) -> Iterator[Found]:
    waiting = [(folder.path, 1)]
    while waiting:
        path, level = waiting.pop()
        try:
            if not seen.is_new(os.stat(path)):
                continue
            with os.scandir(path) as entries:
                names = sorted(entry.name for entry in entries)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            yield _problem(path, folder, reason_of(error))
            continue
        seen.entries += len(names)
        if seen.entries > MAXIMUM_ENTRIES:
            yield _too_many(path, folder)
            return
        files, folders = _sorted_out(path, names)
        if level < folder.depth:
            waiting.extend((os.path.join(path, name), level + 1) for name in reversed(folders))
        yield from _models_of(path, files, folder.owner, seen)
        yield None


def _problem(path: str, folder: ModelFolder, reason: Sentence) -> FolderProblem:
    sentence = Sentence("File", "{folder} cannot be searched: {reason}.").format(
        folder=printable(path), reason=reason
    )
    return FolderProblem(path, folder.owner, sentence)


def _too_many(path: str, folder: ModelFolder) -> FolderProblem:
    reason = Sentence("File", "more than {count} files and folders, the rest is left out").format(
        count=Count(MAXIMUM_ENTRIES)
    )
    return _problem(path, folder, reason)


def _sorted_out(path: str, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """The names that may be models, and those that are folders to look into."""
    if os.path.basename(path).startswith("models--") and "snapshots" in names:
        snapshot = _current_snapshot(path)
        return [], [snapshot] if snapshot else []
    files, folders = [], []
    present = set(names)
    for name in names:
        full = os.path.join(path, name)
        if name.startswith("."):
            continue
        if os.path.isdir(full):
            folders.append(name)
        elif name.lower().endswith(".gguf") and not _is_unfinished(name, present):
            files.append(name)
    return files, folders


def _is_unfinished(name: str, present: Collection[str]) -> bool:
    """Whether a file is still being downloaded, as its name or another one beside it says."""
    stem = name[: -len(".gguf")]
    twins = {base + ending for base in (name, stem) for ending in UNFINISHED}
    return name.startswith("incomplete-") or not twins.isdisjoint(present)


def _current_snapshot(repository: str) -> str:
    """The revision of a repository in Hugging Face's cache that is in force, as a folder in it; "" for none.

    `refs/main` names its commit; where there is none, the newest of the revisions is taken.
    """
    snapshots = os.path.join(repository, "snapshots")
    try:
        reference = os.path.join(repository, "refs", "main")
        with open_regular(reference, printable_name(reference)) as file:
            commit = (file.read(MAXIMUM_REFERENCE_BYTES) or b"").decode("ascii").strip()
        if _COMMIT.fullmatch(commit) and os.path.isdir(os.path.join(snapshots, commit)):
            return os.path.join("snapshots", commit)
    except (OSError, ValueError, InvalidModel):
        pass
    try:
        with os.scandir(snapshots) as entries:
            dated = [(entry.stat().st_mtime_ns, entry.name) for entry in entries if entry.is_dir()]
    except OSError:
        return ""
    return os.path.join("snapshots", max(dated)[1]) if dated else ""


def _models_of(path: str, names: Sequence[str], owner: str, seen: _Seen) -> Iterator[FoundModel]:
    """The models among the files of one folder: parts are joined, projectors go to their models."""
    projectors = [name for name in names if is_projector_name(name)]
    models = _joined([name for name in names if not is_projector_name(name)])
    for stem, files, error in models:
        paths = tuple(os.path.join(path, name) for name in files)
        if not _is_new_file(paths[0], seen):
            continue
        projector = _projector_of(stem, projectors, alone=len(models) == 1)
        projector = os.path.join(path, projector) if projector else ""
        yield FoundModel(printable(stem), owner, paths, projector, error)


def _joined(names: Sequence[str]) -> list[tuple[str, list[str], Sentence | None]]:
    """Models among file names: what each is called, its files, and an error where one is missing."""
    models: list[tuple[str, list[str], Sentence | None]] = []
    parts: dict[tuple[str, int], dict[int, str]] = defaultdict(dict)
    for name in names:
        match = _SPLIT.match(name)
        if match:
            parts[match["stem"], int(match["count"])][int(match["number"])] = name
        else:
            models.append((name[: -len(".gguf")], [name], None))
    for (stem, count), numbered in parts.items():
        # One more than there are is enough to find one that is missing, whatever the name claims.
        wanted = range(1, min(count, len(numbered) + 1) + 1)
        missing = next((number for number in wanted if number not in numbered), None)
        error = None
        if missing is not None:
            part = f"{printable(stem)}-{missing:05}-of-{count:05}.gguf"
            error = Sentence("File", "{part}, one of the model's {count} files, is missing.").format(
                part=part, count=Count(count)
            )
        models.append((stem, [numbered[number] for number in sorted(numbered)], error))
    return models


def _is_new_file(path: str, seen: _Seen) -> bool:
    try:
        return seen.is_new(os.stat(path))
    except OSError:
        # It is listed, and reading it will say what is wrong.
        return True


def _projector_of(stem: str, projectors: Sequence[str], alone: bool) -> str:
    """The projector that belongs to a model: the only one beside a model alone, or one of the same name."""
    if alone and projectors:
        return projectors[0]
    for name in projectors:
        bare = re.sub(r"[-_.]?mmproj[-_.]?(model)?[-_.]?", "", name[: -len(".gguf")], flags=re.IGNORECASE)
        bare = re.sub(r"[-_.]?(f16|bf16|f32|q8_0)\Z", "", bare, flags=re.IGNORECASE)
        if bare and stem.lower().startswith(bare.lower()):
            return name
    return ""


def _search_ollama(folder: ModelFolder, seen: _Seen) -> Iterator[Found]:
    """Models of Ollama: manifests name them and point to files called by their checksums."""
    manifests = os.path.join(folder.path, "manifests")
    try:
        os.listdir(manifests)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        yield _problem(folder.path, folder, reason_of(error))
        return
    for path, folders, names in os.walk(manifests):
        folders.sort()
        seen.entries += len(names) + len(folders)
        if seen.entries > MAXIMUM_ENTRIES:
            yield _too_many(path, folder)
            return
        for name in sorted(names):
            model = _ollama_model(os.path.join(path, name), manifests, folder)
            if model is not None and _is_new_file(model.paths[0], seen):
                yield model
            yield None


def _ollama_model(manifest: str, manifests: str, folder: ModelFolder) -> FoundModel | None:
    """The model that a manifest describes; None where it describes none."""
    try:
        with open_regular(manifest, printable_name(manifest)) as file:
            document = json.loads(file.read(MAXIMUM_MANIFEST_BYTES) or b"")
    except (OSError, ValueError, RecursionError, InvalidModel):
        return None
    layers = document.get("layers") if isinstance(document, dict) else None
    if not isinstance(layers, list):
        return None
    blobs: dict[str, str] = {}
    for layer in layers:
        if not isinstance(layer, dict):
            continue
        digest, kind = layer.get("digest"), layer.get("mediaType")
        # A digest becomes a file name: nothing but a checksum may pass.
        if isinstance(kind, str) and isinstance(digest, str) and _DIGEST.match(digest):
            blobs.setdefault(kind, _blob_path(folder.path, digest))
    name = _ollama_name(os.path.relpath(manifest, manifests))
    if _OLLAMA_MODEL in blobs:
        projector = blobs.get(_OLLAMA_PROJECTOR, "")
        return FoundModel(printable(name), folder.owner, (blobs[_OLLAMA_MODEL],), projector)
    if _OLLAMA_TENSOR in blobs:
        reason = Sentence("File", "{model} is kept by Ollama in a format of its own, not as GGUF.").format(
            model=name
        )
        return FoundModel(printable(name), folder.owner, (blobs[_OLLAMA_TENSOR],), error=reason)
    return None


def _blob_path(folder: str, digest: str) -> str:
    dashed, old = digest.replace(":", "-"), digest.replace("-", ":")
    paths = [os.path.join(folder, "blobs", name) for name in (dashed, old)]
    return next((path for path in paths if os.path.exists(path)), paths[0])


def _ollama_name(relative: str) -> str:
    """`registry.ollama.ai/library/llama3.2/latest` is called llama3.2, as Ollama itself does."""
    host, namespace, model, tag = ["", "", "", *relative.split(os.sep)][-4:]
    name = model if namespace in ("", "library") else f"{namespace}/{model}"
    name = name if host in ("", "registry.ollama.ai") else f"{host}/{name}"
    return name if tag == "latest" else f"{name}:{tag}"
