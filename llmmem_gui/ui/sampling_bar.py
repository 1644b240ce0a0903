"""A bar that says that memory cannot be measured, since when and why; it stays until it can be again."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from llmmem_gui.core.snapshot import SamplingHealth
from llmmem_gui.ui import figures
from llmmem_gui.ui.card import Card, plain
from llmmem_gui.ui.sentences import say
from llmmem_gui.ui.theme import Theme


class SamplingBar(Card):
    """Hidden while samples succeed."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent, name="critical")
        self._theme = theme
        self._health = SamplingHealth()
        self._icon = QLabel()
        self.text = plain(QLabel())
        self.text.setWordWrap(True)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(14, 7, 14, 7)
        layout.setSpacing(10)
        layout.addWidget(self._icon)
        layout.addWidget(self.text, 1)
        self.hide()

    def show_health(self, health: SamplingHealth) -> None:
        """Show the bar exactly while sampling fails."""
        if health != self._health:
            self._health = health
            self.retranslate()

    def retranslate(self) -> None:
        """Write all texts in the language in force."""
        health = self._health
        if health.failed_since is not None and health.reason is not None:
            text = self.tr(
                "Memory has not been measured since {time} ({reason}). All figures are from before; limits "
                "hold on the last reading."
            )
            since = figures.clock(health.failed_since, with_seconds=True)
            self.text.setText(text.format(time=since, reason=say(health.reason)))
            self._icon.setPixmap(self._theme.icon("warning", self._theme.palette.critical).pixmap(22, 22))
            self._icon.setAccessibleName(self.tr("Critical"))
        self.setVisible(health.failed_since is not None)
