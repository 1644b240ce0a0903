"""OpenAI's own Python client against `llmmem serve` with real models."""

from __future__ import annotations

import json
import math
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

from tests.running_program import RunningProgram

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Say hello."}]
WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "enum": ["Paris", "Rome"]}},
            "required": ["city"],
        },
    },
}
NOT_HELD = {
    "type": "json_schema",
    "json_schema": {"name": "n", "strict": True, "schema": {"items": {"uniqueItems": True}}},
}
NOT_OFFERED = {"type": "function", "function": {"name": "not_offered"}}


def test_models_are_listed(client: openai.OpenAI, smol: str, gemma: str) -> None:
    """The list names the models by id, and each can be looked up."""
    assert {smol, gemma} <= {model.id for model in client.models.list()}
    assert client.models.retrieve(smol).id == smol
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nothing")


def test_a_chat_is_answered(client: openai.OpenAI, smol: str) -> None:
    """A model that is not loaded is loaded for the question, and the answer counts its tokens."""
    answer = client.chat.completions.create(model=smol, messages=HELLO, max_tokens=8, temperature=0)
    assert answer.model == smol
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 8
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 8


def test_a_streamed_chat_is_the_same_text(client: openai.OpenAI, smol: str) -> None:
    """At temperature 0 the pieces of a stream make up the text of the whole answer; usage comes last."""
    whole = client.chat.completions.create(model=smol, messages=HELLO, max_tokens=16, temperature=0)
    stream = client.chat.completions.create(
        model=smol,
        messages=HELLO,
        max_completion_tokens=16,
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert all(chunk.model == smol for chunk in chunks)
    assert [chunk.usage is not None for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert whole.usage is not None
    assert chunks[-1].usage.prompt_tokens == whole.usage.prompt_tokens
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens


def test_messages_of_all_kinds_are_taken(client: openai.OpenAI, smol: str) -> None:
    """Developer, assistant and tool messages, and text in parts, as clients send them back."""
    messages: list[ChatCompletionMessageParam] = [
        {"role": "developer", "content": "Be brief."},
        {
            "role": "user",
            "content": [{"type": "text", "text": "What is "}, {"type": "text", "text": "the weather?"}],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
            ],
        },
        {"role": "tool", "tool_call_id": "1", "content": "sunny"},
        {"role": "assistant", "content": "It is sunny.", "refusal": None},
        {"role": "user", "content": "Thanks.", "name": "Ana"},
    ]
    answer = client.chat.completions.create(model=smol, messages=messages, max_tokens=4)
    assert answer.choices[0].message.role == "assistant"


def test_seed_and_stop_are_obeyed(client: openai.OpenAI, smol: str) -> None:
    """One seed gives one answer; generation ends before a stop word."""
    texts = {
        client.chat.completions.create(model=smol, messages=HELLO, max_tokens=12, temperature=1.5, seed=7)
        .choices[0]
        .message.content
        for _ in range(2)
    }
    assert len(texts) == 1
    whole = client.completions.create(model=smol, prompt="1 2 3 4", max_tokens=24, temperature=0)
    word = whole.choices[0].text.split()[2]
    short = client.completions.create(model=smol, prompt="1 2 3 4", max_tokens=24, temperature=0, stop=word)
    assert short.choices[0].finish_reason == "stop"
    assert short.choices[0].text == whole.choices[0].text.partition(word)[0]


def test_a_text_is_continued(client: openai.OpenAI, smol: str) -> None:
    """The older completions work whole, streamed and with the prompt repeated."""
    arguments: dict[str, Any] = {
        "model": smol,
        "prompt": "The capital of France is",
        "max_tokens": 6,
        "temperature": 0,
    }
    whole = client.completions.create(**arguments)
    assert "Paris" in whole.choices[0].text
    pieces = client.completions.create(**arguments, stream=True)
    assert "".join(chunk.choices[0].text for chunk in pieces) == whole.choices[0].text
    echoed = client.completions.create(**arguments, echo=True)
    assert echoed.choices[0].text.startswith("The capital of France is")


def test_probabilities_of_tokens_are_told(client: openai.OpenAI, smol: str) -> None:
    """Whole and streamed, a chat's `logprobs` make up its text; completions have theirs in the older form."""
    arguments: dict[str, Any] = {
        "model": smol,
        "messages": HELLO,
        "max_tokens": 6,
        "temperature": 0,
        "logprobs": True,
        "top_logprobs": 3,
    }
    choice = client.chat.completions.create(**arguments).choices[0]
    assert choice.logprobs is not None
    tokens = choice.logprobs.content or []
    assert "".join(token.token for token in tokens) == choice.message.content
    for token in tokens:
        # At temperature 0 the likeliest is chosen.
        assert token.logprob == token.top_logprobs[0].logprob
        assert sum(math.exp(each.logprob) for each in token.top_logprobs) <= 1
    chunks = list(client.chat.completions.create(**arguments, stream=True))
    told = [chunk.choices[0].logprobs for chunk in chunks]
    assert [token for each in told if each for token in each.content or []] == tokens

    completion = client.completions.create(
        model=smol, prompt="The capital of France is", max_tokens=3, temperature=0, logprobs=2
    ).choices[0]
    assert completion.logprobs is not None
    assert "".join(completion.logprobs.tokens or []) == completion.text
    assert completion.logprobs.text_offset == sorted(completion.logprobs.text_offset or [])
    repeated = client.completions.create(
        model=smol, prompt="The capital of France is", max_tokens=0, echo=True, logprobs=1
    ).choices[0]
    assert repeated.text == "The capital of France is"
    assert repeated.logprobs is not None
    assert repeated.logprobs.token_logprobs
    assert repeated.logprobs.token_logprobs[0] is None
    assert all(each <= 0 for each in repeated.logprobs.token_logprobs[1:])
    assert "".join(repeated.logprobs.tokens or []) == repeated.text
    assert [len(each) for each in completion.logprobs.top_logprobs or []] == [2, 2, 2]


def test_a_token_can_be_favoured(client: openai.OpenAI, smol: str) -> None:
    """With the greatest `logit_bias` a token is chosen again and again."""
    answer = client.chat.completions.create(
        model=smol, messages=HELLO, max_tokens=3, temperature=0, logit_bias={"260": 100}
    )
    first, *others = (answer.choices[0].message.content or "").split()
    assert others == [first, first]


def test_json_fits_the_schema(client: openai.OpenAI, smol: str) -> None:
    """A JSON schema holds the answer to its form."""
    schema = {
        "type": "object",
        "properties": {
            "city": {"enum": ["Paris", "Rome"]},
            "days": {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 2},
        },
        "required": ["city", "days"],
        "additionalProperties": False,
    }
    answer = client.chat.completions.create(
        model=smol,
        messages=HELLO,
        max_tokens=60,
        temperature=0,
        response_format={"type": "json_schema", "json_schema": {"name": "trip", "schema": schema}},
    )
    content = json.loads(answer.choices[0].message.content or "")
    assert content["city"] in ("Paris", "Rome")
    assert [type(day) for day in content["days"]] == [bool, bool]


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "weather"}}])
def test_a_demanded_tool_is_called(client: openai.OpenAI, smol: str, choice: Any) -> None:
    """A tool that is demanded is called with arguments that fit, whole and streamed."""
    arguments: dict[str, Any] = {
        "model": smol,
        "messages": [{"role": "user", "content": "How is the weather in Rome?"}],
        "tools": [WEATHER],
        "tool_choice": choice,
        "max_tokens": 80,
        "temperature": 0,
    }
    whole = client.chat.completions.create(**arguments).choices[0]
    assert whole.finish_reason == "tool_calls"
    assert whole.message.tool_calls is not None
    call = whole.message.tool_calls[0]
    assert call.type == "function"
    assert call.function.name == "weather"
    assert json.loads(call.function.arguments)["city"] in ("Paris", "Rome")
    chunks = list(client.chat.completions.create(**arguments, stream=True))
    called = [c for chunk in chunks for c in chunk.choices[0].delta.tool_calls or ()]
    assert "".join(c.function.arguments or "" for c in called if c.function) == call.function.arguments
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


def test_tools_may_be_left_unused(client: openai.OpenAI, smol: str) -> None:
    """With tools on offer an ordinary answer is still an ordinary answer."""
    for choice in ("auto", "none"):
        answer = client.chat.completions.create(
            model=smol, messages=HELLO, tools=[WEATHER], tool_choice=choice, max_tokens=4, temperature=0
        )
        assert answer.choices[0].message.content


def test_texts_become_vectors(client: openai.OpenAI, gemma: str) -> None:
    """Embeddings have length 1, are the same in both encodings, and alike for like texts."""
    texts = ["The cat sleeps on the sofa.", "A cat is asleep on the couch.", "Quarterly tax revenue fell."]
    coded = [item.embedding for item in client.embeddings.create(model=gemma, input=texts).data]
    plain = [
        item.embedding
        for item in client.embeddings.create(model=gemma, input=texts, encoding_format="float").data
    ]
    for one, other in zip(coded, plain, strict=True):
        assert math.isclose(math.fsum(x * x for x in one), 1, rel_tol=1e-5)
        assert one == pytest.approx(other, abs=1e-6)
    cats, taxes = (math.fsum(x * y for x, y in zip(plain[0], plain[other], strict=True)) for other in (1, 2))
    assert cats > taxes


@pytest.mark.parametrize(
    ("changes", "error", "parameter"),
    [
        ({"response_format": NOT_HELD}, openai.BadRequestError, "response_format.json_schema.schema.items"),
        ({"model": "nothing"}, openai.NotFoundError, "model"),
        ({"top_logprobs": 3}, openai.BadRequestError, "top_logprobs"),
        ({"extra_body": {"chat_template": "{{ x }}"}}, openai.BadRequestError, "chat_template"),
        ({"logit_bias": {"1": 1e7}}, openai.BadRequestError, "logit_bias[...]"),
        ({"tool_choice": "required"}, openai.BadRequestError, "tool_choice"),
        ({"tools": [WEATHER], "tool_choice": NOT_OFFERED}, openai.BadRequestError, "tool_choice"),
    ],
)
def test_what_cannot_be_done_is_said(
    client: openai.OpenAI,
    smol: str,
    changes: dict[str, Any],
    error: type[openai.APIStatusError],
    parameter: str,
) -> None:
    """A field that is wrong or not offered is named."""
    arguments: dict[str, Any] = {"model": smol, "messages": HELLO, "max_tokens": 1, **changes}
    with pytest.raises(error) as failure:
        client.chat.completions.create(**arguments)
    assert failure.value.body is not None
    assert failure.value.param == parameter
    assert str(failure.value.body["message"]).endswith((".", "ids."))  # type: ignore[call-overload]


def test_a_wrong_key_is_refused(program: RunningProgram) -> None:
    """Without the token of this program the client is turned away."""
    with (
        openai.OpenAI(base_url=f"{program.url}/v1", api_key="sk-wrong", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError),
    ):
        stranger.models.list()


def test_a_model_that_cannot_fit_is_refused_with_numbers(program: RunningProgram, smol: str) -> None:
    """The answer is 507 with the need and the room, and the client does not ask again by itself."""
    control = program.client()
    control.request("POST", "/api/v1/unload")
    control.request("PUT", "/api/v1/limit", {"limit_bytes": 50 * 2**20})
    try:
        with (
            openai.OpenAI(base_url=f"{program.url}/v1", api_key=program.token, max_retries=2) as client,
            pytest.raises(openai.InternalServerError) as failure,
        ):
            client.chat.completions.create(model=smol, messages=HELLO, max_tokens=1)
    finally:
        control.request("PUT", "/api/v1/limit", {"limit_bytes": None})
    assert failure.value.status_code == 507
    body: Any = failure.value.body
    assert body["numbers"]["need_bytes"] > 50 * 2**20
    assert body["numbers"]["room_bytes"] <= 50 * 2**20
    assert failure.value.response.headers["x-should-retry"] == "false"
    refused = control.request("GET", "/api/v1/events/recent?count=20")
    assert [event["type"] for event in refused].count("load-refused") == 1
