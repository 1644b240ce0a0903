"""Names and roles of all widgets, for screen readers."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QScrollBar,
    QWidget,
)
from pytestqt.qtbot import QtBot

from llmmem_gui.core.settings import Settings
from llmmem_gui.core.units import GIB
from llmmem_gui.ui import requests as ask
from llmmem_gui.ui.help_dialog import HelpDialog
from llmmem_gui.ui.main_window import MainWindow
from llmmem_gui.ui.notice_bar import Notice, Offer
from llmmem_gui.ui.plot.canvas import PlotCanvas
from llmmem_gui.ui.settings_dialog import SettingsDialog
from tests.ui import facts
from tests.ui.engine_facts import ALL, overview

OPERATED = (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QAbstractItemView,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    PlotCanvas,
)
ROLES = {
    QAbstractButton: (
        QAccessible.Role.Button,
        QAccessible.Role.CheckBox,
        QAccessible.Role.RadioButton,
        QAccessible.Role.ButtonMenu,
    ),
    QAbstractSlider: (QAccessible.Role.Slider,),
    QLineEdit: (QAccessible.Role.EditableText,),
    QComboBox: (QAccessible.Role.ComboBox,),
}


def nameless(parent: QWidget) -> list[str]:
    """Widgets that a person operates and that a screen reader could not name, or would name wrongly."""
    found = []
    for widget in parent.findChildren(QWidget):
        if not isinstance(widget, OPERATED) or isinstance(widget, QScrollBar) or not widget.isVisible():
            continue
        # Parts that Qt makes inside a spin box, a combo box or a table belong to these.
        inside = widget.parentWidget()
        if isinstance(inside, QAbstractSpinBox | QComboBox) or widget.objectName().startswith("qt_"):
            continue
        if isinstance(inside, QAbstractItemView) or type(inside).__name__ == "QComboBoxPrivateContainer":
            continue
        interface = QAccessible.queryAccessibleInterface(widget)
        name = interface.text(QAccessible.Text.Name)
        if not name.strip():
            found.append(f"no name: {widget!r}")
        for kind, roles in ROLES.items():
            if isinstance(widget, kind) and interface.role() not in roles:
                found.append(f"role {interface.role()}: {widget!r}")
    return found


def test_everything_in_the_window_has_a_name(window: MainWindow, qtbot: QtBot) -> None:
    """Each thing in the window that can be operated has a name and the role that it is used as."""
    for model in (facts.SMOL, facts.LLAMA):
        window.table.choose(model.id)
        assert nameless(window) == []
    window.notices.show_warning(Notice("Full.", "critical", (Offer("Unload", ask.UnloadAll()),)))
    window.announcements.tell(lambda: Notice("Failed.", "critical", details="details"), about="test")
    assert nameless(window) == []
    window.show_snapshot(facts.snapshot())
    assert nameless(window) == []


def test_everything_in_the_dialogs_has_a_name(window: MainWindow, qtbot: QtBot) -> None:
    """Each thing in a dialog that can be operated has a name and the role that it is used as."""
    settings = SettingsDialog(window.theme, Settings(), 32 * GIB, window, engines=overview(*ALL))
    settings.show()
    for row in range(settings._sections.count()):
        settings._sections.setCurrentRow(row)
        assert nameless(settings) == []
    tried = window.open_try_out(facts.SMOL.id)
    assert tried is not None
    tried.options.show()
    assert nameless(tried) == []
    window.event_list.open_for(None)
    assert nameless(window.event_list) == []
    help_ = HelpDialog(window.actions_, window)
    help_.show()
    assert nameless(help_) == []
    for dialog in (settings, tried, window.event_list, help_):
        dialog.close()


def test_the_drawn_views_have_their_numbers_as_text(window: MainWindow) -> None:
    """The composition bar describes itself in words, and beside the plot stand its numbers."""
    assert "qwen2.5-7b-instruct" in window.composition.accessibleDescription()
    assert "highest" in window.plot._numbers.text()
    assert window.headline.accessibleName().startswith("Models")


@pytest.mark.parametrize("row", range(5))
def test_cells_are_read_as_they_are_seen(window: MainWindow, row: int) -> None:
    """The accessible text of a row's first cell has the name of the model and the line under it."""
    model = window.table.rows.model_at(row)
    assert model is not None
    text = window.table.rows.index(row, 0).data(Qt.ItemDataRole.AccessibleTextRole)
    assert model.facts.name in text
    assert "\n" in text
