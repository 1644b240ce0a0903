"""Why something asked of the cache is not done: a code, its numbers, and one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from llmmem_gui.core.units import format_bytes, format_duration

RefusalCode = Literal[
    "too large for the limit",
    "too large for the machine",
    "pinned in the way",
    "above its own limit",
    "waited too long",
    "queue full",
    "cooling down",
    "thrashing",
    "nothing gained",
    "memory pressure",
    "load failed",
    "cancelled",
    "unloaded",
    "host died",
    "closing",
]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal with its numbers; those that do not apply are None."""

    code: RefusalCode
    model_id: str
    need_bytes: int | None = None
    room_bytes: int | None = None
    """The most room that evicting could make."""
    limit_bytes: int | None = None
    fits_context: int | None = None
    seconds: float | None = None
    holders: tuple[str, ...] = ()
    """The models that stand in the way."""
    reason: str = ""
    """What the host or the system said, one sentence."""

    @property
    def sentence(self) -> str:
        """What happened, the number, and what to do, in English."""
        need = format_bytes(self.need_bytes or 0)
        room = format_bytes(max(0, self.room_bytes or 0))
        limit = format_bytes(self.limit_bytes or 0)
        holders = ", ".join(self.holders)
        wait = format_duration(self.seconds or 0)
        smaller = f"load it with a context of at most {self.fits_context}" if self.fits_context else ""
        match self.code:
            case "too large for the limit":
                advice = smaller or "raise the total limit or use a smaller context"
                return f"{self.model_id} needs {need}, the limit leaves {room}: {advice}."
            case "too large for the machine":
                advice = smaller or "close other programs or use a smaller context"
                return f"{self.model_id} needs {need}, this computer has {room} to spare: {advice}."
            case "pinned in the way":
                advice = smaller or "unpin it or raise the total limit"
                return f"{self.model_id} needs {need} and {holders} is pinned: {advice}."
            case "above its own limit":
                advice = smaller or "raise its limit"
                return f"{self.model_id} needs {need}, its limit is {limit}: {advice}."
            case "waited too long":
                what = f" for {holders} to finish" if holders else ""
                return f"{self.model_id} waited {wait}{what}: try again later or unload a model."
            case "queue full":
                return f"{self.model_id} already has {self.reason}: try again later."
            case "cooling down":
                return (
                    f"{self.model_id} failed to load ({self.reason}): try again in {wait} or load it by hand."
                )
            case "thrashing":
                others = f"{self.model_id} and {holders} keep pushing each other out of memory"
                alone = f"{self.model_id} is loaded with other parameters again and again"
                advice = f"try again in {wait}, raise the total limit or use a smaller context"
                return f"{others if holders else alone} ({self.reason}): {advice}."
            case "nothing gained":
                gone = f"unloading {holders}" if holders else "unloading other models"
                return (
                    f"{self.model_id} needs {need}, and {gone} did not make memory available: "
                    "close other programs or try again later."
                )
            case "memory pressure":
                return (
                    f"{self.model_id} needs {need} and this computer is short of memory ({room} available): "
                    "close other programs, or load it by hand."
                )
            case "load failed" | "host died":
                return self.reason
            case "cancelled":
                return f"The load of {self.model_id} was cancelled."
            case "unloaded":
                return f"{self.model_id} was unloaded while it was in use: ask again to load it."
            case "closing":
                return "LLM Memory is closing: start it again."
