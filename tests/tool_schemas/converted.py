"""Schemas as zod, pydantic and OpenAPI make them."""

from __future__ import annotations

from tests.tool_schemas.shapes import DRAFT_7, DRAFT_2020, NULL, SAFE_INTEGER, Schema, all_of, some_of, text

CONVERTED: dict[str, Schema] = {
    # zod and its converters.
    "integers of zod": all_of(
        {"count": SAFE_INTEGER, "page": {"type": "integer", "exclusiveMinimum": 0, "maximum": 2**53 - 1}},
        **{"$schema": DRAFT_2020},
    ),
    "optional of zod": some_of(
        {"name": text(), "nickname": {"anyOf": [text(), NULL]}},
        "name",
        "nickname",
        additionalProperties=False,
        **{"$schema": DRAFT_7},
    ),
    "dates of zod": all_of(
        {"at": text(format="date-time"), "day": text(format="date"), "id": text(format="uuid")}
    ),
    "an e-mail address of zod": all_of({"email": text(format="email", maxLength=60)}),
    "a record of zod": all_of(
        {
            "scores": {
                "type": "object",
                "propertyNames": {"type": "string"},
                "additionalProperties": {"type": "number"},
                "maxProperties": 3,
            }
        }
    ),
    "a record of zod with names": {
        "type": "object",
        "propertyNames": {"type": "string", "enum": ["a", "b"]},
        "additionalProperties": {"type": "boolean"},
        "required": ["a", "b"],
    },
    "a tuple of zod": all_of(
        {
            "point": {
                "type": "array",
                "prefixItems": [{"type": "number"}, {"type": "number"}],
                "items": False,
                "minItems": 2,
                "maxItems": 2,
            }
        }
    ),
    "a discriminated union of zod": {
        "oneOf": [
            all_of(
                {"kind": {"type": "string", "const": "circle"}, "radius": {"type": "number", "minimum": 0}}
            ),
            all_of({"kind": {"type": "string", "const": "square"}, "side": {"type": "number", "minimum": 0}}),
        ]
    },
    "literals of zod": all_of(
        {
            "version": {"type": "number", "const": 2},
            "mode": {"type": "string", "enum": ["fast", "slow"]},
            "flag": {"const": True},
        }
    ),
    # pydantic.
    "references of pydantic": some_of(
        {
            "lead": {"$ref": "#/$defs/Person"},
            "members": {
                "items": {"$ref": "#/$defs/Person"},
                "title": "Members",
                "type": "array",
                "maxItems": 2,
            },
        },
        *("lead", "members"),
        title="Team",
        **{
            "$defs": {
                "Person": some_of(
                    {
                        "name": text(title="Name", maxLength=20),
                        "age": {"title": "Age", "type": "integer", "minimum": 0, "maximum": 150},
                    },
                    "name",
                    "age",
                    title="Person",
                )
            }
        },
    ),
    "optional fields of pydantic": some_of(
        {
            "query": text(title="Query", maxLength=60),
            "limit": {
                "anyOf": [{"type": "integer", "maximum": 100, "minimum": 1}, NULL],
                "default": None,
                "title": "Limit",
            },
            "language": {"anyOf": [text(), NULL], "default": "en"},
        },
        "query",
    ),
    "a tree of pydantic": {
        "$ref": "#/$defs/Node",
        "$defs": {
            "Node": all_of(
                {
                    "label": text(maxLength=10),
                    "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}, "maxItems": 2},
                }
            )
        },
    },
    "an enumeration of pydantic": all_of(
        {"colour": {"$ref": "#/$defs/Colour"}},
        **{"$defs": {"Colour": {"enum": ["red", "green", "blue"], "title": "Colour", "type": "string"}}},
    ),
    "a discriminator of pydantic": all_of(
        {
            "pet": {
                "discriminator": {
                    "mapping": {"cat": "#/$defs/Cat", "dog": "#/$defs/Dog"},
                    "propertyName": "type",
                },
                "oneOf": [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}],
            }
        },
        **{
            "$defs": {
                "Cat": all_of(
                    {
                        "type": {"const": "cat", "type": "string"},
                        "lives": {"type": "integer", "minimum": 1, "maximum": 9},
                    }
                ),
                "Dog": all_of({"type": {"const": "dog", "type": "string"}, "barks": {"type": "boolean"}}),
            }
        },
    ),
    "decimals of pydantic": all_of(
        {"price": {"anyOf": [{"type": "number", "minimum": 0}, text(pattern=r"^[+-]?\d{1,6}\.?\d{0,2}$")]}}
    ),
    "dates of pydantic": all_of(
        {"start": text(format="date"), "end": text(format="date"), "at": text(format="time")}
    ),
    "a constrained list of pydantic": all_of(
        {"tags": {"items": text(minLength=1, maxLength=12), "maxItems": 4, "minItems": 1, "type": "array"}}
    ),
    "reasoning before an answer": all_of(
        {
            "steps": {
                "type": "array",
                "maxItems": 2,
                "items": all_of({"explanation": text(maxLength=60), "output": text(maxLength=30)}),
            },
            "final_answer": text(maxLength=40),
        }
    ),
    "a linked list": {
        "$ref": "#/$defs/Cell",
        "$defs": {
            "Cell": all_of(
                {
                    "value": {"type": "integer", "minimum": 0, "maximum": 99},
                    "next": {"anyOf": [{"$ref": "#/$defs/Cell"}, NULL]},
                }
            )
        },
    },
    "the root again": some_of(
        {"name": text(maxLength=8), "parts": {"type": "array", "items": {"$ref": "#"}, "maxItems": 1}},
        "name",
        additionalProperties=False,
    ),
    # OpenAPI and older drafts.
    "numbers of OpenAPI": all_of(
        {
            "id": {"type": "integer", "format": "int64"},
            "size": {"type": "integer", "format": "uint32", "minimum": 0},
            "ratio": {"type": "number", "format": "double"},
            "score": {"type": "number", "format": "float", "minimum": 0, "maximum": 1},
        }
    ),
    "an order of OpenAPI": some_of(
        {
            "petId": {"type": "integer", "format": "int64", "example": 198772},
            "quantity": {"type": "integer", "format": "int32", "example": 7, "minimum": 1, "maximum": 99},
            "shipDate": text(format="date-time"),
            "status": {
                "type": "string",
                "description": "Order Status",
                "example": "approved",
                "enum": ["placed", "approved", "delivered"],
            },
        },
        *("petId", "quantity", "status"),
    ),
    "bytes of OpenAPI": all_of(
        {"data": text(format="byte", maxLength=24), "secret": text(format="password", maxLength=16)}
    ),
    "definitions of draft 7": all_of(
        {"address": {"$ref": "#/definitions/address"}},
        **{
            "$schema": DRAFT_7,
            "definitions": {
                "address": all_of({"street": text(maxLength=30), "zip": text(pattern=r"^\d{5}(-\d{4})?$")})
            },
        },
    ),
    "a tuple of draft 7": {
        "$schema": DRAFT_7,
        "type": "array",
        "items": [{"type": "integer"}, text(maxLength=8)],
        "additionalItems": False,
        "minItems": 2,
    },
}
