"""Menus that are written anew as long as the program runs leave nothing behind."""

from __future__ import annotations

import gc

from PySide6.QtCore import QEvent
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from llmmem_gui.core.snapshot import State
from llmmem_gui.core.units import GIB, MIB
from llmmem_gui.ui.memory_plot import MemoryPlot
from llmmem_gui.ui.tray_menu import TrayMenu
from tests.ui import facts


def left(application: QApplication) -> int:
    """How many menus and actions there are for Python, once what was given up is gone."""
    application.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.collect()
    return sum(isinstance(each, QMenu | QAction) for each in gc.get_objects())


def test_a_tray_menu_keeps_nothing_of_models_that_came_and_went(qtbot: QtBot, qapp: QApplication) -> None:
    """Its entries are laid out anew with each; the old ones are gone, submenus included."""
    menu = TrayMenu()
    qtbot.addWidget(menu)
    loaded = facts.snapshot(facts.model("smol", State.READY, private=100 * MIB))
    gone = facts.snapshot(facts.model("smol", State.UNLOADED))

    def come_and_go(times: int) -> int:
        for _ in range(times):
            menu.show_memory(loaded, "1 model", 8 * GIB)
            menu.show_memory(gone, "no model", 8 * GIB)
        return left(qapp)

    assert come_and_go(1) == come_and_go(10)


def test_the_menu_of_the_plot_keeps_nothing_of_earlier_times(plot: MemoryPlot, qapp: QApplication) -> None:
    """It is filled each time that it opens."""

    def open_again(times: int) -> int:
        for _ in range(times):
            plot._menu.aboutToShow.emit()
        return left(qapp)

    assert open_again(1) == open_again(10)
