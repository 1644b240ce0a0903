"""The secret that lets this user's own programs use the HTTP API, in a file that only this user can read."""

from __future__ import annotations

import os
import re
import secrets
import stat
import sys
from pathlib import Path

from llmmem_gui.core.sentence import Sentence, SentenceError
from llmmem_gui.core.system_errors import reason_of
from llmmem_gui.service.storage.durable_file import replace_file

_TOKEN = re.compile(rb"[A-Za-z0-9_-]{43}\n?")


class TokenError(SentenceError):
    """The token file cannot be trusted or used; the sentence says why and what to do."""

    def __init__(self, path: Path, reason: Sentence) -> None:
        """`reason` completes the sentence "The token file …"."""
        sentence = Sentence(
            "Token", "The token file {path} cannot be used ({reason}): delete it and start again."
        )
        super().__init__(sentence.format(path=str(path), reason=reason))
        self.reason = reason


def keep_token(path: Path) -> tuple[str, Sentence | None]:
    """The token in the file, made now if there is none or if it cannot be trusted.

    A file that is damaged, a link, not ours, or that others may read is replaced; the sentence says so.
    Raises `TokenError` when no token can be kept there.
    """
    if not os.path.lexists(path):
        return renew_token(path), None
    try:
        return read_token(path), None
    except TokenError as error:
        sentence = Sentence(
            "Token",
            "The key of the API could not be used ({reason}) and was replaced: programs that were given the "
            "old one need the new one.",
        )
        return renew_token(path), sentence.format(reason=error.reason)


def renew_token(path: Path) -> str:
    """A new token in place of the old one, which is worthless once the program runs again.

    Raises `TokenError`, and then what was there is still there.
    """
    token = secrets.token_urlsafe(32)
    try:
        replace_file(path, f"{token}\n".encode("ascii"))
    except OSError as error:
        raise TokenError(
            path, Sentence("Token", "it cannot be written: {reason}").format(reason=reason_of(error))
        ) from error
    return token


def read_token(path: Path) -> str:
    """The token in the file. Raises `TokenError`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        reason = Sentence("Token", "it cannot be read: {reason}").format(reason=reason_of(error))
        raise TokenError(path, reason) from error
    try:
        _require_private(path, os.fstat(descriptor))
        content = os.read(descriptor, 128)
    finally:
        os.close(descriptor)
    if not _TOKEN.fullmatch(content):
        raise TokenError(path, Sentence("Token", "it is damaged"))
    return content.strip().decode("ascii")


def _require_private(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise TokenError(path, Sentence("Token", "it is not a regular file"))
    if sys.platform == "win32":
        return  # permissions there are inherited from the user's profile, not mode bits
    if status.st_uid != os.getuid():
        raise TokenError(path, Sentence("Token", "it belongs to another user"))
    if status.st_mode & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        sentence = Sentence("Token", "others may read it: mode {mode}")
        raise TokenError(path, sentence.format(mode=f"{mode:o}"))
