"""The llama.cpp that is installed here, told without importing it."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from llmmem_gui.core.engine import Engine, features_of_flags


def installed_engine(gpu_offload: bool = False, cpuinfo: Path = Path("/proc/cpuinfo")) -> Engine:
    """The engine as its package and the processor describe it.

    Where the processor's flags are not told (macOS, Windows) none are taken to be there, so that no
    weights are expected to be repacked until a rehearsal says so.
    """
    try:
        version = metadata.version("llama-cpp-python")
    except metadata.PackageNotFoundError:
        version = ""
    return Engine(version, features_of_flags(_flags(cpuinfo)), gpu_offload)


def _flags(cpuinfo: Path) -> list[str]:
    try:
        lines = cpuinfo.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return []
    # `flags` on x86, `Features` on Arm; the first processor speaks for all.
    found = next((line for line in lines if line.lower().startswith(("flags", "features"))), "")
    return found.partition(":")[2].split()
