"""The one error that every command of the service raises."""

from __future__ import annotations

from typing import Literal

from llmmem_gui.core.refusal import Refusal, RefusalCode
from llmmem_gui.core.sentence import Sentence, SentenceError

CommandErrorCode = Literal[
    "unknown model",
    "bad model",
    "bad request",
    "refused",
    "cooling down",
    "load failed",
    "cancelled",
    "unloaded",
    "host died",
    "timed out",
    "queue full",
    "closing",
]

_CODE_OF_REFUSAL: dict[RefusalCode, CommandErrorCode] = {
    "waited too long": "timed out",
    "queue full": "queue full",
    "cooling down": "cooling down",
    "load failed": "load failed",
    "cancelled": "cancelled",
    "unloaded": "unloaded",
    "host died": "host died",
    "closing": "closing",
}
"""Every other refusal is a load that does not fit: "refused"."""


class CommandError(SentenceError):
    """A command was not carried out; the sentence says what, the number, what to do."""

    def __init__(
        self,
        code: CommandErrorCode,
        sentence: Sentence,
        model_id: str | None = None,
        refusal: Refusal | None = None,
    ) -> None:
        super().__init__(sentence)
        self.code = code
        self.model_id = model_id
        self.refusal = refusal

    @classmethod
    def of(cls, refusal: Refusal) -> CommandError:
        """The error that says what a refusal says."""
        code = _CODE_OF_REFUSAL.get(refusal.code, "refused")
        return cls(code, refusal.sentence, refusal.model_id, refusal)

    @property
    def numbers(self) -> dict[str, float]:
        """Figures by name, the unit in each name."""
        if self.refusal is None:
            return {}
        named = {
            "need_bytes": self.refusal.need_bytes,
            "room_bytes": self.refusal.room_bytes,
            "limit_bytes": self.refusal.limit_bytes,
            "fits_context": self.refusal.fits_context,
            "retry_seconds": self.refusal.seconds,
        }
        return {name: float(value) for name, value in named.items() if value is not None}
