"""Public clients, unchanged and in an environment of their own, do what they do with any server."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running_program import RunningProgram

CLIENTS = Path(__file__).with_name("clients")
ENVIRONMENTS = Path(__file__).parents[2] / "build" / "clients"
INSTALL_SECONDS = 600


@pytest.fixture(scope="module")
def python() -> Path:
    """The Python of an environment with the clients; made once for each list of them."""
    requirements = CLIENTS / "requirements.txt"
    folder = ENVIRONMENTS / hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    python, done = folder / "bin" / "python", folder / "done"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True, timeout=120)
        install = [python, "-m", "pip", "install", "--quiet", "--requirement", requirements]
        try:
            ended = subprocess.run(
                install, check=False, timeout=INSTALL_SECONDS, capture_output=True, text=True
            )
        except subprocess.TimeoutExpired:
            pytest.skip(f"the clients were not installed within {INSTALL_SECONDS} s")
        # What contradicts itself is a fault of the list; what cannot be reached is not.
        assert "ResolutionImpossible" not in ended.stderr, ended.stderr
        if ended.returncode != 0:
            pytest.skip(f"the clients cannot be fetched here: {ended.stderr[-300:]}")
        done.touch()
    return python


@pytest.mark.timeout(1500)
def test_clients_do_what_they_do_elsewhere(program: RunningProgram, smol: str, python: Path) -> None:
    """Chats, streams, tools, structures, embeddings; and they understand why something is refused."""
    command = [python, CLIENTS / "flows.py", f"{program.url}/v1", program.token, smol]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert ended.returncode == 0, ended.stderr
    outcomes = json.loads(ended.stdout.splitlines()[-1])
    assert len(outcomes) >= 17
    assert {name: outcome for name, outcome in outcomes.items() if outcome != "ok"} == {}
