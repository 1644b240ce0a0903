"""What must be true of a model file before llama.cpp opens it."""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path

from llmmem_gui.core.sentence import Sentence, SentenceError

_MAGIC = b"GGUF"
_SPLIT_NAME = re.compile(rb"(.*)-(\d{5})-of-(\d{5})\.gguf", re.DOTALL)


class LoadError(SentenceError):
    """The model cannot be loaded; the sentence is the reason for the user, without the file's name."""


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
    what = Sentence("Host", "the file")
    if is_part:
        name = ascii(Path(os.fsdecode(path)).name)
        what = Sentence("Host", "part {name} of the model").format(name=name)
    try:
        # A named pipe would block; what opens is checked, not what had the name before.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise LoadError(_reason(error, what)) from error
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise LoadError(Sentence("Host", "{file} is a folder").format(file=what))
        if not stat.S_ISREG(mode):
            raise LoadError(Sentence("Host", "{file} is not a regular file").format(file=what))
        beginning = os.read(descriptor, len(_MAGIC))
    except OSError as error:
        raise LoadError(_reason(error, what)) from error
    finally:
        os.close(descriptor)
    if not beginning:
        raise LoadError(Sentence("Host", "{file} is empty").format(file=what))
    if beginning != _MAGIC:
        found = beginning.decode("ascii", "backslashreplace")
        raise LoadError(
            Sentence("Host", "{file} is not a GGUF file: it begins with “{found}” instead of “GGUF”").format(
                file=what, found=found
            )
        )


def _reason(error: OSError, what: Sentence) -> Sentence:
    reasons = {
        errno.ENOENT: Sentence("Host", "{file} does not exist"),
        errno.EACCES: Sentence("Host", "{file} may not be read by this user"),
        errno.EPERM: Sentence("Host", "{file} may not be read by this user"),
        errno.EISDIR: Sentence("Host", "{file} is a folder"),
        errno.ELOOP: Sentence("Host", "{file} is a symbolic link that leads in a circle"),
        errno.ENAMETOOLONG: Sentence("Host", "{file} has a name that is too long"),
    }
    known = reasons.get(error.errno or 0)
    if known is not None:
        return known.format(file=what)
    return Sentence("Host", "{file} cannot be opened: {reason}").format(
        file=what, reason=error.strerror or str(error)
    )
