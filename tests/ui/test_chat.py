"""The chat with a real model: what is remembered, stopped, counted, copied and told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from llmmem_gui.core.snapshot import State
from llmmem_gui.ui import requests as ask
from llmmem_gui.ui.figures import NO_BREAK
from llmmem_gui.ui.try_out import TryOut
from tests.ui.running import Running, running

SMOL = "smollm2-135m-instruct"
GEMMA = "gemma-3-270m-q4_k_m"

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def program(qtbot: QtBot, qapp: QApplication, home: Path, smol_path: Path) -> Iterator[Running]:
    """The program with one model, which is not loaded."""
    with running(qtbot, qapp, (smol_path,)) as run:
        yield run


def chat_of(run: Running, model_id: str = SMOL) -> TryOut:
    """The chat with a model, opened as the key does it."""
    run.window.table.choose(model_id)
    run.window.actions_.try_out.trigger()
    chat = run.window.try_outs.open(run.model(model_id))
    chat.options.temperature.setValue(0.0)
    chat.options.length.setValue(12)
    return chat


def ask_it(run: Running, chat: TryOut, question: str, qtbot: QtBot) -> None:
    """Type a question, send it with Enter and wait for the end of the answer."""
    chat.prompt.setPlainText(question)
    qtbot.keyClick(chat.prompt, Qt.Key.Key_Return)
    assert chat.is_answering
    run.until(lambda: not chat.is_answering)


def seen(chat: TryOut) -> str:
    """The chat as text, with ordinary spaces."""
    return chat.transcript.toPlainText().replace(NO_BREAK, " ")


def test_a_model_that_is_not_loaded_is_asked_and_remembers(program: Running, qtbot: QtBot) -> None:
    """The first question loads the model; the second is asked with what was said before, and costs more."""
    chat = chat_of(program)
    assert chat.status.text() == "Not loaded: the next question loads it"
    asked: list[ask.Ask] = []
    program.window.requested.connect(lambda each: asked.append(each) if isinstance(each, ask.Ask) else None)
    ask_it(program, chat, "My name is Ada. Say hello.", qtbot)
    program.until_state(SMOL, State.READY)
    chat.options.system.setPlainText("You are short.")
    ask_it(program, chat, "What is my name?", qtbot)
    first, second = chat.conversation.turns
    assert first.end is not None
    assert second.end is not None
    assert second.end.prompt_tokens > first.end.prompt_tokens + first.end.completion_tokens
    assert [(each.role, each.content) for each in asked[1].messages] == [
        ("system", "You are short."),
        ("user", "My name is Ada. Say hello."),
        ("assistant", first.answer),
        ("user", "What is my name?"),
    ]
    for text in ("My name is Ada. Say hello.", "What is my name?", "tokens a second", "first one after"):
        assert text in seen(chat)
    assert chat.prompt.toPlainText() == ""
    assert "tokens of context used" in chat.status.text()
    chat.close()
    assert program.window.try_outs.open(program.model(SMOL)).conversation.turns == [first, second]
    chat.close()


def test_escape_stops_first_and_the_tokens_are_counted(program: Running, qtbot: QtBot) -> None:
    """Esc ends a long answer, which keeps its words and its count; a second Esc closes the window."""
    chat = chat_of(program)
    chat.options.length.setValue(900)
    chat.prompt.setPlainText("Tell me a very long story about a river.")
    qtbot.keyClick(chat.prompt, Qt.Key.Key_Return)
    program.until(lambda: len(chat.conversation.turns[0].answer) > 20)
    qtbot.keyClick(chat.prompt, Qt.Key.Key_Escape)
    program.until(lambda: not chat.is_answering)
    assert chat.isVisible()
    (turn,) = chat.conversation.turns
    assert turn.end is not None
    assert turn.end.cut == "stopped"
    assert 3 < turn.end.completion_tokens < 900
    assert turn.end.prompt_tokens > 10
    assert f"{turn.end.completion_tokens} tokens" in seen(chat)
    assert "· stopped" in seen(chat)
    program.until_state(SMOL, State.READY)
    qtbot.keyClick(chat.prompt, Qt.Key.Key_Escape)
    assert not chat.isVisible()


def test_a_question_can_be_taken_back_while_its_model_loads(program: Running, qtbot: QtBot) -> None:
    """Stopped before a word came, the question is in the field again and is not told the model later."""
    chat = chat_of(program)
    chat.prompt.setPlainText("Say hello.")
    chat.ask()
    chat.stop.click()
    program.until(lambda: not chat.is_answering)
    assert chat.prompt.toPlainText() == "Say hello."
    ask_it(program, chat, "Say goodbye.", qtbot)
    assert chat.conversation.messages("")[0] == ask.ChatMessage("user", "Say goodbye.")
    chat.close()


def test_shift_enter_begins_a_line(program: Running, qtbot: QtBot) -> None:
    """Shift+Enter writes a second line and sends nothing; the field grows with it."""
    chat = chat_of(program)
    qtbot.keyClicks(chat.prompt, "one")
    height = chat.prompt.height()
    for word in ("two", "three", "four"):
        qtbot.keyClick(chat.prompt, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
        qtbot.keyClicks(chat.prompt, word)
    assert chat.prompt.toPlainText() == "one\ntwo\nthree\nfour"
    assert chat.prompt.height() > height
    assert not chat.is_answering
    chat.close()


def test_an_answer_is_copied_as_the_model_wrote_it(program: Running, qtbot: QtBot) -> None:
    """The link under an answer copies that answer, with its Markdown; the length that cut it is told."""
    chat = chat_of(program)
    ask_it(program, chat, "Write a list of three rivers.", qtbot)
    ask_it(program, chat, "Say hello.", qtbot)
    chat.transcript.anchorClicked.emit("copy:0")
    assert QGuiApplication.clipboard().text() == chat.conversation.turns[0].answer != ""
    assert chat.status.text() == "The answer is copied."
    assert "cut at the greatest length" in seen(chat)
    chat.close()


def test_how_far_a_long_question_was_read_is_told(program: Running, qtbot: QtBot) -> None:
    """A question of several batches is read with its progress in tokens."""
    program.load(SMOL)
    chat = chat_of(program)
    told: list[ask.AnswerReading] = []
    program.service.answer_read.connect(told.append)
    chat.options.length.setValue(1)
    ask_it(program, chat, "word " * 600, qtbot)
    (turn,) = chat.conversation.turns
    assert turn.end is not None
    assert {reading.prompt_tokens for reading in told} == {turn.end.prompt_tokens}
    # In how many steps depends on how busy the machine is.
    read = [reading.read_tokens for reading in told]
    assert read[0] == 0
    assert len(read) > 1
    assert read == sorted(set(read))
    assert read[-1] < turn.end.prompt_tokens
    chat.close()


def test_an_error_is_read_in_full(program: Running, qtbot: QtBot) -> None:
    """A question longer than the context is refused in the chat, in whole sentences, and can be changed."""
    chat = chat_of(program)
    question = "word " * 9000
    ask_it(program, chat, question, qtbot)
    (turn,) = chat.conversation.turns
    assert turn.end is not None
    assert turn.end.problem is not None
    assert str(turn.end.problem.sentence) in seen(chat)
    assert chat.prompt.toPlainText() == question.strip()
    ask_it(program, chat, "Say hello.", qtbot)
    assert chat.conversation.turns[-1].answer
    chat.close()


def test_a_model_without_a_chat_template_is_told_of(
    qtbot: QtBot, qapp: QApplication, home: Path, smol_path: Path, gemma_path: Path
) -> None:
    """The window says it before anything is asked, and the answer tells which form was used instead."""
    with running(qtbot, qapp, (smol_path, gemma_path)) as run:
        chat = chat_of(run, GEMMA)
        assert chat.note.isVisible()
        ask_it(run, chat, "What is the capital of France?", qtbot)
        assert "the form of Gemma was used" in seen(chat)
        chat.close()
        other = chat_of(run, SMOL)
        assert not other.note.isVisible()
        other.close()


def test_a_new_chat_forgets(program: Running, qtbot: QtBot) -> None:
    """A new chat is empty, also when the old one was being answered, whose rest goes nowhere."""
    chat = chat_of(program)
    ask_it(program, chat, "Say hello.", qtbot)
    chat.options.length.setValue(900)
    chat.prompt.setPlainText("Tell me a very long story.")
    chat.ask()
    program.until(lambda: chat.conversation.turns[-1].answer != "")
    chat.start_anew()
    assert seen(chat) == ""
    program.until_state(SMOL, State.READY)
    assert seen(chat) == ""
    chat.close()
