"""Chat messages and tools as clients send them, in the forms that a host is given."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from llmmem_gui.service.http.errors import ApiError, refused
from llmmem_gui.service.http.image_urls import image_data, image_part
from llmmem_gui.service.http.json_schemas import too_large
from llmmem_gui.service.http.openai_schemas import (
    ChatRequest,
    ChosenFunction,
    Content,
    ContentPart,
    Message,
    Tool,
    ToolCall,
    ToolChoice,
)

_IMAGE_PARTS = ("image_url", "input_image")
_TEXT_PARTS = ("text", "input_text", "output_text")
_ROLES = {"developer": "system", "function": "tool"}
"""OpenAI's newest and oldest roles, by the names that chat templates know."""


def host_messages(request: ChatRequest) -> list[dict[str, Any]]:
    """The messages as chat templates know them, with images among their parts.

    Raises `ApiError` 400 for what no model can be given here.
    """
    return [_host_message(message, f"messages[{index}]") for index, message in enumerate(request.messages)]


def with_tools_of_today(request: ChatRequest) -> ChatRequest:
    """The request with tools and the choice among them in one form: functions that may or must be called.

    Raises `ApiError` 400 for a choice that cannot be.
    """
    tools, choice = request.tools or [], request.tool_choice
    if request.functions and not tools:
        tools = [Tool("function", function) for function in request.functions]
        old = request.function_call
        choice = ToolChoice(function=old) if isinstance(old, ChosenFunction) else old
    if any(too_large(tool.function.parameters) for tool in tools):
        raise refused("tools", "the parameters of a tool are too large or nested too deeply")
    if isinstance(choice, ToolChoice) and choice.type == "allowed_tools":
        tools, choice = _allowed(tools, choice)
    if choice == "any":
        choice = "required"
    if choice == "required" and not tools:
        raise refused("tool_choice", "a tool is demanded and none is given in tools")
    if isinstance(choice, ToolChoice):
        choice = ToolChoice(function=_chosen(tools, choice.function or choice.name))
    return msgspec.structs.replace(request, tools=tools or None, tool_choice=choice)


def host_tools(request: ChatRequest) -> list[dict[str, Any]]:
    """The tools as chat templates know them."""
    return [
        {
            "type": "function",
            "function": {k: v for k, v in msgspec.to_builtins(tool.function).items() if v is not None},
        }
        for tool in request.tools or ()
    ]


def _allowed(tools: list[Tool], choice: ToolChoice) -> tuple[list[Tool], Literal["auto", "required"]]:
    allowed = choice.allowed_tools
    if allowed is None:
        raise refused("tool_choice", "the field allowed_tools is missing")
    names = {_chosen(tools, each.function or each.name).name for each in allowed.tools}
    return [tool for tool in tools if tool.function.name in names], allowed.mode


def _chosen(tools: list[Tool], wanted: ChosenFunction | str | None) -> ChosenFunction:
    name = wanted.name if isinstance(wanted, ChosenFunction) else wanted
    if name not in [tool.function.name for tool in tools]:
        raise refused("tool_choice", f"there is no tool named {name}")
    return ChosenFunction(name)


def _host_message(message: Message, place: str) -> dict[str, Any]:
    if message.audio:
        raise _not_read(f"{place}.audio", "audio")
    old_calls = [] if message.function_call is None else [ToolCall(message.function_call)]
    calls = [
        {
            "id": call.id or f"call_{call.function.name}",
            "type": "function",
            "function": {"name": call.function.name, "arguments": call.function.arguments or "{}"},
        }
        for call in [*(message.tool_calls or ()), *old_calls]
    ]
    thoughts = (message.reasoning_content, message.reasoning, message.thinking)
    given = {
        "role": _ROLES.get(message.role, message.role),
        "content": _content(message, place),
        "name": message.name,
        "tool_calls": calls or None,
        # Functions had no ids: the name tells which call it is that is answered.
        "tool_call_id": f"call_{message.name}" if message.role == "function" else message.tool_call_id,
        "reasoning_content": next((each for each in thoughts if each and isinstance(each, str)), None),
    }
    return {name: value for name, value in given.items() if value is not None}


def _content(message: Message, place: str) -> str | list[dict[str, str]]:
    content = _told_content(message, place)
    if not message.images:
        return content
    texts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return [*(image_part(image) for image in message.images), *texts]


def _told_content(message: Message, place: str) -> str | list[dict[str, str]]:
    content: Content | UnsetType | None = message.content
    if content is UNSET and message.role != "assistant":
        raise refused(f"{place}.content", f"the message of the {message.role} has no content")
    if isinstance(content, list):
        return [_part(part, f"{place}.content[{index}]") for index, part in enumerate(content)]
    return content or message.refusal or ""


def _part(part: ContentPart, place: str) -> dict[str, str]:
    if part.type in _IMAGE_PARTS:
        url = part.image_url if isinstance(part.image_url, str) else part.image_url and part.image_url.url
        return image_part(image_data(url or "", f"{place}.image_url"))
    if part.type not in _TEXT_PARTS:
        raise _not_read(place, part.type)
    if part.text is None:
        raise refused(f"{place}.text", "a part of the content has no text")
    return {"type": "text", "text": part.text}


def _not_read(place: str, what: str) -> ApiError:
    return refused(place, f"models are given text and images here, and there is {what}: leave it out")
