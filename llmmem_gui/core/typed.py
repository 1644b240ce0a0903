"""Sizes, durations and counts that a person typed: IEC units, numbers as any language writes them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from llmmem_gui.core.sentence import BadValue, Sentence
from llmmem_gui.core.units import IEC_UNITS, LARGEST_BYTES

_BYTES_PER_UNIT: dict[str, int] = {
    **{unit.lower(): 1024**power for power, unit in enumerate(IEC_UNITS)},
    **{unit[0].lower(): 1024**power for power, unit in enumerate(IEC_UNITS)},
    **{f"{prefix}b": 1000**power for power, prefix in enumerate("kmgtpe", start=1)},
}

_SECONDS_PER_UNIT = {"ms": 0.001, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

BARE_UNIT = "MiB"
"""What a number without a unit means wherever a person gives a size."""

_LONGEST_TEXT = 100
"""A text that is longer is no number; so every number is finite and cheap to read."""
_ALWAYS_DECIMAL = "٫"
_ALWAYS_GROUPING = "'’٬"


@dataclass(frozen=True, slots=True)
class NumberSigns:
    """How a language writes numbers."""

    decimal: str = "."
    group: str = ","
    last_group: int = 3
    """Digits behind the last sign that groups them."""

    @property
    def number(self) -> str:
        """A pattern of what may be a number; whether it is one, `_plain` says."""
        between = re.escape(f".,{_ALWAYS_DECIMAL}{_ALWAYS_GROUPING}{self.decimal}{self.group}")
        points = re.escape(f".,{_ALWAYS_DECIMAL}{self.decimal}")
        return rf"[{points}]?\d+(?:[{between}\s]\d+)*[{points}]?"


_ENGLISH = NumberSigns()


def parse_bytes(text: str, *, bare_unit: str = "B", signs: NumberSigns = _ENGLISH) -> int:
    """Bytes written as `8 GiB`, `8192 MiB`, `8g` (binary), `8 GB` (decimal) or a number of `bare_unit`.

    Raises BadValue when the text is not a size or is too large for 64 bits.
    """
    lowered = text.strip().lower()
    found = re.fullmatch(rf"({signs.number})\s*([a-z]*)", lowered) if len(lowered) <= _LONGEST_TEXT else None
    number = _plain(found[1], signs) if found else None
    unit_bytes = _BYTES_PER_UNIT.get(found[2] or bare_unit.lower()) if found else None
    if number is None or unit_bytes is None:
        raise BadValue(
            Sentence("Typed", "{text} is not a size: write a number and a unit, such as 8 GiB.").format(
                text=_shown(text)
            )
        )
    # A whole number stays exact; a float would round it above 2**53.
    size_bytes = int(number) * unit_bytes if number.isdigit() else round(float(number) * unit_bytes)
    if size_bytes > LARGEST_BYTES:
        raise BadValue(
            Sentence("Typed", "{text} is more than this program can count: write less than 8 EiB.").format(
                text=_shown(text)
            )
        )
    return size_bytes


def parse_duration(text: str, *, bare_unit: str = "s", signs: NumberSigns = _ENGLISH) -> float:
    """Seconds written as `15 min`, `90 s`, `250 ms`, `1 h 30 min`, `2d` or a plain number of `bare_unit`.

    Raises BadValue when the text is not a duration.
    """
    lowered = text.strip().lower()
    part = rf"({signs.number})\s*({'|'.join(_SECONDS_PER_UNIT)})\s*"
    if len(lowered) <= _LONGEST_TEXT:
        if re.fullmatch(signs.number, lowered):
            parts = [(lowered, bare_unit)]
        else:
            parts = re.findall(part, lowered) if re.fullmatch(rf"(?:{part})+", lowered) else []
        numbers = [_plain(number, signs) for number, _ in parts]
        if parts and None not in numbers:
            units = [_SECONDS_PER_UNIT[unit] for _, unit in parts]
            return sum(float(number or 0) * unit for number, unit in zip(numbers, units, strict=True))
    raise BadValue(
        Sentence("Typed", "{text} is not a duration: write a number and a unit, such as 15 min.").format(
            text=_shown(text)
        )
    )


def parse_decimal(text: str, *, signs: NumberSigns = _ENGLISH) -> float:
    """A number that may have decimals. Raises BadValue."""
    stripped = text.strip()
    fits = len(stripped) <= _LONGEST_TEXT and re.fullmatch(signs.number, stripped)
    number = _plain(stripped, signs) if fits else None
    if number is None:
        raise BadValue(Sentence("Typed", "{text} is not a number.").format(text=_shown(text)))
    return float(number)


def parse_count(text: str, *, signs: NumberSigns = _ENGLISH) -> int:
    """A whole number. A sign before three digits can only group them, in any language. Raises BadValue."""
    stripped = text.strip()
    if len(stripped) <= 24 and re.fullmatch(signs.number, stripped):
        pieces, between = _split(stripped)
        if not between or (_is_one_kind(between) and _is_grouped(pieces, signs)):
            return int("".join(pieces))
    raise BadValue(Sentence("Typed", "“{text}” is not a whole number.").format(text=text[:40]))


def _plain(number: str, signs: NumberSigns) -> str | None:
    """The number with a point before its decimals and no other sign; None when it cannot be read.

    A sign groups digits only where it can: before exactly three of them, and never the one that this language
    puts before decimals. What a language writes is read as it means it; whatever else people write, *1.5* and
    *1,5* are one and a half.
    """
    pieces, between = _split(number)
    fraction = ""
    if between and _is_decimal(pieces, between, signs):
        *pieces, fraction = pieces
        *between, _ = between
    if between and not (_is_one_kind(between) and _is_grouped(pieces, signs)):
        return None
    whole = "".join(pieces) or "0"
    return f"{whole}.{fraction}" if fraction else whole


def _split(number: str) -> tuple[list[str], list[str]]:
    """The digits as ASCII, and the signs between them."""
    digits = "".join(str(unicodedata.decimal(sign, "")) or sign for sign in number)
    return re.split(r"[^0-9]", digits), re.findall(r"[^0-9]", digits)


def _is_decimal(pieces: Sequence[str], between: Sequence[str], signs: NumberSigns) -> bool:
    """Whether the last sign stands before decimals."""
    last, earlier = between[-1], between[:-1]
    if last in earlier or last in _ALWAYS_GROUPING or last.isspace():
        return False
    if last in (signs.decimal, _ALWAYS_DECIMAL) or earlier:
        return True
    return last != signs.group or not _is_grouped(pieces, signs) or pieces[0].startswith("0")


def _is_one_kind(between: Sequence[str]) -> bool:
    return len({" " if sign.isspace() else sign for sign in between}) == 1


def _is_grouped(pieces: Sequence[str], signs: NumberSigns) -> bool:
    """Whether these are groups of digits: three in the last, and in India two in those before."""
    first, *middle, last = pieces
    usual = all(len(group) in (2, 3) for group in middle)
    return 1 <= len(first) <= 3 and len(last) == signs.last_group and usual


def _shown(text: str) -> str:
    """The text in quotes, cut so that a message stays one sentence."""
    return f'"{text[:40]}…"' if len(text) > 40 else f'"{text}"'
