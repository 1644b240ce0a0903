"""The engines that lie on this machine, and what trying them has shown.

A report is kept beside its engine, because it is about libraries and processor and not about a user; where
that folder cannot be written or belongs to the system's packages it is kept with the program's data.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import os
import platform
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from llmmem_gui.core.engines import GPU_FOLDER, MANIFEST_NAME, EngineManifest, EngineReport, InstalledEngine
from llmmem_gui.service.storage.durable_file import replace_file
from llmmem_gui.service.storage.small_file import read_small_file

REPORT_NAME = "report.json"

_NAME = re.compile(r"[\w.+-]{1,100}")
"""What people can type and terminals show; `auto` is the word for the best engine."""

_Kept = TypeVar("_Kept", EngineManifest, EngineReport)

_LIBRARY_NAMES = ("libllama.so", "libllama.dylib", "llama.dll", "libllama.dll")
_SYSTEM_FOLDERS = ("/usr/local/lib", f"/usr/lib/{platform.machine()}-linux-gnu", "/usr/lib64", "/usr/lib")


_LIBRARY = re.compile(r"(lib)?(llama|ggml|gomp|mtmd)[^/]*\.(so|dylib|dll)")


class EngineStore:
    """Finds engines and keeps their reports."""

    def __init__(self, data: Path | None = None) -> None:
        """`data` is the folder of the program's data, where engines that this program made lie."""
        self._data = data

    @property
    def own_folder(self) -> Path:
        """Where engines are put that this program fetches or makes: beside it, or with the user's data."""
        return shipped_folder() if self._data is None else self._data / "engines"

    def engines(self) -> tuple[InstalledEngine, ...]:
        """All engines on this machine, each name once."""
        found: dict[str, InstalledEngine] = {}
        for folder, manifest in self._manifests():
            if manifest.name not in found:
                found[manifest.name] = InstalledEngine(str(folder), manifest, self._report(folder))
        return tuple(found.values())

    def save(self, engine: InstalledEngine, report: EngineReport) -> InstalledEngine:
        """Keep what trying an engine has shown, where that can be written; gives the engine with it.

        What is not conclusive holds until the program ends: then the engine is tried again.
        """
        report = msgspec.structs.replace(report, fingerprint=fingerprint(Path(engine.folder)))
        for path in self._report_paths(Path(engine.folder)) if report.is_conclusive else ():
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                replace_file(path, msgspec.json.encode(report))
                break
            except OSError:
                continue
        return InstalledEngine(engine.folder, engine.manifest, report)

    def _manifests(self) -> Iterator[tuple[Path, EngineManifest]]:
        parents = [shipped_folder()]
        if self._data is not None:
            parents.append(self._data / "engines")
        for parent in parents:
            for path in sorted(parent.glob(f"*/{MANIFEST_NAME}")):
                manifest = _read(path, EngineManifest)
                if manifest is not None and _NAME.fullmatch(manifest.name) and manifest.name != "auto":
                    yield path.parent, manifest
        beside = beside_bindings()
        if beside is not None:
            yield beside, EngineManifest("installed", f"llama-cpp-python {bindings_version()}", "installed")
        for folder in map(Path, _SYSTEM_FOLDERS):
            if sys.platform.startswith("linux") and holds_library(folder):
                yield folder, EngineManifest("system", str(folder), "system")
                break

    def _report(self, folder: Path) -> EngineReport | None:
        for path in self._report_paths(folder):
            report = _read(path, EngineReport)
            if report is not None and report.fingerprint == fingerprint(folder):
                return report
        return None

    def _report_paths(self, folder: Path) -> Sequence[Path]:
        beside = [] if _is_packaged(folder) else [folder / REPORT_NAME]
        name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
        elsewhere = [] if self._data is None else [self._data / "engines" / f"{name}-{REPORT_NAME}"]
        return [*beside, *elsewhere]


def _read(path: Path, kind: type[_Kept]) -> _Kept | None:
    """What a file holds; None for one that is missing or damaged: an engine less, or one to be tried."""
    try:
        return msgspec.json.decode(read_small_file(path), type=kind)
    except (OSError, ValueError, RecursionError):
        return None


def shipped_folder() -> Path:
    """Where engines lie that came with the program: in its environment or its package."""
    if getattr(sys, "frozen", False):
        return Path(sys.executable).parent / "engines"
    return Path(sys.prefix) / "share" / "llmmem" / "engines"


def beside_bindings() -> Path | None:
    """The folder of the libraries that pip compiled or fetched with the bindings; None without them."""
    try:
        found = importlib.util.find_spec("llama_cpp")
    except (ImportError, ValueError):
        return None
    places = found.submodule_search_locations if found is not None else None
    folder = Path(next(iter(places))) / "lib" if places else None
    return folder if folder is not None and holds_library(folder) else None


def holds_library(folder: Path) -> bool:
    """Whether llama.cpp's library lies in the folder."""
    return any((folder / name).exists() for name in _LIBRARY_NAMES)


def bindings_version() -> str:
    """Version of llama-cpp-python, found without importing it; empty where it is not told."""
    try:
        return importlib.metadata.version("llama-cpp-python")
    except importlib.metadata.PackageNotFoundError:
        return ""


def fingerprint(folder: Path) -> str:
    """Names the libraries in a folder and the processor; another build or machine has another."""
    digest = hashlib.sha256(_processor().encode())
    for path in sorted((*folder.glob("*"), *(folder / GPU_FOLDER).glob("*"))):
        # In a folder of the system there are thousands of others.
        if _LIBRARY.match(path.name):
            with contextlib.suppress(OSError):
                status = path.stat()
                digest.update(f"{path.relative_to(folder)} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:32]


def _is_packaged(folder: Path) -> bool:
    """Whether the folder belongs to the system's packages, where only their files may lie."""
    frozen = getattr(sys, "frozen", False)
    return folder in map(Path, _SYSTEM_FOLDERS) or (frozen and folder.is_relative_to(shipped_folder()))


def _processor() -> str:
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        wanted = ("model name", "flags", "Features", "CPU implementer", "CPU part", "stepping")
        first = file.read().partition("\n\n")[0]
        return "\n".join(line for line in first.splitlines() if line.startswith(wanted))
    return f"{platform.machine()} {platform.processor()}"
