"""The index of models: what it finds, remembers and forgets."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from pathlib import Path

import pytest

from llmmem_gui.core.library import ModelFile
from llmmem_gui.service.library import library_index, model_files
from llmmem_gui.service.library.known_folders import ModelFolder
from llmmem_gui.service.library.library_index import LibraryIndex
from tests.hostile_gguf import RECIPE, write_good_model
from tests.made_up_models import write_model


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder with three models, one of them broken."""
    folder = tmp_path / "models"
    folder.mkdir()
    write_good_model(folder / "a.gguf")
    write_good_model(folder / "b.gguf")
    (folder / "broken.gguf").write_bytes(b"GGUF")
    return folder


async def scan(index: LibraryIndex, *folders: Path, forget: bool = True) -> list[ModelFile]:
    places = [ModelFolder(str(folder), "") for folder in folders]
    return [
        item async for batch in index.scan(places, forget) for item in batch if isinstance(item, ModelFile)
    ]


async def test_finds_models_and_remembers_them(models: Path, tmp_path: Path) -> None:
    """What one run found is there in the next before anything is searched."""
    index = LibraryIndex(tmp_path / "index.json")
    found = await scan(index, models)
    assert [model.id for model in found] == ["a", "b", "broken"]
    assert [bool(model.error) for model in found] == [False, False, True]
    again = LibraryIndex(tmp_path / "index.json")
    assert again.load() is None
    assert again.models == index.models == tuple(found)
    assert again.find("a") == again.find(str(models / "a.gguf")) == found[0]


async def test_a_model_added_while_a_search_ends_is_kept(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is added while the search looks which added models are still there is not forgotten."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for layers, name in enumerate(("early", "late"), start=1):
        # Each of its own content: nobody has to look whether one is another that was moved.
        write_model(elsewhere / f"{name}.gguf", RECIPE.but(layers=RECIPE.layers + layers))
    index = LibraryIndex(tmp_path / "index.json")
    await index.add(elsewhere / "early.gguf")
    looking, may_look = threading.Event(), threading.Event()
    exists = os.path.exists

    def slow_exists(path: str) -> bool:
        if path.endswith("early.gguf"):
            looking.set()
            may_look.wait(30)
        return exists(path)

    monkeypatch.setattr(library_index.os.path, "exists", slow_exists)
    search = asyncio.ensure_future(scan(index, models))
    await asyncio.to_thread(looking.wait, 30)
    await index.add(elsewhere / "late.gguf")
    may_look.set()
    await search
    assert {model.id for model in index.models} == {"a", "b", "broken", "early", "late"}


async def test_what_a_later_search_has_met_is_not_forgotten_for_an_earlier_one(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two searches of the same folder at once, of which the earlier one is the slower, lose nothing."""
    monkeypatch.setattr(library_index, "BATCH_SECONDS", 0.0)
    index = LibraryIndex(tmp_path / "index.json")
    place = [ModelFolder(str(models), "")]
    earlier, later = index.scan(place), index.scan(place)
    await earlier.__anext__()
    met: list[object] = []
    while len(met) < 3:
        met += await later.__anext__()
    async for _ in earlier:
        pass
    async for _ in later:
        pass
    assert [model.id for model in index.models] == ["a", "b", "broken"]


async def test_reads_a_file_again_only_when_it_has_changed(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second search opens nothing but what is new, changed or broken."""
    index = LibraryIndex(tmp_path / "index.json")
    await scan(index, models)
    read = []
    original = model_files.read_header
    monkeypatch.setattr(
        model_files, "read_header", lambda path, *rest: (read.append(path), original(path, *rest))[1]
    )
    await scan(index, models)
    assert [os.path.basename(path) for path in read] == ["broken.gguf"]
    read.clear()
    os.utime(models / "a.gguf", ns=(1, 1))
    write_good_model(models / "c.gguf")
    await scan(index, models)
    assert sorted(map(os.path.basename, read)) == ["a.gguf", "broken.gguf", "c.gguf"]


async def test_a_repaired_file_loses_its_error(models: Path, tmp_path: Path) -> None:
    """A download that was incomplete becomes a model once it is whole."""
    index = LibraryIndex(tmp_path / "index.json")
    await scan(index, models)
    assert index.find("broken").error
    write_good_model(models / "broken.gguf")
    await scan(index, models)
    assert index.find("broken").error is None


async def test_forgets_what_is_gone_and_keeps_its_id(models: Path, tmp_path: Path) -> None:
    """A file that is gone is forgotten; when it comes back it has its old id, whoever came meanwhile."""
    index = LibraryIndex(tmp_path / "index.json")
    await scan(index, models)
    (models / "a.gguf").rename(tmp_path / "away")
    await scan(index, models)
    assert index.find("a") is None
    (models / "other").mkdir()
    write_model(models / "other" / "a.gguf", RECIPE.but(context=512))
    await scan(index, models)
    (tmp_path / "away").rename(models / "a.gguf")
    await scan(index, models)
    assert index.find("a").path == str(models / "a.gguf")
    assert index.find("other-a").path == str(models / "other" / "a.gguf")


async def test_a_search_of_some_folders_forgets_nothing(models: Path, tmp_path: Path) -> None:
    """A search that is not meant to be whole leaves the models of other folders alone."""
    index = LibraryIndex(tmp_path / "index.json")
    await scan(index, models)
    await scan(index, tmp_path / "elsewhere", forget=False)
    assert len(index.models) == 3
    await scan(index, tmp_path / "elsewhere")
    assert index.models == ()


async def test_models_added_one_by_one_stay(models: Path, tmp_path: Path) -> None:
    """A file that the user added stays while it exists, in whatever folder it lies."""
    index = LibraryIndex(tmp_path / "index.json")
    path = write_good_model(tmp_path / "Single Model.gguf")
    model = await index.add(path)
    assert (model.id, model.error) == ("single-model", None)
    await scan(index, models)
    assert index.find("single-model") == model
    again = LibraryIndex(tmp_path / "index.json")
    again.load()
    path.unlink()
    await scan(again, models)
    assert again.find("single-model") is None


async def test_adding_what_is_no_model_says_why(tmp_path: Path) -> None:
    """A file that is no model, or is not there, becomes an entry with its error."""
    index = LibraryIndex(tmp_path / "index.json")
    (tmp_path / "text.gguf").write_text("hello, this is not a model")
    assert "not a GGUF model" in str((await index.add(tmp_path / "text.gguf")).error)
    assert "does not exist" in str((await index.add(tmp_path / "nothing.gguf")).error)


async def test_an_index_of_the_version_before_is_taken_over(models: Path, tmp_path: Path) -> None:
    """An index whose errors are English texts keeps its ids; the next search says the errors anew."""
    index = LibraryIndex(tmp_path / "library.json")
    [batch async for batch in index.scan([ModelFolder(str(models), "")])]
    stored = json.loads((tmp_path / "library.json").read_bytes())
    for model in stored["models"]:
        if model["error"] is not None:
            model["error"] = "It is no model."
    (tmp_path / "library.json").write_text(json.dumps({**stored, "version": 1}))
    later = LibraryIndex(tmp_path / "library.json")
    assert later.load() is None
    assert [model.id for model in later.models] == [model.id for model in index.models]
    assert str(later.find("broken").error) == "It is no model."
    [batch async for batch in later.scan([ModelFolder(str(models), "")])]
    assert later.models == index.models


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff", b"[]", b'{"version": 1}', b'{"version": 1, "models": [{}]}']
)
async def test_a_damaged_index_is_set_aside(content: bytes, tmp_path: Path) -> None:
    """An index that cannot be read is kept beside, said so, and made anew."""
    path = tmp_path / "index.json"
    path.write_bytes(content)
    index = LibraryIndex(path)
    note = index.load()
    assert note is not None
    assert (tmp_path / "index.json.bad").read_bytes() == content
    assert index.models == ()


async def test_an_index_of_another_version_is_left_alone(tmp_path: Path) -> None:
    """An index that a newer program wrote is not read and not called damaged."""
    path = tmp_path / "index.json"
    path.write_bytes(b'{"version": 999, "models": "something new"}')
    index = LibraryIndex(path)
    assert index.load() is None
    assert index.models == ()


async def test_headers_are_read_again_for_an_index_of_an_earlier_version(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is looked for in headers now was not looked for then; ids stay."""
    path = tmp_path / "index.json"
    await scan(LibraryIndex(path), models)
    path.write_text(json.dumps({**json.loads(path.read_text()), "version": 2}))
    read: list[str] = []
    describe = library_index.describe
    monkeypatch.setattr(
        library_index, "describe", lambda found, *rest: read.append(found.name) or describe(found, *rest)
    )
    later = LibraryIndex(path)
    assert later.load() is None
    assert [model.id for model in later.models] == ["a", "b", "broken"]
    await scan(later, models)
    assert read == ["a", "b", "broken"]


async def test_a_full_disk_costs_the_index_and_nothing_else(models: Path, tmp_path: Path) -> None:
    """When the index cannot be written, the models are found all the same."""
    index = LibraryIndex(tmp_path / "no such folder" / "index.json")
    assert len(await scan(index, models)) == 3


async def test_a_search_can_be_left(models: Path, tmp_path: Path) -> None:
    """Who leaves a search early keeps what was found, and nothing is forgotten."""
    index = LibraryIndex(tmp_path / "index.json")
    await scan(index, models)
    (models / "a.gguf").unlink()
    async for _ in index.scan([ModelFolder(str(models), "")]):
        break
    assert index.find("a") is not None
