"""Chats by the templates of well-known models are, letter for letter, what `transformers` writes."""

from __future__ import annotations

import functools
import json

import pytest

from llmmem_gui.core.sentence import SentenceError
from llmmem_gui.host import templates
from llmmem_gui.host.chat_writing import write_by
from llmmem_gui.host.process import private_virtual_bytes
from tests.host.template_chats import (
    CHATS,
    OWN_TEMPLATES,
    RENDERINGS,
    SPECIAL_TOKENS,
    FrozenTime,
    digest,
    made_templates,
)

EXPECTED: dict[str, dict[str, str]] = json.loads(RENDERINGS.read_text())["templates"]


@functools.cache
def sources() -> dict[str, str]:
    """The templates by name."""
    return made_templates() or OWN_TEMPLATES


@pytest.mark.parametrize("name", EXPECTED)
def test_a_chat_is_written_as_its_template_is_meant(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also what is done where `transformers` fails is what was noted."""
    if name not in sources():
        pytest.skip("the archive of the bindings, which has the templates, is not in build/bindings")
    monkeypatch.setattr(templates, "datetime", FrozenTime)
    template = templates.ChatTemplate(sources()[name], SPECIAL_TOKENS, private_virtual_bytes)
    written: dict[str, str] = {}
    for chat, arguments in CHATS.items():
        try:
            written[chat] = digest(write_by(template, arguments))
        except SentenceError as error:
            written[chat] = f"refused: {error}"
    assert written == {chat: said.removeprefix("in another form: ") for chat, said in EXPECTED[name].items()}


def test_every_template_of_the_archive_is_compared() -> None:
    """None is left out when the archive brings more."""
    assert set(sources()) <= set(EXPECTED)
    families = {name.split("-")[0].split(".")[0].lower() for name in EXPECTED if not name.startswith("own")}
    assert len(families) >= 30


def test_nearly_every_chat_is_one_that_transformers_writes() -> None:
    """What is compared with nothing but ourselves stays the exception."""
    said = [each for chats in EXPECTED.values() for each in chats.values()]
    ours = [each for each in said if each.startswith(("in another form", "refused"))]
    assert len(ours) < len(said) / 10
