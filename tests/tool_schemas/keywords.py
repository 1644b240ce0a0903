"""Small schemas: for each keyword that answers are held to, and for those that they are not."""

from __future__ import annotations

from tests.tool_schemas.shapes import NULL, Schema, all_of, some_of, text

KEYWORDS: dict[str, list[Schema | bool]] = {
    "type": [
        *({"type": kind} for kind in ("null", "boolean", "integer", "number", "string", "array", "object")),
        {"type": ["integer", "null"]},
    ],
    "true and false": [True, {"type": "object", "properties": {"a": False, "b": True}}, {}],
    "const": [
        {"const": value} for value in (2, -1.5, 'a"b\\n', None, False, [1, "x", None], {"a": {"b": []}})
    ],
    "enum": [
        {"enum": [1, "1", None, [1], {"a": 1}]},
        {"type": "string", "enum": ["é", "\u2028", "\t"]},
        {"enum": [0.5, 100, -7]},
    ],
    "minimum and maximum": [
        {"type": "integer", "minimum": -12, "maximum": 7},
        {"type": "integer", "exclusiveMinimum": 99, "exclusiveMaximum": 101},
        {"type": "number", "minimum": -0.25, "maximum": 0.125},
        {"type": "number", "exclusiveMinimum": 0, "maximum": 1e6},
        {"type": "integer", "minimum": 1.5, "maximum": 9.5},
        {"type": "integer", "minimum": 999},
        {"type": "number", "maximum": -1},
    ],
    "multipleOf": [
        {"type": "integer", "multipleOf": 7},
        {"type": "number", "multipleOf": 0.25, "minimum": 0, "maximum": 3},
        {"type": "integer", "multipleOf": 100},
    ],
    "minLength and maxLength": [
        {"type": "string", "minLength": 3, "maxLength": 5},
        {"type": "string", "maxLength": 0},
        {"type": "string", "maxLength": 2},
    ],
    "pattern": [
        {"type": "string", "pattern": pattern, "maxLength": 24}
        for pattern in (
            r"^\d{3}-\w+$",
            r"^\S+\s\S+$",
            r"[A-Z]\.",
            "^(a|b)*c?$",
            r"^[^\d\s]{2,6}$",
            r"^\u00e9+$",
            "x{2,3}",
            r"^\[.\]$",
            "^$|^ok$",
            r"^\x41\t?$",
        )
    ],
    "format": [
        {"type": "string", "format": name}
        for name in (
            "date",
            "time",
            "date-time",
            "email",
            "uuid",
            "ipv4",
            "ipv6",
            "hostname",
            "duration",
            "uri",
        )
    ],
    "formats that say nothing": [
        {"type": "string", "format": "phone", "maxLength": 9},
        {"type": "integer", "format": "int32", "minimum": 0, "maximum": 9},
    ],
    "items": [
        {"type": "array", "items": {"type": "boolean"}, "maxItems": 3},
        {"type": "array", "items": False},
        {"type": "array", "minItems": 2, "maxItems": 2, "items": {"enum": ["a"]}},
    ],
    "prefixItems": [
        {
            "type": "array",
            "prefixItems": [{"type": "null"}, {"type": "boolean"}],
            "items": {"type": "integer", "minimum": 0, "maximum": 9},
            "maxItems": 4,
        },
        {"type": "array", "prefixItems": [{"const": 1}], "items": False, "minItems": 1},
    ],
    "properties": [
        some_of({"a": NULL, "b": {"type": "boolean"}}, "b"),
        all_of({"a": {"const": 1}}),
        {"properties": {"a": {"type": "integer"}}},
    ],
    "additionalProperties": [
        {"type": "object", "additionalProperties": {"type": "boolean"}, "maxProperties": 2},
        some_of(
            {"a": NULL},
            "a",
            additionalProperties={"type": "integer", "minimum": 0, "maximum": 9},
            maxProperties=3,
        ),
    ],
    "patternProperties": [
        {
            "type": "object",
            "patternProperties": {"^x": {"type": "integer"}, "^y": {"type": "null"}},
            "additionalProperties": False,
            "maxProperties": 2,
        }
    ],
    "minProperties and maxProperties": [
        {
            "type": "object",
            "additionalProperties": {"type": "boolean"},
            "minProperties": 1,
            "maxProperties": 2,
        },
        {"type": "object", "maxProperties": 0},
    ],
    "propertyNames": [
        {
            "type": "object",
            "propertyNames": {"pattern": "^[a-c]$"},
            "additionalProperties": NULL,
            "maxProperties": 2,
        }
    ],
    "required": [{"type": "object", "required": ["a", "b"], "additionalProperties": {"type": "boolean"}}],
    "anyOf": [
        {"anyOf": [{"type": "integer"}, {"type": "boolean"}]},
        {"type": "string", "anyOf": [{"maxLength": 2}, {"pattern": "^long"}], "maxLength": 12},
    ],
    "oneOf": [
        {"oneOf": [{"type": "integer"}, {"type": "boolean"}, NULL]},
        {"oneOf": [{"const": 1}, {"const": 2}]},
    ],
    "allOf": [
        {"allOf": [{"type": "integer", "minimum": 3}, {"maximum": 5}]},
        {"allOf": [some_of({"a": {"type": "boolean"}}, "a"), some_of({"b": NULL}, "b")]},
    ],
    "$ref": [
        {"$ref": "#/$defs/a%20b", "$defs": {"a b": {"type": "boolean"}}},
        {"$ref": "#/$defs/x~1y", "$defs": {"x/y": {"enum": [1]}}},
        {
            "type": "array",
            "items": {"$ref": "#/$defs/n"},
            "maxItems": 2,
            "$defs": {"n": {"type": "integer", "maximum": 9, "minimum": 0}},
        },
        {
            "type": "object",
            "properties": {"a": {"type": "boolean"}, "b": {"$ref": "#/properties/a"}},
            "required": ["b"],
        },
        {"$defs": {"n": {"$id": "n", "type": "boolean"}}, "$ref": "n"},
    ],
}
"""Small schemas for each keyword that answers are held to."""

NOT_HELD: dict[str, Schema] = {
    "decimals of pydantic": all_of(
        {"price": {"anyOf": [{"type": "number"}, text(pattern=r"^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$")]}}
    ),
    "borders of words": {"type": "string", "pattern": r"\bend\b"},
    "going back": {"type": "string", "pattern": r"^(a)\1$"},
    "uniqueItems": {"type": "array", "items": {"enum": [1, 2]}, "uniqueItems": True},
    "contains": {"type": "array", "contains": {"const": 1}},
    "not": {"not": {"type": "string"}},
    "if": {"if": {"type": "string"}, "then": {"minLength": 2}},
    "dependentRequired": {"type": "object", "properties": {"a": {"dependentRequired": {"a": ["b"]}}}},
    "unevaluatedProperties": {"type": "object", "unevaluatedProperties": False},
    "names that are long": {"type": "object", "propertyNames": {"minLength": 3}},
}
"""What answers cannot be held to."""
