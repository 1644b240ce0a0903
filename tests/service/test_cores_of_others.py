"""A real host gives cores up while it answers, as soon as a sample shows that others need them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from llmmem_gui.core.snapshot import State
from llmmem_gui.service.hosting import cores
from tests.service.running_service import RunningService, running_service


async def test_a_model_that_answers_gives_way_to_others_in_the_midst(
    smol_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sample that shows their work changes the threads of the host at once, and the answer goes on."""
    monkeypatch.setattr(cores.os, "cpu_count", lambda: 8)
    monkeypatch.setattr(cores, "usable_cores", lambda: 8)
    async with running_service([smol_path], RunningService) as running:
        (model,) = running.models
        driver = running.service._driver
        await running.service.load(model, actor="window")
        life = driver.life_of(model)
        assert life is not None
        assert life.host is not None
        told: list[int] = []
        monkeypatch.setattr(type(life.host), "set_threads", lambda host, threads: told.append(threads))
        answer = asyncio.create_task(running.text(model, max_tokens=200))
        await running.until(lambda: running.state(model) is State.BUSY)
        sample = running.service.sample
        assert sample is not None
        driver.observe(replace(sample, other_cores=5.0))
        assert told[-1] == 3
        assert await answer
