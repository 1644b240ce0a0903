"""A chat as it is read: questions on a ground of their own, answers as they grow, figures under each."""

from __future__ import annotations

from itertools import takewhile

from PySide6.QtCore import QByteArray, QUrl, Signal
from PySide6.QtGui import (
    QColor,
    QResizeEvent,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextDocumentFragment,
    QTextFormat,
    QTextFrameFormat,
)
from PySide6.QtWidgets import QTextBrowser, QWidget

from llmmem_gui.ui.markdown import markdown_document, markdown_pieces
from llmmem_gui.ui.theme import Theme

_COPY = "copy:"
_NOTHING = QByteArray(b"\0")
"""Given for whatever shall be loaded: where it gets nothing at all, Qt reads the file itself."""


class Transcript(QTextBrowser):
    """Shows the turns of a chat; only the newest answer changes.

    Nothing that a model wrote can be followed or is loaded: the links in it are this program's own.
    Signals: `copy_asked` with the number of the turn whose answer shall be copied.
    """

    copy_asked = Signal(int)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._drawn: list[str] = []
        """Pieces of the newest answer that are seen."""
        self._begins: list[int] = []
        """Where each of them begins."""
        self.setOpenLinks(False)
        self.setUndoRedoEnabled(False)
        self.document().setDocumentMargin(10)
        self.anchorClicked.connect(self._follow)

    def begin(self, question: str) -> None:
        """Add a question."""
        end = self._end()
        palette = self._theme.palette
        frame = QTextFrameFormat()
        frame.setBackground(QColor(palette.selection))
        frame.setBorder(0)
        frame.setPadding(8)
        frame.setLeftMargin(self.fontMetrics().averageCharWidth() * 6)
        frame.setTopMargin(12)
        frame.setBottomMargin(4)
        if self.document().isEmpty():
            frame.setTopMargin(0)
            end.setBlockFormat(_thin())
        end.insertFrame(frame)
        end.setBlockFormat(QTextBlockFormat())
        end.insertText(question)
        self._drawn, self._begins = [], []
        self.scroll_to_end()

    def write(self, answer: str) -> None:
        """Show the newest answer as far as it has come."""
        follows = self.is_at_end
        pieces = markdown_pieces(answer)
        same = takewhile(lambda pair: pair[0] == pair[1], zip(self._drawn, pieces, strict=False))
        known = len(list(same))
        cursor = self._end()
        cursor.beginEditBlock()
        if known < len(self._begins):
            cursor.setPosition(self._begins[known], QTextCursor.MoveMode.KeepAnchor)
            cursor.removeSelectedText()
            del self._begins[known:]
        for number, piece in enumerate(pieces[known:], start=known):
            self._begins.append(cursor.position())
            if number:
                cursor.insertBlock(QTextBlockFormat(), QTextCharFormat())
            else:
                _make_plain(cursor)
            _insert(cursor, markdown_document(piece, self.font(), self._theme.palette))
        cursor.endEditBlock()
        self._drawn = pieces
        if follows:
            self.scroll_to_end()

    def finish(self, number: int, figures: str, copy_words: str) -> None:
        """Put the figures of the newest answer under it, and a link that copies it if it has words."""
        self._add_line(figures, self._theme.palette.secondary, 0.9)
        if copy_words:
            cursor = self._end()
            form = cursor.charFormat()
            cursor.insertText(" · ", form)
            form.setAnchor(True)
            form.setAnchorHref(f"{_COPY}{number}")
            form.setForeground(QColor(self._theme.palette.accent))
            cursor.insertText(copy_words, form)
        self._follow_end()

    def tell_problem(self, sentence: str) -> None:
        """Say, under the newest answer, why it could not be given."""
        self._add_line(sentence, self._theme.palette.critical, 1.0)
        self.scroll_to_end()

    @property
    def is_at_end(self) -> bool:
        """Whether the end is seen."""
        bar = self.verticalScrollBar()
        return bar.value() >= bar.maximum() - 8

    def scroll_to_end(self) -> None:
        """Show the end."""
        bar = self.verticalScrollBar()
        bar.setValue(bar.maximum())

    def _follow_end(self) -> None:
        # What was added is a line or two.
        bar = self.verticalScrollBar()
        if bar.value() >= bar.maximum() - 4 * self.fontMetrics().lineSpacing():
            self.scroll_to_end()

    def _add_line(self, text: str, colour: str, size: float) -> None:
        cursor = self._end()
        block = QTextBlockFormat()
        block.setTopMargin(4)
        letters = QTextCharFormat()
        letters.setForeground(QColor(colour))
        letters.setProperty(QTextFormat.Property.FontPointSize, self.font().pointSizeF() * size)
        if cursor.block().text():
            cursor.insertBlock(block, letters)
        else:
            cursor.setBlockFormat(block)
        cursor.insertText(text, letters)

    def _end(self) -> QTextCursor:
        cursor = QTextCursor(self.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        return cursor

    def _follow(self, address: QUrl) -> None:
        text = address.toString()
        if text.startswith(_COPY):
            self.copy_asked.emit(int(text.removeprefix(_COPY)))

    # --- Qt ----------------------------------------------------------------------------------------------

    def loadResource(self, kind: int, name: QUrl | str) -> object:
        return _NOTHING

    def resizeEvent(self, event: QResizeEvent) -> None:
        follows = self.is_at_end
        super().resizeEvent(event)
        if follows:
            self.scroll_to_end()


def _make_plain(cursor: QTextCursor) -> None:
    """Take from the block of the cursor what a text that was removed has left it."""
    items = cursor.block().textList()
    if items is not None:
        items.remove(cursor.block())
    cursor.setBlockFormat(QTextBlockFormat())


def _insert(cursor: QTextCursor, document: QTextDocument) -> None:
    """Put a document into an empty block; Qt would forget how the first block of it is laid out."""
    begin = cursor.position()
    cursor.insertFragment(QTextDocumentFragment(document))
    first = QTextCursor(cursor)
    first.setPosition(begin)
    block = document.firstBlock()
    if block.textList() is not None:
        first.deleteChar()  # the empty block; a list begins with the next one
    elif block.text():
        first.setBlockFormat(block.blockFormat())
    else:
        first.setBlockFormat(_thin())  # a table begins with the next one


def _thin() -> QTextBlockFormat:
    """For the empty block that Qt keeps before a frame or a table."""
    form = QTextBlockFormat()
    form.setLineHeight(1, QTextBlockFormat.LineHeightTypes.FixedHeight.value)
    return form
