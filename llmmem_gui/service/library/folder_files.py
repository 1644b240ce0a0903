"""Models among the files of folders, by the names of the files: parts, projectors, revisions."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from llmmem_gui.core.file_window import InvalidModel, printable, printable_name
from llmmem_gui.core.library import FoundModel
from llmmem_gui.core.sentence import Count, Sentence
from llmmem_gui.service.library.findings import (
    ANY_NAME,
    MODEL_NAMES,
    Found,
    Seen,
    not_there,
    too_many,
    unreadable,
)
from llmmem_gui.service.library.jan_models import jan_model
from llmmem_gui.service.library.known_folders import ModelFolder
from llmmem_gui.service.library.model_files import open_regular

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


def is_projector_name(name: str) -> bool:
    """Whether a file of this name reads images for a model instead of being one."""
    return "mmproj" in name.lower()


def decides_about_models(name: str) -> bool:
    """Whether a file of this name may be a model, or keep one from being offered."""
    return not name.startswith(".") and (".gguf" in name.lower() or name.endswith(UNFINISHED))


def search_files(folder: ModelFolder, seen: Seen) -> Iterator[Found]:
    """The models in a folder and those below it."""
    waiting = [(folder.path, 1)]
    while waiting:
        path, level = waiting.pop()
        try:
            if not seen.enter(path, _names_that_matter(path, folder)):
                if level == 1 and folder.is_named and not os.path.isdir(path):
                    yield not_there(folder)
                continue
            with os.scandir(path) as entries:
                present = {entry.name: entry for entry in entries}
        except FileNotFoundError:
            continue
        except OSError as error:
            yield unreadable(path, folder, error)
            continue
        if not seen.count(len(present)):
            yield too_many(path, folder)
            return
        files, folders = _sorted_out(path, present)
        if level < folder.depth:
            waiting.extend((os.path.join(path, name), level + 1) for name in reversed(folders))
        named = jan_model(path, folder, present) if folder.layout == "jan" else None
        for model in _models_of(path, files, folder.owner) if named is None else [named]:
            yield from seen.models(model)
        yield None


def _names_that_matter(path: str, folder: ModelFolder) -> str:
    is_of_program = folder.layout == "jan" or _is_part_of_repository(path)
    return ANY_NAME if is_of_program else MODEL_NAMES


def _is_part_of_repository(path: str) -> bool:
    """Whether a folder tells which revision of a repository is in force."""
    parent, name = os.path.split(path)
    return name in ("refs", "snapshots") and "models--" in os.path.basename(parent)


def _sorted_out(path: str, present: Mapping[str, os.DirEntry[str]]) -> tuple[list[str], list[str]]:
    """The names that may be models, and those that are folders to look into."""
    if "snapshots" in present and "models--" in os.path.basename(path):
        snapshot = _current_snapshot(path)
        # A search finds another revision as soon as one of these two has changed.
        changing = [name for name in ("refs", "snapshots") if name in present]
        return [], [*changing, *([snapshot] if snapshot else [])]
    if _is_part_of_repository(path):
        return [], []
    files, folders = [], []
    for name in sorted(present):
        if name.startswith("."):
            continue
        if _is_folder(present[name]):
            folders.append(name)
        elif name.lower().endswith(".gguf") and not _is_unfinished(name, present):
            files.append(name)
    return files, folders


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads nowhere
        return False


def _is_unfinished(name: str, present: Collection[str]) -> bool:
    """Whether a file is still being downloaded, as its name or another one beside it says."""
    stem = name[: -len(".gguf")]
    twins = {base + ending for base in (name, stem) for ending in UNFINISHED}
    return name.startswith("incomplete-") or any(twin in present for twin in twins)


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


def _models_of(path: str, names: Sequence[str], owner: str) -> Iterator[FoundModel]:
    """The models among the files of one folder: parts are joined, projectors go to their models."""
    projectors = [name for name in names if is_projector_name(name)]
    models = _joined([name for name in names if not is_projector_name(name)])
    for stem, files, error in models:
        paths = tuple(os.path.join(path, name) for name in files)
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
