"""How a host's process is started, killed and mourned, whoever its parent is."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Protocol

import llmmem_gui
from llmmem_gui.core.engines import EngineUse

_PASSED_ON = ("PATH", "LANG", "LANGUAGE", "TZ", "LD_LIBRARY_PATH", "SYSTEMROOT", "WINDIR", "TEMP", "TMP")
_PASSED_ON_PREFIXES = ("LC_", "OMP_", "GOMP_", "GGML_", "CUDA_", "HIP_", "ROCR_", "VK_")
_NOT_PASSED_ON = ("OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY")
"""Bind threads to cores: all hosts would share the first ones, and the sandbox lets none be bound."""

FROZEN_NAME = "llmmem-host"
"""In a frozen build the host program is a program of its own, beside the others and without Qt."""

ERRORS_BYTES = 8192
"""How much of the end of a host's standard error is kept."""

ERRORS_SECONDS = 1.0
"""How long the end of the standard error of a dead process is waited for."""

REAP_SECONDS = 0.01
"""Between two looks whether a program that is about to end has ended."""


class HostProcess(Protocol):
    """A running host process."""

    pid: int

    def kill(self) -> None:
        """End the process at once; one that has ended is left alone."""

    async def wait(self) -> int | None:
        """Wait until the process has been reaped; gives its exit code, None when nobody was left to tell."""


def host_program() -> list[str]:
    """Give the command line of the host program, without its arguments."""
    if getattr(sys, "frozen", False):
        return [str(Path(sys.executable).with_name(FROZEN_NAME))]
    # -I keeps the user's own modules and variables out; the file finds its package by itself.
    return [sys.executable, "-I", str(Path(llmmem_gui.__file__).parent / "host" / "__main__.py")]


def helper_program(kind: str, file: str) -> list[str]:
    """Give the command line of another program that loads llama.cpp, without its arguments.

    In a frozen build it is the host program under the word `kind`, else a file beside the host's.
    """
    if getattr(sys, "frozen", False):
        return [*host_program(), kind]
    return [sys.executable, "-I", str(Path(llmmem_gui.__file__).parent / "host" / file)]


def host_environment(engine: EngineUse) -> dict[str, str]:
    """Give the few variables that a host needs; a host reads untrusted files and must hold no secret."""
    passed_on = {
        name: value
        for name, value in os.environ.items()
        if (name in _PASSED_ON or name.startswith(_PASSED_ON_PREFIXES)) and name not in _NOT_PASSED_ON
    }
    if "LD_LIBRARY_PATH" in passed_on:
        # It goes before what a library says of its own place: another llama.cpp there would be mixed in.
        passed_on["LD_LIBRARY_PATH"] = os.pathsep.join((engine.folder, passed_on["LD_LIBRARY_PATH"]))
    return {
        # Threads of llama.cpp meet at barriers and spin there: alone that is quickest, but until they are
        # fewer beside another busy program libgomp's own 300,000 turns make answers 20 to 60 times slower
        # (two cores). 3,000 turns cost nothing alone; 1,000, of which AMD's take longer, a fifth on Intel's.
        "GOMP_SPINCOUNT": "3000",
        **passed_on,
        # The bindings look for their libraries here, the host for the engine's manifest and modules.
        "LLAMA_CPP_LIB_PATH": engine.folder,
        "LLMMEM_ENGINE": engine.folder,
        "GGML_NO_BACKTRACE": "1",  # otherwise llama.cpp starts a debugger on a host that it gives up
        "OPENBLAS_NUM_THREADS": "1",  # numpy's threads would not survive the nursery's fork
    }


class ForkedProcess:
    """A host that the nursery forked; the nursery reaps it and tells."""

    def __init__(self, pid: int, pidfd: int) -> None:
        self.pid = pid
        self._pidfd = pidfd
        self._loop = asyncio.get_running_loop()
        self._exit: asyncio.Future[int | None] = self._loop.create_future()

    def kill(self) -> None:
        """End the process at once; one that has ended is left alone."""
        if not self._exit.done():
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    async def wait(self) -> int | None:
        """Wait until the process has been reaped; gives its exit code, None when nobody was left to tell."""
        return await asyncio.shield(self._exit)

    def end(self, exit_code: int | None) -> None:
        """The process is over, as the nursery says, or as is seen without it."""
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._exit.set_result(exit_code)

    def abandon(self) -> None:
        """The nursery is over and tells no more: end the process, and notice when it has ended."""
        self.kill()
        self._loop.add_reader(self._pidfd, self.end, None)


class StartedProcess:
    """A host that this process started as a program of its own.

    Not tied to the thread that started it, as `PR_SET_PDEATHSIG` would: it ends when its socket does.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.pid = process.pid
        self._process = process

    @classmethod
    def start(
        cls, connection: socket.socket, errors: int, engine: EngineUse, gpu: bool = False
    ) -> StartedProcess:
        """Start the host program with its end of the socket and its standard error. Raises OSError.

        With `gpu` it takes the engine's modules for GPUs along.
        """
        kind = "gpu-host" if gpu else "host"
        if sys.platform == "win32":  # untested; a socket goes there as a description of itself
            process = subprocess.Popen(
                [*host_program(), kind, "-"],
                env=host_environment(engine),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                creationflags=subprocess.CREATE_NO_WINDOW,
            )
            assert process.stdin is not None
            with process.stdin:
                process.stdin.write(connection.share(process.pid))
            return cls(process)
        process = subprocess.Popen(
            [*host_program(), kind, str(connection.fileno())],
            env=host_environment(engine),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            pass_fds=[connection.fileno()],
            start_new_session=True,
        )
        return cls(process)

    def kill(self) -> None:
        """End the process at once; one that has ended is left alone."""
        self._process.kill()

    async def wait(self) -> int | None:
        """Wait until the process has been reaped; gives its exit code."""
        while True:
            exit_code = self._process.poll()
            if exit_code is not None:
                return exit_code
            await asyncio.sleep(REAP_SECONDS)


class ErrorTail:
    """Drains a host's standard error, so that the host never waits for it, and keeps its end."""

    def __init__(self, descriptor: int) -> None:
        """Take over the reading end of a pipe."""
        self._descriptor = descriptor
        self._tail = b""
        self._loop = asyncio.get_running_loop()
        self._is_over = self._loop.create_future()
        if sys.platform == "win32":  # untested; no event loop there reads from a pipe like this
            self._is_over.set_result(None)
        else:
            os.set_blocking(descriptor, False)
            self._loop.add_reader(descriptor, self._read)

    @classmethod
    def open(cls) -> tuple[ErrorTail, int]:
        """Make a pipe; gives its reading end and the descriptor for the host. Raises OSError."""
        reading, writing = os.pipe()
        if sys.platform == "win32":
            os.close(writing)
            writing = os.open(os.devnull, os.O_WRONLY)
        return cls(reading), writing

    async def finish(self) -> str:
        """Read what is left once the process has ended; gives the end of all."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._is_over), ERRORS_SECONDS)
        self.close()
        return self._tail.decode("utf-8", "replace")

    def close(self) -> None:
        """Read no more."""
        if not self._is_over.done():
            self._loop.remove_reader(self._descriptor)
            self._is_over.cancel()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _read(self) -> None:
        try:
            part = os.read(self._descriptor, 65536)
        except BlockingIOError:
            return
        self._tail = (self._tail + part)[-ERRORS_BYTES:]
        if not part:
            self._loop.remove_reader(self._descriptor)
            self._is_over.set_result(None)
