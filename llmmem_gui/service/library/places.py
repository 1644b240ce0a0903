"""The folders that a platform gives to programs, and the small settings files that lie in them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping

SMALL_FILE_BYTES = 1024**2

_ASSIGNMENT = re.compile(r"\s*(\w+)\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|'([^']*)'|(\S*))")


class Places:
    """Where programs keep their files; the environment, the home, the platform and the root are given."""

    def __init__(self, environment: Mapping[str, str], home: str, platform: str, root: str = "/") -> None:
        self.environment = environment
        self.home = home
        self.is_windows = platform == "win32"
        self.is_mac = platform == "darwin"
        self._root = root
        if self.is_mac:
            self.data = self.local_data = self.config = self.under_home("Library", "Application Support")
            self.cache = self.under_home("Library", "Caches")
        elif self.is_windows:
            self.data = self.config = environment.get("APPDATA") or self.under_home("AppData", "Roaming")
            self.local_data = environment.get("LOCALAPPDATA") or self.under_home("AppData", "Local")
            self.cache = self.local_data
        else:
            self.data = environment.get("XDG_DATA_HOME") or self.under_home(".local", "share")
            self.local_data = self.data
            self.config = environment.get("XDG_CONFIG_HOME") or self.under_home(".config")
            self.cache = environment.get("XDG_CACHE_HOME") or self.under_home(".cache")

    @property
    def is_unix(self) -> bool:
        """Whether programs are installed for all users in the places of Linux."""
        return not self.is_windows and not self.is_mac

    def under_home(self, *parts: str) -> str:
        return os.path.join(self.home, *parts)

    def of_system(self, *parts: str) -> str:
        """A folder or file of the whole machine."""
        return os.path.join(self._root, *parts)

    def of_flatpak(self, application: str, *parts: str) -> str:
        """A folder or file of a program from Flathub, which has a home of its own."""
        return self.under_home(".var", "app", application, *parts)

    def named(self, *variables: str) -> str | None:
        """The folder that the first of these environment variables names; None where none is set."""
        value = next((self.environment[name] for name in variables if self.environment.get(name)), None)
        return None if value is None else self.expanded(value)

    def expanded(self, path: str) -> str:
        """`path` with the home for its `~`."""
        return self.under_home(path[2:]) if path.startswith("~/") else path


def small_text(path: str) -> str:
    """The text of a small settings file; empty where there is none."""
    if not os.path.isfile(path):
        return ""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(SMALL_FILE_BYTES)
    except OSError:
        return ""


def json_object(text: str) -> dict[str, object]:
    """The object that is written there as JSON; empty where none is."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def assigned(text: str) -> dict[str, str]:
    """The variables that a shell's file assigns, one a line, without what a shell would compute."""
    values: dict[str, str] = {}
    for line in text.splitlines():
        match = _ASSIGNMENT.match(line)
        if match:
            values[match[1]] = next(group for group in match.groups()[1:] if group is not None)
    return values


def unit_environment(text: str) -> dict[str, str]:
    """The variables that a unit of systemd gives its program (`Environment=` in systemd.exec(5))."""
    values: dict[str, str] = {}
    for line in text.replace("\\\n", " ").splitlines():
        key, _, value = line.partition("=")
        if key.strip() != "Environment":
            continue
        if not value.strip():
            values.clear()
        for quoted, apostrophes, bare in re.findall(r"\"([^\"]*)\"|'([^']*)'|(\S+)", value):
            name, is_assigned, what = (quoted or apostrophes or bare).partition("=")
            if is_assigned:
                values[name] = what.strip("\"'")
    return values
