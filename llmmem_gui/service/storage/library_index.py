"""The library on the disk: what was found in the folders, remembered, so that the next search is instant."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from llmmem_gui.core.known_folders import ModelFolder
from llmmem_gui.core.library import Description, ModelFile, describe, identities_of, model_file, unused_id
from llmmem_gui.core.model_search import FolderProblem, Found, FoundModel, search
from llmmem_gui.core.sentence import Sentence, verbatim
from llmmem_gui.service.storage.durable_file import replace_file

VERSION = 2
"""Of the index file; one of another version, but for the one before, is made anew."""
_VERSION_WITH_TEXTS = 1
"""Why a file is no model stood there in English."""

BATCH_SECONDS = 0.1
"""How long a search works before it hands over what it has found."""

HEADER_SECONDS = 2.0
"""A header that takes longer is given up: its disk hangs, or it was made to take long."""

REMEMBERED_IDS = 20_000
"""Ids kept for models that are not there at the moment, such as those on a drive that was pulled out."""


class _StoredVersion(msgspec.Struct, frozen=True):
    version: int


class _StoredIndex(_StoredVersion, frozen=True):
    models: tuple[ModelFile, ...]
    ids: dict[str, str]
    """Ids by the paths of the models that they were given to."""
    added: tuple[str, ...]
    """Ids of models that the user added one by one."""


class _StoredTexts(_StoredVersion, frozen=True):
    models: tuple[dict[str, Any], ...]
    ids: dict[str, str]
    added: tuple[str, ...]


class LibraryIndex:
    """All models known, by id. Use it from one event loop; searches work in threads of it.

    A file is read again only when its size, time of change or inode have changed. An id once given to a
    path stays with it.
    """

    def __init__(self, path: Path) -> None:
        """`path` is the file in which the index is kept; it need not exist."""
        self._path = path
        self._models: dict[str, ModelFile] = {}
        self._ids: dict[str, str] = {}
        self._given: set[str] = set()
        self._added: set[str] = set()

    @property
    def models(self) -> tuple[ModelFile, ...]:
        """All models known, in the order in which they were found first."""
        return tuple(self._models.values())

    def find(self, model: str) -> ModelFile | None:
        """The model with this id, or of the file at this path."""
        by_id = self._models.get(model)
        if by_id is not None:
            return by_id
        path = os.path.abspath(os.path.expanduser(model))
        return self._models.get(self._ids.get(path, ""))

    def load(self) -> Sentence | None:
        """Take over what the last run knew; gives a note for the user where the file is damaged.

        A damaged file is set aside with the ending `.bad`.
        """
        try:
            content = self._path.read_bytes()
            version = msgspec.json.decode(content, type=_StoredVersion).version
            if version == _VERSION_WITH_TEXTS:
                content = _with_sentences(content)
            elif version != VERSION:
                return None
            stored = msgspec.json.decode(content, type=_StoredIndex)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return self._set_aside(error)
        self._models = {model.id: model for model in stored.models}
        self._ids = stored.ids
        self._given = set(stored.ids.values())
        self._added = set(stored.added)
        return None

    def save(self) -> None:
        """Write the index. Raises OSError, and then the old file is untouched."""
        replace_file(self._path, self._content())

    async def scan(
        self, folders: Iterable[ModelFolder], forget: bool = True
    ) -> AsyncIterator[list[ModelFile | FolderProblem]]:
        """Search the folders; gives what was found every tenth of a second.

        At the end the index is saved, if it can be. With `forget`, models that are neither in these folders
        nor were added one by one are forgotten then. Who leaves early keeps what was found.
        """
        steps = search(tuple(folders))
        met: set[str] = set()
        is_over = False
        while not is_over:
            findings, is_over = await asyncio.to_thread(self._batch, steps)
            taken = [self._take(finding) for finding in findings]
            met.update(item.id for item in taken if isinstance(item, ModelFile))
            if taken:
                yield taken
        if forget:
            added = [self._models[model_id] for model_id in self._added & self._models.keys()]
            gone = await asyncio.to_thread(
                lambda: {model.id for model in added if not os.path.exists(model.path)}
            )
            # Others may have been added meanwhile.
            self._forget_but(met | (self._added - gone))
        await self._try_to_save()

    async def add(self, path: Path) -> ModelFile:
        """Take one file into the library, whatever folder it lies in; one that is no model has an error."""
        absolute = os.path.abspath(path)
        found = FoundModel(os.path.basename(absolute).removesuffix(".gguf"), "", (absolute,))
        siblings = [ModelFolder(os.path.dirname(absolute), "", depth=1)]
        # Its folder knows the other parts of a split model and its projector.
        for step in await asyncio.to_thread(lambda: list(search(siblings))):
            if isinstance(step, FoundModel) and absolute in step.paths:
                found = step
        description = await asyncio.to_thread(self._describe, found)
        model = self._take((found, description))
        assert isinstance(model, ModelFile)
        self._added.add(model.id)
        await self._try_to_save()
        return model

    async def _try_to_save(self) -> None:
        content = self._content()
        with contextlib.suppress(OSError):
            await asyncio.to_thread(replace_file, self._path, content)

    def _batch(
        self, steps: Iterator[Found]
    ) -> tuple[list[tuple[FoundModel, Description] | FolderProblem], bool]:
        """Some findings of a search, and whether it is over. Runs in a thread: reads, and changes nothing."""
        findings: list[tuple[FoundModel, Description] | FolderProblem] = []
        until = time.monotonic() + BATCH_SECONDS
        for step in steps:
            if isinstance(step, FoundModel):
                findings.append((step, self._describe(step)))
            elif step is not None:
                findings.append(step)
            if time.monotonic() >= until:
                return findings, False
        return findings, True

    def _describe(self, found: FoundModel) -> Description:
        known = self._models.get(self._ids.get(_key(found), ""))
        if known is not None and known.shape is not None and not found.error:
            identities = identities_of(found)
            if known.identities == identities:
                return Description(identities, known.shape)
        until = time.monotonic() + HEADER_SECONDS
        return describe(found, lambda: time.monotonic() > until)

    def _take(self, finding: tuple[FoundModel, Description] | FolderProblem) -> ModelFile | FolderProblem:
        if isinstance(finding, FolderProblem):
            return finding
        found, description = finding
        key = _key(found)
        model_id = self._ids.get(key)
        if model_id is None:
            model_id = self._ids[key] = unused_id(found, self._given)
            self._given.add(model_id)
        model = model_file(found, description, model_id)
        self._models[model_id] = model
        return model

    def _forget_but(self, kept: set[str]) -> None:
        """Forget all models but these, and the ids of those that are gone for longest."""
        self._models = {model_id: model for model_id, model in self._models.items() if model_id in kept}
        self._added &= kept
        absent = [path for path, model_id in self._ids.items() if model_id not in self._models]
        for path in absent[: max(0, len(self._ids) - REMEMBERED_IDS)]:
            self._given.discard(self._ids.pop(path))

    def _content(self) -> bytes:
        return msgspec.json.encode(_StoredIndex(VERSION, self.models, self._ids, tuple(sorted(self._added))))

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


def _key(found: FoundModel) -> str:
    """What an id is remembered by: the path, in a form that JSON can hold."""
    return os.fsencode(found.paths[0]).decode("utf-8", "backslashreplace")
