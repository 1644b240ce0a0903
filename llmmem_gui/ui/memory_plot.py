"""The card with the plot: title, key, numbers as text, ranges of time, export."""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PySide6.QtCore import QIODevice, QRectF, QSaveFile, QSize, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QButtonGroup,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMenu,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from llmmem_gui.core.events import Event
from llmmem_gui.ui import figures
from llmmem_gui.ui.card import Card, ElidedLabel, quiet
from llmmem_gui.ui.composition import Ghost
from llmmem_gui.ui.plot_canvas import PlotCanvas
from llmmem_gui.ui.plot_reading import Reading
from llmmem_gui.ui.plot_series import PlotSeries, PlotSource
from llmmem_gui.ui.theme import Theme, hatch

SPANS = {"1min": 60.0, "5min": 300.0, "1h": 3600.0, "24h": 86400.0, "7d": 604800.0}
"""Ranges of time offered, seconds."""


class MemoryPlot(Card):
    """Shows the memory of the models over time.

    Signals: `note` with one sentence when an export is done or failed.
    """

    note = Signal(str)

    def __init__(self, theme: Theme, source: PlotSource, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.canvas = PlotCanvas(theme, source)
        self._title = QLabel()
        self._key_private = _KeySwatch(theme, hatched=False)
        self._key_weights = _KeySwatch(theme, hatched=True)
        self._private, self._weights = quiet(QLabel()), quiet(QLabel())
        self._used_bytes = 0
        self._numbers = ElidedLabel()
        quiet(self._numbers)
        self._live = QToolButton()
        self._live.setProperty("flat", True)
        self._live.hide()
        self._spans = QButtonGroup(self)
        self._export = QToolButton()
        self._build()
        self.retranslate()
        self.canvas.followed.connect(self._following)
        self.canvas.read.connect(self._tell)
        self._live.clicked.connect(self.canvas.follow)

    def _build(self) -> None:
        font = self._title.font()
        font.setBold(True)
        self._title.setFont(font)
        head = QHBoxLayout()
        head.setSpacing(6)
        head.addWidget(self._title)
        head.addSpacing(6)
        for piece in (self._key_private, self._private, self._key_weights, self._weights):
            head.addWidget(piece)
        head.addSpacing(8)
        head.addWidget(self._numbers, 1)
        head.addWidget(self._live)
        for number, name in enumerate(SPANS):
            button = QToolButton()
            button.setCheckable(True)
            button.setProperty("segment", True)
            button.setObjectName(f"span-{name}")
            self._spans.addButton(button, number)
            head.addWidget(button)
        self._spans.button(1).setChecked(True)
        self._spans.idClicked.connect(self._choose_span)
        self._export.setProperty("flat", True)
        self._export.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._export.setMenu(QMenu(self))
        head.addWidget(self._export)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 10, 14, 8)
        layout.setSpacing(6)
        layout.addLayout(head)
        layout.addWidget(self.canvas, 1)

    def retranslate(self) -> None:
        """Write all texts in the language in force."""
        self._title.setText(self.tr("Memory of the models"))
        self._private.setText(self.tr("private"))
        self._private.setToolTip(self.tr("Only unloading gives it back."))
        self._weights.setText(self.tr("weights"))
        self._weights.setToolTip(self.tr("Mapped from the file: the system can take them back when it must."))
        self._live.setText(self.tr("Back to now"))
        self._export.setIcon(self._theme.icon("export"))
        self._export.setAccessibleName(self.tr("Export"))
        self._export.setToolTip(self.tr("Export what is seen"))
        names = (self.tr("1 min"), self.tr("5 min"), self.tr("1 h"), self.tr("24 h"), self.tr("7 d"))
        for number, name in enumerate(names):
            button = self._spans.button(number)
            button.setText(name)
            button.setAccessibleName(self.tr("Show the last {span}").format(span=name))
        menu = self._export.menu()
        menu.clear()
        menu.addAction(self.tr("Picture (PNG)…"), self._ask_for_picture)
        menu.addAction(self.tr("Numbers (CSV)…"), self._ask_for_numbers)

    def refresh(self, now: float, used_bytes: int) -> None:
        """Draw the newest samples; `now` in seconds since the epoch, with what all models use then."""
        self._used_bytes = used_bytes
        self.canvas.refresh(now)
        self._tell(None)

    def show_limit(self, limit_bytes: int | None) -> None:
        """Draw the total limit."""
        self.canvas.show_limit(limit_bytes)

    def show_ghost(self, ghost: Ghost | None) -> None:
        """Draw what a load would take."""
        self.canvas.show_ghost(ghost)

    def show_events(self, events: Sequence[Event]) -> None:
        """Mark these events, oldest first."""
        self.canvas.show_events(events)

    def choose_span(self, name: str) -> None:
        """Show one of `SPANS`."""
        number = list(SPANS).index(name)
        self._spans.button(number).setChecked(True)
        self._choose_span(number)

    def _choose_span(self, number: int) -> None:
        self.canvas.show_span(list(SPANS.values())[number])
        self._tell(None)

    def _following(self, follows: bool) -> None:
        self._live.setVisible(not follows)

    def _tell(self, reading: Reading | None) -> None:
        text = reading.text() if reading is not None else self._summary()
        if text != self._numbers.text():
            self._numbers.setText(text)

    def _summary(self) -> str:
        series = self.canvas.series
        if series is None or not len(series.times):
            return ""
        highest = round(float(np.nanmax(series.peak, initial=0.0)))
        return self.tr("now {now} · highest {highest}").format(
            now=figures.size(self._used_bytes), highest=figures.size(highest)
        )

    # --- export ------------------------------------------------------------------------------------------

    def _ask_for_picture(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, self.tr("Save the picture"), "memory.png", "PNG (*.png)")
        if path:
            self.save_picture(Path(path))

    def _ask_for_numbers(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, self.tr("Save the numbers"), "memory.csv", "CSV (*.csv)")
        if path:
            self.save_numbers(Path(path))

    def save_picture(self, path: Path) -> bool:
        """Write what is seen as a PNG; says with `note` how it went."""
        return self._saved(path, self.grab().save(str(path), "PNG"))

    def save_numbers(self, path: Path) -> bool:
        """Write the series that is seen as CSV, one row a time and two columns of bytes a model."""
        series = self.canvas.series
        if series is None:
            return False
        file = QSaveFile(str(path))
        if not file.open(QIODevice.OpenModeFlag.WriteOnly):
            return self._saved(path, False)
        file.write(csv_text(series).encode())
        return self._saved(path, file.commit())

    def _saved(self, path: Path, done: bool) -> bool:
        text = self.tr("saved {file}") if done else self.tr("{file} cannot be written: choose another folder")
        self.note.emit(text.format(file=str(path)))
        return done


def csv_text(series: PlotSeries) -> str:
    """The series as CSV: time in UTC, then private and mapped bytes of each model."""
    rows: list[list[str]] = [["time"]]
    for model in series.models:
        rows[0] += [f"{model} private_bytes", f"{model} weights_bytes"]
    for column, time in enumerate(series.times):
        moment = datetime.datetime.fromtimestamp(float(time), datetime.timezone.utc)
        row = [moment.isoformat(timespec="milliseconds")]
        for number in range(len(series.models)):
            pair = (series.private[number, column], series.weights[number, column])
            row += ["" if np.isnan(value) else str(round(float(value))) for value in pair]
        rows.append(row)
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


class _KeySwatch(QWidget):
    """A small square as the areas are drawn, solid or hatched."""

    def __init__(self, theme: Theme, *, hatched: bool) -> None:
        super().__init__()
        self._theme = theme
        self._hatched = hatched
        self.setFixedSize(12, 12)

    def sizeHint(self) -> QSize:
        return QSize(12, 12)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        colour, card = QColor(self._theme.palette.other), QColor(self._theme.palette.card)
        rect = QRectF(0.5, 0.5, 11, 11)
        painter.setPen(QPen(colour, 1))
        painter.setBrush(hatch(colour, card, self.devicePixelRatioF()) if self._hatched else colour)
        painter.drawRect(rect)
