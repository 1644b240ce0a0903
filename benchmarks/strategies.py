"""What each way to save memory saves and costs, measured on real models in real hosts.

`python -m benchmarks.strategies [--rounds N] [--only STRATEGY …] [--docs]`, from the root of the tree. Each
round tries every variant once, so that whatever else the machine does touches all of them alike. Models come
from `$LLMMEM_TEST_MODELS` or from `.models/` of the project. `--docs` writes the tables and the plot into the
documents.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import itertools
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from benchmarks.strategy_plot import plot
from benchmarks.strategy_report import TABLES, Report
from benchmarks.strategy_trials import Figures, Trial, Trials, bare_process

PROJECT = Path(__file__).resolve().parents[1]
MODELS = {
    "SmolLM2-135M Q4_1": "smollm2-135m-instruct.gguf",
    "gemma-3-270m Q4_K_M": "gemma-3-270m-q4_k_m.gguf",
}
RESULTS = Path(__file__).with_name("results") / "strategies.json"
DOCUMENTS = {
    "en": PROJECT / "docs" / "memory-optimization.md",
    "pt": PROJECT / "docs" / "memory-optimization.pt-BR.md",
}
PLOTS = {
    "en": PROJECT / "docs" / "images" / "strategies.svg",
    "pt": PROJECT / "docs" / "images" / "strategies.pt-BR.svg",
}


def main() -> None:
    """Measure, or take the last measurement, and show it."""
    options = _options()
    if options.last:
        run = json.loads(RESULTS.read_text())
    else:
        folder = Path(os.environ.get("LLMMEM_TEST_MODELS") or PROJECT / ".models")
        run = asyncio.run(measure(folder, options.rounds, options.threads, options.only))
    if options.save:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(run, indent=1) + "\n")
    report = Report(run)
    if options.plot or options.docs:
        for language, path in PLOTS.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(plot(report, language))
    if options.docs:
        for language, path in DOCUMENTS.items():
            path.write_text(report.fill(path.read_text(), language))
    if options.json:
        print(json.dumps(run, indent=1))
    else:
        _show(report, {result["strategy"] for result in run["results"]})


async def measure(folder: Path, rounds: int, threads: int, only: list[str]) -> dict[str, Any]:
    """Run all trials, or those of the strategies in `only`, and give the medians with their spread."""
    with tempfile.TemporaryDirectory(prefix="strategies-") as scratch:
        # Copies, because nobody else maps them: a file that others map stays in the page cache.
        models = {name: Path(shutil.copy(folder / file, scratch)) for name, file in MODELS.items()}
        repacked = Path(scratch) / "repacked-q4_0.gguf"
        smaller = str(next(iter(models.values())))
        await bare_process({"task": "requantize", "path": smaller, "target": str(repacked)})
        trials = Trials(models, repacked, threads)
        try:
            await trials.prepare()
            chosen = [trial for trial in trials.all() if not only or trial.strategy in only]
            figures = await _rounds(chosen, rounds)
        finally:
            await trials.close()
    results = [
        {"strategy": trial.strategy, "variant": trial.variant, "model": trial.model, **_summary(tried)}
        for trial, tried in figures.items()
    ]
    return {"machine": _machine(rounds, threads), "results": results}


async def _rounds(trials: list[Trial], rounds: int) -> dict[Trial, list[Figures]]:
    tried: dict[Trial, list[Figures]] = {trial: [] for trial in trials}
    for number in range(rounds):
        # Every other round goes backwards: what comes after what must not decide.
        for trial in trials if number % 2 == 0 else reversed(trials):
            started = time.monotonic()
            tried[trial].append(await trial.run())
            took = time.monotonic() - started
            name = f"{trial.strategy} {trial.variant} {trial.model}"
            print(f"round {number + 1}/{rounds}: {name}: {took:.1f} s", file=sys.stderr)
    _compare_answers(tried)
    return tried


def _compare_answers(tried: Mapping[Trial, list[Figures]]) -> None:
    """Replace the texts by the share of each that is the first variant's text, from the beginning."""
    first: dict[tuple[str, str], list[str]] = {}
    for trial, figures in tried.items():
        if "said" in figures[0]:
            texts = [figure.pop("said") for figure in figures]
            for text, wanted, figure in zip(
                texts, first.setdefault((trial.strategy, trial.model), texts), figures, strict=True
            ):
                figure["same_answer_percent"] = 100.0 * _same_start(text, wanted)


def _same_start(text: str, wanted: str) -> float:
    """The share, 0 to 1, of the longer text up to the first difference."""
    pairs = zip(text, wanted, strict=False)
    same = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
    return same / max(1, len(text), len(wanted))


def _summary(figures: list[Figures]) -> dict[str, Figures]:
    by_name = {
        name: [figure[name] for figure in figures] for name, value in figures[0].items() if value is not None
    }
    return {
        "median": {name: statistics.median(values) for name, values in by_name.items()},
        "lowest": {name: min(values) for name, values in by_name.items()},
        "highest": {name: max(values) for name, values in by_name.items()},
    }


def _machine(rounds: int, threads: int) -> dict[str, Any]:
    return {
        "day": datetime.date.today().isoformat(),
        "cpu": _processor(),
        "cores": os.cpu_count(),
        "memory": psutil.virtual_memory().total / 2**30,
        "system": f"{platform.system()} {platform.release().split('-')[0]} {platform.machine()}",
        "python": platform.python_version(),
        "engine": version("llama-cpp-python"),
        "threads": threads,
        "rounds": rounds,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "?")


def _show(report: Report, strategies: set[str]) -> None:
    print(report.machine("en"))
    for name, table in TABLES.items():
        if table.strategy in strategies:
            print(f"\n## {name}\n\n{report.table(name, 'en')}", end="")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3, help="how often each variant is tried (3)")
    parser.add_argument("--threads", type=int, default=1, help="threads of each model (1)")
    parser.add_argument("--only", nargs="+", default=[], metavar="STRATEGY", help="try these strategies only")
    parser.add_argument("--last", action="store_true", help="measure nothing, take what --save kept")
    parser.add_argument("--save", action="store_true", help=f"keep the figures in {RESULTS.name}")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON instead of tables")
    parser.add_argument("--plot", action="store_true", help="draw the plots of the documents")
    parser.add_argument("--docs", action="store_true", help="write tables and plots into the documents")
    return parser.parse_args()


if __name__ == "__main__":
    main()
