"""What happened: one record for the timeline, the status line, the API and scripts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from llmmem_gui.core.sentence import Sentence

EventType = Literal[
    "load-queued",
    "load-started",
    "model-loaded",
    "load-failed",
    "load-refused",
    "model-unloading",
    "model-unloaded",
    "model-dozed",
    "model-woken",
    "reload-offered",
    "host-died",
    "limit-changed",
    "pin-changed",
    "pressure-changed",
    "memory-warning",
    "sampling-failed",
    "sampling-resumed",
    "memory-warning-ended",
    "computer-slept",
    "neighbour-unloaded",
    "note",
]

Actor = Literal[
    "window",
    "tray",
    "cli",
    "api",
    "script",
    "idle timer",
    "limit",
    "memory pressure",
    "another load",
    "program",
]
"""Who asked for it."""

Cause = Literal[
    "asked",
    "clean up",
    "make room",
    "total limit",
    "device limit",
    "model limit",
    "idle",
    "pressure",
    "reserve",
    "reload",
    "load failed",
    "crashed",
    "quit",
]
"""Why a model is unloaded, put to sleep or refused."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened, with its cause, its numbers and who asked for it."""

    time: float
    """Seconds since the epoch."""
    type: EventType
    model_id: str | None = None
    cause: Cause | None = None
    actor: Actor = "program"
    for_model: str | None = None
    """The model that room was made for."""
    text: Sentence | None = None
    """What happened, where the other fields do not tell it."""
    numbers: Mapping[str, float] = field(default_factory=dict)
    """Figures by name, the unit in each name: `given_back_bytes`, `seconds`, `percent`."""

    def concerns(self, model_id: str) -> bool:
        """Whether it happened to this model, or to another one on its account."""
        return model_id in (self.model_id, self.for_model)


@dataclass(frozen=True, slots=True)
class UnloadReceipt:
    """What an unload really gave back."""

    model_id: str
    given_back_bytes: int
    """Private bytes and VRAM in the last readings of the host, less what its process still holds when it was
    reaped: nothing, as a rule. VRAM of which the driver does not say that it came back is not counted."""
    private_before_bytes: int
    weights_before_bytes: int
    available_change_bytes: int
    """How much more memory the machine says is available than just before."""
    seconds: float
    """From the decision until the process was reaped."""
    cause: Cause
    actor: Actor
    vram_before_bytes: int = 0
    machine_given_back_bytes: int | None = None
    """How much less private memory all programs hold than just before; None where the machine cannot say."""
