"""A host that dies of what it computes with is followed by a milder one, and the request is answered."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from llmmem_gui.core.engines import EngineReport, InstalledEngine, Trial
from llmmem_gui.core.events import Event
from llmmem_gui.core.snapshot import State
from llmmem_gui.folders import Folders
from llmmem_gui.host.known_model import KnownModel
from llmmem_gui.service.command_error import CommandError
from llmmem_gui.service.storage.engine_store import EngineStore
from tests.broken_engines import DIES, REPACKED, broken, copied, only_here
from tests.service.running_service import RunningService, running_service

RIGHT_BEFORE = EngineReport("", None, (), (Trial("CPU", False), Trial("CPU", True)), gpus_tried=True)
"""What a trial would have shown before the fault: a driver, a kernel or a microcode that came later."""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A small model with weights of all kinds that are repacked."""
    path = tmp_path / "known.gguf"
    KnownModel().write(path)
    return path


@asynccontextmanager
async def service_with(functions: str, model: Path) -> AsyncIterator[tuple[RunningService, list[str]]]:
    """A service that prefers an engine in which these functions die, and what it notes."""
    folders = Folders.of_user()
    folders.create()
    engine = broken(folders.data / "engines" / "broken", functions, DIES)
    EngineStore(folders.data).save(engine, RIGHT_BEFORE)
    folders.settings_file.write_text('[loading]\nengine = "broken"\n')
    async with running_service([model], RunningService) as running:
        notes: list[str] = []

        def take_down(fact: object) -> None:
            if isinstance(fact, Event) and fact.type == "note":
                notes.append(str(fact.text))

        running.service.subscribe(take_down)
        yield running, notes


async def answer(running: RunningService, **arguments: object) -> str:
    """The completion of a prompt long enough for the kernels of matrices."""
    asked = {"prompt": "0 1 2 3 " * 16, "max_tokens": 4, "temperature": 0.0, **arguments}
    given = running.service.ask(running.models[0], "completion", asked, actor="api")
    return "".join([payload["choices"][0]["text"] async for payload in given])


def engine_named(running: RunningService, name: str) -> InstalledEngine:
    """What the service knows of an engine."""
    return next(engine for engine in running.service.engines.overview.engines if engine.name == name)


@only_here
@pytest.mark.parametrize("stream", [False, True])
async def test_a_request_that_meets_a_refused_instruction_is_answered(model: Path, stream: bool) -> None:
    """SIGILL in extra buffers: the same engine answers without them, and they are switched off for good."""
    async with service_with(REPACKED, model) as (running, notes):
        text = await answer(running, stream=stream)
        use = running.service.engines.overview.in_use
        assert use is not None
        assert (use.name, use.extra_buffers) == ("broken", False)
        assert any("is not used on this machine any more" in note for note in notes)
        assert await answer(running, stream=stream) == text
    kept = next(e for e in EngineStore(Folders.of_user().data).engines() if e.name == "broken")
    assert [way.extra_buffers for way in kept.ways()] == [False]


@only_here
async def test_an_engine_that_dies_in_every_way_gives_way_to_another(model: Path) -> None:
    """After the milder way has died too, the next engine answers."""
    async with service_with("llama_decode", model) as (running, _):
        assert await answer(running)
        use = running.service.engines.overview.in_use
        assert use is not None
        assert use.name != "broken"
        assert engine_named(running, "broken").ways() == ()


@only_here
async def test_a_load_that_meets_a_refused_instruction_goes_on_milder(model: Path) -> None:
    """Weights are repacked while they are loaded: a death there is no failed load."""
    async with service_with(r"_ZN4ggml3cpu6repack13tensor_traitsI.*6repackE.*", model) as (running, _):
        loaded = await running.service.load(running.models[0], actor="test")
        assert loaded.state.value == "ready"
        assert await answer(running)


async def test_what_one_client_sends_shuts_nobody_out(model: Path) -> None:
    """A request that kills its host in every way is refused; the next is answered at once."""
    async with running_service([model], RunningService) as running:
        await running.service.load(running.models[0], actor="test")
        killed = 0

        async def kill_each_host() -> None:
            nonlocal killed
            while True:
                snapshot = running.service.snapshot.model(running.models[0])
                if snapshot is not None and snapshot.pid is not None and snapshot.state.value == "busy":
                    os.kill(snapshot.pid, signal.SIGSEGV)
                    killed += 1
                    await running.until(lambda pid=snapshot.pid: pid_now(running) != pid)
                await asyncio.sleep(0.005)

        killer = asyncio.ensure_future(kill_each_host())
        with pytest.raises(CommandError) as refused:
            await answer(running, max_tokens=400)
        killer.cancel()
        assert killed >= 2
        assert "while it answered this request" in str(refused.value)
        assert "damaged" not in str(refused.value)
        assert await answer(running) is not None


@only_here
@pytest.mark.parametrize("end", [signal.SIGSEGV, signal.SIGABRT])
async def test_who_is_computed_beside_a_request_that_ends_every_host_is_answered(
    model: Path, end: signal.Signals
) -> None:
    """However many milder ways there are, a request is blamed for the deaths of its own turn alone."""
    folders = Folders.of_user()
    folders.create()
    for name in ("second", "third"):
        engine = copied(folders.data / "engines" / name, name)
        EngineStore(folders.data).save(engine, RIGHT_BEFORE)
    async with running_service([model], RunningService) as running:
        await running.service.load(running.models[0], actor="test")
        asked = {"prompt": "0 1 2 3 " * 16, "max_tokens": 400}
        request = running.service.ask(running.models[0], "completion", asked, actor="api")
        deadly = asyncio.ensure_future(request.__anext__())
        await running.until(lambda: running.state(running.models[0]) is State.BUSY)
        others = [asyncio.ensure_future(answer(running)) for _ in range(3)]
        killed: set[int] = set()
        while not deadly.done():
            given, life = request._given, running.service._driver.life_of(running.models[0])
            if given is not None and given.has_begun and life is not None and life.pid not in killed:
                killed.add(running.pid(running.models[0]))
                os.kill(running.pid(running.models[0]), end)
            await asyncio.sleep(0.005)
        # llama.cpp that gives up does so with any engine; a crash may be the engine's.
        assert len(killed) >= (4 if end == signal.SIGSEGV else 1)
        with pytest.raises(CommandError):
            await deadly
        assert await asyncio.gather(*others) == [await answer(running)] * 3


async def test_a_client_that_leaves_after_a_crash_changes_nothing_for_others(model: Path) -> None:
    """Whether a milder way would have helped is not known then: the next load takes the engine in use."""
    async with running_service([model], RunningService) as running:
        await running.service.load(running.models[0], actor="test")
        in_use = running.service.engines.overview.in_use
        leaving = asyncio.ensure_future(answer(running, max_tokens=400))
        await running.until(lambda: running.state(running.models[0]) is State.BUSY)
        pid = running.pid(running.models[0])
        os.kill(pid, signal.SIGSEGV)
        await running.until(lambda: pid_now(running) not in (pid, None))
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        await running.until(lambda: running.state(running.models[0]) is not State.BUSY)
        await running.service.unload(running.models[0], actor="test")
        await running.service.load(running.models[0], actor="test")
        life = running.service._driver.life_of(running.models[0])
        assert life is not None
        assert life.host is not None
        assert life.host.engine == in_use


def pid_now(running: RunningService) -> int | None:
    """The process of the model, while it has one."""
    snapshot = running.service.snapshot.model(running.models[0])
    return None if snapshot is None else snapshot.pid


async def test_who_waited_behind_a_crash_is_answered(model: Path) -> None:
    """Requests that had not begun when another killed the host are asked again, without a word."""
    async with running_service([model], RunningService) as running:
        await running.service.load(running.models[0], actor="test")
        long = asyncio.ensure_future(answer(running, max_tokens=400, stream=True))
        waiting = [asyncio.ensure_future(answer(running)) for _ in range(3)]
        await running.until(lambda: running.service.snapshot.model(running.models[0]).state.value == "busy")  # type: ignore[union-attr]
        await asyncio.sleep(0.1)
        os.kill(running.pid(running.models[0]), signal.SIGSEGV)
        assert await asyncio.gather(*waiting) == [await answer(running)] * 3
        long.cancel()
        await asyncio.gather(long, return_exceptions=True)
