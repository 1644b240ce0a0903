"""Forecasts against real loads: hosts load models of many architectures, fill their context, and are read."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from llmmem_gui.core.forecast import MIB, forecast_by_formula
from llmmem_gui.core.library import FoundModel, ModelFile, model_file
from llmmem_gui.core.measurement import Measurement, learned
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.service.hosting.engine_choice import EngineChoice
from llmmem_gui.service.hosting.rehearsals import Rehearsals
from llmmem_gui.service.library.model_files import describe
from llmmem_gui.service.sampling.process_memory import read_process_memory
from tests.made_up_models import Recipe, write_model
from tests.running_hosts import HostStarter, running_starter

SMALL = Recipe(vocabulary=4000, feed_forward=1024)
RECIPES = {
    "llama": SMALL.but(tied=False),
    "llama q4_K": SMALL.but(type="q4_K", embedding_type="q4_K"),
    "qwen2": SMALL.but(architecture="qwen2"),
    "qwen3": SMALL.but(architecture="qwen3"),
    "gemma2": SMALL.but(architecture="gemma2", sliding_window=256),
    "gemma3": SMALL.but(architecture="gemma3", layers=6, sliding_window=256, type="iq4_nl"),
    "phi3": SMALL.but(architecture="phi3"),
    "deepseek2": SMALL.but(architecture="deepseek2", experts=8, experts_used=2),
    "mixtral": SMALL.but(experts=8, experts_used=2),
    "mamba": SMALL.but(architecture="mamba", type="f16", embedding_type="f16"),
    "falcon-h1": SMALL.but(architecture="falcon-h1", state=64),
    "lfm2": SMALL.but(architecture="lfm2", layers=6),
    "bert": SMALL.but(architecture="bert", context=512),
}


@pytest.fixture
async def starter() -> AsyncIterator[HostStarter]:
    """Starts hosts and stops those that still run."""
    async with running_starter() as starter:
        yield starter


def entry(path: Path) -> ModelFile:
    found = FoundModel(path.stem, "", (str(path),))
    return model_file(found, describe(found), "model")


async def measured(starter: HostStarter, file: ModelFile, parameters: LoadParameters) -> Measurement:
    """What a host takes beyond its birth once its context is full."""
    host = await starter.birth()
    born = read_process_memory(host.pid)
    loaded = await host.load(file.path, parameters)
    if parameters.embeddings:
        asked = host.ask("embedding", {"input": "one two three " * 30})
        count = 100
    else:
        count = parameters.context - 8
        prompt = random.Random(1).choices(range(300, loaded.vocabulary_size - 100), k=count)
        asked = host.ask("completion", {"prompt": prompt, "max_tokens": 4, "temperature": 0.0})
    answered = await asked.finished()
    now = read_process_memory(host.pid)
    filled = answered.prompt_tokens + answered.completion_tokens
    private = now.private_bytes - host.shared_bytes
    await host.stop()
    return Measurement(private, now.mapped_bytes - born.mapped_bytes, 0, filled, answered.prompt_tokens)


@pytest.mark.parametrize("name", RECIPES)
async def test_made_up_models_load_and_take_what_was_forecast(
    name: str, starter: HostStarter, tmp_path: Path
) -> None:
    """llama.cpp loads the model; private and mapped memory lie within the bars of formula and dry run."""
    file = entry(write_model(tmp_path / "model.gguf", RECIPES[name]))
    parameters = LoadParameters(context=512, embeddings=RECIPES[name].architecture == "bert")
    rehearsals = Rehearsals(tmp_path / "rehearsals.json", EngineChoice.of_machine())
    rehearsed = await rehearsals.forecast(file, parameters)
    await rehearsals.close()
    truth = await measured(starter, file, parameters)
    total = truth.private_bytes + truth.mapped_bytes
    computed = forecast_by_formula(file.shape, parameters, rehearsals.engine)
    assert rehearsed.low_bytes <= total <= rehearsed.high_bytes
    assert computed.low_bytes <= total <= computed.high_bytes
    assert truth.private_bytes == pytest.approx(rehearsed.private_bytes, abs=16 * MIB)


async def test_the_next_forecast_of_a_real_model_is_better(
    starter: HostStarter, smol_path: Path, tmp_path: Path
) -> None:
    """After two measured loads the forecast is called measured and is within 8 MiB of a third."""
    file, parameters = entry(smol_path), LoadParameters(context=512)
    computed = forecast_by_formula(file.shape, parameters)
    loads = [await measured(starter, file, parameters) for _ in range(3)]
    better = learned(computed, parameters, loads[:2])
    assert (better.source, better.measured_times) == ("measured", 2)
    assert better.private_bytes == pytest.approx(loads[2].private_bytes, abs=8 * MIB)
    assert better.low_bytes <= loads[2].private_bytes + loads[2].mapped_bytes <= better.high_bytes
