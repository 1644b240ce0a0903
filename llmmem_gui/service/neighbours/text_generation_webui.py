"""text-generation-webui: one model, told and unloaded by the API that `--api` opens."""

from __future__ import annotations

import msgspec

from llmmem_gui.service.neighbours.door import Door
from llmmem_gui.service.neighbours.processes import Process
from llmmem_gui.service.neighbours.program import Claim, Program, Said


class _Info(msgspec.Struct):
    model_name: str | None


class TextGenerationWebui(Program):
    """A Python script with a common name, so its folder has to tell."""

    name = "text-generation-webui"
    port = 5000

    def recognises(self, process: Process) -> bool:
        return process.runs("server.py", "text-generation-webui", "textgen")

    async def ask(self, door: Door, root: Process) -> Said:
        name = (await door.get("/v1/internal/model/info", _Info)).model_name
        return Said(() if name in (None, "", "None") else (Claim(str(name)),), "all")

    async def unload(self, door: Door, key: str) -> None:
        await door.tell("/v1/internal/model/unload")

    def key_of(self, speaker: Process) -> str | None:
        return speaker.option("--admin-key") or speaker.option("--api-key")
