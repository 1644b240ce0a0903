"""From pressure to memory back, with real hosts: how long until idle models doze, and until they are gone.

`python -m benchmarks.relief [--rounds N]`, from the root of the tree; the models come from `.models`. The
level of pressure is simulated, everything after it is real. The time begins when the level is in force, at a
tick of the sampler, and ends when the system shows the memory as no longer used by the host. A model dozes
before it is unloaded, so that its unload comes a tick later.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from llmmem_gui.core.pressure import Level
from llmmem_gui.folders import Folders
from llmmem_gui.service.hosting.hosts import HostStarter
from llmmem_gui.service.memory_service import MemoryService
from llmmem_gui.service.sampling.process_memory import ProcessMemory, read_process_memory
from llmmem_gui.service.storage.settings_file import SettingsFile

MODELS = Path(__file__).resolve().parent.parent / ".models"
NAMES = ("smollm2-135m-instruct.gguf", "gemma-3-270m-q4_k_m.gguf")
MIB = 2**20
POLL_SECONDS = 0.001


async def measure(service: MemoryService, path: Path) -> dict[str, float]:
    """One model: what dozing and unloading give back under pressure, and how fast."""
    model = (await service.add_model(path)).id
    asked = {"prompt": "The capital of France is", "max_tokens": 8, "temperature": 0.0}
    first = await _text(service, model, asked)
    awake, mapped = await _weights(service, model), _mapped(service, model)
    doze_seconds = await _seconds_until(service, Level.WARNING, lambda: _mapped(service, model) < mapped / 4)
    asleep = await _weights(service, model)
    service.simulate_pressure(None)
    await asyncio.sleep(1.5)
    same = await _text(service, model, asked) == first
    pid = _pid(service, model)
    unload_seconds = await _seconds_until(service, Level.EMERGENCY, lambda: read_process_memory(pid) is None)
    service.simulate_pressure(None)
    await asyncio.sleep(1.5)
    return {
        "weights given back, %": 100 * (1 - asleep / awake),
        "doze, ms": doze_seconds * 1000,
        "same answer": float(same),
        "unload, ms": unload_seconds * 1000,
    }


async def _text(service: MemoryService, model: str, asked: dict[str, object]) -> str:
    answer = service.ask(model, "completion", asked, actor="script")
    return "".join([payload["choices"][0]["text"] async for payload in answer])


def _pid(service: MemoryService, model: str) -> int:
    loaded = service.snapshot.model(model)
    assert loaded is not None
    assert loaded.pid is not None
    return loaded.pid


def _mapped(service: MemoryService, model: str) -> int:
    memory = read_process_memory(_pid(service, model)) or ProcessMemory(0, 0)
    return memory.mapped_bytes


async def _weights(service: MemoryService, model: str) -> int:
    """Resident weights, without the code of the libraries, as the next sample shows them."""
    before = service.sample
    while service.sample is before:
        await asyncio.sleep(POLL_SECONDS)
    assert service.sample is not None
    return service.sample.hosts[model].weights_bytes


async def _seconds_until(service: MemoryService, level: Level, done: Callable[[], bool]) -> float:
    in_force = asyncio.Event()
    unsubscribe = service.subscribe(
        lambda _: in_force.set() if service.snapshot.pressure != "normal" else None
    )
    service.simulate_pressure(level, act=True)
    await in_force.wait()
    began = time.perf_counter()
    while not done():
        await asyncio.sleep(POLL_SECONDS)
    unsubscribe()
    return time.perf_counter() - began


async def run(rounds: int) -> None:
    """Measure both models and print medians."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["LLMMEM_HOME"] = home
        folders = Folders.of_user()
        folders.create()
        service = MemoryService(folders, SettingsFile(folders.settings_file), HostStarter.spawn())
        await service.start()
        try:
            for name in NAMES:
                figures = [await measure(service, MODELS / name) for _ in range(rounds)]
                print(name)
                for what in figures[0]:
                    print(f"  {what:24} {statistics.median(f[what] for f in figures):8.1f}")
        finally:
            await service.close()


def main() -> None:
    """Print everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    asyncio.run(run(parser.parse_args().rounds))


if __name__ == "__main__":
    main()
