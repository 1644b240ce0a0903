"""Ticks of the plot: round numbers of bytes, round moments of time."""

from __future__ import annotations

import math
from dataclasses import dataclass

from PySide6.QtCore import QDateTime

from llmmem_gui.ui import figures

_TIME_STEPS = (
    1, 2, 5, 10, 15, 30,
    60, 120, 300, 600, 900, 1800,
    3600, 7200, 10800, 21600, 43200,
    86400, 172800, 604800,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tick:
    """One mark on an axis: where, in the unit of the axis, and what is written there."""

    value: float
    label: str


def top_of_axis(highest_bytes: float) -> float:
    """The upper end of the axis for values up to `highest_bytes`, with a little air above."""
    return max(1.0, highest_bytes * 1.09)


def byte_step(top_bytes: float, ticks: int = 5) -> float:
    """Distance of the ticks on an axis up to `top_bytes`: 1, 2, 4 or 5 times a power in its unit."""
    unit = 1024.0 ** max(0, min(6, int(math.log(max(1.0, top_bytes), 1024))))
    raw = top_bytes / unit / ticks
    decade = 10.0 ** math.floor(math.log10(raw)) if raw >= 1 else 0.25 if raw > 0.2 else 0.05
    choices = (1, 2, 2.5, 5, 10) if raw >= 10 else (1, 2, 4, 5, 10)
    return unit * decade * next((c for c in choices if c * decade >= raw), 10)


def byte_ticks(top_bytes: float) -> list[Tick]:
    """Ticks from zero to the top."""
    step = byte_step(top_bytes)
    return [
        Tick(n * step, figures.chosen_size(round(n * step)) if n else "0")
        for n in range(int(top_bytes / step + 1e-6) + 1)
    ]


def elapsed_ticks(span_seconds: float, now_label: str, minutes: str, seconds: str) -> list[Tick]:
    """Ticks of a live window as time before now; values are seconds, negative; the last is now."""
    step = _step_for(span_seconds, 6)
    unit, name = (60, minutes) if span_seconds > 90 else (1, seconds)
    ticks: list[Tick] = []
    for number in range(int(span_seconds / step + 1e-6), 0, -1):
        value = number * step / unit
        digits = 0 if value == int(value) else 1
        label = f"−{figures.decimal(value, digits)}"
        first = not ticks
        ticks.append(Tick(-number * step, f"{label}{figures.NO_BREAK}{name}" if first else label))
    return [*ticks, Tick(0.0, now_label)]


def clock_ticks(start: float, end: float) -> list[Tick]:
    """Ticks at round local times of day; values are seconds since the epoch."""
    step = _step_for(end - start, 7)
    offset = QDateTime.fromMSecsSinceEpoch(round(start * 1000)).offsetFromUtc()
    first = math.ceil((start + offset) / step) * step - offset
    ticks = []
    value = float(first)
    while value <= end:
        if step >= 86400 or (step >= 3600 and figures.is_midnight(value)):
            label = figures.day(value)
        else:
            label = figures.clock(value, with_seconds=step < 60)
        ticks.append(Tick(value, label))
        value += step
    return ticks


def _step_for(span_seconds: float, ticks: int) -> float:
    return next((s for s in _TIME_STEPS if span_seconds / s <= ticks), _TIME_STEPS[-1])
