"""What an answer is held to: one form for the many ways in which clients of different servers ask for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from llmmem_gui.service.http.errors import refused
from llmmem_gui.service.http.json_schemas import too_large
from llmmem_gui.service.http.openai_schemas import (
    Generation,
    JsonObjectFormat,
    JsonSchemaFormat,
    StructuredOutputs,
    TextFormat,
)

AnswerForm = dict[str, Any]


def answer_form(request: Generation) -> AnswerForm | None:
    """The `response_format` that a host is given; None for any text.

    Raises `ApiError` 400 for two that differ, and for a schema that is no schema or too large.
    """
    found = [(place, form) for place, form in _asked(request) if form is not None]
    for place, form in found[1:]:
        if form | {"place": ""} != found[0][1] | {"place": ""}:
            raise refused(place, f"the fields {found[0][0]} and {place} hold the answer to different things")
    return found[0][1] if found else None


def _asked(request: Generation) -> Iterator[tuple[str, AnswerForm | None]]:
    yield "response_format", _response_format(request.response_format)
    yield "json_schema", _schema("json_schema", request.json_schema)
    yield "grammar", _grammar(request.grammar)
    if request.format == "json":
        yield "format", {"type": "json_object"}
    else:
        yield "format", _schema("format", request.format or None)
    yield "guided_json", _schema("guided_json", request.guided_json)
    yield "guided_regex", _regex(request.guided_regex)
    yield "guided_choice", _choice(request.guided_choice)
    yield "guided_grammar", _grammar(request.guided_grammar)
    asked = request.structured_outputs or StructuredOutputs()
    place = "structured_outputs"
    yield place, _schema(f"{place}.json", asked.json)
    yield place, _regex(asked.regex)
    yield place, _choice(asked.choice)
    yield place, _grammar(asked.grammar)
    yield place, {"type": "json_object"} if asked.json_object else None


def _response_format(form: TextFormat | JsonObjectFormat | JsonSchemaFormat | None) -> AnswerForm | None:
    match form:
        case JsonObjectFormat(schema=None):
            return {"type": "json_object"}
        case JsonObjectFormat(schema=schema):
            return _schema("response_format.schema", schema)
        case JsonSchemaFormat(json_schema=named):
            flat = named is None or named.schema is None
            place = "response_format.schema" if flat else "response_format.json_schema.schema"
            schema = form.schema if named is None or named.schema is None else named.schema
            return _schema(place, schema) or {"type": "json_object"}
    return None


def _schema(place: str, schema: Any) -> AnswerForm | None:
    if schema is None:
        return None
    if isinstance(schema, str):
        schema = _decoded(place, schema)
    if too_large(schema):
        raise refused(place, "the schema is too large or nested too deeply")
    return {"type": "json_schema", "schema": schema, "place": place}


def _decoded(place: str, text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        raise refused(place, f"the field {place} is no JSON schema") from None


def _grammar(grammar: str | None) -> AnswerForm | None:
    return {"type": "grammar", "grammar": grammar} if grammar else None


def _regex(pattern: str | None) -> AnswerForm | None:
    return {"type": "regex", "pattern": pattern} if pattern else None


def _choice(choices: list[str] | None) -> AnswerForm | None:
    return {"type": "choice", "choices": choices} if choices else None
