"""Lemonade: `/v1/health` tells each model with the process that holds it."""

from __future__ import annotations

import msgspec

from llmmem_gui.service.neighbours.door import Door
from llmmem_gui.service.neighbours.processes import Process
from llmmem_gui.service.neighbours.program import Claim, Program, Said, epoch_seconds

_NAMES = ("lemond", "lemonade-server", "lemonade-router", "lemonade-server-dev")


class _Model(msgspec.Struct):
    model_name: str
    pid: int | None = None
    is_busy: bool | None = None
    last_use: float | None = None


class _Health(msgspec.Struct):
    all_models_loaded: list[_Model]


class Lemonade(Program):
    """Its models lie in servers of several kinds that it starts."""

    name = "Lemonade"
    port = 13305

    def recognises(self, process: Process) -> bool:
        return process.name in _NAMES

    async def ask(self, door: Door, root: Process) -> Said:
        told = await door.get("/v1/health", _Health)
        claims = (
            Claim(
                model.model_name,
                model.model_name,
                None if model.is_busy is None else "busy" if model.is_busy else "idle",
                used_at=epoch_seconds(model.last_use),
                pid=model.pid,
            )
            for model in told.all_models_loaded
        )
        return Said(tuple(claims), "models")

    async def unload(self, door: Door, key: str) -> None:
        await door.tell("/v1/unload", {"model_name": key})

    def key_of(self, speaker: Process) -> str | None:
        return speaker.variable("LEMONADE_API_KEY")
