"""What one more public client does with a server, told only its address, the key and the name of a model.

`python flows.py CLIENT URL KEY MODEL`, in an environment with that client; writes one JSON object: what
became of each flow by its name, `ok` or the error. Nothing of the program is imported here.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

CLIENT, URL, KEY, MODEL = sys.argv[1:5]
os.environ |= {"OPENAI_BASE_URL": URL, "OPENAI_API_KEY": KEY, "HF_HUB_OFFLINE": "1"}
os.environ |= {"LITELLM_LOCAL_MODEL_COST_MAP": "true", "HAYSTACK_TELEMETRY_ENABLED": "False"}

HELLO = "Say hello."
PERSON: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 20}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


def weather(city: str) -> str:
    """Get the weather of a city.

    Args:
        city: The city.
    """
    return f"It rains in {city}."


def smolagents() -> dict[str, Callable[[], object]]:
    """Hugging Face's agents."""
    from smolagents import OpenAIServerModel, Tool

    class Weather(Tool):  # type: ignore[misc]
        name, description, output_type = "weather", "The weather of a city.", "string"
        inputs = {"city": {"type": "string", "description": "The city."}}  # noqa: RUF012

        def forward(self, city: str) -> str:
            return weather(city)

    model = OpenAIServerModel(MODEL, api_base=URL, api_key=KEY, max_tokens=120, temperature=0.0)
    messages = [{"role": "user", "content": [{"type": "text", "text": HELLO}]}]
    form = {"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON, "strict": True}}

    def calls() -> None:
        answer = model.generate(messages, tools_to_call_from=[Weather()])
        (call,) = answer.tool_calls
        assert isinstance(json.loads(call.function.arguments)["city"], str)

    def structures() -> None:
        assert "age" in json.loads(model.generate(messages, response_format=form).content)

    return {
        "chat": lambda: _some(model.generate(messages).content),
        "stream": lambda: _some("".join(part.content or "" for part in model.generate_stream(messages))),
        "tools": calls,
        "structured": structures,
    }


def dspy() -> dict[str, Callable[[], object]]:
    """Programs of prompts."""
    import dspy as library

    lm = library.LM(
        f"openai/{MODEL}", api_base=URL, api_key=KEY, max_tokens=150, temperature=0.0, cache=False
    )
    library.configure(lm=lm)

    def predicts(adapter: Any) -> None:
        with library.context(adapter=adapter):
            assert isinstance(library.Predict("question -> number: int")(question="1 + 1").number, int)

    def embeds() -> None:
        embedder = library.Embedder(f"openai/{MODEL}", api_base=URL, api_key=KEY, caching=False)
        assert len(embedder(["a cat", "a dog"])) == 2

    return {
        "chat": lambda: _some(lm(HELLO)[0]),
        "structured": lambda: predicts(library.JSONAdapter()),
        "embeddings": embeds,
    }


def outlines() -> dict[str, Callable[[], object]]:
    """Answers that are held to a form."""
    import openai
    import outlines as library
    import pydantic

    class Person(pydantic.BaseModel):
        name: str
        age: int

    client = openai.OpenAI()
    model = library.from_openai(client, MODEL)
    served = library.from_vllm(client, MODEL)
    served_by_sglang = library.from_sglang(client, MODEL)

    def structures(one: Any) -> None:
        Person.model_validate_json(one("Describe Ana.", Person, max_tokens=150, temperature=0.0))

    def matches(one: Any) -> None:
        assert one("A number:", library.regex("[0-9]{3}"), max_tokens=8).isdigit()

    return {
        "chat": lambda: _some(model(HELLO, max_tokens=8)),
        "stream": lambda: _some("".join(model.stream(HELLO, max_tokens=8))),
        "structured": lambda: structures(model),
        "structured as by vLLM": lambda: structures(served),
        "regex as by vLLM": lambda: matches(served),
        "regex as by SGLang": lambda: matches(served_by_sglang),
    }


def llama_index() -> dict[str, Callable[[], object]]:
    """Indexes and agents."""
    import pydantic
    from llama_index.core.llms import ChatMessage
    from llama_index.core.tools import FunctionTool
    from llama_index.embeddings.openai_like import OpenAILikeEmbedding
    from llama_index.llms.openai_like import OpenAILike

    class Person(pydantic.BaseModel):
        name: str
        age: int

    llm = OpenAILike(
        model=MODEL,
        api_base=URL,
        api_key=KEY,
        is_chat_model=True,
        is_function_calling_model=True,
        should_use_structured_outputs=True,
        max_tokens=150,
        temperature=0.0,
    )
    tool = FunctionTool.from_defaults(weather)

    def calls() -> None:
        answer = llm.chat_with_tools([tool], user_msg="The weather in Rome?", tool_required=True)
        (call,) = llm.get_tool_calls_from_response(answer)
        assert isinstance(call.tool_kwargs["city"], str)

    def streams_calls() -> None:
        *_, last = llm.stream_chat_with_tools([tool], user_msg="The weather in Rome?", tool_required=True)
        (call,) = llm.get_tool_calls_from_response(last)
        assert isinstance(call.tool_kwargs["city"], str)

    def structures() -> None:
        answer = llm.as_structured_llm(Person).chat([ChatMessage(content="Describe Ana.")])
        assert isinstance(answer.raw, Person)

    def embeds() -> None:
        embedding = OpenAILikeEmbedding(model_name=MODEL, api_base=URL, api_key=KEY)
        assert len(embedding.get_text_embedding_batch(["a cat", "a dog"])) == 2

    return {
        "chat": lambda: _some(llm.chat([ChatMessage(content=HELLO)]).message.content),
        "stream": lambda: _some("".join(part.delta or "" for part in llm.stream_complete(HELLO))),
        "tools": calls,
        "tools streamed": streams_calls,
        "structured": structures,
        "embeddings": embeds,
    }


def haystack() -> dict[str, Callable[[], object]]:
    """Pipelines."""
    from haystack.components.embedders import OpenAITextEmbedder
    from haystack.components.generators.chat import OpenAIChatGenerator
    from haystack.dataclasses import ChatMessage
    from haystack.tools import create_tool_from_function

    def made(**more: Any) -> Any:
        given = {"max_tokens": 120, "temperature": 0.0, **more.pop("generation_kwargs", {})}
        return OpenAIChatGenerator(model=MODEL, api_base_url=URL, generation_kwargs=given, **more)

    def asked(one: Any) -> Any:
        return one.run([ChatMessage.from_user(HELLO)])["replies"][0]

    form = {"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON, "strict": True}}

    def calls(**more: Any) -> None:
        tools = [create_tool_from_function(weather)]
        (call,) = asked(made(tools=tools, generation_kwargs={"tool_choice": "required"}, **more)).tool_calls
        assert isinstance(call.arguments["city"], str)

    def structures() -> None:
        assert "age" in json.loads(asked(made(generation_kwargs={"response_format": form})).text)

    parts: list[str] = []
    listener = {"streaming_callback": lambda chunk: parts.append(chunk.content)}
    return {
        "chat": lambda: _some(asked(made()).text),
        "stream": lambda: (asked(made(**listener)), _some("".join(parts))),
        "tools": calls,
        "tools streamed": lambda: calls(**listener),
        "structured": structures,
        "embeddings": lambda: _some(
            OpenAITextEmbedder(model=MODEL, api_base_url=URL).run("a cat")["embedding"]
        ),
    }


def autogen() -> dict[str, Callable[[], object]]:
    """Microsoft's agents."""
    from autogen_core.models import ModelInfo, UserMessage
    from autogen_core.tools import FunctionTool
    from autogen_ext.models.openai import OpenAIChatCompletionClient

    info = ModelInfo(
        vision=False, function_calling=True, json_output=True, family="unknown", structured_output=True
    )

    def asked(**more: Any) -> Any:
        async def ask() -> Any:
            client = OpenAIChatCompletionClient(
                model=MODEL, base_url=URL, api_key=KEY, model_info=info, max_tokens=120, temperature=0.0
            )
            messages = [UserMessage(content=HELLO, source="user")]
            streams = more.pop("streams", False)
            if not streams:
                return (await client.create(messages, **more)).content
            *_, last = [part async for part in client.create_stream(messages, **more)]
            return last.content

        return asyncio.run(ask())

    tools = [FunctionTool(weather, description="The weather of a city.")]

    def calls(*, streams: bool) -> None:
        (call,) = asked(tools=tools, tool_choice="required", streams=streams)
        assert isinstance(json.loads(call.arguments)["city"], str)

    def structures() -> None:
        import pydantic

        class Person(pydantic.BaseModel):
            name: str
            age: int

        Person.model_validate_json(asked(json_output=Person))

    return {
        "chat": lambda: _some(asked()),
        "stream": lambda: _some(asked(streams=True)),
        "tools": lambda: calls(streams=False),
        "tools streamed": lambda: calls(streams=True),
        "structured": structures,
    }


def semantic_kernel() -> dict[str, Callable[[], object]]:
    """Microsoft's kernel."""
    import openai
    import pydantic
    from semantic_kernel import Kernel
    from semantic_kernel.connectors.ai import FunctionChoiceBehavior
    from semantic_kernel.connectors.ai.open_ai import (
        OpenAIChatCompletion,
        OpenAIChatPromptExecutionSettings,
        OpenAITextEmbedding,
    )
    from semantic_kernel.contents import ChatHistory, FunctionCallContent
    from semantic_kernel.functions import kernel_function

    class Person(pydantic.BaseModel):
        name: str
        age: int

    kernel = Kernel()
    kernel.add_function("tools", kernel_function(weather))
    demands_call = FunctionChoiceBehavior.Required(auto_invoke=False)

    def answer(*, streams: bool = False, **more: Any) -> Any:
        async def ask() -> Any:
            service = OpenAIChatCompletion(ai_model_id=MODEL, async_client=openai.AsyncOpenAI())
            history = ChatHistory()
            history.add_user_message(HELLO)
            settings = OpenAIChatPromptExecutionSettings(max_tokens=120, temperature=0.0, **more)
            if not streams:
                return (await service.get_chat_message_contents(history, settings, kernel=kernel))[0]
            parts = service.get_streaming_chat_message_contents(history, settings, kernel=kernel)
            first, *others = [part[0] async for part in parts]
            return sum(others, start=first)

        return asyncio.run(ask())

    def asked(**more: Any) -> str:
        return str(answer(**more))

    def calls(*, streams: bool) -> None:
        items = answer(streams=streams, function_choice_behavior=demands_call).items
        (call,) = [item for item in items if isinstance(item, FunctionCallContent)]
        assert isinstance(json.loads(call.arguments)["city"], str)

    def embeds() -> None:
        async def ask() -> Any:
            service = OpenAITextEmbedding(ai_model_id=MODEL, async_client=openai.AsyncOpenAI())
            return await service.generate_embeddings(["a cat", "a dog"])

        assert len(asyncio.run(ask())) == 2

    return {
        "chat": lambda: _some(asked()),
        "stream": lambda: _some(asked(streams=True)),
        "tools": lambda: calls(streams=False),
        "tools streamed": lambda: calls(streams=True),
        "structured": lambda: Person.model_validate_json(asked(response_format=Person)),
        "embeddings": embeds,
    }


def _some(value: Any) -> None:
    assert len(value), "nothing came"


CLIENTS = (smolagents, dspy, outlines, llama_index, haystack, autogen, semantic_kernel)


def main() -> None:
    """Run all flows of the client and write what became of them."""
    outcomes = {}
    client = next(client for client in CLIENTS if client.__name__ == CLIENT)
    for name, flow in client().items():
        try:
            flow()
            outcomes[name] = "ok"
        except Exception as error:  # noqa: BLE001 - whatever a client raises is its outcome
            outcomes[name] = "".join(traceback.format_exception_only(error))[-600:].strip()
    sys.stdout.write(f"\n{json.dumps(outcomes)}\n")


if __name__ == "__main__":
    main()
