"""Carries out what the cache decides: hosts started, stopped and put to sleep, tickets answered."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from llmmem_gui.core import cache_messages as m
from llmmem_gui.core.cache import ModelCache
from llmmem_gui.core.events import Actor, Event, Receipt
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.plan import Charge
from llmmem_gui.core.readings import Sample
from llmmem_gui.core.refusal import Refusal
from llmmem_gui.core.sentence import Sentence
from llmmem_gui.core.snapshot import State
from llmmem_gui.service.command_error import CommandError
from llmmem_gui.service.hosting.host_life import HostLife
from llmmem_gui.service.hosting.hosts import HostError, HostStarter
from llmmem_gui.service.sampling.machine_memory import MachineMemory
from llmmem_gui.service.sampling.sampler import SampledHost

log = logging.getLogger(__name__)

_DATA_LIMIT_FACTOR = 1.1
_DATA_LIMIT_SLACK_BYTES = 256 * 1024**2


class CacheDriver:
    """Owns the cache, the tickets of those who wait, and the life of each host."""

    def __init__(
        self,
        hosts: HostStarter,
        *,
        path_of: Callable[[str], str],
        publish: Callable[[Event | Receipt], None],
        changed: Callable[[], None],
        ended: Callable[[HostLife], Awaitable[None]],
        smaller: Callable[[m.AskSmaller], tuple[LoadParameters, Charge] | None],
    ) -> None:
        """`ended` is awaited with the life of each host that had its model ready, when it is over.

        `smaller` finds parameters, and their charge, with which a model stays under its limit.
        """
        self.cache = ModelCache()
        self.threads = 0
        """Threads that all models together compute with; 0: as many as there are cores."""
        self.load_timeout_seconds = 600.0
        """A load that takes longer is given up."""
        self._hosts = hosts
        self._machine = MachineMemory()
        self._path_of = path_of
        self._publish = publish
        self._changed = changed
        self._ended_life = ended
        self._smaller = smaller
        self._next_ticket = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[m.Grant]] = {}
        self._ended: dict[int, Refusal] = {}
        self._lives: dict[int, HostLife] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._unloads: dict[int, list[asyncio.Future[Receipt]]] = {}
        self._busy: frozenset[int] = frozenset()

    # --- messages in, actions out --------------------------------------------------------------------

    def tell(self, message: m.Message) -> None:
        """Give the cache a message and carry out what it decides."""
        actions = self.cache.handle(message, time.monotonic())
        for action in actions:
            self._carry_out(action)
        self._share_cores()
        self._changed()

    def _carry_out(self, action: m.Action) -> None:
        match action:
            case m.Announce():
                self._publish(_event(action))
            case m.StartHost():
                self._start(action)
            case m.StopHost():
                self._lives[action.host].stop(action)
            case m.DozeHost():
                self._run(self._doze(self._lives[action.host]))
            case m.AskSmaller():
                # Not in the middle of carrying out: the answer is a message of its own.
                asyncio.get_running_loop().call_soon(self._find_smaller, action)
            case m.Grant():
                granted = self._waiting.pop(action.ticket, None)
                # Nobody waits for a reload that the cache asked for itself, and a waiter that is being
                # cancelled will withdraw its ticket.
                if granted is not None and not granted.done():
                    granted.set_result(action)
            case m.Refuse():
                granted = self._waiting.pop(action.ticket, None)
                if granted is not None and not granted.done():
                    granted.set_exception(CommandError.of(action.refusal))
            case m.EndRequest():
                self._ended[action.ticket] = action.refusal

    def _start(self, action: m.StartHost) -> None:
        private = action.charge.private_bytes
        life = HostLife(
            action,
            self._path_of(action.model_id),
            self._hosts,
            threads=self._threads_each(len(self._busy) + 1),
            data_limit_bytes=int(private * _DATA_LIMIT_FACTOR) + _DATA_LIMIT_SLACK_BYTES,
            load_timeout_seconds=self.load_timeout_seconds,
            machine=self._machine,
            tell=self.tell,
            deliver=self._deliver,
        )
        self._lives[action.host] = life
        self._run(self._live(life))

    def _find_smaller(self, action: m.AskSmaller) -> None:
        found = self._smaller(action)
        asked = None
        if found is not None:
            parameters, charge = found
            ticket = next(self._next_ticket)
            asked = m.Requested(ticket, action.model_id, charge, parameters, "load", "limit", exact=True)
        self.tell(m.SmallerFound(action.model_id, action.host, asked))

    async def _live(self, life: HostLife) -> None:
        try:
            await life.run()
        finally:
            del self._lives[life.start.host]
            for waiting in self._unloads.pop(life.start.host, []):
                if not waiting.done():
                    refusal = Refusal("cancelled", life.start.model_id)
                    waiting.set_exception(CommandError.of(refusal))
            if life.loaded is not None:
                await self._ended_life(life)

    async def _doze(self, life: HostLife) -> None:
        if life.host is None:
            return
        try:
            dozed = await life.host.doze()
        except HostError as failure:
            log.info("%s did not doze: %s", life.start.model_id, failure)
            return
        numbers = {"given_back_bytes": dozed.before_bytes - dozed.after_bytes, "seconds": dozed.seconds}
        log.info("%s dozes: %s", life.start.model_id, numbers)

    def _deliver(self, receipt: Receipt) -> None:
        if receipt.cause == "load failed":
            return  # that the load failed was announced; nothing was unloaded
        numbers = {
            "given_back_bytes": receipt.given_back_bytes,
            "weights_bytes": receipt.weights_before_bytes,
            "available_change_bytes": receipt.available_change_bytes,
            "seconds": receipt.seconds,
        }
        self._publish(
            Event(
                time.time(), "model-unloaded", receipt.model_id, receipt.cause, receipt.actor, numbers=numbers
            )
        )
        self._publish(receipt)
        entry = self.cache.entry(receipt.model_id)
        for waiting in self._unloads.pop(entry.host if entry else 0, []):
            if not waiting.done():
                waiting.set_result(receipt)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- what the service asks -----------------------------------------------------------------------

    async def obtain(self, asked: Callable[[int], m.Requested]) -> m.Grant:
        """Wait until the model asked for is ready; cancelling the wait withdraws the request.

        `asked` makes the request for a ticket. Raises `CommandError` with the reason of a refusal.
        """
        ticket = next(self._next_ticket)
        granted: asyncio.Future[m.Grant] = asyncio.get_running_loop().create_future()
        self._waiting[ticket] = granted
        self.tell(asked(ticket))
        try:
            return await granted
        except asyncio.CancelledError:
            self._waiting.pop(ticket, None)
            self.tell(m.Withdrawn(ticket))
            raise

    def finish(self, ticket: int) -> None:
        """Give a granted ticket back."""
        self._ended.pop(ticket, None)
        self.tell(m.Finished(ticket))

    def was_ended(self, ticket: int) -> Refusal | None:
        """Why the cache ended the answer of a ticket, if it did."""
        return self._ended.get(ticket)

    async def unload(self, model_id: str, actor: Actor) -> Receipt:
        """Unload a model and wait for the receipt. Raises `CommandError` when it is not loaded."""
        entry = self.cache.entry(model_id)
        if entry is None or not (entry.state.holds_host or entry.state is State.QUEUED):
            sentence = Sentence("Command", "{model} is not loaded: nothing to unload.")
            raise CommandError("bad request", sentence.format(model=model_id), model_id)
        if entry.state is State.QUEUED:
            self.tell(m.UnloadAsked(model_id, actor))
            return Receipt(model_id, 0, 0, 0, 0, 0.0, "asked", actor)
        receipt: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._unloads.setdefault(entry.host, []).append(receipt)
        self.tell(m.UnloadAsked(model_id, actor))
        return await receipt

    async def clean_up(self, actor: Actor) -> list[Receipt]:
        """Unload every idle model that is not pinned; the receipts."""
        going = [e for e in self.cache.entries if e.idle and not e.pinned]
        loop = asyncio.get_running_loop()
        receipts = [loop.create_future() for _ in going]
        for entry, receipt in zip(going, receipts, strict=True):
            self._unloads.setdefault(entry.host, []).append(receipt)
        self.tell(m.CleanUpAsked(actor))
        return [await receipt for receipt in receipts]

    def life(self, number: int) -> HostLife:
        """The life of the host that a grant names."""
        return self._lives[number]

    def observe(self, sample: Sample) -> None:
        """Take in what all hosts use now."""
        for life in self._lives.values():
            reading = sample.hosts.get(life.start.model_id)
            if reading is not None and reading.pid == life.pid:
                life.observe(reading)
        self.tell(m.Sampled(sample))

    def life_of(self, model_id: str) -> HostLife | None:
        """The life of a model's host, if it has one."""
        entry = self.cache.entry(model_id)
        return None if entry is None else self._lives.get(entry.host)

    def sampled_hosts(self) -> Mapping[str, SampledHost]:
        """What the sampler has to read."""
        lives = self._lives.values()
        return {life.start.model_id: sampled for life in lives if (sampled := life.sampled) is not None}

    async def close(self) -> None:
        """Stop every host and wait until the last one is reaped."""
        self.tell(m.Closing())
        while self._tasks:
            await asyncio.wait(list(self._tasks))

    # --- cores ---------------------------------------------------------------------------------------

    def _threads_each(self, busy: int) -> int:
        cores = self.threads or len(os.sched_getaffinity(0))
        return max(1, cores // max(1, busy))

    def _share_cores(self) -> None:
        """Divide the cores among the busy hosts: with all cores each they spin on each other's barriers."""
        busy = frozenset(e.host for e in self.cache.entries if e.state is State.BUSY)
        if busy == self._busy:
            return
        self._busy = busy
        threads = self._threads_each(len(busy))
        for number in busy:
            host = self._lives[number].host
            if host is not None:
                host.set_threads(threads)


def _event(announcement: m.Announce) -> Event:
    return Event(
        time.time(),
        announcement.type,
        announcement.model_id,
        announcement.cause,
        announcement.actor,
        announcement.for_model,
        announcement.text,
        announcement.numbers,
    )
