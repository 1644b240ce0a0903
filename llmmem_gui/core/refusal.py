"""Why something asked of the cache is not done: a code, its numbers, and one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from llmmem_gui.core.sentence import Duration, Models, Sentence, Size, verbatim

RefusalCode = Literal[
    "too large for the limit",
    "too large for the machine",
    "too large for the device",
    "pinned in the way",
    "above its own limit",
    "waited too long",
    "queue full",
    "cooling down",
    "thrashing",
    "nothing gained",
    "memory pressure",
    "load stopped",
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
    """The room that there is, or that evicting could make: less than the need."""
    limit_bytes: int | None = None
    available_bytes: int | None = None
    """What the machine has available, where that is not the question but explains it."""
    fits_context: int | None = None
    retry_seconds: float | None = None
    """After this time it is worth asking again."""
    waited_seconds: float | None = None
    device: str = ""
    """The device whose memory is too small, by llama.cpp's name of it."""
    holders: tuple[str, ...] = ()
    """The models that stand in the way."""
    reason: Sentence | None = None
    """What the host or the system said, or what was counted; as `str` it is one sentence or a part of one."""

    @property
    def sentence(self) -> Sentence:
        """What happened, the number, and what to do."""
        model, holders = Models((self.model_id,)), Models(self.holders)
        need, room = Size(self.need_bytes or 0), Size(max(0, self.room_bytes or 0))
        wait, reason = Duration(self.retry_seconds or 0), self.reason or verbatim("")
        waited = Duration(self.waited_seconds or 0)
        match self.code:
            case "too large for the limit":
                advice = self._advice(Sentence("Refusal", "raise the total limit or use a smaller context"))
                return Sentence("Refusal", "{model} needs {need}, the limit leaves {room}: {advice}.").format(
                    model=model, need=need, room=room, advice=advice
                )
            case "too large for the machine":
                advice = self._advice(Sentence("Refusal", "close other programs or use a smaller context"))
                return Sentence(
                    "Refusal", "{model} needs {need}, this computer has {room} to spare: {advice}."
                ).format(model=model, need=need, room=room, advice=advice)
            case "too large for the device":
                return Sentence(
                    "Refusal",
                    "{model} needs {need} of {device}, which has {room} for it: place fewer layers there, "
                    "or raise the limit of GPUs.",
                ).format(model=model, need=need, device=self.device, room=room)
            case "pinned in the way" if self.device:
                return Sentence(
                    "Refusal",
                    "{model} needs {need} of {device} and {holders} is pinned: "
                    "unpin it or place fewer layers there.",
                ).format(model=model, need=need, device=self.device, holders=holders)
            case "pinned in the way":
                advice = self._advice(Sentence("Refusal", "unpin it or raise the total limit"))
                return Sentence("Refusal", "{model} needs {need} and {holders} is pinned: {advice}.").format(
                    model=model, need=need, holders=holders, advice=advice
                )
            case "above its own limit":
                advice = self._advice(Sentence("Refusal", "raise its limit"))
                return Sentence("Refusal", "{model} needs {need}, its limit is {limit}: {advice}.").format(
                    model=model, need=need, limit=Size(self.limit_bytes or 0), advice=advice
                )
            case "waited too long" if self.holders:
                return Sentence(
                    "Refusal",
                    "{model} waited {wait} for {holders} to finish: try again later or unload a model.",
                ).format(model=model, wait=waited, holders=holders)
            case "waited too long":
                return Sentence(
                    "Refusal", "{model} waited {wait}: try again later or unload a model."
                ).format(model=model, wait=waited)
            case "queue full":
                return Sentence("Refusal", "{model} already has {requests}: try again later.").format(
                    model=model, requests=reason
                )
            case "cooling down":
                return Sentence(
                    "Refusal", "{model} failed to load ({reason}): try again in {wait} or load it by hand."
                ).format(model=model, reason=reason, wait=wait)
            case "thrashing" if self.holders:
                return Sentence(
                    "Refusal",
                    "{model} and {holders} keep pushing each other out of memory ({history}): "
                    "try again in {wait}, raise the total limit or use a smaller context.",
                ).format(model=model, holders=holders, history=reason, wait=wait)
            case "thrashing":
                return Sentence(
                    "Refusal",
                    "{model} is loaded with other parameters again and again ({history}): "
                    "try again in {wait}, or use one model for text and another one for embeddings.",
                ).format(model=model, history=reason, wait=wait)
            case "nothing gained":
                return Sentence(
                    "Refusal",
                    "{model} needs {need}, this computer has {room} to spare, and unloading a model did not "
                    "make more available: close other programs or try again in {wait}.",
                ).format(model=model, need=need, room=room, wait=wait)
            case "memory pressure":
                return Sentence(
                    "Refusal",
                    "{model} is not loaded while the memory pressure on this computer is high ({available} "
                    "available): try again in {wait}, close other programs, or load it by hand.",
                ).format(model=model, available=Size(self.available_bytes or 0), wait=wait)
            case "load stopped":
                return Sentence(
                    "Refusal",
                    "The load of {model} was stopped, because it left this computer short of memory "
                    "({available} available): try again in {wait}, close other programs, or use a smaller "
                    "context.",
                ).format(model=model, available=Size(self.available_bytes or 0), wait=wait)
            case "load failed" | "host died":
                return reason
            case "cancelled":
                return Sentence("Refusal", "The load of {model} was cancelled.").format(model=model)
            case "unloaded":
                return Sentence(
                    "Refusal", "{model} was unloaded while it was in use: ask again to load it."
                ).format(model=model)
            case "closing":
                return Sentence("Refusal", "LLM Memory is closing: start it again.")

    @property
    def numbers(self) -> dict[str, float]:
        """Its figures by name, the unit in each name."""
        named = {
            "need_bytes": self.need_bytes,
            "room_bytes": self.room_bytes,
            "limit_bytes": self.limit_bytes,
            "available_bytes": self.available_bytes,
            "fits_context": self.fits_context,
            "retry_seconds": self.retry_seconds,
            "waited_seconds": self.waited_seconds,
        }
        return {name: float(value) for name, value in named.items() if value is not None}

    def _advice(self, otherwise: Sentence) -> Sentence:
        """To load it with the context that fits, where one does."""
        if not self.fits_context:
            return otherwise
        smaller = Sentence("Refusal", "load it with a context of at most {tokens}")
        return smaller.format(tokens=self.fits_context)
