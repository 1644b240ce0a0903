"""Limits of a device hold with real models on it: Mesa's lavapipe has memory of its own to llama.cpp."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from llmmem_gui.core.engines import EngineReport
from llmmem_gui.core.events import UnloadReceipt
from llmmem_gui.core.gpu_limits import GPU_LIMITS
from llmmem_gui.core.ledger import Standing
from llmmem_gui.core.settings import BadSetting
from llmmem_gui.core.snapshot import CacheSnapshot, State
from llmmem_gui.service.command_error import CommandError
from tests.engines import software_gpu
from tests.made_up_models import Recipe, write_model
from tests.service.running_service import RunningService

DEVICE = "Vulkan0"
_COMMANDS = 200


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Four different models of about 20 MiB."""
    folder = tmp_path_factory.mktemp("device-models")
    recipe = Recipe(vocabulary=4_000, layers=8, context=2048)
    return [write_model(folder / f"small-{n}.gguf", recipe.but(layers=8 + n)) for n in range(4)]


@asynccontextmanager
async def service_with(report: EngineReport, models: list[Path]) -> AsyncIterator[RunningService]:
    """A service whose engine was found to be like that; all models but the first lie on its device."""
    async with software_gpu.service_with(report, models) as running:
        for model in running.models[1:]:
            await running.service.choose_parameters(model, {"gpu_layers": -1}, actor="script")
        yield running


async def needs_on_device(report: EngineReport, models: list[Path]) -> list[int]:
    """What the forecast says that each takes of the device."""
    async with service_with(report, models) as running:
        return [(await running.service.forecast(model)).vram_bytes for model in running.models]


def with_device_bytes(report: EngineReport, total_bytes: int) -> EngineReport:
    """The report of an engine whose device has so much memory."""
    devices = tuple(
        msgspec.structs.replace(device, total_bytes=total_bytes) if device.name == DEVICE else device
        for device in report.devices
    )
    return msgspec.structs.replace(report, devices=devices)


def device_that_holds(bytes_allowed: int, report: EngineReport) -> EngineReport:
    """The report of an engine whose device may hold so much with the limit as it is by default."""
    return with_device_bytes(report, -(-bytes_allowed * 100 // 90))


def charged_on_device(snapshot: CacheSnapshot) -> int:
    """What is charged of the device to models that are there or on their way."""
    there = [holder for holder in snapshot.holders if holder.standing is not Standing.ADMITTED]
    return sum(holder.charge.on(DEVICE) for holder in there)


@pytest.mark.timeout(600)
async def test_a_device_that_holds_two_of_three_lets_the_coldest_on_it_go(
    gpu_report: EngineReport, models: list[Path]
) -> None:
    """A colder model in main memory stays; what lay on the device comes back with the process."""
    needs = await needs_on_device(gpu_report, models)
    assert needs[0] == 0
    assert min(needs[1:]) > 10 * 2**20
    async with service_with(device_that_holds(needs[2] + needs[3], gpu_report), models) as running:
        in_main, first, second, third = running.models
        for model in (in_main, first, second, third):
            await running.service.load(model, actor="window")
        assert [running.state(model) for model in (in_main, first, second, third)] == [
            State.READY,
            State.UNLOADED,
            State.READY,
            State.READY,
        ]
        (unloaded,) = running.events("model-unloaded")
        assert (unloaded.model_id, unloaded.cause) == (first, "make room")
        (receipt,) = (fact for fact in running.facts if isinstance(fact, UnloadReceipt))
        assert (receipt.model_id, receipt.cause) == (first, "make room")
        # No driver tells what this device holds: it lies in the process, and came back with it.
        assert receipt.vram_before_bytes == 0
        assert receipt.given_back_bytes == receipt.private_before_bytes > needs[1]
        used = running.service.usage()
        assert used.devices[DEVICE].current_bytes == needs[2] + needs[3]
        assert used.models[second].current_bytes > 0
        bounds = running.service.snapshot.bounds.devices[DEVICE]
        assert bounds.limit_bytes is not None
        assert bounds.limit_bytes - 1 <= needs[2] + needs[3] <= bounds.limit_bytes
        await running.service.change_settings({"limits.gpu_percent": 1}, actor="window")
        await running.until(lambda: running.state(third) is State.UNLOADED)
        assert running.state(in_main) is State.READY
        assert {event.cause for event in running.events("model-unloaded")[1:]} == {"device limit"}
        with pytest.raises(CommandError, match=f"of {DEVICE}, which has .* for it: place fewer layers there"):
            await running.service.load(first, actor="window")


@pytest.mark.timeout(600)
async def test_a_device_has_a_limit_of_its_own(gpu_report: EngineReport, models: list[Path]) -> None:
    """Asked for by llama.cpp's name it takes what lies there and nothing else; without it the share holds."""
    needs = await needs_on_device(gpu_report, models)
    roomy = with_device_bytes(gpu_report, 2 * sum(needs))
    async with service_with(roomy, models) as running:
        in_main, first, second = running.models[:3]
        for model in (in_main, first, second):
            await running.service.load(model, actor="window")
        preview = running.service.preview({GPU_LIMITS: {DEVICE: needs[2]}})
        assert (preview.unloads, preview.dozes) == ((first,), ())
        await running.service.change_settings({GPU_LIMITS: {DEVICE: needs[2]}}, actor="window")
        await running.until(lambda: running.state(first) is State.UNLOADED)
        assert [running.state(model) for model in (in_main, second)] == [State.READY, State.READY]
        (unloaded,) = running.events("model-unloaded")
        assert (unloaded.model_id, unloaded.cause) == (first, "device limit")
        assert str(running.events("limit-changed")[-1].text).endswith(f"of {DEVICE}")
        (pool,) = running.service.snapshot.pools
        assert pool.models == {second: needs[2]}
        with pytest.raises(BadSetting, match=f"{DEVICE} has .* a limit of .* is more than that"):
            await running.service.change_settings({GPU_LIMITS: {DEVICE: 2**40}}, actor="api")
        await running.service.change_settings({GPU_LIMITS: {DEVICE: None}}, actor="window")
        usual = roomy.gpus[0].total_bytes * 90 // 100
        assert running.service.snapshot.bounds.devices[DEVICE].limit_bytes == usual


@pytest.mark.timeout(900)
async def test_the_limit_of_a_device_holds_under_random_use(
    gpu_report: EngineReport, models: list[Path]
) -> None:
    """200 loads, answers and unloads of models of which the device holds two: never more than that.

    Only the model in main memory is asked: each host compiles the shaders of its first answer anew.
    """
    needs = await needs_on_device(gpu_report, models)
    async with service_with(device_that_holds(needs[2] + needs[3], gpu_report), models) as running:
        chance = random.Random(11)
        refused: Counter[str] = Counter()
        at_once = asyncio.Semaphore(3)

        async def one() -> None:
            model, command = chance.choice(running.models), chance.choice(("load", "load", "unload"))
            if model == running.models[0] and command == "load":
                command = "ask"
            async with at_once:
                try:
                    if command == "load":
                        await running.service.load(model, actor="script")
                    elif command == "unload":
                        await running.service.unload(model, actor="script")
                    else:
                        asked = {"prompt": "a b", "max_tokens": 2}
                        assert [p async for p in running.service.ask(model, "completion", asked, actor="api")]
                except CommandError as error:
                    refused[error.code] += 1

        await asyncio.gather(*(one() for _ in range(_COMMANDS)))
        assert set(refused) <= {"bad request", "not loaded", "unloaded", "cancelled", "refused"}
        assert refused["refused"] < _COMMANDS / 4
        limit = running.service.snapshot.bounds.devices[DEVICE].limit_bytes
        snapshots = [fact for fact in running.facts if isinstance(fact, CacheSnapshot)]
        assert limit is not None
        assert max(map(charged_on_device, snapshots)) <= limit
        assert max(map(charged_on_device, snapshots)) > min(needs[1:])
