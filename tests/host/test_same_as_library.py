"""Saving memory must not change answers: hosts against the library's own `Llama`, at temperature 0."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.service.hosting.hosts import HostStarter
from tests.running_hosts import loaded_host

LIBRARY = """
import ctypes, json, sys
import numpy
from llmmem_gui.host import engine
from llama_cpp import Llama, llama_get_logits_ith
engine.start()
path, prompts, settings, alternatives = json.load(sys.stdin)
model = Llama(path, n_threads=1, n_threads_batch=1, verbose=False, **settings)

def text(token):
    return model.detokenize([token], special=True).decode("utf-8", "replace")

def step(token):
    row = llama_get_logits_ith(model.ctx, -1)
    logits = numpy.ctypeslib.as_array(row, shape=(model.n_vocab(),)).astype(float)
    chances = logits - logits.max() - numpy.log(numpy.exp(logits - logits.max()).sum())
    best = numpy.argsort(-chances)[:alternatives]
    return text(token), {text(int(other)): chances[other] for other in best}

answers = []
for prompt in prompts:
    tokens = model.tokenize(prompt.encode(), special=True)
    chosen = zip(range(16), model.generate(tokens, temp=0.0))
    answers.append([step(token) for _, token in chosen if token != model.token_eos()])
json.dump(answers, sys.stdout)
"""

ALTERNATIVES = 5
NEAR_TIE = 0.5
"""Two tokens whose log-probabilities lie nearer than this may change places by rounding."""


class Step(NamedTuple):
    """A token of an answer, and the log-probabilities of the likeliest in its place."""

    token: str
    chances: dict[str, float]

    def lead_over(self, other: str) -> float:
        """How much likelier the token was than another; without bound for one that was not in sight."""
        return self.chances[self.token] - self.chances.get(other, -math.inf)


Steps = list[Step]

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
"""Flash attention rounds in another way; few tokens are so near after these that it could matter."""


def answers_of_library(path: Path, prompts: list[str], **settings: object) -> list[Steps]:
    """What the library answers, one prompt after the other in one process."""
    given = json.dumps([str(path), prompts, settings, ALTERNATIVES])
    result = subprocess.run(
        [sys.executable, "-c", LIBRARY], input=given, capture_output=True, text=True, check=True
    )
    return [[Step(*step) for step in answer] for answer in json.loads(result.stdout)]


async def answers_of_host(
    starter: HostStarter, path: Path, parameters: LoadParameters, prompts: list[str]
) -> list[Steps]:
    """What one host answers, one prompt after the other."""
    host = await loaded_host(starter, path, parameters)
    answers = []
    for prompt in prompts:
        asked = {"prompt": prompt, "temperature": 0.0, "max_tokens": 16, "logprobs": ALTERNATIVES}
        answered = await host.ask("completion", asked).finished()
        assert answered.payload is not None
        told = answered.payload["choices"][0]["logprobs"]
        answers.append([Step(*each) for each in zip(told["tokens"], told["top_logprobs"], strict=True)])
    return answers


def tie_that_parts(ours: Steps, theirs: Steps) -> float:
    """How far from a tie the first two tokens that differ were, on the side where it is farther; 0: none."""
    for mine, other in zip(ours, theirs, strict=False):
        if mine.token != other.token:
            # After this they answer two different questions.
            return max(mine.lead_over(other.token), other.lead_over(mine.token))
    return 0.0


@pytest.mark.parametrize("model", ["smol_path", "gemma_path"])
async def test_defaults_answer_as_the_librarys_defaults(
    starter: HostStarter, model: str, request: pytest.FixtureRequest
) -> None:
    """Flash attention, one output row and a small sliding-window cache give the library's default answers."""
    path: Path = request.getfixturevalue(model)
    ours = await answers_of_host(starter, path, LoadParameters(context=512), ORDINARY_PROMPTS)
    theirs = answers_of_library(path, ORDINARY_PROMPTS, n_ctx=512)
    assert all(ours)
    for mine, other in zip(ours, theirs, strict=True):
        assert tie_that_parts(mine, other) < NEAR_TIE


async def test_a_small_window_cache_answers_as_a_full_one(starter: HostStarter, gemma_path: Path) -> None:
    """Prompts that share a prefix, extend each other, repeat or diverge, one after the other.

    Where a token differs, both were nearly as likely, on both sides. Weights of 4 bits are multiplied with
    numbers that are rounded to 8, so that any change in the order of a sum (how many tokens a batch has,
    where in the cache a cell lies) changes logits by up to 1.7, two tokens by 0.4 against each other; that
    also happens between two full caches. With weights and cache in 32 bits all these answers are the same
    and logits differ by at most 0.006. One wrong cell more shows: see the next test.
    """
    parameters = LoadParameters(context=2048, batch=128)
    ours = await answers_of_host(starter, gemma_path, parameters, LONG_PROMPTS)
    settings = {"n_ctx": 2048, "n_batch": 128, "n_ubatch": 128, "flash_attn": True, "swa_full": True}
    theirs = answers_of_library(gemma_path, LONG_PROMPTS, **settings)
    for mine, other in zip(ours, theirs, strict=True):
        assert tie_that_parts(mine, other) < NEAR_TIE


async def test_without_care_a_small_window_cache_would_answer_wrongly(gemma_path: Path) -> None:
    """The library itself, with the small cache, gives another answer by far: the prompts do try the care."""
    settings = {"n_ctx": 2048, "n_batch": 128, "n_ubatch": 128, "flash_attn": True}
    full = answers_of_library(gemma_path, LONG_PROMPTS[:2], swa_full=True, **settings)
    small = answers_of_library(gemma_path, LONG_PROMPTS[:2], swa_full=False, **settings)
    assert tie_that_parts(full[0], small[0]) < NEAR_TIE
    assert tie_that_parts(full[1], small[1]) > 4 * NEAR_TIE
