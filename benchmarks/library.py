"""What finding models costs: a first search, a second start, copies of one model, and watching their folders.

Run from the repository: `python -m benchmarks.library [MODELS]`. The files are made in a temporary folder,
100 in each folder of it, and lie in the page cache when they are read. Processor time is told beside each
time, for machines that have something else to do.
"""

from __future__ import annotations

import asyncio
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from llmmem_gui.folders import Folders
from llmmem_gui.service.hosting.hosts import HostStarter
from llmmem_gui.service.library.findings import Seen
from llmmem_gui.service.library.folder_watch import FolderWatch
from llmmem_gui.service.library.known_folders import ModelFolder
from llmmem_gui.service.library.library_index import LibraryIndex
from llmmem_gui.service.memory_service import MemoryService
from llmmem_gui.service.storage.settings_file import SettingsFile
from tests.hostile_gguf import good_model

MODELS = 10_000
IN_A_FOLDER = 100
CHANGED = 10
NEW = 20
WATCHED = 1_000
IDLE_SECONDS = 30


def main() -> None:
    """Print how long each of it takes."""
    models = int(sys.argv[1]) if len(sys.argv) > 1 else MODELS
    asyncio.run(measure(models))
    asyncio.run(idle_watch())
    asyncio.run(new_files())


async def measure(models: int) -> None:
    """Searches of folders with so many files."""
    with folder_of(models, alike=False) as folder:
        await first_and_second(f"{models} different models", folder)
    with folder_of(models, alike=True) as folder:
        await first_and_second(f"{models} copies of one model", folder)
    with folder_of(models // 10, alike=False) as folder:
        make_other_files(folder / "files", models - models // 10)
        await first_and_second(f"{models // 10} models among {models} files", folder)


async def first_and_second(name: str, folder: Path) -> None:
    """A search without an index, one by the program started next, and one after some files have changed."""
    print(name)
    await search("first search", folder)
    await search("second start", folder)
    for path in sorted(folder.rglob("*.gguf"))[:CHANGED]:
        path.rename(path.with_name(f"moved-{path.name}"))
    await search(f"second start, {CHANGED} moved", folder)


async def search(name: str, folder: Path) -> None:
    """One search by a program that has just started, and how long the event loop was kept at most."""
    began = time.perf_counter()
    index = LibraryIndex(folder / "index.json")
    index.load()
    loaded, processor = time.perf_counter(), time.process_time()
    late = asyncio.ensure_future(longest_step())
    async for _ in index.scan([ModelFolder(str(folder), "")]):
        pass
    took, processor = time.perf_counter() - loaded, time.process_time() - processor
    late.cancel()
    (longest,) = await asyncio.gather(late)
    print(
        f"  {name}: {took:.2f} s ({processor:.2f} s of a processor), {len(index.models)} models; "
        f"index read in {loaded - began:.2f} s; longest step of the loop {1000 * longest:.0f} ms"
    )


async def longest_step() -> float:
    """How late the loop came back at most, until this is cancelled."""
    longest = 0.0
    try:
        while True:
            asked = time.perf_counter()
            await asyncio.sleep(0.01)
            longest = max(longest, time.perf_counter() - asked - 0.01)
    except asyncio.CancelledError:
        return longest


async def idle_watch() -> None:
    """What watching costs while nothing happens."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(WATCHED):
            (folder / f"part-{number}").mkdir()
        watch, index = FolderWatch(), LibraryIndex(folder / "index.json")
        watch.open()
        watched = watch.begin()
        async for _ in index.scan([ModelFolder(str(folder), "")], seen=Seen(watched)):
            pass
        waiting = asyncio.ensure_future(watch.changed())
        await asyncio.sleep(1)
        before = resource.getrusage(resource.RUSAGE_SELF)
        await asyncio.sleep(IDLE_SECONDS)
        after = resource.getrusage(resource.RUSAGE_SELF)
        waiting.cancel()
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(
            f"{len(watch.folders)} folders watched for {IDLE_SECONDS} s: "
            f"{1000 * used:.1f} ms of a processor, {after.ru_nvcsw - before.ru_nvcsw} wake-ups, "
            "one of them to end it"
        )
        watch.close()


async def new_files() -> None:
    """How long a model that is put in its place takes until it is in the list."""
    with folder_of(IN_A_FOLDER, alike=False) as folder:
        os.environ["LLMMEM_HOME"] = str(folder / "home")
        service = service_of(folder / "part-0")
        await service.start()
        while len(service.catalogue.models) < IN_A_FOLDER:
            await asyncio.sleep(0.01)
        taken = [await until_listed(service, folder, f"new-{number}") for number in range(NEW)]
        median, longest = statistics.median(taken), max(taken)
        print(f"a new model is listed after {median:.2f} s (median of {NEW}), {longest:.2f} s at most")
        await service.close()


def service_of(folder: Path) -> MemoryService:
    """A service that searches this folder alone."""
    folders = Folders.of_user()
    folders.create()
    file = SettingsFile(folders.settings_file)
    library = {"library.folders": (str(folder),), "library.search_known_folders": False}
    file.settings = file.settings.with_values(library)
    return MemoryService(folders, file, HostStarter.spawn(with_nursery=False))


async def until_listed(service: MemoryService, folder: Path, name: str) -> float:
    """Seconds from the rename of a file until its model is in the list."""
    await asyncio.sleep(1)
    draft = folder / "draft"
    draft.write_bytes(good_model()[:-8] + name.encode()[-8:].rjust(8))
    began = time.perf_counter()
    draft.rename(folder / "part-0" / f"{name}.gguf")
    while service.catalogue.find(name) is None:
        await asyncio.sleep(0.005)
    return time.perf_counter() - began


@contextmanager
def folder_of(models: int, *, alike: bool) -> Iterator[Path]:
    """A folder with so many models, of the same content or each of its own."""
    content = good_model()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(models):
            path = folder / f"part-{number // IN_A_FOLDER}" / f"model-{number}.gguf"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content if alike else content[:-8] + number.to_bytes(8, "little"))
        yield folder


def make_other_files(folder: Path, count: int) -> None:
    """Files that are no models."""
    folder.mkdir()
    for number in range(count):
        (folder / f"file-{number}.txt").write_text("")


if __name__ == "__main__":
    main()
