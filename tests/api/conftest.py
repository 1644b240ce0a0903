"""One running program for all tests of its API, with both real models in its library."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from tests.running_program import RunningProgram, running_program


@pytest.fixture(scope="package")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProgram]:
    """The program, with nothing loaded at first."""
    with running_program(tmp_path_factory.mktemp("api") / "home", detached=True) as program:
        yield program


@pytest.fixture
def smol(program: RunningProgram, smol_path: Path) -> Iterator[str]:
    """Id of SmolLM2-135M-Instruct in the program's library; unloaded after the test."""
    yield program.client().model_id(str(smol_path))
    program.client().request("POST", "/api/v1/unload")


@pytest.fixture
def gemma(program: RunningProgram, gemma_path: Path) -> Iterator[str]:
    """Id of Gemma 3 270M in the program's library; unloaded after the test."""
    yield program.client().model_id(str(gemma_path))
    program.client().request("POST", "/api/v1/unload")


@pytest.fixture
def client(program: RunningProgram) -> Iterator[openai.OpenAI]:
    """The official client, unchanged, told only where and with which key."""
    with openai.OpenAI(base_url=f"{program.url}/v1", api_key=program.token, max_retries=0) as client:
        yield client
