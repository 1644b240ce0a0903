"""Which way in a request came: the command line and scripts say so in a header, everything else is "api"."""

from __future__ import annotations

from starlette.requests import Request

from llmmem_gui.core.events import Actor
from llmmem_gui.service.storage.endpoint import ACTOR_HEADER

_NAMED: dict[str, Actor] = {"cli": "cli", "script": "script"}


def actor_of(request: Request) -> Actor:
    """Who asked."""
    return _NAMED.get(request.headers.get(ACTOR_HEADER, ""), "api")
