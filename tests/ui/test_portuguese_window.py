"""The real window in Portuguese, with all that goes wrong: no sentence of the program stays English."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel
from pytestqt.qtbot import QtBot

from llmmem_gui.core.snapshot import State
from llmmem_gui.core.units import MIB
from llmmem_gui.folders import Folders
from llmmem_gui.service.api_client import ApiClient, RequestFailed
from llmmem_gui.ui import requests as ask
from llmmem_gui.ui.cells import Column
from llmmem_gui.ui.figures import NO_BREAK
from llmmem_gui.ui.languages import speak
from llmmem_gui.ui.plot.reading import Reading
from llmmem_gui.ui.sentences import event_sentence, mark_label
from tests.gguf_writer import write_sparse_gguf
from tests.hostile_gguf import RECIPE
from tests.made_up_models import model_metadata, model_tensors, write_model
from tests.ui.conftest import change_language
from tests.ui.running import Running, running
from tests.ui.translation_files import has_words, messages, run_script

SMOL = "smollm2-135m-instruct"
SETTINGS = """
[library]
search_known_folders = false
[api]
port = 0
[limits]
total_limit_bytes = 67108864
idle_minutes = "soon"
"""
"""A limit that no real model fits into, and a value that has to be repaired."""

pytestmark = pytest.mark.timeout(180)


def english(template: str) -> re.Pattern[str]:
    """What an English template can look like when its blanks are filled."""
    return re.compile(re.sub(r"\\\{\w+\\\}", ".+", re.escape(template)))


ENGLISH = [english(message.source) for message in messages("pt_BR") if has_words(message.source)]
SENTENCES = [pattern for pattern in ENGLISH if len(re.findall(r"[a-z]{2,}", pattern.pattern)) > 3]
"""Single words may be the same in both languages; sentences are not."""


@pytest.fixture
def home_with_trouble(home: Path, smol_path: Path) -> Folders:
    """A home with a model, three files in which something is wrong, and a setting that is no value."""
    folders = Folders.of_user()
    folders.create()
    (folders.models / smol_path.name).symlink_to(smol_path.resolve())
    (folders.models / "damaged.gguf").write_bytes(smol_path.read_bytes()[:100_000])
    metadata = model_metadata(RECIPE)
    del metadata["tokenizer.ggml.model"]
    write_sparse_gguf(folders.models / "refused.gguf", metadata, model_tensors(RECIPE))
    write_model(folders.models / "template.gguf", RECIPE.but(chat_template="{% for message in %}"))
    folders.settings_file.write_text(SETTINGS)
    return folders


@pytest.fixture
def program(qtbot: QtBot, qapp: QApplication, home_with_trouble: Folders) -> Iterator[Running]:
    """The program on that home, in Portuguese."""
    run_script("compile")
    models = tuple(home_with_trouble.models.iterdir())
    with running(qtbot, qapp, models, "pt_BR") as run:
        yield run
    speak("en")


def plain(text: str) -> str:
    """The text with ordinary spaces."""
    return text.replace(NO_BREAK, " ")


def under(run: Running, model_id: str) -> str:
    """The line under a model's name."""
    return plain(run.window.table.rows.cell(run.model(model_id), Column.MODEL).under)


def all_texts(run: Running) -> list[str]:
    """Every sentence that the window shows: rows, labels, bar, status line, timeline."""
    window = run.window
    assert window.snapshot is not None
    rows = [window.table.rows.cell(model, column) for model in window.snapshot.models for column in Column]
    texts = [text for cell in rows for text in (cell.text, cell.under)]
    texts += [widget.text() for kind in (QLabel, QAbstractButton) for widget in window.findChildren(kind)]
    texts += [Reading(event.time, (), events=(event,)).text(str) for event in window._events]
    texts += [line for event in window._events for line in (event_sentence(event), mark_label(event))]
    return [plain(text) for text in texts if text]


def test_nothing_that_goes_wrong_is_told_in_english(program: Running) -> None:
    """A damaged file, a repaired setting, a failed load and a refused one of an API client are Portuguese."""
    window = program.window
    assert under(program, "damaged").startswith("damaged.gguf está incompleto")
    window.table.choose("refused")
    window.actions_.load.trigger()
    program.until_state("refused", State.FAILED)
    program.until(lambda: any("refused.gguf" in bar.text.text() for bar in window.notices.shown))
    failed = under(program, "refused")
    assert failed.startswith("Não foi possível carregar refused.gguf: o llama.cpp diz “")
    assert "tokenizer.ggml.model" in failed
    assert failed in [plain(bar.text.text()) for bar in window.notices.shown]

    client = ApiClient.of_running_program(Folders.of_user(), "api")
    with ThreadPoolExecutor(1) as elsewhere:
        asked = elsewhere.submit(client.request, "POST", f"/api/v1/models/{SMOL}/load", {})
        program.until(asked.done)
    with pytest.raises(RequestFailed, match=rf"{SMOL} needs .* MiB, the limit leaves .* MiB: ") as told:
        asked.result()
    assert any(sentence.search(str(told.value)) for sentence in SENTENCES)
    program.until(lambda: f"{SMOL} precisa de " in window.status.message.text())
    refused = plain(window.status.message.text())
    assert ", o limite deixa 64,0 MiB: aumente o limite total ou use um contexto menor" in refused

    texts = all_texts(program)
    assert any("limits.idle_minutes é 'soon' (esperado float, encontrado str): vale 15.0" in t for t in texts)
    assert any(refused in text for text in texts)
    for text in texts:
        for sentence in SENTENCES:
            assert not sentence.search(text), f"{text!r} is English"


def test_what_a_question_meets_is_told_in_portuguese(program: Running) -> None:
    """In “Try it” a load that is refused, and a chat template that is set aside, are told in Portuguese."""
    told = {SMOL: f"{SMOL} precisa de ", "template": "o formato de conversa do modelo está danificado ("}
    for model_id, beginning in told.items():
        tried = program.window.open_try_out(model_id)
        tried.options.length.setValue(8)
        tried.prompt.setPlainText("Olá")
        tried.send.click()
        program.until(lambda tried=tried: not tried.is_answering)
        seen = tried.transcript.toPlainText
        said = plain(seen())
        assert beginning in said
        for sentence in SENTENCES:
            assert not sentence.search(said), f"{said!r} is English"
        speak("en")
        program.until(
            lambda tried=tried: any(s.search(plain(tried.transcript.toPlainText())) for s in SENTENCES)
        )
        speak("pt_BR")


def test_a_warning_changes_its_language_with_the_window(program: Running, qtbot: QtBot) -> None:
    """A warning that is in the bar, and its button, are said again in the language that is chosen."""
    program.service.carry_out(ask.SetLimit(None, 2048 * MIB))
    program.until(lambda: program.window.snapshot.bounds.total_limit_bytes == 2048 * MIB)
    program.load(SMOL)
    program.until(lambda: program.model(SMOL).resident_bytes > 50 * MIB)
    program.service.carry_out(ask.SetLimit(SMOL, round(program.model(SMOL).resident_bytes / 0.92)))
    bar = program.window.notices.warning
    program.until(bar.isVisible)
    told = []
    for language in ("pt_BR", "en"):
        change_language(qtbot, program.window, language)
        told.append(plain(bar.text.text()))
    assert re.match(rf"{SMOL} usa \d+(,\d)? MiB do seu limite de \d+ MiB", told[0])
    assert re.match(rf"{SMOL} uses \d+(\.\d)? MiB of its limit of \d+ MiB", told[1])


def test_what_happened_before_a_restart_is_told_in_the_language_of_today(
    qtbot: QtBot, qapp: QApplication, home_with_trouble: Folders
) -> None:
    """Events that were written while the window spoke English are read in Portuguese later."""
    run_script("compile")
    models = tuple(home_with_trouble.models.iterdir())
    with running(qtbot, qapp, models, "en") as run:
        run.window.table.choose("refused")
        run.window.actions_.load.trigger()
        run.until_state("refused", State.FAILED)
        assert under(run, "refused").startswith("refused.gguf cannot be loaded: llama_model_load: ")
    with running(qtbot, qapp, models, "pt_BR") as run:
        run.until(lambda: any(event.type == "load-failed" for event in run.window._events))
        failure = next(event for event in run.window._events if event.type == "load-failed")
        assert event_sentence(failure).startswith(
            "refused não carregou: Não foi possível carregar refused.gguf: o llama.cpp diz “llama_"
        )
    speak("en")
