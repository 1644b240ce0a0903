"""The host program: `nursery SOCKET [PARENT]`, `host SOCKET [PARENT]` or `gpu-host SOCKET [PARENT]`.

SOCKET is the number of an inherited descriptor (`-` on Windows), PARENT the process whose end ends this
one. Runs as a module, or as a file by an isolated interpreter that does not know where the package lies.
"""

import sys
from pathlib import Path

if not __package__:
    sys.path.append(str(Path(__file__).resolve().parents[2]))

import socket

from llmmem_gui.host import process


def main(arguments: list[str]) -> None:
    """Run one of the programs; returns when the nursery is no longer needed."""
    kind, descriptor, *parent = arguments
    parent_pid = int(parent[0]) if parent else None
    if parent_pid is not None:
        process.die_with(parent_pid)
    process.leave_no_core()
    # Only now: importing llama.cpp takes a second, in which the parent can end.
    from llmmem_gui.host import engine
    from llmmem_gui.host.nursery import Nursery, begin_host

    engine.start(gpu=kind == "gpu-host")
    if kind == "nursery":
        process.name_process("llmmem-nursery")
        program = [sys.executable, *sys.orig_argv[1 : -len(arguments)]]
        Nursery(_connection(descriptor), program).run()
    else:
        begin_host(_connection(descriptor), parent_pid)


def _connection(descriptor: str) -> socket.socket:
    if sys.platform == "win32":  # untested; there the socket comes as a description of itself
        return socket.fromshare(sys.stdin.buffer.read())
    return socket.socket(fileno=int(descriptor))


if __name__ == "__main__":
    main(sys.argv[1:])
