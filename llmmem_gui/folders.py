"""Where the program keeps its files: the only module that knows.

All folders are readable by their user alone. `LLMMEM_HOME` moves all of them under one folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import platformdirs

from llmmem_gui.core.sentence import Sentence, SentenceError
from llmmem_gui.core.system_errors import reason_of

_NAME = "llmmem"
_PROBE_BYTES = 4096
"""A disk that is full takes a name and no content."""


class FolderUnusable(SentenceError):
    """A folder of the program cannot be made or written; the sentence says which, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders of one user."""

    config: Path
    data: Path
    """What cannot be made anew: history, the index of models, models that were fetched."""
    state: Path
    runtime: Path
    """Sockets and what is true only while the program runs.

    Beside the rest and not in `XDG_RUNTIME_DIR`, which a program started by cron, ssh or sudo does not have,
    or has another of: programs of one home find each other whoever started them.
    """

    @classmethod
    def of_user(cls, environment: Mapping[str, str] = os.environ) -> Folders:
        """The folders that this environment asks for; nothing is created."""
        home = environment.get("LLMMEM_HOME")
        if home:
            root = Path(home).expanduser().absolute()
            return cls(root / "config", root / "data", root / "state", root / "runtime")
        state = platformdirs.user_state_path(_NAME, appauthor=False)
        return cls(
            config=platformdirs.user_config_path(_NAME, appauthor=False),
            data=platformdirs.user_data_path(_NAME, appauthor=False),
            state=state,
            runtime=state / "run",
        )

    @property
    def settings_file(self) -> Path:
        """The settings, as TOML."""
        return self.config / "settings.toml"

    @property
    def autostart(self) -> Path:
        """Where the desktop looks for what it starts at login."""
        return self.config.parent / "autostart"

    @property
    def history_file(self) -> Path:
        """Samples and events, as SQLite."""
        return self.data / "history.sqlite3"

    @property
    def library_file(self) -> Path:
        """The index of the models that were found, as JSON."""
        return self.data / "library.json"

    @property
    def load_records_file(self) -> Path:
        """What past loads were forecast to take and took, as JSON."""
        return self.data / "loads.json"

    @property
    def rehearsals_file(self) -> Path:
        """What rehearsed loads would take, as JSON; it can be made anew."""
        return self.data / "rehearsals.json"

    @property
    def models(self) -> Path:
        """Models that this program has fetched."""
        return self.data / "models"

    @property
    def logs(self) -> Path:
        """Log files."""
        return self.state / "log"

    @property
    def conversations(self) -> Path:
        """Conversations of models that are not loaded, where a person wants them kept."""
        return self.state / "conversations"

    @property
    def token_file(self) -> Path:
        """The secret that other programs show to the HTTP API."""
        return self.state / "token"

    def create(self) -> None:
        """Make every folder that is missing and keep others out of all. Raises `FolderUnusable`."""
        for folder in (self.config, self.data, self.models, self.state, self.logs, self.runtime):
            try:
                _make_private(folder)
            except OSError as error:
                sentence = Sentence(
                    "Folders",
                    "The folder {path} cannot be used ({reason}): make it writable, or set LLMMEM_HOME to a "
                    "folder that is.",
                )
                raise FolderUnusable(sentence.format(path=str(folder), reason=reason_of(error))) from error

    def prepare(self) -> tuple[Folders, Sentence | None]:
        """Make the folders for a program that starts, which is not kept from it by a full or locked disk.

        Gives the folders to use, of which state and runtime may be elsewhere, and one sentence when what a
        person changes cannot be kept. Raises `FolderUnusable` when there is no place at all.
        """
        keeps = _first_fault((self.config, self.data, self.models))
        runs = _first_fault((self.state, self.logs, self.runtime))
        fault = keeps or runs
        if fault is None:
            return self, None
        sentence = Sentence(
            "Folders",
            "The folder {path} cannot be written ({reason}): what you change holds until the program ends. "
            "Free space or make it writable, or set LLMMEM_HOME to another folder, then start again.",
        ).format(path=str(fault[0]), reason=reason_of(fault[1]))
        if runs is None:
            return self, sentence
        for place in self.elsewhere():
            with contextlib.suppress(OSError):
                # Not its parents: where there is no such place, none is made.
                place.state.mkdir(mode=0o700, exist_ok=True)
                if (
                    _is_private(place.state)
                    and _first_fault((place.state, place.logs, place.runtime)) is None
                ):
                    return place, sentence
        raise FolderUnusable(sentence)

    def meeting_places(self) -> tuple[Path, ...]:
        """The runtime folders in which a program of this home may be found, the usual one first."""
        return (self.runtime, *(place.runtime for place in self.elsewhere() if _is_private(place.state)))

    def elsewhere(self) -> tuple[Folders, ...]:
        """Where state lies while its own folder cannot be written; the same for all programs of this home."""
        mark = hashlib.sha256(os.fsencode(self.state)).hexdigest()[:16]
        if sys.platform == "win32":
            roots = [f"{tempfile.gettempdir()}/{_NAME}-{mark}"]
        else:
            user = os.getuid()
            shared = (f"{folder}/{_NAME}-{user}-{mark}" for folder in ("/dev/shm", "/tmp"))
            roots = [f"/run/user/{user}/{_NAME}-{mark}", *shared]
        return tuple(replace(self, state=Path(root), runtime=Path(root) / "run") for root in roots)


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if sys.platform != "win32" and stat.S_IMODE(folder.stat().st_mode) != 0o700:
        folder.chmod(0o700)


def _first_fault(folders: Iterable[Path]) -> tuple[Path, OSError] | None:
    """The first folder that cannot be made or written, and why."""
    for folder in folders:
        try:
            _make_private(folder)
            with tempfile.TemporaryFile(dir=folder, buffering=0) as probe:
                probe.write(bytes(_PROBE_BYTES))
        except OSError as error:
            return folder, error
    return None


def _is_private(folder: Path) -> bool:
    """Whether this is a folder, no link, that belongs to this user and is closed to others."""
    try:
        status = folder.lstat()
    except OSError:
        return False
    if sys.platform == "win32":
        return stat.S_ISDIR(status.st_mode)
    return (
        stat.S_ISDIR(status.st_mode)
        and status.st_uid == os.getuid()
        and stat.S_IMODE(status.st_mode) == 0o700
    )
