"""Tasks that have an owner: no end is unseen, and what must not end is begun again."""

from __future__ import annotations

import asyncio
import logging

import pytest

from llmmem_gui.service import supervision
from llmmem_gui.service.supervision import Supervisor


class Time:
    """A clock whose sleepers never wait."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


async def test_a_task_that_fails_is_logged_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    """The failure has the task's name, and nobody had to await it."""
    tasks = Supervisor()

    async def fail() -> None:
        raise ValueError("no such thing")

    tasks.run("the search", fail())
    await tasks.drain()
    assert tasks.failures == {"the search": 1}
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "the search" in record.message
    assert record.exc_info is not None
    assert "no such thing" in str(record.exc_info[1])


async def test_a_kept_task_is_begun_again_after_longer_and_longer_pauses() -> None:
    """Failing and returning are the same for a task that must not end."""
    time, begun = Time(), 0
    tasks = Supervisor(clock=time.clock, sleep=time.sleep)

    async def work() -> None:
        nonlocal begun
        begun += 1
        if begun == 1:
            raise ValueError("once")
        if begun == 4:
            await asyncio.Event().wait()

    tasks.keep("sampling", work)
    while begun < 4:
        await asyncio.sleep(0)
    assert time.pauses == [0.25, 0.5, 1.0]
    assert tasks.failures == {"sampling": 3}
    await tasks.close()


async def test_a_task_that_was_steady_begins_with_short_pauses_again() -> None:
    """A failure once an hour is never given up."""
    time, begun = Time(), 0
    tasks = Supervisor(clock=time.clock, sleep=time.sleep)

    async def work() -> None:
        nonlocal begun
        begun += 1
        time.now += supervision.STEADY_SECONDS
        raise ValueError("now and then")

    tasks.keep("sampling", work)
    while begun < 10 * supervision.FAILURES_IN_A_ROW:
        await asyncio.sleep(0)
    assert set(time.pauses) == {supervision.FIRST_PAUSE_SECONDS}
    await tasks.close()


async def test_a_task_that_always_fails_is_given_up_and_says_so() -> None:
    """Whoever waits for it learns which task, and why."""
    time = Time()
    tasks = Supervisor(clock=time.clock, sleep=time.sleep)

    async def work() -> None:
        raise ValueError("broken for good")

    tasks.keep("sampling", work)
    sentence = str(await tasks.gave_up())
    assert "sampling fails again and again" in sentence
    assert "broken for good" in sentence
    assert tasks.failures["sampling"] == supervision.FAILURES_IN_A_ROW
    assert max(time.pauses) <= supervision.LONGEST_PAUSE_SECONDS
    await tasks.close()


async def test_closing_cancels_and_waits_for_every_task() -> None:
    """Nothing runs afterwards, and a cancelled task is no failure."""
    ended = []
    tasks = Supervisor()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    tasks.run("one", work())
    tasks.keep("other", work)
    await asyncio.sleep(0)
    await tasks.close()
    assert ended == [True, True]
    assert not tasks.failures
