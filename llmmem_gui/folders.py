"""Where the program keeps its files: the only module that knows.

All folders are readable by their user alone. `LLMMEM_HOME` moves all of them under one folder.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

_NAME = "llmmem"


class FolderUnusable(Exception):
    """A folder of the program cannot be made or written; the text says which, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders of one user."""

    config: Path
    data: Path
    """What cannot be made anew: history, the index of models, models that were fetched."""
    state: Path
    runtime: Path
    """Sockets and what is true only while the program runs."""

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
            runtime=_session_folder(environment) or state / "run",
        )

    @property
    def settings_file(self) -> Path:
        """The settings, as TOML."""
        return self.config / "settings.toml"

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
    def token_file(self) -> Path:
        """The secret that other programs show to the HTTP API.

        Not in the runtime folder, which is emptied when the user logs out: an editor that was given the
        secret shall not have to be given another one each day.
        """
        return self.state / "token"

    def create(self) -> None:
        """Make every folder that is missing and keep others out of all. Raises `FolderUnusable`."""
        for folder in (self.config, self.data, self.models, self.state, self.logs, self.runtime):
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                if sys.platform != "win32" and stat.S_IMODE(folder.stat().st_mode) != 0o700:
                    folder.chmod(0o700)
            except OSError as error:
                raise FolderUnusable(
                    f"The folder {folder} cannot be used ({error.strerror}): make it writable, "
                    "or set LLMMEM_HOME to a folder that is."
                ) from error


def _session_folder(environment: Mapping[str, str]) -> Path | None:
    """Our folder in the one that the login session gave this user; None where there is no such session."""
    if sys.platform in ("win32", "darwin"):
        return None
    for given in (environment.get("XDG_RUNTIME_DIR"), f"/run/user/{os.getuid()}"):
        if given and os.path.isabs(given) and _is_own_folder(given):
            return Path(given) / _NAME
    return None


def _is_own_folder(path: str) -> bool:
    try:
        status = os.stat(path)
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and os.access(path, os.W_OK)
