"""The last line of the window: where the API listens, and what happened last."""

from __future__ import annotations

import time

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QAction, QColor, QGuiApplication, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QLabel, QToolButton, QWidget

from llmmem_gui.ui import figures
from llmmem_gui.ui.actions import Actions
from llmmem_gui.ui.card import ElidedLabel, quiet
from llmmem_gui.ui.theme import Theme


class StatusLine(QWidget):
    """Shows the address of the API and one sentence with its time."""

    def __init__(self, theme: Theme, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._url = self._key = ""
        self._dot = _Dot(theme)
        self._api = quiet(QLabel())
        self._api.setTextFormat(Qt.TextFormat.PlainText)
        self._api.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._copiers = [_flat_button(action) for action in (actions.copy_api, actions.copy_key)]
        self.snoozed = QToolButton()
        self.snoozed.setProperty("flat", True)
        self._snoozed_until = ""
        self._time = quiet(QLabel())
        self.message = ElidedLabel()
        quiet(self.message)
        self.message.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(4, 0, 4, 0)
        layout.setSpacing(7)
        for widget in (self._dot, self._api, *self._copiers):
            layout.addWidget(widget)
        layout.addWidget(self.snoozed)
        layout.addWidget(self.message, 1)
        layout.addWidget(self._time)
        layout.addWidget(_flat_button(actions.events))
        actions.copy_api.triggered.connect(lambda: self._copy(self._url, self.tr("The address is copied.")))
        actions.copy_key.triggered.connect(lambda: self._copy(self._key, self.tr("The key is copied.")))
        self.show_api("", "")
        self.show_snoozed("")

    def _copy(self, text: str, said: str) -> None:
        QGuiApplication.clipboard().setText(text)
        self.show_message(said, time.time())

    def show_snoozed(self, until: str) -> None:
        """Show until which time of day warnings are snoozed, with a way back; empty: they are not."""
        self._snoozed_until = until
        self.snoozed.setText(self.tr("Warnings snoozed until {time}").format(time=until))
        self.snoozed.setToolTip(self.tr("Show warnings again"))
        self.snoozed.setVisible(bool(until))

    def show_api(self, url: str, key: str) -> None:
        """Show where the API listens, and let its key be copied; an empty address: it is off."""
        self._url, self._key = url, key
        self._dot.show_on(bool(url))
        self._api.setText(self.tr("API {url}").format(url=url) if url else self.tr("API off"))
        for button in self._copiers:
            button.setVisible(bool(url))

    def show_message(self, text: str, moment: float) -> None:
        """Show what happened and when (seconds since the epoch)."""
        self.message.setText(text)
        self.message.setAccessibleName(text)
        self._time.setText(figures.clock(moment))

    def retranslate(self) -> None:
        """Write all texts in the language in force."""
        self.show_api(self._url, self._key)
        self.show_snoozed(self._snoozed_until)


def _flat_button(action: QAction) -> QToolButton:
    button = QToolButton()
    button.setProperty("flat", True)
    button.setDefaultAction(action)
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
    return button


class _Dot(QWidget):
    """A full dot for on, a ring for off."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._on = False
        self.setFixedSize(11, 11)

    def show_on(self, on: bool) -> None:
        self._on = on
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(11, 11)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = QColor(self._theme.palette.good if self._on else self._theme.palette.secondary)
        painter.setPen(QPen(colour, 1.5))
        painter.setBrush(colour if self._on else Qt.BrushStyle.NoBrush)
        painter.drawEllipse(QRectF(1.5, 1.5, 8, 8))
