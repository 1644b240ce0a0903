"""Conversations that had to leave the cache: kept in memory, and in a file while the model is not loaded.

What is kept of one is llama.cpp's own state of the sequence: to put it back takes a copy, where reading the
conversation again takes as long as it took the first time.

The file (little-endian): `MAGIC`; for each conversation the number of its tokens and of the bytes of its
state (64 bits each) and a checksum of both (CRC-32 in 64 bits), its tokens (32 bits each), its state; at the
end three zeros. It is used only for the same file of the model, parameters and engine: the service sees to
that.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from llmmem_gui.host.numbers import Numbers, common_prefix, numbers

MAGIC = b"LLMMEMKV\x01\n"
FEWEST_TOKENS = 64
"""Shorter conversations are read again instead."""

_HEAD = struct.Struct("<QQQ")
_TOKEN_BYTES = 4


class States(Protocol):
    """Where the states of sequences come from and go to."""

    def state_bytes(self, sequence: int) -> int:
        """Size of what the memory holds of a sequence."""

    def state(self, sequence: int) -> bytearray:
        """All that the memory holds of a sequence. Raises MemoryError."""

    def restore(self, sequence: int, state: bytearray) -> bool:
        """Put a state into an empty sequence; False when llama.cpp does not take it."""


@dataclass(frozen=True, eq=False, slots=True)
class Kept:
    """A conversation on the shelf."""

    tokens: Numbers
    state: bytearray | None
    """None when it is in the file."""
    offset: int = 0
    size: int = 0
    checksum: int = 0


class Shelf:
    """Keeps conversations, the one used longest ago goes first."""

    def __init__(
        self,
        states: States,
        memory_bytes: int,
        *,
        any_prefix: bool,
        file: int | None = None,
        fewest_tokens: int = FEWEST_TOKENS,
    ) -> None:
        """Hold at most so many bytes in memory, of conversations with at least so many tokens.

        `any_prefix`: of a conversation its beginning can be continued too, and not only the whole. `file`:
        descriptor of conversations that were saved before; what is damaged in it is left out.
        """
        self._states = states
        self._memory_bytes = memory_bytes
        self._any_prefix = any_prefix
        self._fewest_tokens = fewest_tokens
        self._file = file
        self._kept = _read_index(file) if file is not None else []
        """The one used last is last."""

    @property
    def held_bytes(self) -> int:
        """Bytes in memory."""
        return sum(len(kept.state) for kept in self._kept if kept.state is not None)

    def put(self, sequence: int, tokens: Numbers) -> bool:
        """Keep what is in a sequence, if there can be room for it; gives whether it is kept."""
        if len(tokens) < self._fewest_tokens or not self._memory_bytes:
            return False
        try:
            state = self._states.state(sequence)
        except MemoryError:
            return False
        if len(state) > self._memory_bytes:
            return False
        self._drop_superseded_by(tokens)
        while self.held_bytes + len(state) > self._memory_bytes:
            self._kept.remove(next(kept for kept in self._kept if kept.state is not None))
        self._kept.append(Kept(tokens[:], state))
        return True

    def put_beside(self, sequence: int, tokens: Numbers) -> bool:
        """Keep what is in a sequence if nothing else has to go for it; gives whether it is kept."""
        has_room = self.held_bytes + self._states.state_bytes(sequence) <= self._memory_bytes
        return has_room and self.put(sequence, tokens)

    def find(self, tokens: Numbers) -> tuple[Kept, int] | None:
        """The conversation that has most in common with the beginning of these, and how many tokens.

        Never all of them: the last one has to be computed.
        """
        best, best_length = None, 0
        for kept in self._kept:
            length = min(common_prefix(kept.tokens, tokens), len(tokens) - 1)
            if length > best_length and (self._any_prefix or length == len(kept.tokens)):
                best, best_length = kept, length
        return None if best is None else (best, best_length)

    def take(self, kept: Kept, sequence: int) -> bool:
        """Put a conversation into an empty sequence; False when it is damaged, and then it is forgotten.

        One that can be had again from where it is now is not kept any longer either.
        """
        # It may have had to make room meanwhile for what its place in the cache was taken from.
        self._kept = [each for each in self._kept if each is not kept]
        state = self._state_of(kept)
        if state is None or not self._states.restore(sequence, state):
            return False
        if not self._any_prefix:
            self._kept.append(kept)
        return True

    def clear(self) -> None:
        """Give back the memory."""
        self._kept = [kept for kept in self._kept if kept.state is None]

    def save(self, file: int, most_bytes: int, sequences: Iterable[tuple[int, Numbers]]) -> int:
        """Write these sequences and what is kept, the last used first, while there is room; gives how many.

        Raises OSError.
        """
        _write(file, MAGIC)
        saved: list[Numbers] = []
        left = most_bytes
        for tokens, state in self._all(sequences):
            if len(tokens) < self._fewest_tokens or any(self._supersedes(each, tokens) for each in saved):
                continue
            content = state()
            if content is None or len(content) > left:
                continue
            left -= len(content)
            written = tokens.tobytes()
            _write(file, _HEAD.pack(len(tokens), len(content), _checksum(written, content)))
            _write(file, written)
            _write(file, content)
            saved.append(tokens)
        _write(file, _HEAD.pack(0, 0, 0))
        return len(saved)

    def _all(self, sequences: Iterable[tuple[int, Numbers]]) -> Iterator[tuple[Numbers, _Content]]:
        for sequence, tokens in sequences:
            yield tokens, partial(self._state_or_none, sequence)
        for kept in reversed(self._kept):
            yield kept.tokens, partial(self._state_of, kept)

    def _state_or_none(self, sequence: int) -> bytearray | None:
        try:
            return self._states.state(sequence)
        except MemoryError:
            return None

    def _state_of(self, kept: Kept) -> bytearray | None:
        """The state of a conversation; None when its part of the file is damaged."""
        if kept.state is not None:
            return kept.state
        assert self._file is not None
        try:
            state = _read(self._file, kept.offset, kept.size)
        except (OSError, MemoryError):
            return None
        return state if _checksum(kept.tokens.tobytes(), state) == kept.checksum else None

    def _drop_superseded_by(self, tokens: Numbers) -> None:
        self._kept = [kept for kept in self._kept if not self._supersedes(tokens, kept.tokens)]

    def _supersedes(self, tokens: Numbers, others: Numbers) -> bool:
        """Whether one conversation is as good as another: the same, or one of which it is to be had."""
        is_beginning = common_prefix(tokens, others) == len(others)
        return is_beginning and (self._any_prefix or len(tokens) == len(others))


_Content = Callable[[], bytearray | None]
"""Gives the state of a conversation, or nothing when it cannot be had."""


def _read_index(file: int) -> list[Kept]:
    """The conversations of a file, the one used last first in it and last here; none of a damaged file."""
    found: list[Kept] = []
    size = os.fstat(file).st_size
    offset = len(MAGIC)
    if os.pread(file, offset, 0) != MAGIC:
        return []
    while True:
        head = os.pread(file, _HEAD.size, offset)
        if len(head) < _HEAD.size:
            return []
        count, state_size, checksum = _HEAD.unpack(head)
        if count == 0:
            return found[::-1]
        begin = offset + _HEAD.size
        offset = begin + count * _TOKEN_BYTES + state_size
        if offset + _HEAD.size > size:
            return []
        tokens = numbers()
        tokens.frombytes(_read(file, begin, count * _TOKEN_BYTES))
        found.append(Kept(tokens, None, offset - state_size, state_size, checksum))


def _read(file: int, offset: int, size: int) -> bytearray:
    """Read so many bytes. Raises OSError when they are not there."""
    parts = bytearray()
    while len(parts) < size:
        part = os.pread(file, size - len(parts), offset + len(parts))
        if not part:
            raise OSError("the file is shorter than it says")
        parts += part
    return parts


def _write(file: int, content: bytes | bytearray) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(file, view) :]


def _checksum(tokens: bytes, state: bytearray) -> int:
    return zlib.crc32(state, zlib.crc32(tokens))
