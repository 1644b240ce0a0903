"""The crosshair of the plot: what every model used at one moment, and what happened there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QCoreApplication, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen

from llmmem_gui.core.events import Event
from llmmem_gui.ui import figures
from llmmem_gui.ui.palette import ModelColours, Palette
from llmmem_gui.ui.plot_series import PlotSeries
from llmmem_gui.ui.sentences import event_sentence
from llmmem_gui.ui.stacked_areas import at_times

translate = QCoreApplication.translate

_LONGEST_LINE = 62


@dataclass(frozen=True, slots=True)
class Reading:
    """What the plot shows at one moment."""

    time: float
    models: tuple[tuple[str, int, int], ...]
    """Id, private and mapped bytes, the uppermost area first."""
    events: tuple[Event, ...] = ()

    @property
    def total_bytes(self) -> int:
        """Sum of all models."""
        return sum(private + weights for _, private, weights in self.models)

    def text(self) -> str:
        """The reading as one line."""
        parts = [f"{model} {figures.size(private + weights)}" for model, private, weights in self.models]
        head = f"{figures.clock(self.time, with_seconds=True)} · {figures.size(self.total_bytes)}"
        return " · ".join([head, *parts, *(event_sentence(event) for event in self.events)])


def reading_at(series: PlotSeries, time: float, events: Sequence[Event] = ()) -> Reading | None:
    """What the series says about a moment; None where nothing was sampled."""
    private, weights = at_times(series, np.array([time]))
    if not len(series.models) or np.isnan(private).any():
        known = len(series.times) > 1 and series.times[0] <= time <= series.times[-1]
        return Reading(time, (), tuple(events)) if known and not np.isnan(private).any() else None
    rows = [
        (model, round(float(private[row, 0])), round(float(weights[row, 0])))
        for row, model in enumerate(series.models)
    ]
    return Reading(time, tuple(r for r in reversed(rows) if r[1] + r[2] > 0), tuple(events))


def draw_reading(
    painter: QPainter, reading: Reading, x: float, area: QRectF, colours: Palette, tints: ModelColours
) -> None:
    """Draw the line at x and a card beside it that reads all models."""
    painter.setPen(QPen(QColor(colours.text), 1))
    painter.drawLine(QPointF(round(x) + 0.5, area.top()), QPointF(round(x) + 0.5, area.bottom()))
    metrics = QFontMetricsF(painter.font())
    line = metrics.height() * 1.25
    swatch = metrics.height() * 1.1
    rows = [(model, figures.size(p + w), _parts(p, w)) for model, p, w in reading.models]
    lines = [part for event in reading.events for part in _wrapped(event_sentence(event))]
    head = translate("Plot", "{time} · all models {size}").format(
        time=figures.clock(reading.time, with_seconds=True), size=figures.size(reading.total_bytes)
    )
    widths = [
        max((metrics.horizontalAdvance(row[column]) for row in rows), default=0.0) for column in range(3)
    ]
    table_width = swatch + sum(widths) + 28 if rows else 0.0
    text_width = max([metrics.horizontalAdvance(text) for text in (head, *lines)])
    width = max(table_width, text_width) + 20
    height = (1 + len(rows) + len(lines)) * line + 14
    left = x + 12 if x + 12 + width < area.right() + 4 else x - 12 - width
    card = QRectF(max(0.0, left), min(area.top() + 4, max(0.0, area.bottom() - height)), width, height)
    painter.setBrush(QColor(colours.card))
    painter.setPen(QPen(QColor(colours.border), 1))
    painter.drawRoundedRect(card, 7, 7)

    y = card.top() + 7
    middle = Qt.AlignmentFlag.AlignVCenter
    painter.setPen(QColor(colours.text))
    painter.drawText(QRectF(card.left() + 10, y, width, line), middle, head)
    for model, amount, parts in rows:
        y += line
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tints.of(model))
        side = metrics.height() * 0.6
        painter.drawRoundedRect(QRectF(card.left() + 10, y + (line - side) / 2, side, side), 3, 3)
        painter.setPen(QColor(colours.text))
        start = card.left() + 10 + swatch
        painter.drawText(QRectF(start, y, widths[0], line), middle, model)
        right = middle | Qt.AlignmentFlag.AlignRight
        painter.drawText(QRectF(start + widths[0] + 12, y, widths[1], line), right, amount)
        painter.setPen(QColor(colours.secondary))
        painter.drawText(QRectF(start + widths[0] + widths[1] + 20, y, widths[2], line), middle, parts)
    painter.setPen(QColor(colours.secondary))
    for text in lines:
        y += line
        painter.drawText(QRectF(card.left() + 10, y, width - 20, line), middle, text)


def _parts(private: int, weights: int) -> str:
    return translate("Plot", "{private} private + {weights} weights").format(
        private=figures.size(private), weights=figures.size(weights)
    )


def _wrapped(text: str) -> list[str]:
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and len(lines[-1]) + len(word) >= _LONGEST_LINE:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
