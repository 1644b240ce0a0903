"""What a cell of the table of models says, whatever its row is about."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from llmmem_gui.core.snapshot import State


class Column(IntEnum):
    """Columns from left to right."""

    MODEL = 0
    STATE = 1
    USES = 2
    GPU = 3
    """Only where a device has memory of its own."""
    FORECAST = 4
    LIMIT = 5
    IDLE = 6


@dataclass(frozen=True, slots=True)
class Cell:
    """Two lines of text; `progress` is the share of a load that is done."""

    text: str
    under: str = ""
    level: str = ""
    """warning, critical or empty: how the lower line is drawn."""
    progress: float | None = None
    state: State = State.UNLOADED
    holds_memory: bool = False


def rounded(seconds: float) -> float:
    """Whole seconds below a minute, whole minutes below an hour: what changes too often is not read."""
    return round(seconds) if seconds < 60 else round(seconds / 60) * 60
