"""The ticks of the service: a sample each, taken in bounded time and handed over; what fails is told."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor

from llmmem_gui.core.events import Event
from llmmem_gui.core.readings import Sample
from llmmem_gui.core.sentence import Duration, Sentence, SentenceError, sentence_of, verbatim
from llmmem_gui.core.snapshot import SamplingHealth
from llmmem_gui.service.sampling.sampler import SampledHost, Sampler

log = logging.getLogger(__name__)

LONGEST_SECONDS = 10.0
"""A sample that takes longer has failed; the next one begins when its thread is free."""


class SampleLateError(SentenceError):
    """A sample takes too long."""


class Ticks:
    """Takes samples one by one. A tick that fails is logged, counted and told, and the next one comes."""

    def __init__(
        self,
        sampler: Sampler,
        *,
        hosts: Callable[[], tuple[Mapping[str, SampledHost], int | None, Collection[int]]],
        interval: Callable[[], float],
        take_in: Callable[[Sample], None],
        missed: Callable[[], None],
        report: Callable[[Event], None],
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """`hosts` gives what is to be read: the hosts, the nursery's pid and pids of other programs.

        `interval` gives the seconds between two ticks. `take_in` is given each sample, `missed` is called
        instead after a tick that failed, and `report` is told when ticks begin to fail and when they succeed
        again.
        """
        self.health = SamplingHealth()
        self._sampler = sampler
        self._hosts = hosts
        self._interval = interval
        self._take_in = take_in
        self._missed = missed
        self._report = report
        self._wall_clock = wall_clock
        self._one_at_a_time = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, "sampling")
        """Of its own: memory is measured also while a dead disk holds every thread that others work in."""
        self._reading: asyncio.Future[Sample] | None = None
        """The reading under way; it outlives a wait that was given up."""

    async def tick_for_ever(self) -> None:
        """Tick in intervals."""
        while True:
            await asyncio.sleep(self._interval())
            await self.tick()

    async def tick(self) -> None:
        """Take one sample and hand it over. Raises what `missed` raises, and nothing else."""
        async with self._one_at_a_time:
            try:
                self._take_in(await self._sample())
            except Exception as error:  # noqa: BLE001 - logged, counted and told, whatever it is
                self._count_failure(error)
                self._missed()
            else:
                self._count_success()

    async def close(self) -> None:
        """Let go of the drivers, after the reading under way has ended."""
        if self._reading is not None:
            await asyncio.wait({self._reading}, timeout=LONGEST_SECONDS)
            if self._reading.done() and (error := self._reading.exception()) is not None:
                log.error("the last sample failed: %r", error)
        self._thread.shutdown(wait=False)
        self._sampler.close()

    async def _sample(self) -> Sample:
        if self._reading is None:
            loop = asyncio.get_running_loop()
            self._reading = loop.run_in_executor(self._thread, self._sampler.sample, *self._hosts())
        reading = self._reading
        await asyncio.wait({reading}, timeout=LONGEST_SECONDS)
        if not reading.done():
            sentence = Sentence("Sampling", "it takes longer than {duration}")
            raise SampleLateError(sentence.format(duration=Duration(LONGEST_SECONDS)))
        self._reading = None
        return reading.result()

    def _count_failure(self, error: Exception) -> None:
        before, now = self.health, self._wall_clock()
        # The whole trace once: a fault may last, and comes each second.
        log.error("a tick failed: %r", error, exc_info=error if before.failed_since is None else None)
        reason = sentence_of(error) if str(error) else verbatim(type(error).__name__)
        since = now if before.failed_since is None else before.failed_since
        self.health = SamplingHealth(before.failures + 1, since, reason)
        if before.failed_since is None:
            text = Sentence(
                "Sampling", "Memory cannot be measured ({reason}): limits hold on the last reading."
            )
            self._report(Event(now, "sampling-failed", text=text.format(reason=reason)))

    def _count_success(self) -> None:
        since = self.health.failed_since
        if since is not None:
            self.health = SamplingHealth(self.health.failures)
            now = self._wall_clock()
            text = Sentence("Sampling", "Memory is measured again.")
            self._report(Event(now, "sampling-resumed", text=text, numbers={"seconds": now - since}))
