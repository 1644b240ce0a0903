"""What models do is counted where answers pass: tokens, speed, requests that run and wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from llmmem_gui.core.cache_entry import Entry
from llmmem_gui.core.readings import ActivityReading, Sample
from llmmem_gui.service.sampling.activity import Activity
from tests.service.running_service import RunningService, running_service


@pytest.fixture
async def running(smol_path: Path) -> AsyncIterator[RunningService]:
    async with running_service([smol_path], kind=RunningService) as service:
        yield service


def readings(running: RunningService) -> list[ActivityReading]:
    """What the model did, sample by sample."""
    samples = [fact for fact in running.facts if isinstance(fact, Sample)]
    return [sample.activity[running.models[0]] for sample in samples if sample.activity]


@pytest.mark.parametrize("stream", [True, False])
async def test_every_token_of_an_answer_is_counted_once(running: RunningService, stream: bool) -> None:
    """The samples together tell as many tokens as the answer has, whether it comes in pieces or whole."""
    asked = {"messages": [{"role": "user", "content": "Count to fifty."}], "max_tokens": 40, "stream": stream}
    answer = running.service.ask(running.models[0], "chat", asked, actor="api")
    async for _ in answer:
        pass
    assert answer.usage is not None
    tokens = answer.usage.completion_tokens
    assert tokens > 10
    await running.until(lambda: sum(each.generated_tokens for each in readings(running)) >= tokens)
    await running.service._ticks.tick()
    assert sum(each.generated_tokens for each in readings(running)) == tokens
    await running.until(lambda: any(each.tokens_per_second for each in readings(running)))
    assert max(each.tokens_per_second for each in readings(running)) <= 1.1 * tokens / 0.9


async def test_requests_that_run_and_wait_are_told_apart(running: RunningService) -> None:
    """Requests for a model that still loads wait; once it is there they run."""
    asked = {
        "messages": [{"role": "user", "content": "Count to fifty."}],
        "max_tokens": 2000,
        "stream": True,
        # Without the tokens that end an answer: all three last until somebody has looked.
        "logit_bias": {"0": -100, "2": -100},
    }
    answers = [running.service.ask(running.models[0], "chat", asked, actor="api") for _ in range(3)]
    tasks = [asyncio.ensure_future(anext(answer)) for answer in answers]

    def count(of: str) -> int:
        entry = running.service._driver.cache.entry(running.models[0])
        return 0 if entry is None else len(getattr(entry, of))

    # Measured when it is so: a load may take less than the time between two ticks.
    await running.until(lambda: count("waiters") == 3)
    await running.service._ticks.tick()
    await running.until(lambda: any(each.waiting == 3 for each in readings(running)))
    await running.until(lambda: count("in_flight") == 3)
    await running.service._ticks.tick()
    await running.until(lambda: any(each.running == 3 for each in readings(running)))
    for task, answer in zip(tasks, answers, strict=True):
        task.cancel()
        await asyncio.wait({task})
        await answer.aclose()


def test_a_whole_answer_is_no_burst() -> None:
    """A hundred tokens that come at once after ten seconds were made at ten a second."""
    activity = Activity()
    activity.count("a", 100, seconds=10.0)
    assert activity.reading([], 50.0) == {"a": ActivityReading(0, 0, 100, 10.0)}
    assert activity.reading([], 51.0) == {}


def test_quick_ticks_keep_the_speed_of_the_last_second() -> None:
    """While something loads there are four ticks a second: each has its tokens, the speed is of a second."""
    activity = Activity()
    entry = Entry("a")
    entry.in_flight = {1: None}  # type: ignore[dict-item]
    activity.reading([entry], 0.0)
    told = []
    for quarter in range(1, 9):
        activity.count("a", 5)
        told.append(activity.reading([entry], quarter / 4)["a"])
    assert [each.generated_tokens for each in told] == [5] * 8
    assert [each.tokens_per_second for each in told] == [0, 0, 0, 20, 20, 20, 20, 20]
