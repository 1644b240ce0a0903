"""Markdown as a model writes it, made into text that is only looked at: no HTML, no pictures, no links.

A model can write anything. What it names is never opened, fetched or read: pictures stand as words, and an
address is seen beside its text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from PySide6.QtGui import (
    QColor,
    QFont,
    QTextBlock,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
    QTextFragment,
    QTextFrameFormat,
    QTextTable,
)

from llmmem_gui.ui.palette import Palette

_PIECE, _LONG_PIECE = 1_000, 2_000
"""Characters after which a piece may end between paragraphs, and after which between any two lines."""
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_LARGEST_HEADING = 1
"""Steps above the size of the text: a heading in an answer is no title of a page."""


def markdown_document(piece: str, font: QFont, palette: Palette) -> QTextDocument:
    """A piece of a text as a document that was not laid out yet, with nothing in it that could be loaded."""
    document = QTextDocument()
    document.setUndoRedoEnabled(False)
    document.setDefaultFont(font)
    feature = QTextDocument.MarkdownFeature
    document.setMarkdown(piece, feature.MarkdownDialectGitHub | feature.MarkdownNoHTML)
    _name_what_would_be_loaded(document)
    _dress(document, palette)
    return document


def markdown_pieces(text: str) -> list[str]:
    """The text in pieces that can be made into documents one by one.

    While a text grows all pieces but the last stay as they are: a long answer need not be made anew for each
    word that is added. Pieces end between paragraphs; long ones, lists and code end between two lines. Where
    they end no line decides that may still grow: it could yet close the code, or turn out to be a table's.
    """
    pieces: list[str] = []
    lines: list[str] = []
    size = 0
    fence = ""
    *whole_lines, last = text.split("\n")
    for line, is_whole in [*((line, True) for line in whole_lines), (last, False)]:
        if is_whole and not fence and _may_begin(line, lines, size):
            pieces.append("\n".join(lines))
            lines, size = [], 0
        fence = _fence_after(line, fence)
        if is_whole and fence and size > _LONG_PIECE:
            closing = _fence_sign(fence)
            pieces.append("\n".join([*lines, closing]))
            lines, size = [fence], 0
        # Markdown would join the lines of a poem.
        lines.append(line if fence or "|" in line or not line.strip() else f"{line.rstrip()}  ")
        size += len(line) + 1
    return [*pieces, "\n".join(lines)]


def _may_begin(line: str, before: list[str], size: int) -> bool:
    """Whether a piece may begin with this line: it goes on with nothing that those before it began."""
    if size <= _PIECE or not line[:1].strip() or "|" in line + before[-1]:
        return False
    return size > _LONG_PIECE or not before[-1].strip()


def _fence_after(line: str, fence: str) -> str:
    """The line that opened the block of code in which the text is after this line; empty outside of one."""
    found = _FENCE.match(line)
    if found is None:
        return fence
    if not fence:
        return line
    sign = _fence_sign(fence)
    closes = found[1].startswith(sign) and not line.strip().strip(sign[0])
    return "" if closes else fence


def _fence_sign(opening: str) -> str:
    found = _FENCE.match(opening)
    assert found is not None
    return found[1]


def _name_what_would_be_loaded(document: QTextDocument) -> None:
    """Put words in the place of pictures, and addresses beside the texts of links."""
    cursor = QTextCursor(document)
    for fragment in reversed([each for block in _blocks(document) for each in _fragments(block)]):
        form = fragment.charFormat()
        if not (form.isImageFormat() or form.isAnchor()):
            continue
        words = fragment.text()
        if form.isImageFormat():
            address = form.toImageFormat().name()
            words = str(form.property(QTextFormat.Property.ImageAltText) or "")
        else:
            address = form.anchorHref()
        cursor.setPosition(fragment.position())
        cursor.setPosition(fragment.position() + fragment.length(), QTextCursor.MoveMode.KeepAnchor)
        plain = QTextCharFormat()
        plain.setFontWeight(form.fontWeight())
        plain.setFontItalic(form.fontItalic())
        same = address.removeprefix("mailto:").removeprefix("http://") == words.removeprefix("http://")
        cursor.insertText(words if same else f"{words} ({address})".strip(), plain)


def _dress(document: QTextDocument, palette: Palette) -> None:
    """Give code a ground of its own and let its lines wrap; keep headings and tables modest."""
    ground = QColor(palette.raised)
    cursor = QTextCursor(document)
    for block in _blocks(document):
        form = block.blockFormat()
        is_code = form.hasProperty(QTextFormat.Property.BlockCodeFence)
        if is_code or form.nonBreakableLines():
            form.setNonBreakableLines(False)
            form.setBackground(ground)
            cursor.setPosition(block.position())
            cursor.setBlockFormat(form)
        for fragment in _fragments(block):
            letters = fragment.charFormat()
            if letters.fontFixedPitch() and not is_code:
                letters.setBackground(ground)
            elif form.headingLevel():
                size = QTextFormat.Property.FontSizeAdjustment
                letters.setProperty(size, min(_LARGEST_HEADING, letters.intProperty(size)))
            else:
                continue
            cursor.setPosition(fragment.position())
            cursor.setPosition(fragment.position() + fragment.length(), QTextCursor.MoveMode.KeepAnchor)
            cursor.setCharFormat(letters)
    for frame in document.rootFrame().childFrames():
        if isinstance(frame, QTextTable):
            _dress_table(frame, palette)


def _dress_table(table: QTextTable, palette: Palette) -> None:
    first = table.cellAt(0, 0).firstCursorPosition()
    if not first.block().text() and first.position() < table.cellAt(0, 0).lastPosition():
        first.deleteChar()  # Qt begins a table that follows code with an empty line
    form = table.format()
    form.setBorder(1)
    form.setBorderCollapse(True)
    form.setBorderBrush(QColor(palette.border))
    form.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
    form.setCellPadding(4)
    form.setCellSpacing(0)
    form.setTopMargin(6)
    form.setBottomMargin(6)
    table.setFormat(form)


def _blocks(document: QTextDocument) -> Iterator[QTextBlock]:
    block = document.begin()
    while block.isValid():
        yield block
        block = block.next()


def _fragments(block: QTextBlock) -> list[QTextFragment]:
    found = []
    place = block.begin()
    while not place.atEnd():
        found.append(place.fragment())
        place += 1
    return found
