"""How near the expected time of a load is to the true one, cold and warm, and what it costs to look.

    python -m benchmarks.warmth [--gib 1] [--rounds 3]

Makes a model of about that size up, in the folder for temporary files, and deletes it. Before each load the
file is taken out of memory, or a part of it, or left there; what is expected then is compared with what the
load takes. The looks are at 300 files that were read before, and at sparse ones of 4 GiB.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.units import GIB, MIB, format_bytes
from llmmem_gui.core.warmth import ExpectedLoad
from llmmem_gui.folders import Folders
from llmmem_gui.service.hosting.hosts import HostStarter
from llmmem_gui.service.library import page_cache
from llmmem_gui.service.memory_service import MemoryService
from llmmem_gui.service.storage.settings_file import SettingsFile
from tests.made_up_models import Recipe, write_model

LAYER_BYTES = 56 * MIB
"""Of a layer of the recipe below, in q8_0."""


def make_model(path: Path, size_bytes: int) -> None:
    """Write a model of about that size."""
    layers = max(1, size_bytes // LAYER_BYTES)
    write_model(path, Recipe(layers=layers, embedding=2048, feed_forward=8192, heads=32, kv_heads=8))
    with path.open("rb") as file:
        os.fsync(file.fileno())


def evict(path: Path, share: float) -> None:
    """Take that share of a file, its end, out of memory; what is left is read if need be."""
    size = path.stat().st_size
    kept = round(size * (1 - share)) // page_cache._PAGE * page_cache._PAGE
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)
        for offset in range(0, kept, 8 * MIB):
            os.pread(file.fileno(), min(8 * MIB, kept - offset), offset)
        os.posix_fadvise(file.fileno(), kept, 0, os.POSIX_FADV_DONTNEED)


async def expected(service: MemoryService, model_id: str) -> ExpectedLoad:
    """What the service expects now."""
    service.catalogue.warmths._kept.clear()
    return (await service.catalogue.warmths.expected_loads([model_id]))[model_id]


async def loads(path: Path, rounds: int) -> None:
    """Load, unload, and compare."""
    folders = Folders.of_user()
    folders.create()
    service = MemoryService(folders, SettingsFile(folders.settings_file), HostStarter.spawn())
    await service.start()
    try:
        model_id = (await service.add_model(path)).id
        print(f"{'in memory before':>17} {'expected':>10} {'true':>10} {'off':>7}")
        for _ in range(rounds):
            for share in (1.0, 0.0, 0.5):
                evict(path, share)
                before = await expected(service, model_id)
                loaded = await service.load(model_id, LoadParameters(context=512), actor="script")
                await service.unload(model_id, actor="script")
                assert loaded.load_seconds is not None
                told = "–" if before.seconds is None else f"{before.seconds:.2f} s"
                off = (
                    "–"
                    if before.seconds is None
                    else f"{100 * (before.seconds / loaded.load_seconds - 1):+.0f} %"
                )
                print(f"{before.warmth.share:>16.0%} {told:>11} {loaded.load_seconds:>8.2f} s {off:>7}")
    finally:
        await service.close()


@contextmanager
def only_mincore() -> Iterator[None]:
    """As on a kernel before 6.5."""
    before, page_cache._CACHESTAT = page_cache._CACHESTAT, 100_000
    try:
        yield
    finally:
        page_cache._CACHESTAT = before


def look(paths: list[str]) -> float:
    """Milliseconds of the processor for one look at all, the median of five."""
    took = []
    for _ in range(5):
        began = time.process_time()
        for path in paths:
            page_cache.warmth_of([path])
        took.append(time.process_time() - began)
    return 1000 * statistics.median(took)


def costs(folder: Path, path: Path) -> None:
    """What looks cost, at a file in memory and at many that are not."""
    path.read_bytes()
    sparse = [folder / f"{number}.gguf" for number in range(300)]
    for each in sparse:
        with each.open("wb") as file:
            file.truncate(4 * GIB)
    holes, page_cache._HOLES_SHARE = page_cache._HOLES_SHARE, 2.0  # so that they are looked at all the same
    many = [str(each) for each in sparse]
    size = format_bytes(path.stat().st_size)
    print(f"one look at {size} in memory: {look([str(path)]):.2f} ms by cachestat", end=", ")
    with only_mincore():
        print(f"{look([str(path)]):.2f} ms by mincore")
    print(f"300 files of 4 GiB, not in memory: {look(many):.1f} ms by cachestat", end=", ")
    with only_mincore():
        print(f"{look(many):.1f} ms by mincore")
    page_cache._HOLES_SHARE = holes


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gib", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="llmmem-warmth-") as name:
        folder = Path(name)
        os.environ["LLMMEM_HOME"] = str(folder / "home")
        path = folder / "made-up.gguf"
        make_model(path, int(options.gib * GIB))
        asyncio.run(loads(path, options.rounds))
        costs(folder, path)


if __name__ == "__main__":
    main()
