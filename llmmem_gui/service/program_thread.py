"""Runs the program in a thread of a script that has no event loop of its own."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future

from llmmem_gui.folders import Folders
from llmmem_gui.service.program import Program
from llmmem_gui.service.storage.endpoint import Endpoint


class ProgramThread:
    """A running program, from `__init__` until `close`.

    The thread is made and ended here and lives as long as the program, because the system ends the hosts
    with the thread that started them. Raises what `Program` raises.
    """

    def __init__(self, folders: Folders) -> None:
        self._loop = asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._ready: Future[Endpoint] = Future()
        self._thread = threading.Thread(target=self._run, args=(folders,), name="llmmem service", daemon=True)
        self._thread.start()
        try:
            self.endpoint = self._ready.result()
        except BaseException:
            self._thread.join()
            raise

    def close(self) -> None:
        """End the program and wait until nothing of it is left."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    def _run(self, folders: Folders) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._live(folders))
        except BaseException as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)
        finally:
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()

    async def _live(self, folders: Folders) -> None:
        program = Program(folders)
        try:
            self._ready.set_result(await program.start())
            await program.until(self._end)
        finally:
            await program.close()
