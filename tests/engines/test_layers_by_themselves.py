"""As many layers as fit, with real models and hosts on Mesa's lavapipe: what is shown is what is loaded."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from llmmem_gui.core.cache_messages import TimePassed
from llmmem_gui.core.engines import EngineReport
from llmmem_gui.core.forecast import REHEARSAL_BYTES, REHEARSAL_PERCENT, Forecast
from llmmem_gui.core.parameters import AUTO
from llmmem_gui.core.snapshot import ModelSnapshot, State
from tests.engines.software_gpu import prebuilt, service_with
from tests.engines.test_device_forecasts import taken
from tests.engines.test_device_limits import DEVICE, device_that_holds
from tests.made_up_models import Recipe, write_model
from tests.service.running_service import RunningService

_LAYERS = 13
"""Of the models here, with the output, as llama.cpp counts."""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two different models of twelve layers with 4 MiB each."""
    folder = tmp_path_factory.mktemp("layered-models")
    recipe = Recipe(vocabulary=4_000, layers=12, embedding=512, feed_forward=1536, context=2048)
    return [write_model(folder / f"layered-{n}.gguf", recipe.but(vocabulary=4_000 + n)) for n in range(2)]


def as_card(report: EngineReport) -> EngineReport:
    """The report of an engine whose device says that it is no software."""
    devices = tuple(
        msgspec.structs.replace(device, description="a card") if device.name == DEVICE else device
        for device in report.devices
    )
    return msgspec.structs.replace(report, devices=devices)


def model_of(running: RunningService, model: str) -> ModelSnapshot:
    """A model as a view sees it."""
    found = running.service.snapshot.model(model)
    assert found is not None
    return found


def forecast_of(running: RunningService, model: str) -> Forecast:
    """What a view is told of the model's load, before it and while it is loaded."""
    forecast = model_of(running, model).forecast
    assert forecast is not None
    return forecast


async def device_bytes(report: EngineReport, model: Path, number: int) -> int:
    """What a dry run says that a model takes of the device with so many layers."""
    async with service_with(as_card(report), [model]) as running:
        usual = running.service.catalogue.parameters_of(running.service.catalogue.known(running.models[0]))
        return (await running.service.forecast(running.models[0], usual.with_gpu_layers(number))).vram_bytes


@pytest.mark.timeout(300)
async def test_a_card_is_used_by_itself_and_what_is_shown_is_what_is_loaded(
    gpu_report: EngineReport, models: list[Path]
) -> None:
    """Nothing was chosen: all layers where there is room for them, and the second gets what is left."""
    first_takes = await device_bytes(gpu_report, models[0], _LAYERS)
    some = await device_bytes(gpu_report, models[1], 6)
    report = device_that_holds(first_takes + some, as_card(gpu_report))
    async with service_with(report, models) as running:
        first, second = running.models
        # In use, it stays.
        await running.service.set_pinned(first, True, actor="window")
        for model, layers in ((first, _LAYERS), (second, 6)):
            told = await running.service.forecast(model)
            assert (told.gpu_layers, told.layers, told.source) == (layers, _LAYERS, "dry run")
            await running.until(lambda model=model, told=told: forecast_of(running, model) == told)
            loaded = await running.service.load(model, actor="window")
            assert loaded.forecast == told
            assert loaded.parameters.gpu_layers == AUTO
            assert loaded.next_parameters is None
            life = running.service._driver.life_of(model)
            assert life is not None
            assert life.start.parameters.gpu_layers == layers
            assert life.start.charge.on(DEVICE) == told.vram_bytes
        assert running.state(first) is State.READY
        limit = running.service.snapshot.bounds.devices[DEVICE].limit_bytes
        used = running.service.usage().devices[DEVICE]
        assert limit is not None
        assert used.current_bytes <= limit
        assert used.current_bytes > limit - first_takes // 4
        engine = prebuilt()
        assert engine is not None
        for path, layers in zip(models, (_LAYERS, 6), strict=True):
            really = taken(engine, path, layers)["gpu"]
            dry = await running.service.forecast(
                running.models[models.index(path)],
                model_of(running, first).parameters.with_gpu_layers(layers),
            )
            assert abs(dry.vram_bytes - really) <= max(REHEARSAL_BYTES, really * REHEARSAL_PERCENT // 100)


@pytest.mark.timeout(300)
async def test_layers_in_the_memory_of_an_idle_model_are_had_by_its_going(
    gpu_report: EngineReport, models: list[Path]
) -> None:
    """Once it was used; one that was just loaded beside the other stays."""
    needed = await device_bytes(gpu_report, models[1], _LAYERS)
    async with service_with(device_that_holds(needed, as_card(gpu_report)), models) as running:
        first, second = running.models
        await running.service.load(first, actor="window")
        assert forecast_of(running, second).gpu_layers == 0
        entry = running.service._driver.cache.entry(first)
        assert entry is not None
        entry.used = True  # its first answer would take half a minute on this device
        running.service._driver.tell(TimePassed())
        shown = await running.service.forecast(second)
        assert shown.gpu_layers == _LAYERS
        await running.until(lambda: forecast_of(running, second) == shown)
        outlook = running.service.snapshot.outlook(model_of(running, second))
        assert outlook is not None
        assert outlook.unloads == (first,)
        loaded = await running.service.load(second, actor="window")
        assert loaded.forecast == shown
        assert running.state(first) is State.UNLOADED


async def test_few_dry_runs_find_the_number(
    gpu_report: EngineReport, models: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of thirteen; and none more for what was found out before."""
    some = await device_bytes(gpu_report, models[0], 6)
    async with service_with(device_that_holds(some, as_card(gpu_report)), models) as running:
        running.service.catalogue._rehearsals._results.clear()
        rehearsed: list[int] = []
        real = running.service.catalogue._rehearsals._rehearse

        async def counted(file, parameters):  # type: ignore[no-untyped-def]
            rehearsed.append(parameters.gpu_layers)
            return await real(file, parameters)

        monkeypatch.setattr(running.service.catalogue._rehearsals, "_rehearse", counted)
        for _ in range(2):
            assert (await running.service.forecast(running.models[0])).gpu_layers == 6
        assert len(rehearsed) <= 3


async def test_a_device_in_software_and_a_chosen_number_are_left_as_they_are(
    gpu_report: EngineReport, models: list[Path]
) -> None:
    """No layer goes by itself to where it is slower; who asks for as many as fit there gets them."""
    async with service_with(gpu_report, models) as running:
        model = running.models[0]
        assert (await running.service.forecast(model)).gpu_layers == 0
        await running.service.choose_parameters(model, {"gpu_layers": AUTO}, actor="cli")
        assert (await running.service.forecast(model)).gpu_layers == _LAYERS
        await running.service.choose_parameters(model, {"gpu_layers": 4}, actor="cli")
        assert (await running.service.forecast(model)).gpu_layers == 4
    failed = msgspec.structs.replace(
        as_card(gpu_report), trials=tuple(t for t in gpu_report.trials if t.device != DEVICE)
    )
    async with service_with(failed, models) as running:
        assert (await running.service.forecast(running.models[1])).gpu_layers == 0


async def test_a_command_without_a_program_goes_by_the_limits_too(
    gpu_report: EngineReport, models: list[Path]
) -> None:
    """And says how many layers there are where, before anything is loaded."""
    some = await device_bytes(gpu_report, models[0], 6)
    async with service_with(device_that_holds(some, as_card(gpu_report)), models):
        pass  # it leaves engine and settings behind
    command = [sys.executable, "-m", "llmmem_gui.cli", "forecast", str(models[0]), "--gpu-layers", "auto"]
    told = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)
    assert re.search(r"6 of 13 layers on the GPU: .* there, .* here\.", told.stdout)
