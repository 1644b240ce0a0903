"""The library on the disk: what was found in the folders, remembered, so that the next search is instant."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from llmmem_gui.core.library import Description, FoundModel, ModelFile, model_file, place_of
from llmmem_gui.core.sentence import Sentence, verbatim
from llmmem_gui.service.library.findings import FolderProblem, Found, Seen
from llmmem_gui.service.library.known_folders import ModelFolder
from llmmem_gui.service.library.model_files import describe, eyes_of, identities_of
from llmmem_gui.service.library.model_ids import ModelIds, MovedModels, SeenModel, key_of, path_of
from llmmem_gui.service.library.model_search import search
from llmmem_gui.service.storage.durable_file import KeptFile

VERSION = 3
"""Of the index file; one of a later version is made anew. Of an earlier one all headers are read again."""
_VERSION_WITH_TEXTS = 1
"""Why a file is no model stood there in English."""

BATCH_SECONDS = 0.1
"""How long a search works before it hands over what it has found."""

HEADER_SECONDS = 2.0
"""A header that takes longer is given up: its disk hangs, or it was made to take long."""


class _StoredVersion(msgspec.Struct, frozen=True):
    version: int


class _StoredIndex(_StoredVersion, frozen=True):
    models: tuple[ModelFile, ...]
    ids: dict[str, str]
    """Ids by the places of the models that they were given to."""
    added: tuple[str, ...]
    """Ids of models that the user added one by one."""
    seen: dict[str, SeenModel] = {}
    """By id."""


class _StoredTexts(_StoredVersion, frozen=True):
    models: tuple[dict[str, Any], ...]
    ids: dict[str, str]
    added: tuple[str, ...]


class _Looked(NamedTuple):
    """A model that was found and looked at."""

    found: FoundModel
    description: Description
    moved: str | None
    """The id of the model that lay elsewhere, where it is one that was moved."""


_GONE = Sentence("File", "Its file is gone or was replaced; the model stays as it is until it is unloaded.")


class LibraryIndex:
    """All models known, by id. Use it from one event loop; searches work in threads of it.

    A file is read again only when its size, time of change or inode have changed. An id goes with what is in
    the file: it follows a file that was moved, and the revisions of a repository of Hugging Face. Another
    model under the same path gets another id; a newer edition of the same one keeps it.

    A model that is held, because it is loaded or about to be, is never forgotten.
    """

    def __init__(self, path: Path, is_held: Callable[[str], bool] = lambda model_id: False) -> None:
        """`path` is the file in which the index is kept; it need not exist."""
        self._path = path
        self._file = KeptFile(path)
        self._is_held = is_held
        self._models: dict[str, ModelFile] = {}
        self._ids = ModelIds()
        self._added: set[str] = set()
        self._leaving: dict[str, ModelFile | None] = {}
        """Held models that would be forgotten otherwise, and what takes the place of each afterwards."""
        self._met: dict[str, int] = {}
        """The last search that met each model."""
        self._searches = 0
        self._reading = asyncio.Lock()

    @property
    def models(self) -> tuple[ModelFile, ...]:
        """All models known, in the order in which they were found first."""
        self._let_go()
        return tuple(self._models.values())

    def find(self, model: str) -> ModelFile | None:
        """The model with this id, or of the file at this path."""
        self._let_go()
        by_id = self._models.get(model)
        if by_id is not None:
            return by_id
        path = os.path.abspath(os.path.expanduser(model))
        return self._models.get(self._ids.at(place_of(path)) or "")

    def load(self) -> Sentence | None:
        """Take over what the last run knew; gives a note for the user where the file is damaged.

        A damaged file is set aside with the ending `.bad`.
        """
        try:
            content = self._path.read_bytes()
            version = msgspec.json.decode(content, type=_StoredVersion).version
            if version == _VERSION_WITH_TEXTS:
                content = _with_sentences(content)
            elif version > VERSION:
                return None
            stored = msgspec.json.decode(content, type=_StoredIndex)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return self._set_aside(error)
        if version < VERSION:  # less was looked at then
            models = (msgspec.structs.replace(model, identities=()) for model in stored.models)
        else:
            models = (model for model in stored.models)
        self._models = {model.id: model for model in models}
        self._ids = ModelIds(stored.ids, stored.seen)
        self._added = set(stored.added)
        return None

    async def scan(
        self, folders: Iterable[ModelFolder], forget: bool = True, seen: Seen | None = None
    ) -> AsyncIterator[list[ModelFile | FolderProblem]]:
        """Search the folders; every tenth of a second gives what was found in it, if anything.

        At the end the index is saved, if it can be. With `forget`, models that are neither in these folders
        nor were added one by one are forgotten then, unless a search that began later has met them. Who
        leaves early keeps what was found. `seen` is told what the search depends on.
        """
        self._searches += 1
        number = self._searches
        seen = seen or Seen()
        steps = search(tuple(folders), seen)
        moved = self._moved()
        is_over = False
        while not is_over:
            async with self._reading:
                findings, is_over = await asyncio.to_thread(self._batch, steps, moved)
                taken = [self._take(finding, number) for finding in findings]
            yield taken
        if forget:
            await self._forget_those_not_met(number, seen)
        await self._try_to_save()

    async def add(self, path: Path) -> ModelFile:
        """Take one file into the library, whatever folder it lies in.

        One that is no model has an error, and is not taken in: it would stay in the list for ever.
        """
        known = set(self._models)
        model = await self._look_at(path)
        if model.error is not None and model.id not in known:
            self._forget({model.id})
            return model
        self._added.add(model.id)
        await self._try_to_save()
        return model

    async def forget(self, model_id: str) -> None:
        """Take a model out of the list; its file stays, and a search of its folder finds it again."""
        self._forget({model_id})
        await self._try_to_save()

    async def refresh(self, model: ModelFile) -> ModelFile | None:
        """The model in that file as it is now; None when the file is gone. A held one stays as it is."""
        if self._is_held(model.id):
            return model
        alone = FoundModel(
            model.name, model.owner, (model.path,), model.projector, None, model.preset, model.variant
        )
        identities = await asyncio.to_thread(identities_of, alone)
        # What was wrong with a file may have gone without a trace in its times: it was still being written.
        if identities == model.identities[:1] and model.error is None:
            return model
        if not await asyncio.to_thread(os.path.exists, model.path):
            self._forget({model.id})
            return None
        return await self._look_at(Path(model.path), alone if len(model.identities) == 1 else None)

    async def _look_at(self, path: Path, known: FoundModel | None = None) -> ModelFile:
        async with self._reading:
            found = await asyncio.to_thread(_found_at, path) if known is None else known
            looked = await asyncio.to_thread(self._describe, found, self._moved())
            self._searches += 1
            model = self._take(looked, self._searches)
        assert isinstance(model, ModelFile)
        return model

    async def _try_to_save(self) -> None:
        with contextlib.suppress(OSError):
            await self._file.write(self._state)

    def _batch(
        self, steps: Iterator[Found], moved: MovedModels
    ) -> tuple[list[_Looked | FolderProblem], bool]:
        """Some findings of a search, and whether it is over. Runs in a thread: reads, and changes nothing."""
        findings: list[_Looked | FolderProblem] = []
        until = time.monotonic() + BATCH_SECONDS
        for step in steps:
            if isinstance(step, FoundModel):
                findings.append(self._describe(step, moved))
            elif step is not None:
                findings.append(step)
            if time.monotonic() >= until:
                return findings, False
        return findings, True

    def _describe(self, found: FoundModel, moved: MovedModels) -> _Looked:
        model_id = self._ids.at(key_of(found))
        known = self._models.get(model_id or "")
        if known is not None and known.shape is not None and known.content and not found.error:
            identities = identities_of(found)
            if known.identities == identities:
                eyes = eyes_of(found)
                described = Description(identities, known.shape, None, known.content, eyes)
                return _Looked(found, described, None)
        until = time.monotonic() + HEADER_SECONDS
        description = describe(found, lambda: time.monotonic() > until)
        is_new = model_id is None and bool(description.content)
        return _Looked(found, description, moved.take(description.content) if is_new else None)

    def _moved(self) -> MovedModels:
        def path_of_known(model_id: str) -> str | None:
            model = self._models.get(model_id)
            return None if model is None else model.path

        return MovedModels(self._ids, path_of_known)

    def _take(self, finding: _Looked | FolderProblem, number: int) -> ModelFile | FolderProblem:
        """Enter what a search of that number has found."""
        if isinstance(finding, FolderProblem):
            return finding
        found, description = finding.found, finding.description
        key = key_of(found)
        model_id = self._ids.at(key)
        if model_id is None and finding.moved is not None:
            model_id = finding.moved
            self._ids.move(model_id, key)
        model = model_file(found, description, model_id or "")
        if model_id is not None and self._is_another(model_id, model, key):
            self._displace(model_id)
            model_id = None
        if model_id is None:
            model_id = self._ids.give(found)
        model = msgspec.structs.replace(model, id=model_id)
        if model.shape is not None:
            self._ids.see(model)
        # A search that began later may have met it before this one does.
        self._met[model_id] = max(number, self._met.get(model_id, 0))
        self._enter(model)
        return model

    def _is_another(self, model_id: str, model: ModelFile, key: str) -> bool:
        """Whether another model lies where the one with that id lay, and no newer edition of it."""
        seen = self._ids.seen.get(model_id)
        if seen is None or model.shape is None or model.content == seen.content:
            return False
        is_revision = (
            path_of(key) != model.path
        )  # of a repository, whose file of that name it is by definition
        return model.kind != seen.kind and not is_revision

    def _enter(self, model: ModelFile) -> None:
        """Let the model be known now, or when the one that it replaces is let go."""
        known = self._models.get(model.id)
        is_loaded_otherwise = (
            known is not None and known.identities != model.identities and known.content != model.content
        )
        if known is not None and is_loaded_otherwise and self._is_held(model.id):
            self._leave(known, model)
        else:
            self._leaving.pop(model.id, None)
            if model != known:  # what is as it was is the same object to whoever compares
                self._models[model.id] = model

    def _displace(self, model_id: str) -> None:
        """Let a model go whose file was replaced by another one."""
        known = self._models.get(model_id)
        if known is not None and self._is_held(model_id):
            self._leave(known, None)
        else:
            self._models.pop(model_id, None)

    def _leave(self, model: ModelFile, successor: ModelFile | None) -> None:
        """Keep a held model although its file is gone or holds something else."""
        self._models[model.id] = msgspec.structs.replace(model, gone=True, error=_GONE)
        self._leaving[model.id] = successor

    def _let_go(self) -> None:
        """Forget what was kept only because it was held, and is not held any more."""
        for model_id in [model_id for model_id in self._leaving if not self._is_held(model_id)]:
            successor = self._leaving.pop(model_id)
            if successor is None:
                self._models.pop(model_id, None)
                self._added.discard(model_id)
            else:
                self._models[model_id] = successor

    async def _forget_those_not_met(self, number: int, seen: Seen) -> None:
        """Forget what no search since that one has met, but for what was added and exists."""
        added = [self._models[model_id] for model_id in self._added & self._models.keys()]
        held = [model for model in self._models.values() if self._is_held(model.id)]

        def those_there() -> set[str]:
            for model in added:
                seen.watch(*os.path.split(model.path))
            return {model.id for model in (*added, *held) if os.path.exists(model.path)}

        there = await asyncio.to_thread(those_there)
        kept = self._added - ({model.id for model in added} - there)
        missed = {model_id for model_id in self._models if self._met.get(model_id, 0) < number} - kept
        for model in [self._models[model_id] for model_id in missed if self._is_held(model_id)]:
            if model.id in there or model.gone:
                self._leaving.setdefault(model.id, None)
            else:
                self._leave(model, None)
        self._forget({model_id for model_id in missed if not self._is_held(model_id)})

    def _forget(self, gone: set[str]) -> None:
        """Forget these models, and the ids of those that are gone for longest."""
        self._models = {model_id: model for model_id, model in self._models.items() if model_id not in gone}
        self._added -= gone
        self._ids.forget_all_but(self._models)

    def _state(self) -> _StoredIndex:
        lasting = tuple(model for model in self.models if model.id not in self._leaving)
        added = tuple(sorted(self._added))
        return _StoredIndex(VERSION, lasting, dict(self._ids.by_place), added, dict(self._ids.seen))

    def _set_aside(self, error: Exception) -> Sentence:
        aside = self._path.with_name(f"{self._path.name}.bad")
        with contextlib.suppress(OSError):
            os.replace(self._path, aside)
        return Sentence(
            "Storage",
            "The index of models could not be read ({reason}): it is made anew, the old one is {path}.",
        ).format(reason=str(error), path=str(aside))


def _with_sentences(content: bytes) -> bytes:
    """An index of the version with texts in the form of today; the next search says its errors anew."""
    stored = msgspec.json.decode(content, type=_StoredTexts)
    for model in stored.models:
        if isinstance(model.get("error"), str):
            model["error"] = verbatim(model["error"])
    return msgspec.json.encode(msgspec.structs.replace(stored, version=VERSION))


def _found_at(path: Path) -> FoundModel:
    """One file as a model: its folder knows the other parts of a split one, and its projector."""
    absolute = os.path.abspath(path)
    siblings = [ModelFolder(os.path.dirname(absolute), "", depth=1)]
    for step in search(siblings):
        if isinstance(step, FoundModel) and absolute in step.paths:
            return step
    return FoundModel(os.path.basename(absolute).removesuffix(".gguf"), "", (absolute,))
