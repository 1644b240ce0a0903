"""One answer of a model, as it comes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class AnswerUsage:
    """What an answer took."""

    prompt_tokens: int
    completion_tokens: int
    seconds: float
    first_token_seconds: float | None


class Answer(AsyncIterator[dict[str, Any]]):
    """Iterates over the payloads of an answer; nothing is loaded or asked before the first is awaited.

    With `stream` they are OpenAI chunks, without it there is one whole answer. Leaving before the end
    (`aclose`, or the end of `async with`) cancels the generation.
    """

    def __init__(self, model_id: str, payloads: AsyncGenerator[dict[str, Any], None]) -> None:
        self.model_id = model_id
        self.usage: AnswerUsage | None = None
        """Known once the answer has ended."""
        self.notice: str | None = None
        """A sentence about how the answer was made, such as a chat template set aside."""
        self._payloads = payloads

    async def __anext__(self) -> dict[str, Any]:
        return await self._payloads.__anext__()

    async def __aenter__(self) -> Answer:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End the answer; harmless when it has ended."""
        await self._payloads.aclose()
