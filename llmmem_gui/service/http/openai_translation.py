"""Between OpenAI's requests and answers and those of llama-cpp-python."""

from __future__ import annotations

import base64
import math
from array import array
from collections.abc import Mapping
from typing import Any

import msgspec

from llmmem_gui.service.http.errors import ApiError
from llmmem_gui.service.http.json_schemas import keyword_not_held, too_large
from llmmem_gui.service.http.openai_schemas import (
    SAMPLING,
    AssistantMessage,
    ChatMessage,
    ChatRequest,
    CompletionRequest,
    Content,
    DeveloperMessage,
    Generation,
    JsonObjectFormat,
    JsonSchemaFormat,
    NamedSchema,
    ToolChoice,
)
from llmmem_gui.service.http.tool_calls import CallReader, demanded_call_schema


def chat_arguments(request: ChatRequest) -> dict[str, Any]:
    """Arguments of `Llama.create_chat_completion`.

    Raises `ApiError` 400 for what the schema cannot say: fields that exclude each other, an unknown tool.
    """
    arguments = _sampling(request) | {"messages": [_message(message) for message in request.messages]}
    if request.max_completion_tokens is not None:
        if request.max_tokens is not None:
            raise _refused("max_completion_tokens", "max_tokens and max_completion_tokens exclude each other")
        arguments["max_tokens"] = request.max_completion_tokens
    if request.logprobs:
        arguments |= {"logprobs": True, "top_logprobs": request.top_logprobs or 0}
    elif request.top_logprobs is not None:
        raise _refused("top_logprobs", "top_logprobs needs logprobs to be true")
    match request.response_format:
        case JsonObjectFormat():
            arguments["response_format"] = {"type": "json_object"}
        case JsonSchemaFormat(json_schema=named):
            arguments["response_format"] = {"type": "json_object", "schema": _checked_schema(named)}
    return arguments | _tool_arguments(request)


def call_reader(request: ChatRequest) -> CallReader | None:
    """What reads tool calls out of the answer; None when the request offers no tools."""
    if not request.tools or request.tool_choice == "none":
        return None
    names = [tool.function.name for tool in request.tools]
    return CallReader(names, demanded=request.tool_choice not in (None, "auto"))


def completion_arguments(request: CompletionRequest) -> dict[str, Any]:
    """Arguments of `Llama.create_completion`."""
    prompt = request.prompt if isinstance(request.prompt, str) else request.prompt[0]
    arguments = _sampling(request) | {"prompt": prompt}
    for name in ("suffix", "echo", "logprobs"):
        value = getattr(request, name)
        if value is not None:
            arguments[name] = value
    return arguments


def unit_length(vector: list[float]) -> list[float]:
    """The embedding with length 1, as OpenAI gives it, so that a dot product is a cosine."""
    length = math.sqrt(math.fsum(x * x for x in vector))
    return [x / length for x in vector] if length else vector


def base64_vector(vector: list[float]) -> str:
    """An embedding as OpenAI's clients ask for it: little-endian 32-bit floats in base64."""
    floats = array("f", vector)
    if array("H", [1]).tobytes() != b"\x01\x00":
        floats.byteswap()
    return base64.b64encode(floats.tobytes()).decode("ascii")


def with_calls(payload: Mapping[str, Any], reader: CallReader) -> dict[str, Any]:
    """A whole chat answer with the tool calls read out of its text."""
    choice = payload["choices"][0]
    message = dict(choice["message"])
    text = reader.feed(message.get("content") or "") + reader.finish()
    if not reader.calls:
        return dict(payload)
    message["content"] = text or None
    message["tool_calls"] = [{k: v for k, v in call.items() if k != "index"} for call in reader.calls]
    return {**payload, "choices": [{**choice, "message": message, "finish_reason": "tool_calls"}]}


def chunk_with_calls(chunk: Mapping[str, Any], reader: CallReader) -> dict[str, Any]:
    """A chunk of a streamed chat answer with the tool calls read out of its text."""
    choice = chunk["choices"][0]
    delta = dict(choice["delta"])
    already = len(reader.calls)
    text = reader.feed(delta.pop("content", None) or "")
    reason = choice["finish_reason"]
    if reason is not None:
        text += reader.finish()
        reason = "tool_calls" if reader.calls else reason
    if text:
        delta["content"] = text
    if len(reader.calls) > already:
        delta["tool_calls"] = reader.calls[already:]
    return {**chunk, "choices": [{**choice, "delta": delta, "finish_reason": reason}]}


def _checked_schema(named: NamedSchema) -> dict[str, Any]:
    """The schema; with `strict` only one that the answer is held to in full."""
    place = "response_format.json_schema.schema"
    if too_large(named.schema):
        raise _refused(place, "the schema is too large or nested too deeply")
    keyword = keyword_not_held(named.schema) if named.strict else None
    if keyword is not None:
        raise _refused(
            place, f"with strict the answer must fit the whole schema, and {keyword} cannot be held"
        )
    return named.schema


def _sampling(request: Generation) -> dict[str, Any]:
    if request.stream_options is not None and not request.stream:
        raise _refused("stream_options", "stream_options needs stream to be true")
    arguments = {name: getattr(request, name) for name in SAMPLING if getattr(request, name) is not None}
    if isinstance(request.stop, str):
        arguments["stop"] = [request.stop]
    return arguments | {"stream": bool(request.stream)}


def _message(message: ChatMessage) -> dict[str, Any]:
    """A message as chat templates know it: text in one piece, and no name for OpenAI's newer roles."""
    fields: dict[str, Any] = msgspec.to_builtins(message)
    given = {name: value for name, value in fields.items() if value not in (None, [])}
    if isinstance(message, DeveloperMessage):
        given["role"] = "system"
    content = _text(message.content)
    if content is None and isinstance(message, AssistantMessage) and not message.tool_calls:
        raise _refused("messages", "an assistant's message needs content or tool_calls")
    # Null stands beside tool calls; templates add the content to the prompt and expect a text.
    return given | {"content": content or ""}


def _text(content: Content | None) -> str | None:
    return content if content is None or isinstance(content, str) else "".join(part.text for part in content)


def _tool_arguments(request: ChatRequest) -> dict[str, Any]:
    if not request.tools:
        if request.tool_choice not in (None, "none", "auto"):
            raise _refused("tool_choice", "a tool is demanded and none is given in tools")
        return {}
    if any(too_large(tool.function.parameters) for tool in request.tools):
        raise _refused("tools", "the parameters of a tool are too large or nested too deeply")
    if request.tool_choice == "none":
        return {}
    tools: list[dict[str, Any]] = [
        {
            "type": "function",
            "function": {k: v for k, v in msgspec.to_builtins(tool.function).items() if v is not None},
        }
        for tool in request.tools
    ]
    if request.tool_choice in (None, "auto"):
        return {"tools": tools}
    demanded = tools
    if isinstance(request.tool_choice, ToolChoice):
        name = request.tool_choice.function.name
        demanded = [tool for tool in tools if tool["function"]["name"] == name]
        if not demanded:
            raise _refused("tool_choice", f"there is no tool named {name}")
    schema = demanded_call_schema(demanded)
    return {"tools": tools, "response_format": {"type": "json_object", "schema": schema}}


def _refused(parameter: str, sentence: str) -> ApiError:
    return ApiError(400, "invalid_value", f"{sentence[0].upper()}{sentence[1:]}.", parameter=parameter)
