"""Several requests at once, shared beginnings, cancellations: each answer is what it is alone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.protocol import Answered
from llmmem_gui.service.hosting.hosts import Host, HostStarter
from tests.host.test_same_as_library import NEAR_TIE, STORY, Step, Steps, tie_that_parts
from tests.made_up_models import Recipe, write_model
from tests.running_hosts import complete, loaded_host, text_of

ALTERNATIVES = 40
"""A base model thinks many words nearly as likely."""

KINDS = ["smol", "gemma", "qwen3", "gemma2", "mamba", "falcon-h1", "lfm2"]
"""Attention; a real sliding window; grouped heads; a made-up window; a state; both in one model."""

PROMPTS = [
    STORY[:900] + " The last year was",
    STORY[:900] + " After that, the mayor of Aldenburg",
    "The capital of France is",
    STORY[:900] + " The last year was",
    STORY[300:1200] + " So",
    "One, two, three,",
]
"""Two share a long beginning, one is said twice, one begins elsewhere in the same text; two are short."""


@pytest.fixture
def model_of(tmp_path: Path, smol_path: Path, gemma_path: Path) -> dict[str, Path]:
    """The file of each kind; made-up models are written when they are first asked for."""
    return {"smol": smol_path, "gemma": gemma_path}


def path_of(kind: str, known: dict[str, Path], folder: Path) -> Path:
    """The file of a kind of model."""
    if kind in known:
        return known[kind]
    recipe = Recipe(architecture=kind, vocabulary=2048, sliding_window=64 if kind == "gemma2" else 0)
    return write_model(folder / f"{kind}.gguf", recipe)


async def steps(host: Host, prompt: str, tokens: int = 12) -> Steps:
    """The likeliest tokens after a prompt, and what else was likely."""
    asked = {"prompt": prompt, "temperature": 0.0, "max_tokens": tokens, "logprobs": ALTERNATIVES}
    answered = await host.ask("completion", asked).finished()
    assert answered.payload is not None
    told = answered.payload["choices"][0]["logprobs"]
    return [Step(*each) for each in zip(told["tokens"], told["top_logprobs"], strict=True)]


@pytest.mark.parametrize("kind", KINDS)
async def test_answers_at_once_are_those_given_alone(
    starter: HostStarter, model_of: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    """Six prompts at once on four slots, twice: where a token differs, both were nearly as likely.

    A batch of other tokens is summed in another order; a wrong cell or state shows by far.
    """
    path = path_of(kind, model_of, tmp_path)
    parameters = LoadParameters(context=2048, batch=128)
    alone = []
    for prompt in PROMPTS:
        fresh = await loaded_host(starter, path, parameters)
        alone.append(await steps(fresh, prompt))
        await fresh.stop()
    host = await loaded_host(starter, path, parameters)
    for _ in range(2):
        together = await asyncio.gather(*(steps(host, prompt) for prompt in PROMPTS))
        for mine, other in zip(together, alone, strict=True):
            assert mine
            assert tie_that_parts(mine, other) < NEAR_TIE


@pytest.mark.parametrize("kind", ["smol", "gemma", "mamba"])
async def test_who_is_cancelled_leaves_the_others_as_they_are(
    starter: HostStarter, model_of: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    """Some answers are cancelled while they are read or written; the rest, and what comes after, is right."""
    host = await loaded_host(
        starter, path_of(kind, model_of, tmp_path), LoadParameters(context=2048, batch=64)
    )
    alone = await steps(host, PROMPTS[1])
    for moment in (0.0, 0.05, 0.3):
        kept = asyncio.ensure_future(steps(host, PROMPTS[1]))
        leaving = [
            host.ask("completion", {"prompt": prompt, "max_tokens": 200, "temperature": 0.0})
            for prompt in (PROMPTS[0], PROMPTS[4])
        ]
        await asyncio.sleep(moment)
        for answer in leaving:
            answer.cancel()
        ended = [await answer.finished() for answer in leaving]
        assert all(each.cancelled for each in ended)
        assert tie_that_parts(await kept, alone) < NEAR_TIE
    assert not host.busy


async def test_a_second_conversation_does_not_make_the_first_be_read_again(
    starter: HostStarter, smol_path: Path
) -> None:
    """Two conversations in turn: each turn reads what is new; so does a new chat with a known beginning."""
    host = await loaded_host(starter, smol_path, LoadParameters(context=4096))

    async def say(*messages: str) -> Answered:
        roles = ("system", "user", "assistant", "user")
        said = [{"role": role, "content": text} for role, text in zip(roles, messages, strict=False)]
        return await host.ask("chat", {"messages": said, "max_tokens": 8, "temperature": 0.0}).finished()

    first, second = STORY[:1500], STORY[1500:3000]
    one, other = await say("Be brief.", first), await say("Be brief.", second)
    assert one.cached_tokens == 0
    assert 8 < other.cached_tokens < 30
    for asked, answered in ((first, one), (second, other)):
        longer = await say("Be brief.", asked, text_of(answered), "And then?")
        # What was chosen last was never computed, and ends of words may be cut into other tokens.
        assert longer.cached_tokens >= answered.prompt_tokens
        assert longer.prompt_tokens - longer.cached_tokens < 40


async def test_answers_that_outgrow_the_context_together_all_end(
    starter: HostStarter, smol_path: Path
) -> None:
    """Four answers of up to 200 tokens in a context of 512: the youngest waits; each is as long as asked."""
    host = await loaded_host(starter, smol_path, LoadParameters(context=512))
    prompts = [f"{place} bottles of beer on the wall, {place} bottles of beer." for place in range(4)]
    asked = {"max_tokens": 200, "temperature": 0.0, "logit_bias": {"0": -100, "2": -100}}
    answers = [host.ask("completion", {"prompt": prompt, **asked}) for prompt in prompts]
    ended = [await answer.finished() for answer in answers]
    assert [each.completion_tokens for each in ended] == [200] * 4
    assert max(each.filled_tokens for each in ended) <= 512
    assert text_of(ended[0]) == await complete(host, prompts[0], **asked)


async def test_a_setting_says_how_many_are_answered_at_once(starter: HostStarter, smol_path: Path) -> None:
    """With one slot a short request waits for a long one; how many are before it is known."""
    host = await loaded_host(starter, smol_path, LoadParameters(context=512, slots=1))
    long = host.ask("completion", {"prompt": "One, two,", "max_tokens": 48, "temperature": 0.0})
    shorts = [
        host.ask("completion", {"prompt": f"{place},", "max_tokens": 1, "temperature": 0.0})
        for place in range(2)
    ]
    assert [short.before for short in shorts] == [1, 2]
    await asyncio.wait(
        [asyncio.ensure_future(each.finished()) for each in (long, *shorts)],
        return_when=asyncio.FIRST_COMPLETED,
    )
    assert long._finished.done()
    for short in shorts:
        assert (await short.finished()).completion_tokens == 1


async def test_clients_take_turns(starter: HostStarter, smol_path: Path) -> None:
    """Who asks once comes before what another client asked first; how many are before it is known."""
    host = await loaded_host(starter, smol_path, LoadParameters(context=512, slots=1))
    ended: list[str] = []

    async def ask(client: str, name: str) -> None:
        asked = {"prompt": f"{name},", "max_tokens": 4, "temperature": 0.0}
        answer = host.ask("completion", asked, client=client)
        before[name] = answer.before
        await answer.finished()
        ended.append(name)

    before: dict[str, int] = {}
    asked = [("many", "first"), ("many", "second"), ("many", "third"), ("one", "only")]
    await asyncio.gather(*(ask(client, name) for client, name in asked))
    assert ended == ["first", "only", "second", "third"]
    assert before == {"first": 0, "second": 1, "third": 2, "only": 1}
