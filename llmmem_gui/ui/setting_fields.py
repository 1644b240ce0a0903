"""A widget for each kind of setting: what it shows, and the value it stands for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QLineEdit, QPlainTextEdit, QSpinBox, QWidget

from llmmem_gui.ui import figures
from llmmem_gui.ui.card import CheckBox, indented
from llmmem_gui.ui.theme import Theme

translate = QCoreApplication.translate

_LARGEST_SPIN = 2**31 - 1


@dataclass(frozen=True, slots=True)
class SettingField:
    """One setting in the dialog; `read` raises ValueError with one sentence for what is no value."""

    widget: QWidget
    read: Callable[[], Any]
    is_wide: bool = False
    """Whether it stands below its label instead of beside it."""


def setting_field(
    theme: Theme, name: str, kind: object, value: Any, choices: dict[str, str], automatic: str
) -> SettingField:
    """The widget for a setting of a type of `core.settings`, showing `value`.

    `automatic` stands in an empty field of bytes that may be None.
    """
    info = msgspec.inspect.type_info(kind)
    if isinstance(info, msgspec.inspect.BoolType):
        box = CheckBox(theme)
        box.setChecked(value)
        return SettingField(box, box.isChecked)
    if isinstance(info, msgspec.inspect.LiteralType):
        # In the order of the type, which is from the largest or most usual one on.
        return _choice(list(getattr(kind, "__args__", info.values)), value, choices)
    if isinstance(info, msgspec.inspect.UnionType):
        return _size(value, automatic)
    if isinstance(info, msgspec.inspect.VarTupleType):
        text = QPlainTextEdit("\n".join(value))
        text.setFixedHeight(text.fontMetrics().height() * 4 + 14)
        text.setTabChangesFocus(True)
        lines = text.toPlainText
        return SettingField(text, lambda: tuple(x.strip() for x in lines().splitlines() if x.strip()), True)
    return _number(name, info, value)


def _choice(values: list[Any], value: Any, choices: dict[str, str]) -> SettingField:
    box = QComboBox()
    for each in values:
        box.addItem(choices.get(each, str(each)), each)
    box.setCurrentIndex(values.index(value))
    return SettingField(box, box.currentData)


def _size(value: int | None, automatic: str) -> SettingField:
    edit = QLineEdit("" if value is None else figures.chosen_size(value))
    edit.setPlaceholderText(automatic)

    def read() -> int | None:
        text = edit.text().strip()
        if not text:
            return None
        return figures.read_size(text if any(sign.isalpha() for sign in text) else f"{text} GiB")

    return SettingField(edit, read)


def _number(name: str, info: Any, value: Any) -> SettingField:
    if isinstance(info, msgspec.inspect.FloatType):
        decimal = _Decimal()
        decimal.setDecimals(2)
        decimal.setRange(float(info.ge or 0.0), float(info.le or 1e9))
        decimal.setValue(value)
        decimal.setSuffix(_unit(name))
        indented(decimal)
        return SettingField(decimal, decimal.value)
    whole = QSpinBox()
    whole.setGroupSeparatorShown(name.endswith("context"))
    whole.setRange(int(info.ge or 0), min(_LARGEST_SPIN, int(info.le or _LARGEST_SPIN)))
    whole.setValue(value)
    indented(whole)
    whole.setSuffix(_unit(name))
    return SettingField(whole, whole.value)


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
    """Writes no zeros that say nothing."""

    def textFromValue(self, value: float) -> str:
        text = self.locale().toString(value, "f", self.decimals())
        point = self.locale().decimalPoint()
        return text.rstrip("0").removesuffix(point) if point in text else text
