"""The list of models: what searches find, by hand or when folders change, and what a person decides."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from llmmem_gui.core.events import Actor
from llmmem_gui.core.gguf import FileIdentity
from llmmem_gui.core.library import ModelFile
from llmmem_gui.core.sentence import Models, Sentence
from llmmem_gui.service.catalogue import Catalogue
from llmmem_gui.service.command_error import CommandError
from llmmem_gui.service.settings_in_force import SettingsInForce
from llmmem_gui.service.supervision import Supervisor

_MORE = 1.1
"""A search is shown again when it has found so many times what was shown last: each showing shows all."""
_REST = 4
"""Times as long as it took, searching rests before it follows another change."""


class Load(Protocol):
    """Loads a model and waits until it is ready."""

    async def __call__(self, model: str, *, actor: Actor) -> object: ...


class ModelList:
    """Changes the list of models and says that it has changed."""

    def __init__(
        self,
        catalogue: Catalogue,
        in_force: SettingsInForce,
        is_held: Callable[[str], bool],
        changed: Callable[[], None],
        note: Callable[[Sentence], None],
    ) -> None:
        self._catalogue = catalogue
        self._in_force = in_force
        self._is_held = is_held
        self._changed = changed
        self._note = note
        self._tasks = Supervisor()
        self._came = asyncio.Event()
        """There may be models that were not rehearsed yet."""

    async def close(self) -> None:
        """Follow changes no longer, and rehearse no more."""
        await self._tasks.close()

    async def search(self, folders: Sequence[Path] = ()) -> tuple[ModelFile, ...]:
        """Look for models in all folders, or only in those given; tells of what is found as it is found."""
        found: list[ModelFile] = []
        shown, show_at = self._catalogue.models, 0.0
        told = self._catalogue.folder_problems
        async for batch in self._catalogue.scan(folders):
            found.extend(batch)
            if len(found) >= show_at and self._catalogue.models != shown:
                shown, show_at = self._catalogue.models, _MORE * len(found)
                self._changed()
        if self._catalogue.models != shown:  # at its end a search forgets
            self._changed()
        self._came.set()
        for problem in self._catalogue.folder_problems:
            if problem not in told:
                self._note(problem.reason)
        self._in_force.tell_of_models()
        return tuple(found)

    async def add(self, path: Path) -> ModelFile:
        """Take one file into the list. Raises `CommandError` when it is not a model."""
        file = await self._catalogue.add(path)
        await self._in_force.change_model(file, actor="program", hidden=False)
        self._in_force.tell_of_models()
        self._changed()
        self._came.set()
        return file

    async def follow(self) -> None:
        """Search all folders, and from now on again whenever something changes in one of them."""
        is_open = await asyncio.to_thread(self._catalogue.watch.open)
        await self.search()
        if is_open:
            self._tasks.keep("following changes of folders", self._follow)

    async def _follow(self) -> None:
        while True:
            await self._catalogue.watch.changed()
            began = time.monotonic()
            await self.search()
            await asyncio.sleep(_REST * (time.monotonic() - began))

    def rehearse(self) -> None:
        """Rehearse every model, from now on also those that come later, as soon as they do."""
        self._tasks.run("dry runs of new models", self._rehearse())

    async def _rehearse(self) -> None:
        rehearsed: set[tuple[FileIdentity, ...]] = set()
        while True:
            self._came.clear()
            for file in self._catalogue.models:
                if file.identities not in rehearsed:
                    rehearsed.add(file.identities)
                    await self._catalogue.rehearse(file)
                    self._changed()
            await self._came.wait()

    async def load_at_start(self, load: Load) -> None:
        """Load what is to be loaded at every start; what cannot be is told as every failed load is."""
        for file in self._catalogue.models:
            if self._catalogue.settings_of(file).load_at_start:
                with contextlib.suppress(CommandError):
                    await load(file.id, actor="program")

    async def remove(self, model: str, *, actor: Actor) -> None:
        """Take a model out of the list; its file stays. One in a folder that is searched is hidden.

        Raises `CommandError` while it holds memory.
        """
        file = self._catalogue.known(model)
        if self._is_held(file.id):
            sentence = Sentence("Command", "{model} is in use: unload it, then remove it from the list.")
            raise CommandError("bad request", sentence.format(model=Models((file.id,))), file.id)
        if self._catalogue.is_searched(file):
            await self._in_force.change_model(file, actor=actor, hidden=True)
        else:
            await self._catalogue.forget(file)
        self._changed()

    async def change(self, model: str, changes: Mapping[str, Any], *, actor: Actor) -> None:
        """Change what is decided for one model, by the names of `ModelSettings`."""
        await self._in_force.change_model(self._catalogue.known(model), actor=actor, **changes)
        self._changed()
