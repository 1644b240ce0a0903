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
from llmmem_gui.unused_memory import SETTLED_AFTER_SECONDS, keep_heap_dense, keep_what_stays, trim_heap

_END_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def serve(options: Namespace) -> None:
    """Serve until SIGINT or SIGTERM, then end everything in order."""
    keep_heap_dense()
    # Here and not in the loop: the system ends the nursery with the thread that started it.
    program = Program(Folders.of_user())
    keep_log(program.folders.logs)
    asyncio.run(_serve(program, options))
    # The interpreter gives handlers back to the system while it ends: whoever asks a second time would make
    # a failure of an end that is as good as over.
    for number in _END_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


async def _serve(program: Program, options: Namespace) -> None:
    asked_to_end = asyncio.Event()
    _on_end_signals(asked_to_end)
    try:
        where = await program.start(options.port)
        for notice in program.notices:
            print(f"llmmem: {notice}", file=sys.stderr)
        if options.json:
            write_json(where)
        else:
            print(f"Serving at {where.url}/v1; the token is in {where.token_file}. Ctrl+C ends it.")
        sys.stdout.flush()
        for settle in (keep_what_stays, trim_heap):
            asyncio.get_running_loop().call_later(SETTLED_AFTER_SECONDS, settle)
        await program.until(asked_to_end)
    finally:
        await program.close()


def _on_end_signals(event: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    # Not the loop's own way, which gives the signals back already when the loop closes.
    def set_soon(*_: object) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(event.set)

    for number in _END_SIGNALS:
        signal.signal(number, set_soon)
