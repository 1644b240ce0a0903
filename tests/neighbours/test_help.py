"""When memory gets short, programs that a person has named are asked for their idle models before ours go."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from llmmem_gui.core.pressure import Level
from llmmem_gui.core.snapshot import State
from llmmem_gui.service.neighbours import help as help_module
from llmmem_gui.service.neighbours.help import AGAIN_SECONDS, IDLE_SECONDS
from tests.made_up_models import Recipe, write_model
from tests.neighbours.conftest import Looker
from tests.neighbours.plans import cases
from tests.other_programs import MIB, Answer, OtherProgram, running
from tests.service.running_service import RunningService, running_service


def told_to_unload(program: OtherProgram) -> list[str]:
    """What it was told that was no question."""
    return [each.what for each in program.asked if each.what.startswith("POST ")]


async def given(looker: Looker) -> None:
    """Ask for help, and wait until it was given."""
    told = len(looker.offers)
    looker.neighbours.help.give("memory pressure")
    while len(looker.offers) == told:
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("name", ["ollama", "router", "lm-studio", "koboldcpp"])
async def test_a_program_that_is_named_is_asked_once_it_is_idle(
    looker: Looker, tmp_path: Path, name: str
) -> None:
    """By the request that its sources name; the receipt says what came back and on whose behalf."""
    case = cases(tmp_path)[name]
    with running(tmp_path / "bin", case.plan) as program:
        await looker.found(program)
        looker.seconds_ahead = IDLE_SECONDS + 1
        looker.neighbours.help.look()
        await asyncio.sleep(0)
        assert looker.offers == []  # nobody has named it
        looker.may_unload = (case.program.upper(),)
        looker.neighbours.help.look()
        assert looker.offers == [True]
        await given(looker)
        assert told_to_unload(program) == [case.unload]
    assert looker.offers == [True, False]
    assert [(event.type, event.actor) for event in looker.events] == [
        ("neighbour-unloaded", "memory pressure")
    ]


async def test_a_model_that_was_just_used_is_not_offered(looker: Looker, tmp_path: Path) -> None:
    """Whether somebody waits for its next answer nobody knows: a minute has to pass."""
    looker.may_unload = ("Ollama",)
    with running(tmp_path / "bin", cases(tmp_path)["ollama"].plan) as program:
        await looker.found(program)
        looker.neighbours.help.look()
        assert looker.offers == []
        await given(looker)
        assert looker.offers == [False]
        assert told_to_unload(program) == []


async def test_a_process_is_never_ended_for_help(looker: Looker, tmp_path: Path) -> None:
    """A single llama-server gives memory back only by its end, which a person alone may want."""
    looker.may_unload = ("llama-server",)
    with running(tmp_path / "bin", cases(tmp_path)["llama-server"].plan) as program:
        seen = await looker.found(program)
        assert seen.models
        looker.seconds_ahead = 10 * IDLE_SECONDS
        looker.neighbours.help.look()
        await given(looker)
        assert looker.offers == [False]
        assert looker.seen(program) is not None


async def test_what_does_not_unload_is_told_and_left_alone_for_a_while(
    looker: Looker, tmp_path: Path
) -> None:
    """A program that refuses, or loads its model again, is not asked over and over."""
    looker.may_unload = ("Ollama",)
    plan = cases(tmp_path)["ollama"].plan
    refuses = {**plan.answers, "POST /api/generate": Answer(status=500, body={"error": "busy"})}
    with running(tmp_path / "bin", replace(plan, answers=refuses, unloads=())) as program:
        await looker.found(program)
        looker.seconds_ahead = IDLE_SECONDS + 1
        looker.neighbours.help.look()
        await given(looker)
        assert looker.offers == [True, False]
        (note,) = looker.events
        assert note.type == "note"
        assert "Ollama does not unload" in str(note.text)
        await looker.look()
        looker.neighbours.help.look()
        assert looker.offers == [True, False]
        looker.seconds_ahead += AGAIN_SECONDS
        await looker.look()
        looker.neighbours.help.look()
        assert looker.offers == [True, False, True]


async def test_an_own_model_stays_while_theirs_helps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole way: pressure, the request to the program, and then, when it goes on, a model of ours."""
    monkeypatch.setattr(help_module, "IDLE_SECONDS", 0.0)
    model = write_model(
        tmp_path / "own.gguf", Recipe(layers=2, embedding=64, feed_forward=64, vocabulary=400)
    )
    with running(tmp_path / "bin", cases(tmp_path)["ollama"].plan) as program:
        async with running_service([model], RunningService) as running_:
            service, own = running_.service, running_.models[0]
            await service.change_settings(
                {"neighbours.may_unload": ["Ollama"], "limits.may_doze": False}, actor="cli"
            )
            await running_.text(own, max_tokens=1)
            await running_.until(lambda: service.neighbours.help._offered)
            service.simulate_pressure(Level.CRITICAL, act=True)
            await running_.until(lambda: running_.events("neighbour-unloaded"))
            assert running_.state(own) is State.READY
            (unloaded,) = running_.events("neighbour-unloaded")
            assert unloaded.actor == "memory pressure"
            assert unloaded.numbers["weights_bytes"] >= 16 * MIB
            assert told_to_unload(program) == ["POST /api/generate"]
            await running_.until(lambda: running_.events("model-unloaded"))
