"""Carries out what the cache decides: hosts started, stopped and put to sleep, tickets answered."""

from __future__ import annotations

import asyncio
import itertools
import logging
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from llmmem_gui.core import cache_messages as m
from llmmem_gui.core.cache import ModelCache
from llmmem_gui.core.engines import EngineUse
from llmmem_gui.core.events import Actor, Event, UnloadReceipt
from llmmem_gui.core.library import ModelFile
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.plan import device_rooms
from llmmem_gui.core.readings import Sample
from llmmem_gui.core.refusal import Refusal
from llmmem_gui.core.sentence import Models, Sentence
from llmmem_gui.core.snapshot import State
from llmmem_gui.core.warmth import TimedLoad, Warmth
from llmmem_gui.service.command_error import CommandError
from llmmem_gui.service.hosting.conversations import OpenConversations
from llmmem_gui.service.hosting.cores import CoreShares
from llmmem_gui.service.hosting.host_exit import ExitReport
from llmmem_gui.service.hosting.host_life import HostLife
from llmmem_gui.service.hosting.hosts import HostError, HostStarter
from llmmem_gui.service.sampling.activity import Activity
from llmmem_gui.service.sampling.gpus.gpus import Gpus
from llmmem_gui.service.sampling.machine_memory import MachineMemory
from llmmem_gui.service.sampling.sampler import SampledHost
from llmmem_gui.service.supervision import Supervisor

log = logging.getLogger(__name__)

_LONGEST_DOZE_SECONDS = 60.0
"""A host that has not dropped its weights by then is taken to keep them."""
_DATA_LIMIT_FACTOR = 1.1
_DATA_LIMIT_SLACK_BYTES = 256 * 1024**2
_VISION_SLACK_BYTES = 384 * 1024**2
"""libmtmd reserves 170 MiB that it does not use, and the largest image takes 192 MiB while it is decoded."""


class CacheDriver:
    """Owns the cache, the tickets of those who wait, and the life of each host."""

    def __init__(
        self,
        hosts: HostStarter,
        *,
        clock: Callable[[], float] = time.monotonic,
        file_of: Callable[[str], ModelFile],
        publish: Callable[[Event | UnloadReceipt], None],
        changed: Callable[[], None],
        ended: Callable[[HostLife], Awaitable[None]],
        engine_crashed: Callable[[EngineUse, Sentence], None],
        conversations: Callable[[m.StartHost, EngineUse], OpenConversations],
        warmth: Callable[[m.StartHost], Awaitable[Warmth | None]],
        timed: Callable[[m.StartHost, TimedLoad], None],
        ask_for_help: Callable[[Actor], None],
    ) -> None:
        """`engine_crashed` is told of a way to compute that this processor refuses, if a milder one worked.

        `conversations` gives those that were kept of earlier loads like the one that begins, `warmth` how
        much of its model is in memory; `timed` is told how long it took.

        `ask_for_help` has another program give up a model, and tells `HelpOffered` when it has.

        `ended` is awaited with the life of each host that had its model ready, when it is over.
        """
        self.cache = ModelCache()
        self.cores = CoreShares()
        self.load_timeout_seconds = 600.0
        """A load that takes longer is given up."""
        self.activity = Activity()
        """What the models do for those who ask."""
        self._hosts = hosts
        self._machine = MachineMemory()
        self._gpus = Gpus()
        self._file_of = file_of
        self._publish = publish
        self._changed = changed
        self._ended_life = ended
        self._engine_crashed = engine_crashed
        self._conversations = conversations
        self._warmth = warmth
        self._timed = timed
        self._ask_for_help = ask_for_help
        self._next_ticket = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[m.Grant]] = {}
        self._ended: dict[int, Refusal] = {}
        self._lives: dict[int, HostLife] = {}
        self._clock = clock
        self._tasks = Supervisor(clock=clock)
        self._unloads: dict[int, list[asyncio.Future[UnloadReceipt]]] = {}
        self._busy: frozenset[int] = frozenset()
        self._threads_of_busy = 0
        self._rooms: dict[str, Mapping[str, float]] = {}
        """What each model may use of devices as things stand; the empty name: those that hold nothing."""
        self._engines: dict[str, EngineUse] = {}
        """Models that crash with the engine in use, and what they are loaded with instead."""

    # --- messages in, actions out --------------------------------------------------------------------

    def tell(self, message: m.Message) -> None:
        """Give the cache a message and carry out what it decides; one failure does not stop the rest."""
        for action in self.cache.handle(message, self._clock()):
            try:
                self._carry_out(action)
            except Exception as error:
                log.exception("could not carry out %s", action)
                self._make_up_for(action, error)
        self._rooms.clear()
        self._share_cores()
        self._changed()

    def _carry_out(self, action: m.Action) -> None:
        match action:
            case m.Announce():
                self._publish(_event(action))
            case m.StartHost():
                self._start(action)
            case m.GrowHost():
                self._lives[action.host].grow(action.beside)
            case m.StopHost():
                self._lives[action.host].stop(action)
            case m.DozeHost():
                self._tasks.run(f"the doze of {action.model_id}", self._doze(self._lives[action.host]))
            case m.AskForHelp():
                self._ask_for_help(action.actor)
            case m.Grant():
                granted = self._waiting.pop(action.ticket, None)
                # A waiter that is being cancelled will withdraw its ticket.
                if granted is not None and not granted.done():
                    granted.set_result(action)
            case m.Refuse():
                granted = self._waiting.pop(action.ticket, None)
                if granted is not None and not granted.done():
                    granted.set_exception(CommandError.of(action.refusal))
            case m.EndRequest():
                self._ended[action.ticket] = action.refusal

    def _make_up_for(self, action: m.Action, error: Exception) -> None:
        """Bring cache and hosts together again after an action that failed."""
        if not isinstance(action, m.StartHost | m.StopHost):
            return
        life = self._lives.get(action.host)
        if life is not None:
            life.kill()
        else:
            gone = m.HostExited(action.model_id, action.host, _told(error))
            asyncio.get_running_loop().call_soon(self.tell, gone)

    def _start(self, action: m.StartHost) -> None:
        private = action.charge.private_bytes
        file = self._file_of(action.model_id)
        life = HostLife(
            action,
            file.path,
            file.projector if file.sees else "",
            self._hosts,
            threads=self.cores.each(len(self._busy) + 1),
            data_limit_bytes=int(private * _DATA_LIMIT_FACTOR)
            + _DATA_LIMIT_SLACK_BYTES
            + (_VISION_SLACK_BYTES if file.sees else 0),
            load_timeout_seconds=self.load_timeout_seconds,
            engine=self._engines.get(action.model_id),
            machine=self._machine,
            gpus=self._gpus,
            tell=self.tell,
            deliver=self._deliver,
            tasks=self._tasks,
            clock=self._clock,
            milder_helped=partial(self.milder_helped, action.model_id),
            conversations=partial(self._conversations, action),
            warmth=partial(self._warmth, action),
            timed=partial(self._timed, action),
        )
        self._lives[action.host] = life
        self._tasks.run(f"the host of {action.model_id}", self._live(life))

    async def _live(self, life: HostLife) -> None:
        try:
            await life.run()
        except Exception as error:
            log.exception("the life of the host of %s failed", life.start.model_id)
            await life.end()
            self.tell(m.HostExited(life.start.model_id, life.start.host, _told(error)))
        finally:
            del self._lives[life.start.host]
            for waiting in self._unloads.pop(life.start.host, []):
                if not waiting.done():
                    refusal = Refusal("cancelled", life.start.model_id)
                    waiting.set_exception(CommandError.of(refusal))
            if life.loaded is not None:
                await self._ended_life(life)

    async def _doze(self, life: HostLife) -> None:
        try:
            if life.host is not None:
                dozed = await asyncio.wait_for(life.host.doze(), _LONGEST_DOZE_SECONDS)
                given_back = dozed.before_bytes - dozed.after_bytes
                log.info("%s dozes: %d bytes after %.3f s", life.start.model_id, given_back, dozed.seconds)
        except (HostError, asyncio.TimeoutError) as failure:
            log.info("%s did not doze: %s", life.start.model_id, failure)
        finally:
            self.tell(m.HostDozed(life.start.model_id, life.start.host))

    def _deliver(self, receipt: UnloadReceipt) -> None:
        if receipt.cause == "load failed":
            return  # that the load failed was announced; nothing was unloaded
        numbers = {
            "given_back_bytes": receipt.given_back_bytes,
            "weights_bytes": receipt.weights_before_bytes,
            "available_change_bytes": receipt.available_change_bytes,
            "seconds": receipt.seconds,
        }
        if receipt.machine_given_back_bytes is not None:
            numbers["machine_given_back_bytes"] = receipt.machine_given_back_bytes
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

    # --- what the service asks -----------------------------------------------------------------------

    async def obtain(self, asked: Callable[[int], m.Requested]) -> m.Grant:
        """Wait until the model asked for is ready; cancelling the wait withdraws the request.

        `asked` makes the request for a ticket. Raises `CommandError` with the reason of a refusal.
        """
        ticket = next(self._next_ticket)
        granted: asyncio.Future[m.Grant] = asyncio.get_running_loop().create_future()
        self._waiting[ticket] = granted
        try:
            self.tell(asked(ticket))
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

    async def unload(self, model_id: str, actor: Actor) -> UnloadReceipt:
        """Unload a model and wait for the receipt. Raises `CommandError` when it is not loaded."""
        entry = self.cache.entry(model_id)
        if entry is None or not (entry.state.holds_host or entry.state is State.QUEUED):
            sentence = Sentence("Command", "{model} is not loaded: nothing to unload.")
            raise CommandError("not loaded", sentence.format(model=Models((model_id,))), model_id)
        if entry.state is State.QUEUED:
            self.tell(m.UnloadAsked(model_id, actor))
            return UnloadReceipt(model_id, 0, 0, 0, 0, 0.0, "asked", actor)
        receipt: asyncio.Future[UnloadReceipt] = asyncio.get_running_loop().create_future()
        self._unloads.setdefault(entry.host, []).append(receipt)
        self.tell(m.UnloadAsked(model_id, actor))
        return await receipt

    async def clean_up(self, actor: Actor) -> list[UnloadReceipt]:
        """Unload every idle model that is not pinned; the receipts."""
        going = [e for e in self.cache.entries if e.idle and not e.pinned]
        loop = asyncio.get_running_loop()
        receipts = [loop.create_future() for _ in going]
        for entry, receipt in zip(going, receipts, strict=True):
            self._unloads.setdefault(entry.host, []).append(receipt)
        self.tell(m.CleanUpAsked(actor))
        return [await receipt for receipt in receipts]

    def try_milder(self, model_id: str, use: EngineUse) -> bool:
        """Load a model from now on with what is milder than a crashed engine; False if there is none."""
        milder = self._hosts.choice.milder_than(use)
        if milder is None:
            return False
        self._engines[model_id] = milder
        return True

    def milder_helped(
        self, model_id: str, crashes: Sequence[tuple[EngineUse, ExitReport]], milder: EngineUse
    ) -> None:
        """What crashed hosts went well in a milder way, which the model keeps."""
        self._engines[model_id] = milder
        entry = self.cache.entry(model_id)
        on_gpu = entry is not None and entry.as_placed.gpu_layers != 0
        for use, report in crashes:
            # With layers on a GPU it need not be the processor that refused an instruction.
            if report.exit_code == -signal.SIGILL and not (on_gpu and use.gpus):
                self._engine_crashed(use, report.reason)

    def forget_milder(self, model_id: str) -> None:
        """Load a model with the engine in use again: a milder one was no help."""
        self._engines.pop(model_id, None)

    def life(self, grant: m.Grant) -> HostLife:
        """The life of the host that was granted. Raises `CommandError` when it has ended since."""
        life = self._lives.get(grant.host)
        if life is None:
            refusal = self._ended.pop(grant.ticket, None) or Refusal("unloaded", grant.model_id)
            raise CommandError.of(refusal)
        return life

    def observe(self, sample: Sample) -> Sample:
        """Take in what all hosts use now.

        Gives the sample without what was read of earlier hosts, and with what the models do.
        """
        hosts = {}
        for life in self._lives.values():
            reading = sample.hosts.get(life.start.model_id)
            if reading is not None and life.is_of(reading):
                life.observe(reading)
                hosts[life.start.model_id] = reading
        activity = self.activity.reading(self.cache.entries, sample.monotonic)
        sample = replace(sample, hosts=hosts, activity=activity)
        self.cores.take_others(sample.other_cores)
        self.tell(m.Sampled(sample))
        return sample

    def loaded_with(self, model_id: str) -> LoadParameters | None:
        """The parameters of a model that has a host."""
        entry = self.cache.entry(model_id)
        return entry.parameters if entry is not None and entry.state.holds_host else None

    def placed_with(self, model_id: str) -> LoadParameters | None:
        """The same with the number of layers that its host has placed on GPUs."""
        entry = self.cache.entry(model_id)
        return entry.as_placed if entry is not None and entry.state.holds_host else None

    def device_rooms(self, model_id: str) -> Mapping[str, float]:
        """Bytes of each device that a load of a model may use now; asked for every row."""
        holders = self.cache.holders
        held = model_id if any(holder.model_id == model_id for holder in holders) else ""
        if held not in self._rooms:
            self._rooms[held] = device_rooms(held, holders, self.cache.bounds)
        return self._rooms[held]

    def life_of(self, model_id: str) -> HostLife | None:
        """The life of a model's host, if it has one."""
        entry = self.cache.entry(model_id)
        return None if entry is None else self._lives.get(entry.host)

    def pid_of(self, model_id: str) -> int | None:
        """The process of a model's host, if it has one."""
        life = self.life_of(model_id)
        return None if life is None else life.pid

    def sampled_hosts(self) -> Mapping[str, SampledHost]:
        """What the sampler has to read."""
        lives = self._lives.values()
        return {life.start.model_id: sampled for life in lives if (sampled := life.sampled) is not None}

    async def close(self) -> None:
        """Stop every host and wait until the last one is reaped."""
        self.tell(m.Closing())
        await self._tasks.drain()
        self._gpus.close()

    # --- cores ---------------------------------------------------------------------------------------

    def _share_cores(self) -> None:
        """Divide the cores among the busy hosts: with all cores each they spin on each other's barriers."""
        busy = frozenset(e.host for e in self.cache.entries if e.state is State.BUSY)
        threads = self.cores.each(len(busy))
        if (busy, threads) == (self._busy, self._threads_of_busy):
            return
        self._busy, self._threads_of_busy = busy, threads
        for number in busy:
            host = self._lives[number].host
            if host is not None:
                host.set_threads(threads)


def _told(error: Exception) -> Sentence:
    sentence = Sentence("Host", "The host cannot be used: {reason}")
    return sentence.format(reason=f"{type(error).__name__}: {error}")


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
