"""Images in requests: taken from the request itself, never fetched, and shown to models that see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llmmem_gui.core.library import ModelFile
from llmmem_gui.core.snapshot import ModelSnapshot
from llmmem_gui.service.http.errors import ApiError, refused

_MOST_NAMED = 5


def image_part(data: str) -> dict[str, str]:
    """An image in base64, as a part of a message that a host is given."""
    return {"type": "image", "data": data}


def image_data(url: str, place: str) -> str:
    """What an address holds that holds an image itself, in base64. Raises `ApiError` 400."""
    head, comma, data = url.partition(",")
    if not head.startswith("data:"):
        raise refused(
            place,
            "images are taken as data URLs (data:image/png;base64,…): nothing is fetched from elsewhere",
        )
    if not comma or not head.endswith(";base64"):
        raise refused(place, "the data URL is not in base64 (data:image/png;base64,…)")
    return data


def require_eyes(
    model: ModelFile, messages: Sequence[Mapping[str, Any]], models: Sequence[ModelSnapshot]
) -> None:
    """Refuse images for a model that reads text only, and name those that see. Raises `ApiError` 400."""
    if model.sees:
        return
    place = next(
        (
            f"messages[{number}].content[{index}]"
            for number, message in enumerate(messages)
            if isinstance(message["content"], list)
            for index, part in enumerate(message["content"])
            if part["type"] == "image"
        ),
        None,
    )
    if place is not None:
        raise _blind(model, place, [each.id for each in models if each.facts.sees])


def _blind(model: ModelFile, place: str, seeing: Sequence[str]) -> ApiError:
    others = f"these see: {', '.join(seeing[:_MOST_NAMED])}" if seeing else "no model here sees"
    return refused(
        place, f"the model {model.id} reads text only, as no projector (mmproj) lies beside it; {others}"
    )
