"""What the command says on the standard error, and its exit code, when something cannot be done."""

from __future__ import annotations

from llmmem_gui.cli import FAILED, NO_PROGRAM, WRONG_USAGE
from llmmem_gui.folders import FolderUnusable
from llmmem_gui.service.api_client import NoProgram, RequestFailed
from llmmem_gui.service.command_error import CommandError
from llmmem_gui.service.program import ServiceBroken
from llmmem_gui.service.storage.program_lock import AlreadyRunning
from llmmem_gui.service.storage.token_file import TokenError


class WrongUsage(Exception):
    """The command line asks for something that cannot be meant; the text says what."""


class CannotDo(Exception):
    """The command cannot be carried out; the text says why."""


_EXPECTED = (CannotDo, RequestFailed, CommandError, AlreadyRunning, FolderUnusable, ServiceBroken, TokenError)


def explain(error: BaseException) -> tuple[int, str]:
    """Exit code and one line for an error; an unforeseen one is told by its type and text."""
    if isinstance(error, KeyboardInterrupt):
        return FAILED, "Interrupted."
    if isinstance(error, NoProgram):
        return NO_PROGRAM, _one_line(error)
    if isinstance(error, WrongUsage):
        return WRONG_USAGE, _one_line(error)
    if isinstance(error, _EXPECTED):
        return FAILED, _one_line(error)
    if isinstance(error, OSError) and error.strerror:
        place = f" ({error.filename})" if error.filename else ""
        return FAILED, f"{error.strerror}{place}."
    return FAILED, f"Unforeseen {type(error).__name__}: {_one_line(error)}"


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
