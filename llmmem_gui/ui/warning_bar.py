"""A bar in the window that says what is wrong and offers what can be done about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from llmmem_gui.ui.card import Card, restyle
from llmmem_gui.ui.requests import Request
from llmmem_gui.ui.theme import Theme

Level = Literal["warning", "critical"]


@dataclass(frozen=True, slots=True)
class Offer:
    """A button of the bar: its words and the request it makes."""

    text: str
    request: Request


class WarningBar(Card):
    """Shows one warning or error at a time, the newest.

    Signals: `requested` with the request of the button pressed, `snoozed` with minutes.
    """

    requested = Signal(object)
    snoozed = Signal(int)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent, name="warning")
        self._theme = theme
        self._again: Callable[[], None] | None = None
        """Shows anew what is shown now; None where it has words of its own."""
        self._level: Level = "warning"
        self._details = ""
        self._icon = QLabel()
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._details_text = QLabel()
        self._details_text.setWordWrap(True)
        self._details_text.setTextFormat(Qt.TextFormat.PlainText)
        self._details_text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._details_text.hide()
        self._offers = QHBoxLayout()
        self._offers.setSpacing(8)
        self._show_details = QPushButton()
        self._copy = QPushButton()
        self.snooze = QPushButton()
        self.close_button = QToolButton()
        self.close_button.setProperty("flat", True)
        self._build()
        self.retranslate()
        self.hide()

    def _build(self) -> None:
        line = QHBoxLayout()
        line.setSpacing(10)
        line.addWidget(self._icon)
        line.addWidget(self.text, 1)
        line.addLayout(self._offers)
        for button in (self._show_details, self._copy, self.snooze, self.close_button):
            line.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 7, 8, 7)
        layout.addLayout(line)
        layout.addWidget(self._details_text)
        self._show_details.clicked.connect(self._toggle_details)
        self._copy.clicked.connect(self._copy_details)
        self.snooze.clicked.connect(self._snooze)
        self.close_button.clicked.connect(self.hide)

    def retranslate(self) -> None:
        """Write all texts in the language in force."""
        self.snooze.setText(self.tr("Snooze 1 h"))
        self._show_details.setText(self.tr("Show details"))
        self._copy.setText(self.tr("Copy"))
        self.close_button.setAccessibleName(self.tr("Close"))
        self.close_button.setToolTip(self.tr("Close"))
        self.recolour()
        if self._again is not None and self.isVisible():
            self.tell(self._again)

    def recolour(self) -> None:
        """Draw the icons in the colours of the theme in force."""
        colours = self._theme.palette
        tint = colours.critical if self._level == "critical" else colours.warning
        self._icon.setPixmap(self._theme.icon("warning", tint).pixmap(22, 22))
        self.close_button.setIcon(self._theme.icon("close"))

    def tell(self, show: Callable[[], None]) -> None:
        """Let something be shown here by that function, and again in another language when that changes."""
        show()
        self._again = show

    def show_warning(self, text: str, level: Level, offers: Sequence[Offer]) -> None:
        """Show a warning about memory with what can be done; it can be snoozed."""
        self._show(text, level, offers, "", snooze=True)

    def show_note(self, text: str, offers: Sequence[Offer] = ()) -> None:
        """Show something that a person should know, with what can be done."""
        self._show(text, "warning", offers, "", snooze=False)

    def show_problem(self, text: str, details: str = "", offers: Sequence[Offer] = ()) -> None:
        """Show why something was not done; details lie behind a button."""
        self._show(text, "critical", offers, details, snooze=False)

    def _show(self, text: str, level: Level, offers: Sequence[Offer], details: str, *, snooze: bool) -> None:
        same = self.isVisible() and self.text.text() == text
        self._again = None
        self._level = level
        self._details = details
        self.setObjectName(level)
        self.style().unpolish(self)
        self.style().polish(self)
        self.text.setText(text)
        self._icon.setAccessibleName(self.tr("Critical") if level == "critical" else self.tr("Warning"))
        restyle(self.text, "level", None)
        self._fill_offers(offers)
        self.snooze.setVisible(snooze)
        self._show_details.setVisible(bool(details))
        self._copy.setVisible(bool(details))
        if not same:
            self._details_text.hide()
        self.recolour()
        self.show()

    def _fill_offers(self, offers: Sequence[Offer]) -> None:
        while (item := self._offers.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for place, offer in enumerate(offers):
            button = QPushButton(offer.text)
            button.setProperty("primary", place == 0)
            button.clicked.connect(lambda _=False, request=offer.request: self._take(request))
            self._offers.addWidget(button)

    def _take(self, request: Request) -> None:
        self.hide()
        self.requested.emit(request)

    def _snooze(self) -> None:
        self.hide()
        self.snoozed.emit(60)

    def _toggle_details(self) -> None:
        self._details_text.setText(self._details)
        self._details_text.setVisible(not self._details_text.isVisible())

    def _copy_details(self) -> None:
        QGuiApplication.clipboard().setText(f"{self.text.text()}\n{self._details}")
