"""The native engine: llama.cpp compiled for this processor, by pip, in the background."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

from llmmem_gui.core.engines import EngineManifest
from llmmem_gui.core.sentence import Sentence, SentenceError
from llmmem_gui.service.engines.engine_folder import holds_engine, put_in_place, write_through
from llmmem_gui.service.package_index import require_room, working_folder
from llmmem_gui.service.storage.engine_store import bindings_version, holds_library

NAME = "native"

Progress = Callable[[float], None]
"""Told how much of the work is done, from 0 to 1."""

_NEED_BYTES = 2 * 2**30
"""Sources, objects and libraries."""

_STEP = re.compile(rb"\[\s*(\d+)(?:/(\d+)|%)\]")
"""A line of ninja (`[12/193] …`) or of make (`[ 12%] …`)."""

_FIXED_GCC = {12: (12, 4), 13: (13, 3)}
"""The first release of each series that keeps all stores to an AMX tile configuration."""

_NO_AMX = "-mno-amx-tile -mno-amx-int8 -mno-amx-bf16"


class BuildError(SentenceError):
    """The engine could not be compiled; the sentence says why and what to do."""


async def build(parent: Path, progress: Progress = lambda done: None, *, anew: bool = False) -> Path:
    """Compile the engine into a folder of its own in `parent` and give that, unless it is there.

    With `anew` it is compiled although it is there: because it is no good on this processor.

    Runs at the lowest priority. Raises BuildError and FetchError; when it is cancelled, compilers are ended
    and nothing is left.
    """
    folder = parent / NAME
    manifest = EngineManifest(NAME, f"llama-cpp-python {bindings_version()}", "compiled")
    if not anew and holds_engine(folder, manifest):
        return folder
    _require_tools()
    require_room(manifest.version, parent, _NEED_BYTES)
    async with working_folder(parent, folder, BuildError) as work:
        await _compile(work, progress)
        await asyncio.to_thread(_unpack, work, folder, manifest)
    return folder


def advice() -> Sentence:
    """How a person gets an engine for this processor; goes on after a colon."""
    if getattr(sys, "frozen", False):
        return Sentence("Engine", "run `make run` in the program's source code, which compiles an engine")
    return Sentence("Engine", "compile one with `llmmem engine build`")


def _require_tools() -> None:
    if getattr(sys, "frozen", False):
        raise BuildError(
            Sentence("Engine", "This build of the program cannot compile: {advice}.").format(advice=advice())
        )
    missing = [name for name in ("cc", "c++") if not shutil.which(name)]
    if missing:
        raise BuildError(
            Sentence(
                "Engine", "To compile, {programs} are missing: install gcc and g++ and try again."
            ).format(programs=", ".join(missing))
        )


async def _compile(work: Path, progress: Progress) -> None:
    requirement = f"llama-cpp-python=={bindings_version()}"
    environment = {**os.environ, "TMPDIR": str(work)}
    # With this set, ggml leaves out AVX2 and the like, and everything is several times slower.
    environment.pop("SOURCE_DATE_EPOCH", None)
    # Without ninja, make would compile on one core.
    environment.setdefault("CMAKE_BUILD_PARALLEL_LEVEL", str(os.cpu_count() or 1))
    if await _compiler_loses_tile_stores():
        flags = f"-DCMAKE_C_FLAGS='{_NO_AMX}' -DCMAKE_CXX_FLAGS='{_NO_AMX}'"
        environment["CMAKE_ARGS"] = f"{environment.get('CMAKE_ARGS', '')} {flags}".strip()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pip", "wheel", "--verbose", "--no-deps", "--no-input"),
        # A wheel in pip's cache may be one for another processor, or hold no libraries at all.
        *("--no-cache-dir", "--no-binary", "llama-cpp-python", "--disable-pip-version-check"),
        *("--wheel-dir", str(work), requirement),
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, process.pid, 19)  # what it starts inherits this
    tail = b""
    try:
        assert process.stdout is not None
        while part := await process.stdout.read(65536):
            tail = (tail + part)[-16384:]
            steps = _STEP.findall(tail)
            if steps:
                step, total = steps[-1]
                progress(int(step) / int(total or 100))
        await process.wait()
    finally:
        if process.returncode is None:
            # pip alone would leave its compilers running.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if process.returncode != 0:
        lines = [line for line in tail.decode(errors="replace").splitlines() if line.strip()]
        errors = [line for line in lines if "error" in line.lower()] or lines
        raise BuildError(
            Sentence("Engine", "Compiling failed ({reason}): the engine in use goes on.").format(
                reason=errors[-1].strip() if errors else str(process.returncode)
            )
        )


async def _compiler_loses_tile_stores() -> bool:
    """Whether the compiler is a gcc that drops stores to an AMX tile configuration.

    Its intrinsic `_tile_loadconfig` declares 8 of the 64 bytes as read; the first tile instruction is then
    undefined. Mended in 12.4 and 13.3 (llama.cpp pull request 26954).
    """
    process = await asyncio.create_subprocess_exec(
        *("cc", "-dM", "-E", "-x", "c", os.devnull),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        told, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return loses_tile_stores(told.decode(errors="replace"))


def loses_tile_stores(macros: str) -> bool:
    """The same by the macros that a compiler predefines, a `#define` in each line."""
    known = dict(line.split()[1:3] for line in macros.splitlines() if len(line.split()) >= 3)
    if "__clang__" in known or "__GNUC__" not in known:
        return False
    version = (int(known["__GNUC__"]), int(known.get("__GNUC_MINOR__", 0)))
    return version < _FIXED_GCC.get(version[0], (12, 4))


def _unpack(work: Path, folder: Path, manifest: EngineManifest) -> None:
    (wheel,) = work.glob("llama_cpp_python-*.whl")
    unpacked = work / NAME
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.namelist():
            parent, _, name = member.rpartition("/")
            if parent == "llama_cpp/lib" and name:
                write_through(unpacked / name, archive.read(member))
    if not holds_library(unpacked):
        raise BuildError(
            Sentence("Engine", "Compiling gave no library: see that CMAKE_ARGS does not switch it off.")
        )
    put_in_place(unpacked, folder, manifest)
