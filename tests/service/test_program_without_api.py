"""A program whose API is switched off does without what only that needs."""

from __future__ import annotations

import subprocess
import sys

from llmmem_gui.folders import Folders

PROGRAM = """
import asyncio, sys
from llmmem_gui.folders import Folders
from llmmem_gui.service.program import Program

async def live(with_api):
    program = Program(Folders.of_user())
    where = await program.start(0, with_api=with_api)
    print(bool(where.url), "uvicorn" in sys.modules, "starlette" in sys.modules)
    await program.close()

for with_api in (False, True):
    asyncio.run(live(with_api))
"""


def test_without_the_api_its_libraries_are_not_imported() -> None:
    """They take 8 MiB of memory and 0.2 s of the start."""
    Folders.of_user().create()
    command = [sys.executable, "-c", PROGRAM]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout.splitlines() == ["False False False", "True True True"]
