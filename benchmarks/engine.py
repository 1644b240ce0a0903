"""Engines side by side: load, prompt and answer, and what they take, in interleaved rounds of one run.

`python -m benchmarks.engine [MODEL …] [--rounds N]` compares all engines of this machine that answer rightly,
each as it is used (the fastest right way).
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections import defaultdict
from pathlib import Path

from llmmem_gui.core.engines import EngineUse
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.folders import Folders
from llmmem_gui.service.hosting.engine_choice import EngineChoice
from llmmem_gui.service.hosting.hosts import HostStarter
from llmmem_gui.service.sampling.process_memory import read_process_memory
from llmmem_gui.service.storage.engine_store import EngineStore

PROMPT = "The history of the town begins with a bridge over the river. " * 45
"""About 600 tokens."""
ANSWER_TOKENS = 64
FIGURES = ("load s", "prompt tokens/s", "answer tokens/s", "private MiB")


async def measure(starter: HostStarter, use: EngineUse, path: Path, threads: int) -> tuple[float, ...]:
    """One load and one answer: seconds, tokens a second of the prompt and of the answer, private MiB."""
    host = await starter.birth(use)
    started = time.monotonic()
    await host.load(path, LoadParameters(context=2048), threads)
    load_seconds = time.monotonic() - started
    asked = {"prompt": PROMPT, "max_tokens": ANSWER_TOKENS, "temperature": 0.0}
    answer = await host.ask("completion", asked).finished()
    assert answer.first_token_seconds is not None
    memory = read_process_memory(host.pid)
    assert memory is not None
    private_mib = (memory.private_bytes - host.shared_bytes) / 2**20
    await host.stop()
    answer_seconds = answer.seconds - answer.first_token_seconds
    return (
        load_seconds,
        answer.prompt_tokens / answer.first_token_seconds,
        (answer.completion_tokens - 1) / answer_seconds,
        private_mib,
    )


async def compare(models: list[Path], rounds: int, threads: int) -> None:
    """Print a table for each model; the ratio is to the first engine."""
    engines = [
        engine for engine in EngineStore(Folders.of_user().data).engines() if engine.report is not None
    ]
    uses = [engine.ways()[0] for engine in engines if engine.ways()]
    starter = HostStarter.spawn(with_nursery=False, choice=EngineChoice(tuple(uses)))
    try:
        for path in models:
            found: dict[str, list[tuple[float, ...]]] = defaultdict(list)
            for _ in range(rounds):
                for use in uses:
                    found[use.key].append(await measure(starter, use, path, threads))
            print(f"\n{path.name}, {threads} threads, medians of {rounds} interleaved rounds")
            print(f"{'':45}" + "".join(f"{figure:>26}" for figure in FIGURES))
            first = None
            for key, rows in found.items():
                medians = [statistics.median(column) for column in zip(*rows, strict=True)]
                first = first or medians
                cells = [
                    f"{value:10.2f} ({value / base:.2f}x)" for value, base in zip(medians, first, strict=True)
                ]
                print(f"{key:45}" + "".join(f"{cell:>26}" for cell in cells))
    finally:
        await starter.close()


def main() -> None:
    """Read the command line and compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    models = sorted(Path(".models").glob("*.gguf"))
    parser.add_argument("models", nargs="*", type=Path, default=models)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    asyncio.run(compare(asked.models, asked.rounds, asked.threads))


if __name__ == "__main__":
    main()
