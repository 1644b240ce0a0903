"""Probabilities of tokens, kept from one row of logits, against the library's own with all rows in memory."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy
import psutil
import pytest

from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.host.probabilities import TokenProbabilities
from llmmem_gui.service.hosting.hosts import HostStarter
from tests.running_hosts import loaded_host

PROMPT = "The three primary colours are"

LIBRARY = """
import json, sys
from llmmem_gui.host import engine
from llama_cpp import Llama
engine.start()
path, prompt = json.load(sys.stdin)
settings = {"n_ctx": 512, "n_threads": 1, "n_threads_batch": 1, "flash_attn": True}
model = Llama(path, logits_all=True, verbose=False, **settings)
answer = model.create_completion(prompt, max_tokens=12, temperature=0.0, logprobs=3)
json.dump(answer["choices"][0], sys.stdout, default=float)
"""

PIECES = {1: b"a", 2: b"b", 3: "ç".encode()[:1], 4: "ç".encode()[1:], 5: b"stop"}


def taken_down(tokens: list[int], alternatives: int = 2) -> TokenProbabilities:
    """Those of an answer of these tokens, all chosen from the same logits."""
    probabilities = TokenProbabilities(alternatives, lambda token: PIECES.get(token, b"?"))
    logits = numpy.log(numpy.array([0.0625, 0.5, 0.25, 0.0625, 0.0625, 0.0625], dtype=numpy.single)) + 7
    for token in tokens:
        probabilities.add(token, logits)
    return probabilities


def completion(text: str) -> dict[str, Any]:
    """What the library gives for a completion, or a chunk of one."""
    return {"choices": [{"text": text, "index": 0, "logprobs": None, "finish_reason": None}]}


def told_by_library(script: str, path: Path, prompt: str) -> Any:
    """What a script that computes with the library alone says of a prompt."""
    result = subprocess.run(
        [sys.executable, "-c", script],
        input=json.dumps([str(path), prompt]),
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    return json.loads(result.stdout)


@pytest.mark.parametrize("model", ["smol_path", "gemma_path"])
async def test_they_are_the_librarys(
    starter: HostStarter, model: str, request: pytest.FixtureRequest
) -> None:
    """Tokens, offsets, probabilities and the likeliest others are what the library computes from all rows."""
    path: Path = request.getfixturevalue(model)
    host = await loaded_host(starter, path, LoadParameters(context=512))
    arguments = {"prompt": PROMPT, "max_tokens": 12, "temperature": 0.0, "logprobs": 3}
    answered = await host.ask("completion", arguments).finished()
    assert answered.payload is not None
    ours = answered.payload["choices"][0]
    theirs = told_by_library(LIBRARY, path, PROMPT)
    assert ours["text"] == theirs["text"]
    assert ours["logprobs"]["tokens"] == theirs["logprobs"]["tokens"]
    assert ours["logprobs"]["text_offset"] == theirs["logprobs"]["text_offset"]
    assert ours["logprobs"]["token_logprobs"] == pytest.approx(theirs["logprobs"]["token_logprobs"], abs=1e-3)
    for mine, other in zip(ours["logprobs"]["top_logprobs"], theirs["logprobs"]["top_logprobs"], strict=True):
        assert mine == pytest.approx(other, abs=1e-3)


async def test_a_streamed_answer_has_the_same(starter: HostStarter, smol_path: Path) -> None:
    """The chunks of a chat, put together, hold the probabilities of the whole answer, and cost no memory."""
    host = await loaded_host(starter, smol_path)
    arguments = {
        "messages": [{"role": "user", "content": "Name three colours."}],
        "max_tokens": 10,
        "temperature": 0.0,
        "logprobs": True,
        "top_logprobs": 2,
    }
    whole = await host.ask("chat", arguments).finished()
    assert whole.payload is not None
    choice = whole.payload["choices"][0]
    entries = choice["logprobs"]["content"]
    assert "".join(entry["token"] for entry in entries) == choice["message"]["content"]
    assert all(bytes(entry["bytes"]).decode() == entry["token"] for entry in entries)
    assert all(entry["logprob"] == entry["top_logprobs"][0]["logprob"] for entry in entries)
    assert all(len(entry["top_logprobs"]) == 2 for entry in entries)

    answer = host.ask("chat", {**arguments, "stream": True})
    choices = [chunk["choices"][0] async for chunk in answer]
    await answer.finished()
    streamed = [entry for each in choices if each["logprobs"] for entry in each["logprobs"]["content"]]
    assert streamed == entries
    for each in choices:
        text = "".join(entry["token"] for entry in (each["logprobs"] or {"content": []})["content"])
        assert text == each["delta"].get("content", "")


LIBRARYS_PROMPT = """
import json, sys
import numpy
from llmmem_gui.host import engine
from llama_cpp import Llama
engine.start()
path, prompt = json.load(sys.stdin)
settings = {"n_ctx": 512, "n_threads": 1, "n_threads_batch": 1, "flash_attn": True}
model = Llama(path, logits_all=True, verbose=False, **settings)
tokens = model.tokenize(prompt.encode())
for place in range(0, len(tokens), 8):  # in larger steps llama.cpp multiplies otherwise, and rounds otherwise
    model.eval(tokens[place : place + 8])
rows = numpy.array(model.scores[: len(tokens)], dtype=numpy.double)
rows -= numpy.log(numpy.exp(rows - rows.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True)) + rows.max(
    axis=1, keepdims=True
)
likeliest = rows.argmax(axis=1)
json.dump(
    {
        "tokens": tokens,
        "chosen": [float(rows[place, token]) for place, token in enumerate(tokens[1:])],
        "likeliest": [float(row.max()) for row in rows],
        "next": int(likeliest[-1]),
    },
    sys.stdout,
)
"""
LONG_PROMPT = " ".join(f"{PROMPT} red, São Paulo 東京 and {number}." for number in range(8))


async def test_those_of_the_prompt_are_the_librarys(starter: HostStarter, smol_path: Path) -> None:
    """With `echo`, as evaluation harnesses ask: also beside another answer, and of tokens the cache knows."""
    host = await loaded_host(starter, smol_path, LoadParameters(context=1024))
    theirs = told_by_library(LIBRARYS_PROMPT, smol_path, LONG_PROMPT)
    asked = {"echo": True, "logprobs": 1, "temperature": 0.0}
    for prompt, most in ((LONG_PROMPT, 0), (theirs["tokens"], 1), (LONG_PROMPT, 1)):
        beside = host.ask("completion", {"prompt": "Once", "max_tokens": 40, "stream": True})
        answered = await host.ask("completion", {**asked, "prompt": prompt, "max_tokens": most}).finished()
        await beside.finished()
        assert answered.payload is not None
        choice = answered.payload["choices"][0]
        told = choice["logprobs"]
        count = len(theirs["tokens"])
        assert {len(entries) for entries in told.values()} == {count + most}
        assert told["token_logprobs"][0] is told["top_logprobs"][0] is None
        assert told["token_logprobs"][1:count] == pytest.approx(theirs["chosen"], abs=1e-3)
        likeliest = [max(each.values()) for each in told["top_logprobs"][1:]]
        assert likeliest == pytest.approx(theirs["likeliest"][: count - 1 + most], abs=1e-3)
        assert choice["text"].startswith(LONG_PROMPT)
        for text, offset in zip(told["tokens"], told["text_offset"], strict=True):
            if not text.startswith("bytes:"):
                shown = choice["text"][offset:]
                assert shown.startswith(text) or text == f" {LONG_PROMPT}"[: len(text)]


async def test_those_of_a_streamed_prompt_come_first(starter: HostStarter, smol_path: Path) -> None:
    """In chunks they are the same, also of a prompt of one token, and of one that ends in a special token."""
    host = await loaded_host(starter, smol_path)
    for prompt in (PROMPT, "a", f"{PROMPT}<|im_end|>", "São \u6771"):
        asked = {"prompt": prompt, "echo": True, "logprobs": 2, "max_tokens": 3, "temperature": 0.0}
        whole = await host.ask("completion", asked).finished()
        assert whole.payload is not None
        chunks = [chunk["choices"][0] async for chunk in host.ask("completion", {**asked, "stream": True})]
        expected = whole.payload["choices"][0]["logprobs"]
        for name, entries in expected.items():
            parts = [chunk["logprobs"][name] for chunk in chunks if chunk["logprobs"] is not None]
            assert [entry for part in parts for entry in part] == entries, name
        assert len(expected["tokens"]) == whole.prompt_tokens + 3


async def test_those_of_many_long_prompts_take_no_memory(starter: HostStarter, smol_path: Path) -> None:
    """Rows of logits, 192 KiB each, are looked at and not kept: they would take 100 MiB."""
    host = await loaded_host(starter, smol_path, LoadParameters(context=1024))
    asked = {"prompt": LONG_PROMPT, "echo": True, "logprobs": 1, "max_tokens": 1}
    await host.ask("completion", asked).finished()
    process = psutil.Process(host.pid)
    before = process.memory_full_info().uss
    answers = [host.ask("completion", {**asked, "prompt": f"{number} {LONG_PROMPT}"}) for number in range(4)]
    for answer in answers:
        await answer.finished()
    assert process.memory_full_info().uss - before < 32 * 2**20


def test_the_probabilities_are_those_of_the_logits() -> None:
    """A softmax of the row, whatever is added to all of it; the likeliest come first."""
    logprobs = taken_down([2]).in_completion(completion("b"), 5)["choices"][0]["logprobs"]
    assert logprobs["tokens"] == ["b"]
    assert logprobs["text_offset"] == [5]
    assert logprobs["token_logprobs"] == pytest.approx([math.log(0.25)])
    assert list(logprobs["top_logprobs"][0]) == ["a", "b"]
    assert logprobs["top_logprobs"][0]["a"] == pytest.approx(math.log(0.5))


def test_what_a_stop_sequence_cuts_off_is_not_given() -> None:
    """A token that begins behind the text that was given belongs to the stop sequence."""
    logprobs = taken_down([1, 2, 5]).in_completion(completion("ab"), 0)["choices"][0]["logprobs"]
    assert logprobs["tokens"] == ["a", "b"]


def test_a_character_of_two_tokens_comes_with_both() -> None:
    """Parts of a character are written as their bytes, at the offset of the character."""
    probabilities = taken_down([1, 3, 4, 2])
    first = probabilities.in_completion(completion("aç"), 0)["choices"][0]["logprobs"]
    assert first["tokens"] == ["a", r"bytes:\xc3", r"bytes:\xa7"]
    assert first["text_offset"] == [0, 1, 1]
    last = probabilities.in_completion(completion("b"), 0)["choices"][0]["logprobs"]
    assert (last["tokens"], last["text_offset"]) == (["b"], [2])


def test_none_may_be_asked_for() -> None:
    """Zero likeliest tokens: the chosen one's probability comes alone."""
    payload = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "a"}}]}
    content = taken_down([1], alternatives=0).in_chat(payload)["choices"][0]["logprobs"]["content"]
    assert [entry["top_logprobs"] for entry in content] == [[]]
    assert content[0]["bytes"] == [97]
