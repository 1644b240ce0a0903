"""Scales of the sliders: which values they stop at, which of these are notches, how they read and write."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication

from llmmem_gui.core.typed import BARE_UNIT
from llmmem_gui.core.units import GIB, MIB
from llmmem_gui.ui import figures

translate = QCoreApplication.translate

Value = float | None
"""A value of a slider in the unit of its scale; None is the stop beyond the largest: *no limit*, *never*."""
_NOTHING = ("none", "0", "-", "–", "")
"""What else a person writes for no limit."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Values in rising order; None, if it is there, comes last."""

    stops: tuple[Value, ...]
    notches: tuple[Value, ...]
    write: Callable[[Value], str]
    read: Callable[[str], Value]
    """Raises ValueError with one sentence when the text is no value."""

    def position_of(self, value: Value) -> float:
        """Where a value stands: the number of its stop, with a fraction between two stops."""
        numbers = [stop for stop in self.stops if stop is not None]
        if value is None:
            return float(len(self.stops) - 1)
        right = bisect_left(numbers, value)
        if right >= len(numbers):
            return float(len(numbers) - 1)
        if right == 0 or numbers[right] == value:
            return float(right)
        left = numbers[right - 1]
        return right - 1 + (value - left) / (numbers[right] - left)

    def value_at(self, position: int) -> Value:
        """The value of a stop."""
        return self.stops[min(max(position, 0), len(self.stops) - 1)]


def byte_scale(least_bytes: int, most_bytes: int, *, none_text: str | None = None) -> Scale:
    """Bytes in steps that grow with the size, notches at powers of two; with `none_text` also *no limit*."""
    stops: list[Value] = list(_byte_stops(least_bytes, most_bytes))
    notches = [stop for stop in stops if stop is not None and int(stop) & (int(stop) - 1) == 0]
    if none_text is not None:
        stops.append(None)

    def write(value: Value) -> str:
        return none_text or "" if value is None else figures.chosen_size(round(value))

    def read(text: str) -> Value:
        if none_text is not None and text.strip().lower() in (none_text.lower(), *_NOTHING):
            return None
        size_bytes = figures.read_size(text)
        if size_bytes < least_bytes:
            least = figures.chosen_size(least_bytes)
            if any(sign.isalpha() for sign in text):
                raise ValueError(translate("Scale", "At least {size} is needed.").format(size=least))
            said = translate("Scale", "At least {size}; a number without a unit is {unit}.")
            raise ValueError(said.format(size=least, unit=BARE_UNIT))
        if size_bytes > most_bytes:
            raise ValueError(
                translate("Scale", "At most {size} is possible.").format(size=figures.chosen_size(most_bytes))
            )
        return size_bytes

    return Scale(tuple(stops), tuple(notches), write, read)


def context_scale(most_tokens: int) -> Scale:
    """Tokens of context: multiples of 256 that grow with the size, notches at powers of two."""
    most = max(512, most_tokens)
    stops: list[Value] = []
    tokens = 512
    while tokens < most:
        stops.append(tokens)
        # Eight stops to each doubling, never finer than llama.cpp rounds.
        tokens += max(256, 2 ** (tokens.bit_length() - 1) // 8)
    stops.append(most)
    notches = [stop for stop in stops if stop is not None and int(stop) & (int(stop) - 1) == 0]

    def read(text: str) -> Value:
        number = figures.read_count(text)
        if not 1 <= number <= most:
            raise ValueError(
                translate("Scale", "The context lies between 1 and {most} tokens.").format(
                    most=figures.count(most)
                )
            )
        return number

    return Scale(tuple(stops), tuple(notches), lambda v: figures.count(round(v or 0)), read)


def minutes_scale(never_text: str) -> Scale:
    """Minutes of idle time, the last stop is *never*."""
    stops = (1, 2, 3, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 360, 480, 720, 1440, None)

    def write(value: Value) -> str:
        return never_text if value is None else figures.duration(value * 60)

    def read(text: str) -> Value:
        if text.strip().lower() in (never_text.lower(), *_NOTHING):
            return None
        minutes = figures.read_duration(text) / 60
        if not 0.1 <= minutes <= 10080:
            raise ValueError(translate("Scale", "Between 6 s and 7 days is possible."))
        return minutes

    return Scale(stops, (5, 15, 60, 240, None), write, read)


def _byte_stops(least_bytes: int, most_bytes: int) -> Iterator[int]:
    size_bytes = least_bytes
    while size_bytes < most_bytes:
        yield size_bytes
        step = _byte_step(size_bytes)
        size_bytes = (size_bytes // step + 1) * step
    yield most_bytes


def _byte_step(size_bytes: int) -> int:
    for bound, step in ((GIB, 64 * MIB), (4 * GIB, 128 * MIB), (16 * GIB, 256 * MIB), (64 * GIB, 512 * MIB)):
        if size_bytes < bound:
            return step
    return max(GIB, 2 ** (size_bytes.bit_length() - 1) // 64)
