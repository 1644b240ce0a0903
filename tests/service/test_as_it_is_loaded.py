"""Which requests are answered by a model as it is loaded, and how it is loaded when it comes back."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.snapshot import ModelSnapshot, State
from llmmem_gui.service.command_error import CommandError
from tests.made_up_models import Recipe, write_model
from tests.service.running_service import MIB, RunningService, running_service


class Running(RunningService):
    """A service with a model that generates and one that gives embeddings only."""

    @property
    def text_model(self) -> str:
        return self.models[0]

    @property
    def embedder(self) -> str:
        return self.models[1]

    def model(self, model_id: str) -> ModelSnapshot:
        model = self.service.snapshot.model(model_id)
        assert model is not None
        return model

    async def embed(self, model_id: str) -> int:
        """Ask for an embedding as a client does; its length."""
        answer = self.service.ask(model_id, "embedding", {"input": "a cat"}, actor="api")
        (payload,) = [payload async for payload in answer]
        return len(base64.b64decode(payload["data"][0]["embedding"])) // 4


@pytest.fixture(scope="session")
def two_kinds(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("two-kinds")
    small = Recipe(vocabulary=2_000, layers=2)
    return [
        write_model(folder / "writer.gguf", small),
        write_model(folder / "embedder.gguf", small.but(architecture="bert", context=512)),
    ]


@pytest.fixture
async def running(two_kinds: list[Path]) -> AsyncIterator[Running]:
    async with running_service(two_kinds, kind=Running) as service:
        yield service


async def test_an_answer_is_had_from_a_model_that_was_loaded_by_choice(running: Running) -> None:
    """A context that somebody chose is no reason to load the model again for a client."""
    await running.service.load(running.text_model, LoadParameters(context=1024), actor="cli")
    pid = running.pid(running.text_model)
    await running.text(running.text_model, max_tokens=2)
    assert (running.pid(running.text_model), running.model(running.text_model).context) == (pid, 1024)


async def test_an_answer_that_comes_while_a_chosen_load_waits_is_had_from_it(running: Running) -> None:
    """One load, with the parameters that were chosen, serves who chose them and who asks meanwhile."""
    chosen = asyncio.ensure_future(
        running.service.load(running.text_model, LoadParameters(context=1024), actor="cli")
    )
    await running.until(lambda: running.state(running.text_model) in (State.QUEUED, State.LOADING))
    await running.text(running.text_model, max_tokens=2)
    await chosen
    assert len(running.events("load-started")) == 1
    assert running.model(running.text_model).context == 1024


async def test_a_model_that_gives_embeddings_only_is_loaded_once(running: Running) -> None:
    """Loaded by hand, asked for embeddings, asked for text by mistake, and asked again: one host."""
    await running.service.load(running.embedder, actor="window")
    pid = running.pid(running.embedder)
    assert await running.embed(running.embedder) == 256
    with pytest.raises(CommandError, match="does not generate text"):
        await running.text(running.embedder)
    assert await running.embed(running.embedder) == 256
    assert running.pid(running.embedder) == pid


async def test_a_model_comes_back_with_the_context_it_was_loaded_with(running: Running) -> None:
    """After an unload, and after a crash, a client gets the context that was chosen, not the usual one."""
    model = running.text_model
    await running.service.load(model, LoadParameters(context=1024), actor="cli")
    await running.service.unload(model, actor="window")
    await running.text(model, max_tokens=2)
    assert running.model(model).context == 1024
    os.kill(running.pid(model), signal.SIGKILL)
    await running.until(lambda: running.state(model) is State.FAILED)
    await running.text(model, max_tokens=2)
    assert running.model(model).context == 1024


async def test_what_nobody_chose_for_a_model_follows_the_settings(running: Running) -> None:
    """Who chose a context did not choose the type of the cache with it."""
    model = running.text_model
    await running.service.load(model, LoadParameters(context=1024), actor="cli")
    await running.service.unload(model, actor="cli")
    await running.service.change_settings({"loading.kv_type": "q8_0"}, actor="window")
    assert running.model(model).parameters == LoadParameters(context=1024, kv_type="q8_0")


async def test_a_choice_that_does_not_fit_is_not_kept(running: Running) -> None:
    """A load that is refused leaves the parameters of the model as they were."""
    model = running.text_model
    await running.service.set_limit(model, 100 * MIB, actor="cli")
    with pytest.raises(CommandError, match=r"its limit is 100 MiB"):
        await running.service.load(model, LoadParameters(context=32_768, batch=4096), actor="cli")
    assert running.model(model).parameters == LoadParameters()
