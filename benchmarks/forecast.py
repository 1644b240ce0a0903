"""Forecasts against the truth: each model is loaded by a host, its context filled, its memory read.

`python -m benchmarks.forecast [--quick] [--context N] [NAME …]`, all with extra buffers and without.
Two models come from `.models` (`make test-models`), the others are made up and deleted, up to 1.5 GiB each.
The truth is private memory and mapped weights of the host beyond its birth, after prompts that fill the
context, one for each slot (a state has buffers for each), read in whole batches: the most that a load takes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from benchmarks.whole_batches_host import WHOLE_BATCHES_HOST
from llmmem_gui.core.forecast import FORMULA_BYTES, REHEARSAL_BYTES, Forecast, forecast_by_formula
from llmmem_gui.core.library import FoundModel, ModelFile, model_file
from llmmem_gui.core.parameters import KvType, LoadParameters
from llmmem_gui.service.hosting import nursery
from llmmem_gui.service.hosting.engine_choice import EngineChoice
from llmmem_gui.service.hosting.hosts import AskFailedError, Host, HostError, HostStarter
from llmmem_gui.service.hosting.rehearsals import Rehearsals
from llmmem_gui.service.library.model_files import describe
from llmmem_gui.service.sampling.process_memory import read_process_memory
from tests.made_up_models import Recipe, write_model

MIB = 1024**2
MODELS = Path(__file__).resolve().parent.parent / ".models"
SPARE_TOKENS = 8
"""Left free in the context for each answer."""


@dataclass(frozen=True)
class Case:
    """A model and the parameters that it is loaded with, one after the other."""

    name: str
    recipe: Recipe | None
    """How it is made up; None for a published model."""
    file: str
    parameters: tuple[LoadParameters, ...]


def load(context: int, kv_type: KvType = "f16", **others: bool) -> LoadParameters:
    return LoadParameters(context=context, kv_type=kv_type, **others)


SMALL = (load(2048), load(2048, "q8_0"))
MEDIUM = (*SMALL, load(8192))
# Filling a context takes time that grows with its square: only models of few layers get a large one.
LARGE = (*SMALL, load(8192), load(8192, "q8_0"), load(32_768), load(32_768, "q8_0"))


def cases() -> Iterator[Case]:
    """Two published models and made-up ones of 12 architectures, from 45 MB to 1.5 GB."""
    yield Case("SmolLM2 135M", None, "smollm2-135m-instruct.gguf", MEDIUM)
    yield Case("Gemma 3 270M", None, "gemma-3-270m-q4_k_m.gguf", MEDIUM)
    recipes = {
        "llama 1.1B q8_0": (
            Recipe(layers=22, embedding=2048, feed_forward=5632, heads=32, kv_heads=4, tied=False),
            SMALL,
        ),
        "llama thin q4_K": (
            Recipe(
                layers=2,
                embedding=512,
                feed_forward=2048,
                heads=2,
                kv_heads=2,
                head_size=128,
                vocabulary=128_256,
                type="q4_K",
                embedding_type="q6_K",
            ),
            LARGE,
        ),
        "qwen2 0.5B q8_0": (
            Recipe(
                architecture="qwen2",
                layers=24,
                embedding=896,
                feed_forward=4864,
                heads=14,
                kv_heads=2,
                vocabulary=151_936,
            ),
            SMALL,
        ),
        "qwen3 0.6B q4_K": (
            Recipe(
                architecture="qwen3",
                layers=28,
                embedding=1024,
                feed_forward=3072,
                heads=16,
                kv_heads=8,
                head_size=128,
                vocabulary=151_936,
                type="q4_K",
                embedding_type="q4_K",
            ),
            SMALL,
        ),
        "gemma2 wide f16": (
            Recipe(
                architecture="gemma2",
                layers=4,
                embedding=2304,
                feed_forward=9216,
                heads=8,
                kv_heads=4,
                head_size=256,
                vocabulary=256_000,
                sliding_window=1024,
                type="f16",
                embedding_type="f16",
            ),
            SMALL,
        ),
        "gemma3 thin iq4_nl": (
            Recipe(
                architecture="gemma3",
                layers=6,
                embedding=640,
                feed_forward=2048,
                heads=2,
                kv_heads=1,
                head_size=256,
                vocabulary=262_144,
                sliding_window=512,
                type="iq4_nl",
            ),
            LARGE,
        ),
        "phi3 q4_K": (
            Recipe(
                architecture="phi3",
                layers=8,
                embedding=3072,
                feed_forward=8192,
                heads=32,
                kv_heads=32,
                head_size=96,
                vocabulary=32_064,
                type="q4_K",
                tied=False,
            ),
            SMALL,
        ),
        "deepseek2 MLA q8_0": (
            Recipe(
                architecture="deepseek2",
                layers=6,
                embedding=1024,
                feed_forward=2048,
                heads=8,
                kv_rank=512,
                rope_size=64,
                q_rank=256,
                experts=16,
                experts_used=4,
                vocabulary=102_400,
                tied=False,
            ),
            MEDIUM,
        ),
        "mixtral-like iq4_nl": (
            Recipe(
                layers=6,
                embedding=1024,
                feed_forward=3584,
                heads=16,
                kv_heads=4,
                experts=8,
                experts_used=2,
                type="iq4_nl",
                tied=False,
            ),
            MEDIUM,
        ),
        "mamba 130M f16": (
            Recipe(
                architecture="mamba",
                layers=24,
                embedding=768,
                vocabulary=50_280,
                type="f16",
                embedding_type="f16",
            ),
            (load(2048), load(32_768)),
        ),
        "falcon-h1 0.5B q8_0": (
            Recipe(
                architecture="falcon-h1",
                layers=18,
                embedding=1024,
                feed_forward=2048,
                heads=8,
                kv_heads=2,
                state=128,
                vocabulary=32_784,
            ),
            SMALL,
        ),
        "lfm2 350M q8_0": (
            Recipe(
                architecture="lfm2",
                layers=12,
                embedding=1024,
                feed_forward=4608,
                heads=16,
                kv_heads=8,
                vocabulary=65_536,
            ),
            MEDIUM,
        ),
        "bert base f16": (
            Recipe(
                architecture="bert",
                layers=12,
                embedding=768,
                feed_forward=3072,
                heads=12,
                vocabulary=30_522,
                context=512,
                type="f16",
                embedding_type="f16",
            ),
            (load(512, embeddings=True),),
        ),
    }
    for name, (recipe, parameters) in recipes.items():
        yield Case(name, recipe, f"{re.sub('[^a-z0-9]+', '-', name.lower())}.gguf", parameters)


class Truth(NamedTuple):
    """What a load really took, in bytes."""

    private: int
    mapped: int

    @property
    def total(self) -> int:
        """Both together."""
        return self.private + self.mapped


class Row(NamedTuple):
    """One load: what was forecast and what it took."""

    name: str
    parameters: LoadParameters
    file_bytes: int
    truth: Truth
    rehearsed: Forecast
    computed: Forecast
    fitted_bytes: int | None


async def measure(starter: HostStarter, file: ModelFile, parameters: LoadParameters) -> Truth:
    """Load a model, fill its context and read the host's memory. Raises HostError."""
    host = await starter.birth()
    try:
        born = read_process_memory(host.pid)
        loaded = await host.load(file.path, parameters, threads=2, deadline_seconds=600)
        if parameters.embeddings:
            await embed_long_text(host)
        else:
            chance = random.Random(20)
            tokens = range(300, loaded.vocabulary_size - 100)
            room = min(loaded.context, parameters.context) // parameters.slots - SPARE_TOKENS
            prompts = [chance.choices(tokens, k=room) for _ in range(parameters.slots)]
            asks = (host.ask("completion", {"prompt": each, "max_tokens": 4}) for each in prompts)
            await asyncio.gather(*[ask.finished() for ask in asks])
        now = read_process_memory(host.pid)
        assert born is not None
        assert now is not None
        return Truth(now.private_bytes - host.shared_bytes, now.mapped_bytes - born.mapped_bytes)
    finally:
        await host.stop()


async def embed_long_text(host: Host) -> None:
    """Embed the longest text of several that a batch holds: vocabularies cut the same words differently."""
    for words in range(500, 0, -20):
        with contextlib.suppress(AskFailedError):
            await host.ask("embedding", {"input": "one " * words}).finished()
            return


def fitted_bytes(path: str, parameters: LoadParameters) -> int | None:
    """What llama.cpp's own `llama-fit-params` prints for main memory, where it is on the PATH."""
    program = shutil.which("llama-fit-params")
    if program is None:
        return None
    command = [program, "-m", path, "-c", str(parameters.context), "-fitp", "on", "-fa", "on"]
    command += ["-ctk", parameters.kv_type, "-ctv", parameters.kv_type, "-ub", str(parameters.batch)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    match = re.search(r"^Host (\d+) (\d+) (\d+)", done.stdout, re.MULTILINE)
    return sum(map(int, match.groups())) * MIB if match else None


async def compare(
    case: Case, loads: Sequence[LoadParameters], folder: Path, starter: HostStarter, choice: EngineChoice
) -> list[Row]:
    """Some loads of one case."""
    path = MODELS / case.file if case.recipe is None else write_model(folder / case.file, case.recipe)
    found = FoundModel(case.name, "", (str(path),))
    file = model_file(found, describe(found), "model")
    rehearsals = Rehearsals(folder / "rehearsals.json", choice)
    rows = []
    try:
        for parameters in loads:
            rehearsed = await rehearsals.forecast(file, parameters)
            assert file.shape is not None
            computed = forecast_by_formula(file.shape, parameters, rehearsals.engine)
            try:
                truth = await measure(starter, file, parameters)
            except HostError as error:
                print(f"{case.name} {parameters.context}: {error}", file=sys.stderr)
                continue
            fitted = fitted_bytes(file.path, parameters)
            rows.append(Row(case.name, parameters, file.file_bytes, truth, rehearsed, computed, fitted))
            print(line(rows[-1]), flush=True)
    finally:
        await rehearsals.close()
        if case.recipe is not None:
            path.unlink()
    return rows


HEADING = (
    f"{'model':21}{'context':>8} {'KV':5}│{'truth':>7} = {'private':>7} + {'mapped':>6}│"
    f"{'dry run':>8}{'error':>8}{'':7}{'private':>8}│{'formula':>8}{'error':>8}{'':7}│"
    f"{'file × 1.2':>11}{'error':>8}"
)


def line(row: Row) -> str:
    """A load as one line of the table; sizes in MiB."""
    truth = row.truth.total

    def compared(total: int) -> str:
        return f"{total / MIB:8.0f}{(total - truth) / MIB:+8.1f}{100 * (total / truth - 1):+6.1f}%"

    private = (row.rehearsed.private_bytes - row.truth.private) / MIB
    naive = row.file_bytes * 6 // 5
    fitted = "" if row.fitted_bytes is None else f"│ fit-params {compared(row.fitted_bytes)}"
    return (
        f"{row.name:21}{row.parameters.context:8} {row.parameters.kv_type:5}│"
        f"{truth / MIB:7.0f} = {row.truth.private / MIB:7.0f} + {row.truth.mapped / MIB:6.0f}│"
        f"{compared(row.rehearsed.total_bytes)}{private:+8.1f}│{compared(row.computed.total_bytes)}│"
        f"{naive / MIB:11.0f}{100 * (naive / truth - 1):+7.0f}%{fitted}"
    )


@dataclass(frozen=True)
class Target:
    """A target, and which loads meet it."""

    name: str
    needed_percent: int
    met: Sequence[bool]

    @property
    def is_reached(self) -> bool:
        """Enough loads meet it."""
        return 100 * sum(self.met) >= self.needed_percent * len(self.met)

    def __str__(self) -> str:
        return f"{self.name}: {sum(self.met)} of {len(self.met)}, {self.needed_percent} % needed"


def targets(rows: Sequence[Row]) -> list[Target]:
    """What the forecasts are held to, and the rule of thumb beside it."""

    def near(total_bytes: int, row: Row, percent: int, least_bytes: int) -> bool:
        truth = row.truth.total
        return abs(total_bytes - truth) <= max(truth * percent / 100, least_bytes)

    def within_bar(forecast: Forecast, row: Row) -> bool:
        return forecast.low_bytes <= row.truth.total <= forecast.high_bytes

    dry = [near(row.rehearsed.total_bytes, row, 3, REHEARSAL_BYTES) for row in rows]
    formula = [near(row.computed.total_bytes, row, 10, FORMULA_BYTES) for row in rows]
    naive = [near(row.file_bytes * 6 // 5, row, 10, FORMULA_BYTES) for row in rows]
    return [
        Target("dry run within 3 % or 24 MiB", 100, dry),
        Target("dry run within its bar", 100, [within_bar(row.rehearsed, row) for row in rows]),
        Target("formula within 10 % or 48 MiB", 90, formula),
        Target("formula within its bar", 90, [within_bar(row.computed, row) for row in rows]),
        Target("file × 1.2 within 10 % or 48 MiB", 0, naive),
    ]


async def run(chosen: Sequence[tuple[Case, Sequence[LoadParameters]]], choice: EngineChoice) -> list[Row]:
    """Compare all chosen loads and print a line for each."""
    rows: list[Row] = []
    nursery.host_program = WHOLE_BATCHES_HOST.copy
    starter = HostStarter.spawn(choice=choice)
    try:
        with tempfile.TemporaryDirectory(prefix="llmmem-forecast-") as folder:
            print(choice.key, HEADING, sep="\n")
            for case, loads in chosen:
                rows += await compare(case, loads, Path(folder), starter, choice)
    finally:
        await starter.close()
    return rows


def ways() -> Iterator[EngineChoice]:
    """The engine in use, with extra buffers and without, whatever trying it has shown."""
    use = EngineChoice.of_machine().current
    if use is None:
        raise SystemExit("No engine answers rightly on this machine: `llmmem engine` says why.")
    for extra_buffers in (True, False):
        yield EngineChoice((replace(use, extra_buffers=extra_buffers),))


def main() -> int:
    """Run what the command line asks for; 1 when a target is missed."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--quick", action="store_true", help="only the smallest load of each model")
    arguments.add_argument("names", nargs="*", help="only models whose name contains one of these")
    arguments.add_argument("--context", type=int, help="only loads with this context")
    asked = arguments.parse_args()
    chosen = []
    for case in cases():
        if not asked.names or any(name.lower() in case.name.lower() for name in asked.names):
            loads = [each for each in case.parameters if asked.context in (None, each.context)]
            chosen.append((case, loads[: 1 if asked.quick else None]))
    rows = [
        row for choice in ways() for row in asyncio.run(run([each for each in chosen if each[1]], choice))
    ]
    print(*targets(rows), sep="\n")
    return 0 if rows and all(target.is_reached for target in targets(rows)) else 1


if __name__ == "__main__":
    sys.exit(main())
