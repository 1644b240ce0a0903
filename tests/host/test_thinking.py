"""Thoughts before an answer, of a real model that its template has think."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.protocol import Answered
from llmmem_gui.service.hosting.hosts import Host, HostStarter
from tests.gguf_writer import copy_with_metadata
from tests.running_hosts import loaded_host

MESSAGES = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "<|im_start|>assistant{{ '\n' }}"
)
EXAMPLES = "".join(
    f"<|im_start|>user\nWhat is {one} + 1?<|im_end|>\n<|im_start|>assistant\n"
    f"<think>\nIt is one more than {one}.\n</think>\n\nIt is {one + 1}.<|im_end|>\n"
    for one in (1, 5, 3)
)
"""By these the small model learns to think."""
TEMPLATES = {"by the prompt": EXAMPLES + MESSAGES + "<think>{{ '\n' }}", "by the model": EXAMPLES + MESSAGES}
"""By whom the thought is opened."""
CHAT = {
    "messages": [{"role": "user", "content": "What is 7 + 1?"}],
    "temperature": 0.0,
    "max_tokens": 64,
}
NUMBER = {
    "type": "object",
    "properties": {"sum": {"type": "integer", "minimum": 0, "maximum": 99}},
    "required": ["sum"],
    "additionalProperties": False,
}


@pytest.fixture(params=TEMPLATES.values(), ids=list(TEMPLATES))
async def host(request: pytest.FixtureRequest, starter: HostStarter, smol_path: Path, tmp_path: Path) -> Host:
    """A host whose model thinks."""
    plain = tmp_path / "plain.gguf"
    plain.write_bytes(
        smol_path.read_bytes().replace(b"tokenizer.chat_template", b"tokenizer.chat_templatX", 1)
    )
    thinking = copy_with_metadata(
        plain, tmp_path / "thinking.gguf", {"tokenizer.chat_template": request.param}
    )
    return await loaded_host(starter, thinking, LoadParameters(context=1024))


async def ask(host: Host, **more: Any) -> tuple[Answered, dict[str, Any]]:
    """An answer and its message."""
    answered = await host.ask("chat", {**CHAT, **more}).finished()
    assert answered.payload is not None
    return answered, answered.payload["choices"][0]["message"]


async def test_a_thought_is_told_apart_from_the_answer(host: Host) -> None:
    """In the message and in the stream, and its tokens are counted."""
    answered, message = await ask(host)
    assert (message["reasoning_content"], message["content"]) == ("It is one more than 7.\n", "It is 8.")
    assert 0 < answered.thought_tokens < answered.completion_tokens
    deltas = [chunk["choices"][0]["delta"] async for chunk in host.ask("chat", {**CHAT, "stream": True})]
    for name in ("reasoning_content", "content"):
        parts = [delta[name] for delta in deltas if name in delta]
        assert len(parts) > 3
        assert "".join(parts) == message[name]


async def test_a_thought_stays_in_the_text_where_that_is_wanted(host: Host) -> None:
    """With its marks, whoever wrote the first."""
    answered, message = await ask(host, reasoning_format="none")
    assert message == {
        "role": "assistant",
        "content": "<think>\nIt is one more than 7.\n</think>\n\nIt is 8.",
    }
    assert answered.thought_tokens > 0


@pytest.mark.parametrize("budget", [0, 5])
async def test_a_budget_ends_the_thought(host: Host, budget: int) -> None:
    """The mark of its end is put into the model's mouth, and then it answers."""
    mark = (await host.ask("completion", {"prompt": "</think>", "max_tokens": 1}).finished()).prompt_tokens
    unbounded, thought = await ask(host)
    answered, message = await ask(host, thinking_budget=budget)
    assert answered.thought_tokens == budget + mark < unbounded.thought_tokens
    cut = message.get("reasoning_content", "")
    assert thought["reasoning_content"].startswith(cut)
    assert bool(cut) == bool(budget)
    assert message["content"].strip()
    # Where the thought is shorter than that, nothing changes.
    _, same = await ask(host, thinking_budget=100)
    assert same == thought


async def test_a_thought_that_is_cut_off_is_no_answer(host: Host) -> None:
    """The answer says that it was cut."""
    answered, message = await ask(host, max_tokens=7)
    assert answered.payload is not None
    assert answered.payload["choices"][0]["finish_reason"] == "length"
    assert "It is one more than 7.".startswith(message["reasoning_content"].strip())
    assert message["content"] == ""


TELL = {
    "type": "function",
    "function": {"name": "tell", "description": "Tell the sum.", "parameters": NUMBER},
}
HELD: dict[str, dict[str, Any]] = {
    "a schema": {"response_format": {"type": "json_schema", "schema": NUMBER}},
    "an expression": {"response_format": {"type": "regex", "pattern": r"[0-9]{1,2}\."}},
    "a demanded call": {"tools": [TELL], "tool_choice": {"name": "tell"}},
    "a schema or a call": {
        "tools": [TELL],
        "response_format": {"type": "json_schema", "schema": NUMBER},
    },
}
"""What an answer can be held to."""


def check_form(message: dict[str, Any]) -> None:
    """What was said or called has one of the forms."""
    calls = message.get("tool_calls", ())
    for call in calls:
        jsonschema.validate(json.loads(call["function"]["arguments"]), NUMBER)
    if not calls and not re.fullmatch(r"[0-9]{1,2}\.", message["content"]):
        jsonschema.validate(json.loads(message["content"]), NUMBER)


async def test_the_form_of_an_answer_begins_after_the_thought(host: Host) -> None:
    """A thought is free, whoever opens it, and however it ends."""
    for more in ({}, {"thinking_budget": 3}):
        for name, form in HELD.items():
            answered, message = await ask(host, max_tokens=100, **form, **more)
            check_form(message)
            thought = message.get("reasoning_content", "").strip()
            assert (answered.thought_tokens > 0) == bool(thought)
            if "call" not in name:  # what is said of tools makes the small model forget to think
                assert thought
                assert "It is one more than 7.".startswith(thought)


async def test_no_chance_breaks_the_form_after_a_thought(host: Host) -> None:
    """Also where one token would end the thought and begin the answer."""
    thoughts = 0
    for name, form in HELD.items():
        for seed in range(5):
            answered, message = await ask(host, temperature=1.3, seed=seed, max_tokens=80, **form)
            assert answered.payload is not None
            thoughts += answered.thought_tokens > 0
            if answered.payload["choices"][0]["finish_reason"] != "length":
                check_form(message)
                assert "think>" not in (message["content"] or ""), name
    assert thoughts


@pytest.mark.parametrize(
    "more", [{"thinking_budget": 0}, {"reasoning_format": "none"}], ids=["no budget", "in the text"]
)
async def test_an_unwanted_thought_is_not_opened_before_a_form(host: Host, more: dict[str, Any]) -> None:
    """The form holds from the first token then; a thought that the prompt opens cannot be helped."""
    answered, message = await ask(host, **HELD["a schema"], **more)
    said = message["content"].rpartition("</think>")[2]
    jsonschema.validate(json.loads(said), NUMBER)
    if not answered.thought_tokens:
        assert said == message["content"]


async def test_an_answer_that_goes_on_opens_no_thought(host: Host) -> None:
    """Its beginning has been said."""
    begun = [*CHAT["messages"], {"role": "assistant", "content": "The sum is "}]  # type: ignore[misc]
    answered, message = await ask(host, messages=begun, **HELD["an expression"])
    assert answered.thought_tokens == 0
    check_form(message)
