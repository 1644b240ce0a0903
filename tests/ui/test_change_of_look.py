"""Another theme or language is put on in many short turns of the event loop."""

from __future__ import annotations

from collections import Counter
from typing import cast

from PySide6.QtCore import QEvent, QObject, QTimer, QTranslator
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from llmmem_gui.ui.languages import speak
from llmmem_gui.ui.main_window import MainWindow
from llmmem_gui.ui.palette import DARK
from llmmem_gui.ui.theme import Theme


class Seen(QObject):
    """Counts how often widgets of a window are styled, and painted while there is no style sheet."""

    def __init__(self, window: QWidget) -> None:
        super().__init__()
        self.styles: Counter[QWidget] = Counter()
        self.painted_bare = 0
        for widget in window.findChildren(QWidget):
            widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.StyleChange:
            self.styles[cast(QWidget, watched)] += 1
        elif event.type() == QEvent.Type.Paint and not _application().styleSheet():
            self.painted_bare += 1
        return False


def _application() -> QApplication:
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    return application


class TurnCount(QObject):
    """Counts the turns of the event loop, and says in which one something was done."""

    def __init__(self) -> None:
        super().__init__()
        self.turn = 0
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._count)
        self._timer.start(0)

    def _count(self) -> None:
        self.turn += 1


def test_a_widget_is_styled_no_oftener_for_the_widgets_that_it_lies_in(
    window: MainWindow, theme: Theme, qtbot: QtBot
) -> None:
    """Qt would otherwise style the deepest ones once for each of their ancestors."""
    deepest = max(window.findChildren(QLabel), key=_depth)
    seen = Seen(window)
    with qtbot.waitSignal(theme.changed, timeout=60_000):
        theme.choose("dark")
    assert theme.palette is DARK
    assert _depth(deepest) > 4
    assert 1 <= seen.styles[deepest] <= 2


def test_nothing_is_painted_between_two_themes(window: MainWindow, theme: Theme, qtbot: QtBot) -> None:
    """The moment without a style sheet is never seen."""
    seen = Seen(window)
    with qtbot.waitSignal(theme.changed, timeout=60_000):
        theme.choose("dark")
    assert seen.painted_bare == 0
    assert window.updatesEnabled()
    colour = window.grab().toImage().pixelColor(3, 3)
    assert colour.name() == DARK.window


def test_a_theme_that_is_left_at_once_is_never_put_on(
    window: MainWindow, theme: Theme, qtbot: QtBot, qapp: QApplication
) -> None:
    """The last choice counts, and the window is painted again."""
    light = qapp.styleSheet()
    theme.choose("dark")
    with qtbot.waitSignal(theme.changed, timeout=60_000):
        theme.choose("light")
    assert qapp.styleSheet() == light
    assert window.updatesEnabled()


def test_each_view_is_written_anew_once_and_in_a_turn_of_its_own(window: MainWindow, qtbot: QtBot) -> None:
    """The event loop gets its turn between any two of them."""
    turns = TurnCount()
    written: list[int] = []
    load = window.actions_.load
    load.changed.connect(lambda: written.append(turns.turn))
    before, begun = load.text(), turns.turn
    with qtbot.waitSignal(window.retranslated, timeout=60_000):
        speak("pt_BR")
    assert load.text() != before
    assert turns.turn - begun > 10
    assert written
    assert written[0] < turns.turn - 8  # the actions come first


def test_a_language_that_is_left_leaves_nothing(qapp: QApplication, theme: Theme) -> None:
    """Its translators go with it."""
    speak("en")
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    before = len(qapp.findChildren(QTranslator))
    for language in ("pt_BR", "en"):
        speak(language)
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    assert len(qapp.findChildren(QTranslator)) == before


def _depth(widget: QWidget) -> int:
    depth, above = 0, widget.parentWidget()
    while above is not None:
        depth, above = depth + 1, above.parentWidget()
    return depth
