"""Ask a model something and watch the answer come, to see that it works and how fast."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QTextCursor
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from llmmem_gui.ui import figures
from llmmem_gui.ui.card import ElidedLabel, quiet, restyle
from llmmem_gui.ui.requests import AnswerEnd, AnswerPart, Ask, StopAsking
from llmmem_gui.ui.sentences import say
from llmmem_gui.ui.swatch import Swatch
from llmmem_gui.ui.theme import Theme, sized

_numbers = count(1)
_DRAW_MILLISECONDS = 40
_MOST_CHARACTERS = 400_000


class TryOut(QDialog):
    """A window with a prompt, the answer as it is written, and its figures.

    Signals: `requested` with Ask and StopAsking.
    """

    requested = Signal(object)

    def __init__(self, theme: Theme, model_id: str, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model_id = model_id
        self._number: int | None = None
        self._pending: list[str] = []
        self._in_words: Callable[[], str] = str
        """Says how the answer goes, in the language in force."""
        self._swatch = Swatch(theme)
        self._swatch.show_model(model_id, filled=True)
        self._title = ElidedLabel(name, mode=Qt.TextElideMode.ElideMiddle)
        self._title.setFont(sized(self._title.font(), 1.2))
        self.answer = QPlainTextEdit()
        self.answer.setReadOnly(True)
        self.answer.setMaximumBlockCount(20_000)
        self.prompt = QPlainTextEdit()
        self.prompt.installEventFilter(self)
        self.figures = ElidedLabel()
        quiet(self.figures)
        self.send = QPushButton()
        self.send.setProperty("primary", True)
        self.stop = QPushButton()
        self.stop.setEnabled(False)
        self._draw = QTimer(self)
        self._draw.setSingleShot(True)
        self._draw.setInterval(_DRAW_MILLISECONDS)
        self._draw.timeout.connect(self._write)
        self.send.clicked.connect(self.ask)
        self.stop.clicked.connect(self._stop)
        self._build()
        self.retranslate()
        self.resize(640, 520)
        self.prompt.setFocus()

    def _build(self) -> None:
        head = QHBoxLayout()
        head.addWidget(self._swatch)
        head.addWidget(self._title, 1)
        self.prompt.setFixedHeight(self.prompt.fontMetrics().height() * 4 + 12)
        self._answer_label, self._prompt_label = QLabel(), QLabel()
        self._answer_label.setBuddy(self.answer)
        self._prompt_label.setBuddy(self.prompt)
        foot = QHBoxLayout()
        foot.addWidget(self.figures, 1)
        foot.addWidget(self.stop)
        foot.addWidget(self.send)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 14, 18, 14)
        layout.addLayout(head)
        layout.addWidget(self._answer_label)
        layout.addWidget(self.answer, 1)
        layout.addWidget(self._prompt_label)
        layout.addWidget(self.prompt)
        layout.addLayout(foot)

    def retranslate(self) -> None:
        """Write all texts in the language in force."""
        self.setWindowTitle(self.tr("Try {model}").format(model=self._title.text()))
        self._answer_label.setText(self.tr("Answer"))
        self._prompt_label.setText(self.tr("Question"))
        self.answer.setAccessibleName(self.tr("Answer"))
        self.prompt.setAccessibleName(self.tr("Question"))
        self.prompt.setPlaceholderText(self.tr("Write a question, Ctrl+Enter sends it"))
        self.send.setText(self.tr("Ask"))
        self.stop.setText(self.tr("Stop"))
        self.figures.setText(self._in_words())

    @property
    def is_answering(self) -> bool:
        """Whether an answer is being written."""
        return self._number is not None

    def ask(self) -> None:
        """Send the prompt to the model."""
        prompt = self.prompt.toPlainText().strip()
        if not prompt or self.is_answering:
            return
        self._number = next(_numbers)
        self.answer.clear()
        self._tell(lambda: self.tr("The model reads the question…"))
        self.send.setEnabled(False)
        self.stop.setEnabled(True)
        self.requested.emit(Ask(self._number, self.model_id, prompt))

    def take_part(self, part: AnswerPart) -> None:
        """Take in a piece of the answer."""
        if part.number == self._number:
            self._pending.append(part.text)
            if not self._draw.isActive():
                self._draw.start()

    def take_end(self, end: AnswerEnd) -> None:
        """Take in the end of the answer."""
        if end.number != self._number:
            return
        self._write()
        self._number = None
        self.send.setEnabled(True)
        self.stop.setEnabled(False)
        if end.problem is not None:
            sentence = end.problem.sentence
            self._tell(lambda: say(sentence), "critical")
        else:
            self._tell(lambda: self._figures_of(end))

    def _figures_of(self, end: AnswerEnd) -> str:
        pieces = [self.tr("%n token(s)", "", end.completion_tokens)]
        writing = end.seconds - (end.first_token_seconds or 0.0)
        if end.completion_tokens > 1 and writing > 0:
            rate = figures.decimal((end.completion_tokens - 1) / writing)
            pieces.append(self.tr("{rate} tokens a second").format(rate=rate))
        if end.first_token_seconds is not None:
            first = figures.duration(end.first_token_seconds)
            pieces.append(self.tr("first one after {duration}").format(duration=first))
        if end.notice is not None:
            pieces.append(say(end.notice))
        return " · ".join(pieces)

    def _tell(self, in_words: Callable[[], str], level: str | None = None) -> None:
        self._in_words = in_words
        self.figures.setText(in_words())
        restyle(self.figures, "level", level)

    def _write(self) -> None:
        self._draw.stop()
        text, self._pending = "".join(self._pending), []
        if not text or self.answer.document().characterCount() > _MOST_CHARACTERS:
            return
        bar = self.answer.verticalScrollBar()
        at_end = bar.value() >= bar.maximum() - 4
        cursor = QTextCursor(self.answer.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.insertText(text)
        self._tell(lambda: self.tr("The model writes…"))
        if at_end:
            bar.setValue(bar.maximum())

    def _stop(self) -> None:
        if self._number is not None:
            self.stop.setEnabled(False)
            self.requested.emit(StopAsking(self._number))

    # --- Qt ----------------------------------------------------------------------------------------------

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.prompt and event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            control = event.modifiers() & Qt.KeyboardModifier.ControlModifier
            if control and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self.ask()
                return True
        return super().eventFilter(watched, event)

    def done(self, result: int) -> None:
        self._stop()
        super().done(result)
