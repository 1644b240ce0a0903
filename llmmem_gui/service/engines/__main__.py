"""Set an engine up: `python -m llmmem_gui.service.engines` fetches, tries and, if need be, compiles one.

What it puts on the disk lies in the environment of this Python, for everybody who uses it.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time

from llmmem_gui.core.engines import InstalledEngine
from llmmem_gui.core.sentence import SentenceError
from llmmem_gui.core.units import format_bytes
from llmmem_gui.service.engines import compiler, prebuilt, trials
from llmmem_gui.service.package_index import Progress
from llmmem_gui.service.storage.engine_store import EngineStore

_LINE_SECONDS = 15.0


async def set_up(store: EngineStore, may_compile: bool = True) -> bool:
    """Leave an engine that answers rightly; False when there is none and none could be made."""
    parent = store.own_folder
    parent.mkdir(parents=True, exist_ok=True)
    if prebuilt.fits_machine():
        try:
            await prebuilt.fetch(parent, _fetched())
        except SentenceError as error:
            _say(str(error))
    for engine in store.engines():
        if engine.manifest.source != "system" and await _answers(store, engine):
            return True
    if not may_compile:
        return False
    _say("Compiling llama.cpp for this processor: about 12 minutes on two cores, once.")
    try:
        await compiler.build(parent, _compiled())
    except SentenceError as error:
        _say(str(error))
        return False
    native = next(engine for engine in store.engines() if engine.name == compiler.NAME)
    return await _answers(store, native)


async def _answers(store: EngineStore, engine: InstalledEngine) -> bool:
    if engine.report is None:
        _say(f"Trying the engine {engine.name} ({engine.manifest.version}) on this processor …")
        engine = store.save(engine, await trials.try_processor(engine))
    assert engine.report is not None
    if engine.report.refused is not None:
        _say(f"The engine {engine.name} {engine.report.refused}.")
    for trial in engine.report.trials:
        how = "with" if trial.extra_buffers else "without"
        result = trial.failure or f"is right, {trial.answer_tokens_per_second:.0f} tokens a second"
        _say(f"  computing {how} extra buffers {result}")
    return bool(engine.ways())


def _fetched() -> Progress:
    next_line = time.monotonic() + 5

    def told(done_bytes: int, total_bytes: int) -> None:
        nonlocal next_line
        if time.monotonic() >= next_line:
            next_line += 5
            _say(f"  engine: {format_bytes(done_bytes)} of {format_bytes(total_bytes)}")

    return told


def _compiled() -> compiler.Progress:
    started = next_line = time.monotonic()

    def told(done: float) -> None:
        nonlocal next_line
        if time.monotonic() >= next_line:
            next_line = time.monotonic() + _LINE_SECONDS
            minutes, seconds = divmod(int(time.monotonic() - started), 60)
            _say(f"  {minutes:2}:{seconds:02}  {done:.0%} compiled")

    return told


def _say(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    """0 when an engine answers rightly."""
    parser = argparse.ArgumentParser(prog="python -m llmmem_gui.service.engines", description=__doc__)
    parser.add_argument("--no-compiler", action="store_true", help="do not compile where none answers")
    if asyncio.run(set_up(EngineStore(), may_compile=not parser.parse_args().no_compiler)):
        return 0
    print("No engine answers rightly on this machine: `llmmem engine` says why.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
