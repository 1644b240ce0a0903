"""Forecasts of models that see, against real loads: weights and results of the projector count."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from llmmem_gui.core.engine import Engine
from llmmem_gui.core.engines import Device
from llmmem_gui.core.forecast import MIB, forecast_by_formula
from llmmem_gui.core.library import FoundModel, ModelFile, model_file
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.placement import placements
from llmmem_gui.service.hosting.engine_choice import EngineChoice
from llmmem_gui.service.hosting.rehearsals import Rehearsals
from llmmem_gui.service.library.model_files import describe
from llmmem_gui.service.sampling.process_memory import read_process_memory
from tests import made_up_images as images
from tests.made_up_models import Recipe, write_model
from tests.made_up_projectors import ProjectorRecipe, write_projector
from tests.running_hosts import HostStarter, running_starter

_PLAIN = "{% for message in messages %}{{ message.content }}{% endfor %}"
_PARAMETERS = LoadParameters(context=1024)
_BLIND = LoadParameters(context=1024, vision=False)
_PROJECTOR = ProjectorRecipe("gemma3", image_size=448, embedding=512, feed_forward=2048, layers=6, heads=8)


@pytest.fixture
async def starter() -> AsyncIterator[HostStarter]:
    """Starts hosts and stops those that still run."""
    async with running_starter() as starter:
        yield starter


@pytest.fixture
def file(tmp_path: Path) -> ModelFile:
    """A model with a projector of 40 MB."""
    recipe = Recipe("gemma3", vocabulary=4000, chat_template=_PLAIN)
    model = write_model(tmp_path / "model.gguf", recipe)
    projector = write_projector(tmp_path / "mmproj.gguf", _PROJECTOR)
    found = FoundModel("model", "", (str(model),), str(projector))
    return model_file(found, describe(found), "model")


async def measured_bytes(starter: HostStarter, file: ModelFile) -> int:
    """Private memory of a host that has read an image, and filled most of its context."""
    host = await starter.birth()
    await host.load(file.path, _PARAMETERS, projector=file.projector)
    shown = [images.part(images.png(700, 500)), {"type": "text", "text": "one two " * 60}]
    asked = {"messages": [{"role": "user", "content": shown}], "max_tokens": 4}
    answered = await host.ask("chat", asked).finished()
    assert answered.prompt_tokens > 800
    private_bytes = read_process_memory(host.pid).private_bytes - host.shared_bytes
    await host.stop()
    return private_bytes


async def test_what_a_projector_takes_is_forecast(
    starter: HostStarter, file: ModelFile, tmp_path: Path
) -> None:
    """A dry run counts it to 24 MiB, the formula within its bar; without vision neither counts it."""
    rehearsals = Rehearsals(tmp_path / "rehearsals.json", EngineChoice.of_machine())
    seeing = await rehearsals.forecast(file, _PARAMETERS)
    blind = await rehearsals.forecast(file, _BLIND)
    engine = rehearsals.engine
    await rehearsals.close()
    truth = await measured_bytes(starter, file)
    assert file.eyes is not None
    assert truth == pytest.approx(seeing.private_bytes, abs=24 * MIB)
    assert seeing.private_bytes - blind.private_bytes > file.eyes.weights_bytes + 8 * MIB
    assert file.shape is not None
    computed = forecast_by_formula(file.shape, _PARAMETERS, engine, file.eyes_for(_PARAMETERS))
    assert computed.low_bytes <= truth + computed.mapped_bytes <= computed.high_bytes
    assert computed.doubt is not None
    assert file.eyes_for(_BLIND) is None


def test_layers_on_a_gpu_are_counted_with_the_projector(file: ModelFile) -> None:
    """It lies there when layers do, and here when none do."""
    assert file.shape is not None
    assert file.eyes is not None
    gpu = Device("GPU0", "card", "gpu", 8 * 1024 * MIB)
    engine = Engine("test", gpu_offload=True)
    told, blind = (
        placements(file.shape, _PARAMETERS, engine, file.file, [gpu], {}, eyes) for eyes in (file.eyes, None)
    )
    size = file.eyes.weights_bytes
    assert told.charge(0).private_bytes - blind.charge(0).private_bytes > size
    for number in range(1, told.all + 1):
        assert told.charge(number).on("GPU0") - blind.charge(number).on("GPU0") > size


def test_a_projector_is_read_with_its_model(file: ModelFile, tmp_path: Path) -> None:
    """How warm a model is, is said of both files; one that nobody loads does not count."""
    assert file.paths == (file.path, file.projector)
    alone = FoundModel("model", "", (file.path,), "")
    assert model_file(alone, describe(alone), "model").paths == (file.path,)


def test_another_projector_is_another_load(file: ModelFile) -> None:
    """What was measured with one tells nothing about the other; without vision it makes no difference."""
    before, blind = (file.key(each, "engine") for each in (_PARAMETERS, _BLIND))
    write_projector(file.projector, _PROJECTOR.but(layers=1))
    found = FoundModel("model", "", (file.path,), file.projector)
    replaced = model_file(found, describe(found), "model")
    assert replaced.key(_PARAMETERS, "engine") != before
    assert replaced.key(_BLIND, "engine") == blind


def test_what_reads_no_images_gives_no_eyes(file: ModelFile, tmp_path: Path) -> None:
    """A projector that is cut off, gone, or a model: the model beside it reads text only."""
    cut = tmp_path / "mmproj-cut.gguf"
    cut.write_bytes(Path(file.projector).read_bytes()[:100])
    for projector in (str(cut), str(tmp_path / "none.gguf"), file.path, ""):
        found = FoundModel("model", "", (file.path,), projector)
        assert not model_file(found, describe(found), "model").sees
    assert file.sees
