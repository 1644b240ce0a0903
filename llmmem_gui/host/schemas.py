"""JSON schemas that an answer is held to: what of them can be held, and where what cannot stands."""

from __future__ import annotations

import functools
import json
import math
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import llguidance

from llmmem_gui.core.sentence import BadValue, Sentence

if TYPE_CHECKING:
    from llguidance._lib import JsonCompileOptions

_WHITE_SPACE = r" |\n[ \t]{0,24}"
"""Between the marks of JSON: a space or a new line. Without a bound small models write it for ever."""
_JSON_OPTIONS: JsonCompileOptions = {
    "whitespace_pattern": _WHITE_SPACE,
    "lenient": False,
    "coerce_one_of": False,
}
"""How JSON is written; what a schema itself says to llguidance does not count."""
LIMITS = llguidance.LLParserLimits(initial_lexer_fuel=100_000, verbose_errors=False)
"""With ten times as much fuel, as is usual, there are regular expressions that take seconds for a token."""
_MOST_REMAINDERS = 20_000
"""Of numbers after `multipleOf`: so many take half a second, 50 times as many half a minute and 360 MiB."""
_SEARCH_SECONDS = 0.5
"""Given to finding the place of a fault in a schema."""
_REMEMBERED_LENGTH = 16_384
"""A schema of more characters is checked anew each time."""
_NO_SCHEMA = "a schema is an object, true or false"

Schema = Mapping[str, Any]


class NotHeld(BadValue):
    """An answer cannot be held to what the request says."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(Sentence("Host", "{place}: {reason}").format(place=place, reason=reason))
        self.place = place
        """Of it in the request."""


def place_of(form: Mapping[str, Any]) -> str:
    """Where in the request a `response_format` has its schema, for who reads why it is refused."""
    return str(form.get("place", "response_format"))


def schema_of(form: Mapping[str, Any]) -> Any:
    """The schema that a `response_format` holds an answer to; None when it need not be JSON.

    Raises `BadValue` where it says JSON and lacks the schema.
    """
    if form["type"] == "json_object":
        return form.get("schema") or {"type": "object"}
    if form["type"] == "json_schema":
        schema = (form.get("json_schema") or form)["schema"]
        if schema is None:
            raise refused(place_of(form), _NO_SCHEMA)
        return schema
    return None


def json_rule(schema: Schema) -> str:
    """The right side of a rule of Lark for JSON of a schema."""
    return "%json " + json.dumps({**schema, "x-guidance": _JSON_OPTIONS}, ensure_ascii=False)


def schema_grammar(schema: Schema) -> str:
    """The schema as llguidance takes it."""
    text = json.dumps(schema, ensure_ascii=False)
    return str(llguidance.LLMatcher.grammar_from_json_schema(text, overrides=_JSON_OPTIONS))


def checked(schema: Any, place: str) -> Schema:
    """The schema in words that llguidance knows; names of formats that it does not know say nothing.

    Objects whose properties are named have no others: a small model would go on inventing some.

    Raises `BadValue` for what cannot be held, with the place in the schema.
    """
    text = json.dumps(schema)
    # Agents send the schemas of all their tools with each request.
    check = _checked if len(text) <= _REMEMBERED_LENGTH else _checked.__wrapped__
    return check(text, place)


def forget_checked() -> None:
    """Give back what is remembered of schemas."""
    _checked.cache_clear()


@functools.lru_cache(maxsize=128)
def _checked(text: str, place: str) -> Schema:
    schema = json.loads(text)
    schema = _mapped(schema, _in_known_words)
    if isinstance(schema, bool):
        schema = {} if schema else {"enum": []}  # llguidance wants an object
    if not isinstance(schema, Mapping):
        raise refused(place, _NO_SCHEMA)
    _check_multiples(schema, place)
    while True:
        fault = _fault(schema)
        if not fault:
            closed = _closed(schema)
            return schema if _fault(closed) else closed
        unknown = re.search(r"Unknown format: (.+)", fault)
        if unknown is None:
            raise _not_held(fault, schema, place)
        schema = _without_format(schema, unknown[1].strip())


def _mapped(schema: Any, change: Callable[[dict[str, Any]], Any]) -> Any:
    """The schema with each schema in it changed, the innermost first."""
    if isinstance(schema, list):
        return [_mapped(each, change) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    made: dict[str, Any] = {}
    for keyword, value in schema.items():
        if keyword in _OF_NAMED_SCHEMAS and isinstance(value, Mapping):
            made[keyword] = {name: _mapped(each, change) for name, each in value.items()}
        else:
            made[keyword] = value if keyword in _DATA else _mapped(value, change)
    return change(made)


def _in_known_words(schema: dict[str, Any]) -> dict[str, Any] | bool:
    """What converters of zod and of others say, with keywords that llguidance holds where there are such."""
    if schema == {"not": {}}:
        return False
    alternatives = schema.get("oneOf")
    if isinstance(alternatives, list) and "anyOf" not in schema:
        values = [
            json.dumps(each["const"]) for each in alternatives if isinstance(each, dict) and "const" in each
        ]
        if len(set(values)) == len(alternatives):
            schema["anyOf"] = schema.pop("oneOf")
    if "pattern" not in schema and schema.get("format") in tuple(_REAL):
        schema["pattern"] = _REAL[schema["format"]]
    return _without_property_names(schema)


_YEAR = r"(?:000[1-9]|00[1-9]\d|0[1-9]\d\d|[1-9]\d{3})"
_OF_FOUR = "(?:0[48]|[2468][048]|[13579][26])"
_DAY = rf"(?:{_YEAR}-(?:0[13-9]|1[0-2])-..|{_YEAR}-02-(?:[01].|2[0-8])|(?:\d\d{_OF_FOUR}|{_OF_FOUR}00)-02-29)"
_TIME = r"..:..:[0-5]"
_REAL = {"date": f"^{_DAY}", "time": f"^{_TIME}", "date-time": f"^{_DAY}.{_TIME}"}
"""Formats of which llguidance takes more: every year for a leap year, every minute for one of 61 seconds."""


def _without_property_names(schema: dict[str, Any]) -> dict[str, Any]:
    names = {} if schema.get("propertyNames") is True else schema.get("propertyNames")
    if not isinstance(names, Mapping) or names.get("type", "string") != "string":
        return schema
    told = {keyword: value for keyword, value in names.items() if keyword not in _LABELS}
    others = schema.get("additionalProperties", {})
    is_free = "properties" not in schema and "patternProperties" not in schema
    named: dict[str, Any]
    match told:
        case {"enum": [*listed], **more} if (
            is_free and not more and all(isinstance(each, str) for each in listed)
        ):
            named = {"properties": dict.fromkeys(listed, others), "additionalProperties": False}
        case {"pattern": str(pattern), **more} if is_free and not more and not _fault(told):
            named = {"patternProperties": {pattern: others}, "additionalProperties": False}
        case {**more} if not more:
            named = {}
        case _:
            return schema
    return {**{keyword: value for keyword, value in schema.items() if keyword != "propertyNames"}, **named}


def _without_format(schema: Schema, name: str) -> Schema:
    """A schema without a format: JSON Schema lets names of formats that nobody knows stand for nothing."""

    def dropped(each: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in each.items() if not (key == "format" and value == name)}

    changed: Schema = _mapped(schema, dropped)
    return changed


def _closed(schema: Schema) -> Schema:
    """The schema, whose objects have no properties but those it names unless it speaks of others.

    What fits it fits the schema. Where several schemas may describe one object together, all stays open.
    """
    if any(_is_composed(each) for _, each in _schemas(schema, "")):
        return schema
    closed: Schema = _mapped(schema, _with_no_others)
    return closed


def _is_composed(schema: Mapping[str, Any]) -> bool:
    return "allOf" in schema or ("properties" in schema and not _COMPOSING.isdisjoint(schema))


def _with_no_others(schema: dict[str, Any]) -> dict[str, Any]:
    properties = schema.get("properties")
    if isinstance(properties, Mapping) and _OPENING.isdisjoint(schema):
        required = schema.get("required", [])
        if all(name in properties for name in required):
            schema["additionalProperties"] = False
    return schema


_DATA = ("const", "enum", "default", "examples", "example", "required")
"""Keywords under which no schema stands."""
_LABELS = ("type", "title", "description", "$schema")
"""Say nothing about the name of a property: it is a text."""
_COMPOSING = frozenset({"anyOf", "oneOf", "$ref", "$dynamicRef"})
_OPENING = frozenset({"additionalProperties", "patternProperties", "unevaluatedProperties"})


def _fault(schema: Any) -> str:
    """Why llguidance cannot hold an answer to a schema; empty when it can."""
    try:
        said = str(llguidance.LLMatcher.validate_grammar(schema_grammar(schema), limits=LIMITS))
        return said.partition("\n  while processing")[0]
    except (ValueError, RecursionError) as error:
        return str(error) or "it cannot be read"


def _check_multiples(schema: Schema, place: str) -> None:
    """Refuse numbers whose multiples llguidance would count for minutes: none of its limits bounds that."""
    together = 1
    for path, each in _schemas(schema, place):
        value = each.get("multipleOf")
        if isinstance(value, int | float) and not isinstance(value, bool):
            digits = "".join(map(str, Decimal(str(value)).as_tuple().digits)).strip("0")
            together = math.lcm(together, int(digits or 1))
            if together > _MOST_REMAINDERS:
                raise refused(f"{path}.multipleOf", "multiples of so many digits cannot be held")


def _not_held(message: str, schema: Schema, place: str) -> NotHeld:
    """The refusal of a schema: what llguidance said, and where in the schema."""
    path, part = _fault_in(schema, message)
    place += path
    unknown = re.search(r"Unimplemented keys: \[(.*)\]", message)
    if unknown is not None:
        keys = re.findall(r'"([^"]+)"', unknown[1])
        return NotHeld(place, "an answer cannot be held to " + ", ".join(keys))
    pointer = re.search(r"Pointer '(.*)' does not exist", message)
    if pointer is not None:
        return NotHeld(place, f"the reference #{pointer[1]} leads to nothing")
    if "regex parse error" in message or "in regex" in message:
        place += next((f".{key}" for key in ("pattern", "patternProperties") if key in part), "")
    return refused(place, message)


def refused(place: str, message: str) -> NotHeld:
    """A refusal in our own words, where llguidance's speak of its insides."""
    expression = re.search(r"regex parse error:\s*\n\s*(.*)\n[\s^]*error: (.*)", message)
    if expression is not None:
        message = f"the regular expression {expression[1]} cannot be held: {expression[2]}"
    said = next((words for pattern, words in _REASONS if re.search(pattern, message)), message.strip())
    return NotHeld(place, said.splitlines()[0][:300] if said else "it cannot be read")


_REASONS = (
    ("oneOf", "of oneOf only alternatives that exclude each other can be held: use anyOf"),
    ("regex for (integer|float) range", "the bounds of a number cannot be held"),
    ("NoExtension|Regex is empty", "nothing fits it"),
    ("lookarounds", "borders of words in regular expressions cannot be held"),
    ("recursion", "it is nested too deeply"),
    ("too many|too big|too large|too complex|precomputation", "it is too involved"),
)
"""What llguidance says, and what that means."""


def _fault_in(schema: Schema, message: str) -> tuple[str, Mapping[str, Any]]:
    """What in a schema it is of which llguidance says this, and where that stands, as `.properties.a.items`.

    It is the innermost schema that is refused alike when it stands alone; where it is referred to, what is
    referred to.
    """
    path, inside = "", schema if isinstance(schema, Mapping) else {}
    until = time.monotonic() + (_SEARCH_SECONDS if "recursion" not in message else 0)
    definitions = {key: inside[key] for key in _DEFINITIONS if key in inside}
    while True:
        parts = sorted(_parts(inside), key=lambda part: not part[0].startswith(_DEFINITIONS_PATHS))
        for step, part in parts:
            if time.monotonic() < until and _fault({**definitions, **part}) == message:
                path, inside = path + step, part
                break
        else:
            return path, inside


_DEFINITIONS = ("$defs", "definitions")
_DEFINITIONS_PATHS = tuple(f".{key}." for key in _DEFINITIONS)
_OF_NAMED_SCHEMAS = (*_DEFINITIONS, "properties", "patternProperties", "dependentSchemas")


def _schemas(schema: Any, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """All schemas in a schema, itself first, and where they stand."""
    left = [(path, schema)] if isinstance(schema, Mapping) else []
    while left:
        path, each = left.pop()
        yield path, each
        left += [(path + step, part) for step, part in _parts(each)]


def _parts(schema: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The schemas that stand directly in a schema, and where."""
    for keyword, value in schema.items():
        if keyword in _DATA:
            continue
        parts: Iterable[tuple[str, Any]] = [(f".{keyword}", value)]
        if isinstance(value, list):
            parts = ((f".{keyword}[{number}]", each) for number, each in enumerate(value))
        elif keyword in _OF_NAMED_SCHEMAS and isinstance(value, Mapping):
            parts = ((f".{keyword}.{name}", each) for name, each in value.items())
        yield from ((path, each) for path, each in parts if isinstance(each, Mapping))
