"""Requests of the Responses API; what they share with all others stands in `openai_schemas`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from llmmem_gui.service.http.openai_schemas import (
    ChosenTool,
    ContentPart,
    Description,
    FunctionName,
    Generation,
    JsonObject,
    Reasoning,
    Record,
    Text,
)


class InputPart(ContentPart, frozen=True):
    """A part of an item's content."""

    refusal: str | None = None


Parts = Annotated[list[InputPart], Meta(max_length=1024)]


class InputItem(Record, frozen=True):
    """An item of a conversation: a message, a call of a function, what that gave, or a thought."""

    type: Text = "message"
    role: Literal["system", "developer", "user", "assistant"] | None = None
    content: str | Parts | None = None
    call_id: Text | None = None
    name: FunctionName | None = None
    arguments: str | None = None
    output: str | Parts | None = None
    summary: Parts | None = None


class ResponseTool(Record, frozen=True):
    """A function that the model may call."""

    type: Literal["function"]
    name: FunctionName
    description: Description | None = None
    parameters: JsonObject | None = None
    strict: bool | None = None


class ResponseToolChoice(Record, frozen=True):
    """Which function must be called, or which may."""

    type: Literal["function", "allowed_tools"] = "function"
    name: FunctionName | None = None
    mode: Literal["auto", "required"] = "auto"
    tools: Annotated[list[ChosenTool], Meta(min_length=1, max_length=128)] | None = None


class ResponseFormat(Record, frozen=True):
    """What the text is held to."""

    type: Literal["text", "json_object", "json_schema"] = "text"
    schema: JsonObject | None = None
    name: Text | None = None
    strict: bool | None = None


class ResponseText(Record, frozen=True):
    """How the text is written."""

    format: ResponseFormat | None = None
    verbosity: Any = None


class ResponsesRequest(Generation, frozen=True, kw_only=True):
    """Body of `POST /v1/responses`."""

    input: str | Annotated[list[InputItem], Meta(max_length=4096)]
    """A text of the user, or the whole conversation: nothing is kept here between requests."""
    instructions: str | None = None
    """The message of the system, before all others."""
    max_output_tokens: int | None = None
    tools: Annotated[list[ResponseTool], Meta(max_length=128)] | None = None
    tool_choice: Literal["none", "auto", "required"] | ResponseToolChoice | None = None
    parallel_tool_calls: bool | None = None
    text: ResponseText | None = None
    reasoning: Reasoning | None = None
    include: Annotated[list[Text], Meta(max_length=32)] | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    chat_template_kwargs: JsonObject | None = None
    enable_thinking: bool | None = None
    previous_response_id: Text | None = None
    conversation: Any = None
    prompt: Any = None
    background: bool | None = None
    truncation: Text | None = None
    """A prompt that is too long is refused, whatever this says."""
    max_tool_calls: int | None = None
    """Of tools that the server itself calls, which there are none of."""
