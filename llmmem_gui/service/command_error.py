"""The one error that every command of the service raises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from llmmem_gui.core.refusal import Refusal, RefusalCode
from llmmem_gui.core.sentence import Sentence, SentenceError

CommandErrorCode = Literal[
    "unknown model",
    "bad model",
    "bad request",
    "not loaded",
    "refused",
    "cooling down",
    "thrashing",
    "nothing gained",
    "memory pressure",
    "load failed",
    "cancelled",
    "unloaded",
    "host died",
    "timed out",
    "queue full",
    "closing",
    "neighbour failed",
]

_CODE_OF_REFUSAL: dict[RefusalCode, CommandErrorCode] = {
    "waited too long": "timed out",
    "queue full": "queue full",
    "cooling down": "cooling down",
    "thrashing": "thrashing",
    "nothing gained": "nothing gained",
    "memory pressure": "memory pressure",
    "load stopped": "memory pressure",
    "load failed": "load failed",
    "cancelled": "cancelled",
    "unloaded": "unloaded",
    "host died": "host died",
    "closing": "closing",
}
"""Every other refusal is a load that does not fit until somebody changes something: "refused"."""


class CommandError(SentenceError):
    """A command was not carried out; the sentence says what, the number, what to do."""

    def __init__(
        self,
        code: CommandErrorCode,
        sentence: Sentence,
        model_id: str | None = None,
        refusal: Refusal | None = None,
        *,
        detail: str | None = None,
        parameter: str | None = None,
        numbers: Mapping[str, float] | None = None,
    ) -> None:
        """`detail`: a code that says more, in the words of OpenAI's API; `parameter`: the field at fault."""
        super().__init__(sentence)
        self.code = code
        self.model_id = model_id
        self.refusal = refusal
        self.detail = detail
        self.parameter = parameter
        self.numbers: dict[str, float] = {**({} if refusal is None else refusal.numbers), **(numbers or {})}
        """Figures by name, the unit in each name."""

    @classmethod
    def of(cls, refusal: Refusal) -> CommandError:
        """The error that says what a refusal says."""
        code = _CODE_OF_REFUSAL.get(refusal.code, "refused")
        return cls(code, refusal.sentence, refusal.model_id, refusal)
