"""The main job in figures: load, private memory, bytes back, sampler, window.

`python -m benchmarks.cache [--rounds N]`, from the root of the tree. Prints the comparison of
`benchmarks.hosts`, then what a sample of 1, 10 and 50 live hosts costs, then how long the window takes to its
first paint and what the program holds itself. Times are medians; the machine may be shared.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from benchmarks import hosts
from llmmem_gui.service.hosting.hosts import HostStarter
from llmmem_gui.service.sampling.process_memory import ProcessMemory, read_process_memory, start_time
from llmmem_gui.service.sampling.sampler import SampledHost, Sampler

HOST_COUNTS = (1, 10, 50)
SAMPLES = 40
STARTS = 5
MIB = 2**20
_STANDS = re.compile(r"the window stands after (\d+) ms")


async def sampler_report() -> list[str]:
    """What one sample costs with so many live hosts, all of them real processes."""
    starter = HostStarter.spawn()
    lines = ["sampler: time of one sample, ms (median, longest)"]
    nothing = ProcessMemory(0, 0)
    try:
        born: dict[str, SampledHost] = {}
        for count in HOST_COUNTS:
            while len(born) < count:
                host = await starter.birth()
                born[f"host {len(born)}"] = SampledHost(host.pid, nothing, start_time(host.pid) or 0.0)
            sampler = Sampler()
            seconds = []
            for _ in range(SAMPLES):
                began = time.perf_counter()
                sample = sampler.sample(born, starter.nursery_pid)
                seconds.append(time.perf_counter() - began)
                assert len(sample.hosts) == count
            sampler.close()
            longest, median = max(seconds) * 1000, statistics.median(seconds) * 1000
            lines.append(f"  {count:3} hosts  {median:6.2f}  {longest:6.2f}")
    finally:
        await starter.close()
    return lines


def window_report() -> list[str]:
    """How long the window takes until it stands, and what the program then holds; offscreen."""
    times, own = [], []
    for _ in range(STARTS):
        with tempfile.TemporaryDirectory() as home, _running_window(Path(home)) as (process, milliseconds):
            times.append(milliseconds)
            time.sleep(5)  # the plot and the first samples come after the first paint
            memory = read_process_memory(process.pid)
            assert memory is not None
            own.append(memory.private_bytes + memory.mapped_bytes)
    return [
        f"window: stands after {statistics.median(times):.0f} ms (target: under 1500)",
        f"        its own resident memory {statistics.median(own) / MIB:.0f} MiB (target: at most 130)",
    ]


@contextlib.contextmanager
def _running_window(home: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    environment = {**os.environ, "LLMMEM_HOME": str(home), "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-c", "import sys; from llmmem_gui.app import main; sys.exit(main([]))"]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        yield process, _stands_after(home / "state" / "log", process)
    finally:
        process.terminate()
        process.wait(20)


def _stands_after(logs: Path, process: subprocess.Popen[bytes]) -> int:
    while psutil.pid_exists(process.pid) and process.poll() is None:
        for log in logs.glob("*.log"):
            found = _STANDS.search(log.read_text())
            if found:
                return int(found[1])
        time.sleep(0.02)
    raise RuntimeError(f"the window ended with {process.returncode}")


def main() -> None:
    """Print everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print("\n".join(hosts.report(*asyncio.run(hosts.compare(options.rounds)))))
    print("\n".join(asyncio.run(sampler_report())))
    print("\n".join(window_report()))


if __name__ == "__main__":
    main()
