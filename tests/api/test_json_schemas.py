"""Bounds of the JSON schemas that clients send, and what the grammar cannot hold an answer to."""

from __future__ import annotations

from typing import Any

import pytest

from llmmem_gui.service.http.json_schemas import DEEPEST, MOST_NODES, keyword_not_held, too_large


def nested(levels: int) -> Any:
    """A schema of that many levels."""
    schema: Any = {}
    for _ in range(levels - 1):
        schema = {"items": schema}
    return schema


def test_depth_is_bounded() -> None:
    """The deepest schema allowed is allowed, and one level more is not."""
    assert not too_large(nested(DEEPEST))
    assert too_large(nested(DEEPEST + 1))


def test_size_is_bounded() -> None:
    """The number of values is counted on all levels."""
    assert not too_large({"enum": list(range(MOST_NODES - 2))})
    assert too_large({"enum": list(range(MOST_NODES))})
    assert too_large([[0] * 200] * 200)


@pytest.mark.parametrize(
    ("schema", "keyword"),
    [
        ({"type": "integer", "minimum": 1}, "minimum"),
        ({"properties": {"a": {"multipleOf": 2}}}, "multipleOf"),
        ({"anyOf": [{}, {"not": {}}]}, "not"),
        ({"$defs": {"x": {"items": {"uniqueItems": True}}}}, "uniqueItems"),
        ({"additionalProperties": {"maximum": 1}}, "maximum"),
        ({"properties": {"minimum": {"type": "string"}}, "required": ["minimum"]}, None),
        ({"enum": [{"minimum": 1}], "default": {"not": 1}, "items": True}, None),
        ({"properties": {"a": {"type": "string", "minLength": 1, "pattern": "^a$"}}}, None),
    ],
)
def test_keywords_that_are_not_held_are_found(schema: dict[str, Any], keyword: str | None) -> None:
    """Keywords are found wherever a schema stands, and names of properties are not taken for keywords."""
    assert keyword_not_held(schema) == keyword
