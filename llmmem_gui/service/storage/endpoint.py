"""Where the running program is: a file that the command line and scripts read to find it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

import msgspec

from llmmem_gui.service.storage import program_lock
from llmmem_gui.service.storage.durable_file import replace_file

FILE_NAME = "endpoint.json"
ACTOR_HEADER = "llmmem-actor"
"""The header in which the command line and scripts say who they are, for the timeline."""


class Endpoint(msgspec.Struct, frozen=True):
    """The address of a running program's HTTP API."""

    url: str
    """Such as `http://127.0.0.1:11500`."""
    pid: int
    token_file: str


def announce(runtime_folder: Path, endpoint: Endpoint) -> None:
    """Let other programs of this user find this one. Raises OSError."""
    replace_file(runtime_folder / FILE_NAME, msgspec.json.encode(endpoint))


def withdraw(runtime_folder: Path) -> None:
    """Take the announcement back."""
    with contextlib.suppress(FileNotFoundError):
        (runtime_folder / FILE_NAME).unlink()


def running_program(runtime_folders: Iterable[Path]) -> Endpoint | None:
    """The program that runs in one of these folders, or None.

    A file that a killed program left behind is not believed: its port may be someone else's by now, who
    must not be sent the token.
    """
    for folder in runtime_folders:
        pid = program_lock.holder(folder)
        if pid is None:
            continue
        try:
            endpoint = msgspec.json.decode((folder / FILE_NAME).read_bytes(), type=Endpoint)
        except (OSError, msgspec.DecodeError):
            continue
        if endpoint.pid == pid:
            return endpoint
    return None
