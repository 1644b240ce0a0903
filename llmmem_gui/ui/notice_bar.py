"""A bar in the window that says one thing and offers what can be done about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from llmmem_gui.ui.card import Card
from llmmem_gui.ui.requests import Request
from llmmem_gui.ui.theme import Theme
from llmmem_gui.ui.wrapping_row import WrappingRow

Tone = Literal["good", "warning", "critical"]

_SNOOZE_MINUTES = 60
_LEAST_TEXT_WIDTH = 460
"""Pixels for the text, with what stands around it, below which the buttons make room."""

_LEAST_LETTERS = 16
"""Of a button, when there is no room for all."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A button of the bar: its words and the request it makes."""

    text: str
    request: Request


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that a person should know, with what can be done; details lie behind a button."""

    text: str
    tone: Tone = "warning"
    offers: tuple[Offer, ...] = ()
    details: str = ""


class NoticeBar(Card):
    """Shows one notice.

    Signals: `requested` with the request of the button pressed, `closed` by hand, `snoozed` with minutes.
    """

    requested = Signal(object)
    closed = Signal()
    snoozed = Signal(int)

    def __init__(self, theme: Theme, parent: QWidget | None = None, *, can_snooze: bool = False) -> None:
        super().__init__(parent, name="warning")
        self._theme = theme
        self._notice = Notice("")
        self._icon = QLabel()
        self.text = _selectable()
        self.text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._details_text = _selectable()
        self._details_text.hide()
        self._buttons: list[QPushButton] = []
        self._line = QHBoxLayout()
        self._actions = QWidget()
        self._is_stacked = False
        """The buttons stand below the text, and not beside it."""
        self._row = WrappingRow(spacing=8)
        self._show_details = QPushButton()
        self._copy = QPushButton()
        self.snooze = QPushButton()
        self.snooze.setVisible(can_snooze)
        self.close_button = QToolButton()
        self.close_button.setProperty("flat", True)
        self._build()
        self.retranslate()
        self.hide()

    def _build(self) -> None:
        self._actions.setLayout(self._row)
        for button in (self._show_details, self._copy, self.snooze):
            self._row.addWidget(button)
        self._lines = QVBoxLayout(self)
        self._lines.setContentsMargins(14, 7, 8, 7)
        self._lines.addLayout(self._line)  # empty: PySide would keep its half of what is in it for good
        self._line.setSpacing(10)
        self._line.addWidget(self._icon)
        self._line.addWidget(self.text, 1)
        self._line.addWidget(self._actions)
        self._line.addWidget(self.close_button)
        self._lines.addWidget(self._details_text)
        self._show_details.clicked.connect(self._toggle_details)
        self._copy.clicked.connect(self._copy_details)
        self.snooze.clicked.connect(lambda: self.snoozed.emit(_SNOOZE_MINUTES))
        self.close_button.clicked.connect(self.closed)

    def retranslate(self) -> None:
        """Write the words of the bar itself in the language in force."""
        self.snooze.setText(self.tr("Snooze 1 h"))
        self._show_details.setText(self.tr("Show details"))
        self._copy.setText(self.tr("Copy"))
        self.close_button.setAccessibleName(self.tr("Close"))
        self.close_button.setToolTip(self.tr("Close"))
        tones = {"good": self.tr("Note"), "warning": self.tr("Warning"), "critical": self.tr("Critical")}
        self._icon.setAccessibleName(tones[self._notice.tone])
        self.recolour()

    def recolour(self) -> None:
        """Draw the icons in the colours of the theme in force."""
        colours = self._theme.palette
        tint = {"good": colours.good, "warning": colours.warning, "critical": colours.critical}
        name = "info" if self._notice.tone == "good" else "warning"
        self._icon.setPixmap(self._theme.icon(name, tint[self._notice.tone]).pixmap(22, 22))
        self.close_button.setIcon(self._theme.icon("close"))

    def show_notice(self, notice: Notice) -> None:
        """Show this notice, in place of the one before; what stays the same is left alone."""
        before, self._notice = self._notice, notice
        if notice.tone != before.tone or self.objectName() != notice.tone:
            self.setObjectName(notice.tone)
            self.style().unpolish(self)
            self.style().polish(self)
            self.retranslate()
        if self.text.text() != notice.text:
            self.text.setText(notice.text)
        self._show_offers(notice.offers)
        self._show_details.setVisible(bool(notice.details))
        self._copy.setVisible(bool(notice.details))
        if notice.details != before.details:
            self._details_text.hide()
        self._stack()
        self.show()

    def _stack(self) -> None:
        """Put the buttons below the text where they would leave it too little room beside them."""
        stacked = self.width() < self._actions.sizeHint().width() + _LEAST_TEXT_WIDTH
        if stacked == self._is_stacked:
            return
        self._is_stacked = stacked
        if stacked:
            self._line.removeWidget(self._actions)
            self._lines.insertWidget(1, self._actions)
        else:
            self._lines.removeWidget(self._actions)
            self._line.insertWidget(2, self._actions)

    @property
    def buttons(self) -> list[QPushButton]:
        """The buttons of what can be done, as they are shown now."""
        return list(self._buttons)

    def _show_offers(self, offers: Sequence[Offer]) -> None:
        """A button that stays is not made anew: somebody may be pressing it."""
        shown = self._buttons
        if [button.property("request") for button in shown] != [offer.request for offer in offers]:
            for button in shown:
                self._row.removeWidget(button)
                button.hide()
                button.deleteLater()
            shown = [self._made(offer, place) for place, offer in enumerate(offers)]
            self._buttons = shown
        for button, offer in zip(shown, offers, strict=True):
            if button.text() != offer.text:
                button.setText(offer.text)

    def _made(self, offer: Offer, place: int) -> QPushButton:
        button = _OfferButton(offer.text)
        button.setProperty("primary", place == 0)
        button.setProperty("request", offer.request)
        button.clicked.connect(lambda: self.requested.emit(offer.request))
        self._row.insert(place, button)
        return button

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._stack()
        super().resizeEvent(event)

    def _toggle_details(self) -> None:
        self._details_text.setText(self._notice.details)
        self._details_text.setVisible(not self._details_text.isVisible())

    def _copy_details(self) -> None:
        QGuiApplication.clipboard().setText(f"{self._notice.text}\n{self._notice.details}")


class _OfferButton(QPushButton):
    """A button that names a model, of whatever length: what has no room is left out of the middle."""

    def minimumSizeHint(self) -> QSize:
        width = self.fontMetrics().averageCharWidth() * _LEAST_LETTERS
        return QSize(min(width, self.sizeHint().width()), self.sizeHint().height())

    def initStyleOption(self, option: QStyleOptionButton) -> None:
        super().initStyleOption(option)
        contents = self.style().subElementRect(QStyle.SubElement.SE_PushButtonContents, option, self)
        metrics, middle = self.fontMetrics(), Qt.TextElideMode.ElideMiddle
        option.text = metrics.elidedText(self.text(), middle, contents.width())

    def resizeEvent(self, event: QResizeEvent) -> None:
        self.setToolTip(self.text() if self.width() < self.sizeHint().width() else "")
        super().resizeEvent(event)


def _selectable() -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
