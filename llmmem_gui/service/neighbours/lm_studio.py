"""LM Studio: its REST API tells instances and unloads them; the one before 0.4 only tells."""

from __future__ import annotations

import msgspec

from llmmem_gui.service.neighbours.door import Door, Unclear
from llmmem_gui.service.neighbours.processes import Process
from llmmem_gui.service.neighbours.program import Bytes, Claim, Program, Said

_NAMES = ("lm-studio", "LM Studio", "LM-Studio", "llmster")


class _Instance(msgspec.Struct):
    id: str


class _Model(msgspec.Struct):
    key: str
    display_name: str = ""
    size_bytes: Bytes | None = None
    loaded_instances: list[_Instance] = []


class _Models(msgspec.Struct):
    models: list[_Model]


class _OldModel(msgspec.Struct):
    id: str
    state: str


class _OldModels(msgspec.Struct):
    data: list[_OldModel]


class LmStudio(Program):
    """The window, or `llmster` without one; other processes of either hold the models."""

    name = "LM Studio"
    port = 1234

    def recognises(self, process: Process) -> bool:
        is_part = any(argument.startswith("--type=") for argument in process.command)
        return process.name.startswith(_NAMES) and not is_part

    async def ask(self, door: Door, root: Process) -> Said:
        try:
            listed = await door.get("/api/v1/models", _Models)
        except Unclear as error:
            if error.status != 404:
                raise
            return await _before_0_4(door)
        claims = [
            Claim(model.display_name or model.key, instance.id, claimed_bytes=model.size_bytes)
            for model in listed.models
            for instance in model.loaded_instances
        ]
        return Said(tuple(claims), "models")

    async def unload(self, door: Door, key: str) -> None:
        await door.tell("/api/v1/models/unload", {"instance_id": key})


async def _before_0_4(door: Door) -> Said:
    listed = await door.get("/api/v0/models", _OldModels)
    claims = (Claim(model.id) for model in listed.data if model.state == "loaded")
    return Said(tuple(claims), "ends")
