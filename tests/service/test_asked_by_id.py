"""Models asked for by an id: an unknown one, one that is another by now, and what was decided for it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from llmmem_gui.core.engines import EngineUse
from llmmem_gui.core.settings import ModelSettings
from llmmem_gui.folders import Folders
from llmmem_gui.service.catalogue import Catalogue
from llmmem_gui.service.command_error import CommandError
from llmmem_gui.service.hosting.engine_choice import EngineChoice
from llmmem_gui.service.library import library_index
from llmmem_gui.service.library.findings import Seen
from llmmem_gui.service.library.known_folders import ModelFolder
from llmmem_gui.service.storage.settings_file import SettingsFile
from tests.hostile_gguf import RECIPE, write_good_model
from tests.made_up_models import write_model

MIB = 1024**2


@pytest.fixture
async def catalogue(tmp_path: Path) -> Catalogue:
    folders = Folders.of_user()
    folders.create()
    folders.models.mkdir(parents=True, exist_ok=True)
    file = SettingsFile(folders.settings_file)
    file.settings = file.settings.with_value("library.search_known_folders", False)
    return Catalogue(folders, file, EngineChoice((EngineUse("", "none", "0.0.0"),)), clock=lambda: now[0])


now = [1000.0]


async def test_an_unknown_id_is_looked_for_once_before_it_is_refused(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that has just come is found; asking again and again does not search again and again."""
    searches = 0
    search = library_index.search

    def counted(folders: tuple[ModelFolder, ...], seen: Seen) -> object:
        nonlocal searches
        searches += 1
        return search(folders, seen)

    monkeypatch.setattr(library_index, "search", counted)
    folder = Folders.of_user().models
    write_good_model(folder / "new.gguf")
    found = await asyncio.gather(*(catalogue.loadable("new") for _ in range(5)))
    assert {file.id for file in found} == {"new"}
    assert searches == 1
    for _ in range(5):
        with pytest.raises(CommandError, match="There is no model 'newer'"):
            await catalogue.loadable("newer")
    assert searches == 1
    now[0] += 10.0
    _write_other_model(folder / "newer.gguf")
    assert (await catalogue.loadable("newer")).id == "newer"
    assert searches == 2


async def test_a_look_for_an_unknown_id_is_bounded(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk without end does not keep a client waiting for its 404."""

    def endless(*_: object) -> object:
        while True:
            now[0] += 0.5
            yield None

    monkeypatch.setattr(library_index, "search", endless)
    monkeypatch.setattr(library_index, "BATCH_SECONDS", 0.0)
    folder = Folders.of_user().models
    write_good_model(folder / "x.gguf")
    with pytest.raises(CommandError, match="There is no model"):
        await asyncio.wait_for(catalogue.loadable("nothing"), 30)


async def test_a_model_replaced_since_the_search_is_not_loaded_under_the_old_name(
    catalogue: Catalogue,
) -> None:
    """The error names what lies there now."""
    file = write_good_model(Folders.of_user().models / "swap.gguf")
    await catalogue.loadable("swap")
    file.unlink()
    _write_other_model(file)
    with pytest.raises(CommandError, match="was replaced by another model, which is called models-swap"):
        await catalogue.loadable("swap")
    assert (await catalogue.loadable("models-swap")).id == "models-swap"
    file.unlink()
    with pytest.raises(CommandError, match="does not exist"):
        await catalogue.loadable("models-swap")


async def test_what_was_decided_for_a_model_goes_with_its_id(catalogue: Catalogue) -> None:
    """It follows a file that is moved; what an earlier version kept by the path holds until it is changed."""
    folder = Folders.of_user().models
    file = write_good_model(folder / "a.gguf")
    settings = catalogue._settings_file.settings
    by_path = settings.with_model(str(file), ModelSettings(pinned=True))
    assert catalogue.settings_of(await catalogue.loadable("a"), by_path) == ModelSettings(pinned=True)
    by_id = by_path.with_model("a", ModelSettings(500 * MIB, pinned=True))
    file.rename(folder / "b.gguf")
    async for _ in catalogue.scan():
        pass
    moved = catalogue.known("a")
    assert moved.path == str(folder / "b.gguf")
    assert catalogue.settings_of(moved, by_id) == ModelSettings(500 * MIB, pinned=True)


def _write_other_model(path: Path) -> Path:
    """A model of another kind."""
    return write_model(path, RECIPE.but(layers=RECIPE.layers + 1))
