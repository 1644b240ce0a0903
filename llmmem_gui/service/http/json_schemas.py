"""JSON schemas that clients send: bounded in size, and asked what the grammar cannot hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

DEEPEST = 32
"""How deep a schema may nest."""
MOST_NODES = 10_000

_NOT_HELD = frozenset(
    {
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "uniqueItems",
        "contains",
        "not",
        "if",
        "dependentRequired",
        "dependentSchemas",
        "minProperties",
        "maxProperties",
        "propertyNames",
        "patternProperties",
    }
)
"""Keywords that llama-cpp-python's grammar passes over (llama_grammar.py of 0.3.36, `visit`)."""
_OF_NAMED_SCHEMAS = ("properties", "$defs", "definitions")
_OF_SCHEMAS = ("anyOf", "oneOf", "allOf", "prefixItems")
_OF_ONE_SCHEMA = ("items", "additionalProperties")


def too_large(schema: Any) -> bool:
    """Whether a decoded JSON value nests deeper, or holds more values, than a schema may."""
    nodes = 0
    level = [schema]
    for _ in range(DEEPEST + 1):
        if not level:
            return False
        nodes += len(level)
        if nodes > MOST_NODES:
            return True
        level = [child for parent in level for child in _children(parent)]
    return True


def keyword_not_held(schema: Any) -> str | None:
    """A keyword of the schema that the answer would not be held to; None when it is held to all of them.

    The schema must not be `too_large`.
    """
    if not isinstance(schema, dict):
        return None
    own = next((keyword for keyword in schema if keyword in _NOT_HELD), None)
    return own or next(filter(None, map(keyword_not_held, _parts(schema))), None)


def _parts(schema: dict[str, Any]) -> Iterator[Any]:
    for keyword in _OF_NAMED_SCHEMAS:
        named = schema.get(keyword)
        yield from named.values() if isinstance(named, dict) else ()
    for keyword in _OF_SCHEMAS:
        several = schema.get(keyword)
        yield from several if isinstance(several, list) else ()
    for keyword in _OF_ONE_SCHEMA:
        yield schema.get(keyword)


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
