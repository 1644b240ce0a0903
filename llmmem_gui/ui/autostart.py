"""The program among those that a desktop starts at login, by freedesktop.org's autostart folder."""

from __future__ import annotations

import sys
from pathlib import Path

from llmmem_gui import resources

_NEEDS_QUOTES = " \t\"'\\><~|&;$*?#()`"


def start_at_login(folder: Path, wanted: bool) -> None:
    """Put the starter where the desktop looks for it, or take it away. Raises OSError."""
    file = folder / f"{resources.APPLICATION_ID}.desktop"
    if not wanted:
        file.unlink(missing_ok=True)
        return
    starter = resources.desktop_files() / file.name
    main, _, _ = starter.read_text(encoding="utf-8").partition("\n[Desktop Action")
    command = " ".join(map(_quoted, [*_own_command(), "--minimized"]))
    lines = [f"Exec={command}" if line.startswith("Exec=") else line for line in main.splitlines()]
    kept = [line for line in lines if not line.startswith(("Actions=", "MimeType="))]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(kept).rstrip() + "\n", encoding="utf-8")


def _own_command() -> list[str]:
    """How this program is started, wherever it is installed."""
    script = Path(sys.argv[0]).absolute()
    if getattr(sys, "frozen", False):
        return [sys.executable]
    return [str(script)] if script.name == "llmmem-gui" else [sys.executable, "-m", "llmmem_gui.app"]


def _quoted(argument: str) -> str:
    """An argument as the Exec key of a desktop entry has it."""
    percents = argument.replace("%", "%%")
    if not any(sign in percents for sign in _NEEDS_QUOTES):
        return percents
    # Once for the quotes of the command, and once more for the value of a key.
    inner = "".join(f"\\{sign}" if sign in '"`$\\' else sign for sign in percents)
    return '"' + inner.replace("\\", "\\\\") + '"'
