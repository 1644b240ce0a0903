"""How the program looks: palette, fonts, style sheet and icons, light or dark as the desktop asks."""

from __future__ import annotations

import contextlib
import math
from functools import lru_cache
from pathlib import Path
from string import Template
from typing import Literal

from PySide6.QtCore import QByteArray, QObject, QRectF, Qt, Signal
from PySide6.QtGui import (
    QBrush,
    QColor,
    QFont,
    QFontDatabase,
    QGuiApplication,
    QIcon,
    QPainter,
    QPalette,
    QPen,
    QPixmap,
)
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication, QWidget

from llmmem_gui import resources
from llmmem_gui.ui.palette import DARK, LIGHT, ModelColours, Palette
from llmmem_gui.ui.turns import Turns

ThemeChoice = Literal["system", "light", "dark"]

HATCH_PITCH = 6
"""Pixels between two strokes of a hatch, across and down."""

_PREFERRED_FAMILIES = ("Inter", "Noto Sans", "Cantarell", "Ubuntu", "Open Sans", "DejaVu Sans")
_GENERIC_FAMILIES = ("Sans Serif", "Sans", "")
_ICON_SIZES = (16, 22)


class Theme(QObject):
    """The look in force; `changed` is emitted when it has turned from light to dark or back."""

    changed = Signal()

    def __init__(self, application: QApplication, choice: ThemeChoice = "system") -> None:
        super().__init__(application)
        self._application = application
        self._choice: ThemeChoice = choice
        self._desktop_palette = QPalette(application.palette())
        self._icons: dict[tuple[str, str], QIcon] = {}
        self.model_colours = ModelColours()
        self.palette = DARK if self._wants_dark() else LIGHT
        self._turns = Turns(self)
        self._still: list[QWidget] = []
        application.setStyle("Fusion")
        application.setFont(_readable_font(application.font()))
        application.setPalette(_qt_palette(self.palette))
        application.setStyleSheet(style_sheet(self.palette))
        application.styleHints().colorSchemeChanged.connect(self._follow_desktop)

    def choose(self, choice: ThemeChoice) -> None:
        """Follow the desktop, or stay light or dark."""
        self._choice = choice
        self._follow_desktop()

    def icon(self, name: str, colour: str | None = None) -> QIcon:
        """An icon of `resources/icons` in one colour, by default that of the text; sharp at any scale."""
        tint = colour or self.palette.text
        key = (name, tint)
        if key not in self._icons:
            self._icons[key] = _tinted_icon(resources.icon(name), tint, self.palette.secondary)
        return self._icons[key]

    def _follow_desktop(self, *_: object) -> None:
        wanted = DARK if self._wants_dark() else LIGHT
        if self.palette is not wanted:
            self.palette = wanted
            self._icons.clear()
            self._turns.begin((self._undress, self._dress, self._tell))

    # Qt polishes a widget once for each of its ancestors when one style sheet follows another, and once when
    # it comes to a program without any. Nothing is painted in between.

    def _undress(self) -> None:
        for window in self._application.topLevelWidgets():
            if window.isVisible() and window.updatesEnabled():
                window.setUpdatesEnabled(False)
                self._still.append(window)
        self._application.setStyleSheet("")
        self._application.setPalette(_qt_palette(self.palette))

    def _dress(self) -> None:
        self._application.setStyleSheet(style_sheet(self.palette))

    def _tell(self) -> None:
        self.changed.emit()
        for window in self._still:
            with contextlib.suppress(RuntimeError):  # it was deleted meanwhile
                window.setUpdatesEnabled(True)
        self._still.clear()

    def _wants_dark(self) -> bool:
        if self._choice != "system":
            return self._choice == "dark"
        scheme = self._application.styleHints().colorScheme()
        if scheme == Qt.ColorScheme.Unknown:
            return self._desktop_palette.color(QPalette.ColorRole.Window).lightness() < 128
        return scheme == Qt.ColorScheme.Dark


def hatch(foreground: QColor, background: QColor, ratio: float = 1.0) -> QBrush:
    """A brush of slanted strokes, for weights; `ratio` is the device pixels to a pixel."""
    return _hatch(foreground.rgba(), background.rgba(), ratio)


@lru_cache(maxsize=64)
def _hatch(foreground: int, background: int, ratio: float) -> QBrush:
    side = HATCH_PITCH
    tile = QPixmap(round(side * ratio), round(side * ratio))
    tile.setDevicePixelRatio(ratio)
    tile.fill(QColor.fromRgba(background))
    painter = QPainter(tile)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor.fromRgba(foreground), 1.3))
    for shift in (-side, 0, side):
        painter.drawLine(shift - 1, side + 1, shift + side + 1, -1)
    painter.end()
    return QBrush(tile)


def tabular(font: QFont) -> QFont:
    """The font with digits of one width, so that numbers in a column line up."""
    lined_up = QFont(font)
    if hasattr(lined_up, "setFeature"):
        lined_up.setFeature(QFont.Tag("tnum"), 1)
    return lined_up


def sized(font: QFont, factor: float, weight: QFont.Weight | None = None) -> QFont:
    """The font scaled by `factor`, with another weight if one is given."""
    scaled = QFont(font)
    scaled.setPointSizeF(font.pointSizeF() * factor)
    if weight is not None:
        scaled.setWeight(weight)
    return scaled


def style_sheet(palette: Palette) -> str:
    """The style sheet of the whole program in the colours of a palette."""
    colours = {name: getattr(palette, name) for name in Palette.__slots__ if name != "dark"}
    return Template(_STYLE).substitute(colours)


def _readable_font(font: QFont) -> QFont:
    """The desktop's font; where there is none, the best of those installed, at a readable size."""
    if font.family() not in _GENERIC_FAMILIES:
        return font
    installed = set(QFontDatabase.families())
    family = next((name for name in _PREFERRED_FAMILIES if name in installed), font.family())
    better = QFont(family)
    better.setPointSizeF(
        max(10.0, font.pointSizeF()) if QGuiApplication.platformName() else font.pointSizeF()
    )
    return better


def _qt_palette(colours: Palette) -> QPalette:
    palette = QPalette()
    role = QPalette.ColorRole
    for which, colour in (
        (role.Window, colours.window),
        (role.WindowText, colours.text),
        (role.Base, colours.card),
        (role.AlternateBase, colours.raised),
        (role.Text, colours.text),
        (role.Button, colours.card),
        (role.ButtonText, colours.text),
        (role.BrightText, colours.on_accent),
        (role.ToolTipBase, colours.card),
        (role.ToolTipText, colours.text),
        (role.PlaceholderText, colours.secondary),
        (role.Highlight, colours.accent),
        (role.HighlightedText, colours.on_accent),
        (role.Accent, colours.accent),
        (role.Link, colours.accent),
        (role.LinkVisited, colours.accent),
        (role.Light, colours.raised),
        (role.Midlight, colours.border),
        (role.Mid, colours.border),
        (role.Dark, colours.border),
        (role.Shadow, colours.border),
    ):
        palette.setColor(which, QColor(colour))
    for which in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, which, QColor(colours.secondary))
    return palette


def _tinted_icon(path: Path, colour: str, disabled_colour: str) -> QIcon:
    icon = QIcon()
    source = path.read_bytes()
    ratios = {1, *(math.ceil(screen.devicePixelRatio()) for screen in QGuiApplication.screens())}
    for mode, tint in ((QIcon.Mode.Normal, colour), (QIcon.Mode.Disabled, disabled_colour)):
        renderer = QSvgRenderer(QByteArray(source.replace(b"currentColor", tint.encode())))
        for side in _ICON_SIZES:
            for ratio in sorted(ratios):
                pixmap = QPixmap(side * ratio, side * ratio)
                pixmap.fill(Qt.GlobalColor.transparent)
                painter = QPainter(pixmap)
                renderer.render(painter, QRectF(0, 0, side * ratio, side * ratio))
                painter.end()
                pixmap.setDevicePixelRatio(ratio)
                icon.addPixmap(pixmap, mode)
    return icon


_STYLE = """
QWidget#window, QDialog { background: $window; color: $text; }
QFrame#card { background: $card; border: 1px solid $border; border-radius: 10px; }
QLabel { color: $text; background: transparent; }
QLabel[quiet="true"] { color: $secondary; }
QLabel[accent="true"] { color: $accent; }
QLabel[level="warning"] { color: $warning; }
QLabel[level="critical"] { color: $critical; }

QPushButton, QToolButton {
    background: $card; color: $text; border: 1px solid $border; border-radius: 7px; padding: 5px 12px;
}
QPushButton:hover, QToolButton:hover { background: $raised; border-color: $secondary; }
QPushButton:pressed, QToolButton:pressed { background: $border; }
QPushButton:focus, QToolButton:focus { border: 2px solid $accent; padding: 4px 11px; }
/* Fusion leaves a gap after the text of a button with an icon (ToolButtonTextBesideIcon). */
QToolButton[toolButtonStyle="2"] { padding: 5px 6px 5px 12px; }
QToolButton[toolButtonStyle="2"]:focus { padding: 4px 5px 4px 11px; }
QPushButton:disabled, QToolButton:disabled { color: $secondary; background: $window;
    border-color: $border; }
QPushButton[primary="true"], QToolButton[primary="true"] {
    background: $accent; color: $on_accent; border-color: $accent; font-weight: 600;
}
QPushButton[primary="true"]:hover, QToolButton[primary="true"]:hover { border-color: $text; }
QPushButton[primary="true"]:focus, QToolButton[primary="true"]:focus { border-color: $text; }
QPushButton[primary="true"]:disabled, QToolButton[primary="true"]:disabled {
    background: $window; color: $secondary; border-color: $border; font-weight: 400;
}
QToolButton[segment="true"] { padding: 3px 9px; }
QToolButton[segment="true"]:focus { padding: 2px 8px; }
QToolButton[segment="true"]:checked { background: $accent; color: $on_accent; border-color: $accent; }
QToolButton[segment="true"]:checked:focus { border-color: $text; }
QToolButton[flat="true"] { background: transparent; border: 1px solid transparent; padding: 3px 6px; }
QToolButton[flat="true"]:hover { background: $raised; border-color: $border; }
QToolButton[flat="true"]:checked { background: $selection; border-color: $accent; }
QToolButton[flat="true"]:focus { border: 2px solid $accent; padding: 2px 5px; }
QToolButton::menu-indicator { image: none; width: 0; }
QToolButton[popupMode="1"] { padding-right: 22px; }
QToolButton::menu-button { border: none; border-left: 1px solid $border; width: 17px; margin: 5px 0; }

QLineEdit, QPlainTextEdit, QTextBrowser {
    background: $card; color: $text; border: 1px solid $border; border-radius: 7px; padding: 4px 8px;
    selection-background-color: $accent; selection-color: $on_accent;
}
QLineEdit:focus, QPlainTextEdit:focus, QTextBrowser:focus { border: 2px solid $accent; padding: 3px 7px; }
QLineEdit[invalid="true"] { border: 2px solid $critical; padding: 3px 7px; }
QLineEdit[value="true"] { color: $accent; font-weight: 600; border-color: transparent;
    background: transparent;
    padding: 1px 4px; border-radius: 5px; }
QLineEdit[value="true"]:hover { border-color: $border; background: $raised; }
QLineEdit[value="true"]:focus { border: 1px solid $accent; background: $card; padding: 1px 4px;
    color: $text; }
QLineEdit[value="true"][invalid="true"] { border: 1px solid $critical; color: $critical; }

/* A list below the box instead of a menu over it, whose ends Fusion cuts. */
QComboBox { background: $card; color: $text; border: 1px solid $border; border-radius: 6px;
    padding: 2px 8px; combobox-popup: 0; }
QComboBox:hover, QSpinBox:hover { border-color: $secondary; }
QComboBox:focus { border: 2px solid $accent; padding: 1px 7px; }
QComboBox:disabled, QSpinBox:disabled, QDoubleSpinBox:disabled, QLineEdit:disabled {
    color: $secondary; background: $window;
}
QComboBox::drop-down { border: none; width: 20px; }
QComboBox::down-arrow { image: none; width: 0; height: 0; border-left: 4px solid $card;
    border-right: 4px solid $card; border-top: 5px solid $secondary; margin-right: 8px; }
QComboBox QAbstractItemView { background: $card; color: $text; border: 1px solid $border; outline: none;
    selection-background-color: $selection; selection-color: $text; }
QComboBox QAbstractItemView::item { min-height: 24px; padding: 0 8px; border: none; }
QComboBox QAbstractItemView::item:selected { background: $selection; color: $text; }
QSpinBox, QDoubleSpinBox { background: $card; color: $text; border: 1px solid $border; border-radius: 6px;
    padding: 2px 8px; selection-background-color: $accent; selection-color: $on_accent; }
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button { width: 0; border: none; }
QAbstractSpinBox QLineEdit, QAbstractSpinBox QLineEdit:focus { border: none; padding: 0;
    background: transparent; }
QSpinBox:focus, QDoubleSpinBox:focus { border: 2px solid $accent; padding: 1px 7px; }

QTableView { background: $card; border: none; outline: none; selection-background-color: transparent;
    selection-color: $text; gridline-color: transparent; }
QTableView#events::item, QTableView#engines::item { padding: 0 8px; }
QTableView#events::item:selected, QTableView#engines::item:selected { background: $selection; color: $text; }
QHeaderView { background: $card; border: none; }
QHeaderView::section { background: $card; color: $secondary; border: none; border-bottom: 1px solid $border;
    padding: 5px 8px; font-weight: 400; }
QHeaderView::up-arrow, QHeaderView::down-arrow { image: none; width: 0; height: 0; }
QHeaderView::section:hover { color: $text; }
QTableCornerButton::section { background: $card; border: none; }

QGraphicsView#plot { border: 1px solid transparent; border-radius: 4px; }
QGraphicsView#plot:focus { border: 2px solid $accent; }
QLabel#reading { background: $card; color: $text; border: 1px solid $border; border-radius: 7px;
    padding: 6px 9px; }

QScrollArea, QScrollArea > QWidget > QWidget#page { background: transparent; border: none; }
QScrollBar:vertical { background: transparent; width: 10px; margin: 2px; }
QScrollBar:horizontal { background: transparent; height: 10px; margin: 2px; }
QScrollBar::handle { background: $track; border-radius: 3px; min-height: 24px; min-width: 24px; }
QScrollBar::handle:hover { background: $other; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }

QMenu { background: $card; color: $text; border: 1px solid $border; padding: 4px; }
QMenu::item { padding: 5px 22px 5px 12px; border-radius: 5px; }
QMenu::item:selected { background: $selection; color: $text; }
QMenu::item:disabled { color: $secondary; }
QMenu::separator { height: 1px; background: $border; margin: 4px 6px; }
QToolTip { background: $card; color: $text; border: 1px solid $border; padding: 4px 6px; }

QSplitter::handle { background: transparent; }
QProgressBar { background: $track; border: none; border-radius: 3px; max-height: 6px; }
QProgressBar::chunk { background: $accent; border-radius: 3px; }
QFrame#good { background: $card; border: 1px solid $good; border-radius: 10px; }
QWidget#banners { background: $card; }
QFrame#warning { background: $warning_card; border: 1px solid $warning; border-radius: 10px; }
QFrame#critical { background: $critical_card; border: 2px solid $critical; border-radius: 10px; }
QListWidget { background: transparent; border: 1px solid transparent; border-radius: 7px; outline: none; }
QListWidget:focus { border-color: $accent; }
QListWidget::item { padding-left: 10px; border-radius: 6px; color: $text; }
QListWidget::item:hover { background: $raised; }
QListWidget::item:selected { background: $selection; color: $accent; }
"""
