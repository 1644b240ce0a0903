"""Which model is which: files that are moved, replaced, updated or gone, also while they are loaded."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from llmmem_gui.core.library import ModelFile
from llmmem_gui.service.library import library_index
from llmmem_gui.service.library.known_folders import ModelFolder
from llmmem_gui.service.library.library_index import LibraryIndex
from tests.hostile_gguf import RECIPE, write_good_model
from tests.made_up_models import write_model

MIB = 1024**2


class Shelf:
    """An index over one folder of models, some of which are held."""

    def __init__(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "models"
        self.folder.mkdir()
        self.held: set[str] = set()
        self.index = LibraryIndex(tmp_path / "index.json", self.held.__contains__)

    async def scan(self, *folders: Path, forget: bool = True) -> list[str]:
        places = [ModelFolder(str(folder), "") for folder in folders or (self.folder,)]
        async for _ in self.index.scan(places, forget):
            pass
        return self.ids

    @property
    def ids(self) -> list[str]:
        return [model.id for model in self.index.models]

    def model(self, model_id: str) -> ModelFile:
        model = self.index.find(model_id)
        assert model is not None
        return model


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def write_other_model(path: Path) -> Path:
    """A model of another kind."""
    return write_model(path, RECIPE.but(layers=RECIPE.layers + 1))


def write_newer_edition(path: Path) -> Path:
    """The same model with other bytes."""
    return write_model(path, RECIPE.but(chat_template="{{ messages }}"))


# --- what is loaded ----------------------------------------------------------------------------------


@pytest.mark.parametrize("folder_goes", [False, True])
async def test_a_loaded_model_whose_file_is_gone_is_known_until_it_is_unloaded(
    shelf: Shelf, folder_goes: bool
) -> None:
    """Its row stays and says so; the memory it holds can be found and given back."""
    write_good_model(shelf.folder / "a.gguf")
    await shelf.scan()
    shelf.held.add("a")
    if folder_goes:
        shutil.rmtree(shelf.folder)
    else:
        (shelf.folder / "a.gguf").unlink()
    assert await shelf.scan() == ["a"]
    assert await shelf.scan() == ["a"]
    assert shelf.model("a").gone
    assert "gone or was replaced" in str(shelf.model("a").error)
    shelf.held.clear()
    assert shelf.ids == []
    assert shelf.index.find("a") is None


async def test_a_loaded_model_whose_folder_is_searched_no_longer_keeps_its_row(shelf: Shelf) -> None:
    """It is in order, so that nothing is said of it; it goes when it is unloaded."""
    write_good_model(shelf.folder / "a.gguf")
    await shelf.scan()
    shelf.held.add("a")
    assert await shelf.scan(shelf.folder / "elsewhere") == ["a"]
    assert not shelf.model("a").gone
    shelf.held.clear()
    assert shelf.ids == []


async def test_a_loaded_model_that_was_added_by_hand_stays_when_it_is_unloaded(
    shelf: Shelf, tmp_path: Path
) -> None:
    """It lies in no folder that is searched; searches while it is loaded change nothing about that."""
    file = write_good_model(tmp_path / "by hand.gguf")
    assert (await shelf.index.add(file)).id == "by-hand"
    shelf.held.add("by-hand")
    assert await shelf.scan() == ["by-hand"]
    shelf.held.clear()
    assert shelf.ids == ["by-hand"]
    assert await shelf.scan() == ["by-hand"]
    later = LibraryIndex(tmp_path / "index.json")
    later.load()
    assert later.find("by-hand") is not None


async def test_a_loaded_model_that_was_added_by_hand_goes_with_its_file(shelf: Shelf, tmp_path: Path) -> None:
    """It is known until it is unloaded, and not longer; another file there is not taken for it."""
    file = write_good_model(tmp_path / "by hand.gguf")
    await shelf.index.add(file)
    shelf.held.add("by-hand")
    file.unlink()
    assert await shelf.scan() == ["by-hand"]
    assert shelf.model("by-hand").gone
    shelf.held.clear()
    assert shelf.ids == []
    write_good_model(file)
    assert await shelf.scan() == []


async def test_a_loaded_model_whose_file_comes_back_is_in_order_again(shelf: Shelf, tmp_path: Path) -> None:
    """A drive that was pulled out and put in again leaves no mark."""
    file = write_good_model(shelf.folder / "a.gguf")
    await shelf.scan()
    shelf.held.add("a")
    file.rename(tmp_path / "away")
    await shelf.scan()
    (tmp_path / "away").rename(file)
    assert await shelf.scan() == ["a"]
    assert not shelf.model("a").gone
    shelf.held.clear()
    assert shelf.ids == ["a"]


async def test_a_gone_model_is_not_written_down(shelf: Shelf, tmp_path: Path) -> None:
    """The next run does not list what only the memory of this one holds."""
    file = write_good_model(shelf.folder / "a.gguf")
    await shelf.scan()
    shelf.held.add("a")
    file.unlink()
    await shelf.scan()
    later = LibraryIndex(tmp_path / "index.json")
    later.load()
    assert later.models == ()


# --- replaced ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("loaded", [False, True])
async def test_another_model_under_the_same_name_is_another_model(shelf: Shelf, loaded: bool) -> None:
    """It has an id of its own, so that no pin and no limit of the old one is taken for its."""
    file = write_good_model(shelf.folder / "a.gguf")
    await shelf.scan()
    if loaded:
        shelf.held.add("a")
    file.unlink()
    write_other_model(file)
    ids = await shelf.scan()
    assert ids == (["a", "models-a"] if loaded else ["models-a"])
    assert shelf.index.find(str(file)) == shelf.model("models-a")
    if loaded:
        assert shelf.model("a").gone
        shelf.held.clear()
        assert shelf.ids == ["models-a"]


async def test_a_newer_edition_keeps_the_id_and_waits_for_the_loaded_one(shelf: Shelf) -> None:
    """What is loaded is told apart from what lies there; when it is unloaded, the new one is the model."""
    file = write_good_model(shelf.folder / "a.gguf")
    await shelf.scan()
    loaded = shelf.model("a")
    shelf.held.add("a")
    file.unlink()
    write_newer_edition(file)
    assert await shelf.scan() == ["a"]
    assert shelf.model("a").gone
    assert shelf.model("a").identities == loaded.identities
    shelf.held.clear()
    assert not shelf.model("a").gone
    assert shelf.model("a").has_chat_template


# --- moved and updated -------------------------------------------------------------------------------


async def test_a_moved_file_keeps_its_id(shelf: Shelf) -> None:
    """Renamed, put into another folder, or away for a whole search: the content tells."""
    file = write_good_model(shelf.folder / "a.gguf")
    write_other_model(shelf.folder / "other.gguf")
    await shelf.scan()
    moved = shelf.folder / "deep" / "b.gguf"
    moved.parent.mkdir()
    file.rename(moved)
    assert sorted(await shelf.scan()) == ["a", "other"]
    assert shelf.model("a").path == str(moved)
    moved.rename(shelf.folder / "away")
    assert await shelf.scan() == ["other"]
    copied = shutil.copy(shelf.folder / "away", shelf.folder / "c.gguf")
    assert sorted(await shelf.scan()) == ["a", "other"]
    assert shelf.model("a").path == str(copied)


async def test_a_copy_is_a_model_of_its_own(shelf: Shelf) -> None:
    """Two files with one content are two models, also after a restart."""
    file = write_good_model(shelf.folder / "a.gguf")
    await shelf.scan()
    shutil.copy(file, shelf.folder / "b.gguf")
    assert sorted(await shelf.scan()) == ["a", "b"]
    assert sorted(await shelf.scan()) == ["a", "b"]


async def test_copies_that_were_moved_keep_their_ids_each_its_own(shelf: Shelf) -> None:
    """Two files of one content, renamed before one search, are the two models that they were."""
    for name in ("a", "b", "stays"):
        write_good_model(shelf.folder / f"{name}.gguf")
    await shelf.scan()
    for name in ("a", "b"):
        (shelf.folder / f"{name}.gguf").rename(shelf.folder / f"moved-{name}.gguf")
    assert sorted(await shelf.scan()) == ["a", "b", "stays"]
    assert {shelf.model(id).path for id in ("a", "b")} == {
        str(shelf.folder / f"moved-{name}.gguf") for name in ("a", "b")
    }


async def test_a_search_among_copies_looks_at_each_once(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of thousands of files of one content each could be any other one that was moved."""
    copies = 60
    for number in range(copies):
        write_good_model(shelf.folder / f"{number}.gguf")
    looks = 0
    exists = os.path.exists

    def counted(path: str) -> bool:
        nonlocal looks
        looks += 1
        return exists(path)

    monkeypatch.setattr(os.path, "exists", counted)
    await shelf.scan()
    for number in range(copies // 2):
        write_good_model(shelf.folder / f"another-{number}.gguf")
    assert len(await shelf.scan()) == copies * 3 // 2
    assert looks <= 2 * copies


async def test_a_moved_file_keeps_its_id_over_a_restart(shelf: Shelf, tmp_path: Path) -> None:
    """What a model was is written down with its id."""
    file = write_good_model(shelf.folder / "a.gguf")
    await shelf.scan()
    file.rename(shelf.folder / "b.gguf")
    later = LibraryIndex(tmp_path / "index.json")
    later.load()
    async for _ in later.scan([ModelFolder(str(shelf.folder), "")]):
        pass
    assert [model.id for model in later.models] == ["a"]


def snapshot(hub: Path, commit: str, name: str, *, is_main: bool) -> Path:
    """A revision of a repository in Hugging Face's cache, as its library lays it out."""
    repository = hub / "models--o--foo-GGUF"
    folder = repository / "snapshots" / commit
    blob = repository / "blobs" / commit
    for parent in (folder, blob.parent, repository / "refs"):
        parent.mkdir(parents=True, exist_ok=True)
    writes = {"aa": write_good_model, "bb": write_newer_edition, "cc": write_other_model}
    writes[commit[:2]](blob)
    (folder / name).symlink_to(os.path.relpath(blob, folder))
    if is_main:
        (repository / "refs" / "main").write_text(commit)
    return folder


async def test_a_repository_is_listed_once_at_the_revision_in_force(shelf: Shelf) -> None:
    """Updating and cleaning up keep the id, and with it pin and limits, whatever the new bytes are."""
    first = snapshot(shelf.folder, "aa" * 20, "foo-Q4.gguf", is_main=True)
    assert await shelf.scan() == ["foo-q4"]
    second = snapshot(shelf.folder, "cc" * 20, "foo-Q4.gguf", is_main=True)
    assert await shelf.scan() == ["foo-q4"]
    assert shelf.model("foo-q4").path == str(second / "foo-Q4.gguf")
    shutil.rmtree(first)
    assert await shelf.scan() == ["foo-q4"]


async def test_a_repository_without_a_reference_has_its_newest_revision(shelf: Shelf) -> None:
    """A download of one commit writes no refs/main; a reference to nothing is none."""
    old = snapshot(shelf.folder, "aa" * 20, "foo-Q4.gguf", is_main=False)
    os.utime(old, (1, 1))
    new = snapshot(shelf.folder, "bb" * 20, "foo-Q4.gguf", is_main=False)
    (new.parent.parent / "refs" / "main").write_text("../../..")
    assert await shelf.scan() == ["foo-q4"]
    assert shelf.model("foo-q4").path == str(new / "foo-Q4.gguf")


async def test_files_of_one_name_in_two_repositories_are_told_apart_by_the_repository(shelf: Shelf) -> None:
    """An id is made of names that people know, not of a commit."""
    snapshot(shelf.folder, "aa" * 20, "foo-Q4.gguf", is_main=True)
    write_other_model(shelf.folder / "foo-Q4.gguf")
    assert sorted(await shelf.scan()) == ["foo-q4", "o-foo-gguf-foo-q4"]


@pytest.mark.parametrize(
    "twin", ["a.gguf.part", "a.gguf.aria2", "a.gguf.crdownload", "a.part", "a.gguf.incomplete", "a.gguf.!qB"]
)
async def test_a_file_that_is_still_downloaded_is_not_offered(shelf: Shelf, twin: str) -> None:
    """Its twin says so; when that is gone, the model is there."""
    write_good_model(shelf.folder / "a.gguf")
    (shelf.folder / twin).touch()
    assert await shelf.scan() == []
    (shelf.folder / twin).unlink()
    assert await shelf.scan() == ["a"]


async def test_a_file_that_grows_cannot_be_loaded_until_it_is_whole(shelf: Shelf) -> None:
    """A copy under way has an error, and loses it and keeps its id when it is complete."""
    whole = write_good_model(shelf.folder / "whole").read_bytes()
    (shelf.folder / "a.gguf").write_bytes(whole[: len(whole) // 2])
    assert await shelf.scan() == ["a"]
    assert "incomplete" in str(shelf.model("a").error)
    (shelf.folder / "a.gguf").write_bytes(whole)
    assert await shelf.scan() == ["a"]
    assert shelf.model("a").error is None


async def test_a_file_of_full_size_that_is_still_written_cannot_be_loaded_before_it_is_closed(
    shelf: Shelf,
) -> None:
    """A download into a file made as large as it will be has an error, and loses it without a search."""
    path = write_good_model(shelf.folder / "a.gguf")
    with path.open("r+b") as download:
        _skip_where_leases_tell_nothing(path)
        assert await shelf.scan() == ["a"]
        assert str(shelf.model("a").error) == "a.gguf is still being written: wait until it is complete."
        download.write(path.read_bytes())
    refreshed = await shelf.index.refresh(shelf.model("a"))
    assert refreshed is not None
    assert refreshed.error is None
    assert await shelf.scan() == ["a"]


async def test_a_file_that_is_only_read_can_be_loaded(shelf: Shelf) -> None:
    """Other programs may have it open, and hosts map it."""
    path = write_good_model(shelf.folder / "a.gguf")
    with path.open("rb"):
        assert await shelf.scan() == ["a"]
    assert shelf.model("a").error is None


def _skip_where_leases_tell_nothing(path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    if not hasattr(fcntl, "F_SETLEASE"):
        pytest.skip("this system has no leases of files")
    with path.open("rb") as file:
        try:
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        except BlockingIOError:
            return
    pytest.skip("this file system has no leases of files")


# --- several searches --------------------------------------------------------------------------------


async def test_a_search_does_not_undo_one_that_began_later(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `scan DIR` finds while the search at the start still runs stays."""
    monkeypatch.setattr(library_index, "BATCH_SECONDS", 0.0)
    for name in ("a", "b", "c"):
        write_good_model(shelf.folder / f"{name}.gguf")
    other = tmp_path / "other"
    other.mkdir()
    write_other_model(other / "x.gguf")
    whole = shelf.index.scan([ModelFolder(str(shelf.folder), "")])
    await whole.__anext__()
    assert "x" in await shelf.scan(other, forget=False)
    async for _ in whole:
        pass
    assert sorted(shelf.ids) == ["a", "b", "c", "x"]
    assert sorted(await shelf.scan()) == ["a", "b", "c"]
