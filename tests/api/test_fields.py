"""The fields that clients send: which have an effect, which are passed over and told, which are refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmmem_gui.service.http.errors import ApiError
from llmmem_gui.service.http.openai_schemas import ChatRequest, CompletionRequest, EmbeddingRequest
from llmmem_gui.service.http.openai_translation import chat_arguments
from llmmem_gui.service.http.request_fields import IGNORED_HEADER, MOST_NAMED, fields_of
from tests.api.test_ways_of_asking import ask, send
from tests.running_program import RunningProgram

HELLO = {"role": "user", "content": "Say hello."}
CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALL_WITH_OBJECT = {"type": "function", "function": {"name": "f", "arguments": {"a": 1}}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"]}

ACCEPTED: list[dict[str, Any]] = [
    {},
    *({"reasoning_effort": effort} for effort in ("none", "low", "medium", None)),
    {"reasoning": {}},
    {"reasoning": {"effort": "low", "exclude": True}},
    {"thinking": {"type": "disabled"}},
    {"chat_template_kwargs": {"enable_thinking": False}},
    {"enable_thinking": False},
    {"think": False},
    {"think": "low"},
    {"reasoning_format": "auto"},
    {"repeat_last_n": 32},
    {"repeat_last_n": -1},
    {"cache_prompt": True},
    {"n_probs": 2},
    {"mirostat": 0},
    {"mirostat": 2, "mirostat_tau": 4, "mirostat_eta": 0.2},
    {"n_keep": -1},
    {"id_slot": 0},
    {"slot_id": -1},
    {"return_progress": True},
    {"timings_per_token": True},
    {"samplers": ["top_k", "temperature"]},
    {"samplers": "kt"},
    {"grammar": 'root ::= "a"'},
    {"json_schema": SCHEMA},
    {"format": "json"},
    {"dry_multiplier": 0.8, "dry_sequence_breakers": ["\n"]},
    {"xtc_probability": 0.5},
    {"dynatemp_range": 0.5},
    {"tfs_z": 1.0},
    {"top_n_sigma": 1.5},
    {"top_k": -1},
    {"top_k": 0},
    {"repetition_penalty": 1.1},
    {"ignore_eos": True},
    {"min_tokens": 1},
    {"guided_json": SCHEMA},
    {"guided_json": json.dumps(SCHEMA)},
    {"guided_choice": ["a", "b"]},
    {"structured_outputs": {"json": SCHEMA}},
    {"structured_outputs": {"choice": ["a"], "regex": None}},
    {"guided_json": None, "structured_outputs": None},
    {"add_generation_prompt": True},
    {"continue_final_message": False},
    {"use_beam_search": False},
    {"stop_token_ids": [2]},
    {"stop_token_ids": [2**31 - 1], "min_tokens": 1},
    {"skip_special_tokens": True},
    {"stream_options": {"include_usage": True}},
    {"stream": False, "stream_options": {"include_usage": True, "continuous_usage_stats": True}},
    {"stream_options": {"include_obfuscation": True}},
    {"stream_include_usage": True},
    {"tools": [{**TOOL, "cache_control": {"type": "ephemeral"}}]},
    {"tools": [{"type": "function", "function": {"name": "f", "returns": {}, "output": 1}}]},
    {"tools": [{"type": "function", "function": {"name": "a.b", "strict": None}}]},
    {"tools": [TOOL], "tool_choice": {"type": "allowed_tools", "allowed_tools": {"tools": [{"name": "f"}]}}},
    {"tools": [], "tool_choice": "auto"},
    {"functions": [{"name": "f"}]},
    {"functions": [{"name": "f"}], "function_call": "auto"},
    {"function_call": "auto"},
    *({"seed": seed} for seed in (-1, 0, 2**32 - 1, 2**40, 2**70)),
    *({"max_tokens": most} for most in (-1, 0, 1.0, 4_000_000, 2**40)),
    {"max_tokens": 1, "max_completion_tokens": 1},
    {"max_tokens": None, "n_predict": 1},
    *({"temperature": temperature} for temperature in (2.5, -1, 0, 1e-9)),
    *({"stop": stop} for stop in ("", [""], [], [f"s{n}" for n in range(20)])),
    {"logit_bias": {"Paris": 5}},
    {"logit_bias": {"5": 101}},
    {"logit_bias": [[5, 1.5], ["Hello", False]]},
    {"response_format": {"type": "text"}},
    {"response_format": {"type": "json_object"}},
    {"response_format": {"type": "json_object", "schema": SCHEMA}},
    {"response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA}}},
    {"response_format": {"type": "json_schema", "json_schema": {"name": "n"}}},
    {"response_format": {"type": "json_schema", "schema": SCHEMA, "name": "n"}},
    {"n": 2},
    {"logprobs": False, "top_logprobs": 0},
    {"logprobs": 2},
    {"metadata": {"nested": {"a": [1]}}},
    {"store": True},
    {"service_tier": "flex"},
    {"prompt_cache_retention": "24h"},
    {"prediction": {"type": "content", "content": "Hello"}},
    {"audio": None},
    {"web_search_options": {}},
    {"keep_alive": "5m"},
    {"ttl": 300},
    {"provider": {"order": ["a"]}, "route": "fallback", "models": ["x"], "transforms": []},
    {"usage": {"include": True}},
    {"session_id": "a", "chat_id": "b", "conversation_id": "c"},
    {"modalities": ["text"]},
]
"""What a chat may hold besides its messages, each answered."""

TOLD: dict[str, Any] = {
    "verbosity": "low",
    "options": {"num_ctx": 100},
    "num_ctx": 8192,
    "extra_body": {"a": 1},
    "context_overflow_policy": "stop",
}
"""Fields that nobody here knows."""

FIRST_PART = "messages[0].content[0]"
REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("use_beam_search", {"use_beam_search": True}),
    ("tfs_z", {"tfs_z": 0.5}),
    ("audio", {"audio": {"voice": "alloy"}}),
    ("modalities", {"modalities": ["text", "audio"]}),
    ("web_search_options", {"web_search_options": {"search_context_size": "low"}}),
    ("chat_template", {"chat_template": "{{ x }}"}),
    ("include_stop_str_in_output", {"include_stop_str_in_output": True}),
    ("max_tokens", {"max_tokens": "16"}),
    ("max_completion_tokens", {"max_tokens": 1, "max_completion_tokens": 2}),
    ("temperature", {"temperature": "0.5"}),
    ("temperature", {"temperature": 101}),
    ("stream", {"stream": "true"}),
    ("top_logprobs", {"top_logprobs": 3}),
    ("top_p", {"top_p": 2}),
    ("n", {"n": 0}),
    ("n", {"n": 129}),
    ("tools[0].type", {"tools": [{"type": "custom", "custom": {"name": "x"}}]}),
    ("tool_choice", {"tool_choice": "required"}),
    ("grammar", {"json_schema": SCHEMA, "grammar": 'root ::= "a"'}),
    ("guided_json", {"guided_json": "no JSON"}),
    ("samplers", {"samplers": ["nope"]}),
    ("logit_bias", {"logit_bias": [[49152, 1]]}),
    (
        "messages[0].content[0].image_url",
        {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
    ),
    (FIRST_PART, {"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}),
    (FIRST_PART, {"messages": [{"role": "user", "content": "a", "images": ["aGk="]}]}),
    ("messages[0].audio", {"messages": [{**HELLO, "audio": {"id": "a"}}]}),
    ("messages[0].content", {"messages": [{"role": "user"}]}),
    ("messages[0].role", {"messages": [{"role": "bot", "content": "a"}]}),
]
"""What would change the answer and cannot be done, or says nothing that can be understood; and its place."""

MESSAGES: list[list[dict[str, Any]]] = [
    [],
    [{"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]}],
    [{**HELLO, "cache_control": {"type": "ephemeral"}, "id": "m1", "images": []}],
    [{"role": "user", "content": None}],
    [{"role": "system", "content": None}, HELLO],
    [HELLO, {"role": "assistant", "content": None}, HELLO],
    *(
        [HELLO, {"role": "assistant", "content": "a", name: value}, HELLO]
        for name, value in {
            "reasoning_content": "r",
            "reasoning": "r",
            "thinking": "r",
            "refusal": "no",
            "prefix": False,
            "parsed": None,
            "annotations": [{}],
            "function_call": None,
        }.items()
    ),
    [HELLO, {"role": "assistant", "content": "a", "prefix": True}],
    [HELLO, {"role": "assistant", "refusal": "I cannot."}, HELLO],
    [
        HELLO,
        {"role": "assistant", "tool_calls": [{**CALL, "extra_content": {}}]},
        {"role": "tool", "content": "x"},
    ],
    [
        HELLO,
        {
            "role": "assistant",
            "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": {"a": 1}}}],
        },
        {"role": "tool", "tool_call_id": "1", "content": None},
    ],
    [
        HELLO,
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "x"},
    ],
]
"""Histories as clients send them back."""

COMPLETIONS: list[dict[str, Any]] = [
    {"prompt": "a"},
    {"prompt": ""},
    {"prompt": [""]},
    {"prompt": [504, 282]},
    {"prompt": [[504, 282], [504]]},
    {"prompt": ["a", "b"]},
    {"prompt": "a", "n": 2},
    {"prompt": "a", "best_of": 2},
    {"prompt": "a", "max_tokens": 0, "echo": True},
    {"prompt": "a", "cache_prompt": False},
    {"prompt": "a", "n_predict": 1},
    {"prompt": "a", "response_format": {"type": "json_object"}},
    {"prompt": "a", "repeat_last_n": 3},
    {"prompt": "a", "raw": True},
    {"prompt": "a", "max_completion_tokens": 1},
    {"prompt": "a", "grammar": 'root ::= "a"'},
    {"prompt": "a", "logprobs": 0},
    {"prompt": "a", "n_probs": 2},
    {"prompt": "a", "suffix": None},
]
EMBEDDINGS: list[dict[str, Any]] = [
    {"dimensions": None},
    {"dimensions": 64},
    {"dimensions": 640},
    {"keep_alive": "5m"},
    {"truncate": True},
    {"input_type": "query"},
    {"embd_normalize": 2},
    {"options": {}},
    {"prompt": "a"},
    {"timeout": 600},
    {"input": []},
    {"input": ""},
    {"input": ["a", ""]},
]


def answers(program: RunningProgram, path: str, bodies: list[dict[str, Any]]) -> Iterator[str]:
    """Those bodies that are not answered, and why."""
    for body in bodies:
        status, told = ask(program, "POST", path, body)
        if status != 200:
            yield f"{body}: {status} {told}"


def test_a_chat_takes_what_clients_send(program: RunningProgram, smol: str) -> None:
    """Fields that have an effect, that have none, and that ask for nothing: each is answered."""
    plain = {"model": smol, "messages": [HELLO], "max_tokens": 1}
    bodies = [{**plain, **fields} for fields in (*ACCEPTED, *({name: TOLD[name]} for name in TOLD))]
    assert list(answers(program, "/v1/chat/completions", bodies)) == []


def test_a_chat_takes_histories_as_clients_keep_them(program: RunningProgram, smol: str) -> None:
    """Whatever clients note down beside the text."""
    bodies = [{"model": smol, "messages": messages, "max_tokens": 1} for messages in MESSAGES]
    assert list(answers(program, "/v1/chat/completions", bodies)) == []


def test_completions_and_embeddings_take_what_clients_send(
    program: RunningProgram, smol: str, gemma: str
) -> None:
    """The older API in its many forms, and embeddings with what is added for other servers."""
    completions = [{"model": smol, "max_tokens": 1, **fields} for fields in COMPLETIONS]
    for body in completions:
        if {"n_predict", "max_completion_tokens"} & body.keys():
            del body["max_tokens"]
    assert list(answers(program, "/v1/completions", completions)) == []
    embeddings = [{"model": gemma, "input": "a", **fields} for fields in EMBEDDINGS]
    assert list(answers(program, "/v1/embeddings", embeddings)) == []


@pytest.mark.parametrize(("place", "fields"), REFUSED)
def test_what_cannot_be_done_is_refused_by_name(
    program: RunningProgram, smol: str, place: str, fields: dict[str, Any]
) -> None:
    """400, the field, and a sentence that does not begin with a capitalised field."""
    status, told = ask(
        program, "POST", "/v1/chat/completions", {"model": smol, "messages": [HELLO], **fields}
    )
    assert (status, told["error"]["param"]) == (400, place)
    first = told["error"]["message"].split()[0].rstrip(":")
    assert "_" not in first or first == place


def test_unknown_fields_are_told_and_counted(program: RunningProgram, smol: str) -> None:
    """Whole and streamed, the answer's headers name them; the metrics count them."""
    body = {"model": smol, "messages": [{**HELLO, "colour": "red"}], "max_tokens": 1, **TOLD}
    for stream in (False, True):
        answer = send(program, "POST", "/v1/chat/completions", {**body, "stream": stream})
        assert answer.status == 200
        assert answer.headers[IGNORED_HEADER] == ", ".join([*TOLD, "messages.colour"])
    plain = send(
        program,
        "POST",
        "/v1/chat/completions",
        {"model": smol, "messages": [HELLO], "max_tokens": 1, "user": "a"},
    )
    assert IGNORED_HEADER not in plain.headers
    metrics = send(program, "GET", "/metrics").body.decode()
    assert 'llmmem_ignored_fields_total{field="verbosity"}' in metrics


def test_unknown_fields_are_refused_where_that_is_wanted(program: RunningProgram, smol: str) -> None:
    """`api.strict`: 400 with the name; labels and what asks for nothing are taken all the same."""
    body = {"model": smol, "messages": [HELLO], "max_tokens": 1}
    program.client().request("PATCH", "/api/v1/settings", {"api.strict": True})
    try:
        status, told = ask(program, "POST", "/v1/chat/completions", {**body, "verbosity": "low"})
        assert (status, told["error"]["param"]) == (400, "verbosity")
        taken = {**body, "user": "a", "verbosity": None, "tfs_z": 1}
        assert ask(program, "POST", "/v1/chat/completions", taken)[0] == 200
    finally:
        program.client().request("PATCH", "/api/v1/settings", {"api.strict": False})


def test_tokens_of_another_model_are_not_embedded(program: RunningProgram, gemma: str) -> None:
    """LangChain's users are told what to set."""
    for numbers in ([104, 101], [[104, 101], [5]]):
        status, told = ask(program, "POST", "/v1/embeddings", {"model": gemma, "input": numbers})
        assert status == 400
        assert "check_embedding_ctx_length=False" in told["error"]["message"]
    status, told = ask(program, "POST", "/v1/embeddings", {"model": gemma, "input": "a", "dimensions": 641})
    assert (status, told["error"]["param"]) == (400, "dimensions")


def test_how_an_answer_was_made_is_told(program: RunningProgram, gemma: str) -> None:
    """A model whose file says nothing about chats is asked in its family's form, and the headers say so."""
    body = {"model": gemma, "messages": [HELLO], "max_tokens": 1}
    answer = send(program, "POST", "/v1/chat/completions", body)
    assert "no chat template" in answer.headers["x-llmmem-notice"]


names = st.text(min_size=1, max_size=60).map(lambda name: f"x_{name}")
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=300)
@given(st.dictionaries(names, values, max_size=30))
def test_any_unknown_fields_leave_the_request_as_it_is(fields: dict[str, Any]) -> None:
    """The arguments for the host are the same with and without; the header is one line of plain letters."""
    plain = {"messages": [HELLO], "max_tokens": 3}
    without = chat_arguments(fields_of(plain, ChatRequest, strict=True).body)
    asked = fields_of({**fields, **plain}, ChatRequest, strict=False)
    assert chat_arguments(asked.body) == without
    assert list(asked.ignored) == [name for name, value in fields.items() if value is not None]
    for line in asked.headers.values():
        assert line.isascii()
        assert line.isprintable()
        assert line.count(",") <= MOST_NAMED
    if asked.ignored:
        with pytest.raises(ApiError) as refused:
            fields_of({**fields, **plain}, ChatRequest, strict=True)
        assert refused.value.parameter == asked.ignored[0]


def test_other_names_stand_for_the_same_fields() -> None:
    """Each server has its own names, and a field may come under both when they say the same."""
    body = fields_of(
        {"prompt": "a", "n_predict": 5, "repetition_penalty": 1.5}, CompletionRequest, strict=True
    ).body
    assert (body.max_tokens, body.repeat_penalty) == (5, 1.5)
    with pytest.raises(ApiError):
        fields_of({"prompt": "a", "n_predict": 5, "max_tokens": 6}, CompletionRequest, strict=False)
    assert fields_of({"input": "a", "dimensions": 8.0}, EmbeddingRequest, strict=True).body.dimensions == 8


@pytest.mark.parametrize(
    ("fields", "arguments"),
    [
        ({"enable_thinking": True}, {"template_arguments": {"enable_thinking": True}}),
        ({"think": "high"}, {"template_arguments": {"reasoning_effort": "high"}}),
        (
            {"reasoning_effort": "none"},
            {"template_arguments": {"enable_thinking": False, "reasoning_effort": "none"}},
        ),
        (
            {"reasoning": {"effort": "low", "max_tokens": 9}},
            {"template_arguments": {"reasoning_effort": "low"}, "thinking_budget": 9},
        ),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 7}},
            {"template_arguments": {"enable_thinking": True}, "thinking_budget": 7},
        ),
        ({"chat_template_kwargs": {"x": 1}}, {"template_arguments": {"x": 1}}),
        ({"max_thinking_tokens": 4}, {"thinking_budget": 4}),
        ({"reasoning_budget": -1}, {}),
        ({"reasoning_format": "none"}, {"reasoning_format": "none"}),
        ({"continue_final_message": True}, {"continues": True}),
        ({"continue_final_message": False}, {"continues": False}),
        ({"add_generation_prompt": False}, {"continues": True}),
        ({"add_generation_prompt": True}, {}),
        ({"seed": 2**32 - 1}, {"seed": 0}),
        ({"seed": -1}, {}),
        ({"temperature": -0.5}, {"temperature": 0.0}),
        ({"max_tokens": -1}, {"max_tokens": 2**31 - 1}),
        ({"stop": ["", "a"]}, {"stop": ["a"]}),
        ({"guided_regex": "[ab]"}, {"response_format": {"type": "regex", "pattern": "[ab]"}}),
        ({"regex": "[ab]"}, {"response_format": {"type": "regex", "pattern": "[ab]"}}),
        ({"ebnf": "g"}, {"response_format": {"type": "grammar", "grammar": "g"}}),
        ({"structured_outputs": {"grammar": "g"}}, {"response_format": {"type": "grammar", "grammar": "g"}}),
        ({"guided_choice": ["a"]}, {"response_format": {"type": "choice", "choices": ["a"]}}),
        ({"structured_outputs": {"json_object": True}}, {"response_format": {"type": "json_object"}}),
        ({"logprobs": 2}, {"logprobs": True, "top_logprobs": 2}),
        ({"n_probs": 3}, {"logprobs": True, "top_logprobs": 3}),
    ],
)
def test_what_a_host_is_asked(fields: dict[str, Any], arguments: dict[str, Any]) -> None:
    """The many ways to ask for one thing become one."""
    asked = chat_arguments(fields_of({"messages": [HELLO], **fields}, ChatRequest, strict=True).body)
    assert asked == {"messages": [HELLO], "stream": False, **arguments}
