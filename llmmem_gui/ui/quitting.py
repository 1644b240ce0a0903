"""Asks before the program quits while somebody is being answered."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget

from llmmem_gui.core.snapshot import CacheSnapshot


def answers_under_way(snapshot: CacheSnapshot | None) -> int:
    """How many requests are being answered or wait for their model."""
    return sum(model.in_flight + model.waiting for model in snapshot.models) if snapshot else 0


class QuitQuestion(QMessageBox):
    """Asks whether to cut so many answers off; `agreed` is called when that is meant."""

    def __init__(self, parent: QWidget, answers: int, agreed: Callable[[], None]) -> None:
        super().__init__(parent)
        self.setWindowTitle("LLM Memory")
        self.setText(self.tr("%n answer(s) are not finished.", "", answers))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setInformativeText(
            self.tr("Quitting cuts off what is being answered: whoever waits gets an error.")
        )
        self.quit = self.addButton(self.tr("Quit"), QMessageBox.ButtonRole.AcceptRole)
        self.stay = self.addButton(self.tr("Cancel"), QMessageBox.ButtonRole.RejectRole)
        self.setDefaultButton(self.stay)
        self.setEscapeButton(self.stay)
        self.quit.clicked.connect(agreed)
