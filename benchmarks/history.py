"""What the history costs: a sample, a window, a restart, and a month on disk, with ten models.

Run from the repository: `python -m benchmarks.history`. The machine should have nothing else to do.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from llmmem_gui.core.history import History
from llmmem_gui.core.readings import HostReading, MachineReading, Sample
from llmmem_gui.core.units import GIB, MIB
from llmmem_gui.service.storage.history_store import FLUSH_SECONDS, HistoryStore

MODELS = 10
DAY_SECONDS = 86_400
NOW = 20_000 * DAY_SECONDS
RANGES = {
    "1 min": 60,
    "5 min": 300,
    "1 h": 3_600,
    "24 h": DAY_SECONDS,
    "7 d": 7 * DAY_SECONDS,
    "30 d": 30 * DAY_SECONDS,
}


def sample(time: float) -> Sample:
    """A sample of ten models that answer, on a machine where other programs come and go."""
    hosts = {
        f"model-{place}-7b-instruct-q4_k_m": HostReading(
            100 + place, GIB + random.randrange(100 * MIB), (place + 1) * GIB // 4
        )
        for place in range(MODELS)
    }
    machine = MachineReading(32 * GIB, 20 * GIB - random.randrange(GIB), own_bytes=100 * MIB)
    return Sample(time, time, machine, hosts)


def month() -> list[float]:
    """Times of a month's samples: no more than each resolution can tell apart."""
    hour_ago, day_ago = NOW - 4_000, NOW - DAY_SECONDS - 4_000
    return [
        *range(NOW - 31 * DAY_SECONDS, day_ago, 60),
        *range(day_ago, hour_ago, 10),
        *range(hour_ago, NOW),
    ]


def milliseconds(work: Callable[[], object], times: int) -> str:
    """Median and worst of so many calls."""
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        work()
        taken.append(1_000 * (time.perf_counter() - begin))
    return f"{statistics.median(taken):.2f} ms (worst {max(taken):.2f})"


def in_memory() -> None:
    """Cost of samples and windows."""
    process = psutil.Process()
    before = process.memory_info().rss
    history = History()
    for seconds in month():
        history.append(sample(seconds), 64 * GIB)
    grown = process.memory_info().rss - before
    print(f"arrays {history.bytes_held / MIB:.1f} MiB; the process grew by {grown / MIB:.1f} MiB")
    samples = iter([sample(NOW + second) for second in range(1_000)])
    print(f"append {milliseconds(lambda: history.append(next(samples), 64 * GIB), 1_000)}")
    now = NOW + 1_000
    for name, span in RANGES.items():
        # As a live plot does it: a sample, then the window that ends with it.
        samples = [sample(now + second) for second in range(300)]
        ticks = iter(samples)

        def tick(span: int = span, ticks: Iterator[Sample] = ticks) -> None:
            newest = next(ticks)
            history.append(newest, 64 * GIB)
            history.window(newest.time - span, newest.time)

        cost = milliseconds(tick, len(samples))
        now += len(samples)
        window = history.window(now - span, now)
        points = f"{len(window.times)} points of {window.point_seconds} s, {len(window.models)} models"
        print(f"append, and window of {name} ({points}): {cost}")


async def on_disk(path: Path) -> None:
    """Cost of recording, of a month on disk and of a start with it."""
    store = HistoryStore(path, clock=lambda: NOW)
    await store.open()
    for place, seconds in enumerate(month()):
        store.record(sample(seconds), 64 * GIB)
        if place % 200 == 0:
            await store.flush()
    await store.close()
    print(f"a month on disk: {path.stat().st_size / MIB:.1f} MiB")

    for _ in range(3):
        store = HistoryStore(path, clock=lambda: NOW)
        begin = time.perf_counter()
        await store.open()
        opened = time.perf_counter()
        await store.load()
        loaded = time.perf_counter()
        print(f"open {1_000 * (opened - begin):.0f} ms, load {1_000 * (loaded - opened):.0f} ms")
        await store.close()

    store = HistoryStore(path, clock=lambda: NOW)
    await store.open()
    samples = iter([sample(NOW + second / 50) for second in range(1_000)])
    print(f"record {milliseconds(lambda: store.record(next(samples), 64 * GIB), 1_000)}")
    await store.flush()
    before = psutil.Process().io_counters().write_bytes
    flushes = []
    for begin in range(100, 700, int(FLUSH_SECONDS)):
        for second in range(begin, begin + int(FLUSH_SECONDS)):
            store.record(sample(NOW + second), 64 * GIB)
        taken = time.perf_counter()
        await store.flush()
        flushes.append(1_000 * (time.perf_counter() - taken))
    written = psutil.Process().io_counters().write_bytes - before
    print(f"flush {statistics.median(flushes):.1f} ms (worst {max(flushes):.1f}), in a thread")
    print(f"written to disk in ten minutes: {written / MIB:.1f} MiB")
    await store.close()


if __name__ == "__main__":
    in_memory()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(on_disk(Path(folder) / "history.sqlite3"))
