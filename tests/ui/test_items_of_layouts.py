"""PySide keeps no half of an item of a layout that has gone: what comes to lie there is taken for it."""

from __future__ import annotations

import gc

from PySide6.QtWidgets import QApplication, QWidgetItem
from pytestqt.qtbot import QtBot

from llmmem_gui.ui.main_window import MainWindow
from llmmem_gui.ui.notice_bar import Notice, Offer
from llmmem_gui.ui.requests import CleanUp, UnloadAll
from llmmem_gui.ui.theme import Theme
from tests.ui import facts
from tests.ui.conftest import feed


def test_no_items_are_kept_while_a_window_is_used(qtbot: QtBot, theme: Theme) -> None:
    """What is laid out anew again and again: limits, for each width, and a warning with its buttons."""
    window = MainWindow(theme, facts.usual_memory())
    qtbot.addWidget(window)
    window.show()
    feed(window, facts.snapshot_with_so_many_gpus(1))
    offers = (
        Offer("Unload all of them, also those with long names", UnloadAll()),
        Offer("Clean up", CleanUp()),
    )

    def use() -> int:
        for width in (760, 1366, 1000):
            window.resize(width, 560)
            window.notices.show_warning(Notice("The limit is near.", "critical", offers[:1]))
            window.limits.turn.toggle()
            QApplication.processEvents()
            window.limits.turn.toggle()
            window.notices.show_warning(Notice("The limit is near.", "warning", offers[::-1]))
            QApplication.processEvents()
        gc.collect()
        return sum(isinstance(each, QWidgetItem) for each in gc.get_objects())

    use()
    before = use()
    for _ in range(4):
        after = use()
    assert after <= before
