"""What a host does to its own process: it dies with its parent, and keeps nothing that is not its own."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Iterator

if sys.platform != "win32":
    import resource

PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15

OOM_SCORE_ADJUSTMENT = 400
"""Added to the badness of a host, so that the system ends a model before the window."""


STACK_BYTES = 8 * 2**20
"""Reserved for a thread; next to nothing of it is ever used."""


def prctl(option: int, argument: object, address: int = 0) -> None:
    """Call `prctl(2)`. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    # Unused arguments must be zero of full width, or the kernel refuses some options.
    zero = ctypes.c_ulong(0)
    if libc.prctl(ctypes.c_int(option), argument, ctypes.c_ulong(address), zero, zero) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def die_with(parent_pid: int) -> None:
    """Let the system kill this process when its parent's spawning thread ends (Linux).

    Ends the process when the parent is gone already: then the signal never comes.
    """
    if not sys.platform.startswith("linux"):
        return
    prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))
    if os.getppid() != parent_pid:
        os._exit(1)


def name_process(name: str) -> None:
    """Give the process the name that `ps` and `top` show; at most 15 bytes of it are kept."""
    if sys.platform.startswith("linux"):
        prctl(PR_SET_NAME, ctypes.create_string_buffer(name.encode()))


def volunteer_for_oom() -> None:
    """Ask the system to take this process first when memory runs out (Linux)."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write(str(OOM_SCORE_ADJUSTMENT))


def leave_no_core() -> None:
    """Keep a crash from writing the whole model to disk."""
    if sys.platform != "win32":
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def limit_growth(added_bytes: int, *, may_double: bool = False) -> None:
    """Bound the private memory that the process may reserve from now on, beside stacks (Linux).

    With `may_double` the bound can be raised later, by as much at most.
    """
    if sys.platform.startswith("linux"):
        stacks_bytes = STACK_BYTES * (os.cpu_count() or 1)
        limit_bytes = private_virtual_bytes() + stacks_bytes + added_bytes
        most_bytes = limit_bytes + added_bytes * may_double
        resource.setrlimit(resource.RLIMIT_DATA, (limit_bytes, most_bytes))


def raise_limit(added_bytes: int) -> None:
    """Let the process reserve so much more private memory, as far as its bound can be raised (Linux)."""
    if sys.platform.startswith("linux"):
        limit_bytes, most_bytes = resource.getrlimit(resource.RLIMIT_DATA)
        if limit_bytes != resource.RLIM_INFINITY:
            raised = limit_bytes + added_bytes
            limit_bytes = raised if most_bytes == resource.RLIM_INFINITY else min(raised, most_bytes)
        resource.setrlimit(resource.RLIMIT_DATA, (limit_bytes, most_bytes))


@contextlib.contextmanager
def bounded_growth(private_bytes: int, added_bytes: int) -> Iterator[None]:
    """Bound for a while what the process may reserve beside the private memory it has (Linux).

    What is beyond the bound raises `MemoryError`. `private_bytes` is what `RLIMIT_DATA` counts now.
    """
    if not sys.platform.startswith("linux"):
        yield
        return
    before, most = resource.getrlimit(resource.RLIMIT_DATA)
    bound = private_bytes + added_bytes
    limits = [limit for limit in (bound, before) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min(limits), most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (before, most))


def limit_files(most_bytes: int) -> None:
    """Bound how long any file may become that the process writes to (POSIX); a write beyond it fails."""
    if sys.platform != "win32":
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))


def close_all_but(kept: set[int]) -> None:
    """Close every descriptor from 3 on that is not in `kept`."""
    previous = 2
    for descriptor in sorted(kept | {_descriptor_limit()}):
        if descriptor > previous + 1:
            os.closerange(previous + 1, descriptor)
        previous = max(previous, descriptor)


def private_virtual_bytes() -> int:
    """Give what `RLIMIT_DATA` is compared with (Linux)."""
    # The sixth number of statm, in pages (proc(5)).
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[5]) * os.sysconf("SC_PAGE_SIZE")


def _descriptor_limit() -> int:
    # Descriptors above a limit that was lowered later can exist; the list tells, where there is one.
    with contextlib.suppress(OSError):
        return max(int(name) for name in os.listdir("/proc/self/fd")) + 1
    return os.sysconf("SC_OPEN_MAX")
