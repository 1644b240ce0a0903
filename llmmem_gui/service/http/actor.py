"""Who asks: the way in that a request came, and which of its clients."""

from __future__ import annotations

from starlette.requests import Request

from llmmem_gui.core.events import Actor
from llmmem_gui.service.storage.endpoint import ACTOR_HEADER

_LONGEST = 200
"""Letters of a name that count."""
_NAMED: dict[str, Actor] = {"cli": "cli", "script": "script"}


def actor_of(request: Request) -> Actor:
    """Which way in it came: the command line and scripts say so in a header, everything else is "api"."""
    return _NAMED.get(request.headers.get(ACTOR_HEADER, ""), "api")


def client_of(request: Request, user: str = "") -> str:
    """What tells clients apart: the name of the program, and the user that it names in the request.

    A connection tells nothing: most programs have several, or a new one for each request.
    """
    return " ".join((actor_of(request), request.headers.get("user-agent", "")[:_LONGEST], user[:_LONGEST]))
