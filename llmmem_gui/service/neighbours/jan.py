"""Jan: its models are held by a llama-server router among its children, which is asked in its stead."""

from __future__ import annotations

from collections.abc import Sequence

from llmmem_gui.service.neighbours.llama_server import LlamaServer
from llmmem_gui.service.neighbours.processes import Process


class Jan(LlamaServer):
    """The router listens on a port and wants a key that Jan makes up at each start."""

    name = "Jan"
    port = 0

    def recognises(self, process: Process) -> bool:
        return process.name in ("Jan", "jan") and not any(a.startswith("--type=") for a in process.command)

    def speakers(self, tree: Sequence[Process]) -> Sequence[Process]:
        return [process for process in tree if process.name == "llama-server"]
