"""`llm`, a public command line for language models, unchanged, against `llmmem serve`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running_program import RunningProgram


@pytest.fixture
def llm_home(program: RunningProgram, smol: str, tmp_path: Path) -> Path:
    """A home of `llm` that knows the program as one more OpenAI-compatible server."""
    model = {
        "model_id": "local",
        "model_name": smol,
        "api_base": f"{program.url}/v1",
        "api_key_name": "llmmem",
        "supports_schema": True,
    }
    # YAML reads JSON.
    (tmp_path / "extra-openai-models.yaml").write_text(json.dumps([model]))
    (tmp_path / "keys.json").write_text(json.dumps({"llmmem": program.token}))
    return tmp_path


def llm(home: Path, *arguments: str) -> str:
    """What `llm` writes for these arguments."""
    ended = subprocess.run(
        [sys.executable, "-m", "llm", *arguments],
        env={**os.environ, "LLM_USER_PATH": str(home)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_a_prompt_is_answered(llm_home: Path) -> None:
    """Streamed and whole, `llm` shows the same answer."""
    prompt = ("prompt", "-m", "local", "-n", "Say hello.", "-o", "temperature", "0", "-o", "max_tokens", "8")
    streamed, whole = llm(llm_home, *prompt), llm(llm_home, *prompt, "--no-stream")
    assert streamed.strip()
    assert streamed == whole


def test_a_schema_is_kept(llm_home: Path) -> None:
    """A schema given to `llm` holds the answer to its form."""
    properties = {"sunny": {"type": "boolean"}}
    schema = json.dumps(
        {
            "type": "object",
            "properties": properties,
            "required": ["sunny"],
            "additionalProperties": False,  # else it may go on until it is cut off
        }
    )
    written = llm(
        llm_home, "prompt", "-m", "local", "-n", "Is it sunny?", "--schema", schema, "-o", "max_tokens", "30"
    )
    assert json.loads(written)["sunny"] in (True, False)
