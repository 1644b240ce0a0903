"""The API's own description in OpenAPI 3.1, made from the table of operations and the schemas they use."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from llmmem_gui import __version__
from llmmem_gui.service.http.control_api import LONGEST_QUERY_TEXT, MOST_RECENT_EVENTS
from llmmem_gui.service.http.guard import WITHOUT_TOKEN
from llmmem_gui.service.http.operations import Operation, QueryKind

_QUERY_SCHEMAS: dict[QueryKind, dict[str, Any]] = {
    "number": {"type": "integer", "minimum": 0, "maximum": MOST_RECENT_EVENTS},
    "boolean": {"type": "boolean"},
    "text": {"type": "string", "maxLength": LONGEST_QUERY_TEXT},
}
_ERROR_SCHEMA = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string", "description": "One sentence: what, the number, what to do."},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": "string"},
                "numbers": {"type": "object", "additionalProperties": {"type": "number"}},
            },
        }
    },
}


def openapi_document(operations: Sequence[Operation]) -> dict[str, Any]:
    """The whole document."""
    types = [
        kind for operation in operations for kind in (operation.takes, operation.gives) if kind is not None
    ]
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    # Types such as `list[…]` cannot be keys; the schemas come in the order of the types.
    in_order = iter(schemas)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        body = next(in_order) if operation.takes is not None else None
        answer = next(in_order) if operation.gives is not None else {}
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation_object(
            operation, body, answer
        )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "LLM Memory",
            "version": __version__,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": {**components, "Error": _ERROR_SCHEMA},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation_object(operation: Operation, body: Any, answer: Any) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.endpoint.__name__.strip("_") + "_" + operation.method.lower(),
        "summary": operation.summary,
        "responses": {
            "200": {"description": "Done.", "content": {operation.media_type: {"schema": answer}}},
            "default": {
                "description": "Not done; the sentence says why.",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
            },
        },
    }
    if body is not None:
        described["requestBody"] = {
            "required": operation.body_required,
            "content": {"application/json": {"schema": body}},
        }
    parameters = [_query_parameter(name, kind) for name, kind in operation.query]
    parameters += [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", operation.path)
    ]
    if parameters:
        described["parameters"] = parameters
    if operation.path in WITHOUT_TOKEN:
        described["security"] = [{}, {"token": []}]
    return described


def _query_parameter(name: str, kind: QueryKind) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": _QUERY_SCHEMAS[kind]}
