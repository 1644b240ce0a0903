"""What the plot is told: everything that it draws besides the series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from llmmem_gui.core.events import Event
from llmmem_gui.ui.composition import Ghost
from llmmem_gui.ui.plot_activity import Curve


@dataclass(frozen=True, slots=True)
class Lane:
    """A device with memory of its own, as it is now."""

    key: str
    device: str
    """llama.cpp's name of it."""
    name: str
    limit_bytes: int
    used: Mapping[str, int]
    """What each model holds of it, bytes by id."""
    is_asked_for: bool = False
    """A person wants it, also where little room is left to main memory."""


@dataclass(frozen=True, slots=True)
class PlotFacts:
    """One state of the plot; times are seconds since the epoch."""

    now: float = 0.0
    span_seconds: float = 300.0
    """Width of the window that follows the present."""
    used: Mapping[str, int] = field(default_factory=dict)
    """What each model uses now, bytes by id."""
    events: Sequence[Event] = ()
    """Oldest first."""
    ghost: Ghost | None = None
    limit_bytes: int | None = None
    chosen: tuple[str, int | None] | None = None
    """The model that is chosen, and its own limit."""
    machine_bytes: int = 0
    reserve_bytes: int = 0
    lanes: tuple[Lane, ...] = ()
    """Devices that have a lane below the memory."""
    curves: frozenset[Curve] = frozenset()
    """What of activity is shown below the memory; none: that plot is closed."""
    shows_others: bool = True
    """Whether what other programs hold is drawn on top of the models."""
    scale_of_machine: bool = False
    """Whether the axis reaches up to the memory of the whole computer."""

    @property
    def used_bytes(self) -> int:
        """What all models use now."""
        return sum(self.used.values())
