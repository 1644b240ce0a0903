"""The settings dialog."""

from __future__ import annotations

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QLineEdit,
    QPushButton,
    QSpinBox,
)
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
    """A field for every setting, with a name for screen readers; the engine has a page of its own.

    Limits of single GPUs are set in the window itself.
    """
    assert sorted([*dialog.fields, "loading.engine", "limits.gpu_limit_bytes"]) == sorted(ALL)
    assert dialog._sections.findItems(dialog.engines.name, Qt.MatchFlag.MatchExactly)
    for field in dialog.fields.values():
        assert field.widget.accessibleName()


def test_what_is_shown_is_what_is_read(dialog: SettingsDialog) -> None:
    """Reading the fields without touching them gives the settings that were shown."""
    assert dialog.read() == Settings()


def test_changes_are_read(dialog: SettingsDialog, qtbot: QtBot) -> None:
    """OK asks for what was changed, in each kind of field, and for nothing else."""
    box = dialog.fields["limits.may_doze"].widget
    assert isinstance(box, QCheckBox)
    box.click()
    limit = dialog.fields["limits.total_limit_bytes"].widget
    assert isinstance(limit, QLineEdit)
    assert "19.2" in limit.placeholderText()
    limit.setText("12,5g")
    theme = dialog.fields["appearance.theme"].widget
    assert isinstance(theme, QComboBox)
    theme.setCurrentIndex(theme.findData("dark"))
    port = dialog.fields["api.port"].widget
    assert isinstance(port, QSpinBox)
    port.setValue(12000)
    with qtbot.waitSignal(dialog.chosen) as chosen:
        dialog.accept()
    assert chosen.args[0] == {
        "limits.may_doze": False,
        "limits.total_limit_bytes": 25 * GIB // 2,
        "appearance.theme": "dark",
        "api.port": 12000,
    }


def test_an_emptied_size_is_automatic_again(qtbot: QtBot, theme: Theme) -> None:
    """A total limit that was set follows the computer again when its field is emptied."""
    made = SettingsDialog(theme, Settings().with_value("limits.total_limit_bytes", 12 * GIB), 32 * GIB)
    made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    qtbot.addWidget(made)
    limit = made.fields["limits.total_limit_bytes"].widget
    assert isinstance(limit, QLineEdit)
    limit.clear()
    with qtbot.waitSignal(made.chosen) as chosen:
        made.accept()
    assert chosen.args[0] == {"limits.total_limit_bytes": "automatic"}


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


@pytest.mark.parametrize("typed", ["2,5", "2.5"])
def test_a_typed_decimal_keeps_its_sign(dialog: SettingsDialog, qtbot: QtBot, typed: str) -> None:
    """Minutes that are typed with a comma in an English window are not ten times as many."""
    box = dialog.fields["limits.idle_minutes"].widget
    assert isinstance(box, QDoubleSpinBox)
    box.lineEdit().selectAll()
    qtbot.keyClicks(box.lineEdit(), typed)
    box.interpretText()
    assert box.value() == 2.5


def test_a_problem_is_shown_where_it_is(dialog: SettingsDialog) -> None:
    """What is wrong on another page opens that page; the sentence names the setting."""
    dialog.fields["limits.total_limit_bytes"].show(8 * GIB)
    edit = dialog.fields["limits.total_limit_bytes"].widget
    assert isinstance(edit, QLineEdit)
    edit.setText("much")
    dialog._sections.setCurrentRow(6)
    dialog.accept()
    assert dialog.isVisible()
    assert edit.isVisible()
    assert dialog._problem.text().startswith("Total limit:")


def test_a_warning_after_the_critical_one_is_refused(dialog: SettingsDialog) -> None:
    """Thresholds that make no sense together are told with both numbers, and can be put right."""
    chosen = []
    dialog.chosen.connect(chosen.append)
    dialog.fields["warnings.warn_percent"].show(99)
    dialog.accept()
    assert "99 %" in dialog._problem.text()
    assert "95 %" in dialog._problem.text()
    assert chosen == []
    dialog.fields["warnings.critical_percent"].show(99)
    dialog.accept()
    assert chosen == [{"warnings.warn_percent": 99, "warnings.critical_percent": 99}]


def test_the_defaults_of_a_page_come_back(qtbot: QtBot, theme: Theme) -> None:
    """Defaults are put into the fields of the page that is seen, and of no other."""
    changed = Settings().with_values({"warnings.warn_percent": 50, "monitoring.history_days": 3})
    made = SettingsDialog(theme, changed, 32 * GIB)
    made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    qtbot.addWidget(made)
    made.show()
    made._sections.setCurrentRow(1)
    button = next(b for b in made.findChildren(QPushButton) if b.text() == "Defaults of this page")
    button.click()
    assert made.read() == Settings().with_value("monitoring.history_days", 3)


def test_folders_can_be_chosen_instead_of_typed(
    dialog: SettingsDialog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Browse adds the folder that is chosen, once."""
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "/srv/models")
    (button,) = dialog.fields["library.folders"].widget.findChildren(QPushButton)
    assert button.text() == "Browse…"
    button.click()
    button.click()
    assert dialog.read().library.folders == ("/srv/models",)


def test_enter_means_ok_on_every_page(dialog: SettingsDialog, qtbot: QtBot) -> None:
    """No button that stands on a page is pressed by it: an engine is not chosen in passing."""
    asked: list[object] = []
    dialog.requested.connect(asked.append)
    dialog._sections.setCurrentRow(3)
    assert dialog.engines.isVisible()
    dialog._sections.setFocus()
    qtbot.keyClick(dialog._sections, Qt.Key.Key_Return)
    assert not dialog.isVisible()
    assert asked == []
    pressed = [button.text() for button in dialog.findChildren(QPushButton) if button.autoDefault()]
    assert [text.replace("&", "") for text in pressed] == ["OK"]


def test_the_first_field_is_one_key_away(dialog: SettingsDialog, qtbot: QtBot) -> None:
    """From the list of pages Tab goes into the page, not to a frame around it that nobody sees."""
    dialog._sections.setCurrentRow(1)
    dialog._sections.setFocus()
    qtbot.keyClick(dialog._sections, Qt.Key.Key_Tab)
    assert dialog.focusWidget() is dialog.fields["warnings.warn_percent"].widget
    names = [name for name in dialog.fields if name.startswith("warnings.")]
    for name in names[1:]:
        qtbot.keyClick(dialog.focusWidget(), Qt.Key.Key_Tab)
        assert dialog.focusWidget() is dialog.fields[name].widget
    qtbot.keyClick(dialog.focusWidget(), Qt.Key.Key_Tab)
    assert isinstance(dialog.focusWidget(), QPushButton)


def test_ok_is_the_button_that_stands_out(dialog: SettingsDialog, theme: Theme) -> None:
    """It is filled with the accent, as the main button of every window."""
    (ok,) = (each for each in dialog.findChildren(QPushButton) if each.text().replace("&", "") == "OK")
    assert ok.grab().toImage().pixelColor(5, ok.height() // 2).name() == theme.palette.accent.lower()
