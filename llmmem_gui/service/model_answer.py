"""One answer of a model, as it comes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from llmmem_gui.core.cache_messages import Grant
from llmmem_gui.core.engines import EngineUse
from llmmem_gui.core.protocol import Operation
from llmmem_gui.core.sentence import Models, Sentence
from llmmem_gui.service.cache_driver import CacheDriver
from llmmem_gui.service.command_error import CommandError, CommandErrorCode
from llmmem_gui.service.hosting.host import HostAnswer
from llmmem_gui.service.hosting.hosts import AskFailedError, ExitReport, HostEndedError, HostError

_MOST_CRASHES = 4
"""How many hosts a request may crash, each with a milder way to compute than the one before."""


@dataclass(frozen=True, slots=True)
class AnswerUsage:
    """What an answer took."""

    prompt_tokens: int
    completion_tokens: int
    seconds: float
    first_token_seconds: float | None
    cached_tokens: int = 0
    """Tokens of the prompt that were not read again."""
    thought_tokens: int = 0
    """Tokens of thoughts before the answer; they count among those of the completion."""


class ModelAnswer(AsyncIterator[dict[str, Any]]):
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
        client: str = "",
    ) -> None:
        """`client`: who asks; where more wait than a host answers at once, clients take turns."""
        self.model_id = model_id
        self.usage: AnswerUsage | None = None
        """Known once the answer has ended."""
        self.notice: Sentence | None = None
        """A sentence about how the answer was made, such as a chat template set aside."""
        self.on_reading: Callable[[int, int], None] | None = None
        """Called while a long prompt is read, with the tokens read and those of the whole prompt."""
        self._read: tuple[int, int] | None = None
        """Tokens of the prompt read, and all of them; None before it is begun."""
        self._given: HostAnswer | None = None
        self._obtain = obtain
        self._driver = driver
        self._client = client
        self._payloads = self._give(operation, dict(arguments))

    async def __anext__(self) -> dict[str, Any]:
        return await self._payloads.__anext__()

    async def __aenter__(self) -> ModelAnswer:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End the answer; harmless when it has ended."""
        await self._payloads.aclose()

    @property
    def progress(self) -> str:
        """What is done for the answer while none of it has come, in a few words."""
        if self._given is None:
            return "loading the model"
        if self._read is None:
            return f"waiting, {self._given.before} before you"
        read, tokens = self._read
        return f"reading the prompt, {100 * read // tokens} %"

    def _take_reading(self, read_tokens: int, prompt_tokens: int) -> None:
        self._read = read_tokens, prompt_tokens
        if self.on_reading is not None:
            self.on_reading(read_tokens, prompt_tokens)

    def stop(self) -> bool:
        """End the answer within a token, as if it ended there: its usage is then known.

        False when the model has not got the request yet; then only leaving ends the wait.
        """
        if self._given is None:
            return False
        self._given.cancel()
        return True

    async def _give(
        self, operation: Operation, arguments: dict[str, Any]
    ) -> AsyncGenerator[dict[str, Any], None]:
        crashes: list[tuple[EngineUse, ExitReport]] = []
        helped = alone = False
        try:
            while True:
                grant = await self._obtain()
                self.model_id = grant.model_id
                life = self._driver.life(grant)
                assert life.host is not None  # only a host that is ready is granted
                given = self._given = life.host.ask(operation, arguments, alone=alone, client=self._client)
                given.on_reading = self._take_reading
                begun = False
                passed = 0
                vectors: list[dict[str, Any]] = []
                try:
                    async for chunk in given:
                        if operation == "embedding":
                            vectors += chunk["data"]
                            continue
                        begun = True
                        # A chunk with text is a token, nearly always; the rest is counted at the end.
                        if _has_text(chunk):
                            passed += 1
                            self._driver.activity.count(grant.model_id, 1)
                        yield chunk
                    end = await given.finished()
                    untold = end.completion_tokens - passed
                    self._driver.activity.count(grant.model_id, untold, end.seconds)
                    self.usage = AnswerUsage(
                        end.prompt_tokens,
                        end.completion_tokens,
                        end.seconds,
                        end.first_token_seconds,
                        end.cached_tokens,
                        end.thought_tokens,
                    )
                    self.notice = end.notice
                    life.answered(end.prompt_tokens, end.filled_tokens)
                    helped = True
                    if crashes:
                        self._driver.milder_helped(grant.model_id, crashes, life.host.engine)
                    if vectors and end.payload is not None:
                        yield {**end.payload, "data": vectors + end.payload["data"]}
                    elif end.payload is not None:
                        yield end.payload
                    return
                except HostEndedError as error:
                    if not begun and self._may_be_innocent(grant, given, error.report):
                        alone = alone or given.had_company
                        continue
                    if begun or not self._is_tried_again(grant, crashes, life.host.engine, error.report):
                        raise self._refused(grant, error, len(crashes) + begun > 1) from error
                except HostError as error:
                    raise self._refused(grant, error, False) from error
                finally:
                    self._given = None
                    given.cancel()
                    self._driver.finish(grant.ticket)
        finally:
            if crashes and not helped:
                # The request is at fault, or nobody waited to see: others go on as they were.
                self._driver.forget_milder(self.model_id)

    def _may_be_innocent(self, grant: Grant, given: HostAnswer, report: ExitReport) -> bool:
        """Whether the host died before this request was its turn, or when others were computed as well.

        Then it is asked again; after the latter alone, so that whoever is the cause kills no other answer.
        """
        ended = self._driver.was_ended(grant.ticket)
        died = not report.expected and (ended is None or ended.code == "host died")
        return died and (not given.has_begun or given.had_company)

    def _is_tried_again(
        self, grant: Grant, crashes: list[tuple[EngineUse, ExitReport]], use: EngineUse, report: ExitReport
    ) -> bool:
        """Take a crash in the midst of this request in; whether a milder way may answer it."""
        if not report.is_crash:
            return False
        crashes.append((use, report))
        return len(crashes) < _MOST_CRASHES and self._driver.try_milder(grant.model_id, use)

    def _refused(self, grant: Grant, error: HostError, milder_crashed: bool) -> CommandError:
        crashed = isinstance(error, HostEndedError) and error.report.is_crash
        ended = self._driver.was_ended(grant.ticket)
        if ended is not None and not crashed:
            return CommandError.of(ended)
        code: CommandErrorCode = "host died" if isinstance(error, HostEndedError) else "bad request"
        reason = error.sentence
        if crashed:
            reason = Sentence(
                "Command", "{reason} while it answered this request, which it cannot take; others go on"
            ).format(reason=error.sentence)
            if milder_crashed:
                reason = Sentence("Command", "{reason}; another engine was tried and crashed too").format(
                    reason=reason
                )
        sentence = Sentence("Command", "{model}: {reason}.").format(
            model=Models((grant.model_id,)), reason=reason
        )
        if isinstance(error, AskFailedError):
            return CommandError(
                code,
                sentence,
                grant.model_id,
                detail=error.code,
                parameter=error.parameter,
                numbers=error.numbers,
            )
        return CommandError(code, sentence, grant.model_id)


def _has_text(chunk: dict[str, Any]) -> bool:
    """Whether a chunk of a chat or a completion carries a piece of the answer."""
    return any(
        choice.get("text") or (choice.get("delta") or {}).get("content")
        for choice in chunk.get("choices", ())
    )
