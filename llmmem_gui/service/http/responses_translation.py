"""Requests of the Responses API as those of a chat, and whole answers back."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from llmmem_gui.service.http.errors import ApiError, refused
from llmmem_gui.service.http.openai_schemas import (
    AllowedTools,
    ChatRequest,
    ChosenFunction,
    ContentPart,
    FunctionCall,
    FunctionSpecification,
    Generation,
    JsonObjectFormat,
    JsonSchemaFormat,
    Message,
    NamedSchema,
    TextFormat,
    Tool,
    ToolCall,
    ToolChoice,
)
from llmmem_gui.service.http.responses_schemas import (
    InputItem,
    InputPart,
    ResponseFormat,
    ResponsesRequest,
    ResponseToolChoice,
)

Payload = dict[str, Any]

_LOGPROBS = "message.output_text.logprobs"
_KEPT_ELSEWHERE = ("previous_response_id", "conversation", "prompt")
"""Fields that name what OpenAI keeps between requests."""


def chat_of(request: ResponsesRequest) -> ChatRequest:
    """The chat that is asked for. Raises `ApiError` 400 for what cannot be had here."""
    for name in _KEPT_ELSEWHERE:
        if getattr(request, name) is not None:
            raise refused(
                name, f"nothing is kept here between requests: instead of {name}, send all in input"
            )
    if request.n > 1:
        raise refused("n", "a response is one answer: ask for several by chat completions")
    if request.background:
        raise refused("background", "an answer is given at once here, or as a stream: leave background out")
    shared = {name: getattr(request, name) for name in Generation.__struct_fields__}
    shared["stream_options"] = None
    if request.max_output_tokens is not None:
        shared["max_tokens"] = request.max_output_tokens
    if request.text is not None and request.text.format is not None:
        shared["response_format"] = _format(request.text.format)
    logprobs = _LOGPROBS in (request.include or ()) or bool(request.top_logprobs)
    return ChatRequest(
        **shared,
        messages=[message for _, message in _messages(request)],
        tools=[
            Tool("function", FunctionSpecification(tool.name, tool.description, tool.parameters, tool.strict))
            for tool in request.tools or ()
        ]
        or None,
        tool_choice=_choice(request.tool_choice),
        parallel_tool_calls=request.parallel_tool_calls,
        logprobs=logprobs or None,
        top_logprobs=request.top_logprobs if logprobs else None,
        reasoning=request.reasoning,
        chat_template_kwargs=request.chat_template_kwargs,
        enable_thinking=request.enable_thinking,
    )


def _format(form: ResponseFormat) -> TextFormat | JsonObjectFormat | JsonSchemaFormat:
    match form.type:
        case "json_object":
            return JsonObjectFormat()
        case "json_schema":
            return JsonSchemaFormat(NamedSchema(form.schema, form.name, form.strict))
    return TextFormat()


def _choice(choice: str | ResponseToolChoice | None) -> Any:
    if not isinstance(choice, ResponseToolChoice):
        return choice
    if choice.type == "allowed_tools":
        allowed = AllowedTools(choice.tools, choice.mode) if choice.tools else None
        return ToolChoice("allowed_tools", allowed_tools=allowed)
    return ToolChoice(function=ChosenFunction(choice.name or ""))


# --- the conversation -----------------------------------------------------------------------------------


def as_sent(error: ApiError, request: ResponsesRequest) -> ApiError:
    """An error about the chat, with the places that the client knows."""
    places = [place for place, _ in _messages(request)]

    def known(text: str) -> str:
        return re.sub(r"messages\[(\d+)\]", lambda found: places[int(found[1])], text)

    error.sentence = known(error.sentence)
    error.parameter = error.parameter and known(error.parameter)
    return error


def _messages(request: ResponsesRequest) -> list[tuple[str, Message]]:
    """The messages of the chat, and where each stands; calls that are one turn of the model become one."""
    messages: list[tuple[str, Message]] = []
    if request.instructions is not None:
        messages.append(("instructions", Message("system", request.instructions)))
    if isinstance(request.input, str):
        return [*messages, ("input", Message("user", request.input))]
    thoughts: str | None = None
    for index, item in enumerate(request.input):
        place = f"input[{index}]"
        match item.type:
            case "message":
                if item.role is None:
                    raise refused(f"{place}.role", f"{place} says nothing about whose message it is")
                said = _content(item.content)
                own = item.role == "assistant"
                messages.append(
                    (place, Message(item.role, said, reasoning_content=thoughts if own else None))
                )
                thoughts = None if own else thoughts
            case "function_call":
                _add_call(messages, item, place, thoughts)
                thoughts = None
            case "function_call_output":
                if item.call_id is None or item.output is None:
                    raise refused(place, f"{place} needs call_id and output")
                answer = Message("tool", _content(item.output), tool_call_id=item.call_id)
                messages.append((place, answer))
            case "reasoning":
                parts = item.content if isinstance(item.content, list) and item.content else item.summary
                thoughts = "\n".join(part.text or "" for part in parts or ()) or None
            case other:
                raise refused(f"{place}.type", f"an item of the type {other} cannot be read here")
    return messages


def _add_call(messages: list[tuple[str, Message]], item: InputItem, place: str, thoughts: str | None) -> None:
    if item.name is None or item.call_id is None:
        raise refused(place, f"{place} needs name and call_id")
    call = ToolCall(FunctionCall(item.name, item.arguments or "{}"), item.call_id)
    if messages and messages[-1][1].role == "assistant":
        begun, last = messages[-1]
        messages[-1] = begun, msgspec.structs.replace(last, tool_calls=[*(last.tool_calls or ()), call])
    else:
        calling = Message("assistant", "", tool_calls=[call], reasoning_content=thoughts)
        messages.append((place, calling))


def _content(content: str | list[InputPart] | None) -> str | list[ContentPart]:
    if not isinstance(content, list):
        return content or ""
    return [
        ContentPart("text", part.refusal) if part.refusal is not None and part.text is None else part
        for part in content
    ]


# --- the answer -----------------------------------------------------------------------------------------


def new_id(kind: str) -> str:
    """An id as OpenAI writes them: `resp`, `msg`, `rs` or `fc`, and what no other one has."""
    return f"{kind}_{secrets.token_hex(16)}"


class ResponseFrame:
    """What stands around the output of one response, the same in each of its events."""

    def __init__(self, request: ResponsesRequest) -> None:
        self._id = new_id("resp")
        self._created = int(time.time())
        self._request = request

    def around(
        self, payload: Mapping[str, Any], output: Sequence[Payload], status: str, **more: Any
    ) -> Payload:
        """The response with that output; `payload` is a chunk or a whole answer of a chat, or empty."""
        asked = self._request
        return {
            "id": self._id,
            "object": "response",
            "created_at": self._created,
            "model": payload.get("model", asked.model),
            "status": status,
            "error": None,
            "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
            "output": list(output),
            "usage": None,
            "instructions": asked.instructions,
            "max_output_tokens": asked.max_output_tokens,
            "tools": asked.tools or [],
            "tool_choice": asked.tool_choice or "auto",
            "parallel_tool_calls": asked.parallel_tool_calls is not False,
            "text": asked.text or {"format": {"type": "text"}},
            "reasoning": asked.reasoning or {"effort": None},
            "temperature": asked.temperature,
            "top_p": asked.top_p,
            "truncation": "disabled",
            "previous_response_id": None,
            "store": False,
            "background": False,
            "metadata": {},
            **more,
        }

    def whole(self, payload: Payload) -> Payload:
        """A whole answer of a chat as a response."""
        (choice,) = payload["choices"]
        status = status_of(choice["finish_reason"])
        said = choice["message"]
        logprobs = (choice.get("logprobs") or {}).get("content") or []
        output: list[Payload] = []
        if said.get("reasoning_content"):
            output.append(thought_item(new_id("rs"), said["reasoning_content"]))
        if said.get("content") or not said.get("tool_calls"):
            output.append(message_item(new_id("msg"), said.get("content") or "", logprobs, status))
        for call in said.get("tool_calls") or ():
            function = call["function"]
            output.append(
                call_item(new_id("fc"), call["id"], function["name"], function["arguments"], status)
            )
        return self.around(payload, output, status, usage=usage_of(payload["usage"]))


def status_of(finish_reason: str | None) -> str:
    """Whether the answer came to its end."""
    return "incomplete" if finish_reason == "length" else "completed"


def usage_of(counts: Mapping[str, Any]) -> Payload:
    """The tokens of a chat by the names that a response has for them."""
    return {
        "input_tokens": counts["prompt_tokens"],
        "input_tokens_details": dict(counts["prompt_tokens_details"]),
        "output_tokens": counts["completion_tokens"],
        "output_tokens_details": dict(counts["completion_tokens_details"]),
        "total_tokens": counts["total_tokens"],
    }


def thought_item(item_id: str, text: str, status: str = "completed") -> Payload:
    """What the model thought."""
    content = [{"type": "reasoning_text", "text": text}]
    return {"id": item_id, "type": "reasoning", "summary": [], "content": content, "status": status}


def text_part(text: str, logprobs: Iterable[Payload] = ()) -> Payload:
    """The text of a message."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": list(logprobs)}


def message_item(item_id: str, text: str, logprobs: Iterable[Payload], status: str) -> Payload:
    """What the model said."""
    content = [text_part(text, logprobs)]
    return {"id": item_id, "type": "message", "role": "assistant", "status": status, "content": content}


def call_item(item_id: str, call_id: str, name: str, arguments: str, status: str) -> Payload:
    """A call that the model makes."""
    return {
        "id": item_id,
        "type": "function_call",
        "call_id": call_id,
        "name": name,
        "arguments": arguments,
        "status": status,
    }
