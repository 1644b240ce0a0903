"""What public clients do with a server, each told only its address, the key and the name of a model.

`python flows.py URL KEY MODEL`, in an environment with `requirements.txt`; writes one JSON object: what
became of each flow by its name, `ok` or the error. Nothing of the program is imported here.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import traceback
from collections.abc import Callable

URL, KEY, MODEL = sys.argv[1:4]
# Clients that look for these find them, and none of them may look for anything beyond this machine.
os.environ |= {
    "OPENAI_BASE_URL": URL,
    "OPENAI_API_KEY": KEY,
    "LITELLM_LOCAL_MODEL_COST_MAP": "true",
    "OPENAI_AGENTS_DISABLE_TRACING": "1",
    "TIKTOKEN_CACHE_DIR": "/nonexistent",
}

import agents  # noqa: E402
import instructor  # noqa: E402
import litellm  # noqa: E402
import openai  # noqa: E402
import pydantic_ai  # noqa: E402
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage  # noqa: E402
from langchain_core.tools import tool  # noqa: E402
from langchain_openai import ChatOpenAI, OpenAIEmbeddings  # noqa: E402
from pydantic import BaseModel, Field  # noqa: E402
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel  # noqa: E402
from pydantic_ai.output import NativeOutput, ToolOutput  # noqa: E402
from pydantic_ai.providers.openai import OpenAIProvider  # noqa: E402

HELLO = [{"role": "user", "content": "Say hello."}]


class Child(BaseModel):
    """Somebody's child."""

    age: int = Field(ge=0, le=17)


class Person(BaseModel):
    """A person, with what clients could not ask for before: bounds, patterns, references."""

    name: str = Field(min_length=1, max_length=20)
    code: str = Field(pattern=r"^[A-Z]{2}-\d{2}$")
    age: int = Field(ge=18, le=99)
    child: Child | None


@tool
def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"It rains in {city}."


# --- openai ------------------------------------------------------------------------------------


def openai_parses_a_model() -> None:
    with openai.OpenAI() as client:
        answer = client.chat.completions.parse(
            model=MODEL, messages=HELLO, response_format=Person, max_tokens=200, temperature=0
        )
    assert isinstance(answer.choices[0].message.parsed, Person)


def openai_sends_fields_of_newer_models() -> None:
    with openai.OpenAI() as client:
        answer = client.chat.completions.create(
            model=MODEL,
            messages=HELLO,
            max_completion_tokens=4,
            reasoning_effort="low",
            verbosity="low",
            seed=-1,
        )
    assert answer.choices[0].finish_reason in ("stop", "length")


# --- litellm -----------------------------------------------------------------------------------


def litellm_answers() -> None:
    for prefix in ("openai", "hosted_vllm", "lm_studio", "litellm_proxy"):
        answer = litellm.completion(
            f"{prefix}/{MODEL}", HELLO, api_base=URL, api_key=KEY, max_tokens=4, repetition_penalty=1.1
        )
        assert answer.choices[0].message.content


def litellm_streams() -> None:
    chunks = litellm.completion(
        f"openai/{MODEL}",
        HELLO,
        api_base=URL,
        api_key=KEY,
        max_tokens=8,
        stream=True,
        stream_options={"include_usage": True},
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text


def litellm_tells_an_overflow_apart() -> None:
    try:
        litellm.completion(
            f"openai/{MODEL}", [{"role": "user", "content": "word " * 20_000}], api_base=URL, api_key=KEY
        )
    except litellm.ContextWindowExceededError:
        return
    raise AssertionError("no ContextWindowExceededError")


def litellm_calls_a_tool() -> None:
    function = {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    }
    tools = [{"type": "function", "function": function, "cache_control": {"type": "ephemeral"}}]
    answer = litellm.completion(
        f"openai/{MODEL}",
        HELLO,
        api_base=URL,
        api_key=KEY,
        tools=tools,
        tool_choice="required",
        max_tokens=100,
    )
    (call,) = answer.choices[0].message.tool_calls
    assert isinstance(json.loads(call.function.arguments)["city"], str)


# --- langchain ---------------------------------------------------------------------------------


def _langchain(**more: object) -> ChatOpenAI:
    return ChatOpenAI(model=MODEL, max_retries=0, temperature=0, **{"max_tokens": 200, **more})


def langchain_answers_and_streams() -> None:
    assert _langchain(max_tokens=4).invoke("Say hello.").content
    assert "".join(str(chunk.content) for chunk in _langchain(max_tokens=4).stream("Say hello."))


def langchain_structures_in_all_ways() -> None:
    for method in ("json_schema", "function_calling"):
        answer = _langchain().with_structured_output(Person, method=method).invoke("Describe Ana.")
        assert isinstance(answer, Person), (method, answer)


def langchain_goes_on_after_a_tool() -> None:
    model = _langchain().bind_tools([get_weather], tool_choice="get_weather")
    called = model.invoke("How is the weather in Rome?")
    (call,) = called.tool_calls
    told = ToolMessage(get_weather.invoke(call["args"]), tool_call_id=call["id"])
    answer = (
        _langchain(max_tokens=8)
        .bind_tools([get_weather])
        .invoke([HumanMessage("How is the weather in Rome?"), called, told])
    )
    assert isinstance(answer, AIMessage)


def langchain_embeds() -> None:
    vectors = OpenAIEmbeddings(model=MODEL, check_embedding_ctx_length=False).embed_documents(
        ["a cat", "a dog"]
    )
    assert len(vectors) == 2


def langchain_reads_why_tokens_are_refused() -> None:
    try:
        OpenAIEmbeddings(model=MODEL).client.create(model=MODEL, input=[[104, 101], [108]])
    except openai.BadRequestError as error:
        told = str(error)
    else:
        told = "tokens of another vocabulary were taken for the model's own"
    assert "check_embedding_ctx_length" in told, told


def langchain_works_by_responses() -> None:
    model = _langchain(max_tokens=60, use_responses_api=True)
    assert model.invoke("Say hello.").text
    assert "".join(chunk.text for chunk in model.stream("Say hello."))
    called = model.bind_tools([get_weather], tool_choice="get_weather").invoke("How is the weather in Rome?")
    (call,) = called.tool_calls
    told = ToolMessage(get_weather.invoke(call["args"]), tool_call_id=call["id"])
    after = model.bind_tools([get_weather]).invoke([HumanMessage("The weather in Rome?"), called, told])
    assert isinstance(after, AIMessage)


# --- instructor --------------------------------------------------------------------------------


def instructor_structures_in_all_modes() -> None:
    for mode in (instructor.Mode.TOOLS, instructor.Mode.JSON_SCHEMA):
        with openai.OpenAI() as plain:
            person = instructor.from_openai(plain, mode=mode).chat.completions.create(
                model=MODEL,
                messages=[{"role": "user", "content": "Ana is 31, her code is AB-12, she has no child."}],
                response_model=Person,
                max_tokens=300,
                max_retries=0,
                temperature=0,
            )
        assert isinstance(person, Person)


# --- pydantic-ai -------------------------------------------------------------------------------


def _pydantic_model() -> OpenAIChatModel:
    return OpenAIChatModel(MODEL, provider=OpenAIProvider(base_url=URL, api_key=KEY))


def pydantic_ai_structures() -> None:
    for output in (NativeOutput(Person), ToolOutput(Person)):
        agent = pydantic_ai.Agent(_pydantic_model(), output_type=output, retries=0)
        settings = {"temperature": 0.0, "max_tokens": 300}
        assert isinstance(agent.run_sync("Describe Ana.", model_settings=settings).output, Person)


def pydantic_ai_answers_by_responses() -> None:
    model = OpenAIResponsesModel(MODEL, provider=OpenAIProvider(base_url=URL, api_key=KEY))
    agent = pydantic_ai.Agent(model, output_type=NativeOutput(Person), retries=0)
    settings = {"temperature": 0.0, "max_tokens": 300}
    assert isinstance(agent.run_sync("Describe Ana.", model_settings=settings).output, Person)


# --- openai-agents -----------------------------------------------------------------------------


def openai_agents_run() -> None:
    client = openai.AsyncOpenAI()
    model = agents.OpenAIChatCompletionsModel(model=MODEL, openai_client=client)
    agent = agents.Agent(
        name="a", instructions="Be brief.", model=model, model_settings=agents.ModelSettings(max_tokens=8)
    )

    async def run() -> str:
        async with client:
            return str((await agents.Runner.run(agent, "Say hello.")).final_output)

    assert asyncio.run(run())


@agents.function_tool
def weather_of(city: str) -> str:
    """The weather of a city."""
    return f"It rains in {city}."


def openai_agents_run_by_responses() -> None:
    client = openai.AsyncOpenAI()
    agent = agents.Agent(
        name="a",
        instructions="Be brief.",
        model=agents.OpenAIResponsesModel(model=MODEL, openai_client=client),
        tools=[weather_of],
        model_settings=agents.ModelSettings(max_tokens=60, tool_choice="required"),
    )

    async def run() -> tuple[str, list[str]]:
        async with client:
            whole = await agents.Runner.run(agent, "How is the weather in Rome?")
            streamed = agents.Runner.run_streamed(agent, "How is the weather in Rome?")
            kinds = [event.name async for event in streamed.stream_events() if hasattr(event, "name")]
            return str(whole.final_output), kinds

    _, kinds = asyncio.run(run())
    assert {"tool_called", "tool_output"} <= set(kinds), kinds


FLOWS: list[Callable[[], None]] = [
    openai_parses_a_model,
    openai_sends_fields_of_newer_models,
    litellm_answers,
    litellm_streams,
    litellm_tells_an_overflow_apart,
    litellm_calls_a_tool,
    langchain_answers_and_streams,
    langchain_structures_in_all_ways,
    langchain_goes_on_after_a_tool,
    langchain_embeds,
    langchain_reads_why_tokens_are_refused,
    instructor_structures_in_all_modes,
    pydantic_ai_structures,
    openai_agents_run,
    openai_agents_run_by_responses,
    langchain_works_by_responses,
    pydantic_ai_answers_by_responses,
]


def main() -> None:
    """Run all flows and write what became of them."""
    outcomes = {}
    for flow in FLOWS:
        try:
            flow()
            outcomes[flow.__name__] = "ok"
        except Exception as error:  # noqa: BLE001 - whatever a client raises is its outcome
            outcomes[flow.__name__] = "".join(traceback.format_exception_only(error))[-1000:]
    json.dump(outcomes, sys.stdout)


if __name__ == "__main__":
    main()
