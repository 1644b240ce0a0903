"""What a person decides about the list of models: what each is called, and what is not in it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from llmmem_gui.core.events import Actor
from llmmem_gui.core.sentence import Models, Sentence
from llmmem_gui.service.catalogue import Catalogue
from llmmem_gui.service.command_error import CommandError
from llmmem_gui.service.settings_in_force import SettingsInForce


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
    ) -> None:
        self._catalogue = catalogue
        self._in_force = in_force
        self._is_held = is_held
        self._changed = changed

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
