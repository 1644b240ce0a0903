"""Sentences: English as `str`, whole when they are stored, and never more than words put into blanks."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmem_gui.core.sentence import (
    BadValue,
    Count,
    Duration,
    Percent,
    Sentence,
    SentenceError,
    Size,
    fill,
    sentence_of,
    verbatim,
)

TEXTS = st.text(st.characters(exclude_categories=("Cs",)))
NUMBERS = st.integers(0, 2**40)
VALUES = st.one_of(
    TEXTS,
    NUMBERS,
    st.builds(Count, NUMBERS),
    st.builds(Size, NUMBERS),
    st.builds(Duration, st.floats(0, 1e6)),
    st.builds(Percent, st.floats(0, 1e6)),
)
SENTENCES = st.recursive(
    st.builds(Sentence, TEXTS, TEXTS, st.dictionaries(TEXTS, VALUES)),
    lambda inner: st.builds(Sentence, TEXTS, TEXTS, st.dictionaries(TEXTS, inner)),
    max_leaves=5,
)


def test_values_are_written_as_english_has_them() -> None:
    """Sizes with their unit, durations, percentages, counts with separators, text and numbers as they are."""
    sentence = Sentence("Test", "{a} {b} {c} {d} {e} {f} {g}").format(
        a=Size(3 * 2**29), b=Duration(150.0), c=Percent(79.6), d=Count(16384), e="x", f=11500, g=verbatim("y")
    )
    assert str(sentence) == f"{sentence}" == "1.50 GiB 2 min 30 s 80 % 16,384 x 11500 y"


def test_a_value_is_never_taken_for_a_blank() -> None:
    """A model whose name looks like a blank, or like Python's formatting, is written as it is."""
    sentence = Sentence("Test", "{model} needs {need}").format(model="{need}{0.__class__}%1", need="much")
    assert str(sentence) == "{need}{0.__class__}%1 needs much"


def test_a_blank_without_words_stays() -> None:
    """A translation, or a file, that names a blank which is not there does no harm."""
    assert fill("{a} and {b} and {c:>99}", {"a": "1"}) == "1 and {b} and {c:>99}"


@given(SENTENCES)
def test_a_stored_sentence_comes_back(sentence: Sentence) -> None:
    """What is read from JSON equals what was written, and says the same."""
    again = msgspec.json.decode(msgspec.json.encode(sentence), type=Sentence)
    assert again == sentence
    assert str(again) == str(sentence)


@pytest.mark.parametrize("kind", [SentenceError, BadValue])
def test_an_error_says_its_sentence(kind: type[SentenceError]) -> None:
    """The text of an error is its sentence in English, and the sentence itself is at hand."""
    sentence = Sentence("Test", "{size} is too much").format(size=Size(1024))
    error = kind(sentence)
    assert str(error) == "1.00 KiB is too much"
    assert sentence_of(error) is sentence


def test_the_text_of_a_foreign_error_is_taken_as_it_is() -> None:
    """An error of a library has no sentence: its words are never translated."""
    said = sentence_of(OSError("disk {full}"))
    assert (said.context, str(said)) == ("", "disk {full}")
