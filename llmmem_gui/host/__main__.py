"""The host program: `nursery SOCKET PARENT`, or `host SOCKET [PARENT]`.

SOCKET is the number of an inherited descriptor, PARENT the process whose end ends this one. Runs as a
module, or as a file by an isolated interpreter that does not know where the package lies.
"""

import sys
from pathlib import Path

if not __package__:
    sys.path.append(str(Path(__file__).resolve().parents[2]))


def main(arguments: list[str]) -> None:
    """Run one of the two programs; returns when the nursery is no longer needed."""
    import socket

    from llmmem_gui.host import engine, process
    from llmmem_gui.host.nursery import Nursery, begin_host

    kind, descriptor, *parent = arguments
    parent_pid = int(parent[0]) if parent else None
    if kind == "nursery":
        process.die_with(int(parent[0]))
        process.name_process("llmmem-nursery")
        process.leave_no_core()
        program = sys.orig_argv[: -len(arguments)]
        program[0] = sys.executable
        Nursery(socket.socket(fileno=int(descriptor)), program).run()
    else:
        engine.start()
        begin_host(int(descriptor), parent_pid, born_private_bytes=0)


if __name__ == "__main__":
    main(sys.argv[1:])
