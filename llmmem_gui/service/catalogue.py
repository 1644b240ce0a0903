"""Which models there are, what the user decided for each, and what loading one would take."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from llmmem_gui.core.forecast import Forecast
from llmmem_gui.core.known_folders import ModelFolder, known_folders
from llmmem_gui.core.library import ModelFile
from llmmem_gui.core.model_search import FolderProblem
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.sentence import Sentence
from llmmem_gui.core.settings import ModelSettings
from llmmem_gui.folders import Folders
from llmmem_gui.service.command_error import CommandError
from llmmem_gui.service.forecasts import Forecasts
from llmmem_gui.service.hosting.rehearsals import Rehearsals
from llmmem_gui.service.storage.library_index import LibraryIndex
from llmmem_gui.service.storage.load_records import LoadRecords
from llmmem_gui.service.storage.settings_file import SettingsFile


class Catalogue:
    """The library together with the settings of each model and the forecasts."""

    def __init__(self, folders: Folders, settings_file: SettingsFile) -> None:
        self.folder_problems: tuple[FolderProblem, ...] = ()
        """Folders that the last search could not look into."""
        self._records = LoadRecords(folders.load_records_file)
        self._rehearsals = Rehearsals(folders.rehearsals_file)
        self.forecasts = Forecasts(self._rehearsals, self._records)
        self._library = LibraryIndex(folders.library_file)
        self._own_models = folders.models
        self._settings_file = settings_file

    def load(self) -> list[Sentence]:
        """Take over what the last run knew; notes for the user on what was damaged."""
        self._rehearsals.load()
        return [note for note in (self._library.load(), self._records.load()) if note is not None]

    async def close(self) -> None:
        """End what runs for forecasts and keep what was found."""
        await self._rehearsals.close()

    # --- models --------------------------------------------------------------------------------------

    @property
    def models(self) -> tuple[ModelFile, ...]:
        """All models known."""
        return self._library.models

    @property
    def searched_folders(self) -> tuple[ModelFolder, ...]:
        """The folders that are searched: the user's, our own, those of other programs."""
        wanted = self._settings_file.settings.library
        folders = [ModelFolder(folder, "") for folder in wanted.folders]
        folders.append(ModelFolder(str(self._own_models), ""))
        if wanted.search_known_folders:
            folders.extend(known_folders(os.environ, os.path.expanduser("~"), sys.platform))
        return tuple(folders)

    async def scan(self, folders: Sequence[Path] = ()) -> AsyncIterator[list[ModelFile]]:
        """Look for models in all folders, or only in those given; gives what is found as it is found."""
        searched = [ModelFolder(os.path.abspath(folder), "") for folder in folders]
        problems: list[FolderProblem] = []
        async for batch in self._library.scan(searched or self.searched_folders, forget=not folders):
            problems.extend(item for item in batch if isinstance(item, FolderProblem))
            yield [item for item in batch if isinstance(item, ModelFile)]
        self.folder_problems = tuple(problems)

    async def add(self, path: Path) -> ModelFile:
        """Take one file into the library; one that is no model has an `error`."""
        return await self._library.add(path)

    def find(self, model: str) -> ModelFile | None:
        """The model with that id or path, if it is known."""
        return self._library.find(model)

    def known(self, model: str) -> ModelFile:
        """The model with that id or path. Raises `CommandError`."""
        file = self.find(model)
        if file is None:
            sentence = Sentence(
                "Command", "There is no model {model}: 'llmmem scan' lists the ones there are."
            ).format(model=repr(model))
            raise CommandError("unknown model", sentence)
        return file

    async def loadable(self, model: str) -> ModelFile:
        """The model with that id, or the one in that file, which need not be known yet.

        Raises `CommandError` when there is none or it cannot be loaded.
        """
        is_path = os.sep in model or model.endswith(".gguf")
        if self._library.find(model) is None and is_path:
            await self._library.add(Path(model))
        file = self.known(model)
        if file.error is not None:
            raise CommandError("bad model", file.error, file.id)
        return file

    # --- what the user decided -----------------------------------------------------------------------

    def settings_of(self, file: ModelFile) -> ModelSettings:
        """What the user decided for a model; it stays with the file's path."""
        return self._settings_file.settings.model(file.path)

    async def change(self, file: ModelFile, **changes: Any) -> None:
        """Change what is decided for a model and write it down."""
        changed = msgspec.structs.replace(self.settings_of(file), **changes)
        await self._settings_file.save(self._settings_file.settings.with_model(file.path, changed))

    def parameters_of(self, file: ModelFile) -> LoadParameters:
        """The parameters chosen for a model, else the usual ones within what it was trained for."""
        chosen = self.settings_of(file).parameters
        if chosen is not None:
            return chosen
        usual = self._settings_file.settings.loading.parameters()
        context = min(usual.context, file.context_length or usual.context)
        return msgspec.structs.replace(usual, context=context)

    # --- forecasts -----------------------------------------------------------------------------------

    async def forecast(self, file: ModelFile, parameters: LoadParameters) -> Forecast:
        """What loading the model would take, rehearsed. Raises `CommandError` for a file that is no model."""
        if file.shape is None:
            sentence = Sentence("Command", "{model} has no forecast: {reason}").format(
                model=file.id, reason=file.error or ""
            )
            raise CommandError("bad model", sentence, file.id)
        return await self.forecasts.rehearsed(file, parameters)

    async def rehearse_all(self) -> None:
        """Rehearse every model with its own parameters, so that later clicks need not wait."""
        for file in self.models:
            if file.shape is not None:
                await self.forecasts.rehearsed(file, self.parameters_of(file))
