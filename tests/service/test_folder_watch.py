"""Folders of models are watched: real files, and what the kernel tells of them."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from llmmem_gui.core.library import FoundModel
from llmmem_gui.service.library.findings import Found, Seen
from llmmem_gui.service.library.folder_watch import FolderWatch
from llmmem_gui.service.library.known_folders import Layout, ModelFolder
from llmmem_gui.service.library.model_search import search
from tests.hostile_gguf import good_model, write_good_model
from tests.service.program_folders import hub_model, ollama_model

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has inotify")

NOTHING_SECONDS = 1.0
"""What has not been told of after this is taken not to be told of at all."""


class Watched:
    """A folder, searched, and what is told of it since."""

    def __init__(self, folder: Path, layout: Layout = "files", most_folders: int = 1000) -> None:
        self.folder = folder
        self.watch = FolderWatch(most_folders)
        assert self.watch.open()
        self._folders = [ModelFolder(str(folder), "", layout)]

    def search(self) -> list[str]:
        """The names of the models there are."""
        watched = self.watch.begin()
        found = [step for step in search(self._folders, Seen(watched)) if isinstance(step, FoundModel)]
        watched.end()
        return [model.name for model in found]

    async def tells_nothing(self) -> bool:
        """Whether nothing is told of for a while."""
        try:
            await asyncio.wait_for(self.watch.changed(), NOTHING_SECONDS)
        except asyncio.TimeoutError:
            return True
        return False


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    folder = tmp_path / "models"
    folder.mkdir()
    one = Watched(folder)
    one.search()
    yield one
    one.watch.close()


# --- what is told of ---------------------------------------------------------------------------------


def _linked(folder: Path, elsewhere: Path) -> None:
    (folder / "new.gguf").symlink_to(elsewhere)


def _linked_hard(folder: Path, elsewhere: Path) -> None:
    (folder / "new.gguf").hardlink_to(elsewhere)


def _renamed(folder: Path, elsewhere: Path) -> None:
    elsewhere.rename(folder / "new.gguf")


def _copied(folder: Path, elsewhere: Path) -> None:
    shutil.copy(elsewhere, folder / "new.gguf")


def _in_a_new_folder(folder: Path, elsewhere: Path) -> None:
    (folder / "deep" / "deeper").mkdir(parents=True)
    shutil.copy(elsewhere, folder / "deep" / "deeper" / "new.gguf")


def _with_its_folder(folder: Path, elsewhere: Path) -> None:
    away = folder.with_name("away")
    away.mkdir()
    elsewhere.rename(away / "new.gguf")
    away.rename(folder / "came")


def _in_a_linked_folder(folder: Path, elsewhere: Path) -> None:
    (folder / "linked").symlink_to(elsewhere.parent, target_is_directory=True)
    elsewhere.rename(elsewhere.with_name("new.gguf"))


@pytest.mark.parametrize(
    "comes",
    [
        _linked,
        _linked_hard,
        _renamed,
        _copied,
        _in_a_new_folder,
        _with_its_folder,
        _in_a_linked_folder,
    ],
)
async def test_a_new_model_is_told_of_however_it_comes(
    watched: Watched, tmp_path: Path, comes: Callable[[Path, Path], None]
) -> None:
    """And so is its going, with its folder or alone."""
    elsewhere = tmp_path / "elsewhere" / "file"
    elsewhere.parent.mkdir()
    comes(watched.folder, write_good_model(elsewhere))
    await watched.watch.changed()
    assert "new" in watched.search()
    assert await watched.tells_nothing()
    next(watched.folder.rglob("new.gguf"), elsewhere.with_name("new.gguf")).unlink()
    await watched.watch.changed()
    assert watched.search() == []


async def test_a_file_that_grows_is_told_of_when_it_is_closed(watched: Watched) -> None:
    """Not when it is begun and not while it is written, however long that takes."""
    with (watched.folder / "new.gguf").open("wb", buffering=0) as file:
        for piece in (good_model()[:1000], good_model()[1000:]):
            file.write(piece)
            assert await watched.tells_nothing()
    await watched.watch.changed()
    assert watched.search() == ["new"]


@pytest.mark.parametrize("twin", ["new.gguf.part", "new.part", "new.gguf.incomplete", "new.gguf.aria2"])
async def test_a_download_is_offered_when_its_twin_is_gone(watched: Watched, twin: str) -> None:
    """Whether the twin becomes the file, or lay beside it to be removed at the end."""
    write_good_model(watched.folder / "new.gguf")
    (watched.folder / twin).write_bytes(b"")
    await watched.watch.changed()
    assert watched.search() == []
    (watched.folder / twin).unlink()
    await watched.watch.changed()
    assert watched.search() == ["new"]


async def test_what_is_no_model_is_not_told_of(watched: Watched) -> None:
    """A folder of downloads is not searched for every picture that comes."""
    (watched.folder / "picture.png").write_bytes(b"0")
    (watched.folder / ".hidden.gguf").write_bytes(b"0")
    (watched.folder / ".cache").mkdir()
    (watched.folder / "picture.png").unlink()
    assert await watched.tells_nothing()


@pytest.mark.parametrize("missing", ["models", "deep/deeper/models"])
async def test_a_folder_that_appears_later_is_noticed(tmp_path: Path, missing: str) -> None:
    """Whatever part of its path was missing, also while the folders on the way to it are made one by one."""
    watched = Watched(tmp_path / missing)
    assert watched.search() == []
    (tmp_path / "something else").mkdir()
    assert await watched.tells_nothing()
    for parent in reversed([watched.folder, *watched.folder.parents]):
        if not parent.exists():
            parent.mkdir()
            await watched.watch.changed()
            assert watched.search() == []
    write_good_model(watched.folder / "new.gguf")
    await watched.watch.changed()
    assert watched.search() == ["new"]
    shutil.rmtree(tmp_path / Path(missing).parts[0])
    await watched.watch.changed()
    assert watched.search() == []
    write_good_model(made(watched.folder) / "again.gguf")
    await watched.watch.changed()
    assert watched.search() == ["again"]
    watched.watch.close()


def made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


async def test_a_link_to_a_folder_is_followed_wherever_it_leads(tmp_path: Path) -> None:
    """To a disk that is not there yet, to one that comes, and to another one afterwards."""
    link = tmp_path / "models"
    link.symlink_to(tmp_path / "disk" / "models", target_is_directory=True)
    watched = Watched(link)
    assert watched.search() == []
    write_good_model(made(tmp_path / "disk" / "models") / "first.gguf")
    await watched.watch.changed()
    assert watched.search() == ["first"]
    write_good_model(made(tmp_path / "other") / "second.gguf")
    link.unlink()
    link.symlink_to(tmp_path / "other", target_is_directory=True)
    await watched.watch.changed()
    assert watched.search() == ["second"]
    write_good_model(tmp_path / "disk" / "models" / "third.gguf")
    assert await watched.tells_nothing()
    watched.watch.close()


async def test_links_in_a_circle_do_no_harm(watched: Watched) -> None:
    """A folder that is reached by several paths is watched once."""
    for name in ("itself", "again"):
        (watched.folder / name).symlink_to(watched.folder, target_is_directory=True)
    await watched.watch.changed()
    assert watched.search() == []
    assert watched.watch.folders == (str(watched.folder),)
    write_good_model(watched.folder / "itself" / "new.gguf")
    await watched.watch.changed()
    assert watched.search() == ["new"]


async def test_a_model_pulled_by_ollama_is_told_of(tmp_path: Path) -> None:
    """Also the first one of all, which makes the store."""
    watched = Watched(tmp_path / ".ollama" / "models", "ollama")
    assert watched.search() == []
    ollama_model(watched.folder, "registry.ollama.ai/library/first/latest", {})
    await watched.watch.changed()
    assert watched.search() == ["first"]
    ollama_model(watched.folder, "registry.ollama.ai/somebody/second/7b", {"system": b"Be brief."})
    await watched.watch.changed()
    assert sorted(watched.search()) == ["first", "somebody/second:7b"]
    (watched.folder / "manifests/registry.ollama.ai/library/first/latest").unlink()
    await watched.watch.changed()
    assert watched.search() == ["somebody/second:7b"]
    watched.watch.close()


async def test_another_revision_of_a_repository_is_told_of(watched: Watched) -> None:
    """A file under a checksum is nothing; the reference that puts it in force is."""
    hub_model(watched.folder, "org/repo", "old.gguf", "1" * 40)
    hub_model(watched.folder, "org/repo", "new.gguf", "2" * 40, current=False)
    await watched.watch.changed()
    assert watched.search() == ["old"]
    (watched.folder / "models--org--repo/blobs/begun.incomplete").write_bytes(b"0")
    assert await watched.tells_nothing()
    (watched.folder / "models--org--repo/refs/main").write_text("2" * 40)
    await watched.watch.changed()
    assert watched.search() == ["new"]


async def test_what_happens_while_a_search_lists_is_told_of(watched: Watched) -> None:
    """A folder is watched before it is listed."""
    for name in ("a", "b"):
        write_good_model(made(watched.folder / name) / f"{name}.gguf")
    await watched.watch.changed()
    searching = watched.watch.begin()
    steps: Iterator[Found] = search([ModelFolder(str(watched.folder), "")], Seen(searching))
    found = next(step for step in steps if isinstance(step, FoundModel))
    write_good_model(watched.folder / found.name / "late.gguf")
    assert "late" not in [step.name for step in steps if isinstance(step, FoundModel)]
    searching.end()
    await watched.watch.changed()
    assert sorted(watched.search()) == ["a", "b", "late"]


async def test_more_than_the_kernel_keeps_is_told_of_all_the_same(watched: Watched) -> None:
    """Names that were lost in a flood are found by the search that follows it."""
    kept = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if kept > 50_000:
        pytest.skip(f"the kernel keeps {kept} events")
    name = watched.folder / "flood.txt"
    for _ in range(kept // 2 + 1):
        name.touch()
        name.unlink()
    write_good_model(watched.folder / "lost.gguf")
    await watched.watch.changed()
    assert watched.search() == ["lost"]
    assert await watched.tells_nothing()


# --- what it costs -----------------------------------------------------------------------------------


async def test_an_idle_watch_wakes_nobody(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop sleeps until something happens; there is no timer and no thread."""
    selector = asyncio.get_running_loop()._selector  # type: ignore[attr-defined]
    wakes: list[float | None] = []
    select = selector.select
    monkeypatch.setattr(selector, "select", lambda timeout=None: (wakes.append(timeout), select(timeout))[1])
    waiting = asyncio.ensure_future(watched.watch.changed())
    await asyncio.sleep(0)
    wakes.clear()
    await asyncio.sleep(NOTHING_SECONDS)
    idle, wakes[:] = list(wakes), []
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    wakes.clear()
    await asyncio.sleep(NOTHING_SECONDS)
    assert len(idle) <= len(wakes) + 1


def test_closing_leaves_nothing(tmp_path: Path) -> None:
    """No descriptor stays, and a search that is still under way when it is closed opens none."""
    descriptors = len(os.listdir("/proc/self/fd"))
    watched = Watched(tmp_path)
    assert watched.watch.folders == ()
    watched.search()
    assert watched.watch.folders == (str(tmp_path),)
    watched.watch.close()
    watched.search()
    assert watched.watch.folders == ()
    assert not watched.watch.open()
    assert len(os.listdir("/proc/self/fd")) == descriptors


async def test_more_folders_than_may_be_watched_are_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Those that can be watched are; the others are searched as ever."""
    for number in range(5):
        write_good_model(made(tmp_path / f"folder-{number}") / f"{number}.gguf")
    watched = Watched(tmp_path, most_folders=3)
    with caplog.at_level(logging.WARNING):
        assert len(watched.search()) == len(watched.search()) == 5
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "max_user_watches" in caplog.text
    assert len(watched.watch.folders) == 3
    (tmp_path / "folder-0" / "0.gguf").unlink()
    await watched.watch.changed()
    assert len(watched.search()) == 4
    watched.watch.close()


LIMITED = """
import sys
from pathlib import Path
from tests.service.test_folder_watch import Watched
Path("/proc/sys/user/max_inotify_watches").write_text("3")
watched = Watched(Path(sys.argv[1]))
print(len(watched.search()), len(watched.search()), len(watched.watch.folders))
watched.watch.close()
Path("/proc/sys/user/max_inotify_instances").write_text("0")
from llmmem_gui.service.library.folder_watch import FolderWatch
print(FolderWatch().open())
"""


def test_limits_of_the_system_are_no_failure(tmp_path: Path) -> None:
    """The kernel's own refusal of a watch, and of watching at all, in a user namespace that has few."""
    unshare = ["unshare", "--user", "--map-root-user"]
    if not shutil.which("unshare") or subprocess.run([*unshare, "true"], capture_output=True).returncode:
        pytest.skip("no user namespaces can be made here")
    for number in range(5):
        write_good_model(made(tmp_path / f"folder-{number}") / f"{number}.gguf")
    command = [*unshare, sys.executable, "-c", LIMITED, str(tmp_path)]
    tree = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tree, env={**os.environ})
    assert done.stdout.split() == ["5", "5", "3", "False"], done.stderr
    assert done.stderr.count("max_user_watches") == 1
    assert done.stderr.count("are not watched, a search finds what is new:") == 1
