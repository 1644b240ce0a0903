"""Docker Model Runner: `/engines/ps` tells each model with its backend, both of which unload it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from llmmem_gui.core.neighbours import Doing
from llmmem_gui.service.neighbours.door import Door
from llmmem_gui.service.neighbours.processes import Process
from llmmem_gui.service.neighbours.program import Claim, Program, Said

_NAMES = ("model-runner", "com.docker.model-runner", "docker-model-runner")
_BETWEEN = "/"
"""Stands in a key between the backend and the model."""


class _Model(msgspec.Struct):
    backend_name: str
    model_name: str
    in_use: bool = False
    loading: bool = False
    last_used: datetime | None = None


class DockerModelRunner(Program):
    """In a container of the system its port belongs to another user than itself: it is only measured."""

    name = "Docker Model Runner"
    port = 12434

    def recognises(self, process: Process) -> bool:
        return process.name in _NAMES

    async def ask(self, door: Door, root: Process) -> Said:
        claims = (
            Claim(
                model.model_name,
                f"{model.backend_name}{_BETWEEN}{model.model_name}",
                _doing(model),
                used_at=_seconds(model.last_used),
            )
            for model in await door.get("/engines/ps", list[_Model])
        )
        return Said(tuple(claims), "models")

    async def unload(self, door: Door, key: str) -> None:
        backend, _, model = key.partition(_BETWEEN)
        await door.tell("/engines/unload", {"backend": backend, "models": [model]})


def _doing(model: _Model) -> Doing:
    return "loading" if model.loading else "busy" if model.in_use else "idle"


def _seconds(moment: datetime | None) -> float | None:
    """Seconds since the epoch; None for the year 1, which Go writes for never."""
    return None if moment is None or moment.year < 2000 else moment.timestamp()
