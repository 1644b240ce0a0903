"""Conversations of models that are not loaded: one file for each model as it is loaded.

A host writes beside the file that is there; when the host has ended well, what it wrote takes its place. What
a killed host, a full disk or a crash has left is never read. Names tell nothing: they are hashes with a key
that lies beside them, and files and key are their user's alone.
"""

from __future__ import annotations

import contextlib
import hmac
import logging
import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

import msgspec

from llmmem_gui.core.measurement import LoadKey
from llmmem_gui.core.system_errors import reason_of
from llmmem_gui.service.storage.durable_file import replace_file

log = logging.getLogger(__name__)

_KEPT, _UNFINISHED = ".conversations", ".unfinished"
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class ConversationFile:
    """Where the conversations of one load come from and go to."""

    kept: Path
    unfinished: Path

    @property
    def earlier(self) -> Path | None:
        """What an earlier load has left, if there is anything."""
        return self.kept if self.kept.is_file() else None

    def finish(self, *, is_whole: bool) -> None:
        """The host has ended: what it wrote counts from now on, if it is whole."""
        try:
            if is_whole:
                # Not waited for until it is on the disk: what a power cut leaves has the wrong checksum.
                os.replace(self.unfinished, self.kept)
            else:
                self.unfinished.unlink(missing_ok=True)
        except OSError as error:
            log.warning("conversations could not be kept: %s", reason_of(error))


class ConversationFiles:
    """The folder of all of them, held to a number of bytes: what was used longest ago goes first."""

    def __init__(self, folder: Path) -> None:
        """`folder` need not exist."""
        self._folder = folder

    def open(self, key: LoadKey) -> ConversationFile:
        """The file for loads with this key; nothing else may use its unfinished one. Raises OSError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = hmac.digest(self._secret(), msgspec.json.encode(key), "sha256").hex()[:40]
        descriptor, unfinished = tempfile.mkstemp(_UNFINISHED, f"{name}.", self._folder)
        os.close(descriptor)
        return ConversationFile(self._folder / f"{name}{_KEPT}", Path(unfinished))

    def hold_to(self, most_bytes: int) -> None:
        """Delete what was used longest ago until the rest takes at most so many bytes."""
        files = []
        for path in self._folder.glob(f"*{_KEPT}"):
            with contextlib.suppress(OSError):
                state = path.stat()
                files.append((state.st_mtime_ns, state.st_size, path))
        left = most_bytes
        for _, size, path in sorted(files, reverse=True):
            left -= size
            if left < 0:
                _delete(path)

    def forget_unfinished(self) -> None:
        """Delete what earlier runs left half written; to be called before any host is started."""
        for path in self._folder.glob(f"*{_UNFINISHED}"):
            _delete(path)

    def forget_all(self) -> None:
        """Delete all conversations, and the key of their names."""
        for path in (*self._folder.glob(f"*{_KEPT}"), self._folder / "key"):
            _delete(path)

    def _secret(self) -> bytes:
        path = self._folder / "key"
        with contextlib.suppress(OSError):
            secret = path.read_bytes()
            if len(secret) == _KEY_BYTES:
                return secret
        secret = secrets.token_bytes(_KEY_BYTES)
        replace_file(path, secret)
        return secret


def _delete(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        log.warning("%s could not be deleted: %s", path, reason_of(error))
