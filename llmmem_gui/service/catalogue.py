"""Which models there are, what the user decided for each, and what loading one would take."""

from __future__ import annotations

import asyncio
import math
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from llmmem_gui.core.cache_messages import Beside, Requested, StartHost
from llmmem_gui.core.engines import Device, EngineUse
from llmmem_gui.core.forecast import Forecast
from llmmem_gui.core.ledger import FileKey
from llmmem_gui.core.library import ModelFile
from llmmem_gui.core.parameters import AUTO, LARGEST_BATCH, LoadParameters, of_second_use
from llmmem_gui.core.protocol import Operation
from llmmem_gui.core.sentence import Models, Sentence
from llmmem_gui.core.settings import ModelSettings, Settings
from llmmem_gui.folders import Folders
from llmmem_gui.service.command_error import CommandError
from llmmem_gui.service.forecasts import Forecasts
from llmmem_gui.service.hosting.conversations import ConversationKeeper, OpenConversations
from llmmem_gui.service.hosting.engine_choice import EngineChoice
from llmmem_gui.service.hosting.host_life import HostLife
from llmmem_gui.service.hosting.rehearsals import Rehearsals
from llmmem_gui.service.library.findings import FolderProblem, Seen
from llmmem_gui.service.library.folder_watch import FolderWatch
from llmmem_gui.service.library.known_folders import ModelFolder, known_folders
from llmmem_gui.service.library.library_index import LibraryIndex
from llmmem_gui.service.storage.conversation_files import ConversationFiles
from llmmem_gui.service.storage.load_records import LoadRecords
from llmmem_gui.service.storage.settings_file import SettingsFile
from llmmem_gui.service.warmths import Warmths

_LOOK_PAUSE_SECONDS = 10.0
_LONGEST_LOOK_SECONDS = 3.0
"""A search for an id that nobody knows; a client may ask for one again and again."""


class Catalogue:
    """The library together with the settings of each model and the forecasts."""

    def __init__(
        self,
        folders: Folders,
        settings_file: SettingsFile,
        choice: EngineChoice,
        *,
        is_held: Callable[[str], bool] = lambda model_id: False,
        rooms: Callable[[str], Mapping[str, float]] = lambda model_id: {},
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`is_held` says of which models the cache holds memory, or will: they are not forgotten.

        `rooms` says how many bytes of each device a load of a model may use now.
        """
        self.folder_problems: tuple[FolderProblem, ...] = ()
        """Folders that the last search could not look into."""
        self.watch = FolderWatch()
        """Of what a search of all folders depends on."""
        self._records = LoadRecords(folders.load_records_file)
        self._choice = choice
        self._rehearsals = Rehearsals(folders.rehearsals_file, choice)
        self.conversations = ConversationKeeper(ConversationFiles(folders.conversations))
        """What is kept of conversations while models are not loaded."""
        self.forecasts = Forecasts(self._rehearsals, self._records, rooms)
        self._library = LibraryIndex(folders.library_file, is_held)
        self._clock = clock
        self._looking = asyncio.Lock()
        self._looked_at = -math.inf
        self._own_models = folders.models
        self._settings_file = settings_file
        self.warmths = Warmths(self.forecasts, self.find, self.parameters_of, clock)
        """How much of each model is in memory, and how long loads take."""

    def load(self) -> list[Sentence]:
        """Take over what the last run knew; notes for the user on what was damaged."""
        self._rehearsals.load()
        self.conversations.start(self._settings_file.settings.conversations)
        return [note for note in (self._library.load(), self._records.load()) if note is not None]

    async def close(self) -> None:
        """End what runs for forecasts and keep what was found."""
        await self.warmths.close()
        await self._rehearsals.close()
        await asyncio.to_thread(self.watch.close)

    # --- models --------------------------------------------------------------------------------------

    @property
    def models(self) -> tuple[ModelFile, ...]:
        """All models known."""
        return self._library.models

    @property
    def searched_folders(self) -> tuple[ModelFolder, ...]:
        """The folders that are searched: the user's, our own, those of other programs."""
        wanted = self._settings_file.settings.library
        folders = [ModelFolder(folder, "", is_named=True) for folder in wanted.folders]
        folders.append(ModelFolder(str(self._own_models), ""))
        if wanted.search_known_folders:
            folders.extend(known_folders(os.environ, os.path.expanduser("~"), sys.platform))
        return tuple(folders)

    async def scan(self, folders: Sequence[Path] = ()) -> AsyncIterator[list[ModelFile]]:
        """Look for models in all folders, or only in those given; gives what is found as it is found."""
        watched = None if folders else self.watch.begin()
        searched = _given(folders) or self.searched_folders
        problems: list[FolderProblem] = []
        async for batch in self._library.scan(searched, forget=not folders, seen=Seen(watched)):
            problems.extend(item for item in batch if isinstance(item, FolderProblem))
            yield [item for item in batch if isinstance(item, ModelFile)]
        self.folder_problems = tuple(problems)
        if watched is not None:
            await asyncio.to_thread(watched.end)

    async def add(self, path: Path) -> ModelFile:
        """Take one file into the library. Raises `CommandError` for one that is no model: it stays out."""
        file = await self._library.add(path)
        if file.error is not None:
            raise CommandError("bad model", file.error, file.id)
        return file

    def is_searched(self, file: ModelFile) -> bool:
        """Whether it lies in a folder that is searched, and so is found again."""
        folders = [os.path.join(os.path.realpath(folder.path), "") for folder in self.searched_folders]
        # Not the file's own real path: it may be a link to anywhere.
        here = os.path.join(os.path.realpath(os.path.dirname(file.path)), "")
        return here.startswith(tuple(folders))

    async def forget(self, file: ModelFile) -> None:
        """Take a model out of the list; its file stays where it is."""
        await self._library.forget(file.id)

    def find(self, model: str) -> ModelFile | None:
        """The model with that id or path, if it is known."""
        return self._library.find(model)

    def name_of(self, file: FileKey | None) -> str | None:
        """What the model in that file is called; None for a file that no model is known in."""
        return next((model.name for model in self.models if model.file == file), None)

    def conversations_of(self, start: StartHost, engine: EngineUse) -> OpenConversations:
        """Those that earlier loads like this one have left, and a place for what this one leaves."""
        file = self.find(start.model_id)
        # A file that was replaced since is another model.
        is_it = file is not None and file.file == start.charge.file
        key = file.key(start.parameters, engine.key) if file is not None and is_it else None
        return self.conversations.open(key)

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

        An id that is not known may be that of a file that has just come: it is looked for, briefly, and not
        more often than every ten seconds. Raises `CommandError` when there is none or it cannot be loaded.
        """
        if self._library.find(model) is None:
            if os.sep in model or model.endswith(".gguf"):
                await self.add(Path(model))
            else:
                await self.look_for((model,))
        known = self.known(model)
        file = await self._library.refresh(known)
        if file is None:
            sentence = Sentence("File", "{file} does not exist (any more).").format(file=known.path)
            raise CommandError("bad model", sentence, known.id)
        if file.id != known.id:
            sentence = Sentence(
                "Command", "The file of {model} was replaced by another model, which is called {other}."
            ).format(model=Models((known.id,)), other=Models((file.id,)))
            raise CommandError("bad model", sentence, known.id)
        if file.error is not None and not file.gone:
            raise CommandError("bad model", file.error, file.id)
        return file

    async def look_for(self, names: Sequence[str]) -> ModelFile | None:
        """Search all folders for a model with one of these ids, until it is found or the time is up.

        A name that is the path of a known model finds nothing: clients name models, never files.
        Those who come meanwhile wait; whoever comes within ten seconds of a search gets what it found.
        """

        def found() -> ModelFile | None:
            return next((file for file in map(self._library.find, names) if file and file.id in names), None)

        async with self._looking:
            if found() is None and self._clock() - self._looked_at >= _LOOK_PAUSE_SECONDS:
                self._looked_at = began = self._clock()
                async for _ in self._library.scan(self.searched_folders, forget=False):
                    if found() is not None or self._clock() - began > _LONGEST_LOOK_SECONDS:
                        break
            return found()

    # --- what the user decided -----------------------------------------------------------------------

    def settings_of(self, file: ModelFile, settings: Settings | None = None) -> ModelSettings:
        """What the user decided for a model, in the settings in force or in those given.

        It goes with the model's id, wherever its file lies.
        """
        kept = (settings or self._settings_file.settings).models
        # Earlier versions kept it by the path.
        return kept.get(file.id) or kept.get(file.path) or ModelSettings()

    def parameters_of(self, file: ModelFile) -> LoadParameters:
        """The parameters to load a model with: those chosen for it, the usual ones for the rest."""
        chosen = self.settings_of(file).parameters.instead_of(self.usual_parameters(file))
        return as_it_can_be_loaded(file, chosen)

    def usual_parameters(self, file: ModelFile) -> LoadParameters:
        """Those of a model for which nothing was chosen: its preset's, within what it was trained for."""
        usual = self._settings_file.settings.loading.parameters()
        if file.preset is not None:
            usual = file.preset.parameters.instead_of(usual)
            if not self.gpus:  # what another program places there has nowhere to go here
                usual = usual.with_gpu_layers(0)
        if usual.gpu_layers == AUTO and not any(gpu.is_card for gpu in self.gpus):
            usual = usual.with_gpu_layers(0)  # slower there than here, or no memory gained
        context = min(usual.context, file.context_length or usual.context)
        return msgspec.structs.replace(usual, context=context)

    def arguments_for(
        self, model: str, operation: Operation, arguments: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """What a host is asked for a request, with what the model's preset says where that says nothing."""
        file = self.find(model)
        if file is None or file.preset is None or operation == "embedding":
            return arguments
        return file.preset.arguments(arguments)

    def parameters_to_ask(
        self, file: ModelFile, operation: Operation, loaded: LoadParameters | None
    ) -> LoadParameters:
        """Those to load a model with for an answer: as it is loaded, or would be, for text or embeddings."""
        parameters = loaded or self.parameters_of(file)
        asked = msgspec.structs.replace(parameters, embeddings=operation == "embedding")
        return as_it_can_be_loaded(file, asked)

    # --- forecasts -----------------------------------------------------------------------------------

    @property
    def gpus(self) -> tuple[Device, ...]:
        """Those that layers can be placed on with the engine in use."""
        use = self._choice.current
        return use.gpus if use is not None else ()

    async def forecast(self, file: ModelFile, parameters: LoadParameters) -> Forecast:
        """What loading the model would take, rehearsed. Raises `CommandError` for a file that is no model."""
        if file.shape is None:
            sentence = Sentence("Command", "{model} has no forecast: {reason}").format(
                model=Models((file.id,)), reason=file.error or ""
            )
            raise CommandError("bad model", sentence, file.id)
        return await self.forecasts.rehearsed(file, parameters)

    async def second_use(
        self,
        file: ModelFile,
        parameters: LoadParameters,
        arguments: Mapping[str, Any],
        loaded: LoadParameters | None,
        room_bytes: int | None,
    ) -> Beside | None:
        """How a model that is loaded for the other use serves such a request as well.

        `loaded` is how its host has loaded it, if it has one. None for a model that has no other use.
        """
        if file.gives_only_embeddings:
            return None
        given = arguments.get("input", ())
        texts = [given] if isinstance(given, str) else given
        longest = max(map(_most_tokens, texts), default=0)
        wanted = of_second_use(parameters, longest if parameters.embeddings else None)
        if loaded is not None:  # the layers of a second context lie where those of the first one do
            wanted = wanted.with_gpu_layers(loaded.gpu_layers)
        # A better forecast may take a while: only where a second context is about to be needed.
        grows = loaded is not None and loaded.embeddings != parameters.embeddings
        forecast = await self.forecasts.second_use(file, wanted, room_bytes if grows else None)
        return Beside(wanted, forecast.charge(file.file, self.gpus))

    def request(self, ticket: int, file: ModelFile, parameters: LoadParameters) -> Requested:
        """A request for a load, with what it takes by what is known now."""
        forecast = self.forecasts.instant(file, parameters)
        assert forecast is not None  # only models are loaded
        limit, fits = self.settings_of(file).limit_bytes, None
        if limit is not None and forecast.main_bytes > limit:
            fits = self.forecasts.largest_context(file, parameters, limit)
        return Requested(
            ticket,
            file.id,
            forecast.charge(file.file, self.gpus),
            parameters,
            fits_context=fits,
            placements=self.forecasts.placements_now(file, parameters),
            gpu_layers=forecast.gpu_layers,
        )

    async def largest_context(
        self, model: str, fits_bytes: int, parameters: LoadParameters | None = None
    ) -> int | None:
        """The largest context with which the model takes at most `fits_bytes`; None when none does.

        Raises `CommandError` when it is unknown or bad.
        """
        file = await self.loadable(model)
        wanted = parameters or self.parameters_of(file)
        return await self.forecasts.largest_context_rehearsed(file, wanted, fits_bytes)

    async def learn(self, life: HostLife) -> None:
        """Take in what a load that has ended took."""
        file = self.find(life.start.model_id)
        if file is None or file.file != life.start.charge.file:
            return  # its file went, or was replaced, while it was loaded
        if life.start.parameters.gpu_layers != 0 and not life.vram_is_known:
            return  # unknown is not nothing
        await self.forecasts.learn(file, life.start.parameters, life.peak, life.timed, time.time())

    async def rehearse(self, file: ModelFile) -> None:
        """Rehearse a model with its own parameters, so that later clicks need not wait."""
        if file.shape is not None:
            await self.forecasts.rehearsed(file, self.parameters_of(file))


def as_it_can_be_loaded(file: ModelFile, parameters: LoadParameters) -> LoadParameters:
    """The parameters, for embeddings where the model can give nothing else.

    Such a model looks at all of a text at once: a batch of it holds the longest one.
    """
    if not file.gives_only_embeddings:
        return parameters
    batch = max(parameters.batch, min(parameters.context, LARGEST_BATCH))
    return msgspec.structs.replace(parameters, embeddings=True, batch=batch)


def _most_tokens(text: str) -> int:
    """More tokens than a text has but for those around it: one for each byte, where a space may be three."""
    return len(text.encode("utf-8", "replace")) + 2 * text.count(" ")


def _given(folders: Sequence[Path]) -> list[ModelFolder]:
    return [ModelFolder(os.path.abspath(folder), "", is_named=True) for folder in folders]
