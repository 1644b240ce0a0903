"""KoboldCpp: one model, which it unloads where it was started with `--admin`."""

from __future__ import annotations

import msgspec

from llmmem_gui.core.neighbours import Doing
from llmmem_gui.service.neighbours.door import Door, Unclear
from llmmem_gui.service.neighbours.processes import Process
from llmmem_gui.service.neighbours.program import Claim, Program, Said

_NOTHING = ("", "inactive")
_UNLOADING = "unload_model"
"""The configuration that has no model."""


class _Model(msgspec.Struct):
    result: str


class _Performance(msgspec.Struct):
    idle: int
    queue: int = 0


class KoboldCpp(Program):
    """A program in one file: it unpacks itself and starts itself again, so that two processes look alike."""

    name = "KoboldCpp"
    port = 5001

    def recognises(self, process: Process) -> bool:
        return process.name.lower().startswith("koboldcpp")

    async def ask(self, door: Door, root: Process) -> Said:
        name = (await door.get("/api/v1/model", _Model)).result.removeprefix("koboldcpp/")
        if name in _NOTHING:
            return Said((), "ends")
        performance = await door.get("/api/extra/perf", _Performance)
        doing: Doing = "idle" if performance.idle and not performance.queue else "busy"
        try:
            can_unload = _UNLOADING in await door.get("/api/admin/list_options", list[str])
        except Unclear:
            can_unload = False
        return Said((Claim(name, doing=doing),), "all" if can_unload else "ends")

    async def unload(self, door: Door, key: str) -> None:
        await door.tell("/api/admin/reload_config", {"filename": _UNLOADING})

    def key_of(self, speaker: Process) -> str | None:
        return speaker.option("--adminpassword")
