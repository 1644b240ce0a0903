"""Engines with a fault: copies of the real one in which a function is other machine code (x86-64 Linux)."""

from __future__ import annotations

import platform
import re
import shutil
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from llmmem_gui.core.engines import MANIFEST_NAME, EngineManifest, InstalledEngine, Layout
from llmmem_gui.service.hosting.engine_choice import EngineChoice

DIES = b"\x0f\x0b"
"""`ud2`: the processor refuses it, and the process gets SIGILL."""

DOES_NOTHING = b"\xc3"
"""`ret`: the result is whatever was in memory before."""

REPACKED = r"_ZN4ggml3cpu6repack4gem[mv]I.*"
"""The kernels for weights in extra buffers (`ggml::cpu::repack::gemm` and `gemv`)."""

only_here = pytest.mark.skipif(
    not (sys.platform == "linux" and platform.machine() == "x86_64"),
    reason="machine code of x86-64 Linux is put into the engine",
)


def engine_in_use() -> Path:
    """The folder of the engine that tests compute with."""
    use = EngineChoice.of_machine().current
    assert use is not None
    return Path(use.folder)


def copied(folder: Path, name: str = "copy", layout: Layout | None = None) -> InstalledEngine:
    """A copy of the engine in use, with another layout claimed if that is given."""
    original = engine_in_use()
    shutil.copytree(original, folder, symlinks=True, ignore=shutil.ignore_patterns("report.json"))
    claimed = folder / MANIFEST_NAME
    manifest = EngineManifest(name, "1", "compiled")
    if claimed.is_file():
        found = msgspec.json.decode(claimed.read_bytes(), type=EngineManifest)
        manifest = msgspec.structs.replace(found, name=name, version="1", source="compiled")
    if layout is not None:
        manifest = msgspec.structs.replace(manifest, layout=layout)
    claimed.write_bytes(msgspec.json.encode(manifest))
    return InstalledEngine(str(folder), manifest)


def broken(folder: Path, functions: str, code: bytes, name: str = "broken") -> InstalledEngine:
    """A copy in which every exported function whose symbol matches `functions` begins with `code`."""
    engine = copied(folder, name)
    count = 0
    for library in folder.glob("*.so*"):
        if not library.is_symlink():
            count += _overwrite(library, re.compile(functions), code)
    assert count, f"no library exports {functions}"
    return engine


def _overwrite(library: Path, functions: re.Pattern[str], code: bytes) -> int:
    image = bytearray(library.read_bytes())
    places = [offset for name, offset in _exported(bytes(image)) if functions.fullmatch(name)]
    for offset in places:
        image[offset : offset + len(code)] = code
    if places:
        library.unlink()  # it may be a link to the original
        library.write_bytes(image)
    return len(places)


def _exported(image: bytes) -> Iterator[tuple[str, int]]:
    """Symbols of functions in `.dynsym` and where their code lies in the file (ELF-64, little endian)."""
    program_at, section_at = struct.unpack_from("<QQ", image, 32)
    program_size, programs, section_size, sections = struct.unpack_from("<HHHH", image, 54)
    loaded = []
    for index in range(programs):
        header_at = program_at + index * program_size
        kind, _, offset, address, _, size = struct.unpack_from("<IIQQQQ", image, header_at)
        if kind == 1:  # PT_LOAD
            loaded.append((address, offset, size))
    header_places = range(section_at, section_at + sections * section_size, section_size)
    headers = [struct.unpack_from("<IIQQQQIIQQ", image, place) for place in header_places]
    for _, kind, _, _, offset, size, link, *_ in headers:
        if kind != 11:  # SHT_DYNSYM
            continue
        names_at = headers[link][4]
        for place in range(offset, offset + size, 24):
            name_at, info, _, section, address, _ = struct.unpack_from("<IBBHQQ", image, place)
            if info & 15 != 2 or section == 0:  # STT_FUNC, defined here
                continue
            start = names_at + name_at
            name = image[start : image.index(b"\0", start)].decode()
            for segment, segment_offset, segment_size in loaded:
                if segment <= address < segment + segment_size:
                    yield name, address - segment + segment_offset
