"""What a tick costs with GPUs: 10 hosts, 5 processes of other programs, a card of AMD and one of NVIDIA.

The processes that are measured are real; the devices are a tree of sysfs and `/proc`, and a stand-in for
NVML: what real drivers take to answer is not in the figure. What the service does with a sample is measured
with ten models in the world of the tests, whose hosts are made up.

    python benchmarks/gpus.py
"""

from __future__ import annotations

import itertools
import statistics
import string
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from llmmem_gui.core.readings import GpuReading  # noqa: E402
from llmmem_gui.service.sampling.gpus import nvml  # noqa: E402
from llmmem_gui.service.sampling.gpus.gpus import Gpus  # noqa: E402
from llmmem_gui.service.sampling.process_memory import ProcessMemory, start_time  # noqa: E402
from llmmem_gui.service.sampling.sampler import SampledHost, Sampler  # noqa: E402
from tests.gpus import fake_nvml, recorded  # noqa: E402
from tests.service.misbehaving_world import World  # noqa: E402

HOSTS, OTHERS, SAMPLES = 10, 5, 200
FILES, CLIENTS = 40, 4
"""What each process has open, and how much of it on GPUs."""
AMD, NVIDIA = "0000:03:00.0", "0000:01:00.0"


def machine_with(pids: list[int], root: Path) -> recorded.Machine:
    """Two cards, and what the processes have open."""
    machine = recorded.Machine(root)
    totals = {"mem_info_vram_total": 24 * recorded.GIB, "mem_info_vram_used": recorded.GIB}
    machine.has(AMD, "amdgpu", "0x744c", mem_busy_percent=0, **totals)
    machine.has(NVIDIA, "nvidia", "0x2684")
    for pid in pids:
        for number in range(2, FILES):
            client = number < 2 + CLIENTS
            told = recorded.amdgpu_since_6_14(AMD, pid * 100 + number, 1024, 1) if client else ""
            machine.opens(pid, number, "/dev/dri/renderD128" if client else "socket:[815]", told)
    return machine


def timed(what: str, work: Callable[[], object]) -> None:
    """Print what something takes, on the clock and of the processor."""
    for clock, name in ((time.perf_counter, ""), (time.thread_time, " of the processor")):
        milliseconds = []
        for _ in range(SAMPLES):
            began = clock()
            work()
            milliseconds.append((clock() - began) * 1000)
        median, longest = statistics.median(milliseconds), max(milliseconds)
        print(f"{what:14} {median:6.2f} ms{name} median, {longest:6.2f} longest")


def main() -> None:
    """Print the time of one sample, of the GPUs in it, and of what the service does with it."""
    measure_sampling()
    with tempfile.TemporaryDirectory() as folder:
        measure_service(Path(folder))


def measure_service(folder: Path) -> None:
    """Take in a sample and publish the next snapshot, with so many models loaded and both cards."""
    names = string.ascii_lowercase[:HOSTS]
    world = World(folder, models=names)
    try:
        for name in names:
            world.begin(world.service.load(name, actor="window"))
            world.pass_time(5.0)
        service, sample = world.service, world.service.sample
        assert sample is not None
        assert len(sample.hosts) == HOSTS
        gib = recorded.GIB
        gpus = tuple(
            GpuReading(place, place, 24 * gib, gib, {host.pid: gib // 64 for host in sample.hosts.values()})
            for place in (AMD, NVIDIA)
        )
        seconds = itertools.count(1)

        def tick() -> None:
            later = sample.monotonic + next(seconds)
            service._take_in(replace(sample, time=later, monotonic=later, gpus=gpus))
            service._publish_snapshot()

        async def ticks() -> None:
            timed("the service", tick)

        world.run(ticks())
    finally:
        world.close()


def measure_sampling() -> None:
    """Read real processes and made-up devices."""
    nvml.driver_is_there = lambda: True
    sleepers = [subprocess.Popen(["sleep", "600"]) for _ in range(HOSTS + OTHERS)]
    pids = [each.pid for each in sleepers]
    processes = tuple((pid, recorded.GIB) for pid in pids)
    sys.modules["pynvml"] = fake_nvml.Nvml({NVIDIA: fake_nvml.Card(computing=processes)})
    try:
        with tempfile.TemporaryDirectory() as folder:
            machine = machine_with(pids, Path(folder))
            gpus = Gpus(machine.sys, machine.proc)
            sampler = Sampler(gpus=gpus)
            nothing = ProcessMemory(0, 0)
            hosts = {str(pid): SampledHost(pid, nothing, start_time(pid) or 0.0) for pid in pids[:HOSTS]}
            timed("a sample", lambda: sampler.sample(hosts, others=pids[HOSTS:]))
            timed("GPUs alone", lambda: gpus.read(pids))
    finally:
        for each in sleepers:
            each.terminate()
            each.wait()


if __name__ == "__main__":
    main()
