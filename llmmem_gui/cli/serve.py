"""`llmmem serve`: the whole service without a window."""

from __future__ import annotations

import asyncio
import signal
import sys
from argparse import Namespace

from llmmem_gui.cli.output import write_json
from llmmem_gui.folders import Folders
from llmmem_gui.service.program import Program
from llmmem_gui.service.storage.log_file import keep_log
from llmmem_gui.unused_memory import SETTLED_AFTER_SECONDS, give_back_unused


def serve(options: Namespace) -> None:
    """Serve until SIGINT or SIGTERM, then end everything in order."""
    folders = Folders.of_user()
    # Here and not in the loop: the system ends the nursery with the thread that started it.
    program = Program(folders)
    keep_log(folders.logs)
    asyncio.run(_serve(program, options))


async def _serve(program: Program, options: Namespace) -> None:
    asked_to_end = asyncio.Event()
    _on_end_signals(asked_to_end)
    try:
        where = await program.start(options.port)
        if program.api.notice:
            print(f"llmmem: {program.api.notice}", file=sys.stderr)
        if options.json:
            write_json(where)
        else:
            print(f"Serving at {where.url}/v1; the token is in {where.token_file}. Ctrl+C ends it.")
        sys.stdout.flush()
        asyncio.get_running_loop().call_later(SETTLED_AFTER_SECONDS, give_back_unused)
        await asked_to_end.wait()
    finally:
        await program.close()


def _on_end_signals(event: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        if sys.platform == "win32":  # asyncio takes no signals there
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(event.set))
        else:
            loop.add_signal_handler(number, event.set)
