"""Reads a file that nobody vouches for, forward, in small pieces, never beyond its end."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from typing import BinaryIO

from llmmem_gui.core.sentence import BadValue, Count, Sentence
from llmmem_gui.core.system_errors import reason_of

WINDOW_BYTES = 256 * 1024
_NUMBERS = {code: struct.Struct("<" + code) for code in "IQ"}
_LENGTH = _NUMBERS["Q"]


class InvalidModel(BadValue):
    """The file cannot be used as a model; the sentence says which file and why."""


def invalid_model(name: str, reason: Sentence) -> InvalidModel:
    """The error that says why the file with that name is no valid model."""
    return InvalidModel(
        Sentence("File", "{file} is not a valid model: {reason}.").format(file=name, reason=reason)
    )


def printable_name(path: str | os.PathLike[str]) -> str:
    """The last part of `path`, as `printable` shows it."""
    return printable(os.path.basename(path))


def printable(text: str | bytes) -> str:
    """`text` with everything escaped that cannot be shown on one line or is not text at all."""
    decoded = os.fsencode(text).decode("utf-8", "backslashreplace")
    if decoded.isprintable():  # nearly always
        return decoded
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in decoded)


class FileWindow:
    """The part of a file that is in memory, moved forward as the header is read."""

    def __init__(
        self, file: BinaryIO, name: str, file_bytes: int, last_byte: int, expired: Callable[[], bool]
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

    def invalid(self, reason: Sentence) -> InvalidModel:
        """The error that says `reason` of this file."""
        return invalid_model(self.name, reason)

    def take(self, size: int) -> bytes:
        """The next `size` bytes; at most WINDOW_BYTES."""
        self._ensure(size)
        piece = self._buffer[self._offset : self._offset + size]
        self._offset += size
        return piece

    def number(self, code: str) -> int:
        """The next little-endian integer of the struct format `code`: I or Q."""
        number = _NUMBERS[code]
        self._ensure(number.size)
        (value,) = number.unpack_from(self._buffer, self._offset)
        self._offset += number.size
        return int(value)

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
                Sentence(
                    "File",
                    "{file} is incomplete or damaged: its header needs {needed} bytes, "
                    "the file has {present}.",
                ).format(file=self.name, needed=Count(wanted), present=Count(self.file_bytes))
            )
        number = self._end // 1024**2
        raise self.invalid(Sentence("File", "its header is longer than {number} MiB").format(number=number))

    def _ensure(self, size: int) -> None:
        if self._offset + size <= len(self._buffer):  # no further than the header may reach
            return
        self._require(size)
        if self._expired():
            sentence = Sentence("File", "{file} was given up: reading its header took too long.")
            raise InvalidModel(sentence.format(file=self.name))
        position = self.position
        try:
            self._file.seek(position)
            buffer = self._file.read(min(WINDOW_BYTES, self._end - position))
        except OSError as error:
            raise InvalidModel(
                Sentence("File", "{file} cannot be read: {reason}.").format(
                    file=self.name, reason=reason_of(error)
                )
            ) from None
        if len(buffer) < size:
            sentence = Sentence("File", "{file} is incomplete: it was cut short while it was read.")
            raise InvalidModel(sentence.format(file=self.name))
        self._buffer, self._start, self._offset = buffer, position, 0
