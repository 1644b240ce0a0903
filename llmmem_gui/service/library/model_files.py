"""Opens model files and reads what their headers say: any file gives a description, none a fault."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import stat
import sys
from collections.abc import Callable, Sequence
from io import FileIO

from llmmem_gui.core import gguf
from llmmem_gui.core.file_window import InvalidModel, printable, printable_name
from llmmem_gui.core.gguf import FileIdentity, Header
from llmmem_gui.core.library import Description, FoundModel
from llmmem_gui.core.model_shape import model_shape
from llmmem_gui.core.projector import Projector, projector_of
from llmmem_gui.core.sentence import Count, Sentence, verbatim
from llmmem_gui.core.system_errors import reason_of

PIECE_BYTES = 64 * 1024
"""Of a file that are looked at in each of three places to know its content again."""


def describe(found: FoundModel, expired: Callable[[], bool] = lambda: False) -> Description:
    """Read the headers of a model's files; never raises, a bad file gives a Description with its error."""
    headers: list[Header] = []
    try:
        if found.error is not None:
            raise InvalidModel(found.error)
        headers.extend(read_header(_loadable(path), expired) for path in found.paths)
        _require_matching_parts(found, headers)
        shape = model_shape(os.path.basename(printable(found.paths[0])), headers)
    except InvalidModel as error:
        return Description(identities_of(found), None, error.sentence)
    identities = tuple(header.identity for header in headers)
    return Description(identities, shape, content=_content(found.paths), eyes=eyes_of(found, expired))


def eyes_of(found: FoundModel, expired: Callable[[], bool] = lambda: False) -> Projector | None:
    """What the projector of a model says; None where it has none that can be read."""
    if not found.projector:
        return None
    try:
        return projector_of(read_header(_loadable(found.projector), expired))
    except InvalidModel:
        return None


def identities_of(found: FoundModel) -> tuple[FileIdentity, ...]:
    """The versions of a model's files as they lie on the disk now; () where one cannot be looked at."""
    try:
        statuses = [os.stat(path) for path in found.paths]
    except (OSError, ValueError):
        return ()
    return tuple(FileIdentity(s.st_dev, s.st_ino, s.st_size, s.st_mtime_ns) for s in statuses)


def read_header(path: str | os.PathLike[str], expired: Callable[[], bool] = lambda: False) -> Header:
    """Read the header of the GGUF file at `path`; raise InvalidModel with the reason where it has none."""
    name = printable_name(path)
    with open_regular(path, name) as file:
        header = gguf.read_header(file, name, identity_of(os.fstat(file.fileno())), expired)
        if _is_being_written(file):
            raise _told(Sentence("File", "{file} is still being written: wait until it is complete."), name)
        return header


def _is_being_written(file: FileIO) -> bool:
    """Whether some program has the file open for writing; False where the system does not say.

    Its length tells nothing of a download into a file that was made as large as it will be. Linux gives a
    read lease on a file of this user, which is given back at once, only while nobody writes (fcntl(2)).
    """
    if sys.platform != "linux":
        return False
    import fcntl

    # Whoever opens it for writing in between waits, and we are told by a signal: not by SIGIO, which ends a
    # process that does not expect it.
    fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
    try:
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:  # a file of somebody else, or a file system without leases
        return False
    fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def _content(paths: Sequence[str]) -> str:
    """A fingerprint of what is in the files: their sizes, and pieces of start, middle and end."""
    digest = hashlib.sha256()
    try:
        for path in paths:
            with open_regular(path, printable_name(path)) as file:
                size = os.fstat(file.fileno()).st_size
                digest.update(size.to_bytes(8, "little"))
                for offset in (0, size // 2, max(0, size - PIECE_BYTES)):
                    file.seek(offset)
                    digest.update(file.read(PIECE_BYTES))
    except (OSError, InvalidModel):
        return ""
    return digest.hexdigest()


def identity_of(status: os.stat_result) -> FileIdentity:
    """What tells this version of a file from every other."""
    return FileIdentity(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def open_regular(path: str | os.PathLike[str], name: str) -> FileIO:
    """Open a regular file for reading, and nothing else: a pipe would wait for ever, a device would act."""
    flags = (
        os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    )
    try:
        _require_regular(os.stat(path).st_mode, name)
        file = FileIO(os.open(path, flags))
    except FileNotFoundError:
        raise _told(Sentence("File", "{file} does not exist (any more)."), name) from None
    except PermissionError:
        raise _told(
            Sentence("File", "{file} may not be read by this user: permission denied."), name
        ) from None
    except (OSError, ValueError) as error:
        reason = reason_of(error) if isinstance(error, OSError) else verbatim(str(error))
        if isinstance(error, OSError) and error.errno == errno.ELOOP:
            reason = Sentence("File", "it is a loop of symbolic links")
        raise InvalidModel(
            Sentence("File", "{file} cannot be opened: {reason}.").format(file=name, reason=reason)
        ) from None
    try:
        _require_regular(os.fstat(file.fileno()).st_mode, name)
    except InvalidModel:
        file.close()
        raise
    return file


def _require_regular(mode: int, name: str) -> None:
    if stat.S_ISREG(mode):
        return
    kinds = {
        stat.S_IFDIR: Sentence("File", "{file} is a folder, not a file."),
        stat.S_IFIFO: Sentence("File", "{file} is a pipe, not a file."),
        stat.S_IFSOCK: Sentence("File", "{file} is a socket, not a file."),
        stat.S_IFCHR: Sentence("File", "{file} is a device, not a file."),
        stat.S_IFBLK: Sentence("File", "{file} is a device, not a file."),
    }
    something = Sentence("File", "{file} is something else, not a file.")
    raise _told(kinds.get(stat.S_IFMT(mode), something), name)


def _told(sentence: Sentence, name: str) -> InvalidModel:
    """The error that says this of the file with that name."""
    return InvalidModel(sentence.format(file=name))


def _loadable(path: str) -> str:
    """`path`, unless llama.cpp could not open it: it takes paths as UTF-8."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        name = os.path.basename(printable(path))
        raise InvalidModel(
            Sentence("File", "{file} cannot be loaded: its name is not UTF-8. Rename the file.").format(
                file=name
            )
        ) from None
    return path


def _require_matching_parts(found: FoundModel, headers: list[Header]) -> None:
    """Raise InvalidModel unless the files are all parts of the model, in their order."""
    counts = {header.split_count for header in headers}
    numbers = [header.split_number for header in headers]
    if counts != {len(headers)} or numbers != list(range(len(headers))):
        name = os.path.basename(printable(found.paths[0]))
        raise InvalidModel(
            Sentence(
                "File",
                "{file} is part of a model split into {count} files; {here} of them belong together here.",
            ).format(file=name, count=Count(max(counts)), here=Count(len(headers)))
        )
