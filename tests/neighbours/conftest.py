"""What looks at other programs, without the rest of the service."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import psutil
import pytest_asyncio

from llmmem_gui.core.events import Event
from llmmem_gui.core.ledger import FileKey
from llmmem_gui.core.neighbours import Neighbour
from llmmem_gui.service.neighbours.finding import Finder, Found
from llmmem_gui.service.neighbours.neighbours import Neighbours
from tests.other_programs import OtherProgram


class FinderOfTheTest(Finder):
    """Finds the programs that this process has started: those of whoever runs the tests are left alone."""

    def look(self, *arguments: Any) -> list[Found]:
        started = {child.pid for child in psutil.Process().children(recursive=True)}
        return [found for found in super().look(*arguments) if found.root.pid in started]


class Looker:
    """Looks when it is told to, and sees of this machine only the programs that the test has started."""

    def __init__(self) -> None:
        self.may_unload: tuple[str, ...] = ()
        self.offers: list[bool] = []
        """Whether there was help when memory gets short, each time that was told."""
        self.seconds_ahead = 0.0
        """How far its clock is ahead of the machine's."""
        self.events: list[Event] = []
        self.own: set[int] = set()
        self.names: dict[FileKey | None, str] = {}
        self.finder = FinderOfTheTest()
        self.neighbours = Neighbours(
            own=lambda: self.own,
            name_of=lambda file: self.names.get(file),
            publish=self.events.append,
            finder=self.finder,
            may_unload=lambda: self.may_unload,
            offer=self.offers.append,
            clock=lambda: time.monotonic() + self.seconds_ahead,
        )

    async def look(self, *, times: int = 1) -> None:
        """Look so many times, asking each time."""
        for _ in range(times):
            await self.neighbours.look(ask=True)

    def seen(self, program: OtherProgram) -> Neighbour | None:
        """What is seen of a program."""
        return next((each for each in self.neighbours.found if each.pid == program.pid), None)

    async def found(self, program: OtherProgram, *, times: int = 3) -> Neighbour:
        """Look until it has been measured in full, and give what is seen of a program."""
        await self.look(times=times)
        seen = self.seen(program)
        assert seen is not None
        return seen


@pytest_asyncio.fixture
async def looker() -> AsyncIterator[Looker]:
    """Looks at other programs."""
    made = Looker()
    yield made
    await made.neighbours.close()
