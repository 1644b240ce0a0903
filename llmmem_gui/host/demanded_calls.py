"""Grammars that hold an answer to calls of tools, written as the model's family writes them.

Used when a call is demanded, when a tool is `strict`, and for models whose template knows no tools: these are
told of them in a system message.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from llmmem_gui.host import chat_messages
from llmmem_gui.host.chat_messages import Message, Messages
from llmmem_gui.host.constraint import Constraint, Constraints
from llmmem_gui.host.harmony import SAID
from llmmem_gui.host.schemas import Schema, checked, json_rule

MOST_CALLS = 8
"""In one answer, where several are allowed."""


class _Form(NamedTuple):
    """The texts around calls; those in angle or square brackets may be tokens of their own."""

    known_by: str
    """What stands in the templates of the family."""
    opening: tuple[str, ...]
    before_name: tuple[str, ...]
    between: tuple[str, ...]
    """The name and the arguments."""
    after: tuple[str, ...]
    separator: tuple[str, ...] = ()
    closing: tuple[str, ...] = ()
    takes_several: bool = True
    before_text: tuple[str, ...] = ()
    """Stands before an answer that is no call."""


_NAME, _ARGUMENTS = '{"name": "', '", "arguments": '
_HERMES = _Form("<tool_call>", (), ("<tool_call>\n" + _NAME,), (_ARGUMENTS,), ("}\n</tool_call>",), ("\n",))
_FORMS = (
    _Form(
        "<|channel|>",
        (),
        ("<|channel|>", "commentary to=functions."),
        (" ", "<|constrain|>", "json", "<|message|>"),
        ("<|call|>",),
        takes_several=False,
        before_text=SAID,
    ),
    _Form("[ARGS]", (), ("[TOOL_CALLS]",), ("[ARGS]",), ()),
    _Form("[TOOL_CALLS]", ("[TOOL_CALLS]", "["), (_NAME,), (_ARGUMENTS,), ("}",), (", ",), ("]",)),
    _Form(
        "<｜tool▁calls▁begin｜>",
        ("<｜tool▁calls▁begin｜>",),
        ("<｜tool▁call▁begin｜>", "function", "<｜tool▁sep｜>"),
        ("\n```json\n",),
        ("\n```", "<｜tool▁call▁end｜>"),
        ("\n",),
        ("<｜tool▁calls▁end｜>",),
    ),
    _Form(
        "<|tool_calls_section_begin|>",
        ("<|tool_calls_section_begin|>",),
        ("<|tool_call_begin|>", "functions."),
        (":0", "<|tool_call_argument_begin|>"),
        ("<|tool_call_end|>",),
        (),
        ("<|tool_calls_section_end|>",),
    ),
    _Form(
        "<|START_ACTION|>",
        ("<|START_ACTION|>", "["),
        ('{"tool_call_id": "0", "tool_name": "',),
        ('", "parameters": ',),
        ("}",),
        (", ",),
        ("]", "<|END_ACTION|>"),
    ),
    _Form("<TOOLCALL>", ("<TOOLCALL>[",), (_NAME,), (_ARGUMENTS,), ("}",), (", ",), ("]</TOOLCALL>",)),
    _Form("<|tool_call|>", ("<|tool_call|>", "["), (_NAME,), (_ARGUMENTS,), ("}",), (", ",), ("]",)),
    _Form("<|python_tag|>", (), (_NAME,), ('", "parameters": ',), ("}",), takes_several=False),
    _HERMES,
)
"""The first whose mark stands in a template is its form; Hermes' for all others."""

EXPLANATION = """\
You may call functions. They are described here, one JSON object in each line:
<tools>
{tools}
</tools>
To call one, answer with nothing but a JSON object of its name and arguments between these tags:
<tool_call>
{{"name": "NAME", "arguments": {{"PARAMETER": "VALUE"}}}}
</tool_call>
If no function is needed, answer as usual."""
"""Said to a model whose template does not know tools."""


def told_of_tools(messages: Messages, tools: Sequence[dict[str, Any]]) -> list[Message]:
    """The messages with the tools explained in the system message, and earlier calls written out.

    Raises `BadValue` for a message that is no text.
    """
    explained = EXPLANATION.format(tools="\n".join(json.dumps(tool, ensure_ascii=False) for tool in tools))
    told = chat_messages.with_calls_as_text(chat_messages.plain(messages))
    if told and told[0]["role"] == "system":
        system = f"{told[0]['content']}\n\n{explained}".strip()
        return [chat_messages.with_content(told[0], system), *told[1:]]
    return [{"role": "system", "content": explained}, *told]


def constraint_of_calls(
    constraints: Constraints,
    tools: Sequence[dict[str, Any]],
    template: str,
    *,
    demanded: bool,
    several: bool,
    answer: Schema | None = None,
    answer_place: str = "response_format",
    first: Sequence[str] = (),
) -> Constraint:
    """Hold an answer to calls of these tools; unless a call is `demanded` text may stand before them.

    With a schema for the `answer` it is JSON of that, or calls. `first` are marks that stand before it all.

    Raises `BadValue` for a tool whose parameters cannot be held, with the place in the request.
    """
    form = next((form for form in _FORMS if form.known_by in template), _HERMES)
    spelled = constraints.spelled
    rules = ["call: " + " | ".join(f"call_{place}" for place in range(len(tools)))]
    for place, tool in enumerate(tools):
        arguments = _arguments_schema(tool, place)
        name = json.dumps(tool["function"]["name"])
        rules.append(f"call_{place}: {name} {spelled(form.between)} arguments_{place} {spelled(form.after)}")
        rules.append(f"arguments_{place}: {json_rule(arguments)}")
    another = f"{spelled(form.separator)} {spelled(form.before_name)} call"
    more = f"({another}){{0,{MOST_CALLS - 1}}}" if several and form.takes_several else ""
    rest = f"call {more} {spelled(form.closing)}"
    opening = (*form.opening, *form.before_name)
    if answer is not None and not demanded:
        held = checked(answer, answer_place)
        rules += [
            f"all: calls | {spelled(form.before_text)} answer",
            f"calls: {spelled(opening)} {rest}",
            f"answer: {json_rule(held)}",
        ]
    elif demanded:
        rules.append(f"all: {spelled(opening)} {rest}")
    elif form.before_text:
        rules += [
            f"all: calls | {spelled(form.before_text)} TEXT",
            f"calls: {spelled(opening)} {rest}",
            "TEXT: /(?s:.*)/",
        ]
    elif constraints.name_of(opening[0]).startswith("<["):
        rules += ["all: TEXT calls?", f"calls: {spelled(opening)} {rest}", "TEXT: /(?s:.*)/"]
    elif opening[0].startswith("{"):
        # A call begins as JSON does, so text begins otherwise.
        rules += ["all: calls | TEXT", f"calls: {spelled(opening)} {rest}", "TEXT: /([^{](?s:.*))?/"]
    else:
        mark, end, begun = opening[0].partition(">")
        rules += [
            "all: calls | TEXT",
            f"calls: mark {spelled(tuple(filter(None, (begun, *opening[1:]))))} {rest}",
            f"mark[lazy]: TEXT {json.dumps(mark + end)}",
            "TEXT: /(?s:.*)/",
        ]
    return constraints.of_lark("\n".join([f"start: {spelled(first)} all", *rules]) + "\n", "tools")


def _arguments_schema(tool: dict[str, Any], place: int) -> Schema:
    """What the arguments of a call are held to: always an object."""
    parameters = {"type": "object", **(tool["function"].get("parameters") or {})}
    return checked(parameters, f"tools[{place}].function.parameters")
