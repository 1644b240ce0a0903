"""vLLM: holds what it was started with; where it was allowed to, it sleeps and gives the GPU back."""

from __future__ import annotations

import msgspec

from llmmem_gui.service.neighbours.door import Door, Unclear
from llmmem_gui.service.neighbours.processes import Process
from llmmem_gui.service.neighbours.program import Claim, Program, Said

_MODULE = "vllm.entrypoints."


class _Model(msgspec.Struct):
    id: str
    parent: str | None = None
    """The model that an adapter belongs to."""


class _Models(msgspec.Struct):
    data: list[_Model]


class _Sleep(msgspec.Struct):
    is_sleeping: bool


class Vllm(Program):
    """Sleeping needs `--enable-sleep-mode` and the development mode; without them only its end helps."""

    name = "vLLM"
    port = 8000

    def recognises(self, process: Process) -> bool:
        command = process.command
        return command[0].startswith(_MODULE) or (process.name == "vllm" and command[1:2] == ("serve",))

    async def ask(self, door: Door, root: Process) -> Said:
        models = [model for model in (await door.get("/v1/models", _Models)).data if model.parent is None]
        try:
            sleeps = (await door.get("/is_sleeping", _Sleep)).is_sleeping
        except Unclear:
            return Said(tuple(Claim(model.id) for model in models), "ends")
        claims = (Claim(model.id, doing="asleep" if sleeps else None) for model in models)
        return Said(tuple(claims), "never" if sleeps else "all")

    async def unload(self, door: Door, key: str) -> None:
        # Level 1 keeps the weights in main memory: it wakes up again as it was.
        await door.tell("/sleep?level=1")

    def key_of(self, speaker: Process) -> str | None:
        return speaker.option("--api-key") or speaker.variable("VLLM_API_KEY")
