"""Tells when something has happened in folders that a search depends on: by inotify, so on Linux alone.

Nothing runs while nothing happens: the kernel keeps what happens, and the loop is woken by the first of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import stat
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from llmmem_gui.service.library.findings import ANY_NAME, MODEL_NAMES
from llmmem_gui.service.library.folder_files import decides_about_models

if sys.platform == "linux":
    from inotify_simple import INotify, flags

    # A file is looked at when it is closed or put in its place, not when it is begun and not while it grows.
    _NAMES = flags.CREATE | flags.DELETE | flags.MOVED_FROM | flags.MOVED_TO
    _ITSELF = flags.DELETE_SELF | flags.MOVE_SELF
    # One folder may be reached by two paths: what is asked for it is added up.
    _ABOVE = _NAMES | _ITSELF | flags.ONLYDIR | flags.MASK_ADD
    _INSIDE = _ABOVE | flags.CLOSE_WRITE

log = logging.getLogger(__name__)

QUIET_SECONDS = 0.2
"""Once something has happened, what else happens is gathered until nothing has for this long."""
LONGEST_GATHERING_SECONDS = 1.0
MOST_FOLDERS = 65_536
_SHARE = 2
"""Of the folders that a user may have watched by all programs together, one in so many is left to us."""
_LIMIT = Path("/proc/sys/fs/inotify/max_user_watches")


@dataclass(slots=True)
class _Folder:
    path: str
    search: int
    """The last search that depended on it."""
    names: set[str] = field(default_factory=set)
    """What in it matters."""


class FolderWatch:
    """Folders that are watched. Those of a search are added from its threads, before they are listed.

    Until it is open, and where that cannot be, nothing is watched and nothing ever happens.
    """

    def __init__(self, most_folders: int = MOST_FOLDERS) -> None:
        self._most = most_folders
        self._folders: dict[int, _Folder] = {}
        """By the number that the kernel has given."""
        self._searches = 0
        self._lock = threading.Lock()
        self._is_closed = False
        self._is_full = False
        self._inotify: INotify | None = None

    def open(self) -> bool:
        """Begin to watch; False, and said in the log, where that cannot be. May take a while."""
        if sys.platform != "linux":
            log.info("folders of models are not watched on this system: a search finds what is new")
            return False
        with self._lock:
            if self._is_closed:
                return False
            try:
                self._inotify = INotify(nonblocking=True)
            except OSError as error:
                log.warning("folders of models are not watched, a search finds what is new: %s", error)
                return False
            with contextlib.suppress(OSError, ValueError):
                self._most = min(self._most, int(_LIMIT.read_text()) // _SHARE)
        return True

    def close(self) -> None:
        """Watch nothing any more."""
        with self._lock:
            self._is_closed = True
            self._folders.clear()
            if self._inotify is not None:
                self._inotify.close()

    def begin(self) -> WatchedSearch:
        """Watch what a whole search depends on, from now on."""
        self._searches += 1
        return WatchedSearch(self, self._searches)

    @property
    def folders(self) -> tuple[str, ...]:
        """The folders that are watched."""
        return tuple(folder.path for folder in list(self._folders.values()))

    # --- what is watched -----------------------------------------------------------------------------

    def look(self, path: str, names: Iterable[str], search: int) -> None:
        """Watch what happens to such names in a folder, and whether the path comes to mean another one."""
        self._add(path, names, search, inside=True)
        if os.path.islink(path):
            above, name = os.path.split(os.path.normpath(path))
            self._add(above, (name,), search, inside=False)

    def look_for(self, path: str, search: int) -> None:
        """Watch for a folder to appear: the nearest there is above it, for what has to appear there first."""
        # A link may lead to where a disk is put in later.
        for wanted in {os.path.normpath(path), os.path.realpath(path)}:
            above, name = os.path.split(wanted)
            while name:
                while name and not os.path.isdir(above):
                    above, name = os.path.split(above)
                self._add(above, (name,), search, inside=False)
                if not os.path.isdir(os.path.join(above, name)):
                    break
                # It has appeared in between, unseen: what is missing now lies in it.
                above, name = _next_above(wanted, os.path.join(above, name))

    def drop_before(self, search: int) -> None:
        """Watch no longer what that search and later ones do not depend on."""
        with self._lock:
            for number in [number for number, each in self._folders.items() if each.search < search]:
                del self._folders[number]
                self._remove(number)

    def _add(self, path: str, names: Iterable[str], search: int, *, inside: bool) -> None:
        with self._lock:
            if self._inotify is None or self._is_closed:
                return
            try:
                number = self._inotify.add_watch(path, _INSIDE if inside else _ABOVE)
            except OSError as error:
                # Others are gone meanwhile or may not be read, which the search finds out itself.
                if error.errno in (errno.ENOSPC, errno.ENOMEM):
                    self._say_full(path)
                return
            folder = self._folders.get(number)
            if folder is None and len(self._folders) >= self._most:
                self._remove(number)
                self._say_full(path)
            elif folder is None or folder.search < search:
                self._folders[number] = _Folder(path, search, set(names))
            else:
                folder.names.update(names)

    def _remove(self, number: int) -> None:
        if self._inotify is not None:
            with contextlib.suppress(OSError):  # it went with its folder
                self._inotify.rm_watch(number)

    def _say_full(self, path: str) -> None:
        if not self._is_full:
            self._is_full = True
            log.warning(
                "%s and further folders are not watched, a search finds what is new in them: %d are watched, "
                "and no more can be (fs.inotify.max_user_watches)",
                path,
                len(self._folders),
            )

    # --- what happens --------------------------------------------------------------------------------

    async def changed(self) -> None:
        """Wait until something has happened that may change what a search finds, and what came with it."""
        loop = asyncio.get_running_loop()
        while True:
            await self._something()
            until, matters, happens = loop.time() + LONGEST_GATHERING_SECONDS, False, True
            while happens and loop.time() < until:
                await asyncio.sleep(QUIET_SECONDS)
                happens, mattered = await asyncio.to_thread(self._take)
                matters = matters or mattered
            if matters:
                return

    async def _something(self) -> None:
        """Wait until anything has happened, which stays in the kernel's queue."""
        if self._inotify is None or self._is_closed:
            raise RuntimeError("nothing is watched")
        loop, descriptor = asyncio.get_running_loop(), self._inotify.fileno()
        happened = asyncio.Event()
        loop.add_reader(descriptor, happened.set)
        try:
            await happened.wait()
        finally:
            loop.remove_reader(descriptor)

    def _take(self) -> tuple[bool, bool]:
        """Whether anything happened since the last time, and whether any of it matters."""
        with self._lock:
            if self._inotify is None or self._is_closed:
                return False, False
            events = {(each.wd, each.mask, each.name) for each in self._inotify.read(timeout=0)}
            return bool(events), any([self._matters(*event) for event in events])

    def _matters(self, number: int, mask: int, name: str) -> bool:
        if mask & flags.Q_OVERFLOW:
            return True
        if mask & flags.IGNORED:
            self._folders.pop(number, None)
            return False
        folder = self._folders.get(number)
        if folder is None:
            return False
        if mask & (_ITSELF | flags.UNMOUNT):
            return True
        path, is_folder = os.path.join(folder.path, name), bool(mask & flags.ISDIR)
        if not is_folder and mask & (flags.CREATE | flags.MOVED_TO):
            is_folder = os.path.islink(path) and os.path.isdir(path)
        if not _concerns(folder.names, name, is_folder):
            return False
        return is_folder or not mask & flags.CREATE or _is_there_at_once(path)


class WatchedSearch:
    """Watches what one whole search depends on."""

    def __init__(self, watch: FolderWatch, number: int) -> None:
        self._watch = watch
        self._number = number

    def look(self, path: str, names: Iterable[str]) -> None:
        """The search is about to list a folder, in which such names matter to it."""
        self._watch.look(path, names, self._number)

    def look_for(self, path: str) -> None:
        """The search would look into a folder that does not exist."""
        self._watch.look_for(path, self._number)

    def end(self) -> None:
        """The search is over: what only earlier ones depended on is watched no longer."""
        self._watch.drop_before(self._number)


def _concerns(names: set[str], name: str, is_folder: bool) -> bool:
    if name in names or ANY_NAME in names:
        return True
    if MODEL_NAMES not in names:
        return False
    return not name.startswith(".") if is_folder else decides_about_models(name)


def _is_there_at_once(path: str) -> bool:
    """Whether a name that was made is for what was there before: a new file is told of when it is whole."""
    try:
        status = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISLNK(status.st_mode) or status.st_nlink > 1


def _next_above(wanted: str, there: str) -> tuple[str, str]:
    """The folder that is there, and the name in it that leads on to the one wanted; none behind it."""
    rest = os.path.relpath(wanted, there)
    return there, "" if rest == os.curdir else rest.split(os.sep)[0]
