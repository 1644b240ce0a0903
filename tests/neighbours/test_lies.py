"""A program that lies, hangs or sends nonsense is shown as measured; strangers are left alone."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from llmmem_gui.core.events import Event
from llmmem_gui.service.command_error import CommandError
from llmmem_gui.service.neighbours.door import LARGEST_ANSWER
from llmmem_gui.service.neighbours.finding import Finder, Found
from llmmem_gui.service.neighbours.neighbours import Neighbours
from llmmem_gui.service.supervision import FAILURES_IN_A_ROW, Supervisor
from tests.neighbours.conftest import Looker
from tests.neighbours.plans import cases
from tests.other_programs import MIB, Answer, Plan, running

PS = "GET /api/ps"

BAD_ANSWERS: Mapping[str, Any] = {
    "no JSON": Answer(raw="<html>it works</html>"),
    "nothing": Answer(raw=""),
    "a list": [],
    "a wrong type": {"models": [{"name": 3}]},
    "less than nothing": {"models": [{"name": "tiny", "size": -1}]},
    "more than there is": {"models": [{"name": "tiny", "size": 2**80}]},
    "too long": Answer(raw="[" + " " * LARGEST_ANSWER + "]"),
    "too deep": Answer(raw="[" * 100_000),
    "an error": Answer(status=500, body={"models": []}),
    "not allowed": Answer(status=401, body={"error": "unauthorized"}),
    "too slow": Answer(body={"models": [{"name": "tiny"}]}, delay=3),
}


@pytest.mark.parametrize("answer", BAD_ANSWERS.values(), ids=BAD_ANSWERS)
async def test_what_is_no_answer_is_not_believed(answer: Any, looker: Looker, tmp_path: Path) -> None:
    """The program is shown all the same, with its model's file and measured bytes."""
    plan = cases(tmp_path)["ollama"].plan
    with running(tmp_path / "bin", Plan(plan.command, {PS: answer}, runners=plan.runners)) as program:
        seen = await looker.found(program)
    assert not seen.answers
    assert seen.unloads == "ends"
    assert [model.name for model in seen.models] == ["sha256-6a0746a1ec1a"]
    assert seen.held.weights_bytes >= 16 * MIB


async def test_an_answer_is_not_followed_elsewhere(looker: Looker, tmp_path: Path) -> None:
    """A redirect leads to no request: neither to another program, nor to the same one."""
    plan = cases(tmp_path)["ollama"].plan
    with running(tmp_path / "shop", Plan(("webshop",))) as shop:
        away = Answer(status=302, headers={"Location": f"http://127.0.0.1:{shop.port}/api/ps"}, raw="")
        with running(tmp_path / "bin", Plan(plan.command, {PS: away}, runners=plan.runners)) as program:
            seen = await looker.found(program)
            assert {each.what for each in program.asked} == {PS}
        assert shop.asked == []
    assert not seen.answers


async def test_a_name_cannot_do_harm(looker: Looker, tmp_path: Path) -> None:
    """What is shown of a name is printable and short, and no flood of models is listed."""
    models = [{"name": "evil\x1b[2J\n" + "x" * 1000}, *({"name": f"m{n}"} for n in range(5000))]
    with running(tmp_path, Plan(("ollama", "serve"), {PS: {"models": models}})) as program:
        seen = await looker.found(program)
    assert len(seen.models) <= 64
    assert all(model.name.isprintable() and len(model.name) <= 120 for model in seen.models)


async def test_a_stranger_on_a_known_port_is_left_alone(looker: Looker, tmp_path: Path) -> None:
    """Who listens on 11434 without being Ollama is asked nothing, though an Ollama runs that does not."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", 11434)) == 0:
            pytest.skip("something listens on port 11434 here")
    shop = Plan(("webshop", "--port", "11434"), {PS: {"models": [{"name": "bait"}]}})
    with running(tmp_path / "shop", shop) as stranger:
        with running(tmp_path / "bin", Plan(("ollama", "serve"), listens=False)) as program:
            seen = await looker.found(program)
        assert stranger.asked == []
        assert looker.seen(stranger) is None
    assert seen.models == ()


async def test_one_lost_answer_is_forgiven(looker: Looker, tmp_path: Path) -> None:
    """What a program said stays for a moment when it is too busy to answer, and no longer."""
    plan = cases(tmp_path)["ollama"].plan
    slow = Plan(
        plan.command,
        plan.answers,
        unloads=["POST /api/generate"],
        after={PS: Answer(status=503, body={})},
        runners=plan.runners,
    )
    with running(tmp_path / "bin", slow) as program:
        seen = await looker.found(program)
        assert seen.answers
        # It ends its runner, and answers no longer.
        receipt = await looker.neighbours.unload(seen.id, actor="window")
        assert receipt.given_back_bytes >= 8 * MIB
        seen = await looker.found(program, times=3)
    assert not seen.answers


async def test_what_a_program_refuses_is_said(looker: Looker, tmp_path: Path) -> None:
    """An unload that a program does not do is an error with its reason, and no receipt."""
    plan = cases(tmp_path)["ollama"].plan
    answers = {**plan.answers, "POST /api/generate": Answer(status=403, body={"error": "no"})}
    with running(tmp_path / "bin", Plan(plan.command, answers, runners=plan.runners)) as program:
        seen = await looker.found(program)
        with pytest.raises(CommandError, match=r"Ollama does not unload.*status 403") as failed:
            await looker.neighbours.unload(seen.id, "llama3.2:latest", actor="cli")
        with pytest.raises(CommandError, match="does not hold other"):
            await looker.neighbours.unload(seen.id, "other", actor="cli")
    assert failed.value.code == "neighbour failed"
    assert looker.events == []


async def test_nobody_is_unloaded_that_is_not_there(looker: Looker) -> None:
    """An id that no program has is an error."""
    with pytest.raises(CommandError, match="No other program that holds models is called ollama-1"):
        await looker.neighbours.unload("ollama-1", actor="cli")


async def test_whoever_looks_at_the_list_learns_that_nobody_looks_for_programs_any_more() -> None:
    """A fault that comes again and again ends the looking, not the program, and is told once."""

    class Broken(Finder):
        def look(self, *_: object) -> list[Found]:
            raise OSError("no /proc")

    async def no_pause(_: float) -> None:
        await asyncio.sleep(0)

    events: list[Event] = []
    tasks = Supervisor(sleep=no_pause)
    neighbours = Neighbours(own=lambda: (), publish=events.append, finder=Broken(), tasks=tasks)
    neighbours.start()
    try:
        await tasks.drain()
    finally:
        await neighbours.close()
    assert tasks.failures == {"looking at other programs": FAILURES_IN_A_ROW}
    (told,) = events
    assert told.type == "note"
    assert "not shown any more" in str(told.text)
