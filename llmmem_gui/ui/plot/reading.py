"""What the crosshair reads: every model's use at one moment, and what happened there."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QCoreApplication, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QLabel, QWidget

from llmmem_gui.core.events import Event
from llmmem_gui.ui import figures
from llmmem_gui.ui.palette import Palette
from llmmem_gui.ui.plot_series import PlotSeries
from llmmem_gui.ui.sentences import event_sentence

translate = QCoreApplication.translate

_GAP = 16
"""Pixels between the pointer and the box."""
_LONGEST_LINE = 62
_MOST_EVENTS = 4


@dataclass(frozen=True, slots=True)
class Reading:
    """What the plot shows at one moment."""

    time: float
    models: tuple[tuple[str, int, int], ...]
    """Id, private and mapped bytes, the uppermost band first."""
    programs: tuple[tuple[str, int], ...] = ()
    """Other programs that held models, as they are recorded, and their bytes; the uppermost band first."""
    peak_bytes: int = 0
    """The highest sum of all within the column of this moment."""
    events: tuple[Event, ...] = ()
    activity: tuple[str, ...] = ()
    """What the plot below says of this moment, a line for each thing."""
    sampled: bool = True
    """False where nothing is known, which is not the same as nothing in use."""
    asleep: bool = False
    """The computer was suspended then."""

    @property
    def total_bytes(self) -> int:
        """Sum of all models."""
        return sum(private + weights for _, private, weights in self.models)

    def text(self, name_of: Callable[[str], str]) -> str:
        """The reading as one line."""
        parts = [f"{name_of(model)} {figures.size(p + w)}" for model, p, w in self.models]
        parts += [f"{name_of(program)} {figures.size(held)}" for program, held in self.programs]
        told = (event_sentence(event, name_of) for event in self.events)
        return " · ".join([self._head(), *parts, *self.activity, *told])

    def _head(self) -> str:
        time = figures.clock(self.time, with_seconds=True)
        if self.asleep:
            return translate("Plot", "{time} · not recorded: the computer slept").format(time=time)
        if not self.sampled:
            return translate("Plot", "{time} · not recorded: the program did not run").format(time=time)
        text = translate("Plot", "{time} · all models {size}").format(
            time=time, size=figures.size(self.total_bytes)
        )
        if self.peak_bytes > self.total_bytes * 1.02:
            text += " · " + translate("Plot", "at most {size}").format(size=figures.size(self.peak_bytes))
        return text

    def rich_text(
        self, name_of: Callable[[str], str], colour_of: Callable[[str], QColor], palette: Palette
    ) -> str:
        """The reading as a small table."""
        quiet = f'style="color:{palette.secondary}"'
        shown = [(program, held, "") for program, held in self.programs]
        shown += [(model, p + w, _parts(p, w)) for model, p, w in self.models]
        rows = [
            f'<tr><td style="color:{colour_of(id).name()}">■</td><td>{html.escape(name_of(id))}</td>'
            f'<td align="right">{figures.size(held)}</td><td {quiet}>{html.escape(parts)}</td></tr>'
            for id, held, parts in shown
        ]
        sentences = (*self.activity, *(event_sentence(event, name_of) for event in self.events))
        told = "".join(
            f"<div {quiet}>{html.escape(line)}</div>" for sentence in sentences for line in _wrapped(sentence)
        )
        table = f'<table cellspacing="0" cellpadding="2">{"".join(rows)}</table>' if rows else ""
        return f"<div>{html.escape(self._head())}</div>{table}{told}"


def reading_at(
    series: PlotSeries, time: float, now: float, events: Sequence[Event] = (), *, asleep: bool = False
) -> Reading | None:
    """What the series says about a moment; None before there is anything and after now."""
    if time > now or not len(series.times):
        return None
    private, weights, peak = series.at(np.array([time]))
    shown = tuple(events[:_MOST_EVENTS])
    if asleep or np.isnan(peak).any():
        return Reading(time, (), events=shown, sampled=False, asleep=asleep)
    rows = [
        (model, round(float(private[row, 0])), round(float(weights[row, 0])))
        for row, model in enumerate(series.models)
    ]
    others = series.others_at(np.array([time]))
    programs = [(each, round(float(others[row, 0]))) for row, each in enumerate(series.programs)]
    return Reading(
        time,
        tuple(row for row in reversed(rows) if row[1] + row[2] > 0),
        tuple(each for each in reversed(programs) if each[1] > 0),
        round(float(peak[0])),
        shown,
    )


class ReadingBox(QLabel):
    """The table beside the pointer; it lies over the whole window, so that no edge of a card cuts it."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self.setObjectName("reading")
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def show_beside(self, pointer: QPoint, text: str) -> None:
        """Show a text beside a point of the window."""
        if text != self.text():
            self.setText(text)
            self.adjustSize()
        self.move(place_beside(pointer, self.size(), self._window.rect()).topLeft())
        self.raise_()
        self.show()


def place_beside(pointer: QPoint, size: QSize, room: QRect) -> QRect:
    """Where a box goes so that it does not cover the pointer, and leaves the room only when it must."""
    beside = QRect(QPoint(0, 0), size)
    beside.moveTop(max(room.top(), min(pointer.y() - size.height() // 2, room.bottom() - size.height())))
    right, left = pointer.x() + _GAP, pointer.x() - _GAP - size.width()
    if right + size.width() <= room.right():
        beside.moveLeft(right)
    elif left >= room.left():
        beside.moveLeft(left)
    else:
        beside.moveLeft(max(room.left(), min(right, room.right() - size.width())))
        below = pointer.y() + _GAP
        above = pointer.y() - _GAP - size.height()
        beside.moveTop(below if below + size.height() <= room.bottom() or above < room.top() else above)
    return beside


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
