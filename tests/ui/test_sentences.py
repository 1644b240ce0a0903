"""Sentences of the service in the window: each is said in Portuguese, whole and with its numbers."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any, get_args

import pytest

from llmmem_gui.core.alert import Alert, Growth
from llmmem_gui.core.events import Event
from llmmem_gui.core.pressure import Level
from llmmem_gui.core.refusal import Refusal, RefusalCode
from llmmem_gui.core.sentence import Count, Duration, Percent, Sentence, Size, verbatim
from llmmem_gui.core.units import GIB
from llmmem_gui.ui.figures import NO_BREAK
from llmmem_gui.ui.languages import speak
from llmmem_gui.ui.sentences import event_sentence, say
from tests.ui.translation_files import PROJECT, blanks, has_words, messages, run_script


class Written(ast.NodeVisitor):
    """The sentences that are written in one file: context, template, and the names that fill it, if seen."""

    def __init__(self) -> None:
        self.found: list[tuple[int, list[ast.expr], set[str] | None]] = []

    def visit_Call(self, call: ast.Call) -> None:
        function = call.func
        if isinstance(function, ast.Attribute) and function.attr == "format" and _is_sentence(function.value):
            self.found.append((call.lineno, function.value.args, {word.arg or "" for word in call.keywords}))
            for given in (*call.args, *(word.value for word in call.keywords)):
                self.visit(given)
            return
        if _is_sentence(call):
            self.found.append((call.lineno, call.args, None))
        self.generic_visit(call)


def _is_sentence(node: Any) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Sentence"


def written() -> Iterator[tuple[str, str, str, set[str] | None]]:
    """Place, context and template of every sentence in the program, and the names that fill it, if seen."""
    for path in sorted((PROJECT / "llmmem_gui").rglob("*.py")):
        if path == PROJECT / "llmmem_gui" / "core" / "sentence.py":
            continue
        visitor = Written()
        visitor.visit(ast.parse(path.read_text(encoding="utf-8")))
        for line, arguments, names in visitor.found:
            context, template = (ast.literal_eval(argument) for argument in arguments)
            yield f"{path.relative_to(PROJECT)}:{line}", context, template, names


WRITTEN = list(written())
TRANSLATED = {(m.context, m.source): m.translations for m in messages("pt_BR") if m.is_finished}
TEMPLATES = sorted({(context, template) for _, context, template, _ in WRITTEN})


@pytest.fixture
def portuguese(qapp: object) -> Iterator[None]:
    """The window's language is Portuguese."""
    run_script("compile")
    speak("pt_BR")
    yield
    speak("en")


def test_there_are_sentences_everywhere() -> None:
    """The walk through the program finds sentences in each part that makes some."""
    parts = {place.split("/")[1].split(":")[0] for place, *_ in WRITTEN}
    assert parts == {"core", "folders.py", "host", "service", "ui"}
    assert len(TEMPLATES) > 200


@pytest.mark.parametrize(("context", "template"), TEMPLATES)
def test_a_sentence_has_other_words_in_portuguese(context: str, template: str) -> None:
    """Its template is in the file of translations, with the same blanks and other words."""
    (translated,) = TRANSLATED[context, template]
    assert blanks(translated) == blanks(template)
    assert translated != template or not has_words(template)


def test_every_blank_is_filled() -> None:
    """What fills a template has exactly the names of its blanks."""
    for place, _, template, names in WRITTEN:
        if names is not None:
            assert sorted(f"{{{name}}}" for name in names) == blanks(template), place


def every_refusal(code: RefusalCode) -> list[Refusal]:
    """Refusals of a code with all numbers and with none of those that may be missing."""
    reason = Sentence("Host", "{file} is empty").format(file=Sentence("Host", "the file"))
    sizes = {"need_bytes": 9 * GIB, "room_bytes": 2 * GIB, "limit_bytes": 3 * GIB, "available_bytes": 2 * GIB}
    times = {"retry_seconds": 90.0, "waited_seconds": 90.0}
    full = Refusal(
        code, "qwen", **sizes, **times, fits_context=2048, holders=("smol", "gemma"), reason=reason
    )
    return [full, Refusal(code, "qwen", reason=reason)]


def parts_of(sentence: Sentence) -> Iterator[Sentence]:
    """A sentence and all that are within it."""
    yield sentence
    for value in sentence.values.values():
        if isinstance(value, Sentence):
            yield from parts_of(value)


@pytest.mark.parametrize("code", get_args(RefusalCode))
def test_every_refusal_is_said_in_portuguese(portuguese: None, code: RefusalCode) -> None:
    """A refusal of each code, with all its numbers or with few, has no blank left and no English part."""
    for refusal in every_refusal(code):
        sentence = refusal.sentence
        said = say(sentence)
        assert "{" not in said + str(sentence)
        assert said != str(sentence)
        for part in parts_of(sentence):
            assert (part.context, part.template) in TEMPLATES
            if has_words(part.template):
                words = str(part)
                assert words not in said, f"{words} stayed English"
        if sentence.values.get("model"):
            assert "qwen" in said


def test_a_refusal_tells_all_that_the_english_one_tells(portuguese: None) -> None:
    """Each number of the English sentence stands in the Portuguese one, written the Portuguese way."""
    refusal = Refusal("too large for the limit", "qwen", need_bytes=int(5.06 * GIB), room_bytes=3 * GIB)
    said = say(refusal.sentence).replace(NO_BREAK, " ")
    assert said == (
        "qwen precisa de 5,06 GiB, o limite deixa 3,00 GiB: aumente o limite total ou use um contexto menor."
    )


def test_a_warning_names_the_program_that_grew(portuguese: None) -> None:
    """The Portuguese warning has the same parts as the English one, the program that grew among them."""
    alert = Alert(
        Level.WARNING,
        30 * GIB,
        32 * GIB,
        of_machine=True,
        seconds_to_limit=150.0,
        growth=Growth("firefox", int(2.1 * GIB), 180.0),
        relief_model="smol",
        relief_bytes=GIB,
    )
    event = Event(0.0, "memory-warning", None, "pressure", text=alert.sentence, numbers=alert.numbers)
    assert event_sentence(event).replace(NO_BREAK, " ") == (
        "Este computador tem 2,00 GiB de 32,0 GiB livres (94 % em uso), firefox cresceu 2,10 GiB em 3 min, "
        "neste ritmo a memória se esgota em 2 min 30 s: descarregar smol devolve 1,00 GiB."
    )


def test_values_are_written_the_way_of_the_language(portuguese: None) -> None:
    """Sizes, durations, counts and percentages follow the language; other text and plain numbers do not."""
    values = [Size(3 * 2**29), Duration(2.5), Count(16384), Percent(79.6), "1.5", 11500, verbatim("2.5")]
    said = [say(Sentence("Test", "{value}").format(value=value)).replace(NO_BREAK, " ") for value in values]
    assert said == ["1,50 GiB", "2,5 s", "16.384", "80 %", "1.5", "11500", "2.5"]


def test_the_words_of_llama_cpp_stay_as_they_are(portuguese: None) -> None:
    """A line of its log stands in quotes inside a Portuguese sentence."""
    line = Sentence("Engine", "{line}").format(line="key not found in model: tokenizer.ggml.model")
    failed = Sentence("Host", "{file} cannot be loaded: {reason}").format(file="a.gguf", reason=line)
    assert str(failed) == "a.gguf cannot be loaded: key not found in model: tokenizer.ggml.model"
    assert say(failed) == (
        "Não foi possível carregar a.gguf: o llama.cpp diz “key not found in model: tokenizer.ggml.model”"
    )


def test_an_event_of_an_older_history_is_shown_as_it_was_written(portuguese: None) -> None:
    """Its text is English only: it is not lost."""
    event = Event(0.0, "note", text=verbatim("The settings were damaged."))
    assert event_sentence(event) == "The settings were damaged."


def test_a_change_of_pressure_says_its_level(portuguese: None) -> None:
    """The timeline names the level that the machine's memory pressure has reached."""
    event = Event(0.0, "pressure-changed", None, "pressure", text=Sentence("Pressure", "critical"))
    assert event_sentence(event) == "pressão de memória: crítica"


def test_models_are_called_by_their_names() -> None:
    """In sentences of the service a window says names, also within parts of them; an API says ids."""
    alert = Alert(
        Level.WARNING, 9 * GIB, 10 * GIB, model_id="odd", relief_model="other", relief_bytes=GIB,
        growth=Growth("odd", GIB, 20.0),
    )  # fmt: skip
    names = {"odd": "千问-指令", "other": "My Model"}
    said = say(alert.sentence, names.__getitem__)
    assert "千问-指令 uses 9.00 GiB" in said.replace(NO_BREAK, " ")
    assert "unloading My Model gives" in said
    assert "odd" not in said
    assert "odd uses" in str(alert.sentence)
    refusal = Refusal("pinned in the way", "odd", need_bytes=GIB, holders=("other",))
    event = Event(0.0, "load-refused", "odd", text=refusal.sentence)
    assert event_sentence(event, names.__getitem__).startswith("千问-指令 needs 1.00")
    assert "My Model is pinned" in event_sentence(event, names.__getitem__)
