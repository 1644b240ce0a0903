"""Reading tool calls out of what models write, in whatever pieces it comes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmem_gui.service.http.tool_calls import CLOSING, OPENING, CallReader, demanded_call_schema

CALL = '{"name": "weather", "arguments": {"city": "São Paulo"}}'
PLAIN = [
    "",
    "Hello.",
    "a < b",
    "<tool",
    "<tool_call",
    "</tool_call>",
    "<tool_calling>",
    "x<tool_call>not json</tool_call>y",
]


def read(pieces: list[str], *, demanded: bool = False) -> tuple[str, list[dict[str, Any]]]:
    """The text and the calls of an answer that comes in these pieces."""
    reader = CallReader(["weather", "time"], demanded=demanded)
    text = "".join(reader.feed(piece) for piece in pieces) + reader.finish()
    return text, reader.calls


@given(st.data())
def test_pieces_do_not_matter(data: st.DataObject) -> None:
    """However an answer is cut into pieces, its text and calls are the same; nothing is lost or doubled."""
    parts = st.sampled_from([*PLAIN, f"{OPENING}{CALL}{CLOSING}", f"{OPENING}\n{CALL}\n{CLOSING}"])
    whole = "".join(data.draw(st.lists(parts, max_size=5)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    text, calls = read(pieces)
    once, expected = read([whole])
    assert text == once
    assert [call["function"] for call in calls] == [call["function"] for call in expected]


@pytest.mark.parametrize("text", PLAIN)
def test_text_that_is_no_call_stays_text(text: str) -> None:
    """What only looks like the beginning of a call is given out unchanged in the end."""
    assert read(list(text)) == (text, [])


def test_calls_are_taken_out_of_the_text() -> None:
    """Two calls between texts are found in order, with arguments as JSON text and ids of their own."""
    other = '{"name": "time", "arguments": {}}'
    text, calls = read([f"Let me see.{OPENING}{CALL}{CLOSING}{OPENING}{other}{CLOSING} Done."])
    assert text == "Let me see. Done."
    assert [call["index"] for call in calls] == [0, 1]
    assert [call["function"]["name"] for call in calls] == ["weather", "time"]
    assert json.loads(calls[0]["function"]["arguments"]) == {"city": "São Paulo"}
    assert len({call["id"] for call in calls}) == 2


@pytest.mark.parametrize(
    "inside",
    [
        "",
        "null",
        "[]",
        '{"name": "unknown", "arguments": {}}',
        '{"name": 1}',
        "[" * 5000,
        '{"arguments": {}}',
    ],
)
def test_what_is_not_a_call_of_an_offered_tool_stays_text(inside: str) -> None:
    """Tags around something else are the model's text."""
    written = f"{OPENING}{inside}{CLOSING}"
    assert read([written]) == (written, [])


def test_a_call_may_end_with_the_answer() -> None:
    """A model that stops right after its call has made it, without the closing tag."""
    text, calls = read([OPENING, CALL])
    assert text == ""
    assert len(calls) == 1


def test_a_demanded_call_is_the_whole_answer() -> None:
    """Held by the grammar the model writes the bare call; one cut off by the token limit is text."""
    assert [call["function"]["name"] for call in read(list(CALL), demanded=True)[1]] == ["weather"]
    assert read([CALL[:20]], demanded=True) == (CALL[:20], [])


def test_the_schema_demands_a_name_and_its_arguments() -> None:
    """One tool is demanded as it is, several as alternatives; a tool without parameters takes an object."""
    tools = [
        {"function": {"name": "a", "parameters": {"type": "object", "properties": {}}}},
        {"function": {"name": "b"}},
    ]
    one = demanded_call_schema(tools[:1])
    assert one["properties"]["name"] == {"const": "a"}
    assert one["required"] == ["name", "arguments"]
    assert demanded_call_schema(tools)["anyOf"][0] == one
    assert demanded_call_schema(tools)["anyOf"][1]["properties"]["arguments"] == {"type": "object"}
