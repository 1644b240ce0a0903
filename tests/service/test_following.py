"""The service follows what happens in folders of models: real files, and what the kernel tells of them."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from llmmem_gui.folders import Folders
from llmmem_gui.service.hosting.hosts import HostStarter
from llmmem_gui.service.library import folder_watch, library_index
from llmmem_gui.service.library.findings import Found
from llmmem_gui.service.library.model_search import search
from llmmem_gui.service.memory_service import MemoryService
from llmmem_gui.service.storage.settings_file import SettingsFile
from tests.hostile_gguf import RECIPE, write_good_model
from tests.made_up_models import Recipe, write_model

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has inotify")


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[MemoryService]:
    """One that searches a folder of the test and no others."""
    folders = Folders.of_user()
    folders.create()
    folders.models.mkdir(parents=True, exist_ok=True)
    file = SettingsFile(folders.settings_file)
    library = {"library.folders": (str(tmp_path / "models"),), "library.search_known_folders": False}
    file.settings = file.settings.with_values(library)
    service = MemoryService(folders, file, HostStarter.spawn(with_nursery=False))
    await service.start()
    await until(lambda: "following changes of folders" in {t.get_name() for t in asyncio.all_tasks()})
    yield service
    await service.close()
    assert not [link for link in descriptors() if "inotify" in link]


def descriptors() -> list[str]:
    """What the descriptors of this process are open on."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{name}"))
        except FileNotFoundError:  # that of the listing itself
            continue
    return found


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0.01)


async def test_the_list_follows_what_happens_in_folders(service: MemoryService, tmp_path: Path) -> None:
    """Models come, are renamed and go, without anybody asking for a search."""
    folder = made(tmp_path / "models")
    write_good_model(folder / "new.gguf")
    await until(lambda: service.snapshot.model("new"))
    (folder / "new.gguf").rename(folder / "renamed.gguf")
    await until(lambda: "renamed" in service.snapshot.model("new").facts.path)  # type: ignore[union-attr]
    (folder / "renamed.gguf").unlink()
    await until(lambda: service.snapshot.model("new") is None)


async def test_models_that_come_later_are_rehearsed_too(service: MemoryService, tmp_path: Path) -> None:
    """In the background, as those are that were there at the start, so that nobody has to ask for it."""

    def is_rehearsed(path: Path) -> bool:
        listed = [m for m in service.snapshot.models if m.facts.path == str(path)]
        sources = [m.forecast.source for m in listed if m.forecast is not None]
        return sources == ["dry run"] and listed[0].facts.file_bytes == path.stat().st_size

    found = write_model(made(tmp_path / "models") / "found.gguf", Recipe(vocabulary=2_000, layers=2))
    await until(lambda: is_rehearsed(found))
    found.write_bytes(write_model(tmp_path / "other.gguf", Recipe(vocabulary=2_000, layers=4)).read_bytes())
    await until(lambda: is_rehearsed(found))
    added = write_model(made(tmp_path / "elsewhere") / "added.gguf", Recipe(vocabulary=2_000, layers=3))
    await service.add_model(added)
    await until(lambda: is_rehearsed(added))


async def test_a_model_added_by_hand_is_followed_too(service: MemoryService, tmp_path: Path) -> None:
    """It lies in no folder that is searched; nothing else in there is looked at."""
    folder = made(tmp_path / "elsewhere")
    by_hand = await service.add_model(write_good_model(folder / "by hand.gguf"))
    await service.scan()
    write_model(folder / "another.gguf", RECIPE.but(layers=RECIPE.layers + 1))
    (folder / "by hand.gguf").unlink()
    await until(lambda: service.snapshot.model(by_hand.id) is None)
    assert service.snapshot.models == ()


async def test_a_flood_of_files_is_one_search(
    service: MemoryService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What goes on to happen is waited for, so that thousands of events are searched for together."""
    folder = made(tmp_path / "models")
    await until(lambda: str(folder) in service.catalogue.watch.folders)
    monkeypatch.setattr(folder_watch, "QUIET_SECONDS", 1.0)
    monkeypatch.setattr(folder_watch, "LONGEST_GATHERING_SECONDS", 300.0)
    searches = 0

    def counted(*arguments: object) -> Iterator[Found]:
        nonlocal searches
        searches += 1
        return search(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(library_index, "search", counted)
    for number in range(1000):
        place = folder / f"folder-{number // 50}"
        if not place.exists():
            place.mkdir()
            await asyncio.sleep(0.1)
        (place / f"{number}.gguf").write_bytes(b"a pointer, as git-lfs leaves it")
    await until(lambda: len(service.snapshot.models) == 1000)
    assert searches == 1


async def test_an_unchanged_list_is_not_told_of_again(service: MemoryService, tmp_path: Path) -> None:
    """What a search finds as it was is the same object: nothing is published for it."""
    write_good_model(made(tmp_path / "models") / "new.gguf")
    await until(lambda: service.snapshot.model("new"))
    before = service.catalogue.models
    await service.scan()
    assert service.catalogue.models[0] is before[0]


def made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder
