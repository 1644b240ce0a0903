"""How warm models are and how long loads take: looked at when somebody asks, never by itself."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from llmmem_gui.core.cache_messages import StartHost
from llmmem_gui.core.library import ModelFile
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.warmth import ExpectedLoad, TimedLoad, Warmth
from llmmem_gui.service.forecasts import Forecasts
from llmmem_gui.service.library.page_cache import warmth_of
from llmmem_gui.service.supervision import Supervisor

log = logging.getLogger(__name__)

FRESH_SECONDS = 5.0
"""What was seen is told again for so long: clients may ask each second."""
LONGEST_SECONDS = 2.0
"""A look that takes longer waits for a disk or a network that does not answer: nothing is known then."""
LONGEST_BEFORE_LOAD_SECONDS = 0.25
"""A load waits no longer to learn how warm it begins."""
_AT_ONCE = 64
"""Models whose loads are worked out in one step of the loop: a few milliseconds."""


class _Kept(NamedTuple):
    at: float
    warmth: Warmth | None


class Warmths:
    """Looks, in a worker thread and one look at a time, and keeps for a moment what was seen."""

    def __init__(
        self,
        forecasts: Forecasts,
        find: Callable[[str], ModelFile | None],
        parameters_of: Callable[[ModelFile], LoadParameters],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`find` gives the model with an id, `parameters_of` those that it would be loaded with."""
        self._forecasts = forecasts
        self._find = find
        self._parameters_of = parameters_of
        self._clock = clock
        self._kept: dict[str, _Kept] = {}
        self._one_at_a_time = asyncio.Lock()
        self._tasks = Supervisor()
        self._looks: set[asyncio.Task[None]] = set()
        """Those under way; they outlive a wait that was given up."""

    async def close(self) -> None:
        """Wait for the look under way."""
        if self._looks:
            await asyncio.wait(self._looks, timeout=LONGEST_SECONDS)
        await self._tasks.close()

    async def expected_loads(self, model_ids: Iterable[str]) -> Mapping[str, ExpectedLoad]:
        """How a load of each of these models would go now; those are left out of which it is not known."""
        files = [file for file in map(self._find, model_ids) if file is not None and file.error is None]
        async with self._one_at_a_time:
            now = self._clock()
            self._kept = {id: kept for id, kept in self._kept.items() if now - kept.at < FRESH_SECONDS}
            unseen = [file for file in files if file.id not in self._kept]
            # While one look does not come back, another would only wait for the same disk.
            if unseen and not self._looks:
                await self._look(unseen, LONGEST_SECONDS)
        expected = {}
        for number, file in enumerate(files):
            if number % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)  # the loop has others to serve
            kept = self._kept.get(file.id)
            if kept is not None and kept.warmth is not None:
                parameters = self._parameters_of(file)
                expected[file.id] = self._forecasts.expected_load(file, parameters, kept.warmth)
        return expected

    async def before_load(self, start: StartHost) -> Warmth | None:
        """How warm a model is whose load begins now; None where that is not known at once."""
        self._kept.pop(start.model_id, None)
        if (file := self._loading(start)) is None:
            return None
        await self._look([file], LONGEST_BEFORE_LOAD_SECONDS)
        kept = self._kept.get(file.id)
        return None if kept is None else kept.warmth

    def learn(self, start: StartHost, timed: TimedLoad) -> None:
        """Take in how long a load took that is ready now."""
        self._kept.pop(start.model_id, None)  # it is warmer now
        if (file := self._loading(start)) is not None:
            self._forecasts.learn_time(file, start.parameters, timed)

    def _loading(self, start: StartHost) -> ModelFile | None:
        """The model that is loaded; None where its file went, or was replaced, meanwhile."""
        file = self._find(start.model_id)
        return file if file is not None and file.file == start.charge.file else None

    async def _look(self, files: list[ModelFile], seconds: float) -> None:
        """Look at these models, and wait for it no longer than so many seconds."""
        look = self._tasks.run("the warmth of models", self._see(files))
        self._looks.add(look)
        look.add_done_callback(self._looks.discard)
        await asyncio.wait({look}, timeout=seconds)

    async def _see(self, files: list[ModelFile]) -> None:
        seen = await asyncio.to_thread(_seen, files)
        now = self._clock()
        self._kept.update({id: _Kept(now, warmth) for id, warmth in seen.items()})


def _seen(files: Iterable[ModelFile]) -> dict[str, Warmth | None]:
    seen: dict[str, Warmth | None] = {}
    for file in files:
        try:
            seen[file.id] = warmth_of(file.paths)
        except Exception:  # logged with its trace; that of the others is known all the same
            log.exception("the warmth of %s could not be found out", file.id)
            seen[file.id] = None
    return seen
