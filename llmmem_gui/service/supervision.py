"""Tasks that have an owner: each has a name, its end is seen, and what it raises is logged and counted."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from llmmem_gui.core.sentence import Sentence, verbatim

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 60.0
"""A task that ran this long before it failed is taken to have been in order: the pauses begin anew."""
FAILURES_IN_A_ROW = 8
"""After so many, without one steady run between them, a task is given up."""


class TaskEndedError(RuntimeError):
    """A task that must not end has returned."""


class Supervisor:
    """Owns tasks of one event loop until they end or are cancelled by `close`.

    What a task raises never reaches the loop unseen: it is logged with its name and counted in `failures`.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.failures: Counter[str] = Counter()
        """How often a task of each name has failed."""
        self._clock = clock
        self._sleep = sleep
        self._tasks: set[asyncio.Task[Any]] = set()
        self._given_up = asyncio.Event()
        self._why_given_up = verbatim("")

    def run(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run work that ends by itself."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def keep(self, name: str, begin: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
        """Run work that must not end: it is begun again, after longer and longer pauses, until given up."""
        return self.run(name, self._keep(name, begin))

    async def gave_up(self) -> Sentence:
        """Wait until a kept task is given up: what nobody can mend. Says which one, and its last error."""
        await self._given_up.wait()
        return self._why_given_up

    async def drain(self) -> None:
        """Wait until every task has ended, those too that begin meanwhile."""
        while self._tasks:
            await asyncio.wait(list(self._tasks))

    async def close(self) -> None:
        """Cancel every task and wait until it has ended."""
        for task in self._tasks:
            task.cancel()
        await self.drain()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._count(task.get_name(), error)

    def _count(self, name: str, error: BaseException) -> None:
        self.failures[name] += 1
        log.error("%s failed", name, exc_info=error)

    async def _keep(self, name: str, begin: Callable[[], Coroutine[Any, Any, None]]) -> None:
        in_a_row = 0
        while True:
            began = self._clock()
            try:
                await begin()
                raise TaskEndedError(f"{name} ended, and must not")
            except Exception as error:  # noqa: BLE001 - logged and counted, whatever it is
                in_a_row = 1 if self._clock() - began >= STEADY_SECONDS else in_a_row + 1
                self._count(name, error)
                if in_a_row >= FAILURES_IN_A_ROW:
                    log.critical("%s failed %d times in a row and is given up", name, in_a_row)
                    self._give_up(name, error)
                    return
            await self._sleep(min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** (in_a_row - 1)))

    def _give_up(self, name: str, error: Exception) -> None:
        sentence = Sentence("Service", "LLM Memory cannot go on: {task} fails again and again ({reason}).")
        self._why_given_up = sentence.format(task=name, reason=f"{type(error).__name__}: {error}")
        self._given_up.set()
