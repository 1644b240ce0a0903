"""Filling a gap between two texts, in the forms of three servers, by a model that has tokens for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.test_ways_of_asking import ask, send
from tests.gguf_writer import write_gguf
from tests.made_up_models import Recipe, model_metadata, model_tensors
from tests.running_program import RunningProgram

RECIPE = Recipe(
    architecture="qwen2",
    layers=2,
    embedding=64,
    feed_forward=64,
    heads=2,
    kv_heads=1,
    head_size=32,
    vocabulary=600,
)
TOKENS = {f"tokenizer.ggml.fim_{name}_token_id": 501 + n for n, name in enumerate(("pre", "suf", "mid"))}
BEFORE, AFTER = "def add(a, b):\n    return ", "\n\nadd(1, 2)\n"
FEW: dict[str, Any] = {"max_tokens": 5, "temperature": 0}


@pytest.fixture
def filler(program: RunningProgram, tmp_path: Path) -> Iterator[str]:
    """Id of a made-up model that was made to fill gaps."""
    path = write_gguf(tmp_path / "filler.gguf", {**model_metadata(RECIPE), **TOKENS}, model_tensors(RECIPE))
    yield program.client().model_id(str(path))
    program.client().request("POST", "/api/v1/unload")


def asked(program: RunningProgram, path: str, body: dict[str, Any]) -> Any:
    """The body of an answer that must come."""
    status, told = ask(program, "POST", path, body)
    assert status == 200, told
    return told


def events(program: RunningProgram, path: str, body: dict[str, Any]) -> list[Any]:
    """The events of a stream but for the mark of its end."""
    lines = send(program, "POST", path, {**body, "stream": True}).body.decode().splitlines()
    texts = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    assert texts.pop() == "[DONE]"
    return [json.loads(text) for text in texts]


def test_three_ways_to_fill_one_gap(program: RunningProgram, filler: str) -> None:
    """OpenAI's, Mistral's and llama-server's requests make the same prompt and get the same text."""
    openai = {"model": filler, "prompt": BEFORE, "suffix": AFTER, **FEW}
    text = asked(program, "/v1/completions", openai)
    first = text["choices"][0]["text"]
    alone = asked(program, "/v1/completions", {**openai, "suffix": None, "prompt": [BEFORE, AFTER]})
    assert text["usage"]["prompt_tokens"] == alone["usage"]["prompt_tokens"] + len(TOKENS)

    mistral = asked(program, "/v1/fim/completions", openai)
    assert mistral["choices"][0]["message"]["content"] == first
    pieces = events(program, "/v1/fim/completions", openai)
    assert "".join(each["choices"][0]["delta"]["content"] for each in pieces) == first

    few = {"model": filler, "n_predict": 5, "temperature": 0}
    infill = {**few, "input_prefix": BEFORE, "input_suffix": AFTER}
    filled = asked(program, "/infill", infill)
    assert (filled["content"], filled["stop"], filled["stop_type"]) == (first, True, "limit")
    assert (filled["tokens_predicted"], filled["tokens_evaluated"]) == (5, text["usage"]["prompt_tokens"])
    parts = events(program, "/infill", infill)
    assert "".join(each["content"] for each in parts) == first
    assert [each["stop"] for each in parts] == [False] * (len(parts) - 1) + [True]


def test_what_stands_before_the_gap_may_come_in_parts(program: RunningProgram, filler: str) -> None:
    """The beginning of the line belongs to it, and other files stand in front."""
    line = "    return "
    parts = {"input_prefix": BEFORE.removesuffix(line), "prompt": line, "input_suffix": AFTER}
    whole = {"input_prefix": BEFORE, "input_suffix": AFTER}
    few = {"model": filler, "n_predict": 5, "temperature": 0}
    one = asked(program, "/infill", {**few, **whole})
    assert asked(program, "/infill", {**few, **parts})["content"] == one["content"]
    other = {"input_extra": [{"filename": "a.py", "text": "import os\n"}]}
    more = asked(program, "/infill", {**few, **whole, **other})
    assert more["tokens_evaluated"] > one["tokens_evaluated"]


def test_a_gap_is_between_texts(program: RunningProgram, filler: str) -> None:
    """Token numbers and a suffix do not go together, and that is said."""
    body = {"model": filler, "prompt": [300, 301], "suffix": AFTER, **FEW}
    status, told = ask(program, "POST", "/v1/completions", body)
    assert (status, told["error"]["param"]) == (400, "suffix")
