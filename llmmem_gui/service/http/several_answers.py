"""Several answers of a model to one request, given as one: choices by their index, usage added up."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

from llmmem_gui.core.sentence import Sentence
from llmmem_gui.service.http.errors import ApiError
from llmmem_gui.service.model_answer import AnswerUsage, ModelAnswer

AT_ONCE = 4
"""So many answers to one request are asked for together; the others wait, so that others get a turn."""

Payload = dict[str, Any]


class SeveralAnswers(AsyncIterator[Payload]):
    """Iterates over the payloads of all answers as if they were one; with a stream as they come."""

    def __init__(self, answers: Sequence[ModelAnswer], *, samples: int, kept: int, stream: bool) -> None:
        """To each prompt there are `samples` answers, one after the other, of which the best are `kept`."""
        self._answers = answers
        self._samples = samples
        self._kept = kept
        self._stream = stream
        self._payloads = self._give()

    async def __anext__(self) -> Payload:
        return await self._payloads.__anext__()

    async def __aenter__(self) -> SeveralAnswers:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._payloads.aclose()
        for answer in self._answers:
            await answer.aclose()

    @property
    def model_id(self) -> str:
        """The model that answers."""
        return self._answers[0].model_id

    @property
    def progress(self) -> str:
        """What is done while none of the answers has come, in a few words."""
        return next((each for each in self._answers if each.usage is None), self._answers[0]).progress

    @property
    def notice(self) -> Sentence | None:
        """A sentence about how the answers were made."""
        return next((answer.notice for answer in self._answers if answer.notice is not None), None)

    @property
    def usage(self) -> AnswerUsage | None:
        """What all of them took, each prompt counted once; None while none has ended."""
        ended = [answer.usage for answer in self._answers if answer.usage is not None]
        if not ended:
            return None
        prompts = [answer.usage for answer in self._answers[:: self._samples] if answer.usage is not None]
        first = [each.first_token_seconds for each in ended if each.first_token_seconds is not None]
        return AnswerUsage(
            sum(each.prompt_tokens for each in prompts),
            sum(each.completion_tokens for each in ended),
            max(each.seconds for each in ended),
            min(first, default=None),
            sum(each.cached_tokens for each in prompts),
            sum(each.thought_tokens for each in ended),
        )

    async def _give(self) -> AsyncGenerator[Payload, None]:
        if len(self._answers) == 1:
            async for payload in self._answers[0]:
                yield payload
        elif self._stream and self._samples == self._kept:
            head: Payload = {}
            async with aclosing(self._merged()) as merged:
                async for place, payload in merged:
                    head = head or {name: payload[name] for name in ("id", "created")}
                    yield _with_index({**payload, **head}, place)
        else:
            whole = await self._whole()
            if self._stream:
                for choice in whole["choices"]:
                    yield {**whole, "choices": [choice]}
            else:
                yield whole

    async def _whole(self) -> Payload:
        payloads: dict[int, Payload] = {}
        async with aclosing(self._merged()) as merged:
            async for place, payload in merged:
                payloads[place] = payload
        if len(payloads) < len(self._answers):
            raise ApiError(409, "cancelled", "The answer was cancelled.")
        kept: list[Payload] = []
        for first in range(0, len(self._answers), self._samples):
            sampled = range(first, first + self._samples)
            best = sorted(sampled, key=lambda place: -mean_log_probability(payloads[place]))[: self._kept]
            kept += [payloads[place] for place in (best if self._kept < self._samples else sampled)]
        choices = [_with_index(payload, index)["choices"][0] for index, payload in enumerate(kept)]
        return {**kept[0], "choices": choices}

    async def _merged(self) -> AsyncGenerator[tuple[int, Payload], None]:
        """The payloads of all answers as they come, each with the place of its answer."""
        coming: asyncio.Queue[tuple[int, Payload] | BaseException | None] = asyncio.Queue()
        turns = asyncio.Semaphore(AT_ONCE)

        async def follow(place: int, answer: ModelAnswer) -> None:
            try:
                async with turns, answer:
                    async for payload in answer:
                        coming.put_nowait((place, payload))
            except Exception as error:  # noqa: BLE001 - raised where the payloads are waited for
                coming.put_nowait(error)
            else:
                coming.put_nowait(None)

        tasks = [asyncio.ensure_future(follow(*each)) for each in enumerate(self._answers)]
        try:
            left = len(tasks)
            while left:
                came = await coming.get()
                if came is None:
                    left -= 1
                elif isinstance(came, BaseException):
                    raise came
                else:
                    yield came
        finally:
            # Nobody waits any more for what those under way would tell; their own faults they have told.
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


def mean_log_probability(payload: Payload) -> float:
    """How likely a completion is, by the tokens that were written; one without any comes last."""
    told = (payload["choices"][0].get("logprobs") or {}).get("token_logprobs") or []
    if told[:1] == [None]:  # the first of a prompt that was echoed: nothing came before it
        told = told[payload["usage"]["prompt_tokens"] :]
    return math.fsum(told) / len(told) if told else -math.inf


def _with_index(payload: Payload, index: int) -> Payload:
    return {**payload, "choices": [{**payload["choices"][0], "index": index}]}
