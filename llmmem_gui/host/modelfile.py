"""What must be true of a model file before llama.cpp opens it."""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path

_MAGIC = b"GGUF"
_SPLIT_NAME = re.compile(rb"(.*)-(\d{5})-of-(\d{5})\.gguf", re.DOTALL)


class LoadError(Exception):
    """The model cannot be loaded; the text is the reason for the user, without the file's name."""


def check_model_file(path: bytes) -> tuple[bytes, ...]:
    """Give the files that a load reads: the file itself, or all parts of a split model.

    Raises `LoadError` for what is no readable regular file that begins like a GGUF file. Never waits,
    not for a named pipe either.
    """
    parts = _parts(path)
    for part in parts:
        _check(part, is_part=len(parts) > 1)
    return parts


def _parts(path: bytes) -> tuple[bytes, ...]:
    match = _SPLIT_NAME.fullmatch(path)
    if match is None:
        return (path,)
    stem, _, count = match.groups()
    return tuple(b"%s-%05d-of-%s.gguf" % (stem, number, count) for number in range(1, int(count) + 1))


def _check(path: bytes, is_part: bool) -> None:
    what = f"part {Path(os.fsdecode(path)).name!a} of the model" if is_part else "the file"
    try:
        # A named pipe would block; what opens is checked, not what had the name before.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise LoadError(_reason(error, what)) from error
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise LoadError(f"{what} is a folder")
        if not stat.S_ISREG(mode):
            raise LoadError(f"{what} is not a regular file")
        beginning = os.read(descriptor, len(_MAGIC))
    except OSError as error:
        raise LoadError(_reason(error, what)) from error
    finally:
        os.close(descriptor)
    if not beginning:
        raise LoadError(f"{what} is empty")
    if beginning != _MAGIC:
        raise LoadError(f"{what} is not a GGUF file: it begins with {beginning!r} instead of {_MAGIC!r}")


def _reason(error: OSError, what: str) -> str:
    reasons = {
        errno.ENOENT: f"{what} does not exist",
        errno.EACCES: f"{what} may not be read by this user",
        errno.EPERM: f"{what} may not be read by this user",
        errno.EISDIR: f"{what} is a folder",
        errno.ELOOP: f"{what} is a symbolic link that leads in a circle",
        errno.ENAMETOOLONG: f"{what} has a name that is too long",
    }
    return reasons.get(error.errno or 0, f"{what} cannot be opened: {error.strerror}")
