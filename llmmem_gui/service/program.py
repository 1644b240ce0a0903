"""The whole program without a window: lock, hosts, service and HTTP API, in order and back."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Awaitable, Callable

from llmmem_gui.core.events import Event
from llmmem_gui.core.readings import Sample
from llmmem_gui.folders import Folders
from llmmem_gui.service.hosting.hosts import HostStarter
from llmmem_gui.service.http.api import HttpApi
from llmmem_gui.service.memory_service import MemoryService
from llmmem_gui.service.publisher import Fact
from llmmem_gui.service.storage import endpoint, token_file
from llmmem_gui.service.storage.endpoint import Endpoint
from llmmem_gui.service.storage.history_store import HistoryStore
from llmmem_gui.service.storage.program_lock import ProgramLock
from llmmem_gui.service.storage.settings_file import SettingsFile

log = logging.getLogger(__name__)


class Program:
    """One running program for one home.

    Make it in a thread that lives as long as the program (the system ends the nursery with the thread that
    started it), `start` and `close` it in one event loop of that thread.
    Raises `FolderUnusable`, `AlreadyRunning`, `TokenError` and OSError, and then nothing is left running.
    """

    def __init__(self, folders: Folders) -> None:
        self._folders = folders
        folders.create()
        self._lock = ProgramLock(folders.data)
        try:
            self.token = token_file.keep_token(folders.token_file)
            """What other programs must show to the API."""
            settings_file = SettingsFile(folders.settings_file)
            hosts = HostStarter.spawn()
        except BaseException:
            self._lock.release()
            raise
        self.service = MemoryService(folders, settings_file, hosts)
        self.history = HistoryStore(
            folders.history_file,
            days=settings_file.settings.monitoring.history_days,
            report=self.service.note,
        )
        self.api = HttpApi(self.service, self.token)
        self._history_is_open = False

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
        await self.open_history()
        await self.service.start()
        if not with_api:
            return Endpoint("", os.getpid(), "")
        await self.api.start(port)
        where = Endpoint(self.api.url, os.getpid(), str(self._folders.token_file))
        endpoint.announce(self._folders.runtime, where)
        return where

    async def close(self) -> None:
        """End everything in order: no new requests, hosts, history, lock."""
        endpoint.withdraw(self._folders.runtime)
        async with contextlib.AsyncExitStack() as steps:
            steps.callback(self._lock.release)
            steps.push_async_callback(_timed, "history", self.history.close)
            steps.push_async_callback(_timed, "service", self.service.close)
            steps.push_async_callback(_timed, "HTTP API", self.api.close)

    def _record(self, fact: Fact) -> None:
        if isinstance(fact, Sample):
            self.history.record(fact, self.service.snapshot.bounds.total_limit_bytes)
        elif isinstance(fact, Event):
            self.history.record_event(fact)


async def _timed(name: str, close: Callable[[], Awaitable[None]]) -> None:
    started = time.monotonic()
    await close()
    log.info("closed the %s in %.0f ms", name, (time.monotonic() - started) * 1000)
