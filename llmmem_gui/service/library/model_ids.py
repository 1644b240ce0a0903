"""Which id belongs to which place and to which content: how a model is known again, wherever it lies."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

import msgspec

from llmmem_gui.core.library import FoundModel, ModelFile, place_of, unused_id

REMEMBERED_IDS = 20_000
"""Ids kept for models that are not there at the moment, such as those on a drive that was pulled out."""

_VARIANT = "\n"
"""Between a place and which of the models in one file it is of."""


class SeenModel(msgspec.Struct, frozen=True, array_like=True):
    """What a model was when it was looked at last: to know it again elsewhere, or another in its place."""

    content: str
    kind: str


class ModelIds:
    """Ids of models by their places, and by what is in their files.

    Looked up from threads while the loop changes it: what is gone through is copied first.
    """

    def __init__(self, places: Mapping[str, str] = {}, seen: Mapping[str, SeenModel] = {}) -> None:
        """`places` has the ids by place, `seen` what each model was, by id; both are as they were stored."""
        self.by_place: dict[str, str] = {}
        self.seen: dict[str, SeenModel] = {}
        self._given: set[str] = set()
        self._places: dict[str, dict[str, None]] = {}
        self._with_content: dict[str, dict[str, None]] = {}
        for place, model_id in places.items():
            self._put(place, model_id)
        for model_id, what in seen.items():
            self._see(model_id, what)

    def at(self, key: str) -> str | None:
        """The id of the model at that place."""
        return self.by_place.get(key)

    def give(self, found: FoundModel) -> str:
        """A new id for a model that was found, remembered by its place."""
        model_id = unused_id(found, self._given)
        self._put(key_of(found), model_id)
        return model_id

    def move(self, model_id: str, key: str) -> None:
        """Let an id go with its model to another place."""
        for place in self._places.pop(model_id, {}):
            del self.by_place[place]
        self._put(key, model_id)

    def see(self, model: ModelFile) -> None:
        """Remember what a model is."""
        self._see(model.id, SeenModel(model.content, model.kind))

    def with_content(self, content: str) -> list[str]:
        """The ids of all models in whose files that was when they were looked at last."""
        return list(self._with_content.get(content, ()))

    def paths_of(self, model_id: str) -> list[str]:
        """Where a model lies, or lay when it was seen last."""
        return [path_of(place) for place in list(self._places.get(model_id, ()))]

    def forget_all_but(self, known: Mapping[str, ModelFile]) -> None:
        """Forget the ids of those that are not known any more and gone for longest."""
        absent = [place for place, model_id in self.by_place.items() if model_id not in known]
        for place in absent[: max(0, len(self.by_place) - REMEMBERED_IDS)]:
            model_id = self._take_away(place)
            if model_id not in self._places:
                self._given.discard(model_id)
                self._see(model_id, None)

    def _put(self, key: str, model_id: str) -> None:
        if key in self.by_place:
            self._take_away(key)
        self.by_place[key] = model_id
        self._places.setdefault(model_id, {})[key] = None
        self._given.add(model_id)

    def _take_away(self, key: str) -> str:
        model_id = self.by_place.pop(key)
        _discard(self._places, model_id, key)
        return model_id

    def _see(self, model_id: str, what: SeenModel | None) -> None:
        before = self.seen.pop(model_id, None)
        if before is not None:
            _discard(self._with_content, before.content, model_id)
        if what is not None:
            self.seen[model_id] = what
            self._with_content.setdefault(what.content, {})[model_id] = None


class MovedModels:
    """Models whose files are no longer where they were, as one search finds out: each is given once.

    Whether the models of one content are where they were is looked up once for all of them: a search among
    thousands of copies would not come to an end otherwise.
    """

    def __init__(self, ids: ModelIds, path_of_known: Callable[[str], str | None]) -> None:
        """`path_of_known` gives the path of a model that is in the list, by its id."""
        self._ids = ids
        self._path_of_known = path_of_known
        self._absent: dict[str, list[str]] = {}

    def take(self, content: str) -> str | None:
        """The id of a model with that content that lies nowhere any more; None: there is none."""
        if content not in self._absent:
            absent = [model_id for model_id in self._ids.with_content(content) if self._is_gone(model_id)]
            self._absent[content] = absent[::-1]  # the one known for longest is taken first
        absent = self._absent[content]
        while absent:
            model_id = absent.pop()
            if self._is_gone(model_id):  # another search may have met it meanwhile
                return model_id
        return None

    def _is_gone(self, model_id: str) -> bool:
        known = self._path_of_known(model_id)
        paths = [*self._ids.paths_of(model_id), *([known] if known else [])]
        return not any(os.path.exists(path) for path in paths)


def key_of(found: FoundModel) -> str:
    """What an id is remembered by: the place of the model, in a form that JSON can hold."""
    place = os.fsencode(place_of(found.paths[0])).decode("utf-8", "backslashreplace")
    return f"{place}{_VARIANT}{found.variant}" if found.variant else place


def path_of(key: str) -> str:
    """The place alone, whichever of the models there it is of."""
    return key.partition(_VARIANT)[0]


def _discard(groups: dict[str, dict[str, None]], group: str, member: str) -> None:
    members = groups.get(group)
    if members is not None:
        members.pop(member, None)
        if not members:
            del groups[group]
