"""Thoughts before an answer, of a real model that its template has think."""

from __future__ import annotations

import json
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


@pytest.mark.parametrize("more", [{}, {"thinking_budget": 3}], ids=["to the end", "cut off"])
async def test_the_form_of_an_answer_begins_after_the_thought(
    host: Host, request: pytest.FixtureRequest, more: dict[str, Any]
) -> None:
    """A thought is free; one that the model would have to open itself is no part of the form."""
    form = {"type": "json_schema", "schema": NUMBER}
    answered, message = await ask(host, response_format=form, **more)
    jsonschema.validate(json.loads(message["content"]), NUMBER)
    opens = "by the prompt" in request.node.callspec.id
    assert ("reasoning_content" in message) == opens
    assert (answered.thought_tokens > 0) == opens
