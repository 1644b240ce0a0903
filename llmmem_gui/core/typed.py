"""Sizes and durations that a person typed: IEC units, no locale."""

from __future__ import annotations

import re

from llmmem_gui.core.sentence import BadValue, Sentence
from llmmem_gui.core.units import IEC_UNITS, LARGEST_BYTES

_BYTES_PER_UNIT: dict[str, int] = {
    "": 1,
    **{unit.lower(): 1024**power for power, unit in enumerate(IEC_UNITS)},
    **{unit[0].lower(): 1024**power for power, unit in enumerate(IEC_UNITS)},
    **{f"{prefix}b": 1000**power for power, prefix in enumerate("kmgtpe", start=1)},
}

_SECONDS_PER_UNIT = {"ms": 0.001, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

# Bounded digits keep every number finite and cheap to read.
_NUMBER = r"\d{1,24}(?:\.\d{0,24})?|\.\d{1,24}"
_SIZE = re.compile(rf"({_NUMBER})\s*([a-z]*)", re.ASCII)
_SECONDS = re.compile(_NUMBER, re.ASCII)
_DURATION_PART = re.compile(rf"({_NUMBER})\s*({'|'.join(_SECONDS_PER_UNIT)})\s*", re.ASCII)
_DURATION = re.compile(rf"(?:{_DURATION_PART.pattern})+", re.ASCII)


def parse_bytes(text: str) -> int:
    """Bytes written as `8 GiB`, `8192 MiB`, `8g` (binary), `8 GB` (decimal) or plain bytes.

    Raises BadValue when the text is not a size or is too large for 64 bits.
    """
    found = _SIZE.fullmatch(text.strip().lower())
    if not found or found[2] not in _BYTES_PER_UNIT:
        raise BadValue(
            Sentence("Typed", "{text} is not a size: write a number and a unit, such as 8 GiB.").format(
                text=_shown(text)
            )
        )
    number, unit_bytes = found[1], _BYTES_PER_UNIT[found[2]]
    # A whole number stays exact; a float would round it above 2**53.
    size_bytes = int(number) * unit_bytes if number.isdigit() else round(float(number) * unit_bytes)
    if size_bytes > LARGEST_BYTES:
        raise BadValue(
            Sentence("Typed", "{text} is more than this program can count: write less than 8 EiB.").format(
                text=_shown(text)
            )
        )
    return size_bytes


def parse_duration(text: str) -> float:
    """Seconds written as `15 min`, `90 s`, `250 ms`, `1 h 30 min`, `2d` or a plain number of seconds.

    Raises BadValue when the text is not a duration.
    """
    lowered = text.strip().lower()
    if _SECONDS.fullmatch(lowered):
        return float(lowered)
    if not _DURATION.fullmatch(lowered):
        raise BadValue(
            Sentence("Typed", "{text} is not a duration: write a number and a unit, such as 15 min.").format(
                text=_shown(text)
            )
        )
    return sum(float(number) * _SECONDS_PER_UNIT[unit] for number, unit in _DURATION_PART.findall(lowered))


def _shown(text: str) -> str:
    """The text in quotes, cut so that a message stays one sentence."""
    return f'"{text[:40]}…"' if len(text) > 40 else f'"{text}"'
