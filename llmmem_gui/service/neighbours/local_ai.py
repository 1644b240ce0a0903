"""LocalAI: `/system` tells which models are loaded, each in a backend process that can be shut down."""

from __future__ import annotations

import msgspec

from llmmem_gui.service.neighbours.door import Door
from llmmem_gui.service.neighbours.processes import Process
from llmmem_gui.service.neighbours.program import Claim, Program, Said


class _Model(msgspec.Struct):
    id: str


class _System(msgspec.Struct):
    loaded_models: list[_Model] | None


class LocalAi(Program):
    """Where its users have to log in it tells nothing, and is shown as measured."""

    name = "LocalAI"
    port = 8080

    def recognises(self, process: Process) -> bool:
        return process.name.lower().startswith(("local-ai", "localai"))

    async def ask(self, door: Door, root: Process) -> Said:
        loaded = (await door.get("/system", _System)).loaded_models or ()
        return Said(tuple(Claim(model.id, model.id) for model in loaded), "models")

    async def unload(self, door: Door, key: str) -> None:
        await door.tell("/backend/shutdown", {"model": key})

    def key_of(self, speaker: Process) -> str | None:
        keys = speaker.option("--api-keys") or speaker.variable("LOCALAI_API_KEY")
        return keys.split(",")[0] if keys else None
