"""What a command writes: tables that line up, JSON for programs, and nothing that harms a terminal."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from llmmem_gui.core.units import format_bytes


def write_json(content: Any) -> None:
    """Write one JSON value on a line of its own, in UTF-8 whatever the locale (RFC 8259)."""
    sys.stdout.flush()
    sys.stdout.buffer.write(msgspec.json.encode(content) + b"\n")


def write_table(headers: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[str] = ()) -> None:
    """Write rows under headers; the columns named in `right` are numbers and line up on the right."""
    lines = [list(headers), *([harmless(cell, newlines=False) for cell in row] for row in rows)]
    widths = [max(_width(line[column]) for line in lines) for column in range(len(headers))]
    for line in lines:
        cells = [
            _padded(cell, width, right=header in right)
            for cell, width, header in zip(line, widths, headers, strict=True)
        ]
        sys.stdout.write("  ".join(cells).rstrip() + "\n")


def write_left_out(sentences: Iterable[str]) -> None:
    """Write what of a model's own settings has no effect here, a sentence a line."""
    for sentence in sentences:
        sys.stdout.write(harmless(sentence, newlines=False) + "\n")


def size(size_bytes: int | None) -> str:
    """A size as a person reads it; a dash when there is none."""
    return "–" if size_bytes is None else format_bytes(size_bytes)


def percent(value: float | None) -> str:
    """A percentage without decimals; a dash when there is none."""
    return "–" if value is None else f"{value:.0f} %"


def harmless(text: str, *, newlines: bool = True) -> str:
    """The text without characters that a terminal obeys: model names and answers come from strangers."""
    kept = "\n\t" if newlines else ""
    return "".join(c if c in kept or unicodedata.category(c)[0] != "C" else "\ufffd" for c in text)


def cut(text: str, columns: int) -> str:
    """The text, with an ellipsis for what does not fit into so many columns of a terminal."""
    if _width(text) <= columns:
        return text
    kept = next(end for end in range(len(text), -1, -1) if _width(text[:end]) < columns)
    return f"{text[:kept]}…"


def _width(text: str) -> int:
    """Columns that the text takes in a terminal."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


def _padded(cell: str, width: int, *, right: bool) -> str:
    padding = " " * (width - _width(cell))
    return padding + cell if right else cell + padding
