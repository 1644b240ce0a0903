"""Translations: complete, with the same placeholders, and nothing cut off."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtGui import QFont, QFontDatabase, QFontMetrics
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from llmmem_gui.core.events import Event
from llmmem_gui.core.refusal import Refusal
from llmmem_gui.core.sentence import Sentence, verbatim
from llmmem_gui.core.settings import Settings
from llmmem_gui.core.units import GIB
from llmmem_gui.ui import requests as ask
from llmmem_gui.ui.card import ElidedLabel
from llmmem_gui.ui.help_dialog import HelpDialog
from llmmem_gui.ui.languages import LANGUAGES, speak
from llmmem_gui.ui.main_window import MainWindow
from llmmem_gui.ui.notice_bar import Notice, Offer
from llmmem_gui.ui.settings_dialog import SettingsDialog
from llmmem_gui.ui.theme import Theme
from llmmem_gui.ui.wrapping_row import WrappingRow
from tests.ui import facts
from tests.ui.conftest import change_language, feed
from tests.ui.engine_facts import ALL, overview
from tests.ui.translation_files import FOLDER, blanks, messages, run_script


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_untranslated(language: str) -> None:
    """Every text has a finished translation, every plural both of its forms."""
    for message in messages(language):
        assert message.is_finished, message
        assert all(message.translations), message
        assert len(message.translations) == (2 if message.is_plural else 1), message


@pytest.mark.parametrize("language", LANGUAGES)
def test_placeholders_are_kept(language: str) -> None:
    """A translation has exactly the placeholders of its source, so that no number is lost."""
    for message in messages(language):
        for translated in message.translations:
            assert blanks(translated) == blanks(message.source), message


def test_the_files_have_all_texts_of_the_program(tmp_path: Path) -> None:
    """A fresh look through the program finds the texts that the Portuguese file has, and no other."""
    run_script("update", "--folder", str(tmp_path))
    fresh = {(message.context, message.source) for message in messages("pt_BR", tmp_path)}
    assert fresh == {(message.context, message.source) for message in messages("pt_BR")}


def test_translations_are_compiled_by_the_script(tmp_path: Path) -> None:
    """The script makes a compiled file for each language."""
    for language in LANGUAGES:
        name = f"llmmem_{language}.ts"
        (tmp_path / name).write_bytes((FOLDER / name).read_bytes())
    run_script("compile", "--folder", str(tmp_path))
    for language in LANGUAGES:
        assert (tmp_path / f"llmmem_{language}.qm").stat().st_size > 100


@pytest.fixture
def compiled() -> None:
    """The compiled translations."""
    run_script("compile")


def test_the_window_speaks_portuguese(compiled: None, window: MainWindow, qtbot: QtBot) -> None:
    """A change of the language changes words, numbers and plurals at once, and back."""
    change_language(qtbot, window, "pt_BR")
    assert window.actions_.unload_all.text() == "Descarregar todos"
    assert "Modelos 5,50" in window.first_line()
    assert window.toolbar.search.placeholderText().startswith("Buscar")
    assert window.limits.idle.hint.text() == "2 modelos ociosos agora"
    assert window.plot._title.text() == "Memória dos modelos"
    change_language(qtbot, window, "en")
    assert window.limits.idle.hint.text() == "2 idle models now"


def test_the_bar_says_again_what_it_says(
    compiled: None, window: MainWindow, qapp: QApplication, qtbot: QtBot
) -> None:
    """A note, or a problem with its button, that is in the bar when the language changes changes with it."""
    note = Sentence("Settings", "The settings file as it was is kept as {path}.").format(path="a.bad")
    window.show_event(Event(facts.NOW, "note", text=note))
    change_language(qtbot, window, "pt_BR")
    (bar,) = window.notices.shown
    assert bar.text.text() == "O arquivo de configurações como estava foi guardado como a.bad."
    refusal = Refusal("above its own limit", facts.LLAMA.id, GIB, limit_bytes=GIB, fits_context=1024)
    problem = ask.Problem("refused", refusal.sentence, facts.LLAMA.id, {"fits_context": 1024.0})
    window.show_outcome(ask.Outcome(ask.Load(facts.LLAMA.id), problem=problem))
    bar = window.notices.shown[0]
    assert "carregue-o com um contexto de no máximo 1024" in bar.text.text()
    change_language(qtbot, window, "en")
    assert "load it with a context of at most 1024" in bar.text.text()
    qapp.processEvents()  # a button that joins a layout is shown in the next turn
    assert [button.text() for button in bar.buttons if button.isVisible()] == ["Load with context 1,024"]


def test_the_bar_stays_closed(compiled: None, window: MainWindow, qtbot: QtBot) -> None:
    """What was closed does not come back in another language."""
    window.show_event(Event(facts.NOW, "note", text=verbatim("A note.")))
    window.notices.shown[0].close_button.click()
    change_language(qtbot, window, "pt_BR")
    assert not window.notices.isVisible()


@pytest.fixture(params=[*LANGUAGES])
def large(
    request: pytest.FixtureRequest, compiled: None, qapp: QApplication, theme: Theme
) -> Iterator[Theme]:
    """The theme with letters a quarter larger, in each language."""
    usual = qapp.font()
    speak(request.param)
    font = QFont(usual)
    font.setPointSizeF(usual.pointSizeF() * 1.25)
    qapp.setFont(font)
    yield theme
    qapp.setFont(usual)


def cut_off(parent: QWidget) -> list[str]:
    """Texts of visible widgets that have less room than they need."""
    found = []
    for widget in parent.findChildren(QWidget):
        if widget.isVisible() and not isinstance(widget, ElidedLabel):
            need = room_needed(widget)
            if need.width() > widget.width() or need.height() > widget.height():
                found.append(f"{widget!r} needs {need} and has {widget.size()}")
    return found


def room_needed(widget: QWidget) -> QSize:
    """The room that the text of a widget takes; nothing for a widget without text."""
    metrics = QFontMetrics(widget.font())
    if isinstance(widget, QLabel) and widget.wordWrap():
        return QSize(0, widget.heightForWidth(widget.width()))
    if isinstance(widget, QAbstractButton) and widget.text():
        # The style sheet's padding is part of the hint; four pixels of it may go.
        icon_only = isinstance(widget, QToolButton) and not widget.toolButtonStyle()
        return QSize() if icon_only else widget.minimumSizeHint() - QSize(0, 4)
    if isinstance(widget, QLabel | QLineEdit):
        return QSize(metrics.horizontalAdvance(widget.text()), metrics.height() if widget.text() else 0)
    if isinstance(widget, QComboBox):
        return QSize(metrics.horizontalAdvance(widget.currentText()), metrics.height())
    return QSize()


def test_nothing_is_cut_off_in_the_window(large: Theme, qtbot: QtBot) -> None:
    """With letters a quarter larger every text has room at 1366 by 768, in each language."""
    window = MainWindow(large, facts.usual_memory())
    qtbot.addWidget(window)
    window.resize(1366, 768)
    window.show()
    feed(window, facts.usual_snapshot())
    assert window.width() <= 1366
    for model in (facts.SMOL, facts.LLAMA):
        window.table.choose(model.id)
        qtbot.wait(50)
        assert cut_off(window) == []
    feed(window, facts.snapshot())
    qtbot.wait(50)
    assert cut_off(window) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_font_is_too_wide_for_the_first_page(
    compiled: None, window: MainWindow, qapp: QApplication, qtbot: QtBot, language: str
) -> None:
    """Whatever font is installed, half as large again: the buttons go into as many lines as they need."""
    change_language(qtbot, window, language)
    usual = qapp.font()
    feed(window, facts.snapshot())
    try:
        for family in QFontDatabase.families():
            font = QFont(family)
            font.setPointSizeF(usual.pointSizeF() * 1.5)
            qapp.setFont(font)
            for width in (760, 1366):
                window.empty.setFixedWidth(width)
                qtbot.waitUntil(lambda: not cut_off(window.empty), timeout=60_000)
    finally:
        qapp.setFont(usual)


def test_a_row_wraps_where_it_is_full(qtbot: QtBot) -> None:
    """Widgets that are not hidden stand in lines, none outside; a wide enough row is one line."""
    widgets = [QWidget() for _ in range(4)]
    parent = QWidget()
    qtbot.addWidget(parent)
    for widget in widgets:
        widget.setFixedSize(100, 20)
    row = WrappingRow(*widgets, spacing=10)
    parent.setLayout(row)
    widgets[1].hide()
    assert row.sizeHint() == QSize(320, 20)
    assert row.minimumSize() == QSize(100, 20)
    widths = (320, 319, 210, 209, 100)
    assert [row.heightForWidth(width) for width in widths] == [20, 50, 50, 80, 80]
    row.setGeometry(QRect(5, 7, 210, 50))
    assert [widgets[index].pos() for index in (0, 2, 3)] == [QPoint(5, 7), QPoint(115, 7), QPoint(5, 37)]
    assert row.takeAt(9) is None
    assert row.count() == 4


def test_nothing_is_cut_off_in_the_help(large: Theme, qtbot: QtBot, window: MainWindow) -> None:
    """With letters a quarter larger every text of the help has room, in each language."""
    dialog = HelpDialog(window.actions_, engines=overview(*ALL))
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.wait(50)
    assert cut_off(dialog) == []


def test_nothing_is_cut_off_in_the_settings(large: Theme, qtbot: QtBot) -> None:
    """With letters a quarter larger every text of the settings has room, in each language."""
    dialog = SettingsDialog(large, Settings(), 32 * GIB, engines=overview(*ALL))
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    qtbot.addWidget(dialog)
    dialog.show()
    for row in range(dialog._sections.count()):
        dialog._sections.setCurrentRow(row)
        qtbot.wait(20)
        assert cut_off(dialog) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_warning_in_a_small_window_makes_nothing_scroll(
    compiled: None, window: MainWindow, qapp: QApplication, qtbot: QtBot, language: str
) -> None:
    """At 1280 × 720, the least that is promised, the inspector of a loaded model shows all it has."""
    change_language(qtbot, window, language)
    window.resize(1280, 720)
    window.table.choose(facts.SMOL.id)
    text = f"{facts.SMOL.id} uses 129 MiB of its limit of 133 MiB (97 %): raise its limit or load it again."
    offers = (f"Unload {facts.SMOL.id} – 31.1 MiB", "Clean up unused")
    warning = Notice(text, "critical", tuple(Offer(words, ask.CleanUp()) for words in offers))
    window.notices.show_warning(warning)
    qapp.processEvents()
    qapp.processEvents()
    assert window.notices.warning.isVisible()
    assert window.panel._scroll.verticalScrollBar().maximum() == 0
