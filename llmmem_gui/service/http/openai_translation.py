"""Between OpenAI's requests and answers and those of a host."""

from __future__ import annotations

import base64
import math
import sys
from array import array
from collections.abc import Mapping
from typing import Any

from llmmem_gui.service.http.answer_forms import answer_form
from llmmem_gui.service.http.errors import refused
from llmmem_gui.service.http.json_schemas import too_large
from llmmem_gui.service.http.openai_messages import host_messages, host_tools
from llmmem_gui.service.http.openai_schemas import (
    SAMPLING,
    ChatRequest,
    CompletionRequest,
    Generation,
    Reasoning,
    Thinking,
    ToolChoice,
)

Arguments = dict[str, Any]
Prompt = str | list[int]

_NO_LIMIT = 2**31 - 1
_SEEDS = 2**32 - 1
"""llama.cpp takes the number that this is for "by chance"."""
_MOST_TEMPLATE_ARGUMENTS = 64


def chat_arguments(request: ChatRequest) -> Arguments:
    """What a host is asked for a chat whose tools are `with_tools_of_today`.

    Raises `ApiError` 400 for what the schema cannot say, such as fields that exclude each other.
    """
    arguments = generation_arguments(request) | {"messages": host_messages(request)}
    alternatives = _alternatives(request)
    if alternatives is not None:
        arguments |= {"logprobs": True, "top_logprobs": alternatives}
    thinking = {
        "template_arguments": _template_arguments(request) or None,
        "reasoning_format": request.reasoning_format,
        "thinking_budget": _thinking_budget(request),
        "continues": _continues(request),
    }
    arguments |= {name: value for name, value in thinking.items() if value is not None}
    return arguments | _tool_arguments(request)


def completion_arguments(request: CompletionRequest) -> Arguments:
    """What a host is asked for a text to continue, but for the text."""
    arguments = generation_arguments(request)
    alternatives = request.logprobs if request.logprobs is not None else request.n_probs or None
    for name, value in (("suffix", request.suffix), ("echo", request.echo), ("logprobs", alternatives)):
        if value is not None:
            arguments[name] = value
    return arguments


def generation_arguments(request: Generation) -> Arguments:
    """What a host is asked in every request for text. Raises `ApiError` 400."""
    arguments = {name: value for name in SAMPLING if (value := getattr(request, name)) is not None}
    if request.temperature is not None:
        arguments["temperature"] = max(0.0, request.temperature)
    if request.max_tokens is not None:
        arguments["max_tokens"] = request.max_tokens if 0 <= request.max_tokens < _NO_LIMIT else _NO_LIMIT
    if request.seed is not None and request.seed >= 0:
        arguments["seed"] = request.seed % _SEEDS
    stops = [request.stop] if isinstance(request.stop, str) else request.stop or []
    if any(stops):
        arguments["stop"] = [stop for stop in stops if stop]
    form = answer_form(request)
    if form is not None:
        arguments["response_format"] = form
    return arguments | {"stream": bool(request.stream)}


def prompts_of(request: CompletionRequest) -> list[Prompt]:
    """The texts, or tokens, to continue. Raises `ApiError` 400 for numbers among texts."""
    given = request.prompt
    if isinstance(given, str):
        return [given]
    numbers = [each for each in given if isinstance(each, int)]
    if len(numbers) == len(given):
        prompts: list[Prompt] = [numbers]
    elif numbers:
        raise refused("prompt", "a list of prompts holds texts, or lists of tokens, and no single tokens")
    else:
        prompts = [each for each in given if not isinstance(each, int)]
    if request.suffix is not None and any(isinstance(each, list) for each in prompts):
        raise refused("suffix", "a gap is filled between two texts: give the prompt as a text")
    return prompts


def vector_of(packed: str, dimensions: int | None) -> array[float]:
    """A vector of a host, 32-bit floats in base64; cut to some dimensions, it has length 1 again."""
    floats = array("f", base64.b64decode(packed))
    if sys.byteorder == "big":
        floats.byteswap()
    if dimensions is None or dimensions >= len(floats):
        return floats
    cut = floats[:dimensions]
    length = math.sqrt(math.fsum(x * x for x in cut)) or 1.0
    return array("f", (x / length for x in cut))


def packed(vector: array[float]) -> str:
    """The vector as 32-bit floats in base64."""
    little = array("f", vector)
    if sys.byteorder == "big":
        little.byteswap()
    return base64.b64encode(little.tobytes()).decode()


def with_old_calls(payload: Mapping[str, Any]) -> dict[str, Any]:
    """An answer, or a chunk of one, with its call where those look for it who know functions alone."""
    return {**payload, "choices": [_with_old_call(choice) for choice in payload["choices"]]}


def _with_old_call(choice: Mapping[str, Any]) -> dict[str, Any]:
    place = "message" if "message" in choice else "delta"
    said = dict(choice[place])
    calls = said.pop("tool_calls", None)
    if calls:
        said["function_call"] = calls[0]["function"]
    reason = choice["finish_reason"]
    return {**choice, place: said, "finish_reason": "function_call" if reason == "tool_calls" else reason}


def _alternatives(request: ChatRequest) -> int | None:
    """How many of the likeliest tokens are told for each; None where nothing of that is asked."""
    wanted, number = request.logprobs, request.top_logprobs
    if isinstance(wanted, bool) or wanted is None:
        if wanted:
            return number or request.n_probs or 0
        if number and not request.n_probs:
            raise refused("top_logprobs", "the field top_logprobs needs logprobs to be true")
        return request.n_probs or None
    return number or wanted


def _template_arguments(request: ChatRequest) -> Arguments:
    thinks: bool | None = request.enable_thinking
    effort = request.reasoning_effort
    if isinstance(request.think, bool):
        thinks = request.think
    elif request.think is not None:
        effort = request.think
    if request.thinking is not None:
        thinks = request.thinking.type != "disabled"
    if request.reasoning is not None:
        effort = request.reasoning.effort or effort
        thinks = thinks if request.reasoning.enabled is None else request.reasoning.enabled
    if effort == "none" and thinks is None:
        thinks = False
    given = {"enable_thinking": thinks, "reasoning_effort": effort}
    asked = request.chat_template_kwargs or {}
    if len(asked) > _MOST_TEMPLATE_ARGUMENTS or too_large(asked):
        raise refused("chat_template_kwargs", "the arguments for the template are too many or too large")
    return {name: value for name, value in given.items() if value is not None} | asked


def _thinking_budget(request: ChatRequest) -> int | None:
    budgets = (
        request.thinking_budget,
        (request.thinking or Thinking()).budget_tokens,
        (request.reasoning or Reasoning()).max_tokens,
    )
    return next((budget for budget in budgets if budget is not None and budget >= 0), None)


def _continues(request: ChatRequest) -> bool | None:
    """Whether the answer goes on with the last message; None where the host may decide."""
    if request.continue_final_message or request.add_generation_prompt is False:
        return True
    if request.messages and request.messages[-1].prefix:
        return True
    return request.continue_final_message


def _tool_arguments(request: ChatRequest) -> Arguments:
    if not request.tools or request.tool_choice == "none":
        return {}
    arguments: Arguments = {"tools": host_tools(request), "tool_choice": request.tool_choice or "auto"}
    if isinstance(request.tool_choice, ToolChoice) and request.tool_choice.function is not None:
        arguments["tool_choice"] = {"name": request.tool_choice.function.name}
    if request.parallel_tool_calls is not None:
        arguments["parallel_tool_calls"] = request.parallel_tool_calls
    return arguments
