"""A GPU in software: Mesa's lavapipe is a Vulkan device to llama.cpp, with memory of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest_asyncio

from llmmem_gui.core.engines import EngineReport, InstalledEngine, choose
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.service.hosting.engine_choice import EngineChoice
from llmmem_gui.service.hosting.hosts import HostStarter
from tests.engines.software_gpu import prebuilt

SMALL = LoadParameters(context=512, flash_attention=False)
ON_GPU = LoadParameters(context=512, flash_attention=False, gpu_layers=-1)
NEAR_TIE = 0.5
"""In logits: nearer tokens may change places by rounding. Where the answers parted it was 0.02; the device
was 0.11 away from the processor (root mean square of all logits), flash attention from plain one 0.09."""


@pytest_asyncio.fixture
async def starter(gpu_report: EngineReport) -> AsyncIterator[HostStarter]:
    """Starts hosts that may use the software device."""
    engine = prebuilt()
    assert engine is not None
    ways = choose([InstalledEngine(engine.folder, engine.manifest, gpu_report)])
    starter = HostStarter.spawn(choice=EngineChoice(ways))
    yield starter
    await starter.close()


def test_the_device_is_found_tried_and_told(gpu_report: EngineReport) -> None:
    """Name, kind and memory are those that the driver tells, and the device answers rightly."""
    (device,) = gpu_report.gpus
    assert device.name == "Vulkan0"
    assert device.total_bytes > 2**30
    trial = gpu_report.trial("Vulkan0", True)
    assert trial is not None
    assert trial.passed, trial.failure


async def test_a_model_on_the_device_answers_as_on_the_processor(
    starter: HostStarter, smol_path: Path
) -> None:
    """All layers there: the same greedy tokens, or they part where two are as good as each other."""
    processor = await starter.birth()
    await processor.load(smol_path, SMALL, threads=2)
    asked = {"prompt": "The capital of France is", "temperature": 0.0, "max_tokens": 8, "logprobs": 2}
    expected = (await processor.ask("completion", asked).finished()).payload
    gpu = await starter.birth(gpu=True)
    assert nothing_of_vulkan(processor.pid)
    await gpu.load(smol_path, ON_GPU, threads=2)
    given = (await gpu.ask("completion", asked).finished()).payload
    assert expected is not None
    assert given is not None
    ours = given["choices"][0]["logprobs"]["tokens"]
    theirs = expected["choices"][0]["logprobs"]
    for place, (one, other) in enumerate(zip(ours, theirs["tokens"], strict=False)):
        if one != other:
            best, second = sorted(theirs["top_logprobs"][place].values(), reverse=True)[:2]
            assert best - second < NEAR_TIE
            break
    pid = gpu.pid
    report = await gpu.stop()
    assert report.expected
    assert not psutil.pid_exists(pid)


def nothing_of_vulkan(pid: int) -> bool:
    """A host without layers on a GPU has not even loaded the driver."""
    return "vulkan" not in Path(f"/proc/{pid}/maps").read_text()


async def test_some_layers_on_the_device_load_too(starter: HostStarter, smol_path: Path) -> None:
    """A part of the layers there and the rest in main memory."""
    host = await starter.birth(gpu=True)
    loaded = await host.load(smol_path, LoadParameters(context=512, gpu_layers=10), threads=2)
    assert loaded.context == 512
    assert "vulkan" in Path(f"/proc/{host.pid}/maps").read_text()
    await host.stop()
