"""Where the files of `resources/` are: in the source tree, in an installed wheel, or in a frozen program."""

from __future__ import annotations

import sys
from pathlib import Path

APPLICATION_ID = "io.github.llmmem.LLMMemory"
"""The name of the desktop file, of the application's icon and of its windows."""


def folder() -> Path:
    """The folder with all resources."""
    package = Path(__file__).resolve().parent
    if getattr(sys, "frozen", False):
        return Path(sys._MEIPASS) / "resources"  # type: ignore[attr-defined]  # set by PyInstaller
    in_wheel = package / "_resources"
    return in_wheel if in_wheel.is_dir() else package.parent / "resources"


def icon(name: str) -> Path:
    """An icon of one colour, `currentColor`, as SVG; FileNotFoundError when there is none of that name."""
    return _existing(folder() / "icons" / f"{name}.svg")


def application_icon() -> Path:
    """The program's own icon, in its colours, as SVG."""
    return icon(APPLICATION_ID)


def symbolic_application_icon() -> Path:
    """The program's own icon in one colour, `currentColor`, as SVG."""
    return icon(f"{APPLICATION_ID}-symbolic")


def desktop_files() -> Path:
    """The folder with what a freedesktop system registers: starter, description, file type."""
    return _existing(folder() / "freedesktop")


def _existing(path: Path) -> Path:
    if not path.exists():
        raise FileNotFoundError(f"The resource {path} is not there: the installation is incomplete.")
    return path
