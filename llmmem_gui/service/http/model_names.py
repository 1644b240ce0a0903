"""Which model a client means: clients and their users spell names in many ways."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from llmmem_gui.core.library import ModelFile, slug
from llmmem_gui.core.snapshot import ModelSnapshot
from llmmem_gui.service.http.errors import ApiError
from llmmem_gui.service.memory_service import MemoryService

_NEAR_ENOUGH = 0.5
"""Names that are less alike than this are not taken for a slip."""
_MOST_LISTED = 20


def known_model(service: MemoryService, name: str) -> ModelSnapshot:
    """The model of that name, which is looked up and never taken for a path.

    Raises `ApiError` 404.
    """
    for spelling in _spellings(name):
        model = service.snapshot.model(spelling)
        if model is not None:
            return model
    near = _nearest(name.lower(), [model.id for model in service.snapshot.models])
    advice = f"did you mean {near}? /v1/models lists the ids" if near else "/v1/models lists the ids"
    raise ApiError(404, "model_not_found", f"There is no model {name[:80]!r}: {advice}.", parameter="model")


def model_asked(service: MemoryService, name: str | None) -> ModelSnapshot:
    """The model that a request names; one that names none means the only one that is loaded, or the only one.

    Raises `ApiError` 400 and 404.
    """
    if name:
        return known_model(service, name)
    usable = [model for model in service.snapshot.models if model.facts.error is None]
    loaded = [model for model in usable if model.state.holds_host]
    for candidates in (loaded, usable):
        if len(candidates) == 1:
            return candidates[0]
    listed = ", ".join(model.id for model in (loaded or usable)[:_MOST_LISTED])
    told = f"choose one of {listed}" if listed else "there is none yet, `llmmem scan` looks for some"
    raise ApiError(400, "invalid_value", f"The request names no model: {told}.", parameter="model")


async def file_asked(service: MemoryService, name: str | None) -> ModelFile:
    """The model that a request for an answer names; one whose file has just come is looked for.

    Raises `ApiError` 400 and 404.
    """
    try:
        return model_asked(service, name).facts
    except ApiError as error:
        if error.status != 404 or not name:
            raise
        file = await service.catalogue.look_for(tuple(_spellings(name)))
        if file is None:
            raise
        return file


def _nearest(name: str, ids: list[str]) -> str | None:
    """The id that was probably meant: one that the name is a part of, or one that is spelled nearly so."""
    part = slug(name)
    longer = sorted((each for each in ids if part in each), key=len)
    return next(iter(longer or difflib.get_close_matches(name, ids, 1, _NEAR_ENOUGH)), None)


def _spellings(name: str) -> Iterator[str]:
    """The ids that a name may stand for, the likeliest first."""
    yield name
    if name.startswith(("/", ".")):
        return  # a path
    for lowered in (name.lower(), name.lower().rpartition("/")[2]):
        plain = lowered.strip().removesuffix(":latest").removesuffix(".gguf")
        yield plain
        yield slug(plain)
