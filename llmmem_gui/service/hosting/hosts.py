"""Where hosts come from: the nursery where there is one, else a fresh program for each."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket

from llmmem_gui.core.sentence import Sentence, sentence_of
from llmmem_gui.service.hosting.host import (
    STOP_SECONDS,
    Answer,
    AskFailedError,
    Host,
    HostEndedError,
    HostError,
    LoadFailedError,
)
from llmmem_gui.service.hosting.host_exit import ExitReport
from llmmem_gui.service.hosting.host_process import ErrorTail, HostProcess, StartedProcess
from llmmem_gui.service.hosting.nursery import Nursery, NurseryEndedError

__all__ = [
    "Answer",
    "AskFailedError",
    "BirthFailedError",
    "ExitReport",
    "Host",
    "HostEndedError",
    "HostError",
    "HostStarter",
    "LoadFailedError",
]


REST_SECONDS = 600.0
"""A nursery without hosts ends after so long and gives its 21 MiB back; another takes 0.3 s to start."""


class BirthFailedError(HostError):
    """No host could be started."""


class HostStarter:
    """Starts hosts and knows those that run.

    `spawn` it in the main thread, before Qt, so that nothing of Qt is in the nursery's way; use it from
    one event loop; `close` it last. When the nursery dies, its hosts die with it, and hosts are fresh
    programs from then on.
    """

    def __init__(self, nursery: Nursery | None) -> None:
        self._nursery = nursery
        self._rests = False
        """The nursery was ended because nobody needed it; the next host needs another."""
        self._unused_since: float | None = None
        self._births = 0
        self._hosts: set[Host] = set()

    @classmethod
    def spawn(cls, with_nursery: bool = True) -> HostStarter:
        """Start the nursery, if this system can have one, without waiting for it. Raises OSError."""
        return cls(Nursery.spawn() if with_nursery and Nursery.is_supported() else None)

    @property
    def nursery_pid(self) -> int | None:
        """Process of the nursery; None without one."""
        return None if self._nursery is None or self._nursery.is_over else self._nursery.pid

    @property
    def hosts(self) -> frozenset[Host]:
        """The hosts whose processes have not been reaped."""
        return frozenset(self._hosts)

    async def birth(self) -> Host:
        """Start a host. Raises `BirthFailedError` and `HostEndedError`."""
        self._births += 1
        try:
            host = await self._begin()
        except OSError as error:
            sentence = Sentence("Host", "no host could be started: {reason}")
            raise BirthFailedError(sentence.format(reason=sentence_of(error))) from error
        finally:
            self._births -= 1
        self._hosts.add(host)
        host.exited.add_done_callback(lambda _: self._hosts.discard(host))
        await host.greet()
        return host

    def rest_if_unused(self, now: float) -> None:
        """End a nursery that has had no host for `REST_SECONDS`; `now` in monotonic seconds, once a tick."""
        if self._hosts or self._births or self.nursery_pid is None:
            self._unused_since = None
        elif self._unused_since is None:
            self._unused_since = now
        elif now - self._unused_since >= REST_SECONDS and self._nursery is not None:
            self._nursery.end()
            self._rests = True

    async def close(self, grace_seconds: float = STOP_SECONDS) -> None:
        """Stop all hosts, then the nursery."""
        await asyncio.gather(*(host.stop(grace_seconds) for host in self._hosts))
        if self._nursery is not None and not self._nursery.is_over:
            self._nursery.end()

    async def _begin(self) -> Host:
        with contextlib.ExitStack() as opened, contextlib.ExitStack() as passed_on:
            ours, theirs = socket.socketpair()
            opened.enter_context(ours)
            passed_on.enter_context(theirs)
            errors, errors_in = ErrorTail.open()
            opened.callback(errors.close)
            passed_on.callback(os.close, errors_in)
            host = Host(await self._start(theirs, errors_in), ours, errors)
            opened.pop_all()
        return host

    async def _start(self, connection: socket.socket, errors: int) -> HostProcess:
        if self._rests:
            self._nursery, self._rests = Nursery.spawn(), False
        if self._nursery is not None:
            self._nursery.attach()
            with contextlib.suppress(NurseryEndedError):
                return await self._nursery.birth(connection, errors)
        return StartedProcess.start(connection, errors)
