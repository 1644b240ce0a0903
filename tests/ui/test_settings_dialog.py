"""The settings dialog."""

from __future__ import annotations

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QComboBox, QLineEdit, QSpinBox
from pytestqt.qtbot import QtBot

from llmmem_gui.core.settings import Settings
from llmmem_gui.core.units import GIB
from llmmem_gui.ui.setting_texts import section_names, setting_texts
from llmmem_gui.ui.settings_dialog import SettingsDialog
from llmmem_gui.ui.theme import Theme

ALL = [
    f"{section.name}.{field.name}"
    for section in msgspec.structs.fields(Settings)
    if section.name != "models"
    for field in msgspec.structs.fields(section.type)
]


@pytest.fixture
def dialog(qtbot: QtBot, theme: Theme) -> SettingsDialog:
    """The dialog with the default settings, on a computer with 32 GiB."""
    made = SettingsDialog(theme, Settings(), 32 * GIB)
    made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    qtbot.addWidget(made)
    made.show()
    return made


@pytest.mark.parametrize("name", ALL)
def test_every_setting_has_a_label_and_a_help(theme: Theme, name: str) -> None:
    """Each field of the settings has a label and at least one sentence of help."""
    label, explanation = setting_texts()[name]
    assert label
    assert explanation.endswith(".")


def test_there_is_no_text_without_a_setting(theme: Theme) -> None:
    """Texts and sections are exactly those of the settings."""
    assert sorted(setting_texts()) == sorted(ALL)
    assert list(section_names()) == [f.name for f in msgspec.structs.fields(Settings) if f.name != "models"]


def test_every_setting_is_in_the_dialog(dialog: SettingsDialog) -> None:
    """The dialog has a field for every setting, with a name for screen readers."""
    assert sorted(dialog.fields) == sorted(ALL)
    for field in dialog.fields.values():
        assert field.widget.accessibleName()


def test_what_is_shown_is_what_is_read(dialog: SettingsDialog) -> None:
    """Reading the fields without touching them gives the settings that were shown."""
    assert dialog.read() == Settings()


def test_changes_are_read(dialog: SettingsDialog, qtbot: QtBot) -> None:
    """A change in each kind of field is in the settings that OK asks for."""
    box = dialog.fields["limits.may_doze"].widget
    assert isinstance(box, QCheckBox)
    box.click()
    limit = dialog.fields["limits.total_limit_bytes"].widget
    assert isinstance(limit, QLineEdit)
    assert "19.2" in limit.placeholderText()
    limit.setText("12")
    theme = dialog.fields["appearance.theme"].widget
    assert isinstance(theme, QComboBox)
    theme.setCurrentIndex(theme.findData("dark"))
    port = dialog.fields["api.port"].widget
    assert isinstance(port, QSpinBox)
    port.setValue(12000)
    with qtbot.waitSignal(dialog.chosen) as chosen:
        dialog.accept()
    settings = chosen.args[0]
    assert settings.limits.may_doze is False
    assert settings.limits.total_limit_bytes == 12 * GIB
    assert settings.appearance.theme == "dark"
    assert settings.api.port == 12000


def test_what_cannot_be_read_is_said(dialog: SettingsDialog, qtbot: QtBot) -> None:
    """A size that is none keeps the dialog open and says what is wrong, with the name of the setting."""
    limit = dialog.fields["limits.total_limit_bytes"].widget
    assert isinstance(limit, QLineEdit)
    limit.setText("a lot")
    with qtbot.assertNotEmitted(dialog.chosen):
        dialog.accept()
    assert dialog.isVisible()
    assert dialog._problem.text().startswith("Total limit: ")


def test_nothing_changed_asks_for_nothing(dialog: SettingsDialog, qtbot: QtBot) -> None:
    """OK without a change closes the dialog and asks for nothing."""
    with qtbot.assertNotEmitted(dialog.chosen):
        dialog.accept()
    assert not dialog.isVisible()


def test_without_a_tray_its_settings_are_grey(qtbot: QtBot, theme: Theme) -> None:
    """Where there is no tray, the settings about it are off and a sentence says why."""
    made = SettingsDialog(theme, Settings(), 32 * GIB, tray_problem="This desktop shows no tray icons.")
    made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    qtbot.addWidget(made)
    widget = made.fields["appearance.keep_in_tray"].widget
    assert not widget.isEnabled()
    assert widget.accessibleDescription() == "This desktop shows no tray icons."
