"""How a model is spoken to whose file does not say it, and what is told while a long prompt is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.service.hosting.hosts import HostStarter
from tests.made_up_models import Recipe, write_model
from tests.running_hosts import loaded_host, text_of

QUESTION = [{"role": "user", "content": "What is the capital of France? Answer with one word."}]
PLAIN = {"messages": QUESTION, "temperature": 0.0, "max_tokens": 24}


@pytest.fixture
def untold_path(tmp_path: Path, smol_path: Path) -> Path:
    """SmolLM2 as it is, but for the name under which its file has the chat template."""
    copy = tmp_path / "untold.gguf"
    content = smol_path.read_bytes()
    assert content.count(b"tokenizer.chat_template") == 1
    copy.write_bytes(content.replace(b"tokenizer.chat_template", b"tokenizer.chat_templatX"))
    return copy


async def test_a_vocabulary_tells_the_form_that_its_file_does_not(
    starter: HostStarter, smol_path: Path, untold_path: Path
) -> None:
    """Without its template SmolLM2 is spoken to in ChatML, its own form: the same answer, and a notice."""
    told, untold = await loaded_host(starter, smol_path), await loaded_host(starter, untold_path)
    # With a system message of its own: the file's template would add one.
    asked = {**PLAIN, "messages": [{"role": "system", "content": "You are brief."}, *QUESTION]}
    expected = await told.ask("chat", asked).finished()
    answered = await untold.ask("chat", asked).finished()
    assert text_of(answered) == text_of(expected) != ""
    assert answered.prompt_tokens == expected.prompt_tokens
    assert expected.notice is None
    assert str(answered.notice) == "the model's file brings no chat template; the form of ChatML was used"


async def test_gemma_is_spoken_to_as_gemma(starter: HostStarter, gemma_path: Path) -> None:
    """A file of Gemma without a template: turns of Gemma, and a system message that is not lost."""
    host = await loaded_host(starter, gemma_path)
    short = await host.ask("chat", {**PLAIN, "max_tokens": 1}).finished()
    system = {"role": "system", "content": "one two three four five"}
    longer = await host.ask("chat", {**PLAIN, "max_tokens": 1, "messages": [system, *QUESTION]}).finished()
    assert "the form of Gemma was used" in str(short.notice)
    question = await host.ask("completion", {"prompt": QUESTION[0]["content"], "max_tokens": 1}).finished()
    # <start_of_turn>, user, a line, <end_of_turn>, a line, <start_of_turn>, model, a line
    assert short.prompt_tokens == question.prompt_tokens + 8
    assert longer.prompt_tokens > short.prompt_tokens + 5


async def test_a_model_of_no_known_form_still_answers(starter: HostStarter, tmp_path: Path) -> None:
    """A vocabulary without any token of a chat gets ChatML as text; the notice says so."""
    host = await loaded_host(starter, write_model(tmp_path / "model.gguf", Recipe(vocabulary=2048)))
    answered = await host.ask("chat", {**PLAIN, "max_tokens": 4}).finished()
    assert answered.completion_tokens == 4
    assert "the form of ChatML was used" in str(answered.notice)


async def test_a_long_prompt_tells_how_far_it_was_read(starter: HostStarter, smol_path: Path) -> None:
    """Before each batch the tokens in the context are told, those kept from the last prompt included."""
    host = await loaded_host(starter, smol_path, LoadParameters(context=1024, batch=128))
    words = " ".join(["one two three four"] * 100)
    told: list[tuple[int, int]] = []
    for prompt in (words, words + " five" * 200):
        answer = host.ask("completion", {"prompt": prompt, "max_tokens": 2, "temperature": 0.0})
        answer.on_reading = lambda read, tokens: told.append((read, tokens))
        await answer.finished()
    # The first token of the first answer is not how the second prompt goes on.
    assert told == [(0, 400), (128, 400), (256, 400), (384, 400), (400, 600), (528, 600)]
