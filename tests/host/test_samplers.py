"""The ways to choose tokens that a request may ask for, each with an effect that can be seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from llmmem_gui.core.protocol import Answered
from llmmem_gui.service.hosting.hosts import AskFailedError, Host, HostStarter
from tests.running_hosts import loaded_host, text_of

PROMPT = "Once upon a time"
GREEDY = {"temperature": 0.0}
WILD = {"temperature": 1.5, "seed": 7, "top_k": 0, "top_p": 1.0, "min_p": 0.0}
"""Any token may be chosen, by the seed."""


async def answered(host: Host, prompt: str | list[int] = PROMPT, **arguments: Any) -> Answered:
    """The end of a completion."""
    return await host.ask("completion", {"prompt": prompt, "max_tokens": 24, **arguments}).finished()


async def told(host: Host, **arguments: Any) -> str:
    """The text of a completion."""
    return text_of(await answered(host, **arguments))


def reason(end: Answered) -> str:
    """Why the answer ended."""
    assert end.payload is not None
    return str(end.payload["choices"][0]["finish_reason"])


async def test_each_sampler_changes_what_is_chosen(starter: HostStarter, smol_path: Path) -> None:
    """With one seed, each of them gives another text than none does; the same one gives the same twice."""
    host = await loaded_host(starter, smol_path)
    wild = await told(host, **WILD)
    assert await told(host, **WILD) == wild
    changes: list[dict[str, Any]] = [
        {"top_n_sigma": 0.5},
        {"xtc_probability": 1.0, "xtc_threshold": 0.01},
        {"dynatemp_range": 1.4, "dynatemp_exponent": 2.0},
        {"mirostat": 1, "mirostat_tau": 1.0},
        {"mirostat": 2, "mirostat_tau": 1.0},
        {"mirostat": 2, "mirostat_tau": 1.0, "mirostat_eta": 0.9},
        {"top_k": 2},
        {"typical_p": 0.1},
        {"samplers": ["top_k"]},
        {"samplers": "k"},
    ]
    texts = {repr(change): await told(host, **{**WILD, **change}) for change in changes}
    assert [change for change, text in texts.items() if text == wild] == []


async def test_the_order_of_samplers_counts(starter: HostStarter, smol_path: Path) -> None:
    """A name and its letter mean the same; what is left out has no effect; an unknown one is refused."""
    host = await loaded_host(starter, smol_path)
    one = {**WILD, "top_k": 1}
    assert await told(host, **one) == await told(host, **GREEDY)
    assert await told(host, **one, samplers=["top_k", "temp"]) == await told(host, **one, samplers="kt")
    assert await told(host, **one, samplers=["temperature"]) == await told(host, **WILD)
    with pytest.raises(AskFailedError, match="there is no sampler infill"):
        await told(host, samplers=["infill"])


@pytest.mark.parametrize(
    "penalty",
    [
        {"repeat_penalty": 1.5},
        {"frequency_penalty": 5.0},
        {"presence_penalty": 30.0},
        {"dry_multiplier": 50.0, "dry_allowed_length": 1},
    ],
)
async def test_penalties_keep_the_answer_from_repeating_itself(
    starter: HostStarter, smol_path: Path, penalty: dict[str, float]
) -> None:
    """An answer that says one thing again and again says something else; without reach they do nothing."""
    host = await loaded_host(starter, smol_path)
    asked = {**GREEDY, "max_tokens": 40, "logit_bias": {" very": 9.0}}
    again = await told(host, **asked)
    assert again.count(" very") > 30
    assert (await told(host, **asked, **penalty)).count(" very") < 25
    blind = {"repeat_last_n": 0, "dry_penalty_last_n": 0}
    assert await told(host, **asked, **penalty, **blind) == again
    endless = {"repeat_last_n": -1, "dry_penalty_last_n": -1}
    assert (await told(host, **asked, **penalty, **endless)).count(" very") < 25


async def test_the_end_can_be_put_off(starter: HostStarter, smol_path: Path) -> None:
    """A model that would end at once goes on for `min_tokens`, or for good where its end is ignored."""
    host = await loaded_host(starter, smol_path)
    eager = {**GREEDY, "logit_bias": {"2": 100.0, "0": 50.0}, "max_tokens": 20}
    at_once = await answered(host, **eager)
    assert (reason(at_once), at_once.completion_tokens) == ("stop", 0)
    later = await answered(host, **eager, min_tokens=6)
    assert (reason(later), later.completion_tokens) == ("stop", 6)
    never = await answered(host, **eager, ignore_eos=True)
    assert (reason(never), never.completion_tokens) == ("length", 20)
    # A grammar that wants to end is not left without a token.
    held = {"response_format": {"type": "choice", "choices": ["yes"]}}
    both = await answered(host, **eager, **held, min_tokens=6)
    assert (text_of(both), reason(both)) == ("yes", "stop")


async def test_tokens_can_end_the_answer(starter: HostStarter, smol_path: Path) -> None:
    """The first of `stop_token_ids` ends it and is not part of it, but not before `min_tokens`."""
    host = await loaded_host(starter, smol_path)
    comma = 28
    whole = await told(host, **GREEDY)
    assert "," in whole
    ended = await answered(host, **GREEDY, stop_token_ids=[comma])
    assert text_of(ended) == whole.partition(",")[0]
    assert reason(ended) == "stop"
    put_off = await answered(host, **GREEDY, stop_token_ids=[comma], min_tokens=12)
    assert put_off.completion_tokens >= 12


async def test_a_bias_is_taken_in_all_forms(starter: HostStarter, smol_path: Path) -> None:
    """As a map or as pairs, of tokens by number or by text; False forbids."""
    host = await loaded_host(starter, smol_path)
    plain = await told(host, **GREEDY)
    assert plain.startswith(",")
    forms: list[Any] = [{"28": False}, {",": False}, [[28, False]], [[",", False]], {"28": -100}]
    for form in forms:
        assert "," not in await told(host, **GREEDY, logit_bias=form), form
    with pytest.raises(AskFailedError, match="logit_bias names the token 49152"):
        await told(host, logit_bias=[[49152, 1.0]])


async def test_an_answer_may_have_no_token(starter: HostStarter, smol_path: Path) -> None:
    """With `max_tokens` 0 the prompt is read, and given back where that is asked for."""
    host = await loaded_host(starter, smol_path)
    end = await answered(host, max_tokens=0, echo=True)
    assert (text_of(end), reason(end), end.completion_tokens) == (PROMPT, "length", 0)
    assert end.prompt_tokens == (await answered(host, max_tokens=1)).prompt_tokens


async def test_a_grammar_and_a_choice_hold_a_completion(starter: HostStarter, smol_path: Path) -> None:
    """Both forms of holding an answer that need no schema; what cannot be read is refused."""
    host = await loaded_host(starter, smol_path)
    grammar = {"type": "grammar", "grammar": 'root ::= "no" "!"+ "x"'}
    assert (await told(host, response_format=grammar, max_tokens=8)).startswith("no!")
    choice = {"type": "choice", "choices": ["oui", 'n"on']}
    assert await told(host, response_format=choice) in choice["choices"]
    with pytest.raises(AskFailedError, match=r"^the grammar: "):
        await told(host, response_format={"type": "grammar", "grammar": "root = "})
    assert await told(host, **GREEDY)
