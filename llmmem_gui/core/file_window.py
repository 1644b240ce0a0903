"""Reads a file that nobody vouches for, forward, in small pieces, never beyond its end."""

from __future__ import annotations

import errno
import os
import stat
import struct
from collections.abc import Callable
from io import FileIO

WINDOW_BYTES = 256 * 1024
_LENGTH = struct.Struct("<Q")


class InvalidModel(ValueError):
    """The file cannot be used as a model; the text is one sentence that says which file and why."""


def printable_name(path: str | os.PathLike[str]) -> str:
    """The last part of `path`, as `printable` shows it."""
    return printable(os.path.basename(path))


def printable(text: str | bytes) -> str:
    """`text` with everything escaped that cannot be shown on one line or is not text at all."""
    decoded = os.fsencode(text).decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in decoded)


def open_regular(path: str | os.PathLike[str], name: str) -> FileIO:
    """Open a regular file for reading, and nothing else: a pipe would wait for ever, a device would act."""
    flags = (
        os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    )
    try:
        _require_regular(os.stat(path).st_mode, name)
        file = FileIO(os.open(path, flags))
    except FileNotFoundError:
        raise InvalidModel(f"{name} does not exist (any more).") from None
    except PermissionError:
        raise InvalidModel(f"{name} may not be read by this user: permission denied.") from None
    except (OSError, ValueError) as error:
        too_long = isinstance(error, OSError) and error.errno == errno.ELOOP
        reason = (
            "it is a loop of symbolic links" if too_long else getattr(error, "strerror", None) or str(error)
        )
        raise InvalidModel(f"{name} cannot be opened: {reason}.") from None
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
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    raise InvalidModel(f"{name} is {kinds.get(stat.S_IFMT(mode), 'something else')}, not a file.")


class FileWindow:
    """The part of a file that is in memory, moved forward as the header is read."""

    def __init__(
        self, file: FileIO, name: str, file_bytes: int, last_byte: int, expired: Callable[[], bool]
    ) -> None:
        self.name = name
        self.file_bytes = file_bytes
        self._file = file
        self._expired = expired
        self._end = min(file_bytes, last_byte)
        self._buffer = b""
        self._start = 0
        self._offset = 0

    @property
    def position(self) -> int:
        """Where the next byte lies in the file."""
        return self._start + self._offset

    def invalid(self, reason: str) -> InvalidModel:
        """The error that says `reason` of this file."""
        return InvalidModel(f"{self.name} is not a valid model: {reason}.")

    def take(self, size: int) -> bytes:
        """The next `size` bytes; at most WINDOW_BYTES."""
        self._ensure(size)
        piece = self._buffer[self._offset : self._offset + size]
        self._offset += size
        return piece

    def number(self, code: str) -> int:
        """The next little-endian integer of the struct format `code`."""
        return int(struct.unpack("<" + code, self.take(struct.calcsize("<" + code)))[0])

    def skip(self, size: int) -> None:
        """Pass over the next `size` bytes without reading them."""
        self._require(size)
        self._offset += size

    def skip_strings(self, count: int) -> int:
        """Pass over `count` strings and return the bytes of their text."""
        began = self.position
        left = count
        while left:
            self._ensure(8)
            buffer, offset, last = self._buffer, self._offset, len(self._buffer) - 8
            unpack = _LENGTH.unpack_from
            while left and offset <= last:
                offset += 8 + unpack(buffer, offset)[0]
                left -= 1
            self._offset = offset
            self._require(0)
        return self.position - began - 8 * count

    def _require(self, size: int) -> None:
        wanted = self.position + size
        if wanted <= self._end:
            return
        if wanted > self.file_bytes:
            raise InvalidModel(
                f"{self.name} is incomplete or damaged: its header needs {wanted:,} bytes, the file has "
                f"{self.file_bytes:,}."
            )
        raise self.invalid(f"its header is longer than {self._end // 1024**2} MiB")

    def _ensure(self, size: int) -> None:
        self._require(size)
        if self._offset + size <= len(self._buffer):
            return
        if self._expired():
            raise InvalidModel(f"{self.name} was given up: reading its header took too long.")
        position = self.position
        try:
            self._file.seek(position)
            buffer = self._file.read(min(WINDOW_BYTES, self._end - position))
        except OSError as error:
            raise InvalidModel(f"{self.name} cannot be read: {error.strerror}.") from None
        if buffer is None or len(buffer) < size:
            raise InvalidModel(f"{self.name} is incomplete: it was cut short while it was read.")
        self._buffer, self._start, self._offset = buffer, position, 0
