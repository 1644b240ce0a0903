"""What the OpenAI-compatible requests may hold: closed schemas, with bounds on every number.

A field that is not here is refused, because a field that is accepted and ignored is a wrong answer that looks
right. Some fields of OpenAI's that cannot change an answer here are accepted with the values that ask for
nothing: `n` 1, `store` false; labels such as `user` are accepted and have no effect.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Label = Annotated[str, Meta(max_length=1024)]
ModelId = Annotated[str, Meta(min_length=1, max_length=512, description="Id of a model, from `/v1/models`.")]
FunctionName = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
StopText = Annotated[str, Meta(min_length=1, max_length=256)]
JsonSchema = dict[str, Any]


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of what a client sends: an object with these fields and no others."""


class TextPart(Record, frozen=True, tag_field="type", tag="text"):
    """A part of a message's content; text is the only kind."""

    text: str


Content = str | Annotated[list[TextPart], Meta(max_length=1024)]


class FunctionCall(Record, frozen=True):
    """A call that the model made."""

    name: Label
    arguments: str


class ToolCall(Record, frozen=True, kw_only=True):
    """A tool call as it stands in an assistant's message."""

    id: Label
    type: Literal["function"] = "function"
    function: FunctionCall
    index: Annotated[int, Meta(ge=0, le=1024)] | None = None


class SystemMessage(Record, frozen=True, tag_field="role", tag="system"):
    """Instructions for the whole conversation."""

    content: Content
    name: Label | None = None


class DeveloperMessage(Record, frozen=True, tag_field="role", tag="developer"):
    """OpenAI's newer name for a system message."""

    content: Content
    name: Label | None = None


class UserMessage(Record, frozen=True, tag_field="role", tag="user"):
    """What the person says."""

    content: Content
    name: Label | None = None


class AssistantMessage(Record, frozen=True, tag_field="role", tag="assistant"):
    """What the model said before; the empty fields are those that clients send back unchanged."""

    content: Content | None = None
    tool_calls: Annotated[list[ToolCall], Meta(max_length=128)] | None = None
    name: Label | None = None
    refusal: None = None
    audio: None = None
    function_call: None = None
    annotations: Annotated[list[Any], Meta(max_length=0)] | None = None


class ToolMessage(Record, frozen=True, tag_field="role", tag="tool"):
    """What a tool answered."""

    content: Content
    tool_call_id: Label
    name: Label | None = None


ChatMessage = SystemMessage | DeveloperMessage | UserMessage | AssistantMessage | ToolMessage


class FunctionSpecification(Record, frozen=True):
    """A function that the model may call."""

    name: FunctionName
    description: Annotated[str, Meta(max_length=65_536)] | None = None
    parameters: JsonSchema | None = None
    strict: bool | None = None


class Tool(Record, frozen=True):
    """A tool; functions are the only kind."""

    type: Literal["function"]
    function: FunctionSpecification


class ChosenFunction(Record, frozen=True):
    """The name of the function that must be called."""

    name: FunctionName


class ToolChoice(Record, frozen=True):
    """Which tool must be called."""

    type: Literal["function"]
    function: ChosenFunction


class TextFormat(Record, frozen=True, tag_field="type", tag="text"):
    """Any text."""


class JsonObjectFormat(Record, frozen=True, tag_field="type", tag="json_object"):
    """Any JSON object."""


class NamedSchema(Record, frozen=True):
    """A JSON schema and its name."""

    name: Label
    schema: JsonSchema
    description: Annotated[str, Meta(max_length=65_536)] | None = None
    strict: bool | None = None


class JsonSchemaFormat(Record, frozen=True, tag_field="type", tag="json_schema"):
    """JSON that a schema describes."""

    json_schema: NamedSchema


class StreamOptions(Record, frozen=True):
    """What a stream says besides the text."""

    include_usage: bool | None = None
    include_obfuscation: Literal[False] | None = None


TokenId = Annotated[str, Meta(pattern="^[0-9]{1,7}$")]
Bias = Annotated[float, Meta(ge=-100, le=100)]


class Generation(Record, frozen=True):
    """What every request for text may say about how it is made."""

    model: ModelId
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Meta(ge=1, le=2**20)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_k: Annotated[int, Meta(ge=0, le=100_000)] | None = None
    min_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    typical_p: Annotated[float, Meta(gt=0, le=1)] | None = None
    repeat_penalty: Annotated[float, Meta(ge=0.1, le=10)] | None = None
    presence_penalty: Annotated[float, Meta(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Meta(ge=-2, le=2)] | None = None
    seed: Annotated[int, Meta(ge=0, le=2**32 - 1)] | None = None
    stop: StopText | Annotated[list[StopText], Meta(max_length=16)] | None = None
    n: Literal[1] | None = None
    logit_bias: Annotated[dict[TokenId, Bias], Meta(max_length=300)] | None = None
    user: Label | None = None
    metadata: Annotated[dict[str, Label], Meta(max_length=16)] | None = None
    store: Literal[False] | None = None
    service_tier: Literal["auto", "default"] | None = None
    safety_identifier: Label | None = None
    prompt_cache_key: Label | None = None


SAMPLING = (
    "max_tokens",
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "typical_p",
    "repeat_penalty",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "stop",
    "logit_bias",
)
"""Fields of `Generation` that go to llama-cpp-python under the same name."""


class ChatRequest(Generation, frozen=True, kw_only=True):
    """Body of `POST /v1/chat/completions`."""

    messages: Annotated[list[ChatMessage], Meta(min_length=1, max_length=4096)]
    max_completion_tokens: Annotated[int, Meta(ge=1, le=2**20)] | None = None
    response_format: TextFormat | JsonObjectFormat | JsonSchemaFormat | None = None
    tools: Annotated[list[Tool], Meta(max_length=128)] | None = None
    tool_choice: Literal["none", "auto", "required"] | ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    modalities: Annotated[list[Literal["text"]], Meta(min_length=1, max_length=1)] | None = None


class CompletionRequest(Generation, frozen=True, kw_only=True):
    """Body of `POST /v1/completions`."""

    prompt: str | Annotated[list[str], Meta(min_length=1, max_length=1)]
    suffix: str | None = None
    echo: bool | None = None
    logprobs: Annotated[int, Meta(ge=0, le=5)] | None = None
    best_of: Literal[1] | None = None


class EmbeddingRequest(Record, frozen=True):
    """Body of `POST /v1/embeddings`."""

    model: ModelId
    input: (
        Annotated[str, Meta(min_length=1)]
        | Annotated[list[Annotated[str, Meta(min_length=1)]], Meta(min_length=1, max_length=2048)]
    )
    encoding_format: Literal["float", "base64"] | None = None
    user: Label | None = None
