"""Answers as they are drawn: Markdown while it grows, and nothing of it that is loaded or followed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PySide6.QtCore import QUrl
from PySide6.QtGui import QColor, QFont, QImage, QPixmap, QTextDocument, QTextTable
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from llmmem_gui.ui.markdown import markdown_document, markdown_pieces
from llmmem_gui.ui.palette import LIGHT
from llmmem_gui.ui.theme import Theme
from llmmem_gui.ui.transcript import Transcript

ANSWER = """# Title

A **bold** word, `code` and
a second line.

```python
def add(a, b):
    return a + b
```

| a | b |
|---|---|
| 1 | 2 |

1. one
2. two
   - three

> quoted
"""


@pytest.fixture
def transcript(qtbot: QtBot, theme: Theme) -> Transcript:
    """An empty chat that is seen."""
    made = Transcript(theme)
    qtbot.addWidget(made)
    made.resize(600, 400)
    made.show()
    return made


def layout(document: QTextDocument) -> list[tuple[object, ...]]:
    """What is seen of each block: its text, its list, its ground and how far it is set in."""
    found = []
    block = document.begin()
    while block.isValid():
        form = block.blockFormat()
        ground = form.background().color().name() if form.hasProperty(2080) else ""
        found.append(
            (block.text(), block.textList() is not None, ground, form.leftMargin(), form.lineHeight())
        )
        block = block.next()
    return found


def test_an_answer_that_grows_looks_like_one_that_is_there(
    theme: Theme, transcript: Transcript, qtbot: QtBot
) -> None:
    """Drawn a letter at a time, an answer ends up as the same answer drawn at once."""
    answer = ANSWER * 8
    transcript.begin("Question")
    for end in (*range(1, len(ANSWER)), *range(len(ANSWER), len(answer), 11), len(answer)):
        transcript.write(answer[:end])
    at_once = Transcript(theme)
    qtbot.addWidget(at_once)
    at_once.begin("Question")
    at_once.write(answer)
    assert layout(transcript.document()) == layout(at_once.document())
    texts = [block[0] for block in layout(at_once.document())]
    assert texts[texts.index("A bold word, code and") + 1] == "a second line."
    assert "    return a + b" in texts
    assert any(isinstance(frame, QTextTable) for frame in at_once.document().rootFrame().childFrames())
    grounds = {block[0]: block[2] for block in layout(at_once.document())}
    assert grounds["def add(a, b):"] == grounds["    return a + b"] == QColor(LIGHT.raised).name()


@given(
    st.lists(
        st.sampled_from(["word ", "\n", "\n\n", "```\n", "`", "~~~\n", "- a\n", "| ", "x" * 900, "    b\n"]),
        max_size=40,
    )
)
@example(["```\n", "x" * 900, "x" * 900, "x" * 900, "\n", "```\n"])
@example(["x" * 900, "\n", "x" * 900, "\n", "x" * 900, "\n", "word ", "| "])
def test_pieces_stay_as_they_are_while_a_text_grows(parts: list[str]) -> None:
    """However a text goes on, no piece but the last changes, so that only the last need be drawn."""
    text = ""
    before: list[str] = []
    for part in parts:
        text += part
        now = markdown_pieces(text)
        assert now[: len(before) - 1] == before[:-1]
        before = now
    for word in ("word", "x" * 900, "- a"):
        assert "\n".join(before).count(word) == text.count(word)


def test_code_stays_code_where_it_is_parted(qapp: QApplication) -> None:
    """Every piece of a long block of code is code."""
    text = "before\n\n```c\n" + "int number;\n" * 1000 + "```\n\nafter"
    first, *middle, last = markdown_pieces(text)
    assert len(middle) >= 1
    for piece in middle:
        document = markdown_document(piece, QFont(), LIGHT)
        assert set(document.toPlainText().split("\n")) <= {"int number;", ""}
    assert first.startswith("before")
    assert markdown_document(last, QFont(), LIGHT).toPlainText().endswith("after")


def test_nothing_that_a_model_names_is_loaded(transcript: Transcript, tmp_path: Path) -> None:
    """Pictures, local or remote, and links are words; HTML is text; none of it can be clicked."""
    picture = tmp_path / "picture.png"
    QPixmap(40, 40).save(str(picture))
    transcript.begin("Question")
    transcript.write(
        f"![mine](file://{picture}) ![bare]({picture}) ![far](http://127.0.0.1:9/x.png) "
        f"<img src='{picture}'> [here](file:///etc/passwd) [copy](copy:0) ![](:/qt-project.org/styles/x.png)"
    )
    transcript.grab()
    document = transcript.document()
    html = document.toHtml()
    assert "<img" not in html.replace("&lt;img", "")
    assert "href" not in html
    text = document.toPlainText()
    assert f"mine (file://{picture})" in text
    assert "here (file:///etc/passwd)" in text
    assert "<img src=" in text
    image = document.resource(QTextDocument.ResourceType.ImageResource, QUrl.fromLocalFile(str(picture)))
    assert not isinstance(image, QPixmap | QImage)


def test_only_the_links_of_the_program_are_followed(transcript: Transcript, qtbot: QtBot) -> None:
    """The link under an answer asks to copy it; an answer cannot make such a link."""
    transcript.begin("Question")
    transcript.write("[Copy](copy:7)")
    transcript.finish(0, "3 tokens", "Copy")
    assert transcript.document().toHtml().count("href") == 1
    with qtbot.waitSignal(transcript.copy_asked) as copied:
        transcript.anchorClicked.emit(QUrl("copy:0"))
    assert copied.args == [0]


def test_a_reader_who_looks_back_is_left_there(transcript: Transcript, qtbot: QtBot) -> None:
    """The end of a growing answer is followed, unless the reader has scrolled up."""
    transcript.begin("Question")
    transcript.write("line\n\n" * 80)
    assert transcript.is_at_end
    transcript.verticalScrollBar().setValue(30)
    transcript.write("line\n\n" * 120)
    assert transcript.verticalScrollBar().value() == 30


def test_the_end_stays_in_sight_when_the_window_changes(transcript: Transcript, qtbot: QtBot) -> None:
    """Less room for the chat, such as when its options open, hides its beginning and not its end."""
    transcript.begin("Question")
    transcript.write("line\n\n" * 80)
    transcript.resize(500, 200)
    assert transcript.is_at_end
