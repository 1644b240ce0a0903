"""Bytes and durations to text and back: one place, IEC units, no locale.

Views that write numbers the way of a language take `scale_bytes` and format the value themselves.
"""

from __future__ import annotations

import re
from typing import NamedTuple

KIB = 1024
MIB = 1024**2
GIB = 1024**3

LARGEST_BYTES = 2**63 - 1
"""The largest size accepted from a person: what a signed 64-bit number holds."""

_IEC_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")

_BYTES_PER_UNIT: dict[str, int] = {
    "": 1,
    **{unit.lower(): 1024**power for power, unit in enumerate(_IEC_UNITS)},
    **{unit[0].lower(): 1024**power for power, unit in enumerate(_IEC_UNITS)},
    **{f"{prefix}b": 1000**power for power, prefix in enumerate("kmgtpe", start=1)},
}

_SECONDS_PER_UNIT = {"ms": 0.001, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

# Bounded digits keep every number finite and cheap to read.
_NUMBER = r"\d{1,24}(?:\.\d{0,24})?|\.\d{1,24}"
_SIZE = re.compile(rf"({_NUMBER})\s*([a-z]*)", re.ASCII)
_SECONDS = re.compile(_NUMBER, re.ASCII)
_DURATION_PART = re.compile(rf"({_NUMBER})\s*({'|'.join(_SECONDS_PER_UNIT)})\s*", re.ASCII)
_DURATION = re.compile(rf"(?:{_DURATION_PART.pattern})+", re.ASCII)


class ScaledBytes(NamedTuple):
    """A size as a person reads it: the number, its IEC unit, and how many decimals the number deserves."""

    value: float
    unit: str
    decimals: int


def scale_bytes(size_bytes: int) -> ScaledBytes:
    """A size in the largest IEC unit that leaves at least 1, with three digits that count."""
    value = float(size_bytes)
    if abs(value) < KIB:
        return ScaledBytes(value, "B", 0)
    for unit in _IEC_UNITS[1:]:
        value /= 1024
        decimals = 2 if round(abs(value), 2) < 10 else 1 if round(abs(value), 1) < 100 else 0
        # 1023.7 MiB would be written as 1024 MiB: that is 1.00 GiB.
        if round(abs(value), decimals) < 1024 or unit == _IEC_UNITS[-1]:
            break
    return ScaledBytes(value, unit, decimals)


def format_bytes(size_bytes: int) -> str:
    """A size as text: `236 MiB`, `5.06 GiB`, `31.1 GiB`."""
    value, unit, decimals = scale_bytes(size_bytes)
    return f"{value:.{decimals}f} {unit}"


def parse_bytes(text: str) -> int:
    """Bytes written as `8 GiB`, `8192 MiB`, `8g` (binary), `8 GB` (decimal) or plain bytes.

    Raises ValueError with one sentence when the text is not a size or is too large for 64 bits.
    """
    found = _SIZE.fullmatch(text.strip().lower())
    if not found or found[2] not in _BYTES_PER_UNIT:
        raise ValueError(f"{_shown(text)} is not a size: write a number and a unit, such as 8 GiB.")
    number, unit_bytes = found[1], _BYTES_PER_UNIT[found[2]]
    # A whole number stays exact; a float would round it above 2**53.
    size_bytes = int(number) * unit_bytes if number.isdigit() else round(float(number) * unit_bytes)
    if size_bytes > LARGEST_BYTES:
        raise ValueError(f"{_shown(text)} is more than this program can count: write less than 8 EiB.")
    return size_bytes


def format_duration(seconds: float) -> str:
    """A duration as text in at most two units: `15 ms`, `0.3 s`, `12 s`, `2 min 30 s`, `2 d 3 h`."""
    if seconds < 0:
        return f"-{format_duration(-seconds)}"
    if 0 < seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    whole_seconds = round(seconds)
    if whole_seconds < 60:
        return f"{whole_seconds} s"
    if whole_seconds < 3600:
        return _two_units(whole_seconds, 60, "min", "s")
    minutes = round(seconds / 60)
    if minutes < 24 * 60:
        return _two_units(minutes, 60, "h", "min")
    return _two_units(round(seconds / 3600), 24, "d", "h")


def parse_duration(text: str) -> float:
    """Seconds written as `15 min`, `90 s`, `250 ms`, `1 h 30 min`, `2d` or a plain number of seconds.

    Raises ValueError with one sentence when the text is not a duration.
    """
    lowered = text.strip().lower()
    if _SECONDS.fullmatch(lowered):
        return float(lowered)
    if not _DURATION.fullmatch(lowered):
        raise ValueError(f"{_shown(text)} is not a duration: write a number and a unit, such as 15 min.")
    return sum(float(number) * _SECONDS_PER_UNIT[unit] for number, unit in _DURATION_PART.findall(lowered))


def _two_units(count: int, smaller_per_larger: int, larger: str, smaller: str) -> str:
    whole, rest = divmod(count, smaller_per_larger)
    return f"{whole} {larger} {rest} {smaller}" if rest else f"{whole} {larger}"


def _shown(text: str) -> str:
    """The text in quotes, cut so that a message stays one sentence."""
    return f'"{text[:40]}…"' if len(text) > 40 else f'"{text}"'
