"""Answers that are held to schemas, expressions and grammars: by a small model that would say anything."""

from __future__ import annotations

import asyncio
import functools
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.protocol import Answered
from llmmem_gui.service.hosting.hosts import AskFailedError, Host, HostStarter
from tests.gguf_writer import copy_with_metadata
from tests.running_hosts import loaded_host, text_of

HELLO = [{"role": "user", "content": "Describe anything you like."}]
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 12},
        "age": {"type": "integer", "minimum": 3, "maximum": 12},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}
# Each is what clients send that the converter before could not hold, or that crashed its host.
HELD: dict[str, dict[str, Any]] = {
    "pattern with a class": {
        "type": "object",
        "properties": {"sku": {"type": "string", "pattern": r"^[A-Z]{3}-\d{3}$"}},
        "required": ["sku"],
        "additionalProperties": False,
    },
    "pattern without anchors": {"type": "string", "pattern": r"\w{2}\.\s", "maxLength": 12},
    "bounds": PERSON,
    "bounds of zod": {
        "type": "object",
        "properties": {"n": {"type": "integer", "minimum": -(2**53) + 1, "maximum": 2**53 - 1}},
        "required": ["n"],
        "additionalProperties": False,
    },
    "recursive root": {
        "$ref": "#/$defs/Node",
        "$defs": {
            "Node": {
                "type": "object",
                "properties": {
                    "value": {"type": "integer", "maximum": 9, "minimum": 0},
                    "next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]},
                },
                "required": ["value", "next"],
                "additionalProperties": False,
            }
        },
    },
    "long text": {"type": "string", "maxLength": 9000},
    "format that nobody knows": {
        "type": "object",
        "properties": {"id": {"type": "integer", "format": "uint32", "minimum": 0, "maximum": 99}},
        "required": ["id"],
        "additionalProperties": False,
    },
    "names beyond ASCII": {
        "type": "object",
        "properties": {"prénom": {"enum": ["Zoë", "São"]}, "年": {"type": "boolean"}},
        "required": ["prénom", "年"],
        "additionalProperties": False,
    },
    "date": {
        "type": "array",
        "items": {"type": "string", "format": "date"},
        "minItems": 1,
        "maxItems": 2,
    },
    "alternatives": {
        "anyOf": [
            {
                "type": "object",
                "properties": {"a": {"const": 1}},
                "required": ["a"],
                "additionalProperties": False,
            },
            {
                "type": "array",
                "prefixItems": [{"type": "number", "multipleOf": 0.5}],
                "items": False,
                "minItems": 1,
            },
        ]
    },
    "any object": {"type": "object", "maxProperties": 1},
    "multiples that are held": {
        "type": "array",
        "prefixItems": [{"type": "integer", "multipleOf": n} for n in (5, 100, 1024)],
        "items": {"type": "number", "multipleOf": 0.01},
        "maxItems": 4,
    },
}
NOT_HELD = {
    "keyword": (
        {"type": "object", "properties": {"a": {"type": "array", "uniqueItems": True}}},
        "response_format.properties.a: an answer cannot be held to uniqueItems",
        "response_format.properties.a",
    ),
    "look-ahead": (
        {"$defs": {"x": {"anyOf": [{"type": "string", "pattern": "^(?=a)"}]}}, "$ref": "#/$defs/x"},
        "response_format.$defs.x.anyOf[0].pattern: the regular expression ^(?=a) cannot be held",
        "response_format.$defs.x.anyOf[0].pattern",
    ),
    "reference": (
        {"$ref": "#/$defs/nowhere"},
        "response_format: the reference #/$defs/nowhere leads to nothing",
        "response_format",
    ),
    "remote reference": ({"$ref": "https://example.com/x"}, "response_format: ", "response_format"),
    "overlapping oneOf": (
        {"properties": {"a": {"oneOf": [{"type": "string"}, {"minLength": 3}]}}},
        "response_format.properties.a: of oneOf only",
        "response_format.properties.a",
    ),
    "nothing fits": ({"enum": []}, "response_format: ", "response_format"),
    "bounds that are no numbers of a computer": (
        {
            "anyOf": [
                {"type": "integer"},
                {"items": {"type": "integer", "minimum": -(10**30), "maximum": 10**30}},
            ]
        },
        "response_format.anyOf[1].items: the bounds of a number cannot be held",
        "response_format.anyOf[1].items",
    ),
    "itself": ({"$ref": "#"}, "response_format: nothing fits it", "response_format"),
    "much to count": (
        {"properties": {"a": {"allOf": [{"multipleOf": 997}, {"multipleOf": 10.09}]}}},
        "response_format.properties.a.allOf[0].multipleOf: multiples of so many digits cannot be held",
        "response_format.properties.a.allOf[0].multipleOf",
    ),
    "nested deeply": (
        functools.reduce(lambda inside, _: {"items": inside}, range(200), {}),
        "response_format: it is nested too deeply",
        "response_format",
    ),
    "nothing": (None, "response_format: a schema is an object, true or false", "response_format"),
    "no type": ({"type": "colour"}, "response_format: ", "response_format"),
}


async def answer(host: Host, form: dict[str, Any], **more: Any) -> Answered:
    """An answer at random, in a form."""
    request = {"messages": HELLO, "temperature": 1.0, "max_tokens": 160, "response_format": form, **more}
    return await host.ask("chat", request).finished()


async def test_whatever_ends_fits_its_schema(starter: HostStarter, smol_path: Path) -> None:
    """Several at once and at random: the form of one never touches another's answer."""
    host = await loaded_host(starter, smol_path, LoadParameters(context=4096))
    schemas = list(HELD.values())
    forms = [{"type": "json_schema", "schema": schema} for schema in schemas]
    answers = await asyncio.gather(*(answer(host, form, seed=place) for place, form in enumerate(forms)))
    finished = 0
    for name, schema, answered in zip(HELD, schemas, answers, strict=True):
        assert answered.payload is not None
        if answered.payload["choices"][0]["finish_reason"] == "length":
            continue
        finished += 1
        try:
            jsonschema.validate(json.loads(text_of(answered)), schema)
        except (ValueError, jsonschema.ValidationError) as error:
            raise AssertionError(f"{name}: {text_of(answered)}") from error
    assert finished >= len(HELD) - 4


async def test_what_cannot_be_held_is_refused_with_its_place(starter: HostStarter, smol_path: Path) -> None:
    """Before anything is computed; and the host goes on."""
    host = await loaded_host(starter, smol_path)
    for schema, sentence, place in NOT_HELD.values():
        with pytest.raises(AskFailedError) as refused:
            await answer(host, {"type": "json_schema", "schema": schema})
        assert str(refused.value).startswith(sentence)
        assert refused.value.parameter == place
    schema, sentence, place = NOT_HELD["keyword"]
    function = {"name": "f", "parameters": {"properties": {"p": schema}}}
    tools = {"tools": [{"type": "function", "function": function}], "tool_choice": "required"}
    with pytest.raises(AskFailedError) as refused:
        await host.ask("chat", {"messages": HELLO, **tools}).finished()
    assert refused.value.parameter == place.replace(
        "response_format", "tools[0].function.parameters.properties.p"
    )
    assert text_of(await answer(host, {"type": "choice", "choices": ["yes"]})) == "yes"


SUMS = """
?start: sum
?sum: product | sum "+" product -> add | sum "-" product -> sub
!product: atom | product "*" atom -> mul
?atom: NUMBER -> number
NUMBER.2: DIGIT~1..2
%import common.DIGIT
"""
"""As Lark's own documentation writes grammars: marks before rules, names after them, priorities, imports."""


async def test_other_forms_are_held(starter: HostStarter, smol_path: Path) -> None:
    """Regular expressions, choices, grammars of llama.cpp and of Lark; for completions, too."""
    host = await loaded_host(starter, smol_path)

    async def said(form: dict[str, Any]) -> str:
        return text_of(await answer(host, form))

    assert re.fullmatch("[0-9]{3}-[a-c]", await said({"type": "regex", "pattern": "[0-9]{3}-[a-c]"}))
    assert await said({"type": "choice", "choices": ["red", 'gr"een']}) in ("red", 'gr"een')
    gbnf = 'root ::= line line\nline ::= [a-z]{2,4} " = " [0-9] "\\n"'
    assert re.fullmatch(r"(?:[a-z]{2,4} = [0-9]\n){2}", await said({"type": "grammar", "grammar": gbnf}))
    lark = 'start: "<" /[a-z]{3}/ ">"'
    assert re.fullmatch("<[a-z]{3}>", await said({"type": "grammar", "grammar": lark}))
    assert re.fullmatch(r"[0-9]{1,2}([+*-][0-9]{1,2})*", await said({"type": "grammar", "grammar": SUMS}))
    number = {"prompt": "Pi is ", "response_format": {"type": "regex", "pattern": r"\d\.\d{4}"}}
    completed = await host.ask("completion", {**number, "temperature": 0.0}).finished()
    assert re.fullmatch(r"\d\.\d{4}", text_of(completed))
    for form in (
        {"type": "regex", "pattern": "("},
        {"type": "grammar", "grammar": "root ::= nowhere"},
        {"type": "grammar", "grammar": "\0"},
        {"type": "grammar", "grammar": 'start: a\na: %json {"type": "integer", "multipleOf": 999983}'},
        {"type": "choice", "choices": []},
        {"type": "colour"},
    ):
        with pytest.raises(AskFailedError):
            await said(form)


async def test_an_answer_that_is_cut_says_so(starter: HostStarter, smol_path: Path) -> None:
    """`length` and the beginning; streamed as whole."""
    host = await loaded_host(starter, smol_path)
    form = {"type": "json_schema", "schema": {"type": "string", "minLength": 200}}
    asked = {"messages": HELLO, "temperature": 0.0, "max_tokens": 8, "response_format": form}
    whole = (await host.ask("chat", asked).finished()).payload
    assert whole is not None
    assert whole["choices"][0]["finish_reason"] == "length"
    chunks = [chunk["choices"][0] async for chunk in host.ask("chat", {**asked, "stream": True})]
    assert chunks[-1]["finish_reason"] == "length"
    assert "".join(c["delta"].get("content", "") for c in chunks) == whole["choices"][0]["message"]["content"]


async def test_probabilities_are_the_models_own(starter: HostStarter, smol_path: Path) -> None:
    """What it would have said is told, not only what it may say."""
    host = await loaded_host(starter, smol_path)
    asked = {"messages": HELLO, "temperature": 0.0, "max_tokens": 1, "logprobs": True, "top_logprobs": 3}
    free = (await host.ask("chat", asked).finished()).payload
    form = {"type": "choice", "choices": ["zebra"]}
    held = (await host.ask("chat", {**asked, "response_format": form}).finished()).payload
    assert free is not None
    assert held is not None
    (would,), (may,) = (payload["choices"][0]["logprobs"]["content"] for payload in (free, held))
    assert [each["token"] for each in would["top_logprobs"]] == [
        each["token"] for each in may["top_logprobs"]
    ]
    assert may["logprob"] < would["logprob"]


TOOL = {
    "type": "function",
    "function": {
        "name": "add_person",
        "parameters": {
            "type": "object",
            "properties": {"person": {"$ref": "#/$defs/Person"}},
            "required": ["person"],
            "additionalProperties": False,
            "$defs": {"Person": PERSON},
        },
    },
}


def calls_of(answered: Answered) -> list[tuple[str, Any]]:
    """The calls of a whole answer."""
    assert answered.payload is not None
    calls = answered.payload["choices"][0]["message"].get("tool_calls") or []
    return [(call["function"]["name"], json.loads(call["function"]["arguments"])) for call in calls]


@pytest.mark.parametrize("choice", ["required", {"name": "add_person"}])
async def test_a_demanded_call_fits_its_parameters(
    starter: HostStarter, smol_path: Path, choice: Any
) -> None:
    """Also those that are described by reference; and nothing is said beside it."""
    host = await loaded_host(starter, smol_path, LoadParameters(context=1024))
    asked = {"messages": HELLO, "tools": [TOOL], "tool_choice": choice, "temperature": 1.0, "seed": 3}
    answered = await host.ask("chat", asked).finished()
    assert answered.payload is not None
    assert answered.payload["choices"][0]["finish_reason"] == "tool_calls"
    assert answered.payload["choices"][0]["message"]["content"] is None
    ((name, arguments),) = calls_of(answered)
    assert name == "add_person"
    jsonschema.validate(arguments["person"], PERSON)


async def test_a_model_that_was_taught_no_tools_is_told_of_them(
    starter: HostStarter, smol_path: Path
) -> None:
    """SmolLM2's template drops tools: they stand in the system message, and earlier calls in the chat."""
    host = await loaded_host(starter, smol_path, LoadParameters(context=2048))
    plain = {"messages": HELLO, "max_tokens": 1, "temperature": 0.0}
    without = await host.ask("chat", plain).finished()
    told = await host.ask("chat", {**plain, "tools": [TOOL]}).finished()
    assert told.prompt_tokens > without.prompt_tokens + 60
    call = {"id": "1", "type": "function", "function": {"name": "add_person", "arguments": '{"person": {}}'}}
    chat = [
        *HELLO,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "It was added."},
    ]
    after = await host.ask("chat", {**plain, "messages": chat, "tools": [TOOL]}).finished()
    assert after.prompt_tokens > told.prompt_tokens + 20
    parts = [{"type": "text", "text": "You are brief."}]
    begun = [
        await host.ask(
            "chat", {**plain, "messages": [{"role": "system", "content": content}, *HELLO], "tools": [TOOL]}
        ).finished()
        for content in (parts, "You are brief.")
    ]
    assert begun[0].prompt_tokens == begun[1].prompt_tokens


MARKS = (
    *("<|channel|><|message|>", "[TOOL_CALLS][ARGS]", "[TOOL_CALLS]", "<｜tool▁calls▁begin｜>"),
    *("<|tool_calls_section_begin|>", "<|START_ACTION|>", "<TOOLCALL>", "<|tool_call|>", "<|python_tag|>"),
    *("<tool_call>", "no mark at all"),
)


@pytest.mark.parametrize("mark", MARKS)
async def test_calls_are_demanded_in_the_familys_own_form(
    starter: HostStarter, smol_path: Path, tmp_path: Path, mark: str
) -> None:
    """Each form is a grammar that llguidance takes, and what it gives is read as calls, one or several."""
    untold = tmp_path / "untold.gguf"
    told = b"tokenizer.chat_template"
    untold.write_bytes(smol_path.read_bytes().replace(told, told[:-1] + b"X"))
    template = "{{ tools | tojson }}{% for m in messages %}{{ m.content }}{% endfor %}{# " + mark + " #}"
    path = copy_with_metadata(untold, tmp_path / "model.gguf", {told.decode(): template})
    host = await loaded_host(starter, path, LoadParameters(context=2048))
    parameters = {
        "type": "object",
        "properties": {"city": {"enum": ["Rome", "Rio"]}},
        "required": ["city"],
        "additionalProperties": False,
    }
    tools = [
        {"type": "function", "function": {"name": name, "strict": True, "parameters": parameters}}
        for name in ("go", "stay")
    ]
    asked = {"messages": HELLO, "tools": tools, "temperature": 1.0, "seed": 1, "max_tokens": 120}
    one = calls_of(await host.ask("chat", {**asked, "tool_choice": "required"}).finished())
    assert len(one) == 1
    several = await host.ask(
        "chat", {**asked, "tool_choice": {"name": "stay"}, "parallel_tool_calls": True}
    ).finished()
    assert {name for name, _ in calls_of(several)} == {"stay"}
    assert all(arguments["city"] in ("Rome", "Rio") for _, arguments in one + calls_of(several))
    free = await host.ask("chat", {**asked, "max_tokens": 8}).finished()
    assert free.completion_tokens > 0
    demanded = {**asked, "temperature": 0.0, "tool_choice": "required"}
    ((name, arguments),) = calls_of(await host.ask("chat", demanded).finished())
    deltas = [chunk["choices"][0]["delta"] async for chunk in host.ask("chat", {**demanded, "stream": True})]
    functions = [call["function"] for delta in deltas for call in delta.get("tool_calls", ())]
    assert [function["name"] for function in functions if "name" in function] == [name]
    parts = [function["arguments"] for function in functions]
    assert json.loads("".join(parts)) == arguments
    assert len([part for part in parts if part]) > 1
