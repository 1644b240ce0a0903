"""A small chat with one model, to see that it works, how well and how fast."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count

from PySide6.QtCore import QPoint, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QGuiApplication, QKeyEvent, QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QPushButton, QToolButton, QVBoxLayout, QWidget

from llmmem_gui.core.snapshot import ModelSnapshot
from llmmem_gui.ui.answer_words import answer_figures, progress_words, rest_words
from llmmem_gui.ui.card import ElidedLabel, plain, quiet
from llmmem_gui.ui.chat_options import ChatOptions
from llmmem_gui.ui.conversation import Conversation, Turn
from llmmem_gui.ui.first_size import first_size
from llmmem_gui.ui.prompt_edit import PromptEdit
from llmmem_gui.ui.requests import AnswerEnd, AnswerPart, AnswerReading, Ask, StopAsking
from llmmem_gui.ui.sentences import say
from llmmem_gui.ui.swatch import Swatch
from llmmem_gui.ui.theme import Theme, sized
from llmmem_gui.ui.transcript import Transcript

_numbers = count(1)
_DRAW_MILLISECONDS = 40
_DRAWING_SHARE = 5
"""Drawing a long answer takes at most one part in so many of the time."""
_CLOCK_MILLISECONDS = 500
_FIRST_SIZE = QSize(720, 620)


class TryOut(QDialog):
    """A window with the chat, a field for the next question, and what the model is doing.

    Signals: `requested` with Ask and StopAsking.
    """

    requested = Signal(object)

    def __init__(self, theme: Theme, model: ModelSnapshot, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model_id = model.id
        self.conversation = Conversation()
        self._model = model
        self._number: int | None = None
        self._asked_at = 0.0
        self._reading: AnswerReading | None = None
        self._place: QPoint | None = None
        self._said: Callable[[], str] | None = None
        """What was done last at rest, in the language in force."""
        self._swatch = Swatch(theme)
        self._title = ElidedLabel(model.facts.name, mode=Qt.TextElideMode.ElideMiddle)
        self._title.setFont(sized(self._title.font(), 1.2))
        self.note = plain(QLabel())
        self.note.setWordWrap(True)
        self.note.setProperty("level", "warning")
        self.transcript = Transcript(theme)
        self.options = ChatOptions()
        self.options.hide()
        self.prompt = PromptEdit()
        self.status = ElidedLabel()
        quiet(self.status)
        self.clear = QToolButton()
        self.more = QToolButton()
        self.more.setCheckable(True)
        self.more.setProperty("segment", True)
        self.clear.setProperty("segment", True)
        self.send = QPushButton()
        self.send.setProperty("primary", True)
        self.stop = QPushButton()
        self._draw = QTimer(self)
        self._draw.setSingleShot(True)
        self._draw.timeout.connect(self._write)
        self._clock = QTimer(self)
        self._clock.setInterval(_CLOCK_MILLISECONDS)
        self._clock.timeout.connect(self._tell)
        self._connect()
        self._lay_out()
        self.show_model(model)
        self.retranslate()
        self.resize(first_size(_FIRST_SIZE, self.screen().availableSize()))

    def _connect(self) -> None:
        self.send.clicked.connect(self.ask)
        self.prompt.sent.connect(self.ask)
        self.stop.clicked.connect(self._stop)
        self.clear.clicked.connect(self.start_anew)
        self.more.toggled.connect(self.options.setVisible)
        self.transcript.copy_asked.connect(self.copy_answer)
        QShortcut(QKeySequence("Ctrl+N"), self, self.start_anew)
        QShortcut(QKeySequence("Ctrl+Shift+C"), self, self.copy_answer)
        for button in (self.send, self.stop):
            button.setAutoDefault(False)

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.addWidget(self._swatch)
        head.addWidget(self._title, 1)
        for button in (self.more, self.clear):
            head.addWidget(button)
        foot = QHBoxLayout()
        foot.addWidget(self.status, 1)
        foot.addWidget(self.stop)
        foot.addWidget(self.send)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 12, 16, 12)
        layout.setSpacing(8)
        layout.addLayout(head)
        layout.addWidget(self.note)
        layout.addWidget(self.options)
        layout.addWidget(self.transcript, 1)
        layout.addWidget(self.prompt)
        layout.addLayout(foot)

    def retranslate(self) -> None:
        """Write all texts in the language in force, in the colours of the theme."""
        self.setWindowTitle(self.tr("Try {model}").format(model=self._title.text()))
        self.note.setText(
            self.tr(
                "The file of this model brings no chat template. It may have been made to continue texts, "
                "and then it answers oddly or not at all."
            )
        )
        self.transcript.setAccessibleName(self.tr("Chat"))
        self.transcript.setPlaceholderText(self.tr("What is asked and answered is kept here until you quit."))
        self.prompt.setAccessibleName(self.tr("Question"))
        self.prompt.setPlaceholderText(self.tr("Write a question: Enter sends it, Shift+Enter begins a line"))
        self.send.setText(self.tr("Ask"))
        self.stop.setText(self.tr("Stop"))
        self.stop.setToolTip("Esc")
        self.more.setText(self.tr("Options"))
        self.more.setToolTip(self.tr("Instructions, temperature and length"))
        self.clear.setText(self.tr("New chat"))
        self.clear.setToolTip(self.tr("Forget this chat and begin another (Ctrl+N)"))
        self.options.retranslate()
        self._draw_all()
        self._show_buttons()
        self._tell()

    @property
    def is_answering(self) -> bool:
        """Whether an answer is on its way."""
        return self._number is not None

    def _called(self, model_id: str) -> str:
        return self._model.facts.name if model_id == self._model.id else model_id

    def show_model(self, model: ModelSnapshot) -> None:
        """Take in how the model is now."""
        self._model = model
        self._swatch.show_model(model.id, filled=model.resident_bytes > 0)
        self.note.setVisible(not model.facts.has_chat_template)
        self._tell()

    def ask(self) -> None:
        """Send what is in the field to the model, which is loaded if need be."""
        question = self.prompt.toPlainText().strip()
        if not question or self.is_answering:
            return
        self._number = next(_numbers)
        self._asked_at = time.monotonic()
        self._reading = None
        self._said = None
        self.conversation.begin(question)
        self.transcript.begin(question)
        self.prompt.clear()
        self._clock.start()
        self._show_buttons()
        self._tell()
        messages = self.conversation.messages(self.options.system.toPlainText())
        options = self.options
        self.requested.emit(
            Ask(self._number, self.model_id, messages, options.maximum_tokens, options.temperature.value())
        )

    def take_reading(self, reading: AnswerReading) -> None:
        """Take in how far the question has been read."""
        if reading.number == self._number:
            self._reading = reading
            self._tell()

    def take_part(self, part: AnswerPart) -> None:
        """Take in a piece of the answer."""
        if part.number == self._number:
            self.conversation.turns[-1].answer += part.text
            if not self._draw.isActive():
                self._draw.start(_DRAW_MILLISECONDS)

    def take_end(self, end: AnswerEnd) -> None:
        """Take in the end of the answer."""
        if end.number != self._number:
            return
        self._draw.stop()
        self._clock.stop()
        self._number = None
        turn = self.conversation.turns[-1]
        turn.end = end
        self.transcript.write(turn.answer)
        self._finish(len(self.conversation.turns) - 1, turn)
        if not turn.answer and not self.prompt.toPlainText():
            # Nothing came: the question can be sent again as it is.
            self.prompt.setPlainText(turn.question)
            self.prompt.selectAll()
        self._show_buttons()
        self._tell()

    def copy_answer(self, number: int = -1) -> None:
        """Copy an answer as the model wrote it; the newest unless another is named."""
        if self.conversation.turns:
            QGuiApplication.clipboard().setText(self.conversation.turns[number].answer)
            self._said = lambda: self.tr("The answer is copied.")
            self._tell()

    def start_anew(self) -> None:
        """Forget the chat."""
        self._stop()
        self._number = None
        self._draw.stop()
        self._clock.stop()
        self.conversation = Conversation()
        self._said = None
        self._draw_all()
        self._show_buttons()
        self._tell()
        self.prompt.setFocus()

    # --- showing -----------------------------------------------------------------------------------------

    def _show_buttons(self) -> None:
        self.stop.setVisible(self.is_answering)
        self.send.setEnabled(not self.is_answering)
        self.clear.setEnabled(bool(self.conversation.turns))

    def _tell(self) -> None:
        """Say what the model does, or how much of its context is used."""
        if self.is_answering:
            elapsed = time.monotonic() - self._asked_at
            begun = bool(self.conversation.turns[-1].answer)
            text = progress_words(self._model, self._reading, begun=begun, seconds=elapsed)
        elif self._said is not None:
            text = self._said()
        else:
            ends = [turn.end for turn in self.conversation.turns if turn.end and turn.end.prompt_tokens]
            text = rest_words(self._model, ends[-1] if ends else None)
        self.status.setText(text)

    def _write(self) -> None:
        began = time.monotonic()
        self.transcript.write(self.conversation.turns[-1].answer)
        spent = round((time.monotonic() - began) * 1000 * _DRAWING_SHARE)
        if spent > _DRAW_MILLISECONDS:
            self._draw.start(spent)

    def _draw_all(self) -> None:
        self.transcript.clear()
        for number, turn in enumerate(self.conversation.turns):
            self.transcript.begin(turn.question)
            self.transcript.write(turn.answer)
            self._finish(number, turn)
        self.transcript.scroll_to_end()

    def _finish(self, number: int, turn: Turn) -> None:
        if turn.end is None:
            return
        if turn.end.problem is not None:
            self.transcript.tell_problem(say(turn.end.problem.sentence, self._called))
        copy_words = self.tr("Copy") if turn.answer.strip() else ""
        if turn.end.problem is None or copy_words:
            tokens = self.tr("%n token(s)", "", turn.end.completion_tokens)
            self.transcript.finish(number, answer_figures(tokens, turn.end, turn.answer), copy_words)

    def _stop(self) -> None:
        if self._number is not None:
            self.requested.emit(StopAsking(self._number))

    # --- Qt ----------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.is_answering:
            self._stop()
        else:
            super().keyPressEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        if self._place is not None:
            self.move(self._place)
        self.prompt.setFocus()
        self.prompt.selectAll()
        super().showEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        self.done(QDialog.DialogCode.Rejected)

    def done(self, result: int) -> None:
        self._stop()
        self._clock.stop()
        self._place = self.pos()
        super().done(result)
