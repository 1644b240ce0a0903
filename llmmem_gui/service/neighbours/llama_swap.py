"""llama-swap: starts a server for each model, tells which run, and stops them."""

from __future__ import annotations

from urllib.parse import quote

import msgspec

from llmmem_gui.core.neighbours import Doing
from llmmem_gui.service.neighbours.door import Door
from llmmem_gui.service.neighbours.llama_server import model_argument
from llmmem_gui.service.neighbours.processes import Process
from llmmem_gui.service.neighbours.program import Claim, Program, Said

_DOING: dict[str, Doing] = {"starting": "loading"}


class _Model(msgspec.Struct):
    model: str
    state: str
    cmd: str = ""


class _Running(msgspec.Struct):
    running: list[_Model]


class LlamaSwap(Program):
    """What it starts may be any server; that belongs to it."""

    name = "llama-swap"
    port = 8080

    def recognises(self, process: Process) -> bool:
        return process.name.startswith("llama-swap")

    async def ask(self, door: Door, root: Process) -> Said:
        told = await door.get("/running", _Running)
        claims = (
            Claim(each.model, each.model, _DOING.get(each.state), path=model_argument(each.cmd.split()))
            for each in told.running
            if each.state in ("starting", "ready")
        )
        return Said(tuple(claims), "models")

    async def unload(self, door: Door, key: str) -> None:
        await door.tell(f"/api/models/unload/{quote(key, safe='')}")
