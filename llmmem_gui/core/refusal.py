"""Why something asked of the cache is not done: a code, its numbers, and one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from llmmem_gui.core.sentence import Duration, Sentence, Size, verbatim

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
    reason: Sentence | None = None
    """What the host or the system said, or what was counted; as `str` it is one sentence or a part of one."""

    @property
    def sentence(self) -> Sentence:
        """What happened, the number, and what to do."""
        model, holders = self.model_id, ", ".join(self.holders)
        need, room = Size(self.need_bytes or 0), Size(max(0, self.room_bytes or 0))
        wait, reason = Duration(self.seconds or 0), self.reason or verbatim("")
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
            case "waited too long" if holders:
                return Sentence(
                    "Refusal",
                    "{model} waited {wait} for {holders} to finish: try again later or unload a model.",
                ).format(model=model, wait=wait, holders=holders)
            case "waited too long":
                return Sentence(
                    "Refusal", "{model} waited {wait}: try again later or unload a model."
                ).format(model=model, wait=wait)
            case "queue full":
                return Sentence("Refusal", "{model} already has {requests}: try again later.").format(
                    model=model, requests=reason
                )
            case "cooling down":
                return Sentence(
                    "Refusal", "{model} failed to load ({reason}): try again in {wait} or load it by hand."
                ).format(model=model, reason=reason, wait=wait)
            case "thrashing" if holders:
                return Sentence(
                    "Refusal",
                    "{model} and {holders} keep pushing each other out of memory ({history}): "
                    "try again in {wait}, raise the total limit or use a smaller context.",
                ).format(model=model, holders=holders, history=reason, wait=wait)
            case "thrashing":
                return Sentence(
                    "Refusal",
                    "{model} is loaded with other parameters again and again ({history}): "
                    "try again in {wait}, raise the total limit or use a smaller context.",
                ).format(model=model, history=reason, wait=wait)
            case "nothing gained" if holders:
                return Sentence(
                    "Refusal",
                    "{model} needs {need}, and unloading {holders} did not make memory available: "
                    "close other programs or try again later.",
                ).format(model=model, need=need, holders=holders)
            case "nothing gained":
                return Sentence(
                    "Refusal",
                    "{model} needs {need}, and unloading other models did not make memory available: "
                    "close other programs or try again later.",
                ).format(model=model, need=need)
            case "memory pressure":
                return Sentence(
                    "Refusal",
                    "{model} needs {need} and this computer is short of memory ({room} available): "
                    "close other programs, or load it by hand.",
                ).format(model=model, need=need, room=room)
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

    def _advice(self, otherwise: Sentence) -> Sentence:
        """To load it with the context that fits, where one does."""
        if not self.fits_context:
            return otherwise
        smaller = Sentence("Refusal", "load it with a context of at most {tokens}")
        return smaller.format(tokens=self.fits_context)
