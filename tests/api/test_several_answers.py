"""Several answers to one request: prompts in a list, `n`, `best_of`, whole and streamed."""

from __future__ import annotations

import base64
import math
import struct
from typing import Any

import openai
import pytest

from llmmem_gui.service.api_client import model_path
from llmmem_gui.service.http.several_answers import mean_log_probability
from tests.api.test_ways_of_asking import ask
from tests.running_program import RunningProgram

PROMPTS = ["The capital of France is", "1, 2, 3,", "Once upon a"]
LUCK: dict[str, Any] = {"temperature": 1.2, "seed": 3, "max_tokens": 6}


def streamed(chunks: Any) -> dict[int, str]:
    """The text of each choice of a streamed completion."""
    texts: dict[int, str] = {}
    for chunk in chunks:
        for choice in chunk.choices:
            texts[choice.index] = texts.get(choice.index, "") + choice.text
    return texts


def test_each_prompt_of_a_list_gets_its_answer(client: openai.OpenAI, smol: str) -> None:
    """Each is what it is alone, in the order of the prompts, and usage is added up."""
    asked: dict[str, Any] = {"model": smol, "max_tokens": 5, "temperature": 0}
    alone = [client.completions.create(prompt=prompt, **asked) for prompt in PROMPTS]
    texts = [answer.choices[0].text for answer in alone]
    together = client.completions.create(prompt=PROMPTS, **asked)
    assert [choice.text for choice in together.choices] == texts
    assert [choice.index for choice in together.choices] == [0, 1, 2]
    used = [answer.usage for answer in alone]
    assert together.usage is not None
    assert together.usage.completion_tokens == 15
    assert together.usage.prompt_tokens == sum(usage.prompt_tokens for usage in used if usage)
    assert together.usage.total_tokens == together.usage.prompt_tokens + 15

    chunks = list(
        client.completions.create(
            prompt=PROMPTS, **asked, stream=True, stream_options={"include_usage": True}
        )
    )
    assert streamed(chunks) == dict(enumerate(texts))
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 15
    ends = [choice.index for chunk in chunks for choice in chunk.choices if choice.finish_reason]
    assert sorted(ends) == [0, 1, 2]


def test_prompts_may_be_tokens(client: openai.OpenAI, smol: str) -> None:
    """One prompt or several as token numbers; echoed they are the text that they stand for."""
    asked: dict[str, Any] = {"model": smol, "max_tokens": 3, "temperature": 0}
    numbers = [504, 3575, 282, 4649, 314]
    text = client.completions.create(prompt=PROMPTS[0], **asked)
    for prompt, count in ((numbers, 1), ([numbers, numbers], 2)):
        answer = client.completions.create(prompt=prompt, **asked, echo=True)  # type: ignore[arg-type]
        assert [choice.text for choice in answer.choices] == [PROMPTS[0] + text.choices[0].text] * count
    with pytest.raises(openai.BadRequestError, match="the prompt has the token 49152"):
        client.completions.create(prompt=[49152], **asked)
    with pytest.raises(openai.BadRequestError, match="no single tokens") as failure:
        client.completions.create(prompt=["a", 5], **asked)  # type: ignore[list-item]
    assert failure.value.param == "prompt"


def test_several_answers_to_a_chat_differ(client: openai.OpenAI, smol: str) -> None:
    """With a seed they can be had again, the first is the one that is given alone; the prompt counts once."""
    asked: dict[str, Any] = {"model": smol, "messages": [{"role": "user", "content": "Name a city."}], **LUCK}
    alone = client.chat.completions.create(**asked)
    answer = client.chat.completions.create(**asked, n=3)
    texts = [choice.message.content for choice in answer.choices]
    assert texts[0] == alone.choices[0].message.content
    assert len(set(texts)) == 3
    assert answer.usage is not None
    assert alone.usage is not None
    assert answer.usage.prompt_tokens == alone.usage.prompt_tokens
    assert answer.usage.completion_tokens == 18
    pieces: dict[int, str] = {}
    for chunk in client.chat.completions.create(**asked, n=3, stream=True):
        choice = chunk.choices[0]
        pieces[choice.index] = pieces.get(choice.index, "") + (choice.delta.content or "")
    assert pieces == dict(enumerate(texts))


def test_the_likeliest_of_several_is_kept(client: openai.OpenAI, smol: str) -> None:
    """`best_of` gives those with the highest mean log probability, best first, also streamed."""
    asked: dict[str, Any] = {"model": smol, "prompt": PROMPTS[2], **LUCK}
    every = client.completions.create(**asked, n=6, logprobs=0)
    ranked = sorted(every.choices, key=lambda choice: -mean_log_probability({"choices": [choice.to_dict()]}))
    best = client.completions.create(**asked, n=2, best_of=6)
    assert [choice.text for choice in best.choices] == [choice.text for choice in ranked[:2]]
    assert [choice.index for choice in best.choices] == [0, 1]
    assert best.choices[0].logprobs is None
    assert best.usage is not None
    assert best.usage.completion_tokens == 36
    pieces = client.completions.create(**asked, n=2, best_of=6, stream=True)
    assert streamed(pieces) == {0: ranked[0].text, 1: ranked[1].text}


@pytest.mark.parametrize("told", [{}, {"logprobs": 0}])
def test_a_prompt_that_is_echoed_does_not_decide_which_is_kept(
    client: openai.OpenAI, smol: str, told: dict[str, int]
) -> None:
    """Only what was written is compared; of the prompt's first token no probability is known."""
    asked: dict[str, Any] = {"model": smol, "prompt": PROMPTS[2], **LUCK, "echo": True}

    def mean_of_answer(choice: Any) -> float:
        places = zip(choice.logprobs.text_offset, choice.logprobs.token_logprobs, strict=True)
        written = [chance for place, chance in places if place >= len(PROMPTS[2])]
        return math.fsum(written) / len(written)

    every = client.completions.create(**asked, n=6, logprobs=0)
    ranked = sorted(every.choices, key=mean_of_answer, reverse=True)
    best = client.completions.create(**asked, n=2, best_of=6, **told)
    assert [choice.text for choice in best.choices] == [choice.text for choice in ranked[:2]]
    assert (best.choices[0].logprobs is None) == (not told)


def test_means_of_log_probabilities() -> None:
    """An answer without tokens is never the best, and what it was given is not counted."""

    def completion(*told: float) -> dict[str, Any]:
        return {"choices": [{"logprobs": {"token_logprobs": list(told)} if told else None}]}

    assert mean_log_probability(completion(-1.0, -3.0)) == -2.0
    assert mean_log_probability(completion()) == -math.inf
    for written, mean in (([-1.0, -3.0], -2.0), ([], -math.inf)):
        echoed = {"logprobs": {"token_logprobs": [None, -9.0, *written]}}
        assert mean_log_probability({"choices": [echoed], "usage": {"prompt_tokens": 2}}) == mean


def test_one_that_cannot_be_answered_ends_all(program: RunningProgram, smol: str) -> None:
    """A request is answered as a whole; too many answers at once are refused before anything is computed."""
    program.client().request("POST", model_path(smol, "load"), {"context": 1024})
    prompts = ["a", "word " * 3000, "b"]
    body: dict[str, Any] = {"model": smol, "prompt": prompts, "max_tokens": 1}
    status, told = ask(program, "POST", "/v1/completions", body)
    assert (status, told["error"]["code"]) == (400, "context_length_exceeded")
    assert told["error"]["param"] == "prompt"
    assert told["error"]["numbers"]["n_ctx"] == 1024
    assert told["error"]["numbers"]["n_prompt_tokens"] > 3000
    status, told = ask(program, "POST", "/v1/completions", {**body, "prompt": ["a"] * 100, "n": 3})
    assert (status, told["error"]["param"]) == (400, "n")
    assert ask(program, "POST", "/v1/completions", {**body, "prompt": "a"})[0] == 200


def test_what_was_read_before_is_told(client: openai.OpenAI, smol: str) -> None:
    """Tokens of the prompt that were in the cache, in whole and streamed answers."""
    asked: dict[str, Any] = {"model": smol, "prompt": "word " * 100, "max_tokens": 1}
    client.completions.create(**asked)
    again = client.completions.create(**asked)
    assert again.usage is not None
    assert again.usage.prompt_tokens_details is not None
    cached = again.usage.prompt_tokens_details.cached_tokens
    assert cached is not None
    assert again.usage.prompt_tokens - 2 <= cached < again.usage.prompt_tokens
    *_, last = client.completions.create(**asked, stream=True, stream_options={"include_usage": True})
    assert last.usage == again.usage


def test_functions_of_old_are_called_as_of_old(client: openai.OpenAI, smol: str) -> None:
    """`functions` and `function_call` of earlier clients: the call stands where they look for it."""
    asked: dict[str, Any] = {
        "model": smol,
        "messages": [{"role": "user", "content": "How is the weather in Rome?"}],
        "functions": [
            {
                "name": "weather",
                "parameters": {
                    "type": "object",
                    "properties": {"city": {"enum": ["Rome"]}},
                    "required": ["city"],
                },
            }
        ],
        "function_call": {"name": "weather"},
        "max_tokens": 60,
        "temperature": 0,
    }
    choice = client.chat.completions.create(**asked).choices[0]
    assert choice.finish_reason == "function_call"
    assert choice.message.function_call is not None
    assert choice.message.function_call.name == "weather"
    assert "Rome" in choice.message.function_call.arguments
    assert choice.message.tool_calls is None
    chunks = list(client.chat.completions.create(**asked, stream=True))
    assert [chunk.choices[0].delta.function_call for chunk in chunks if chunk.choices[0].delta.function_call]
    assert chunks[-1].choices[0].finish_reason == "function_call"


def test_vectors_are_cut_and_have_length_one_again(client: openai.OpenAI, gemma: str) -> None:
    """`dimensions`, in both encodings."""
    asked: dict[str, Any] = {"model": gemma, "input": "A cat sleeps."}
    whole = client.embeddings.create(**asked).data[0].embedding
    length = math.sqrt(math.fsum(x * x for x in whole[:64]))
    plain = client.embeddings.create(**asked, dimensions=64, encoding_format="float").data[0].embedding
    assert plain == pytest.approx([x / length for x in whole[:64]], abs=1e-6)
    coded: Any = client.embeddings.create(**asked, dimensions=64, encoding_format="base64").data[0].embedding
    assert struct.unpack("<64f", base64.b64decode(coded)) == pytest.approx(plain, abs=1e-6)
    assert client.embeddings.create(**asked, dimensions=640).data[0].embedding == whole


def test_gaps_need_a_model_that_was_made_for_them(program: RunningProgram, smol: str) -> None:
    """Both ways of other servers are there; without tokens for a gap the answer says so."""
    gap = {"input_prefix": "def add(a, b):\n    return ", "input_suffix": "\n", "n_predict": 2}
    mistral = {"prompt": gap["input_prefix"], "suffix": "\n", "max_tokens": 2}
    for path, body in (("/infill", gap), ("/v1/fim/completions", mistral)):
        status, told = ask(program, "POST", path, {"model": smol, **body})
        assert status == 400
        assert "not made to fill gaps" in told["error"]["message"]
    open_end = {"model": smol, "prompt": PROMPTS[0], "max_tokens": 2, "temperature": 0}
    status, told = ask(program, "POST", "/v1/fim/completions", open_end)
    assert status == 200
    assert told["object"] == "chat.completion"
    assert "Paris" in told["choices"][0]["message"]["content"]
