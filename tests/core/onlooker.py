"""What somebody knows of a cache who sees only the messages and actions that pass."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from llmmem_gui.core.plan import Charge


@dataclass
class SeenHost:
    """What an onlooker knows of one host from the messages and actions alone."""

    model: str
    charge: Charge
    ready: bool = False
    stopped: bool = False
    dozing: bool = False
    in_flight: set[int] = field(default_factory=set)


def choose(among: Iterable[Any], pick: int) -> Any:
    """One of several, the same one for the same number."""
    ordered = sorted(among)
    return ordered[pick % len(ordered)]
