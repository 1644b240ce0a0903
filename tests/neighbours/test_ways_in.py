"""Other programs over HTTP, on the command line, from Python, for Prometheus: in a program that runs."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmmem_gui.service.worker import RequestFailed, WorkerService
from tests.neighbours.plans import cases
from tests.other_programs import MIB, OtherProgram, running, until
from tests.running_program import RunningProgram, running_program

MODEL = "llama3.2:latest"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProgram]:
    """The program, which looks by itself."""
    with running_program(tmp_path_factory.mktemp("ways") / "home", detached=True) as program:
        yield program


@pytest.fixture
def ollama(program: RunningProgram, tmp_path: Path) -> Iterator[OtherProgram]:
    """An Ollama with a model, which the program has seen and measured."""
    with running(tmp_path, cases(tmp_path)["ollama"].plan) as other:

        def measured() -> bool:
            models = entry(program, other).get("models", ())
            return [model["name"] for model in models] == [MODEL] and models[0]["weights_bytes"] > 15 * MIB

        until(measured)
        yield other


def entry(program: RunningProgram, other: OtherProgram) -> dict[str, Any]:
    """What the program tells of another one over HTTP."""
    listed = program.client().request("GET", "/api/v1/neighbours")
    return next((each for each in listed if each["pid"] == other.pid), {})


def test_http(program: RunningProgram, ollama: OtherProgram) -> None:
    """It is listed, its model is unloaded with a receipt, and the event says who asked."""
    told = entry(program, ollama)
    assert (told["program"], told["unloads"], told["answers"]) == ("Ollama", "models", True)
    assert told["models"][0]["can_unload"]
    assert told["models"][0]["claimed_bytes"] == 3_000_000
    client = program.client()
    path = f"/api/v1/neighbours/{told['id']}/unload"
    with pytest.raises(RequestFailed, match="does not hold other") as failed:
        client.request("POST", path, {"model": "other"})
    assert failed.value.status == 404
    receipt = client.request("POST", path, {"model": MODEL})
    assert (receipt["model"], receipt["ended"]) == (MODEL, False)
    assert receipt["given_back_bytes"] > 8 * MIB
    assert entry(program, ollama)["models"] == []
    event = client.request("GET", "/api/v1/events/recent?count=50")[-1]
    assert (event["type"], event["actor"]) == ("neighbour-unloaded", "api")
    assert event["given_back_bytes"] == receipt["given_back_bytes"]
    token = program.token
    assert all(token not in str(asked.headers) for asked in ollama.asked)


def test_the_command_line(program: RunningProgram, ollama: OtherProgram) -> None:
    """`ps --all` lists it below our models, and `free` has it unload."""
    id = entry(program, ollama)["id"]
    told = program.llmmem("ps", "--all").out
    lines = [line.split() for line in told.splitlines()]
    place = next(n for n, line in enumerate(lines) if line[:1] == ["Ollama"] and line[-1] == id)
    assert lines[place + 1][:2] == [MODEL, "idle"]
    assert [
        each["pid"] for each in program.llmmem("ps", "--all", "--json").json["neighbours"] if each["id"] == id
    ]
    assert "neighbours" not in program.llmmem("ps", "--json").json
    freed = program.llmmem("free", id)
    assert freed.code == 0
    assert freed.out.startswith("Ollama unloaded all it held: ")
    assert program.llmmem("free", "ollama-1").code == 1
    assert program.llmmem("free").code == 2


def test_a_process_is_ended_only_when_that_is_said(program: RunningProgram, tmp_path: Path) -> None:
    """Without the word the command says what it would take; with it the process ends."""
    with running(tmp_path, cases(tmp_path)["llama-server"].plan) as other:
        until(lambda: entry(program, other))
        id = entry(program, other)["id"]
        refused = program.llmmem("free", id)
        assert refused.code == 1
        assert f"only the end of its process (llama-server, {other.pid})" in refused.err
        assert other.process.poll() is None
        ended = program.llmmem("free", id, "--end-process")
        assert ended.out.startswith("llama-server has ended: ")
        other.process.wait(60)


def test_python_and_prometheus(
    program: RunningProgram, ollama: OtherProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script sees the same, and so does whoever reads the metrics."""
    monkeypatch.setenv("LLMMEM_HOME", str(program.home))
    with WorkerService() as service:
        (found,) = [each for each in service.get_neighbours() if each.pid == ollama.pid]
        assert found.models[0].name == MODEL
        request = urllib.request.Request(f"{program.url}/metrics")
        request.add_header("Authorization", f"Bearer {program.token}")
        with urllib.request.urlopen(request, timeout=60) as answer:
            lines = answer.read().decode().splitlines()
        values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        assert float(values['llmmem_neighbour_models{program="Ollama"}']) >= 1
        assert float(values['llmmem_neighbour_weights_bytes{program="Ollama"}']) > 15 * MIB
        receipt = service.unload_neighbour(found.id, MODEL)
        assert receipt.given_back_bytes > 8 * MIB
