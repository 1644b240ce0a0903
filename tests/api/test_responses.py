"""The Responses API as its own client knows it, and as it stands on the wire."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import openai
import pytest
from openai.types.responses import Response, ResponseFunctionToolCall
from pydantic import BaseModel

from llmmem_gui.service.http.responses_schemas import ResponsesRequest
from llmmem_gui.service.http.responses_stream import ResponseWording
from llmmem_gui.service.http.responses_translation import ResponseFrame
from tests.running_program import RunningProgram

WEATHER: dict[str, Any] = {
    "type": "function",
    "name": "weather",
    "description": "The weather of a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 12}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}
TALE = [
    {"role": "system", "content": "You are terse."},
    {"role": "user", "content": "Say hello."},
    {"role": "assistant", "content": "Hello."},
    {"role": "user", "content": "Again."},
]


class Person(BaseModel):
    """What an answer is held to."""

    name: str
    age: int


def ask(program: RunningProgram, **body: Any) -> httpx.Response:
    """One request as it is sent."""
    headers = {"Authorization": f"Bearer {program.token}"}
    return httpx.post(f"{program.url}/v1/responses", json=body, headers=headers, timeout=120)


def events(program: RunningProgram, **body: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The events of a stream as they stand on the wire: their names and contents."""
    answer = ask(program, **body, stream=True)
    assert answer.headers["content-type"].startswith("text/event-stream")
    for block in answer.text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if lines:
            yield lines["event"], json.loads(lines["data"])


def same_chat(client: openai.OpenAI, model: str, **asked: Any) -> str | None:
    """What a chat answers."""
    chat = client.chat.completions.create(model=model, messages=TALE, temperature=0, **asked)  # type: ignore[call-overload]
    return str(chat.choices[0].message.content)


def test_a_conversation_is_answered_as_a_chat(client: openai.OpenAI, smol: str) -> None:
    """Text for text; instructions are the system's message, and a bare text is the user's."""
    expected = same_chat(client, smol, max_tokens=12)
    given = {"model": smol, "temperature": 0, "max_output_tokens": 12}
    whole = client.responses.create(input=TALE, **given)  # type: ignore[call-overload]
    assert whole.output_text == expected
    parts: Any = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Again."}]}]
    said: Any = [
        {
            "type": "message",
            "role": "assistant",
            "id": "msg_1",
            "status": "completed",
            "content": [{"type": "output_text", "text": "Hello.", "annotations": []}],
        }
    ]
    items = [TALE[1], *said, *parts]
    parted = client.responses.create(instructions="You are terse.", input=items, **given)  # type: ignore[call-overload]
    assert parted.output_text == expected
    assert parted.instructions == "You are terse."
    bare = client.responses.create(model=smol, input="Say hello.", max_output_tokens=3, temperature=0)
    assert bare.output_text
    assert bare.usage is not None
    assert bare.usage.total_tokens == bare.usage.input_tokens + bare.usage.output_tokens


def test_an_answer_that_is_cut_says_so(client: openai.OpenAI, smol: str) -> None:
    """Whole and streamed it is incomplete, with the reason; one that ends is complete."""
    asked: dict[str, Any] = {"model": smol, "input": "Tell me a long story.", "max_output_tokens": 4}
    whole = client.responses.create(**asked)
    assert whole.status == "incomplete"
    assert whole.incomplete_details is not None
    assert whole.incomplete_details.reason == "max_output_tokens"
    (*_, last) = client.responses.create(**asked, stream=True)
    assert last.type == "response.incomplete"
    assert last.response.usage is not None
    assert last.response.usage.output_tokens == 4
    ended = client.responses.create(model=smol, input="Say hello.", temperature=0, max_output_tokens=200)
    assert ended.status == "completed"


def test_a_stream_is_the_whole_answer(program: RunningProgram, client: openai.OpenAI, smol: str) -> None:
    """Each event has its name and number; what was added up is told at the end, and by a whole one."""
    asked: dict[str, Any] = {"model": smol, "input": TALE, "temperature": 0, "max_output_tokens": 12}
    whole = client.responses.create(**asked)
    told = list(events(program, **asked))
    assert [name for name, _ in told] == [event["type"] for _, event in told]
    assert [event["sequence_number"] for _, event in told] == list(range(len(told)))
    kinds = [name.removeprefix("response.") for name, _ in told]
    between = kinds[4:-4]
    assert kinds[:4] == ["created", "in_progress", "output_item.added", "content_part.added"]
    assert set(between) == {"output_text.delta"}
    assert kinds[-4:-1] == ["output_text.done", "content_part.done", "output_item.done"]
    text = "".join(event["delta"] for name, event in told if name.endswith("text.delta"))
    last = told[-1][1]["response"]
    assert text == whole.output_text == last["output"][0]["content"][0]["text"]
    assert {event["response"]["id"] for _, event in told if "response" in event} == {last["id"]}
    assert told[0][1]["response"]["status"] == "in_progress"
    assert last["model"] == smol
    with client.responses.stream(**asked) as stream:
        for _ in stream:
            pass
        assert stream.get_final_response().output_text == text


@pytest.mark.parametrize("streamed", [False, True])
def test_tools_are_called_and_answered(client: openai.OpenAI, smol: str, streamed: bool) -> None:
    """A demanded call comes as an item, and what it gave goes back with it in the next request."""
    asked: dict[str, Any] = {"model": smol, "input": "Weather in Bonn?", "tools": [WEATHER], "seed": 1}
    asked["extra_body"] = {"seed": asked.pop("seed")}
    if streamed:
        with client.responses.stream(**asked, tool_choice="required") as stream:
            kinds = [event.type for event in stream]
            response: Response = stream.get_final_response()
        assert "response.function_call_arguments.delta" in kinds
        assert kinds.count("response.function_call_arguments.done") == len(response.output)
    else:
        response = client.responses.create(**asked, tool_choice={"type": "function", "name": "weather"})
    call = response.output[0]
    assert isinstance(call, ResponseFunctionToolCall)
    assert call.name == "weather"
    assert isinstance(json.loads(call.arguments)["city"], str)
    back: Any = [
        {"role": "user", "content": "Weather in Bonn?"},
        *(item.model_dump() for item in response.output),
        {"type": "function_call_output", "call_id": call.call_id, "output": "Rain."},
    ]
    after = client.responses.create(model=smol, input=back, tools=[WEATHER], tool_choice="none")  # type: ignore[list-item]
    assert after.output_text
    # It was read: without the call the prompt is shorter.
    without = client.responses.create(model=smol, input=back[:1], tools=[WEATHER], tool_choice="none")  # type: ignore[list-item]
    assert after.usage is not None
    assert without.usage is not None
    assert after.usage.input_tokens > without.usage.input_tokens + 10


def test_an_answer_is_held_to_a_schema(client: openai.OpenAI, smol: str) -> None:
    """As `responses.parse` asks for it; what cannot be held names its place in the request."""
    parsed = client.responses.parse(
        model=smol, input="Who is Ada, 36?", text_format=Person, max_output_tokens=300
    )
    if parsed.status == "completed":
        assert isinstance(parsed.output_parsed, Person)
    unheld = {"type": "json_schema", "name": "x", "schema": {"type": "array", "uniqueItems": True}}
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(model=smol, input="x", text={"format": unheld})  # type: ignore[typeddict-item]
    assert refused.value.param == "text.format.schema"


def test_thoughts_text_and_calls_are_items_in_their_order() -> None:
    """Whether they come whole or in pieces: of several calls each is an item of its own."""
    deltas: list[dict[str, Any]] = [
        {"role": "assistant", "content": ""},
        {"reasoning_content": "Let me "},
        {"reasoning_content": "see."},
        {"content": "I look."},
        {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "weather", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"city":'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": ' "Bonn"}'}}]},
        {"tool_calls": [{"index": 1, "id": "b", "function": {"name": "time", "arguments": "{}"}}]},
        {},
    ]
    calls = [("a", "weather", '{"city": "Bonn"}'), ("b", "time", "{}")]
    told = {
        "content": "I look.",
        "reasoning_content": "Let me see.",
        "tool_calls": [
            {"id": id, "type": "function", "function": {"name": name, "arguments": given}}
            for id, name, given in calls
        ],
    }
    counts = {
        "prompt_tokens": 5,
        "completion_tokens": 7,
        "total_tokens": 12,
        "prompt_tokens_details": {"cached_tokens": 1},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    request = msgspec.convert({"input": "x"}, ResponsesRequest)
    about = {"created": 1, "model": "m"}
    choice = {"index": 0, "message": told, "finish_reason": "tool_calls", "logprobs": None}
    whole = ResponseFrame(request).whole({**about, "choices": [choice], "usage": counts})
    wording = ResponseWording(ResponseFrame(request))
    events = []
    for delta in deltas:
        reason = None if delta else "tool_calls"
        chunk = {**about, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
        events += wording.chunk(chunk)
    events += wording.end(counts)
    streamed = events[-1].content["response"]
    for item in (*whole["output"], *streamed["output"]):
        item.pop("id")
    assert streamed["output"] == whole["output"]
    assert [item["type"] for item in whole["output"]] == [
        "reasoning",
        "message",
        "function_call",
        "function_call",
    ]
    assert streamed["usage"] == whole["usage"]
    assert whole["usage"]["output_tokens_details"] == {"reasoning_tokens": 2}
    opened = [e.content["output_index"] for e in events if e.name == "response.output_item.added"]
    closed = [e.content["output_index"] for e in events if e.name == "response.output_item.done"]
    assert opened == closed == [0, 1, 2, 3]


def test_probabilities_are_told_where_they_are_asked_for(client: openai.OpenAI, smol: str) -> None:
    """Beside the text, one entry for each token, whole and streamed."""
    asked: dict[str, Any] = {
        "model": smol,
        "input": "Say hello.",
        "temperature": 0,
        "max_output_tokens": 4,
        "include": ["message.output_text.logprobs"],
        "top_logprobs": 2,
    }
    content = client.responses.create(**asked).output[0].content[0]  # type: ignore[union-attr,index]
    assert len(content.logprobs) == 4  # type: ignore[union-attr,arg-type]
    assert len(content.logprobs[0].top_logprobs) == 2  # type: ignore[union-attr,index]
    deltas = [
        event for event in client.responses.create(**asked, stream=True) if event.type.endswith("text.delta")
    ]
    assert sum(len(event.logprobs) for event in deltas) == 4  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("previous_response_id", "resp_1"),
        ("conversation", "conv_1"),
        ("prompt", {"id": "pmpt_1"}),
        ("background", True),
        ("n", 2),
        ("tools", [{"type": "web_search"}]),
        ("input", [{"type": "item_reference", "id": "msg_1"}]),
        ("input", [{"type": "function_call", "call_id": "x", "arguments": "{}"}]),
        ("input", [{"type": "function_call_output", "call_id": "x"}]),
        ("input", [{"type": "message", "content": "x"}]),
        ("input", [{"role": "user", "content": [{"type": "input_file", "file_id": "x"}]}]),
        ("input", [{"role": "user", "content": [{"type": "input_image", "image_url": "http://a/b.png"}]}]),
    ],
    ids=str,
)
def test_what_cannot_be_had_is_refused_by_its_name(
    program: RunningProgram, smol: str, field: str, value: Any
) -> None:
    """With the place in the request as it was sent, behind instructions too."""
    answer = ask(program, **{"model": smol, "input": "x", "instructions": "y", field: value})
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["param"].startswith(field)
    assert "messages" not in error["message"]


def test_fields_that_cannot_change_an_answer_are_passed_over(program: RunningProgram, smol: str) -> None:
    """As clients send them by default; an unknown one is named in the answer's headers."""
    answer = ask(
        program,
        model=smol,
        input=[
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]},
            {"role": "assistant", "content": "Hello.", "phase": "final_answer"},
            {"role": "user", "content": "Again."},
        ],
        store=False,
        metadata={"a": "b"},
        include=["reasoning.encrypted_content"],
        truncation="disabled",
        service_tier="auto",
        prompt_cache_key="k",
        text={"format": {"type": "text"}, "verbosity": "medium"},
        reasoning={"effort": None, "summary": "auto"},
        parallel_tool_calls=True,
        tools=[],
        max_output_tokens=2,
        flavour="mint",
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-llmmem-ignored"] == "flavour"


def test_a_response_that_fails_ends_with_its_reason(program: RunningProgram, smol: str) -> None:
    """Also when a part of it was sent: an error, and the response with it."""
    told: list[str] = []
    headers = {"Authorization": f"Bearer {program.token}"}
    body = {"model": smol, "input": "Tell me a story.", "stream": True, "max_output_tokens": 900}
    body |= {"ignore_eos": True}
    with httpx.stream(
        "POST", f"{program.url}/v1/responses", json=body, headers=headers, timeout=120
    ) as answer:
        for line in answer.iter_lines():
            told.append(line)
            if line == "event: response.output_text.delta" and told.count(line) == 2:
                program.client().request("POST", "/api/v1/unload")
    names = [line.removeprefix("event: ") for line in told if line.startswith("event: ")]
    assert names[-2:] == ["error", "response.failed"]
    failed = json.loads([line for line in told if line.startswith("data: ")][-1].removeprefix("data: "))
    assert failed["response"]["status"] == "failed"
    assert failed["response"]["error"]["code"] == "unloaded"


def test_responses_are_not_kept(program: RunningProgram) -> None:
    """Who looks for an earlier one is told where to go."""
    headers = {"Authorization": f"Bearer {program.token}"}
    answer = httpx.get(f"{program.url}/v1/responses/resp_1", headers=headers)
    assert answer.status_code == 404
    assert "Responses are not kept here" in answer.json()["error"]["message"]
