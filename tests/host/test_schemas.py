"""What of a client's schema an answer is held to."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmem_gui.host.schemas import NotHeld, checked, forget_checked

A = {"a": {"type": "null"}}
TO_X = {"$ref": "#/$defs/x"}
CLOSED = {"properties": A, "additionalProperties": False}


@pytest.mark.parametrize(
    ("schema", "held"),
    [
        ({"properties": A}, CLOSED),
        ({"properties": A, "required": ["a"]}, {**CLOSED, "required": ["a"]}),
        ({"items": {"properties": A}}, {"items": CLOSED}),
        (
            {"$defs": {"x": {"properties": A}}, "$ref": "#/$defs/x"},
            {"$defs": {"x": CLOSED}, "$ref": "#/$defs/x"},
        ),
        ({"anyOf": [{"properties": A}, {"type": "null"}]}, {"anyOf": [CLOSED, {"type": "null"}]}),
        (
            {"properties": {"properties": {"properties": A}}},
            {"properties": {"properties": CLOSED}, "additionalProperties": False},
        ),
    ],
)
def test_objects_have_the_properties_that_are_named(schema: dict[str, Any], held: dict[str, Any]) -> None:
    """And no others: a small model would go on inventing some."""
    assert checked(schema, "x") == held


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": A, "additionalProperties": True},
        {"properties": A, "additionalProperties": {"type": "string"}},
        {"properties": A, "patternProperties": {"^b": {"type": "null"}}},
        {"properties": A, "required": ["b"]},
        {"allOf": [{"properties": A}, {"properties": {"b": {"type": "null"}}}]},
        {
            "$defs": {"x": {"properties": A}},
            "properties": {"b": {"$ref": "#/$defs/x"}},
            "allOf": [{"$ref": "#/$defs/x"}],
        },
        {"properties": A, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
        {"const": {"properties": A}},
        {"type": "object"},
    ],
)
def test_a_schema_that_speaks_of_others_is_held_as_it_is(schema: Any) -> None:
    """Or that says with several schemas what one object is."""
    assert checked(schema, "x") == schema


def test_formats_that_nobody_knows_say_nothing() -> None:
    """As JSON Schema has it; those that are known are held."""
    assert checked({"type": "string", "format": "colour"}, "x") == {"type": "string"}
    assert checked({"type": "string", "format": "uuid"}, "x") == {"type": "string", "format": "uuid"}
    named = {"type": "object", "properties": {"format": {"const": "int64"}}, "additionalProperties": False}
    assert checked(named, "x") == named


WHOLE = {"type": "integer"}


@pytest.mark.parametrize(
    ("schema", "held"),
    [
        (
            {"propertyNames": {"type": "string"}, "additionalProperties": WHOLE},
            {"additionalProperties": WHOLE},
        ),
        (
            {"propertyNames": {"enum": ["a"]}, "additionalProperties": WHOLE, "required": ["a"]},
            {"properties": {"a": WHOLE}, "additionalProperties": False, "required": ["a"]},
        ),
        (
            {"propertyNames": {"pattern": "^a"}, "additionalProperties": WHOLE},
            {"patternProperties": {"^a": WHOLE}, "additionalProperties": False},
        ),
        ({"oneOf": [{"const": 1}, {"const": 2}]}, {"anyOf": [{"const": 1}, {"const": 2}]}),
        ({"items": {"not": {}}}, {"items": False}),
    ],
)
def test_what_converters_write_is_said_otherwise(schema: dict[str, Any], held: dict[str, Any]) -> None:
    """So that it is held: records and labelled values of zod, and what never is."""
    assert checked(schema, "x") == held


@pytest.mark.parametrize(
    ("name", "is_there", "is_not"),
    [
        ("date", ["2024-02-29", "2000-02-29", "0001-01-31"], ["2023-02-29", "1900-02-29", "0000-01-01"]),
        ("time", ["23:59:59Z", "00:00:00.5+01:00"], ["23:59:60Z"]),
        ("date-time", ["2024-02-29T10:00:00Z"], ["2023-02-29T10:00:00Z", "2024-02-28T10:00:60Z"]),
    ],
)
def test_days_and_times_are_those_that_there_are(name: str, is_there: list[str], is_not: list[str]) -> None:
    """Libraries that read them raise for others."""
    pattern = re.compile(checked({"type": "string", "format": name}, "x")["pattern"])
    assert all(map(pattern.search, is_there))
    assert not any(map(pattern.search, is_not))


def test_a_schema_that_comes_again_is_held_alike() -> None:
    """Agents send their schemas with each request: what was found is remembered, and nobody changes it."""
    schema = {"properties": {"a": {"type": "null"}, "b": {"type": "string", "format": "colour"}}}
    first = checked(schema, "x")
    assert checked(schema, "x") is first
    assert schema["properties"]["b"] == {"type": "string", "format": "colour"}
    forget_checked()
    again = checked(schema, "x")
    assert again == first
    assert again is not first


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.sampled_from(["string", "object", "^a$", "(", "date", "a"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *(
                        "type",
                        "properties",
                        "items",
                        "required",
                        "pattern",
                        "format",
                        "enum",
                        "const",
                        "minimum",
                    ),
                    *(
                        "anyOf",
                        "oneOf",
                        "allOf",
                        "$ref",
                        "$defs",
                        "additionalProperties",
                        "minItems",
                        "a",
                        "not",
                    ),
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(json_values)
def test_anything_is_taken_or_refused_in_a_sentence(schema: Any) -> None:
    """Whatever a client calls a schema."""
    refusal = ""
    try:
        checked(schema, "x")
    except NotHeld as refused:
        refusal = str(refused.sentence)
    assert refusal == "" or (refusal.startswith("x") and "\n" not in refusal)
