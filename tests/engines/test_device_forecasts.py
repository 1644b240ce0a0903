"""What is forecast of each pool is what llama.cpp then takes there: Mesa's lavapipe is the second pool."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from llmmem_gui.core.engines import EngineReport, InstalledEngine, choose
from llmmem_gui.core.forecast import REHEARSAL_BYTES, REHEARSAL_PERCENT, Forecast
from llmmem_gui.core.library import FoundModel, ModelFile, model_file
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.units import GIB
from llmmem_gui.service.forecasts import Forecasts
from llmmem_gui.service.hosting.engine_choice import EngineChoice
from llmmem_gui.service.hosting.rehearsals import Rehearsals
from llmmem_gui.service.library.model_files import describe
from llmmem_gui.service.storage.load_records import LoadRecords
from tests.engines.software_gpu import prebuilt

DEVICE = "Vulkan0"
_TRUTH = """
import json, os, sys
from llmmem_gui.host import engine
engine.start(gpu=True)
from llama_cpp import llama_cpp as api
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.host.context import context_parameters
from llmmem_gui.host.model import Model, model_parameters
from llmmem_gui.host.rehearsal import _buffers_by_breakdown
path, layers = os.fsencode(sys.argv[1]), int(sys.argv[2])
parameters = LoadParameters(context=2048, gpu_layers=layers)
model = Model(path, model_parameters(layers, True), engine.EngineLog())
context = api.llama_init_from_model(model.handle, context_parameters(model, parameters, threads=1))
sizes = {"main": 0, "gpu": 0}
for each in _buffers_by_breakdown(context, model.weights_bytes):
    pool = "gpu" if each.memory == "gpu" else "main"
    sizes[pool] += each.weights_bytes + each.cache_bytes + each.compute_bytes
print(json.dumps(sizes), flush=True)
os._exit(0)
"""
"""Loads a model as a host does, with memory, and tells llama.cpp's own list of its buffers by pool."""


def taken(engine: InstalledEngine, path: Path, gpu_layers: int) -> dict[str, int]:
    """What the buffers of a real load hold of each pool."""
    environment = {**os.environ, "LLMMEM_ENGINE": engine.folder, "LLAMA_CPP_LIB_PATH": engine.folder}
    command = [sys.executable, "-c", _TRUTH, str(path), str(gpu_layers)]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    sizes: dict[str, int] = json.loads(told.stdout)
    return sizes


def known(path: Path) -> ModelFile:
    """The file as the library knows it."""
    found = FoundModel(path.stem, "", (str(path),))
    return model_file(found, describe(found), path.stem)


def choice_with(report: EngineReport) -> tuple[InstalledEngine, EngineChoice]:
    """The engine with the software device."""
    engine = prebuilt()
    assert engine is not None
    return engine, EngineChoice(choose([InstalledEngine(engine.folder, engine.manifest, report)]))


def by_pool(forecast: Forecast, report: EngineReport) -> dict[str, int]:
    """What is forecast of llama.cpp's buffers in main memory, and all that is charged of the device."""
    main_overhead = forecast.overhead_bytes - forecast.vram_overhead_bytes
    charge = forecast.charge("file", report.gpus)
    return {"main": forecast.main_bytes - main_overhead, "gpu": charge.on(DEVICE)}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("gpu_layers", [-1, 10, 0])
async def test_what_is_forecast_of_both_pools_is_what_the_load_takes(
    gpu_report: EngineReport, tmp_path: Path, smol_path: Path, gemma_path: Path, gpu_layers: int
) -> None:
    """All, some and no layers on the device: within the error bar of a dry run, in each pool."""
    engine, choice = choice_with(gpu_report)
    rehearsals = Rehearsals(tmp_path / "rehearsals.json", choice)
    try:
        for path in (smol_path, gemma_path):
            parameters = LoadParameters(context=2048, gpu_layers=gpu_layers)
            forecast = by_pool(await rehearsals.forecast(known(path), parameters), gpu_report)
            for pool, size in taken(engine, path, gpu_layers).items():
                assert abs(forecast[pool] - size) <= max(REHEARSAL_BYTES, size * REHEARSAL_PERCENT // 100)
                assert (forecast["gpu"] > 0) == (gpu_layers != 0)
    finally:
        await rehearsals.close()


async def test_a_load_onto_a_device_goes_by_a_dry_run_however_much_main_memory_is_free(
    gpu_report: EngineReport, tmp_path: Path, gemma_path: Path
) -> None:
    """The formula cannot tell what lies on which device, and is far off where embeddings are large."""
    _, choice = choice_with(gpu_report)
    rehearsals = Rehearsals(tmp_path / "rehearsals.json", choice)
    forecasts = Forecasts(rehearsals, LoadRecords(tmp_path / "loads.json"))
    file = known(gemma_path)
    try:
        in_main = await forecasts.for_load(file, LoadParameters(context=2048), 100 * GIB)
        assert in_main.source == "formula"
        there = await forecasts.for_load(file, LoadParameters(context=2048, gpu_layers=-1), 100 * GIB)
        assert there.source == "dry run"
        assert there.devices.keys() == {DEVICE}
    finally:
        await rehearsals.close()
