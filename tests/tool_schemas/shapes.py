"""Shapes that many schemas of clients have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]


def all_of(properties: Mapping[str, Any], **more: Any) -> Schema:
    """An object with exactly these properties, as strict clients demand it."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
        **more,
    }


def some_of(properties: Mapping[str, Any], *required: str, **more: Any) -> Schema:
    """An object that is open, with some of its properties required, as most tools have it."""
    return {"type": "object", "properties": dict(properties), "required": list(required), **more}


def text(description: str = "", **more: Any) -> Schema:
    return {"type": "string", **({"description": description} if description else {}), **more}


DRAFT_7 = "http://json-schema.org/draft-07/schema#"
DRAFT_2020 = "https://json-schema.org/draft/2020-12/schema"
SAFE_INTEGER = {"type": "integer", "minimum": -(2**53) + 1, "maximum": 2**53 - 1}
"""zod's integer."""
NULL = {"type": "null"}
