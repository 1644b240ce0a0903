"""The windows in which models are tried out, one for each model."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from llmmem_gui.core.snapshot import CacheSnapshot, ModelSnapshot
from llmmem_gui.ui.requests import AnswerEnd, AnswerPart, AnswerReading
from llmmem_gui.ui.theme import Theme
from llmmem_gui.ui.try_out import TryOut


class TryOuts(QObject):
    """Opens them and gives each the answer it asked for.

    Signals: `requested` with what they ask for.
    """

    requested = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._window = parent
        self._by_model: dict[str, TryOut] = {}

    def open(self, model: ModelSnapshot) -> TryOut:
        """Show the one for a model above all other windows."""
        window = self._by_model.get(model.id)
        if window is None:
            window = TryOut(self._theme, model, self._window)
            window.requested.connect(self.requested)
            self._by_model[model.id] = window
        window.show_model(model)
        window.show()
        window.raise_()
        window.activateWindow()
        return window

    def show_snapshot(self, snapshot: CacheSnapshot) -> None:
        """Tell each how its model is now."""
        for model_id, window in self._by_model.items():
            model = snapshot.model(model_id)
            if model is not None:
                window.show_model(model)

    def take_reading(self, reading: AnswerReading) -> None:
        """Tell the one that asked how far its question has been read."""
        for window in self._by_model.values():
            window.take_reading(reading)

    def take_part(self, part: AnswerPart) -> None:
        """Give a piece of an answer to the one that asked."""
        for window in self._by_model.values():
            window.take_part(part)

    def take_end(self, end: AnswerEnd) -> None:
        """Give the end of an answer to the one that asked."""
        for window in self._by_model.values():
            window.take_end(end)

    def close(self) -> None:
        """Close all; answers that are being written end."""
        for window in self._by_model.values():
            window.close()

    def retranslate(self) -> None:
        """Write all texts in the language in force."""
        for window in self._by_model.values():
            window.retranslate()
