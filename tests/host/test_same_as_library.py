"""Saving memory must not change answers: hosts against the library's own `Llama`, at temperature 0."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.service.hosting.hosts import HostStarter
from tests.running_hosts import complete, loaded_host

LIBRARY = """
import json, sys
from llama_cpp import Llama
path, prompts, settings = json.load(sys.stdin)
model = Llama(path, n_threads=1, n_threads_batch=1, verbose=False, **settings)
answers = [
    model.create_completion(prompt, max_tokens=16, temperature=0.0)["choices"][0]["text"]
    for prompt in prompts
]
json.dump(answers, sys.stdout)
"""

STORY = " ".join(
    f"In year {year} the town of Aldenburg counted {year * 7 % 311} houses and {year * 13 % 97} bridges."
    for year in range(1500, 1550)
)
"""About 1,180 tokens: twice gemma's window, and more than the window's cache holds at a batch of 128."""

LONG_PROMPTS = [
    STORY + " The last year was",
    # Shares its beginning, which has slid out of the window, with the last prompt.
    STORY[:400] + " After that, the mayor of Aldenburg",
    # Extends the last prompt.
    STORY[:400] + " After that, the mayor of Aldenburg said that the",
    # Shares nothing, and is longer than the window.
    "The history of bridges begins early. " + STORY[::-1][:1200],
    # The same again, which needs no computing.
    "The history of bridges begins early. " + STORY[::-1][:1200],
    "The capital of France is",
]

ORDINARY_PROMPTS = [
    "The capital of France is",
    "The capital of France is Paris. The capital of Italy is",
    "1, 2, 3, 4, 5, 6,",
]
"""Flash attention rounds in another way; no two tokens are so near after these that it would matter."""


def answers_of_library(path: Path, prompts: list[str], **settings: object) -> list[str]:
    """What the library answers, one prompt after the other in one process."""
    given = json.dumps([str(path), prompts, settings])
    result = subprocess.run(
        [sys.executable, "-c", LIBRARY], input=given, capture_output=True, text=True, check=True, timeout=100
    )
    answers: list[str] = json.loads(result.stdout)
    return answers


async def answers_of_host(
    starter: HostStarter, path: Path, parameters: LoadParameters, prompts: list[str]
) -> list[str]:
    """What one host answers, one prompt after the other."""
    host = await loaded_host(starter, path, parameters)
    return [await complete(host, prompt, max_tokens=16) for prompt in prompts]


@pytest.mark.parametrize("model", ["smol_path", "gemma_path"])
async def test_defaults_answer_as_the_librarys_defaults(
    starter: HostStarter, model: str, request: pytest.FixtureRequest
) -> None:
    """Flash attention, one output row and a small sliding-window cache give the library's default answers."""
    path: Path = request.getfixturevalue(model)
    ours = await answers_of_host(starter, path, LoadParameters(context=512), ORDINARY_PROMPTS)
    assert ours == answers_of_library(path, ORDINARY_PROMPTS, n_ctx=512)
    assert all(ours)


async def test_a_small_window_cache_answers_as_a_full_one(starter: HostStarter, gemma_path: Path) -> None:
    """Prompts that share a prefix, extend each other, repeat or diverge, one after the other.

    With the same arithmetic as the library (flash attention, batches of 128) every token is the same.
    """
    parameters = LoadParameters(context=2048, batch=128)
    ours = await answers_of_host(starter, gemma_path, parameters, LONG_PROMPTS)
    settings = {"n_ctx": 2048, "n_batch": 128, "n_ubatch": 128, "flash_attn": True, "swa_full": True}
    assert ours == answers_of_library(gemma_path, LONG_PROMPTS, **settings)


async def test_without_care_a_small_window_cache_would_answer_wrongly(gemma_path: Path) -> None:
    """The library itself, with the small cache, gives another answer: the prompts do try the care."""
    settings = {"n_ctx": 2048, "n_batch": 128, "n_ubatch": 128, "flash_attn": True}
    full = answers_of_library(gemma_path, LONG_PROMPTS[:2], swa_full=True, **settings)
    small = answers_of_library(gemma_path, LONG_PROMPTS[:2], swa_full=False, **settings)
    assert full[0] == small[0]
    assert full[1] != small[1]
