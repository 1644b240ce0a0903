"""Where hosts come from: the nursery where there is one, else a fresh program for each."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket

from llmmem_gui.core.engines import EngineUse
from llmmem_gui.core.sentence import Sentence, sentence_of
from llmmem_gui.service.hosting.engine_choice import EngineChoice
from llmmem_gui.service.hosting.host import (
    STOP_SECONDS,
    AskFailedError,
    Host,
    HostAnswer,
    HostEndedError,
    HostError,
    LoadFailedError,
)
from llmmem_gui.service.hosting.host_exit import ExitReport
from llmmem_gui.service.hosting.host_process import ErrorTail, HostProcess, StartedProcess
from llmmem_gui.service.hosting.nursery import Nursery, NurseryEndedError

__all__ = [
    "AskFailedError",
    "BirthFailedError",
    "ExitReport",
    "Host",
    "HostAnswer",
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

    def __init__(self, choice: EngineChoice, nursery: Nursery | None) -> None:
        self.choice = choice
        """The engine of hosts to come."""
        self._nursery = nursery
        self._rests = False
        """There is no nursery now, but the next host is to have one."""
        self._unused_since: float | None = None
        self._births = 0
        self._hosts: set[Host] = set()

    @classmethod
    def spawn(cls, with_nursery: bool = True, choice: EngineChoice | None = None) -> HostStarter:
        """Start the nursery, if this system can have one, without waiting for it. Raises OSError."""
        choice = choice or EngineChoice.of_machine()
        starter = cls(choice, None)
        if with_nursery and Nursery.is_supported():
            engine = choice.current
            starter._nursery = Nursery.spawn(engine) if engine is not None else None
            starter._rests = engine is None
        return starter

    @property
    def nursery_pid(self) -> int | None:
        """Process of the nursery; None without one."""
        return None if self._nursery is None or self._nursery.is_over else self._nursery.pid

    @property
    def hosts(self) -> frozenset[Host]:
        """The hosts whose processes have not been reaped."""
        return frozenset(self._hosts)

    async def birth(self, engine: EngineUse | None = None, *, gpu: bool = False) -> Host:
        """Start a host, with another engine than the one in use if that is given.

        With `gpu` layers can be placed on a GPU. Raises `BirthFailedError` and `HostEndedError`.
        """
        await self.choice.decided()
        engine = engine or self.choice.current
        if engine is None:
            raise BirthFailedError(
                Sentence("Host", "no engine answers rightly on this machine: `llmmem engine` says why")
            )
        self._births += 1
        try:
            host = await self._begin(engine, gpu and bool(engine.gpus))
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

    async def _begin(self, engine: EngineUse, gpu: bool) -> Host:
        with contextlib.ExitStack() as opened, contextlib.ExitStack() as passed_on:
            ours, theirs = socket.socketpair()
            opened.enter_context(ours)
            passed_on.enter_context(theirs)
            errors, errors_in = ErrorTail.open()
            opened.callback(errors.close)
            passed_on.callback(os.close, errors_in)
            host = Host(await self._start(theirs, errors_in, engine, gpu), ours, errors, engine)
            opened.pop_all()
        return host

    async def _start(
        self, connection: socket.socket, errors: int, engine: EngineUse, gpu: bool
    ) -> HostProcess:
        nursery = None if gpu else self._nursery_of(engine)
        if nursery is not None:
            nursery.attach()
            with contextlib.suppress(NurseryEndedError):
                return await nursery.birth(connection, errors)
        return StartedProcess.start(connection, errors, engine, gpu)

    def _nursery_of(self, engine: EngineUse) -> Nursery | None:
        """The nursery, if it is there for this engine or can be made so."""
        nursery = self._nursery
        if nursery is not None and nursery.engine.folder != engine.folder:
            if nursery.is_over or nursery.has_hosts or engine != self.choice.current:
                return None
            nursery.end()
            self._rests = True
        if self._rests:
            self._nursery, self._rests = Nursery.spawn(engine), False
        return self._nursery
