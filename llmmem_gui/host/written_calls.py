"""How models write tool calls: every family its own way, read here from text that is complete.

A reader takes what stands between two marks (`answer_reader`) and gives the calls in it, or None when that is
no call. What it gives is checked by its caller against the tools that were offered. The forms are those that
chat templates show when they repeat a call (the templates that come with llama.cpp are the tests' witnesses).
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from llmmem_gui.host.written_arguments import NAMED_AFTER, NAMED_BEFORE

Schemas = Mapping[str, Mapping[str, Any]]
"""The tools that were offered: the JSON schema of the parameters by the name of the function."""


class Call(NamedTuple):
    """A call of a tool."""

    name: str
    arguments: str
    """JSON."""


Read = Callable[[str, Schemas], list[Call] | None]

_NAMES = ("name", "tool_name", "function_name", "function", "tool")
_ARGUMENTS = ("arguments", "parameters", "args", "input", "kwargs")


def first_key_may_be_of_call(beginning: str) -> bool:
    """Whether text that begins with a brace or a bracket may go on to be a call in JSON."""
    found = re.match(r'[\[{\s]*"(\w*)("?)', beginning)
    if found is None:
        return re.fullmatch(r"[\[{\s]*", beginning) is not None
    key, is_whole = found[1], bool(found[2])
    keys = (*_NAMES, *_ARGUMENTS, "type", "id", "tool_call_id", "tool_calls")
    return key in keys if is_whole else any(known.startswith(key) for known in keys)


def json_calls(text: str, schemas: Schemas) -> list[Call] | None:
    """Read one call, or a list of calls, that is a JSON object with a name and arguments."""
    value = _json(text)
    if isinstance(value, dict) and isinstance(value.get("tool_calls"), list):
        value = value["tool_calls"]
    return _calls_of(value if isinstance(value, list) else [value], schemas)


def json_calls_in_a_row(text: str, schemas: Schemas) -> list[Call] | None:
    """Read JSON objects one after the other, perhaps with a semicolon or a comma between."""
    decoder, place, values = json.JSONDecoder(), 0, []
    text = text.strip()
    while place < len(text):
        try:
            value, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            return None
        values += value if isinstance(value, list) else [value]
        place = _after(re.compile(r"[\s;,]*"), text, place)
    return _calls_of(values, schemas)


def named_calls(text: str, schemas: Schemas) -> list[Call] | None:
    """Read `NAME{JSON}`, with what models write around it: `functions.`, `:0`, an id, a fence."""
    calls = []
    place = 0
    decoder = json.JSONDecoder()
    while place < len(text.rstrip()):
        head = _NAMED.match(text, place)
        if head is None:
            return None
        try:
            value, place = decoder.raw_decode(text, head.end())
        except (ValueError, RecursionError):
            return None
        calls.append(Call(head["name"], _written(value)))
        place = _after(_AFTER_NAMED, text, place)
    return calls or None


_NAMED = re.compile(NAMED_BEFORE + r"(?=[\[{])")
_AFTER_NAMED = re.compile(NAMED_AFTER)


def tagged_calls(text: str, schemas: Schemas) -> list[Call] | None:
    """Read calls whose parameters are elements, as Qwen3-Coder, MiniMax and DeepSeek write them."""
    calls = []
    for function in _FUNCTION.finditer(text):
        name, inside = function["name"], function["inside"]
        whole = _json(inside)
        if isinstance(whole, dict):
            calls.append(Call(name, _written(whole)))
            continue
        values = {
            found["name"]: _typed(found["value"], found["is_text"], _property(schemas, name, found["name"]))
            for found in _PARAMETER.finditer(inside)
        }
        if values or not inside.strip():
            calls.append(Call(name, _written(values)))
    return calls or None


_FUNCTION = re.compile(
    r"<(?:｜DSML｜|\w+:)?(?:function|invoke)(?:=| name=)[\"']?(?P<name>[\w.-]+)[\"']?\s*>(?P<inside>.*?)"
    r"(?:</(?:｜DSML｜|\w+:)?(?:function|invoke)>|\Z)",
    re.DOTALL,
)
_PARAMETER = re.compile(
    r"<(?:｜DSML｜|\w+:)?param(?:eter)?(?:=| name=)[\"']?(?P<name>[^\"'>\s]+)[\"']?"
    r"(?: string=\"(?P<is_text>\w+)\")?\s*>\n?(?P<value>.*?)\n?</(?:｜DSML｜|\w+:)?param(?:eter)?>",
    re.DOTALL,
)


def pairs_calls(text: str, schemas: Schemas) -> list[Call] | None:
    """Read a name followed by elements for keys and values, as GLM writes it."""
    calls = []
    for written in re.split(r"</?tool_call(?::\w+)?>", text):
        found = re.match(
            r"\s*(?P<name>[\w.-]+)\s*(?:<tool_sep(?::\w+)?>)?\s*(?P<inside>.*)", written, re.DOTALL
        )
        if found is None:
            continue
        if found["inside"] and not found["inside"].startswith("<arg_key"):
            return None
        values = {
            key.strip(): _typed(value, None, _property(schemas, found["name"], key.strip()))
            for key, value in _PAIR.findall(found["inside"])
        }
        calls.append(Call(found["name"], _written(values)))
    return calls or None


_PAIR = re.compile(
    r"<arg_key(?::\w+)?>(.*?)</arg_key(?::\w+)?>\s*<arg_value(?::\w+)?>(.*?)</arg_value(?::\w+)?>", re.DOTALL
)


def opened_calls(text: str, schemas: Schemas) -> list[Call] | None:
    """Read calls and arguments between `<|open|>` and `<|close|>`, as Kimi K3 writes them."""
    calls = []
    for call in _OPENED_CALL.finditer(text):
        arguments = _OPENED_ARGUMENT.findall(call["inside"])
        values = {key: value if kind == "string" else _read(value) for key, kind, value in arguments}
        calls.append(Call(call["name"], _written(values)))
    return calls or None


_OPENED_CALL = re.compile(
    r'<\|open\|>call tool="(?P<name>[^"]+)"[^<]*<\|sep\|>(?P<inside>.*?)<\|close\|>call<\|sep\|>', re.DOTALL
)
_OPENED_ARGUMENT = re.compile(
    r'<\|open\|>argument key="([^"]+)" type="(\w+)"<\|sep\|>(.*?)<\|close\|>argument<\|sep\|>', re.DOTALL
)


def element_calls(text: str, schemas: Schemas) -> list[Call] | None:
    """Read calls whose values are elements in elements, with a token before each tag, as MiniMax M3 does."""
    calls = []
    for call in _ELEMENT_CALL.finditer(text):
        elements = _elements(call["inside"])
        properties = schemas.get(call["name"], {}).get("properties") or {}
        values = {name: _of_element(value, properties.get(name, {})) for name, value in elements}
        calls.append(Call(call["name"], _written(values)))
    return calls or None


_TAG = re.escape("]<]minimax[>[")
_ELEMENT_CALL = re.compile(rf'{_TAG}<invoke name="(?P<name>[^"]+)">(?P<inside>.*?){_TAG}</invoke>', re.DOTALL)
_ELEMENT = re.compile(rf"{_TAG}<(/?)([^>]+)>")


def _elements(text: str) -> list[tuple[str, str]]:
    """The outermost elements of a text: their names and what stands in them."""
    elements, depth, begin = [], 0, 0
    for tag in _ELEMENT.finditer(text):
        depth += -1 if tag[1] else 1
        if depth == 1 and not tag[1]:
            begin = tag.end()
        elif depth == 0:
            elements.append((tag[2], text[begin : tag.start()]))
    return elements


def _of_element(text: str, schema: Any) -> Any:
    """What an element holds: an object, a list of `item`s, or a value as its type says."""
    schema = schema if isinstance(schema, dict) else {}
    elements = _elements(text)
    if not elements:
        return _typed(text, None, schema)
    if all(name == "item" for name, _ in elements):
        return [_of_element(value, schema.get("items")) for _, value in elements]
    properties = schema.get("properties") or {}
    return {name: _of_element(value, properties.get(name)) for name, value in elements}


def python_calls(text: str, schemas: Schemas) -> list[Call] | None:
    """Read calls in the syntax of Python with literal arguments, alone or in a list."""
    try:
        # Some write the literals of JSON.
        tree = _JsonNames().visit(ast.parse(text.strip(), mode="eval")).body
        nodes = tree.elts if isinstance(tree, ast.List | ast.Tuple) else [tree]
        return [_python_call(node) for node in nodes] or None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def colon_calls(text: str, schemas: Schemas) -> list[Call] | None:
    """Read `call:NAME{key:value}`, in which Gemma puts texts between tokens instead of quotation marks."""
    found = re.fullmatch(r"\s*(?:call:)?(?P<name>[\w.-]+)\s*(?P<inside>\{.*\})\s*", text, re.DOTALL)
    if found is None:
        return None
    value = _json(_with_quotes(found["inside"]))
    return [Call(found["name"], _written(value))] if isinstance(value, dict) else None


def call_of_one_name(text: str, schemas: Schemas) -> list[Call] | None:
    """Read objects with one key, the name, and the arguments under it, as Apertus writes them."""
    value = _json(text)
    values = value if isinstance(value, list) else [value]
    calls = []
    for each in values:
        if not isinstance(each, dict) or len(each) != 1:
            return None
        calls += [Call(name, _written(arguments)) for name, arguments in each.items()]
    return calls or None


def any_of(*reads: Read) -> Read:
    """Read by the first that finds calls of tools that were offered."""

    def read(text: str, schemas: Schemas) -> list[Call] | None:
        found = (each(text, schemas) for each in reads)
        return next((calls for calls in found if calls and are_offered(calls, schemas)), None)

    return read


def are_offered(calls: list[Call], schemas: Schemas) -> bool:
    """Whether all of these are tools that the request offered."""
    return all(call.name in schemas for call in calls)


def beginning_of_call(text: str, schemas: Schemas) -> Call | None:
    """What is there of a call in JSON that was cut off."""
    name = re.search(r'"name"\s*:\s*"([^"]*)"', text)
    if name is None or name[1] not in schemas:
        return None
    arguments = re.search(r'"(?:arguments|parameters)"\s*:\s*(.*)', text, re.DOTALL)
    return Call(name[1], arguments[1] if arguments else "")


def _calls_of(values: list[Any], schemas: Schemas) -> list[Call] | None:
    calls = [call for value in values for call in _call_of(value, schemas)]
    return calls if calls and len(calls) >= len(values) else None


def _call_of(value: Any, schemas: Schemas) -> Iterator[Call]:
    if not isinstance(value, dict):
        return
    if isinstance(value.get("function"), dict):
        value = value["function"]
    name = next((value[key] for key in _NAMES if isinstance(value.get(key), str)), None)
    if name is not None and (name in schemas or any(key in value for key in _ARGUMENTS)):
        yield Call(name, _written(next((value[key] for key in _ARGUMENTS if key in value), None)))


class _JsonNames(ast.NodeTransformer):
    def visit_Name(self, node: ast.Name) -> ast.expr:
        names = {"true": True, "false": False, "null": None}
        return ast.Constant(names[node.id]) if node.id in names else node


def _python_call(node: ast.expr) -> Call:
    if not isinstance(node, ast.Call) or node.args:
        raise ValueError("no call with named arguments")
    name = ast.unparse(node.func).removesuffix(".call")
    arguments: dict[str, Any] = {
        keyword.arg or "": ast.literal_eval(keyword.value) for keyword in node.keywords
    }
    return Call(name, _written(arguments))


def _with_quotes(text: str) -> str:
    """Gemma's form of an object as JSON: keys between quotation marks, texts too."""
    parts = re.split(r"<\|\"\|>|<escape>", text)
    for place in range(0, len(parts), 2):
        # The pieces at odd places are texts; keys stand in the others only.
        parts[place] = re.sub(r'([{,]\s*)"?([\w.$-]+)"?\s*:', r'\1"\2":', parts[place])
    return "".join(json.dumps(part) if place % 2 else part for place, part in enumerate(parts))


def _typed(value: str, is_text: str | None, schema: Mapping[str, Any]) -> Any:
    """A parameter's value as its type says; models write texts without quotation marks there."""
    kinds = schema.get("type")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if is_text == "true" or (is_text is None and "string" in kinds and value.strip() != "null"):
        return value
    return _read(value)


def _read(value: str) -> Any:
    """A value in JSON or, failing that, in the syntax of Python; else the text itself."""
    read = _json(value)
    if read is not _NOTHING:
        return read
    try:
        return ast.literal_eval(value.strip())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return value


def _property(schemas: Schemas, name: str, key: str) -> Mapping[str, Any]:
    properties = schemas.get(name, {}).get("properties")
    found = properties.get(key) if isinstance(properties, dict) else None
    return found if isinstance(found, dict) else {}


def _written(arguments: Any) -> str:
    """Arguments as OpenAI's clients expect them: JSON in a string."""
    if isinstance(arguments, str):
        if isinstance(_json(arguments), dict):
            return arguments
        if not arguments.strip():
            return "{}"
    return json.dumps({} if arguments is None else arguments, ensure_ascii=False)


_NOTHING = object()


def _json(text: str) -> Any:
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return _NOTHING


def _after(pattern: re.Pattern[str], text: str, place: int) -> int:
    found = pattern.match(text, place)
    return found.end() if found else place
