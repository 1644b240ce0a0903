"""Messages of a chat in the forms that chat templates take; nothing here changes what it is given."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from llmmem_gui.core.sentence import BadValue, Sentence

Message = Mapping[str, Any]
Messages = Sequence[Message]

_REASONING = ("reasoning_content", "thinking", "reasoning")
"""The names of what a model thought, the usual one first."""
_ID_LENGTH = 9
"""Of the ids of tool calls that the strictest templates take."""


def plain(messages: Messages) -> list[Message]:
    """The messages with their content in one text, and without fields that say nothing. Raises `BadValue`."""
    return [_with_reasoning(_plain(message)) for message in messages]


def with_content(message: Message, content: Any) -> Message:
    """The message with another content."""
    return {**message, "content": content}


def in_parts(messages: Messages) -> list[Message]:
    """The messages with their text as a list of parts."""
    return [with_content(each, [{"type": "text", "text": each["content"]}]) for each in messages]


def with_arguments_as_objects(messages: Messages) -> list[Message]:
    """The messages with the arguments of tool calls as objects, where the text is one in JSON."""
    return _with_functions(messages, lambda function: {**function, "arguments": _object_of(function)})


def with_arguments_as_text(messages: Messages) -> list[Message]:
    """The messages with the arguments of tool calls as JSON."""
    return _with_functions(messages, lambda function: {**function, "arguments": _text_of(function)})


def with_short_ids(messages: Messages) -> list[Message]:
    """The messages with ids of tool calls that have nine letters and digits."""
    ids = [call.get("id") for message in messages for call in message.get("tool_calls", ())]
    short = {each: f"call{number:0{_ID_LENGTH - 4}}" for number, each in enumerate(ids, 1) if each}

    def renamed(message: Message) -> Message:
        changed = dict(message)
        if "tool_call_id" in message:
            changed["tool_call_id"] = short.get(message["tool_call_id"], message["tool_call_id"])
        if "tool_calls" in message:
            calls = message["tool_calls"]
            changed["tool_calls"] = [
                {**call, "id": short[call["id"]]} if call.get("id") else call for call in calls
            ]
        return changed

    return [renamed(message) for message in messages]


def with_one_call_each(messages: Messages) -> list[Message]:
    """The messages with each call of several in a message of its own, with what the tool answered to it."""
    several = [message["tool_calls"] for message in messages if len(message.get("tool_calls", ())) > 1]
    ids = {call.get("id") for calls in several for call in calls}
    answers = [each for each in messages if each["role"] == "tool" and each.get("tool_call_id") in ids]
    told: list[Message] = []
    for message in messages:
        first, *others = message.get("tool_calls", ()) or (None,)
        if message in answers:
            continue
        if not others:
            told.append(message)
            continue
        for call in (first, *others):
            begin = message if call is first else {"role": message["role"], "content": ""}
            told.append({**begin, "tool_calls": [call]})
            told += [answer for answer in answers if answer["tool_call_id"] == call.get("id")]
    return told


def without_system(messages: Messages) -> list[Message]:
    """The messages with what the system says in front of what the user says next."""
    told: list[Message] = []
    waiting: list[str] = []
    for message in messages:
        if message["role"] == "system":
            waiting.append(message["content"])
            continue
        if waiting and message["role"] == "user":
            message = with_content(message, "\n\n".join([*waiting, message["content"]]))
        elif waiting:
            told.append(_of_user(waiting))
        waiting = []
        told.append(message)
    return [*told, _of_user(waiting)] if waiting else told


def alternating(messages: Messages) -> list[Message]:
    """The messages with those together that one role says one after the other."""
    together: list[Message] = []
    for message in messages:
        before = together[-1] if together else None
        if before is not None and _can_be_one(before, message):
            together[-1] = with_content(before, f"{before['content']}\n\n{message['content']}")
        else:
            together.append(message)
    return together


def with_calls_as_text(messages: Messages) -> list[Message]:
    """The messages with tool calls and what tools answered written out, as many models are taught it."""
    told: list[Message] = []
    for message in with_arguments_as_objects(messages):
        if message["role"] == "tool":
            told.append(_of_user([f"<tool_response>\n{message['content']}\n</tool_response>"]))
        elif "tool_calls" in message:
            texts = [message["content"], *(_call_text(call) for call in message["tool_calls"])]
            told.append({"role": message["role"], "content": "\n".join(text for text in texts if text)})
        else:
            told.append(message)
    return alternating(told)


def _of_user(texts: Sequence[str]) -> Message:
    return {"role": "user", "content": "\n\n".join(texts)}


def _plain(message: Message) -> Message:
    given = {name: value for name, value in message.items() if value not in (None, [])}
    return with_content(given, _text(given.get("content", "")))


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if any(not isinstance(part, Mapping) or not isinstance(part.get("text"), str) for part in content):
        raise BadValue(Sentence("Host", "the model reads text only"))
    return "\n".join(part["text"] for part in content)


def _with_reasoning(message: Message) -> Message:
    """The message with its thoughts under both names by which templates ask for them."""
    thoughts = next((message[name] for name in _REASONING if name in message), None)
    return message if thoughts is None else {"thinking": thoughts, **message, "reasoning_content": thoughts}


def _with_functions(
    messages: Messages, changed: Callable[[Mapping[str, Any]], Mapping[str, Any]]
) -> list[Message]:
    """The messages with each function that was called changed."""
    return [
        {
            **message,
            "tool_calls": [
                {**call, "function": changed(call["function"])} if "function" in call else call
                for call in message["tool_calls"]
            ],
        }
        if "tool_calls" in message
        else message
        for message in messages
    ]


def _object_of(function: Mapping[str, Any]) -> Any:
    arguments = function.get("arguments")
    if not isinstance(arguments, str):
        return arguments
    try:
        value = json.loads(arguments or "{}")
    except (ValueError, RecursionError):
        return arguments
    return value if isinstance(value, dict) else arguments


def _text_of(function: Mapping[str, Any]) -> str:
    arguments = function.get("arguments")
    return arguments if isinstance(arguments, str) else json.dumps(arguments or {}, ensure_ascii=False)


def _call_text(call: Mapping[str, Any]) -> str:
    function = call.get("function", {})
    written = {name: function.get(name) for name in ("name", "arguments")}
    return f"<tool_call>\n{json.dumps(written, ensure_ascii=False)}\n</tool_call>"


def _can_be_one(before: Message, message: Message) -> bool:
    return before["role"] == message["role"] in ("user", "assistant", "system") and not (
        "tool_calls" in before or "tool_calls" in message
    )
