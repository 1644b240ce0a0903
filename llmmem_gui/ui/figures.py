"""Numbers as a person reads them in the language in force: sizes, durations, counts, times."""

from __future__ import annotations

import re

from PySide6.QtCore import QDateTime, QLocale, QTime

from llmmem_gui.core.sentence import BadValue, Sentence
from llmmem_gui.core.typed import parse_bytes, parse_duration
from llmmem_gui.core.units import format_duration, scale_bytes

NO_BREAK = "\N{NO-BREAK SPACE}"
DASH = "–"


def size(size_bytes: int) -> str:
    """A measured size with three digits that count: `236 MiB`, `5.06 GiB`."""
    value, unit, decimals = scale_bytes(size_bytes)
    return f"{QLocale().toString(value, 'f', decimals)}{NO_BREAK}{unit}"


def chosen_size(size_bytes: int) -> str:
    """A size that somebody chose, without zeros that say nothing: `8 GiB`, `2.5 GiB`."""
    value, unit, decimals = scale_bytes(size_bytes)
    shown = next(d for d in range(decimals + 1) if d == decimals or round(value, d) == round(value, decimals))
    return f"{QLocale().toString(value, 'f', shown)}{NO_BREAK}{unit}"


def read_size(text: str) -> int:
    """Bytes from what a person typed, with the decimal sign of the language; ValueError as `parse_bytes`."""
    return parse_bytes(_without_locale(text))


def duration(seconds: float) -> str:
    """A duration: `0.3 s`, `12 s`, `2 min 30 s`."""
    return format_duration(seconds).replace(".", QLocale().decimalPoint()).replace(" ", NO_BREAK)


def read_duration(text: str) -> float:
    """Seconds from what a person typed; ValueError as `parse_duration`."""
    return parse_duration(_without_locale(text))


def count(number: int) -> str:
    """A whole number with the separators of the language: `16,384`."""
    return QLocale().toString(number)


def read_count(text: str) -> int:
    """A whole number from what a person typed; ValueError when it is none."""
    digits = "".join(sign for sign in text if not sign.isspace() and sign not in ".,'’")
    if not digits.isdigit() or len(digits) > 12:
        raise BadValue(Sentence("Typed", "“{text}” is not a whole number.").format(text=text[:40]))
    return int(digits)


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


def day(seconds_since_epoch: float) -> str:
    """The local day: `Mon 23`."""
    moment = QDateTime.fromMSecsSinceEpoch(round(seconds_since_epoch * 1000))
    return QLocale().toString(moment.date(), "ddd d")


def is_midnight(seconds_since_epoch: float) -> bool:
    """Whether the local time of day is 00:00."""
    return QDateTime.fromMSecsSinceEpoch(round(seconds_since_epoch * 1000)).time() == QTime(0, 0)


def _without_locale(text: str) -> str:
    locale = QLocale()
    plain = (
        text.replace(locale.groupSeparator(), "")
        .replace(NO_BREAK, " ")
        .replace("\N{NARROW NO-BREAK SPACE}", " ")
    )
    return plain.replace(locale.decimalPoint(), ".")
