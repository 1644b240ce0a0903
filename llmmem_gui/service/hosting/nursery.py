"""The service's end of the nursery: asks it for hosts and hears when they end."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
from typing import Any

from llmmem_gui.core import protocol
from llmmem_gui.core.engines import EngineUse
from llmmem_gui.core.sentence import SentenceError
from llmmem_gui.service.hosting.host_process import ForkedProcess, host_environment, host_program


class BirthRefused(SentenceError, OSError):
    """The system started no host."""


class NurseryEndedError(Exception):
    """The nursery is gone; the text is the reason."""


class Nursery:
    """The process that forks hosts (Linux), see `llmmem_gui.host.nursery`; use it from one event loop.

    It ends when its socket closes, and its hosts with it. Spawned from the main thread, the system also
    kills it when this process ends; from another thread that would happen when the thread ends (prctl(2),
    `PR_SET_PDEATHSIG`), and is not asked for.
    """

    def __init__(self, control: socket.socket, process: subprocess.Popen[bytes], engine: EngineUse) -> None:
        self.engine = engine
        """What its hosts compute with."""
        self._control = control
        self._process = process
        self._births: dict[int, asyncio.Future[ForkedProcess]] = {}
        self._hosts: dict[int, ForkedProcess] = {}
        self._last_birth = 0
        self._attached_to: asyncio.AbstractEventLoop | None = None
        self._ready: asyncio.Future[protocol.NurseryReady]
        self.is_over = False

    @classmethod
    def spawn(cls, engine: EngineUse) -> Nursery:
        """Start the process and do not wait for it. Raises OSError."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        parent = [str(os.getpid())] if threading.current_thread() is threading.main_thread() else []
        with theirs:
            process = subprocess.Popen(
                [*host_program(), "nursery", str(theirs.fileno()), *parent],
                env=host_environment(engine),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        ours.setblocking(False)
        return cls(ours, process, engine)

    @staticmethod
    def is_supported() -> bool:
        """Tell whether this system can have one."""
        return sys.platform.startswith("linux")

    @property
    def has_hosts(self) -> bool:
        """Hosts that it forked run, or are about to."""
        return bool(self._hosts or self._births)

    @property
    def pid(self) -> int:
        """Number of its process."""
        return self._process.pid

    def attach(self) -> None:
        """Listen in the running loop; once."""
        if self._attached_to is None:
            self._attached_to = asyncio.get_running_loop()
            self._ready = self._attached_to.create_future()
            self._attached_to.add_reader(self._control, self._take)

    async def ready(self) -> protocol.NurseryReady:
        """Wait until it takes births. Raises `NurseryEndedError`."""
        return await asyncio.shield(self._ready)

    async def birth(self, connection: socket.socket, errors: int) -> ForkedProcess:
        """Let it start a host with this socket and standard error. Raises `NurseryEndedError` and OSError."""
        if self.is_over:
            raise NurseryEndedError("the nursery has ended")
        self._last_birth += 1
        birth = protocol.Birth(self._last_birth)
        future: asyncio.Future[ForkedProcess] = asyncio.get_running_loop().create_future()
        self._births[birth.birth_id] = future
        try:
            socket.send_fds(self._control, [protocol.encode(birth)], [connection.fileno(), errors])
            return await future
        except ConnectionError as error:  # it has died just now, and its end has not been read yet
            raise NurseryEndedError("the nursery has ended") from error
        finally:
            self._births.pop(birth.birth_id, None)

    def end(self) -> None:
        """End the process, and with it all its hosts; once, in its loop if it was used in one."""
        if self._attached_to is not None:
            self._attached_to.remove_reader(self._control)
        self.is_over = True
        self._control.close()
        self._process.kill()
        self._process.wait()
        while self._hosts:
            self._hosts.popitem()[1].abandon()

    def _take(self) -> None:
        try:
            body, descriptors, _, _ = socket.recv_fds(self._control, protocol.BODY_LIMIT_BYTES, 1)
        except BlockingIOError:
            return
        except OSError:
            body, descriptors = b"", []
        if not body:
            self._mourn()
            return
        message = protocol.decode_from_nursery(body)
        if isinstance(message, protocol.NurseryReady):
            self._ready.set_result(message)
        elif isinstance(message, protocol.Forked):
            self._welcome(message, *descriptors)
        elif isinstance(message, protocol.BirthFailed):
            future = self._births.get(message.birth_id)
            if future is not None and not future.done():
                future.set_exception(BirthRefused(message.reason))
        else:
            host = self._hosts.pop(message.pid, None)
            if host is not None:
                host.end(message.exit_code)

    def _welcome(self, message: protocol.Forked, pidfd: int) -> None:
        host = ForkedProcess(message.pid, pidfd)
        self._hosts[message.pid] = host
        future = self._births.get(message.birth_id)
        if future is None or future.done():
            host.kill()
        else:
            future.set_result(host)

    def _mourn(self) -> None:
        self.end()
        error = NurseryEndedError(f"the nursery ended with code {self._process.returncode}")
        waiting: list[asyncio.Future[Any]] = [self._ready, *self._births.values()]
        for future in waiting:
            if not future.done():
                future.set_exception(error)
                future.exception()  # read once, because nobody has to wait for it
