"""The secret that lets this user's own programs use the HTTP API, in a file that only this user can read."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
import sys
from pathlib import Path

_TOKEN = re.compile(rb"[A-Za-z0-9_-]{43}\n?")


class TokenError(Exception):
    """The token file cannot be trusted or used; the text says why and what to do."""


def keep_token(path: Path) -> str:
    """The token in the file, made now if there is none.

    Raises `TokenError` when the file is a link, is not ours, or others may read it.
    """
    with contextlib.suppress(FileExistsError):
        _create(path)
    return read_token(path)


def renew_token(path: Path) -> str:
    """A new token in place of the old one, which is worthless once the program runs again."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    return keep_token(path)


def read_token(path: Path) -> str:
    """The token in the file. Raises `TokenError`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise TokenError(
            f"the token file {path} cannot be read ({error.strerror}): delete it and start again"
        ) from error
    try:
        _require_private(path, os.fstat(descriptor))
        content = os.read(descriptor, 128)
    finally:
        os.close(descriptor)
    if not _TOKEN.fullmatch(content):
        raise TokenError(f"the token file {path} is damaged: delete it and start again")
    return content.strip().decode("ascii")


def _require_private(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise TokenError(f"the token file {path} is not a regular file: delete it and start again")
    if sys.platform == "win32":
        return  # permissions there are inherited from the user's profile, not mode bits
    if status.st_uid != os.getuid():
        raise TokenError(f"the token file {path} belongs to another user: delete it and start again")
    if status.st_mode & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        raise TokenError(f"others may use the token file {path} (mode {mode:o}): delete it and start again")


def _create(path: Path) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    with open(os.open(path, flags, 0o600), "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(32) + "\n")
        file.flush()
        os.fsync(file.fileno())
