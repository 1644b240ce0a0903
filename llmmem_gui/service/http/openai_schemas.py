"""What OpenAI's requests may hold, with what clients of other servers add and bounds on every number.

A field that has an effect stands here. One that cannot change the answer, or only with other values than
clients send, stands in `request_fields`, as does what happens to all others.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

Text = Annotated[str, Meta(max_length=1024)]
ModelId = Annotated[
    str,
    Meta(
        max_length=512,
        description="Id of a model, from `/v1/models`; without one: the only one loaded, or the only one.",
    ),
]
FunctionName = Annotated[str, Meta(min_length=1, max_length=256)]
Description = Annotated[str, Meta(max_length=65_536)]
JsonObject = dict[str, Any]


class Record(msgspec.Struct, frozen=True):
    """Base of what a client sends: an object with these fields, and perhaps others."""


class ImageUrl(Record, frozen=True):
    """Where an image is; only addresses that hold it (`data:`) are taken."""

    url: str
    detail: Any = None
    """How closely to look; each model has one way here."""


class ContentPart(Record, frozen=True):
    """A part of a message's content: text or an image."""

    type: Text = "text"
    text: str | None = None
    image_url: str | ImageUrl | None = None


Content = str | Annotated[list[ContentPart], Meta(max_length=1024)]


class FunctionCall(Record, frozen=True):
    """A call that the model made."""

    name: FunctionName
    arguments: str | JsonObject | None = None


class ToolCall(Record, frozen=True):
    """A tool call as it stands in an assistant's message."""

    function: FunctionCall
    id: Text | None = None


class Message(Record, frozen=True):
    """A message of a chat, whoever said it."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Content | UnsetType | None = UNSET
    name: Text | None = None
    tool_calls: Annotated[list[ToolCall], Meta(max_length=128)] | None = None
    tool_call_id: Text | None = None
    function_call: FunctionCall | None = None
    """What `tool_calls` was before there were several."""
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: Any = None
    thinking: Any = None
    """Names of other servers for `reasoning_content`, where they hold a text."""
    prefix: bool | None = None
    """The answer goes on with this message, which is the last one."""
    images: Annotated[list[str], Meta(max_length=64)] | None = None
    """In base64, as Ollama's clients send them."""
    audio: JsonObject | None = None


class FunctionSpecification(Record, frozen=True):
    """A function that the model may call."""

    name: FunctionName
    description: Description | None = None
    parameters: JsonObject | None = None
    strict: bool | None = None


class Tool(Record, frozen=True):
    """A tool; functions are the only kind."""

    type: Literal["function"]
    function: FunctionSpecification


class ChosenFunction(Record, frozen=True):
    """The name of a function."""

    name: FunctionName


class ChosenTool(Record, frozen=True):
    """A tool among those that may be called."""

    function: ChosenFunction | None = None
    name: FunctionName | None = None


class AllowedTools(Record, frozen=True):
    """The tools that may, or must, be called this time."""

    tools: Annotated[list[ChosenTool], Meta(min_length=1, max_length=128)]
    mode: Literal["auto", "required"] = "auto"


class ToolChoice(Record, frozen=True):
    """Which tool must be called, or which may."""

    type: Literal["function", "allowed_tools"] = "function"
    function: ChosenFunction | None = None
    name: FunctionName | None = None
    allowed_tools: AllowedTools | None = None


class TextFormat(Record, frozen=True, tag_field="type", tag="text"):
    """Any text."""


class JsonObjectFormat(Record, frozen=True, tag_field="type", tag="json_object"):
    """Any JSON object, or what a schema describes."""

    schema: JsonObject | None = None


class NamedSchema(Record, frozen=True):
    """A JSON schema and its name; an answer is always held to it."""

    schema: JsonObject | None = None
    name: Text | None = None
    strict: bool | None = None


class JsonSchemaFormat(Record, frozen=True, tag_field="type", tag="json_schema"):
    """JSON that a schema describes."""

    json_schema: NamedSchema | None = None
    schema: JsonObject | None = None


class StructuredOutputs(Record, frozen=True):
    """What the answer is held to, in the words of vLLM's clients."""

    json: JsonObject | str | None = None
    regex: str | None = None
    choice: Annotated[list[str], Meta(min_length=1, max_length=1024)] | None = None
    grammar: str | None = None
    json_object: bool | None = None


class StreamOptions(Record, frozen=True):
    """What a stream says besides the text."""

    include_usage: bool | None = None


Share = Annotated[float, Meta(ge=0, le=1)]
Penalty = Annotated[float, Meta(ge=-100, le=100)]
Reach = Annotated[int, Meta(ge=-1, le=2**31 - 1)]
Bias = Annotated[float, Meta(ge=-1e6, le=1e6)] | bool
StopText = Annotated[str, Meta(max_length=1024)]


class Generation(Record, frozen=True, kw_only=True):
    """What every request for text may say about how it is made."""

    model: ModelId | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Annotated[int, Meta(ge=1, le=128)] = 1
    max_tokens: int | None = None
    """Below 0: as many as the context has room for."""
    min_tokens: Annotated[int, Meta(ge=0, le=2**31 - 1)] | None = None
    stop: StopText | Annotated[list[StopText], Meta(max_length=256)] | None = None
    stop_token_ids: Annotated[list[Annotated[int, Meta(ge=0, le=2**31 - 1)]], Meta(max_length=256)] | None = (
        None
    )
    ignore_eos: bool | None = None
    temperature: Annotated[float, Meta(ge=-100, le=100)] | None = None
    """0 or less: always the likeliest token."""
    dynatemp_range: Annotated[float, Meta(ge=0, le=100)] | None = None
    dynatemp_exponent: Annotated[float, Meta(ge=0, le=100)] | None = None
    top_p: Share | None = None
    top_k: Reach | None = None
    min_p: Share | None = None
    typical_p: Share | None = None
    top_n_sigma: Annotated[float, Meta(ge=-1, le=1000)] | None = None
    xtc_probability: Share | None = None
    xtc_threshold: Share | None = None
    repeat_last_n: Reach | None = None
    repeat_penalty: Annotated[float, Meta(ge=0.01, le=100)] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    dry_multiplier: Annotated[float, Meta(ge=0, le=100)] | None = None
    dry_base: Annotated[float, Meta(ge=0, le=100)] | None = None
    dry_allowed_length: Annotated[int, Meta(ge=0, le=2**20)] | None = None
    dry_penalty_last_n: Reach | None = None
    dry_sequence_breakers: (
        Annotated[list[Annotated[str, Meta(min_length=1, max_length=40)]], Meta(max_length=64)] | None
    ) = None
    mirostat: Literal[0, 1, 2] | None = None
    mirostat_tau: Annotated[float, Meta(ge=0, le=100)] | None = None
    mirostat_eta: Annotated[float, Meta(ge=0, le=100)] | None = None
    samplers: (
        Annotated[str, Meta(max_length=32)]
        | Annotated[list[Annotated[str, Meta(max_length=32)]], Meta(max_length=32)]
        | None
    ) = None
    seed: int | None = None
    logit_bias: (
        Annotated[dict[Text, Bias], Meta(max_length=1024)]
        | Annotated[list[tuple[int | Text, Bias]], Meta(max_length=1024)]
        | None
    ) = None
    response_format: TextFormat | JsonObjectFormat | JsonSchemaFormat | None = None
    json_schema: JsonObject | None = None
    grammar: str | None = None
    format: str | JsonObject | None = None
    guided_json: JsonObject | str | None = None
    guided_regex: str | None = None
    guided_choice: Annotated[list[str], Meta(min_length=1, max_length=1024)] | None = None
    guided_grammar: str | None = None
    structured_outputs: StructuredOutputs | None = None


SAMPLING = (
    "min_tokens",
    "stop_token_ids",
    "ignore_eos",
    "dynatemp_range",
    "dynatemp_exponent",
    "top_p",
    "top_k",
    "min_p",
    "typical_p",
    "top_n_sigma",
    "xtc_probability",
    "xtc_threshold",
    "repeat_last_n",
    "repeat_penalty",
    "presence_penalty",
    "frequency_penalty",
    "dry_multiplier",
    "dry_base",
    "dry_allowed_length",
    "dry_penalty_last_n",
    "dry_sequence_breakers",
    "mirostat",
    "mirostat_tau",
    "mirostat_eta",
    "samplers",
    "logit_bias",
)
"""Fields of `Generation` that a host takes as they are."""


class Reasoning(Record, frozen=True):
    """How much the model shall think, in OpenRouter's words."""

    effort: Text | None = None
    max_tokens: int | None = None
    enabled: bool | None = None


class Thinking(Record, frozen=True):
    """Whether and how much the model shall think, in Anthropic's words."""

    type: Literal["enabled", "disabled", "auto", "adaptive"] = "enabled"
    budget_tokens: int | None = None


class ChatRequest(Generation, frozen=True, kw_only=True):
    """Body of `POST /v1/chat/completions`."""

    messages: Annotated[list[Message], Meta(max_length=4096)]
    tools: Annotated[list[Tool], Meta(max_length=128)] | None = None
    tool_choice: Literal["none", "auto", "required", "any"] | ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    functions: Annotated[list[FunctionSpecification], Meta(max_length=128)] | None = None
    function_call: Literal["none", "auto"] | ChosenFunction | None = None
    """What `tools` and `tool_choice` were before."""
    logprobs: bool | Annotated[int, Meta(ge=0, le=20)] | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    n_probs: Annotated[int, Meta(ge=0, le=20)] | None = None
    chat_template_kwargs: JsonObject | None = None
    enable_thinking: bool | None = None
    think: bool | Text | None = None
    thinking: Thinking | None = None
    reasoning: Reasoning | None = None
    reasoning_effort: Text | None = None
    reasoning_format: Literal["none", "auto", "deepseek", "deepseek-legacy"] | None = None
    thinking_budget: int | None = None
    continue_final_message: bool | None = None
    add_generation_prompt: bool | None = None


TokenIds = Annotated[list[int], Meta(max_length=2**20)]


class CompletionRequest(Generation, frozen=True, kw_only=True):
    """Body of `POST /v1/completions`."""

    prompt: str | Annotated[list[str | int | TokenIds], Meta(min_length=1, max_length=2**20)]
    """A text, the numbers of its tokens, or several of either."""
    suffix: str | None = None
    echo: bool | None = None
    logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    n_probs: Annotated[int, Meta(ge=0, le=20)] | None = None
    best_of: Annotated[int, Meta(ge=1, le=128)] | None = None


class FimRequest(Generation, frozen=True, kw_only=True):
    """Body of `POST /v1/fim/completions`, Mistral's way to fill a gap."""

    prompt: str
    suffix: str | None = None


class ExtraFile(Record, frozen=True):
    """A piece of another file."""

    text: str
    filename: Text | None = None


class InfillRequest(Generation, frozen=True, kw_only=True):
    """Body of `POST /infill`, llama-server's way to fill a gap."""

    input_prefix: str = ""
    input_suffix: str = ""
    prompt: str = ""
    """What stands between the prefix and the gap."""
    input_extra: Annotated[list[ExtraFile], Meta(max_length=1024)] = []


class EmbeddingRequest(Record, frozen=True, kw_only=True):
    """Body of `POST /v1/embeddings`."""

    model: ModelId | None = None
    input: str | Annotated[list[str | int | TokenIds], Meta(max_length=2048)]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Meta(ge=1, le=2**20)] | None = None
    """The vectors are cut to so many numbers, and have length 1 again."""
    truncate: bool | Literal["NONE", "END"] | None = None
    """A text that is longer than the context is cut instead of being refused."""
