"""What a search gives, and what it remembers so that each folder and file is found once."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from llmmem_gui.core.file_window import printable
from llmmem_gui.core.library import FoundModel
from llmmem_gui.core.preset import Preset
from llmmem_gui.core.sentence import Count, Sentence
from llmmem_gui.core.system_errors import reason_of
from llmmem_gui.service.library.known_folders import ModelFolder

MAXIMUM_ENTRIES = 500_000
"""Entries of folders looked at in one search; a search from the root of a disk ends here."""


MODEL_NAMES = "*.gguf"
"""Stands for the names of model files, of what is still being downloaded, and of folders."""
ANY_NAME = "*"
"""Stands for every name in a folder of a program's own."""


class FolderProblem(NamedTuple):
    """A folder that could not be searched, or not wholly."""

    path: str
    owner: str
    reason: Sentence


Found = FoundModel | FolderProblem | None
"""What one step of a search gives: a model, a folder in trouble, or nothing yet."""


class Watcher(Protocol):
    """Is told of each folder before a search lists it, so that nothing happens unseen after that."""

    def look(self, path: str, names: Iterable[str]) -> None:
        """A folder in which such names change what a search finds."""

    def look_for(self, path: str) -> None:
        """A folder that does not exist, and would be looked into."""


class Seen:
    """Folders and files met so far, by device and inode, and the entries looked at."""

    def __init__(self, watcher: Watcher | None = None) -> None:
        self.folders: list[str] = []
        """Those looked into: what is new in one of them changes what a search finds."""
        self.missing: list[str] = []
        """Those that do not exist, and would be looked into."""
        self.entries = 0
        self._watcher = watcher
        self._met: set[tuple[int, int]] = set()
        self._presets: dict[tuple[int, int], list[Preset | None]] = {}

    def enter(self, path: str, *names: str) -> bool:
        """Whether a folder, in which such names matter, was not looked into before.

        Raises OSError where it cannot be.
        """
        try:
            self._look_for_missing(path)
            status = os.stat(path)
        except FileNotFoundError:
            self.missing.append(path)
            return False
        if not stat.S_ISDIR(status.st_mode) or not self._is_new(status):
            return False
        self._look(path, names)
        return True

    def watch(self, path: str, *names: str) -> None:
        """Take in that a search depends on such names in a folder, whether it exists or not."""
        self._look_for_missing(path)
        if os.path.isdir(path):
            self._look(path, names)
        else:
            self.missing.append(path)

    def _look(self, path: str, names: Iterable[str]) -> None:
        self.folders.append(path)
        if self._watcher is not None:
            self._watcher.look(path, names)

    def _look_for_missing(self, path: str) -> None:
        if self._watcher is not None and not os.path.exists(path):
            self._watcher.look_for(path)

    def count(self, entries: int) -> bool:
        """Take in so many entries; False when there are too many."""
        self.entries += entries
        return self.entries <= MAXIMUM_ENTRIES

    def models(self, found: FoundModel) -> Iterator[FoundModel]:
        """The model, unless its file was found before.

        One that its program loads otherwise, with another preset, is another model in the same file.
        """
        try:
            status = os.stat(found.paths[0])
        except (OSError, ValueError):
            # It is listed, and reading it will say what is wrong.
            yield found
            return
        presets = self._presets.setdefault((status.st_dev, status.st_ino), [])
        if self._is_new(status):
            presets.append(found.preset)
            yield found
        elif found.preset is not None and None not in presets and found.preset not in presets:
            presets.append(found.preset)
            yield found._replace(variant=found.name)

    def _is_new(self, status: os.stat_result) -> bool:
        key = (status.st_dev, status.st_ino)
        # File systems without inodes give 0 for all.
        new = key not in self._met or status.st_ino == 0
        self._met.add(key)
        return new


def unreadable(path: str, folder: ModelFolder, error: OSError) -> FolderProblem:
    """That a folder may not be read, or why not."""
    group = _group_needed(path) if isinstance(error, PermissionError) else ""
    if group:
        reason = Sentence(
            "File", "it is for the group {group}, which you are not in: add yourself, then log in again"
        ).format(group=group)
    else:
        reason = reason_of(error)
    return _problem(path, folder, reason)


def not_there(folder: ModelFolder) -> FolderProblem:
    """That what somebody named is no folder, or none any more."""
    return _problem(folder.path, folder, Sentence("File", "there is no such folder"))


def too_many(path: str, folder: ModelFolder) -> FolderProblem:
    """That a search ends here."""
    reason = Sentence("File", "more than {count} files and folders, the rest is left out").format(
        count=Count(MAXIMUM_ENTRIES)
    )
    return _problem(path, folder, reason)


def _problem(path: str, folder: ModelFolder, reason: Sentence) -> FolderProblem:
    sentence = Sentence("File", "{folder} cannot be searched: {reason}.").format(
        folder=printable(path), reason=reason
    )
    return FolderProblem(path, folder.owner, sentence)


def _group_needed(path: str) -> str:
    """The group whose members may pass the first folder on the way that this user may not; "" for none."""
    if not hasattr(os, "getgroups"):
        return ""
    import grp

    parts = os.path.abspath(path).split(os.sep)
    for length in range(2, len(parts) + 1):
        folder = os.sep.join(parts[:length])
        try:
            status = os.stat(folder)
        except OSError:
            return ""
        if not os.access(folder, os.X_OK):
            passes_group = status.st_mode & stat.S_IRGRP and status.st_mode & stat.S_IXGRP
            # root's own group is no group to join.
            if not passes_group or status.st_gid in (0, *os.getgroups()):
                return ""
            try:
                return grp.getgrgid(status.st_gid).gr_name
            except KeyError:
                return ""
    return ""
