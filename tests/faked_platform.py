"""Makes this interpreter look like one on macOS or Windows to whatever is imported afterwards.

`LLMMEM_TEST_PLATFORM` names the platform (a value of sys.platform). What Python does not have there is taken
out of its modules; the standard library and the packages that the program uses are imported before, because
they need what this system has. As a plugin of pytest (`-p tests.faked_platform`) it holds for the tests of a
run and for the hosts that they start.
"""

from __future__ import annotations

import importlib
import mmap
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

TREE = Path(__file__).resolve().parents[1]

PACKAGES = (
    # Those that the program imports, and parts of the standard library that look at the platform when used.
    *("asyncio", "concurrent.futures", "ctypes.util", "http.client", "logging.handlers", "multiprocessing"),
    *("platform", "readline", "select", "sqlite3", "ssl", "urllib.request", "webbrowser"),
    *(
        "jeepney.io.asyncio",
        "jinja2.sandbox",
        "msgspec",
        "numpy",
        "platformdirs",
        "psutil",
        "starlette.routing",
    ),
    *("starlette.responses", "tomlkit", "uvicorn.protocols.http.h11_impl", "uvicorn.server"),
    *("platformdirs.macos", "platformdirs.windows", "platformdirs.unix"),
)
QT_PACKAGES = (
    "PySide6.QtWidgets",
    "PySide6.QtNetwork",
    "PySide6.QtSvg",
    "PySide6.QtDBus",
    "pyqtgraph",
    "pyqtgraph.exporters",
)
ENGINE_PACKAGES = ("llama_cpp", "llama_cpp.llama_chat_format")

LINUX_ALONE: dict[ModuleType, tuple[str, ...]] = {
    mmap: ("MADV_COLD", "MADV_PAGEOUT", "MADV_HUGEPAGE", "MADV_DONTFORK", "MADV_REMOVE"),
    os: (
        *("sched_getaffinity", "sched_setaffinity", "pidfd_open", "memfd_create", "posix_fadvise", "O_PATH"),
        *("O_DIRECT", "splice", "eventfd"),
    ),
    signal: ("pidfd_send_signal", "SIGPOLL", "SIGPWR", "SIGSTKFLT", "SIGRTMIN", "SIGRTMAX"),
    time: ("CLOCK_BOOTTIME",),
    socket: ("SO_PEERCRED", "SO_PASSCRED", "AF_NETLINK", "SOCK_CLOEXEC", "SOCK_NONBLOCK"),
}
UNIX_ALONE: dict[ModuleType, tuple[str, ...]] = {
    mmap: ("MADV_NORMAL", "MADV_DONTNEED", "MADV_WILLNEED", "MADV_FREE", "MAP_SHARED", "MAP_PRIVATE"),
    os: (
        *(
            "getuid",
            "geteuid",
            "getgid",
            "getegid",
            "fork",
            "killpg",
            "getpgid",
            "setsid",
            "uname",
            "sysconf",
        ),
        *("pread", "pwrite", "statvfs", "fchown", "chown", "mkfifo", "posix_fallocate", "getloadavg", "nice"),
        *("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_DIRECTORY", "O_NOCTTY", "O_SYNC"),
    ),
    signal: (
        *("SIGKILL", "SIGHUP", "SIGALRM", "SIGUSR1", "SIGUSR2", "SIGBUS", "SIGPIPE", "SIGCHLD", "SIGQUIT"),
        *("SIGSTOP", "SIGCONT", "setitimer", "alarm", "pthread_kill", "pthread_sigmask", "ITIMER_REAL"),
    ),
    time: ("clock_gettime", "CLOCK_MONOTONIC", "CLOCK_REALTIME"),
    socket: ("send_fds", "recv_fds", "CMSG_LEN", "SCM_RIGHTS"),
}
UNIX_MODULES = ("fcntl", "resource", "pwd", "grp", "termios", "readline", "spwd")


HOST_SWITCH = "--host"


def fake(platform: str, packages: tuple[str, ...] = PACKAGES) -> None:
    """Look like that platform from now on."""
    for name in packages:
        importlib.import_module(name)
    _take_out(LINUX_ALONE)
    if platform == "win32":
        lock = _msvcrt()
        _take_out(UNIX_ALONE)
        sys.modules["msvcrt"] = lock
        subprocess.CREATE_NO_WINDOW = 0x08000000  # type: ignore[attr-defined]
        for name in UNIX_MODULES:
            sys.modules[name] = None  # type: ignore[assignment] - importing it fails from now on
    sys.platform = platform


def _take_out(table: dict[ModuleType, tuple[str, ...]]) -> None:
    for module, names in table.items():
        for name in names:
            if hasattr(module, name):
                delattr(module, name)


def _msvcrt() -> ModuleType:
    """The one call of this module that the program makes, by what this system has for it."""
    import fcntl

    module = ModuleType("msvcrt")
    module.LK_NBLCK = 2  # type: ignore[attr-defined]
    module.locking = lambda descriptor, _mode, _bytes: fcntl.flock(  # type: ignore[attr-defined]
        descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB
    )
    return module


def pytest_sessionstart() -> None:
    """Begin before any test is imported."""
    platform = os.environ["LLMMEM_TEST_PLATFORM"]
    fake(platform)
    from llmmem_gui.service.hosting import host_process

    # The hosts, too, look like programs on that platform.
    command = [sys.executable, "-I", str(Path(__file__)), HOST_SWITCH, platform]
    host_process.host_program = lambda: command


def main(arguments: list[str]) -> None:
    """Run the host program, or import every module of the program."""
    sys.path.append(str(TREE))
    kind, platform, *rest = arguments
    if kind == HOST_SWITCH:
        fake(platform, (*PACKAGES, *ENGINE_PACKAGES))
        importlib.import_module("llmmem_gui.host.__main__").main(rest)
        return
    fake(platform, (*PACKAGES, *ENGINE_PACKAGES, *QT_PACKAGES))
    for path in sorted((TREE / "llmmem_gui").rglob("*.py")):
        name = ".".join(path.relative_to(TREE).with_suffix("").parts)
        if name != "llmmem_gui.cli.__main__":  # that one is nothing but a call
            importlib.import_module(name.removesuffix(".__init__"))


if __name__ == "__main__":
    main(sys.argv[1:])
