#!/usr/bin/env python3
"""How long the cache takes to decide, with 10, 100 and 1,000 loaded models.

Pure computation on `core.cache`: no model, no host, no file. Each decision is timed on a fresh copy of the
same cache; the median and the slowest are printed. The target is less than 1 ms with 100 models.
"""

from __future__ import annotations

import argparse
import copy
import gc
import json
import platform
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from msgspec.structs import replace

from llmmem_gui.core import cache_messages as m
from llmmem_gui.core.cache import ModelCache
from llmmem_gui.core.ledger import Charge
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.pressure import Level
from llmmem_gui.core.readings import HostReading, MachineReading, Sample
from llmmem_gui.core.units import GIB, MIB

COUNTS = (10, 100, 1_000)
TARGET_MODELS = 100
TARGET_SECONDS = 0.001
PRIVATE_BYTES = 200 * MIB
WEIGHTS_BYTES = 100 * MIB
NOW = 10_000.0


def requested(ticket: int, model: str, private_bytes: int = PRIVATE_BYTES, actor: str = "api") -> m.Requested:
    """A request that needs so many private bytes and the usual weights."""
    charge = Charge(private_bytes, WEIGHTS_BYTES, model)
    return m.Requested(ticket, model, charge, LoadParameters(), "use", actor)  # type: ignore[arg-type]


def loaded_cache(count: int, *, busy: bool = False) -> ModelCache:
    """A cache with that many models loaded, which together use all of the limit; idle, or all in use."""
    limit = count * (PRIVATE_BYTES + WEIGHTS_BYTES)
    cache = ModelCache(m.Policy(total_limit_bytes=None, reserve_bytes=2 * GIB, idle_seconds=900))
    names = [f"model-{number:04}" for number in range(count)]
    for number, name in enumerate(names):
        cache.handle(requested(number, name), NOW + number * 1e-3)
    hosts = {name: cache.entry(name).host for name in names}  # type: ignore[union-attr]
    for number, (name, host) in enumerate(hosts.items()):
        cache.handle(m.HostReady(name, host, 4096, 1.0), NOW + 1 + number * 1e-3)
    if not busy:
        for number in range(count):
            cache.handle(m.Finished(number), NOW + 3 + number * 1e-3)
    cache.handle(m.Sampled(sample(count)), NOW + 9)
    cache.handle(m.PolicySet(replace(cache.policy, total_limit_bytes=limit)), NOW + 9)
    return cache


def sample(count: int) -> Sample:
    """What the machine says while that many models are loaded."""
    machine = MachineReading(4096 * GIB, 3072 * GIB)
    hosts = {f"model-{n:04}": HostReading(n + 1, PRIVATE_BYTES, WEIGHTS_BYTES) for n in range(count)}
    return Sample(NOW + 9, NOW + 9, machine, hosts)


def decisions(count: int) -> dict[str, tuple[ModelCache, m.Message]]:
    """Messages, each with the cache that has to decide on it."""
    idle, busy = loaded_cache(count), loaded_cache(count, busy=True)
    half = count // 2 * (PRIVATE_BYTES + WEIGHTS_BYTES)
    pressed = copy.deepcopy(idle)
    pressed.handle(m.PolicySet(replace(idle.policy, may_doze=False)), NOW + 9)
    return {
        "a tick": (idle, m.Sampled(sample(count))),
        "a request to a loaded model": (idle, requested(-1, "model-0000")),
        "the end of an answer": (busy, m.Finished(0)),
        "a load that evicts one": (pressed, requested(-1, "new")),
        "a load that evicts half": (pressed, requested(-1, "new", half - WEIGHTS_BYTES)),
        "a load that waits for half": (busy, requested(-1, "new", half - WEIGHTS_BYTES)),
        "a load that cannot fit": (idle, requested(-1, "new", 4096 * GIB)),
        "the limit moved to half": (pressed, m.PolicySet(replace(pressed.policy, total_limit_bytes=half))),
        "critical pressure": (pressed, m.PressureChanged(Level.CRITICAL)),
    }


def seconds_of(cache: ModelCache, message: m.Message, rounds: int) -> list[float]:
    """Seconds that the decision takes, each time on a fresh copy."""
    taken = []
    for _ in range(rounds):
        fresh = copy.deepcopy(cache)
        # A copy has lost what a cache remembers between two messages; the service, too, looks at these
        # after every message.
        assert fresh.holders == cache.holders
        gc.disable()
        began = time.perf_counter()
        fresh.handle(message, NOW + 10)
        taken.append(time.perf_counter() - began)
        gc.enable()
    return taken


def main() -> int:
    """Measure, print, and say by the exit status whether the target is met."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--rounds", type=int, default=30, help="times each decision is made (default 30)")
    options = parser.parse_args()
    figures: dict[str, dict[str, dict[str, float]]] = {}
    for count in COUNTS:
        rounds = options.rounds if count <= TARGET_MODELS else max(3, options.rounds // 5)
        for name, (cache, message) in decisions(count).items():
            taken = seconds_of(cache, message, rounds)
            medium, worst = statistics.median(taken), max(taken)
            figures.setdefault(name, {})[str(count)] = {"median_seconds": medium, "worst_seconds": worst}
    slowest = max(each[str(TARGET_MODELS)]["median_seconds"] for each in figures.values())
    met = slowest < TARGET_SECONDS
    if options.json:
        print(json.dumps({"python": platform.python_version(), "decisions": figures, "target_met": met}))
    else:
        print_table(figures)
        verdict = "met" if met else "missed"
        print(
            f"\nSlowest decision with {TARGET_MODELS} models: {slowest * 1e3:.2f} ms, "
            f"target {TARGET_SECONDS * 1e3:.0f} ms {verdict}."
        )
    return 0 if met else 1


def print_table(figures: dict[str, dict[str, dict[str, float]]]) -> None:
    """One row a decision, one column a number of models."""
    heads = [f"{count:,} models" for count in COUNTS]
    print(f"{'median (worst), ms':30}" + "".join(f"{head:>22}" for head in heads))
    for name, by_count in figures.items():
        cells = [by_count[str(count)] for count in COUNTS]
        texts = [f"{each['median_seconds'] * 1e3:.3f} ({each['worst_seconds'] * 1e3:.3f})" for each in cells]
        print(f"{name:30}" + "".join(f"{text:>22}" for text in texts))


if __name__ == "__main__":
    sys.exit(main())
