"""Numbers as a person reads them in the language in force: sizes, durations, counts, times."""

from __future__ import annotations

import re
import unicodedata

from PySide6.QtCore import QDateTime, QLocale, QTime

from llmmem_gui.core.typed import (
    BARE_UNIT,
    NumberSigns,
    parse_bytes,
    parse_count,
    parse_decimal,
    parse_duration,
)
from llmmem_gui.core.units import format_duration, scale_bytes

NO_BREAK = "\N{NO-BREAK SPACE}"
DASH = "–"
_LONGEST_NAME = 40


def size(size_bytes: int) -> str:
    """A measured size with three digits that count: `236 MiB`, `5.06 GiB`."""
    value, unit, decimals = scale_bytes(size_bytes)
    return f"{QLocale().toString(value, 'f', decimals)}{NO_BREAK}{unit}"


def vram(size_bytes: int) -> str:
    """What follows a size of which so much lies on GPUs: ` (4.30 GiB VRAM)`; nothing where there is none."""
    return f" ({size(size_bytes)}{NO_BREAK}VRAM)" if size_bytes else ""


def chosen_size(size_bytes: int) -> str:
    """A size that somebody chose, without zeros that say nothing: `8 GiB`, `2.5 GiB`."""
    value, unit, decimals = scale_bytes(size_bytes)
    shown = next(d for d in range(decimals + 1) if d == decimals or round(value, d) == round(value, decimals))
    return f"{QLocale().toString(value, 'f', shown)}{NO_BREAK}{unit}"


def read_size(text: str) -> int:
    """Bytes from what a person typed in the language in force; ValueError as `parse_bytes`."""
    return parse_bytes(text, bare_unit=BARE_UNIT, signs=_signs())


def duration(seconds: float) -> str:
    """A duration: `0.3 s`, `12 s`, `2 min 30 s`."""
    return format_duration(seconds).replace(".", QLocale().decimalPoint()).replace(" ", NO_BREAK)


def read_duration(text: str) -> float:
    """Seconds from what a person typed, a bare number being minutes; ValueError as `parse_duration`."""
    return parse_duration(text, bare_unit="min", signs=_signs())


def count(number: int) -> str:
    """A whole number with the separators of the language: `16,384`."""
    return QLocale().toString(number)


def read_count(text: str) -> int:
    """A whole number from what a person typed; ValueError when it is none."""
    return parse_count(text, signs=_signs())


def read_decimal(text: str) -> float:
    """A number from what a person typed; ValueError when it is none."""
    return parse_decimal(text, signs=_signs())


def shortened(name: str) -> str:
    """A name that a button or a menu has room for: of a long one the beginning and the end."""
    half = _LONGEST_NAME // 2
    return name if len(name) <= _LONGEST_NAME else f"{name[:half]}…{name[1 - half :]}"


def isolated(text: str) -> str:
    """A name that leaves what stands beside it where it is, in whichever direction it is written."""
    if not any(unicodedata.bidirectional(letter) in ("R", "AL") for letter in text):
        return text
    return f"\N{FIRST STRONG ISOLATE}{text}\N{POP DIRECTIONAL ISOLATE}"


def kept_together(text: str) -> str:
    """A text in which no line ends between a number and its unit."""
    return re.sub(r"(?<=\d) (?=%|[KMGT]?i?B\b|min\b|s\b)", NO_BREAK, text)


def decimal(number: float, decimals: int = 1) -> str:
    """A number with a fixed count of decimals."""
    return QLocale().toString(number, "f", decimals)


def percent(share: float) -> str:
    """A share between 0 and 1 as `72 %`."""
    return f"{QLocale().toString(round(share * 100))}{NO_BREAK}%"


def clock(seconds_since_epoch: float, *, with_seconds: bool = False) -> str:
    """The local time of day: `12:31`."""
    time = QDateTime.fromMSecsSinceEpoch(round(seconds_since_epoch * 1000)).time()
    return QLocale().toString(time, "HH:mm:ss" if with_seconds else "HH:mm")


def moment(seconds_since_epoch: float, now: float) -> str:
    """The local time of day, with the day before it where that is not clear: `12:31`, `Mon 23 12:31`."""
    time = clock(seconds_since_epoch)
    return time if abs(now - seconds_since_epoch) < 43_200 else f"{day(seconds_since_epoch)} {time}"


def day(seconds_since_epoch: float) -> str:
    """The local day: `Mon 23`."""
    moment = QDateTime.fromMSecsSinceEpoch(round(seconds_since_epoch * 1000))
    return QLocale().toString(moment.date(), "ddd d")


def is_midnight(seconds_since_epoch: float) -> bool:
    """Whether the local time of day is 00:00."""
    return QDateTime.fromMSecsSinceEpoch(round(seconds_since_epoch * 1000)).time() == QTime(0, 0)


def _signs() -> NumberSigns:
    locale = QLocale()
    group = locale.groupSeparator()
    *_, last = locale.toString(1_000_000).split(group)
    return NumberSigns(locale.decimalPoint(), group, len(last))
