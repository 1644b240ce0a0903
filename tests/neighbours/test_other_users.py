"""Programs of other users: an Ollama that the system runs, seen by somebody who may not look into it."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from random import randint
from typing import Any

import pytest

from tests.neighbours.plans import cases
from tests.other_programs import MIB, OtherProgram, Plan, running

PROJECT = Path(__file__).resolve().parent.parent.parent
SERVICE, STRANGER, SOMEBODY = 65531, 65532, 65533
"""Who the program runs as, who else has a program, and who looks."""

pytestmark = pytest.mark.skipif(
    not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can start programs as other users"
)


@pytest.fixture
def ollamas_place() -> tuple[str, int]:
    """The port that Ollama has unless it is told otherwise, at a loopback address of this test alone."""
    place = f"127.{randint(1, 254)}.{randint(1, 254)}.{randint(1, 254)}", 11434
    with socket.socket() as probe:
        try:
            probe.bind(place)
        except OSError:
            pytest.skip("something listens on port 11434 of any address here")
    return place


def free_port() -> int:
    """A port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def of(plan: Plan, user: int, port: int | None = None) -> Plan:
    """The same program, and what it starts, run by another user; with a port on its command line."""
    told = ("--port", str(port)) if port is not None else ()
    runners = [of(runner, user) for runner in plan.runners]
    return replace(plan, user=user, command=(*plan.command, *told), runners=runners)


def seen_by_somebody(program: OtherProgram, action: str = "look") -> dict[str, Any]:
    """What a third user sees of the program, and what comes of unloading or ending it."""
    command = [sys.executable, "-m", "tests.neighbours.another_user", str(SOMEBODY), str(program.pid), action]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def status(pid: int, *fields: str) -> int:
    """The sum of some fields of what the kernel tells everybody of a process, in bytes."""
    content = Path(f"/proc/{pid}/status").read_text()
    return 1024 * sum(int(value) for value in re.findall(rf"^(?:{'|'.join(fields)}):\s+(\d+)", content, re.M))


def test_a_service_is_seen_and_told_to_unload(tmp_path: Path, ollamas_place: tuple[str, int]) -> None:
    """It is asked on its usual port, measured by what is told to everybody, and unloads over its API."""
    plan = cases(tmp_path)["ollama"].plan
    host, port = ollamas_place
    with running(tmp_path / "bin", replace(of(plan, SERVICE), host=host, port=port)) as program:
        processes = [program.pid, *(child.pid for child in program.children())]
        private = sum(status(pid, "RssAnon", "RssShmem", "VmSwap") for pid in processes)
        files = sum(status(pid, "RssFile") for pid in processes)
        told = seen_by_somebody(program, "unload")
        asked = [each.what for each in program.asked]
    seen, receipt = told["seen"], told["receipt"]
    assert (seen["program"], seen["answers"], seen["unloads"]) == ("Ollama", True, "models")
    assert [model["name"] for model in seen["models"]] == ["llama3.2:latest"]
    assert seen["held"]["private_bytes"] == pytest.approx(private, rel=0.05)
    assert seen["held"]["weights_bytes"] == pytest.approx(files, rel=0.05)
    assert seen["models"][0]["held"]["weights_bytes"] >= 16 * MIB
    assert "POST /api/generate" in asked
    assert receipt["given_back_bytes"] >= 8 * MIB
    assert receipt["weights_bytes"] >= 16 * MIB


def test_a_port_on_the_command_line_takes_the_place_of_the_usual_one(tmp_path: Path) -> None:
    """A server that was told its port is asked there."""
    plan = of(cases(tmp_path)["llama-server"].plan, SERVICE, free_port())
    with running(tmp_path / "bin", plan) as program:
        seen = seen_by_somebody(program)["seen"]
    assert seen["answers"]
    assert [model["name"] for model in seen["models"]] == ["tiny"]


def test_no_other_port_of_its_user_is_asked(tmp_path: Path) -> None:
    """What listens on a port that the program does not name may be anything: it is only measured."""
    with running(tmp_path / "bin", of(cases(tmp_path)["ollama"].plan, SERVICE)) as program:
        seen = seen_by_somebody(program)["seen"]
        assert program.asked == []
    assert not seen["answers"]
    assert [model["name"] for model in seen["models"]] == ["sha256-6a0746a1ec1a"]
    assert seen["held"]["weights_bytes"] >= 16 * MIB


@pytest.mark.parametrize("user", [STRANGER, SOMEBODY])
def test_nobody_else_is_asked_on_its_port(user: int, tmp_path: Path) -> None:
    """A program of yet another user, or of the one who looks, that has taken its port is asked nothing."""
    plan = cases(tmp_path)["llama-server"].plan
    port = free_port()
    bait = Plan(("webshop",), plan.answers, user=user, port=port)
    with running(tmp_path / "shop", bait) as shop:
        silent = replace(of(plan, SERVICE, port), listens=False)
        with running(tmp_path / "bin", silent) as program:
            seen = seen_by_somebody(program)["seen"]
        assert shop.asked == []
    assert not seen["answers"]


def test_its_process_is_not_ours_to_end(tmp_path: Path) -> None:
    """It is not offered, and whoever asks for it all the same is told why not."""
    plan = of(cases(tmp_path)["llama-server"].plan, SERVICE, free_port())
    with running(tmp_path / "bin", plan) as program:
        told = seen_by_somebody(program, "end")
        assert program.process.poll() is None
    assert told["seen"]["unloads"] == "never"
    assert told["error"] == (
        f"llama-server belongs to another user: its process (llama-server, {program.pid}) "
        "can only be ended by that user or by an administrator."
    )


def test_a_relative_path_leads_nowhere(tmp_path: Path) -> None:
    """Nobody else knows the folder of a process: no file beside whoever looks is taken for its model."""
    plan = Plan(("llama-server", "--model", "README.md", "--hold", "8"), user=SERVICE)
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "README.md").write_bytes(bytes(MIB))
    with running(folder, plan) as program:
        (model,) = seen_by_somebody(program)["seen"]["models"]
    assert (PROJECT / "README.md").exists()
    assert (model["name"], model["file"]) == ("README.md", None)
