"""What the tests of the views share: the theme, and a window that is fed by hand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QLocale
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from llmmem_gui.core.units import GIB
from llmmem_gui.ui import requests as ask
from llmmem_gui.ui.languages import speak
from llmmem_gui.ui.main_window import MainWindow
from llmmem_gui.ui.memory_plot import MemoryPlot
from llmmem_gui.ui.theme import Theme
from tests.ui import facts

PLOT_USED = {facts.SMOL.id: GIB, facts.QWEN.id: 4 * GIB}
"""What the plot of the usual five minutes is told to be in use now."""


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
    made.plot.refresh(facts.NOW, {m.id: m.resident_bytes for m in facts.usual_snapshot().models})
    return made


@pytest.fixture
def plot(qtbot: QtBot, theme: Theme) -> MemoryPlot:
    """The plot of the usual five minutes."""
    made = MemoryPlot(theme, facts.usual_memory())
    qtbot.addWidget(made)
    made.resize(980, 320)
    made.show_limit(8 * GIB)
    made.show_events(facts.usual_events())
    made.show()
    made.refresh(facts.NOW, PLOT_USED)
    return made


def feed(window: MainWindow, snapshot: facts.CacheSnapshot) -> None:
    """Give the window a snapshot and the readings that go with it."""
    window.show_sample(facts.sample(snapshot))
    window.show_snapshot(snapshot)


def change_language(qtbot: QtBot, window: MainWindow, language: str) -> None:
    """Speak a language, and wait until the window has been written anew in it, view by view."""
    with qtbot.waitSignal(window.retranslated, timeout=60_000):
        speak(language)


def asked_of(window: MainWindow) -> list[ask.Request]:
    """The requests that the window makes from now on, without questions for figures."""
    asked: list[ask.Request] = []

    def keep(request: ask.Request) -> None:
        if not isinstance(request, ask.Find | ask.PreviewLimits):
            asked.append(request)

    window.requested.connect(keep)
    return asked
