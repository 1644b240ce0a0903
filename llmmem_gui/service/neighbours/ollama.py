"""Ollama: `/api/ps` tells what is loaded, an empty request that keeps nothing alive unloads it."""

from __future__ import annotations

import msgspec

from llmmem_gui.service.neighbours.door import Door
from llmmem_gui.service.neighbours.processes import Process
from llmmem_gui.service.neighbours.program import Bytes, Claim, Program, Said


class _Model(msgspec.Struct):
    name: str
    size: Bytes | None = None


class _Loaded(msgspec.Struct):
    models: list[_Model] | None


class Ollama(Program):
    """Each model is held by a child of its own, a runner; all of them are told of by the server."""

    name = "Ollama"
    port = 11434

    def recognises(self, process: Process) -> bool:
        return process.name == "ollama" and process.command[1:2] in (("serve",), ("start",), ("runner",))

    async def ask(self, door: Door, root: Process) -> Said:
        loaded = await door.get("/api/ps", _Loaded)
        claims = (Claim(model.name, model.name, claimed_bytes=model.size) for model in loaded.models or ())
        return Said(tuple(claims), "models")

    async def unload(self, door: Door, key: str) -> None:
        # It waits for requests under way by itself, and works for models that only embed, too.
        await door.tell("/api/generate", {"model": key, "keep_alive": 0})
