"""Bytes and durations as text: one place, IEC units, no locale.

Views that write numbers the way of a language take `scale_bytes` and format the value themselves.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

KIB = 1024
MIB = 1024**2
GIB = 1024**3

LARGEST_BYTES = 2**63 - 1
"""The largest size accepted from a person: what a signed 64-bit number holds."""

IEC_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


class ScaledBytes(NamedTuple):
    """A size as a person reads it: the number, its IEC unit, and how many decimals the number deserves."""

    value: float
    unit: str
    decimals: int


@lru_cache(maxsize=512)  # each size is told in several places of a window, each second anew
def scale_bytes(size_bytes: int) -> ScaledBytes:
    """A size in the largest IEC unit that leaves at least 1, with three digits that count."""
    value = float(size_bytes)
    if abs(value) < KIB:
        return ScaledBytes(value, "B", 0)
    for unit in IEC_UNITS[1:]:
        value /= 1024
        decimals = 2 if round(abs(value), 2) < 10 else 1 if round(abs(value), 1) < 100 else 0
        # 1023.7 MiB would be written as 1024 MiB: that is 1.00 GiB.
        if round(abs(value), decimals) < 1024 or unit == IEC_UNITS[-1]:
            break
    return ScaledBytes(value, unit, decimals)


def format_bytes(size_bytes: int) -> str:
    """A size as text: `236 MiB`, `5.06 GiB`, `31.1 GiB`."""
    value, unit, decimals = scale_bytes(size_bytes)
    return f"{value:.{decimals}f} {unit}"


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


def _two_units(count: int, smaller_per_larger: int, larger: str, smaller: str) -> str:
    whole, rest = divmod(count, smaller_per_larger)
    return f"{whole} {larger} {rest} {smaller}" if rest else f"{whole} {larger}"
