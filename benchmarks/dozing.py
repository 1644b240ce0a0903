"""What the machine gains when a model dozes, by each advice that the kernel takes, alone and under pressure.

`python -m benchmarks.dozing [--rounds N]`, from the root of the tree, as root on a machine with control
groups; the model comes from `.models` (`make test-models`). A host whose model has just answered gets an
advice about its mapped weights. Read are, of the machine, free and available memory before and after, and the
time of the next answer. Then the same beside a second host with a model of its own, in one control group with
room for what both hold and 64 MiB more, while another program fills these and half of the weights of one.
Read is what that leaves of the weights of each in memory, and the time of the next answer of each when it has
ended.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import itertools
import mmap
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.strategy_host import HostUnderTest, loaded_host, prose
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.service.hosting import host_process, nursery
from llmmem_gui.service.hosting.hosts import HostStarter
from tests.page_cache import forget_pages

MIB = 2**20
TREE = Path(__file__).resolve().parent.parent
MODEL = TREE / ".models" / "gemma-3-270m-q4_k_m.gguf"
ADVICE = {"none": (), "DONTNEED": (4,), "PAGEOUT": (21,), "COLD": (20,), "COLD, DONTNEED": (20, 4)}
"""Numbers for `madvise(2)`, one after the other."""
PARAMETERS = LoadParameters(context=1024)
SPARE_BYTES = 64 * MIB
ANSWER_TOKENS = 8

HOST = """
import sys
tree, advice, *arguments = sys.argv[1:]
sys.path.append(tree)
from llmmem_gui.host import mapping

def drop(self, weights):
    for region in weights:
        for each in filter(None, advice.split(",")):
            self._libc.madvise(region.start, region.length, int(each))

mapping.OwnMemory.drop = drop
from llmmem_gui.host.__main__ import main
main(arguments)
"""

OTHER_PROGRAM = """
import mmap, sys, time
size = int(input())
started = time.monotonic()
memory = mmap.mmap(-1, size)
for start in range(0, size, mmap.PAGESIZE):
    memory[start] = 1
print(time.monotonic() - started, flush=True)
input()
"""


class Group:
    """A control group with a limit, of whichever version this machine has."""

    def __init__(self) -> None:
        root = Path("/sys/fs/cgroup")
        self._is_v2 = (root / "cgroup.controllers").exists()
        self._folder = (root if self._is_v2 else root / "memory") / f"llmmem-dozing-{os.getpid()}"
        self._folder.mkdir()

    def add(self, pid: int) -> None:
        """Move a process into it."""
        (self._folder / "cgroup.procs").write_text(str(pid))

    def limit(self, limit_bytes: int | None) -> None:
        """Bound what its processes hold together, page cache included."""
        name = "memory.max" if self._is_v2 else "memory.limit_in_bytes"
        nothing = "max" if self._is_v2 else "-1"
        (self._folder / name).write_text(nothing if limit_bytes is None else str(limit_bytes))

    def used_bytes(self) -> int:
        """What it holds now."""
        name = "memory.current" if self._is_v2 else "memory.usage_in_bytes"
        return int((self._folder / name).read_text())

    def inactive_bytes(self) -> int:
        """Page cache that the kernel takes first."""
        found = re.search(r"^inactive_file (\d+)$", (self._folder / "memory.stat").read_text(), re.MULTILINE)
        return int(found[1]) if found else 0

    def close(self) -> None:
        """Remove it; its processes must have ended."""
        self._folder.rmdir()


def machine_bytes() -> tuple[int, int]:
    """Free and available memory."""
    text = Path("/proc/meminfo").read_text()
    free, available = (re.search(rf"^{n}:\s+(\d+)", text, re.MULTILINE) for n in ("MemFree", "MemAvailable"))
    assert free is not None
    assert available is not None
    return int(free[1]) * 1024, int(available[1]) * 1024


@contextmanager
def host_with(advice: str, folder: Path) -> Iterator[None]:
    """Let new hosts give this advice when they doze."""
    program = folder / "host.py"
    program.write_text(HOST)
    numbers = ",".join(map(str, ADVICE[advice]))
    before = host_process.host_program, nursery.host_program
    command = [sys.executable, str(program), str(TREE), numbers]
    host_process.host_program = nursery.host_program = lambda: command
    try:
        yield
    finally:
        host_process.host_program, nursery.host_program = before


async def measured(advice: str, models: Sequence[Path], folder: Path, *, pressed: bool) -> dict[str, float]:
    """One host, dozed once, beside another that stays awake when there is pressure."""
    for model in models:
        forget_pages(model)
    group = Group()
    try:
        with host_with(advice, folder):
            starter = HostStarter.spawn()
            try:
                if not pressed:
                    return await _alone(advice, models[0], starter, group)
                return await _beside_another(advice, models, starter, group)
            finally:
                await starter.close()
    finally:
        group.close()


async def _alone(advice: str, model: Path, starter: HostStarter, group: Group) -> dict[str, float]:
    async with loaded_host(starter, model, PARAMETERS, threads=1, born=group.add) as tested:
        awake = await seconds_to_answer(tested, 1)
        free, available = machine_bytes()
        started = time.monotonic()
        if advice != "none":
            await tested.host.doze()
        figures = {"to doze, ms": 1000 * (time.monotonic() - started)}
        free_now, available_now = machine_bytes()
        return figures | {
            "free, MiB": (free_now - free) / MIB,
            "available, MiB": (available_now - available) / MIB,
            "resident, MiB": tested.memory().mapped_bytes / MIB,
            "in the page cache, MiB": cached_bytes(model) / MIB,
            "of it first to go, MiB": group.inactive_bytes() / MIB,
            "answer awake, s": awake,
            "next answer, s": await seconds_to_answer(tested, 2),
        }


async def _beside_another(
    advice: str, models: Sequence[Path], starter: HostStarter, group: Group
) -> dict[str, float]:
    async with (
        loaded_host(starter, models[0], PARAMETERS, threads=1, born=group.add) as dozing,
        loaded_host(starter, models[1], PARAMETERS, threads=1, born=group.add) as awake,
    ):
        await seconds_to_answer(dozing, 1)
        await seconds_to_answer(awake, 1)
        weights_bytes = dozing.memory().mapped_bytes
        used_bytes = group.used_bytes()
        if advice != "none":
            await dozing.host.doze()
        group.limit(used_bytes + SPARE_BYTES)
        figures = {"other program, s": _take_memory(group, SPARE_BYTES + weights_bytes // 2)}
        group.limit(None)
        return figures | {
            "left of the one that dozes, MiB": cached_bytes(models[0]) / MIB,
            "left of the other, MiB": cached_bytes(models[1]) / MIB,
            "next answer of the other, s": await seconds_to_answer(awake, 2),
            "next answer of the one that dozed, s": await seconds_to_answer(dozing, 2),
        }


def _take_memory(group: Group, size: int) -> float:
    command = [sys.executable, "-c", OTHER_PROGRAM]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        group.add(other.pid)
        answer, _ = other.communicate(f"{size}\n\n")
    return float(answer or "nan")


async def seconds_to_answer(tested: HostUnderTest, seed: int) -> float:
    """Time of one short answer to a new prompt."""
    started = time.monotonic()
    await tested.ask(prose(40, seed), ANSWER_TOKENS)
    return time.monotonic() - started


def cached_bytes(file: Path) -> int:
    """What of a file is in the page cache."""
    libc = ctypes.CDLL(None)
    libc.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]
    with open(file, "rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_COPY) as mapped:
        pages = (ctypes.c_ubyte * -(-len(mapped) // mmap.PAGESIZE))()
        start = ctypes.c_char.from_buffer(mapped)
        assert libc.mincore(ctypes.addressof(start), len(mapped), pages) == 0
        del start
    return mmap.PAGESIZE * sum(page & 1 for page in pages)


def main() -> None:
    """Measure each advice in turn, in rounds, and write the medians."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    results: dict[tuple[str, bool], list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # Files that no other program maps.
        models = [Path(shutil.copy(MODEL, folder / f"model-{number}.gguf")) for number in (1, 2)]
        for _ in range(rounds):
            for advice, pressed in itertools.product(ADVICE, (False, True)):
                figures = asyncio.run(measured(advice, models, folder, pressed=pressed))
                results.setdefault((advice, pressed), []).append(figures)
    for (advice, pressed), runs in results.items():
        medians = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        print(f"{advice}, {'beside another program' if pressed else 'alone'}: ", end="")
        print(", ".join(f"{key} {value:.3g}" for key, value in medians.items()).replace("nan", "killed"))


if __name__ == "__main__":
    main()
