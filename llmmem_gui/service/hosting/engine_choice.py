"""Which engine hosts compute with from now on; read by all that starts something with it."""

from __future__ import annotations

import asyncio

from llmmem_gui.core.engines import EngineUse, choose
from llmmem_gui.service.storage.engine_store import EngineStore


class EngineChoice:
    """The ways to compute on this machine, the one in use first and milder ones after it."""

    def __init__(self, ways: tuple[EngineUse, ...]) -> None:
        self._ways = ways
        self._decided: asyncio.Event | None = None

    @classmethod
    def of_machine(cls, store: EngineStore | None = None, preferred: str = "") -> EngineChoice:
        """What was found out so far about the engines that lie on this machine."""
        return cls(choose((store or EngineStore()).engines(), preferred))

    @property
    def current(self) -> EngineUse | None:
        """The one in use; None where no engine answers rightly."""
        return self._ways[0] if self._ways else None

    @property
    def key(self) -> str:
        """Names the engine in use and how it is used; empty without one."""
        return self._ways[0].key if self._ways else ""

    def change(self, ways: tuple[EngineUse, ...]) -> None:
        """Start hosts in these ways from now on."""
        self._ways = ways

    def milder_than(self, use: EngineUse) -> EngineUse | None:
        """What to try after this way has crashed: the next one, which uses less of the processor."""
        rest = self._ways[self._ways.index(use) + 1 :] if use in self._ways else self._ways
        return rest[0] if rest else None

    def hold(self) -> None:
        """Let loads wait until `release`: the engine is being tried for the first time."""
        self._decided = asyncio.Event()

    def release(self) -> None:
        """Let loads go on."""
        if self._decided is not None:
            self._decided.set()

    async def decided(self) -> None:
        """Wait until it is known what answers on this machine."""
        if self._decided is not None:
            await self._decided.wait()
