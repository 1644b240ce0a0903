"""The whole program without a window: lock, hosts, service and HTTP API, in order and back."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from llmmem_gui.core.events import Event
from llmmem_gui.core.readings import Sample
from llmmem_gui.core.sentence import Sentence, SentenceError
from llmmem_gui.folders import Folders
from llmmem_gui.service.hosting.engine_choice import EngineChoice
from llmmem_gui.service.hosting.hosts import HostStarter
from llmmem_gui.service.memory_service import MemoryService
from llmmem_gui.service.publisher import Fact
from llmmem_gui.service.storage import endpoint, token_file
from llmmem_gui.service.storage.endpoint import Endpoint
from llmmem_gui.service.storage.engine_store import EngineStore
from llmmem_gui.service.storage.history_store import HistoryStore
from llmmem_gui.service.storage.program_lock import AlreadyRunning, ProgramLock, holder
from llmmem_gui.service.storage.settings_file import SettingsFile

if TYPE_CHECKING:
    from llmmem_gui.service.http.api import HttpApi

log = logging.getLogger(__name__)

WORKERS = 4
"""Threads for what would hold up the loop, mostly disks: as many on every machine, and all from the start.

asyncio's own choice is four more than there are processors, up to 32, each made when it is first needed.
"""


class ServiceBroken(SentenceError):
    """The service cannot go on, and everything was ended in order."""


class Program:
    """One running program for one home.

    Make it in a thread that lives as long as the program (the system ends the nursery with the thread that
    started it), `start` and `close` it in one event loop of that thread.
    Raises `FolderUnusable`, `AlreadyRunning`, `TokenError` and OSError, and then nothing is left running.
    """

    def __init__(self, folders: Folders) -> None:
        self.folders, unkept = folders.prepare()
        """Where its files lie; elsewhere than asked while the home cannot be written."""
        for place in folders.meeting_places():
            pid = holder(place)
            if pid is not None:
                raise AlreadyRunning(pid, place)
        self._lock = ProgramLock(self.folders.runtime)
        try:
            self.token, replaced = token_file.keep_token(self.folders.token_file)
            """What other programs must show to the API."""
            self._met = tuple(notice for notice in (unkept, replaced) if notice is not None)
            settings_file = SettingsFile(folders.settings_file)
            store = EngineStore(folders.data)
            choice = EngineChoice.of_machine(store, settings_file.settings.loading.engine)
            hosts = HostStarter.spawn(choice=choice)
        except BaseException:
            self._lock.release()
            raise
        self.service = MemoryService(self.folders, settings_file, hosts)
        self.history = HistoryStore(
            self.folders.history_file,
            days=settings_file.settings.monitoring.history_days,
            report=self.service.note,
        )
        self._api: HttpApi | None = None
        self._history_is_open = False

    @property
    def notices(self) -> tuple[Sentence, ...]:
        """What a person should know about this start, in one sentence each; all of it after `start`."""
        return self._met if self.api_notice is None else (*self._met, self.api_notice)

    @property
    def api_notice(self) -> Sentence | None:
        """Why the API is not where it was asked for."""
        return None if self._api is None else self._api.notice

    async def open_history(self) -> None:
        """Open the history, so that it can be loaded and records what happens from now on; once."""
        if self._history_is_open:
            return
        self._history_is_open = True
        self.service.subscribe(self._record)
        if self.service.settings.monitoring.history_days > 0:
            for note in await self.history.open():
                self.service.note(note)

    async def start(self, port: int | None = None, *, with_api: bool = True) -> Endpoint:
        """Start to serve, on this port or on the one of the settings. Raises OSError.

        Without the API no other program can reach the models, the command line neither; the address is
        empty then.
        """
        asyncio.get_running_loop().set_default_executor(_workers())
        await self.open_history()
        for notice in self._met:
            self.service.note(notice)
        await self.service.start()
        if not with_api:
            return Endpoint("", os.getpid(), "")
        self._api = (await asyncio.to_thread(_http_api))(self.service, self.token, self.history)
        await self._api.start(port)
        where = Endpoint(self._api.url, os.getpid(), str(self.folders.token_file))
        endpoint.announce(self.folders.runtime, where)
        return where

    async def until(self, end: asyncio.Event) -> None:
        """Wait until the program is to end. Raises `ServiceBroken` when it cannot go on."""
        ends, breaks = asyncio.ensure_future(end.wait()), asyncio.ensure_future(self.service.broken())
        try:
            await asyncio.wait((ends, breaks), return_when=asyncio.FIRST_COMPLETED)
            if breaks.done():
                raise ServiceBroken(breaks.result())
        finally:
            ends.cancel()
            breaks.cancel()
            await asyncio.gather(ends, breaks, return_exceptions=True)

    async def close(self) -> None:
        """End everything in order: no new requests, hosts, history, lock."""
        endpoint.withdraw(self.folders.runtime)
        async with contextlib.AsyncExitStack() as steps:
            steps.callback(self._lock.release)
            steps.push_async_callback(_timed, "history", self.history.close)
            steps.push_async_callback(_timed, "service", self.service.close)
            if self._api is not None:
                steps.push_async_callback(_timed, "HTTP API", self._api.close)

    def _record(self, fact: Fact) -> None:
        if isinstance(fact, Sample):
            self.history.record(fact, self.service.snapshot.bounds.total_limit_bytes)
        elif isinstance(fact, Event):
            self.history.record_event(fact)


def _http_api() -> type[HttpApi]:
    # It takes 0.2 s to import and 8 MiB: not before the window stands, and for those alone who have it on.
    from llmmem_gui.service.http.api import HttpApi

    return HttpApi


def _workers() -> ThreadPoolExecutor:
    pool, all_there = ThreadPoolExecutor(WORKERS, "worker"), threading.Barrier(WORKERS)
    for _ in range(WORKERS):
        pool.submit(all_there.wait)  # keeps each thread until there is the last one
    return pool


async def _timed(name: str, close: Callable[[], Awaitable[None]]) -> None:
    started = time.monotonic()
    await close()
    log.info("closed the %s in %.0f ms", name, (time.monotonic() - started) * 1000)
