"""ComfyUI: does not tell which models it holds, but whether it works, and frees all of them."""

from __future__ import annotations

from typing import Any

import msgspec

from llmmem_gui.service.neighbours.door import Door
from llmmem_gui.service.neighbours.processes import Process
from llmmem_gui.service.neighbours.program import Bytes, Claim, Program, Said

_MODELS = "models"


class _Device(msgspec.Struct):
    torch_vram_total: Bytes = 0


class _Stats(msgspec.Struct):
    devices: list[_Device]


class _Queue(msgspec.Struct):
    queue_running: list[Any]
    queue_pending: list[Any]


class ComfyUi(Program):
    """A Python script with a common name, so its folder has to tell."""

    name = "ComfyUI"
    port = 8188

    def recognises(self, process: Process) -> bool:
        return process.runs("main.py", "comfyui")

    async def ask(self, door: Door, root: Process) -> Said:
        stats = await door.get("/system_stats", _Stats)
        queue = await door.get("/queue", _Queue)
        busy = bool(queue.queue_running or queue.queue_pending)
        claimed = sum(device.torch_vram_total for device in stats.devices)
        if not (busy or claimed):
            return Said((), "all")
        return Said((Claim(_MODELS, doing="busy" if busy else "idle", claimed_bytes=claimed or None),), "all")

    async def unload(self, door: Door, key: str) -> None:
        await door.tell("/free", {"unload_models": True, "free_memory": True})
