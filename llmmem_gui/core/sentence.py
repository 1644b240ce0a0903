"""Sentences for a person: made once, said in English here and in the language in force by a window.

A sentence keeps its English template and what fills the blanks, so that it can be said in any language, also
long after it was made. `str` of it is English: what APIs, logs and the command line say.

    Sentence("Refusal", "{model} needs {need}.").format(model=Models(("smol",)), need=Size(2**30))

The context and the template are written as literals: the translations are collected from the source.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from llmmem_gui.core.units import format_bytes, format_duration

_BLANK = re.compile(r"\{(\w+)\}")


class Count(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """A whole number that is written with separators."""

    number: int

    def __str__(self) -> str:
        return f"{self.number:,}"


class Size(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """A number of bytes."""

    size_bytes: int

    def __str__(self) -> str:
        return format_bytes(self.size_bytes)


class Duration(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """A time span."""

    seconds: float

    def __str__(self) -> str:
        return format_duration(self.seconds)


class Percent(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """A share, 100 for the whole."""

    percent: float

    def __str__(self) -> str:
        return f"{self.percent:.0f} %"


class Models(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Models, by their ids; a window says what a person calls them."""

    ids: tuple[str, ...]

    def __str__(self) -> str:
        return ", ".join(self.ids)


class Sentence(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """A sentence, or a part of one, with the values for the blanks of its template."""

    context: str
    """Tells translators where it is said; empty for what is never translated."""
    template: str
    """In English, with blanks such as `{model}`."""
    values: Mapping[str, Value] = {}

    def format(self, **values: Value) -> Sentence:
        """The sentence with its blanks filled."""
        return Sentence(self.context, self.template, values)

    def __str__(self) -> str:
        return fill(self.template, {name: str(value) for name, value in self.values.items()})


Value = str | int | Count | Size | Duration | Percent | Models | Sentence
"""What fills a blank. Text and plain numbers are written as they are in every language."""


def fill(template: str, words: Mapping[str, str]) -> str:
    """The template with its blanks replaced; a blank without words stays as it is."""
    return _BLANK.sub(lambda blank: words.get(blank[1], blank[0]), template)


_ANYTHING = "{text}"
"""A name, because a literal template would be collected for translation."""


def verbatim(text: str) -> Sentence:
    """What is the same in every language, such as a line that another program wrote."""
    return Sentence("", _ANYTHING, {"text": text})


class SentenceError(Exception):
    """An error that says what happened in a sentence for a person."""

    def __init__(self, sentence: Sentence) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class BadValue(SentenceError, ValueError):
    """Something that a person or a program gave cannot be taken; the sentence says why."""


def sentence_of(error: BaseException) -> Sentence:
    """The sentence that an error has, else its text as it is."""
    return error.sentence if isinstance(error, SentenceError) else verbatim(str(error))
