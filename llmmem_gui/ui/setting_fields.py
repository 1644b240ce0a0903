"""A widget for each kind of setting: what it shows, and the value it stands for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QValidator
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from llmmem_gui.core.parameters import GpuLayers
from llmmem_gui.core.settings import AUTOMATIC, Automatic
from llmmem_gui.ui import figures
from llmmem_gui.ui.card import CheckBox, indented
from llmmem_gui.ui.layers_box import LayersBox
from llmmem_gui.ui.theme import Theme

translate = QCoreApplication.translate

_LARGEST_SPIN = 2**31 - 1


@dataclass(frozen=True, slots=True)
class SettingField:
    """One setting in the dialog; `read` raises ValueError with one sentence for what is no value."""

    widget: QWidget
    read: Callable[[], Any]
    show: Callable[[Any], None]
    """Shows another value."""
    is_wide: bool = False
    """Whether it stands below its label instead of beside it."""


def setting_field(
    theme: Theme, name: str, kind: object, value: Any, choices: dict[str, str], automatic: str
) -> SettingField:
    """The widget for a setting of a type of `core.settings`, showing `value`.

    `automatic` stands in an empty field of a size that is automatic then.
    """
    info = msgspec.inspect.type_info(kind)
    if isinstance(info, msgspec.inspect.BoolType):
        box = CheckBox(theme)
        box.setChecked(value)
        return SettingField(box, box.isChecked, box.setChecked)
    if isinstance(info, msgspec.inspect.LiteralType):
        # In the order of the type, which is from the largest or most usual one on.
        return _choice(list(getattr(kind, "__args__", info.values)), value, choices)
    if kind == GpuLayers:
        layers = LayersBox(value)
        return SettingField(layers, layers.layers, layers.set_layers)
    if isinstance(info, msgspec.inspect.UnionType):
        return _size(value, automatic)
    if isinstance(info, msgspec.inspect.VarTupleType):
        return _lines(value, are_folders=name == "library.folders")
    return _number(name, info, value)


def _choice(values: list[Any], value: Any, choices: dict[str, str]) -> SettingField:
    box = QComboBox()
    for each in values:
        box.addItem(choices.get(each, str(each)), each)

    def show(value: Any) -> None:
        box.setCurrentIndex(values.index(value))

    show(value)
    return SettingField(box, box.currentData, show)


def _lines(value: tuple[str, ...], *, are_folders: bool) -> SettingField:
    text = QPlainTextEdit()
    text.setFixedHeight(text.fontMetrics().height() * 4 + 14)
    text.setTabChangesFocus(True)

    def read() -> tuple[str, ...]:
        return tuple(line.strip() for line in text.toPlainText().splitlines() if line.strip())

    def show(value: tuple[str, ...]) -> None:
        text.setPlainText("\n".join(value))

    show(value)
    if not are_folders:
        return SettingField(text, read, show, True)
    both = QWidget()
    both.setFocusProxy(text)
    browse = QPushButton(translate("Settings", "Browse…"))

    def choose() -> None:
        chosen = QFileDialog.getExistingDirectory(both, translate("Settings", "Folder with models"))
        if chosen and chosen not in read():
            show((*read(), chosen))

    browse.clicked.connect(choose)
    column = QVBoxLayout(both)
    column.setContentsMargins(0, 0, 0, 0)
    column.addWidget(text)
    column.addWidget(browse, 0, Qt.AlignmentFlag.AlignLeft)
    return SettingField(both, read, show, True)


def _size(value: int | Automatic, automatic: str) -> SettingField:
    edit = QLineEdit()
    edit.setPlaceholderText(automatic)

    def show(value: int | Automatic) -> None:
        edit.setText("" if value == AUTOMATIC else figures.chosen_size(value))

    show(value)

    def read() -> int | Automatic:
        text = edit.text().strip()
        if not text:
            return AUTOMATIC
        return figures.read_size(text)

    return SettingField(edit, read, show)


def _number(name: str, info: Any, value: Any) -> SettingField:
    if isinstance(info, msgspec.inspect.FloatType):
        decimal = _Decimal()
        decimal.setDecimals(2)
        decimal.setRange(float(info.ge or 0.0), float(info.le or 1e9))
        decimal.setValue(value)
        decimal.setSuffix(_unit(name))
        indented(decimal)
        return SettingField(decimal, decimal.value, decimal.setValue)
    whole = QSpinBox()
    whole.setGroupSeparatorShown(name.endswith("context"))
    whole.setRange(int(info.ge or 0), min(_LARGEST_SPIN, int(info.le or _LARGEST_SPIN)))
    whole.setValue(value)
    indented(whole)
    whole.setSuffix(_unit(name))
    return SettingField(whole, whole.value, whole.setValue)


def _unit(name: str) -> str:
    """The unit that the name of a setting ends in, as it stands behind the number."""
    units = {
        "percent": "%",
        "minutes": translate("Settings", "min"),
        "seconds": translate("Settings", "s"),
        "days": translate("Settings", "d"),
    }
    unit = units.get(name.rpartition("_")[2])
    return f"{figures.NO_BREAK}{unit}" if unit else ""


class _Decimal(QDoubleSpinBox):
    """Writes no zeros that say nothing, and reads a number in whichever way it is written."""

    def _read(self, text: str) -> float:
        return figures.read_decimal(text.removesuffix(self.suffix()))

    def valueFromText(self, text: str) -> float:
        return self._read(text)

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        # Qt would take the comma of "1,5" for one that groups digits, and read 15.
        try:
            fits = self.minimum() <= self._read(text) <= self.maximum()
        except ValueError:
            fits = False
        state = QValidator.State.Acceptable if fits else QValidator.State.Intermediate
        return state, text, position

    def textFromValue(self, value: float) -> str:
        text = self.locale().toString(value, "f", self.decimals())
        point = self.locale().decimalPoint()
        return text.rstrip("0").removesuffix(point) if point in text else text
