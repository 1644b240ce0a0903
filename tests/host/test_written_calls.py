"""Calls of tools are read back from what chat templates write when they repeat them."""

from __future__ import annotations

import functools
import json
import re
from typing import Any

import pytest

from llmmem_gui.host import recipients, templates
from llmmem_gui.host.answer_marks import opened_thought
from llmmem_gui.host.answer_reader import AnswerReader, schemas_of
from llmmem_gui.host.chat_writing import write_by
from llmmem_gui.host.harmony import HarmonyReader
from llmmem_gui.host.openai_forms import Reader, whole_calls
from llmmem_gui.host.process import private_virtual_bytes
from llmmem_gui.host.recipients import RecipientReader
from tests.host.template_chats import SPECIAL_TOKENS, FrozenTime, made_templates

TOLD = "SUNNY-ANSWER"
"""What the tool says: it ends the calls before it."""
ENDS = re.compile(
    r"</s>|<\|im_end\|>|<\|eot_id\|>|<\|eom_id\|>|<\|message_sep\|>(?!\n\nfunction call)|<\|calls\|>"
    r"|<\|eot\|>|<\|end_of_msg\|>|<seed:eos>|\[e~\["
)
"""What ends an answer in the templates here, where it is not the end token of the vocabulary."""
PARAMETERS = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "description": "Which."},
        "days": {"type": "integer", "description": "How many."},
        "flags": {
            "type": "object",
            "description": "How.",
            "additionalProperties": {"type": "array", "items": {"type": "boolean"}},
        },
    },
    "required": ["city"],
}
TOOLS = [
    {"type": "function", "function": {"name": name, "description": "It tells.", "parameters": PARAMETERS}}
    for name in ("get_weather", "get_time")
]
WEATHER = ("get_weather", {"city": 'São "Paulo"', "days": 3, "flags": {"a": [True, False]}})
TIME = ("get_time", {"city": "Rio"})
ONE_AT_A_TIME = {
    "GigaChat3-10B-A1.8B",
    "GigaChat3.1-10B-A1.8B",
    "meta-llama-Llama-3.1-8B-Instruct",
    "meta-llama-Llama-3.2-3B-Instruct",
    "meta-llama-Llama-3.3-70B-Instruct",
    "openai-gpt-oss-120b",
}
"""Templates that write one call in a message: of several the first is read."""
NOT_READ = {
    "muse-glimmer": "the head of the message names the tool in words that other families say",
}
"""Templates whose calls are not found, and why."""
USER = {"role": "user", "content": "Hello."}


@functools.cache
def sources() -> dict[str, str]:
    """The templates that write calls, by name; the others never see any."""
    found = made_templates() or {}
    return {
        name: source
        for name, source in found.items()
        if "tool_calls" in source and not name.startswith("own") and template_of(source).takes_tools
    }


def template_of(source: str) -> templates.ChatTemplate:
    """The template ready to write."""
    return templates.ChatTemplate(source, SPECIAL_TOKENS, private_virtual_bytes)


def chat_with(calls: list[tuple[str, Any]]) -> list[dict[str, Any]]:
    """A chat in which the model has called tools."""
    made = [
        {
            "id": f"call0000{number}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(arguments, ensure_ascii=False)},
        }
        for number, (name, arguments) in enumerate(calls)
    ]
    answers = [
        {"role": "tool", "tool_call_id": call["id"], "name": call["function"]["name"], "content": TOLD}
        for call in made
    ]
    return [USER, {"role": "assistant", "content": None, "tool_calls": made}, *answers]


def written(source: str, calls: list[tuple[str, Any]]) -> tuple[str, str | None]:
    """What a template writes for calls, and the thought in whose midst that begins."""
    template = template_of(source)
    prompt = write_by(template, {"messages": [USER], "tools": TOOLS})
    whole = write_by(template, {"messages": chat_with(calls), "tools": TOOLS})
    length = next((place for place, letter in enumerate(prompt) if not whole.startswith(letter, place)), None)
    common = prompt[:length]
    if common != prompt:
        # They may part within a mark, such as that of a thought and that of a call.
        common = re.sub(r"[<\[][^<>\[\]]*$", "", common)
    answer = ENDS.split(whole[len(common) :].partition(TOLD)[0])[0]
    return answer, opened_thought(prompt) if common == prompt else None


def read_back(source: str, calls: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """The calls that are read from what a template writes for these, letter by letter."""
    answer, thought = written(source, calls)
    schemas = schemas_of(TOOLS)
    reader: Reader = AnswerReader(schemas, thought=thought)
    if all(mark in source for mark in ("<|channel|>", "<|message|>")):
        reader = HarmonyReader(schemas)
    elif recipients.KNOWN_BY in source:
        reader = RecipientReader(schemas)
    pieces = [piece for letter in answer for piece in reader.feed(letter)] + reader.finish()
    return [(each.name, json.loads(each.arguments)) for each in whole_calls(pieces)]


@pytest.fixture(autouse=True)
def _frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(templates, "datetime", FrozenTime)


@pytest.mark.parametrize("calls", [[WEATHER], [WEATHER, TIME]], ids=["one", "two"])
def test_what_a_template_writes_is_read(calls: list[tuple[str, Any]]) -> None:
    """The same tools with the same arguments, of the same types."""
    for name, source in sources().items():
        expected = calls[:1] if name in ONE_AT_A_TIME else [] if name in NOT_READ else calls
        assert read_back(source, calls) == expected, name


def test_many_families_are_tried() -> None:
    """The archive has not lost what is tried here."""
    if not sources():
        pytest.skip("the archive of the bindings, which has the templates, is not in build/bindings")
    assert len(sources()) >= 45
    assert ONE_AT_A_TIME | set(NOT_READ) <= set(sources())
