"""Schemas of response formats, as people write them."""

from __future__ import annotations

from tests.tool_schemas.shapes import NULL, Schema, all_of, some_of, text

ANSWERS: dict[str, Schema] = {
    "a sentiment": all_of(
        {
            "sentiment": {"enum": ["positive", "negative", "neutral"]},
            "confidence": {"type": "number", "minimum": 0, "maximum": 1},
        }
    ),
    "a recipe": all_of(
        {
            "name": text(maxLength=30),
            "minutes": {"type": "integer", "minimum": 1, "maximum": 240, "multipleOf": 5},
            "ingredients": {
                "type": "array",
                "minItems": 1,
                "maxItems": 3,
                "items": all_of({"name": text(maxLength=20), "grams": {"type": ["number", "null"]}}),
            },
        }
    ),
    "a person": all_of(
        {
            "name": text(pattern=r"^[A-ZÀ-Ý][a-zà-ÿ'-]{1,30}$"),
            "born": {"type": "integer", "minimum": 1900, "maximum": 2025},
            "phone": text(pattern=r"^\+\d{1,3} \d{4,12}$"),
        }
    ),
    "an invoice": all_of(
        {
            "number": text(pattern=r"^INV-\d{4}-[A-Z]{2}$"),
            "total": {"type": "number", "minimum": 0, "multipleOf": 0.01},
            "currency": {"enum": ["EUR", "BRL", "USD"]},
            "lines": {
                "type": "array",
                "maxItems": 2,
                "items": all_of({"text": text(maxLength=20), "amount": {"type": "number"}}),
            },
        }
    ),
    "entities of a text": all_of(
        {
            "entities": {
                "type": "array",
                "maxItems": 3,
                "items": all_of(
                    {
                        "text": text(maxLength=20),
                        "label": {"enum": ["PER", "LOC", "ORG"]},
                        "span": {
                            "type": "array",
                            "items": {"type": "integer", "minimum": 0, "maximum": 9999},
                            "minItems": 2,
                            "maxItems": 2,
                        },
                    }
                ),
            }
        }
    ),
    "names beyond ASCII": all_of(
        {
            "prénom": {"enum": ["Zoë", "João", "李"]},
            "città": text(maxLength=12),
            "年齢": {"type": "integer", "minimum": 0, "maximum": 120},
            "😀": {"type": "boolean"},
        }
    ),
    "names with marks": all_of(
        {
            'a"b': text(maxLength=5),
            "c\\d": {"type": "integer", "minimum": 0, "maximum": 9},
            "e/f g": NULL,
            "": {"type": "boolean"},
        }
    ),
    "a matrix": {
        "type": "array",
        "minItems": 2,
        "maxItems": 2,
        "items": {
            "type": "array",
            "minItems": 2,
            "maxItems": 2,
            "items": {"type": "integer", "minimum": -9, "maximum": 9},
        },
    },
    "a chart": all_of(
        {
            "type": {"enum": ["bar", "line"]},
            "data": {
                "type": "array",
                "maxItems": 3,
                "items": {
                    "type": "array",
                    "prefixItems": [text(maxLength=6), {"type": "number", "minimum": 0}],
                    "items": False,
                    "minItems": 2,
                },
            },
        }
    ),
    "settings by pattern": {
        "type": "object",
        "patternProperties": {"^n_[a-z]{1,4}$": {"type": "integer"}, "^s_[a-z]{1,4}$": text(maxLength=6)},
        "additionalProperties": False,
        "maxProperties": 3,
    },
    "an expression": {
        "$ref": "#/$defs/e",
        "$defs": {
            "e": {
                "anyOf": [
                    {"type": "number"},
                    text(pattern="^[a-z]$"),
                    all_of(
                        {
                            "op": {"enum": ["+", "*"]},
                            "left": {"$ref": "#/$defs/e"},
                            "right": {"$ref": "#/$defs/e"},
                        }
                    ),
                ]
            }
        },
    },
    "inheritance": some_of(
        {"extra": {"type": "boolean"}},
        allOf=[
            some_of({"id": {"type": "integer", "minimum": 1, "maximum": 999}}, "id"),
            some_of({"name": text(maxLength=10)}, "name"),
        ],
    ),
    "what is given again": all_of(
        {
            "list": {"type": "array", "maxItems": 2, "items": {"type": ["boolean", "null", "integer"]}},
            "text": {
                "type": "string",
                "examples": ["a", "b"],
                "deprecated": True,
                "readOnly": False,
                "$comment": "old",
            },
        }
    ),
    "addresses of machines": all_of(
        {
            "v4": text(format="ipv4"),
            "v6": text(format="ipv6"),
            "host": text(format="hostname", maxLength=30),
        }
    ),
    "durations": all_of(
        {
            "wait": text(format="duration"),
            "every": {"type": "integer", "multipleOf": 15, "minimum": 15, "maximum": 3600},
        }
    ),
    "a query of a search": some_of(
        {
            "must": {"$ref": "#/$defs/clauses"},
            "boost": {"type": "number", "exclusiveMinimum": 0, "maximum": 10},
        },
        "must",
        additionalProperties=False,
        **{
            "$defs": {
                "clauses": {
                    "type": "array",
                    "maxItems": 2,
                    "items": {
                        "anyOf": [
                            all_of({"term": text(maxLength=10)}),
                            all_of(
                                {
                                    "range": some_of(
                                        {"gte": {"type": "number"}, "lt": {"type": "number"}},
                                        additionalProperties=False,
                                    )
                                }
                            ),
                        ]
                    },
                }
            }
        },
    ),
}
