"""One answer of a model, as it comes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from llmmem_gui.core.cache_messages import Grant
from llmmem_gui.core.protocol import Operation
from llmmem_gui.core.sentence import Sentence
from llmmem_gui.service.cache_driver import CacheDriver
from llmmem_gui.service.command_error import CommandError, CommandErrorCode
from llmmem_gui.service.hosting.hosts import HostEndedError, HostError


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
    (`aclose`, or the end of `async with`) cancels the generation. Iterating raises `CommandError` when the
    model cannot be loaded, its host dies, or it is unloaded meanwhile.
    """

    def __init__(
        self,
        model_id: str,
        operation: Operation,
        arguments: Mapping[str, Any],
        obtain: Callable[[], Awaitable[Grant]],
        driver: CacheDriver,
    ) -> None:
        self.model_id = model_id
        self.usage: AnswerUsage | None = None
        """Known once the answer has ended."""
        self.notice: Sentence | None = None
        """A sentence about how the answer was made, such as a chat template set aside."""
        self._obtain = obtain
        self._driver = driver
        self._payloads = self._give(operation, dict(arguments))

    async def __anext__(self) -> dict[str, Any]:
        return await self._payloads.__anext__()

    async def __aenter__(self) -> Answer:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End the answer; harmless when it has ended."""
        await self._payloads.aclose()

    async def _give(
        self, operation: Operation, arguments: dict[str, Any]
    ) -> AsyncGenerator[dict[str, Any], None]:
        grant = await self._obtain()
        self.model_id = grant.model_id
        life = self._driver.life(grant.host)
        assert life.host is not None  # only a host that is ready is granted
        given = life.host.ask(operation, arguments)
        try:
            async for chunk in given:
                yield chunk
            end = await given.finished()
            self.usage = AnswerUsage(
                end.prompt_tokens, end.completion_tokens, end.seconds, end.first_token_seconds
            )
            self.notice = end.notice
            life.answered(end.prompt_tokens, end.completion_tokens)
            if end.payload is not None:
                yield end.payload
        except HostError as error:
            ended = self._driver.was_ended(grant.ticket)
            if ended is not None:
                raise CommandError.of(ended) from error
            code: CommandErrorCode = "host died" if isinstance(error, HostEndedError) else "bad request"
            sentence = Sentence("Command", "{model}: {reason}.").format(
                model=grant.model_id, reason=error.sentence
            )
            raise CommandError(code, sentence, grant.model_id) from error
        finally:
            given.cancel()
            self._driver.finish(grant.ticket)
