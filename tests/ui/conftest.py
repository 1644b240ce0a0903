"""What the tests of the views share: the theme, and a window that is fed by hand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QLocale
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from llmmem_gui.ui.languages import speak
from llmmem_gui.ui.main_window import MainWindow
from llmmem_gui.ui.theme import Theme
from tests.ui import facts


@pytest.fixture
def theme(qapp: QApplication) -> Iterator[Theme]:
    """The light theme, and numbers written the American way."""
    speak("en")
    made = Theme(qapp, "light")
    yield made
    made.deleteLater()
    speak("en")
    QLocale.setDefault(QLocale.c())


@pytest.fixture
def window(qtbot: QtBot, theme: Theme) -> MainWindow:
    """The window with the usual models, shown."""
    made = MainWindow(theme, facts.usual_memory())
    qtbot.addWidget(made)
    made.resize(1366, 768)
    made.show()
    feed(made, facts.usual_snapshot())
    made.show_history(facts.usual_events())
    made.plot.refresh(facts.NOW, facts.usual_snapshot().resident_bytes)
    return made


def feed(window: MainWindow, snapshot: facts.CacheSnapshot) -> None:
    """Give the window a snapshot and the readings that go with it."""
    window.show_sample(facts.sample(snapshot))
    window.show_snapshot(snapshot)
