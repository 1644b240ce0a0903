"""Looks at one other program as another user, and does what it is asked: writes what came of it as JSON.

Started by root, who may read everything; what this module needs is read before it becomes that user.
"""

from __future__ import annotations

import asyncio
import concurrent.futures.thread  # noqa: F401 - imported when it is first used
import dataclasses
import encodings.idna  # noqa: F401 - imported when it is first used
import json
import os
import sys
from typing import Any

from llmmem_gui.service.command_error import CommandError
from llmmem_gui.service.neighbours.finding import Finder, Found
from llmmem_gui.service.neighbours.neighbours import Neighbours


class FinderOfOne(Finder):
    """Finds no other program than the one that the test has started."""

    def __init__(self, pid: int) -> None:
        super().__init__()
        self._pid = pid

    def look(self, *arguments: Any) -> list[Found]:
        return [found for found in super().look(*arguments) if found.root.pid == self._pid]


async def look(pid: int, action: str) -> dict[str, Any]:
    """What is seen of the program; then what the action came to, `unload` or `end`."""
    neighbours = Neighbours(own=lambda: (), finder=FinderOfOne(pid))
    for _ in range(3):
        await neighbours.look(ask=True)
    (seen,) = neighbours.found
    told: dict[str, Any] = {"seen": dataclasses.asdict(seen)}
    if action != "look":
        try:
            receipt = await neighbours.unload(seen.id, end=action == "end", actor="cli")
        except CommandError as error:
            told["error"] = str(error)
        else:
            told["receipt"] = dataclasses.asdict(receipt)
    return told


if __name__ == "__main__":
    user, pid, action = sys.argv[1:]
    os.setgroups([])
    os.setgid(int(user))
    os.setuid(int(user))
    sys.stdout.write(json.dumps(asyncio.run(look(int(pid), action))))
