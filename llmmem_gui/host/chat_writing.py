"""A chat written by a template, of messages in a form that the template takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from llmmem_gui.core.sentence import BadValue, Sentence
from llmmem_gui.host.chat_messages import (
    Message,
    Messages,
    alternating,
    in_parts,
    plain,
    with_arguments_as_objects,
    with_arguments_as_text,
    with_calls_as_text,
    with_one_call_each,
    with_short_ids,
    without_system,
)
from llmmem_gui.host.templates import ChatTemplate, OutOfBounds, TemplateError, Tools

_CHANGES: Sequence[Callable[[Messages], list[Message]]] = (
    with_short_ids,
    with_one_call_each,
    without_system,
    alternating,
    with_calls_as_text,
)
"""What is tried, one on the other, after a template has refused messages."""


def write_by(template: ChatTemplate, arguments: Mapping[str, Any]) -> str:
    """The prompt of a chat, of messages in the first form that the template takes. Raises `SentenceError`."""
    variables = arguments.get("template_arguments") or {}
    for name in variables:
        if template.has_its_own(name):
            raise BadValue(Sentence("Host", "{name} cannot be given to the chat template").format(name=name))
    if "enable_thinking" in variables:
        # The other name by which templates ask for it.
        variables = {"thinking": variables["enable_thinking"], **variables}
    messages = plain(arguments["messages"])
    continues = continues_answer(arguments)
    refusal: TemplateError | None = None
    given: Tools | None = arguments.get("tools") or None
    # Some templates need a list of tools, also where it is empty.
    for tools in (given,) if given else (None, []):
        for attempt in _attempts(template, messages):
            try:
                return template.render(attempt, tools, variables, continues=continues)
            except OutOfBounds:
                raise
            except TemplateError as error:
                refusal = refusal or error
    assert refusal is not None
    raise refusal


def continues_answer(arguments: Mapping[str, Any]) -> bool:
    """The last message of a chat is an answer that goes on."""
    messages = arguments["messages"]
    last = messages[-1] if messages else {}
    is_begun = last.get("role") == "assistant" and not last.get("tool_calls")
    return is_begun and arguments.get("continues") is not False


def _attempts(template: ChatTemplate, messages: Messages) -> Iterator[Messages]:
    """The messages as the template takes them, and then in forms that the strictest templates demand."""
    if any("tool_calls" in message for message in messages):
        messages = (
            with_arguments_as_text(messages)
            if template.takes_arguments_as_text
            else with_arguments_as_objects(messages)
        )
    if any(message["role"] == "system" for message in messages) and not template.takes_system:
        messages = without_system(messages)
    in_form = in_parts if template.takes_parts_only else list
    yield in_form(messages)
    for change in _CHANGES:
        changed = change(messages)
        if changed != messages:
            messages = changed
            yield in_form(messages)
