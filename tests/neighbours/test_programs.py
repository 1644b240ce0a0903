"""Each program is recognised, asked and told to unload as its sources say, and its memory is measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llmmem_gui.service.command_error import CommandError
from tests.neighbours.conftest import Looker
from tests.neighbours.plans import Case, cases
from tests.other_programs import MIB, pss, running

NAMES = (
    "ollama", "llama-server", "router", "jan", "lm-studio", "llama-swap", "lemonade", "docker", "vllm",
    "local-ai", "koboldcpp", "text-generation-webui", "comfyui",
)  # fmt: skip


@pytest.fixture
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    """The program with that name."""
    return cases(tmp_path)[request.param]


def test_there_is_a_case_for_each(tmp_path: Path) -> None:
    """No program is left out."""
    assert set(cases(tmp_path)) == set(NAMES)


@pytest.mark.parametrize("case", NAMES, indirect=True)
async def test_a_program_is_seen_with_what_it_holds(case: Case, looker: Looker, tmp_path: Path) -> None:
    """Its name, its model, its claim and state, and as many bytes as its processes really hold."""
    with running(tmp_path / "bin", case.plan) as program:
        seen = await looker.found(program)
        holders = [program.pid, *(child.pid for child in program.children())]
        measured = sum(map(pss, holders))
    assert seen.program == case.program
    assert seen.answers
    assert [model.name for model in seen.models] == [case.model]
    model = seen.models[0]
    assert model.claimed_bytes == case.claimed
    assert model.doing == case.doing
    assert (model.idle_since is None) == (model.doing != "idle")
    assert seen.held.private_bytes >= 8 * MIB
    assert seen.held.resident_bytes == pytest.approx(measured, rel=0.05)
    if any("--model" in each.command for each in (case.plan, *case.plan.runners)):
        assert model.held is not None
        assert model.held.weights_bytes >= 16 * MIB
        assert model.file is not None


@pytest.mark.parametrize("case", [name for name in NAMES if name != "jan"], indirect=True)
async def test_a_program_is_told_to_unload(case: Case, looker: Looker, tmp_path: Path) -> None:
    """It gets the one request that its sources name; the receipt says what its processes hold no longer."""
    with running(tmp_path / "bin", case.plan) as program:
        seen = await looker.found(program)
        if not case.unload:
            with pytest.raises(CommandError, match="only the end of its process"):
                await looker.neighbours.unload(seen.id, actor="window")
            return
        model = None if case.all_at_once else case.model
        receipt = await looker.neighbours.unload(seen.id, model, actor="window")
        told = [each for each in program.asked if each.what.startswith("POST ")]
        assert [(each.what, json.loads(each.body)) for each in told] == [(case.unload, case.body)]
        after = looker.seen(program)
    assert after is not None
    assert not [model for model in after.models if model.doing != "asleep"]
    assert not receipt.ended
    if case.plan.runners:
        assert receipt.given_back_bytes >= 8 * MIB
        assert receipt.weights_bytes >= 16 * MIB
    assert [event.type for event in looker.events] == ["neighbour-unloaded"]
    assert looker.events[0].numbers["given_back_bytes"] == receipt.given_back_bytes


async def test_a_key_of_a_program_is_shown_to_it_alone(looker: Looker, tmp_path: Path) -> None:
    """A router that wants a key gets the one it was started with; one that was started with none, none."""
    made = cases(tmp_path)
    with (
        running(tmp_path / "a", made["router"].plan) as router,
        running(tmp_path / "b", made["ollama"].plan) as ollama,
    ):
        await looker.look()
        assert {each.headers.get("Authorization") for each in router.asked} == {"Bearer their-own"}
        assert {each.headers.get("Authorization") for each in ollama.asked} == {None}
        for each in (*router.asked, *ollama.asked):
            assert set(each.headers) <= {"Host", "User-Agent", "Accept", "Connection", "Authorization"}


async def test_a_model_is_called_as_the_library_calls_its_file(looker: Looker, tmp_path: Path) -> None:
    """A runner whose program says nothing has a name all the same: that of its file's owner."""
    plan = cases(tmp_path)["ollama"].plan
    blob = tmp_path / "blobs" / "sha256-6a0746a1ec1a"
    looker.names = {(blob.stat().st_dev, blob.stat().st_ino): "llama3.2"}
    silent = type(plan)(plan.command, runners=plan.runners, listens=False)
    with running(tmp_path / "bin", silent) as program:
        seen = await looker.found(program)
    assert not seen.answers
    assert [model.name for model in seen.models] == ["llama3.2"]
    assert seen.models[0].held is not None
    assert seen.models[0].held.weights_bytes >= 16 * MIB
