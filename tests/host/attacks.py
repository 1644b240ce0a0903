"""Ways in which a process of the same user can harm another; tried from inside a host and from outside."""

from __future__ import annotations

import ctypes
import fcntl
import os
import resource
import signal
import struct
from collections.abc import Callable
from functools import partial
from typing import Any

from llmmem_gui.host import system_calls

TERM = int(signal.SIGTERM)
F_SETSIG, F_SETOWN_EX = 10, 15

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
libc.shmat.restype = ctypes.c_ssize_t


def _checked(result: int) -> int:
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def _call(name: str, *arguments: Any) -> int:
    number = system_calls.number(name, os.uname().machine)
    wide = [ctypes.c_long(each) if isinstance(each, int) else each for each in (number, *arguments)]
    return _checked(libc.syscall(*wide))


def _queued() -> Any:
    # The head of siginfo_t: number, error, code (SI_QUEUE), padding, process and user of the sender.
    head = struct.pack("=iiiiii", TERM, 0, -1, 0, os.getpid(), os.getuid())
    return ctypes.create_string_buffer(head, 128)


def _let_a_pipe_signal(command: int, owner: int | bytes) -> None:
    reading, writing = os.pipe()
    fcntl.fcntl(reading, command, owner)
    fcntl.fcntl(reading, F_SETSIG, TERM)
    fcntl.fcntl(reading, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    os.write(writing, b"x")


ENDING: dict[str, Callable[[int], object]] = {
    "kill": lambda pid: os.kill(pid, TERM),
    "kill a group": lambda pid: os.killpg(pid, TERM),
    "tkill": lambda pid: _call("tkill", pid, TERM),
    "tgkill": lambda pid: _call("tgkill", pid, pid, TERM),
    "rt_sigqueueinfo": lambda pid: _call("rt_sigqueueinfo", pid, TERM, _queued()),
    "rt_tgsigqueueinfo": lambda pid: _call("rt_tgsigqueueinfo", pid, pid, TERM, _queued()),
    "pidfd_send_signal": lambda pid: _call("pidfd_send_signal", _call("pidfd_open", pid, 0), TERM, 0, 0),
    # A folder of /proc stands for its process there, without `pidfd_open`.
    "pidfd_send_signal by /proc": lambda pid: _call(
        "pidfd_send_signal", os.open(f"/proc/{pid}", os.O_RDONLY), TERM, 0, 0
    ),
    "fcntl F_SETOWN": lambda pid: _let_a_pipe_signal(fcntl.F_SETOWN, pid),
    "fcntl F_SETOWN_EX": lambda pid: _let_a_pipe_signal(F_SETOWN_EX, struct.pack("=ii", 1, pid)),
}
"""Each ends the process whose number it is given, which must be the first of its group."""


def _write_to_shared_memory(segment: int) -> None:
    ctypes.memset(_checked(libc.shmat(segment, None, 0)), 1, 1)


def try_all(victims: dict[str, int], other: int, segment: int, file: str) -> dict[str, str]:
    """What came of each way: against a victim for each, another process, shared memory, and a file."""
    ways: dict[str, Callable[[], object]] = {name: partial(ENDING[name], victims[name]) for name in ENDING}
    ways["shmat"] = lambda: _write_to_shared_memory(segment)
    # Opened for reading, which a host may do with its model, and emptied.
    ways["O_TRUNC"] = lambda: os.close(os.open(file, os.O_RDONLY | os.O_TRUNC))
    ways["setpriority"] = lambda: os.setpriority(os.PRIO_PROCESS, other, 19)
    # To one core of those that it has, however many these are.
    ways["sched_setaffinity"] = lambda: os.sched_setaffinity(other, [min(os.sched_getaffinity(other))])
    ways["prlimit64"] = lambda: resource.prlimit(other, resource.RLIMIT_NOFILE, (1, 1))
    outcomes = {}
    for name, way in ways.items():
        try:
            way()
            outcomes[name] = "done"
        except OSError as error:
            outcomes[name] = os.strerror(error.errno or 0)
    return outcomes
