"""What a sample costs with GPUs: 10 hosts, 5 processes of other programs, a card of AMD and one of NVIDIA.

The processes are real; the devices are a tree of sysfs and `/proc`, and a stand-in for NVML: what real
drivers take to answer is not in the figure.

    python benchmarks/gpus.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from llmmem_gui.service.sampling.gpus.gpus import Gpus  # noqa: E402
from llmmem_gui.service.sampling.process_memory import ProcessMemory, start_time  # noqa: E402
from llmmem_gui.service.sampling.sampler import SampledHost, Sampler  # noqa: E402
from tests.gpus import fake_nvml, recorded  # noqa: E402

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


def main() -> None:
    """Print the time of one sample, and of the GPUs in it."""
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
            for what, read in (
                ("sample", lambda: sampler.sample(hosts, others=pids[HOSTS:])),
                ("GPUs alone", lambda: gpus.read(pids)),
            ):
                for clock, name in ((time.perf_counter, ""), (time.thread_time, " of the processor")):
                    milliseconds = []
                    for _ in range(SAMPLES):
                        began = clock()
                        read()
                        milliseconds.append((clock() - began) * 1000)
                    median, longest = statistics.median(milliseconds), max(milliseconds)
                    print(f"{what:10} {median:6.2f} ms{name} median, {longest:6.2f} longest")
    finally:
        for each in sleepers:
            each.terminate()
            each.wait()


if __name__ == "__main__":
    main()
