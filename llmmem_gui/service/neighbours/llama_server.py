"""llama.cpp's own server: a router with a child for each model, or one model that only its end unloads."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import pairwise

import msgspec

from llmmem_gui.core.neighbours import Doing
from llmmem_gui.service.neighbours.door import Door
from llmmem_gui.service.neighbours.processes import Process
from llmmem_gui.service.neighbours.program import Claim, Program, Said

_MODEL_OPTIONS = ("-m", "--model")
_DOING: dict[str, Doing | None] = {"loaded": None, "loading": "loading", "sleeping": "asleep"}
"""The states in which a router holds a model, or knows one that sleeps."""


class _Status(msgspec.Struct):
    value: str
    args: list[str] = []


class _Model(msgspec.Struct):
    id: str
    status: _Status
    path: str = ""


class _Models(msgspec.Struct):
    data: list[_Model]


class _Properties(msgspec.Struct):
    role: str = ""
    model_path: str = ""
    model_alias: str = ""
    is_sleeping: bool = False


class LlamaServer(Program):
    """Asks only what neither wakes a model that sleeps nor counts as a use of it."""

    name = "llama-server"
    port = 8080

    def recognises(self, process: Process) -> bool:
        command = process.command
        return process.name == "llama-server" or (process.name == "llama" and command[1:2] == ("serve",))

    async def ask(self, door: Door, root: Process) -> Said:
        properties = await door.get("/props", _Properties)
        if properties.role == "router":
            return await _router(door)
        if not properties.model_path:
            return Said((), "ends")
        path = root.path_of(properties.model_path)
        alias = properties.model_alias
        # Without one of its own a server calls itself by the path.
        name = alias if alias and alias != properties.model_path else file_stem(path)
        return Said((Claim(name, doing="asleep" if properties.is_sleeping else None, path=path),), "ends")

    async def unload(self, door: Door, key: str) -> None:
        await door.tell("/models/unload", {"model": key})

    def key_of(self, speaker: Process) -> str | None:
        keys = speaker.option("--api-key") or speaker.variable("LLAMA_API_KEY")
        return keys.split(",")[0] if keys else None


async def _router(door: Door) -> Said:
    listed = await door.get("/models", _Models)
    claims = [
        Claim(
            model.id,
            model.id,
            _DOING[model.status.value],
            path=model_argument(model.status.args) or model.path,
        )
        for model in listed.data
        if model.status.value in _DOING
    ]
    return Said(tuple(claims), "models")


def model_argument(words: Sequence[str]) -> str:
    """The model's file in the command of a server; empty where it names none."""
    return next((after for word, after in pairwise(words) if word in _MODEL_OPTIONS), "")


def file_stem(path: str) -> str:
    """The name of a model's file without its ending."""
    name = os.path.basename(path)
    return name[: -len(".gguf")] if name.lower().endswith(".gguf") else name
