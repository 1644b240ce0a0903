"""Text and embeddings of one model through the service: one host, charged for both, within every limit."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import numpy
import numpy.typing
import pytest

from llmmem_gui.core.snapshot import ModelSnapshot, State
from llmmem_gui.service.command_error import CommandError
from tests.made_up_models import Recipe, write_model
from tests.service.running_service import MIB, RunningService, running_service

PROMPT = "the of and to in"


class Running(RunningService):
    """A service with one model."""

    @property
    def model(self) -> str:
        return self.models[0]

    @property
    def facts_of_model(self) -> ModelSnapshot:
        model = self.service.snapshot.model(self.model)
        assert model is not None
        return model

    @property
    def charged(self) -> int:
        """Bytes that the model is charged of private memory."""
        charge = self.facts_of_model.charge
        assert charge is not None
        return charge.private_bytes

    async def complete(self) -> str:
        """A completion without chance."""
        asked = {"prompt": PROMPT, "temperature": 0.0, "max_tokens": 12}
        answer = self.service.ask(self.model, "completion", asked, actor="api")
        return "".join([payload["choices"][0]["text"] async for payload in answer])

    async def embed(self, texts: str | list[str]) -> numpy.typing.NDArray[numpy.single]:
        """The vectors of texts."""
        answer = self.service.ask(self.model, "embedding", {"input": texts}, actor="api")
        (payload,) = [payload async for payload in answer]
        return numpy.array(
            [numpy.frombuffer(base64.b64decode(each["embedding"]), "<f4") for each in payload["data"]]
        )


@pytest.fixture(scope="session")
def one_model(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return [
        write_model(tmp_path_factory.mktemp("both-uses") / "writer.gguf", Recipe(vocabulary=2_000, layers=2))
    ]


@pytest.fixture
async def running(one_model: list[Path]) -> AsyncIterator[Running]:
    async with running_service(one_model, kind=Running) as service:
        yield service


async def test_text_and_embeddings_are_had_from_one_host(running: Running) -> None:
    """Asked in turn and at once: the process stays, its charge grows once, and nothing is loaded again."""
    text = await running.complete()
    pid, before = running.pid(running.model), running.charged
    vector = await running.embed("a cat")
    charged = running.charged
    assert charged > before + MIB
    texts, vectors = await asyncio.gather(running.complete(), running.embed(["a cat", "the of"]))
    assert texts == text
    assert vectors[0] @ vector[0] > 0.9999
    assert (running.pid(running.model), running.charged) == (pid, charged)
    assert len(running.events("load-started")) == 1


async def test_what_the_second_context_takes_was_charged_before(running: Running) -> None:
    """Measured, both uses together take no more than is charged, and more than the first alone."""
    await running.complete()
    await running.service._ticks.tick()
    first = running.facts_of_model.private_bytes
    await running.embed(["the of and " * 20] * 4)
    await running.service._ticks.tick()
    assert first < running.facts_of_model.private_bytes <= running.charged


async def test_two_first_requests_for_both_uses_load_the_model_once(running: Running) -> None:
    """Neither knows of the other: the second is served beside the first."""
    text, vectors = await asyncio.gather(running.complete(), running.embed("a cat"))
    assert text
    assert vectors.shape == (1, 256)
    assert len(running.events("load-started")) == 1


async def test_a_model_loaded_for_embeddings_answers_beside_them(running: Running) -> None:
    """The other way round, with the same vectors after as before."""
    before = await running.embed("a cat")
    pid = running.pid(running.model)
    assert await running.complete() == await running.complete()
    assert (await running.embed("a cat"))[0] @ before[0] > 0.9999
    assert running.pid(running.model) == pid


async def test_a_limit_too_small_for_both_uses_refuses_embeddings_and_text_goes_on(running: Running) -> None:
    """The refusal names what both would take; the model stays as it is."""
    text = await running.complete()
    pid = running.pid(running.model)
    charge = running.facts_of_model.charge
    assert charge is not None
    await running.service.set_limit(running.model, charge.total_bytes + MIB, actor="cli")
    with pytest.raises(CommandError, match="its limit is") as error:
        await running.embed("a cat")
    assert error.value.code == "refused"
    assert await running.complete() == text
    assert running.pid(running.model) == pid


async def test_a_doze_gives_the_second_context_back_and_it_comes_again(running: Running) -> None:
    """Asleep the model is charged one context, awake and asked for vectors two."""
    await running.complete()
    alone = running.charged
    vector = await running.embed("a cat")
    both = running.charged
    await running.service.doze(running.model, actor="window")
    await running.until(lambda: running.state(running.model) is State.DOZING)
    assert running.charged < both
    assert (await running.embed("a cat"))[0] @ vector[0] > 0.9999
    assert running.charged > alone + MIB


async def test_a_host_that_dies_while_it_embeds_fails_that_request_and_is_loaded_again(
    running: Running,
) -> None:
    """The request is told what became of its host; the next one finds a new one."""
    await running.complete()
    pid = running.pid(running.model)
    begun = asyncio.Event()
    texts = ["the of and " * 10] * 2048
    answer = running.service.ask(running.model, "embedding", {"input": texts}, actor="api")
    answer.on_reading = lambda *_: begun.set()
    vectors = asyncio.ensure_future(anext(answer))
    await begun.wait()
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(CommandError) as error:
        await vectors
    assert error.value.code == "host died"
    assert await running.complete()
    assert running.pid(running.model) != pid


async def test_a_text_as_long_as_the_context_is_embedded_beside_text(running: Running) -> None:
    """The second context follows the text, and the charge follows the context."""
    await running.complete()
    await running.embed("a cat")
    short = running.charged
    await running.embed("the of and " * 60)
    assert running.charged > short
    with pytest.raises(CommandError, match="maximum context length is 4096 tokens") as error:
        await running.embed("the of and " * 2000)
    assert error.value.detail == "context_length_exceeded"


async def test_unloading_gives_back_what_both_contexts_took(running: Running) -> None:
    """The receipt counts the second context as well."""
    await running.complete()
    first = (await running.service.unload(running.model, actor="cli")).private_before_bytes
    await running.complete()
    await running.embed("the of and " * 100)
    both = await running.service.unload(running.model, actor="cli")
    assert both.private_before_bytes > first + MIB
    assert both.given_back_bytes == both.private_before_bytes
    assert len(running.service.catalogue.forecasts.past(running.model)) == 2
    measured = [record.measured for record in running.service.catalogue.forecasts.past(running.model)]
    assert measured[1].private_bytes < both.private_before_bytes
