"""The nursery: has llama.cpp imported once and forks a host for each request (Linux).

A fork shares what the nursery has in memory until it is written, so a host is born in milliseconds and
owns next to nothing. A build of llama.cpp for a GPU must not be forked, because a GPU's runtime does not
survive it: then each host is a fresh program.
"""

from __future__ import annotations

import contextlib
import gc
import os
import selectors
import signal
import socket
import sys
import traceback
from typing import NoReturn

from llmmem_gui.core import protocol
from llmmem_gui.core.sentence import Sentence
from llmmem_gui.host import engine, process
from llmmem_gui.host.channel import Channel
from llmmem_gui.host.session import live


class Nursery:
    """Forks hosts, reaps them and tells the service, over a socket that keeps message boundaries."""

    def __init__(self, control: socket.socket, program: list[str]) -> None:
        """`program` is the command line of this program without its arguments."""
        self._control = control
        self._program = program
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)
        self._forks = not engine.supports_gpu()

    def run(self) -> None:
        """Serve until the service closes the socket."""
        gc.collect()
        # The collector writes into every object it looks at, which would end the sharing of its page.
        gc.freeze()
        # A service that ends in the middle of a word has closed the socket too.
        with contextlib.suppress(ConnectionError):
            self._send(protocol.NurseryReady(engine.VERSION, gpu_offload=not self._forks))
            while self._hear():
                pass

    def _hear(self) -> bool:
        """Do what has come up; False when the service has closed the socket."""
        for key, _ in self._selector.select():
            if key.data is not None:
                self._reap(key.fd, key.data)
            elif not self._take():
                return False
        return True

    def _take(self) -> bool:
        body, descriptors, _, _ = socket.recv_fds(self._control, protocol.BODY_LIMIT_BYTES, 2)
        if not body:
            return False
        birth = protocol.decode_to_nursery(body)
        try:
            pid = self._give_birth(*descriptors)
            self._announce(birth.birth_id, pid)
        except OSError as error:
            reason = Sentence("Host", "the system started no host: {reason}").format(
                reason=error.strerror or str(error)
            )
            self._send(protocol.BirthFailed(birth.birth_id, reason))
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        return True

    def _give_birth(self, connection: int, errors: int) -> int:
        parent_pid = os.getpid()
        pid = os.fork()
        if pid != 0:
            return pid
        try:
            os.dup2(errors, 2)
            process.close_all_but({connection})
            if self._forks:
                begin_host(socket.socket(fileno=connection), parent_pid)
            os.set_inheritable(connection, True)
            os.execv(self._program[0], [*self._program, "host", str(connection), str(parent_pid)])
        except BaseException:  # noqa: BLE001 - a fork must not run on as its parent
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(1)

    def _announce(self, birth_id: int, pid: int) -> None:
        try:
            # Unlike its number, a pidfd never comes to mean another process.
            pidfd = os.pidfd_open(pid)
        except OSError:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise
        self._selector.register(pidfd, selectors.EVENT_READ, data=pid)
        self._send(protocol.Forked(birth_id, pid), pidfd)

    def _reap(self, pidfd: int, pid: int) -> None:
        self._selector.unregister(pidfd)
        os.close(pidfd)
        _, status = os.waitpid(pid, 0)
        self._send(protocol.Exited(pid, os.waitstatus_to_exitcode(status)))

    def _send(self, message: protocol.Message, *descriptors: int) -> None:
        socket.send_fds(self._control, [protocol.encode(message)], descriptors)


def begin_host(connection: socket.socket, parent_pid: int | None) -> NoReturn:
    """Make this process a host that talks over the socket; ends the process.

    With a `parent_pid` it also dies with its parent; without one, only the socket's end tells it.
    """
    if parent_pid is not None:
        process.die_with(parent_pid)
    process.name_process("llmmem-host")
    process.volunteer_for_oom()
    process.leave_no_core()
    live(Channel(connection))
