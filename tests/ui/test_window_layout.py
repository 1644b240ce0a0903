"""How the window shares its room."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, QRect
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QStyleOptionButton
from pytestqt.qtbot import QtBot

from llmmem_gui.core.snapshot import CacheSnapshot
from llmmem_gui.core.units import GIB
from llmmem_gui.ui.cells import Column
from llmmem_gui.ui.languages import LANGUAGES, speak
from llmmem_gui.ui.main_window import MainWindow
from llmmem_gui.ui.notice_bar import Notice, Offer
from llmmem_gui.ui.requests import CleanUp, UnloadAll
from llmmem_gui.ui.theme import Theme
from llmmem_gui.ui.window_layout import Banners
from tests.ui import facts
from tests.ui.conftest import feed


def shown(
    qtbot: QtBot, theme: Theme, width: int, height: int, snapshot: CacheSnapshot | None = None
) -> MainWindow:
    """The usual window at a size."""
    window = MainWindow(theme, facts.usual_memory())
    qtbot.addWidget(window)
    window.resize(width, height)
    window.show()
    feed(window, snapshot or facts.usual_snapshot())
    window.show_history(facts.usual_events())
    QApplication.processEvents()
    return window


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("gpus", [0, 1, 2])
@pytest.mark.parametrize(
    ("width", "height", "least"), [(1366, 700, 200), (1024, 552, 120), (1920, 1000, 330)]
)
def test_the_plot_gets_the_height(
    qtbot: QtBot, theme: Theme, width: int, height: int, least: int, gpus: int, language: str
) -> None:
    """What a screen leaves to a window, less its frame and a panel, has so many pixels of curve.

    Of more than 200 some are for lanes of GPUs.
    """
    speak(language)
    window = shown(qtbot, theme, width, height, facts.snapshot_with_so_many_gpus(gpus))
    assert (window.width(), window.height()) == (width, height)
    assert window.plot.canvas.view.height() >= (min(least, 200) if gpus else least)
    speak("en")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("width", "height", "gpus"), [(760, 520, 0), (760, 520, 1), (760, 520, 2), (1024, 552, 4), (1366, 700, 4)]
)
def test_the_window_can_be_small(
    qtbot: QtBot, theme: Theme, language: str, width: int, height: int, gpus: int
) -> None:
    """It fits half of a small screen in each language, and nothing of it lies outside."""
    speak(language)
    window = shown(qtbot, theme, width, height, facts.snapshot_with_so_many_gpus(gpus))
    assert (window.width(), window.height()) == (width, height)
    for slider in (window.limits.limit, window.limits.reserve, window.limits.idle):
        assert slider.height() >= slider.minimumSizeHint().height()
    for view in (window.toolbar, window.plot, window.table, window.panel, window.limits, window.status):
        corner = view.mapTo(window, view.rect().bottomRight())
        assert window.rect().contains(corner), view
    speak("en")


def test_a_banner_lies_over_the_plot_and_moves_nothing(qtbot: QtBot, theme: Theme) -> None:
    """When something is said the views stay where they are, and it goes as it came."""
    window = shown(qtbot, theme, 1366, 700)
    banners = window.findChild(Banners)
    assert not banners.isVisible()
    before = [view.geometry() for view in (window.plot, window.table, window.limits)]
    window.sampling.show()
    QApplication.processEvents()
    assert banners.isVisible()
    assert [view.geometry() for view in (window.plot, window.table, window.limits)] == before
    place = QRect(window.plot.mapTo(window, QPoint(0, 0)), window.plot.size())
    assert place.contains(banners.geometry())
    assert banners.width() == window.plot.width()
    for button in window.plot.findChildren(QAbstractButton):
        corner = button.mapTo(window, button.rect().bottomRight())
        assert not banners.geometry().contains(corner), button
    assert window.sampling.findChild(QLabel).isVisible()
    window.sampling.hide()
    QApplication.processEvents()
    assert not banners.isVisible()


def test_a_button_with_a_long_name_ends_inside_its_banner(qtbot: QtBot, theme: Theme) -> None:
    """In the smallest window the middle of its words gives way, and its tip has all of them."""
    window = shown(qtbot, theme, 760, 520)
    words = f"Descarregar {facts.GEMMA.facts.name}-instruct-abliterated-heretic-i1-q4_k_m – 62,8 MiB"
    offers = (Offer(words, CleanUp()), Offer("Liberar ociosos", CleanUp()))
    window.notices.show_warning(Notice("Os modelos usam 427 MiB de 400 MiB.", "critical", offers))
    qtbot.wait(50)
    bar = window.notices.warning
    banners = window.findChild(Banners)
    for button in (*bar.buttons, bar.snooze, bar.close_button):
        corner = button.mapTo(banners, button.rect().bottomRight())
        assert banners.rect().contains(corner), button
    assert bar.buttons[0].toolTip() == words
    assert bar.buttons[1].toolTip() == ""
    option = QStyleOptionButton()
    bar.buttons[0].initStyleOption(option)
    assert option.text.startswith("Descarregar")
    assert option.text.endswith("MiB")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [760, 1024, 1366])
def test_names_have_room_in_the_table(qtbot: QtBot, theme: Theme, language: str, width: int) -> None:
    """However narrow the window is, a model's name is there; other columns give way to it."""
    speak(language)
    window = shown(qtbot, theme, width, 560)
    view = window.table.view
    assert view.columnWidth(Column.MODEL) >= 180
    assert not view.isColumnHidden(Column.USES)
    assert view.horizontalHeader().length() <= view.viewport().width()
    speak("en")


def test_buttons_of_a_banner_leave_its_text_room(qtbot: QtBot, theme: Theme) -> None:
    """In a narrow window the buttons stand below the text, whole; in a wide one beside it."""
    notice = Notice("The models use 8.30 GiB of 8.00 GiB (104 %).", "critical",
                    (Offer("Unload smollm2-135m-instruct – 142 MiB", UnloadAll()),))  # fmt: skip
    for width, stacked in ((1366, False), (1024, True), (1366, False)):
        window = shown(qtbot, theme, width, 560)
        window.notices.show_warning(notice)
        QApplication.processEvents()
        bar = window.notices.warning
        button = bar.buttons[0]
        assert button.width() >= button.sizeHint().width()
        assert (button.mapTo(bar, button.rect().topLeft()).y() >= bar.text.geometry().bottom()) == stacked


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("gpus", [0, 1, 2])
def test_limits_say_what_they_limit(qtbot: QtBot, theme: Theme, language: str, gpus: int) -> None:
    """In the smallest window each label and what is used is whole: the one that says more has more room."""
    speak(language)
    window = shown(qtbot, theme, 760, 520, facts.snapshot_with_so_many_gpus(gpus))
    for slider in (window.limits.limit, window.limits.reserve, window.limits.idle):
        assert slider.label.toolTip() == ""
        assert slider.hint.toolTip() == ""
    speak("en")


def test_limits_of_gpus_have_a_page_where_there_is_no_room_beside_the_others(
    qtbot: QtBot, theme: Theme
) -> None:
    """A button turns it, as does a hand on the mark of such a limit; in a wide window all are seen."""
    window = shown(qtbot, theme, 1024, 552, facts.snapshot_with_gpus())
    limits, ours, theirs = window.limits, window.limits.limit, window.limits.gpus[facts.RTX.key]
    assert (ours.isVisible(), theirs.isVisible()) == (True, False)
    limits.turn.click()
    assert (ours.isVisible(), theirs.isVisible()) == (False, True)
    assert theirs.label.toolTip() == ""
    limits.turn.click()
    limits.drag_limit(facts.RTX.key, 4 * GIB)
    assert theirs.isVisible()
    limits.drop_limit(facts.RTX.key, 4 * GIB)
    window.resize(1920, 1000)
    assert ours.isVisible()
    assert theirs.isVisible()
    assert not limits.turn.isVisible()


def test_bars_of_gpus_take_no_height(qtbot: QtBot, theme: Theme) -> None:
    """They stand beside the bar of main memory, and say their numbers whole."""
    without = shown(qtbot, theme, 1366, 700)
    assert without.composition.width() == without.headline.width()
    window = shown(qtbot, theme, 1366, 700, facts.snapshot_with_gpus())
    assert window.composition.parentWidget().height() == without.composition.parentWidget().height()
    for bar in window.devices.bars.values():
        assert bar._title_shown().endswith(bar._title[1])
        assert bar._bar().width() >= 60
