"""The service: commands in, facts out.

Lives in one asyncio loop and is called from that loop only. Every way in (window, tray, command line,
HTTP, script) uses these methods and so gets the same checks, limits and events.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from llmmem_gui.core import cache_messages as m
from llmmem_gui.core.events import Actor, Event, Receipt
from llmmem_gui.core.forecast import Forecast
from llmmem_gui.core.library import ModelFile
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.plan import Charge
from llmmem_gui.core.pressure import Level
from llmmem_gui.core.protocol import Operation
from llmmem_gui.core.readings import Sample
from llmmem_gui.core.sentence import Sentence
from llmmem_gui.core.settings import ModelSettings, Settings
from llmmem_gui.core.snapshot import CacheSnapshot, ModelSnapshot, State
from llmmem_gui.folders import Folders
from llmmem_gui.service.answer import Answer
from llmmem_gui.service.cache_driver import CacheDriver
from llmmem_gui.service.catalogue import Catalogue
from llmmem_gui.service.command_error import CommandError
from llmmem_gui.service.hosting.host_life import HostLife
from llmmem_gui.service.hosting.hosts import HostStarter
from llmmem_gui.service.publisher import Listener, Publisher
from llmmem_gui.service.sampling.memory_watch import MemoryWatch
from llmmem_gui.service.sampling.sampler import Sampler
from llmmem_gui.service.snapshots import build_snapshot
from llmmem_gui.service.storage.settings_file import SettingsFile
from llmmem_gui.service.usage import MemoryUsage

KEEP: Final = -1
"""Given instead of a limit: leave the limit as it is."""

_LOADING_INTERVAL_SECONDS = 0.25
"""While a model loads its progress is worth seeing."""


class MemoryService:
    """Keeps models in memory for whoever asks, under the limits of the settings."""

    def __init__(self, folders: Folders, settings_file: SettingsFile, hosts: HostStarter) -> None:
        self.catalogue = Catalogue(folders, settings_file)
        self.sample: Sample | None = None
        self._settings_file = settings_file
        self._hosts = hosts
        self._sampler = Sampler()
        self._sampling = asyncio.Lock()
        self._watch = MemoryWatch()
        self._publisher = Publisher()
        self._publish = self._publisher.publish
        self._snapshot: CacheSnapshot | None = None
        self._publishing = False
        self._ticking: asyncio.Task[None] | None = None
        self._scanning: asyncio.Task[None] | None = None
        self._driver = CacheDriver(
            hosts,
            path_of=self._path_of,
            publish=self._publish,
            changed=self._publish_snapshot_soon,
            ended=self._learn,
            smaller=self._smaller,
        )

    # --- life ----------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Read the settings, find the models, take the first sample, and begin to tick."""
        notes = self.catalogue.load()
        await self._tick()
        self._apply_settings()
        notes += [problem.sentence for problem in self._settings_file.problems]
        for sentence in notes:
            self.note(sentence)
        self._watch.open()
        self._scanning = asyncio.create_task(self._scan_at_start())
        self._ticking = asyncio.create_task(self._tick_for_ever())

    async def close(self) -> None:
        """Stop ticking, end every host (asked, then killed) and wait until the last one is reaped."""
        self._watch.close()
        tasks = [task for task in (self._ticking, self._scanning) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._driver.close()
        await self._hosts.close()
        await self.catalogue.close()
        self._sampler.close()

    async def _scan_at_start(self) -> None:
        await self.scan()
        await self.catalogue.rehearse_all()
        self._publish_snapshot_soon()

    # --- facts out -----------------------------------------------------------------------------------

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with every fact from now on; the function returned ends it.

        Listeners are called in the loop and must return at once.
        """
        return self._publisher.subscribe(listener)

    @property
    def recent_events(self) -> Sequence[Event]:
        """The last few hundred events, the newest last."""
        return self._publisher.recent_events

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._settings_file.settings

    @property
    def snapshot(self) -> CacheSnapshot:
        """The cache and all known models as they are now."""
        if self._snapshot is None:
            self._snapshot = build_snapshot(
                self._driver.cache,
                self.catalogue,
                now=time.monotonic(),
                level=self._watch.level,
                pid_of=self._pid_of,
            )
        return self._snapshot

    def note(self, sentence: Sentence) -> None:
        """Tell a person something that is no decision, such as that a file was damaged and set aside."""
        self._publish(Event(time.time(), "note", text=sentence))

    def usage(self) -> MemoryUsage:
        """What the models use of the total limit, and each of its own."""
        return MemoryUsage.of(self.snapshot)

    def _publish_snapshot_soon(self) -> None:
        """Publish one snapshot for all changes of this turn of the loop."""
        self._snapshot = None
        if not self._publishing:
            self._publishing = True
            asyncio.get_running_loop().call_soon(self._publish_snapshot)

    def _publish_snapshot(self) -> None:
        self._publishing = False
        if self._publisher.has_listeners:
            self._publish(self.snapshot)

    # --- commands ------------------------------------------------------------------------------------

    async def load(
        self,
        model: str,
        parameters: LoadParameters | None = None,
        *,
        limit_bytes: int | None = KEEP,
        pin: bool | None = None,
        actor: Actor,
    ) -> ModelSnapshot:
        """Load a model and return it when it is ready; cancelling the wait cancels the load.

        Raises `CommandError` when the model is unknown or bad, does not fit, or fails to load.
        """
        file = await self.catalogue.loadable(model)
        if limit_bytes != KEEP:
            await self.set_limit(file.id, limit_bytes, actor=actor)
        if pin is not None:
            await self.set_pinned(file.id, pin, actor=actor)
        await self._obtain(file, parameters, "load", actor)
        await self._tick()  # so that what it really uses is in the snapshot
        loaded = self.snapshot.model(file.id)
        assert loaded is not None
        return loaded

    async def unload(self, model: str, *, actor: Actor) -> Receipt:
        """Unload a model now, whatever it is doing, and return what that gave back."""
        return await self._driver.unload(self.catalogue.known(model).id, actor)

    async def unload_all(self, *, actor: Actor) -> list[Receipt]:
        """Unload every model now."""
        loaded = [entry.model_id for entry in self._driver.cache.entries if entry.state.holds_host]
        going = [id for id in loaded if self._driver.cache.entry(id).state is not State.UNLOADING]  # type: ignore[union-attr]
        return list(await asyncio.gather(*(self._driver.unload(id, actor) for id in going)))

    async def clean_up(self, *, actor: Actor) -> list[Receipt]:
        """Unload every idle model that is not pinned."""
        return await self._driver.clean_up(actor)

    async def doze(self, model: str, *, actor: Actor) -> None:
        """Drop the mapped weights of an idle model; it wakes at its next request."""
        file = self.catalogue.known(model)
        self._driver.tell(m.DozeAsked(file.id, actor))
        entry = self._driver.cache.entry(file.id)
        if entry is None or entry.state is not State.DOZING:
            sentence = Sentence("Command", "{model} is not idle: only a ready model can doze.")
            raise CommandError("bad request", sentence.format(model=file.id), file.id)

    async def set_limit(self, model: str | None, limit_bytes: int | None, *, actor: Actor) -> None:
        """Set the limit of a model, or without a model the total limit; None or 0 bytes: no limit."""
        limit = limit_bytes or None
        if limit is not None and limit < 0:
            sentence = Sentence("Command", "A limit of {number} bytes is below 0: give 0 for no limit.")
            raise CommandError("bad request", sentence.format(number=limit))
        if model is None:
            limits = msgspec.structs.replace(self.settings.limits, total_limit_bytes=limit_bytes)
            await self.change_settings(msgspec.structs.replace(self.settings, limits=limits), actor=actor)
        else:
            file = self.catalogue.known(model)
            await self.catalogue.change(file, limit_bytes=limit)
            self._publish(self.settings)
            self._driver.tell(m.LimitSet(file.id, limit))
        self._publish(
            Event(time.time(), "limit-changed", model, "asked", actor, numbers={"limit_bytes": limit or 0})
        )

    async def set_reserve(self, reserve_bytes: int | None, *, actor: Actor) -> None:
        """Set how much of the machine stays free for everything else; None: computed from the machine."""
        limits = msgspec.structs.replace(self.settings.limits, reserve_bytes=reserve_bytes)
        await self.change_settings(msgspec.structs.replace(self.settings, limits=limits), actor=actor)

    async def set_idle_minutes(self, minutes: float, *, actor: Actor) -> None:
        """Set after how many idle minutes a model is unloaded; 0 or less: never."""
        limits = msgspec.structs.replace(self.settings.limits, idle_minutes=minutes)
        await self.change_settings(msgspec.structs.replace(self.settings, limits=limits), actor=actor)

    async def set_pinned(self, model: str, pinned: bool, *, actor: Actor) -> None:
        """Pin a model, so that it is never unloaded by itself, or take the pin away."""
        file = self.catalogue.known(model)
        await self.catalogue.change(file, pinned=pinned)
        self._publish(self.settings)
        self._driver.tell(m.PinSet(file.id, pinned))
        self._publish(Event(time.time(), "pin-changed", file.id, "asked", actor, numbers={"pinned": pinned}))

    async def change_settings(self, settings: Settings, *, actor: Actor) -> None:
        """Put other settings in force and write them down."""
        told = self._settings_file.unsaved
        await self._settings_file.save(settings)
        unsaved = self._settings_file.unsaved
        if unsaved is not None and unsaved != told:
            self.note(unsaved)
        self._apply_settings()
        self._publish(settings)

    def simulate_pressure(self, level: Level | None) -> None:
        """Behave as if the machine were at that level of pressure, without using memory; None ends it."""
        self._watch.simulate(level)

    # --- models --------------------------------------------------------------------------------------

    async def scan(self, folders: Sequence[Path] = ()) -> tuple[ModelFile, ...]:
        """Look for models in all folders, or only in those given, and return what was found.

        Snapshots are published with what is found as it is found.
        """
        found: list[ModelFile] = []
        told = self.catalogue.folder_problems
        async for batch in self.catalogue.scan(folders):
            found.extend(batch)
            self._publish_snapshot_soon()
        for problem in self.catalogue.folder_problems:
            if problem not in told:
                self.note(problem.reason)
        self._tell_of_models()
        return tuple(found)

    async def add_model(self, path: Path) -> ModelFile:
        """Take one file into the library. Raises `CommandError` when it is not a model."""
        await self.catalogue.add(path)
        file = await self.catalogue.loadable(str(path))
        self._tell_of_models()
        self._publish_snapshot_soon()
        return file

    async def forecast(self, model: str, parameters: LoadParameters | None = None) -> Forecast:
        """What loading the model would take. Raises `CommandError` when it is unknown or bad."""
        file = await self.catalogue.loadable(model)
        return await self.catalogue.forecast(file, parameters or self.catalogue.parameters_of(file))

    async def largest_context(
        self, model: str, fits_bytes: int, parameters: LoadParameters | None = None
    ) -> int | None:
        """The largest context with which the model takes at most `fits_bytes`; None when none does."""
        file = await self.catalogue.loadable(model)
        wanted = parameters or self.catalogue.parameters_of(file)
        return await self.catalogue.forecasts.largest_context_rehearsed(file, wanted, fits_bytes)

    async def _learn(self, life: HostLife) -> None:
        file = self.catalogue.known(life.start.model_id)
        await self.catalogue.forecasts.learn(file, life.start.parameters, life.peak, time.time())

    def _smaller(self, asked: m.AskSmaller) -> tuple[LoadParameters, Charge] | None:
        """Parameters with which a model that outgrew its limit should stay under it.

        It took more than its forecast; the forecasts of smaller loads are taken to be off by as much.
        """
        file = self.catalogue.known(asked.model_id)
        forecasts = self.catalogue.forecasts
        forecast = forecasts.instant(file, asked.parameters)
        if forecast is None:
            return None
        factor = max(1.0, asked.used.total_bytes / forecast.total_bytes)
        smaller = forecasts.cheaper_parameters(file, asked.parameters, int(asked.limit_bytes / factor))
        expected = forecasts.instant(file, smaller) if smaller is not None else None
        if smaller is None or expected is None:
            return None
        private = int(expected.private_bytes * factor)
        return smaller, Charge(private, expected.mapped_bytes, file.file)

    def _path_of(self, model_id: str) -> str:
        return self.catalogue.known(model_id).path

    def _pid_of(self, model_id: str) -> int | None:
        life = self._driver.life_of(model_id)
        return None if life is None else life.pid

    # --- settings ------------------------------------------------------------------------------------

    @property
    def _machine_bytes(self) -> int:
        assert self.sample is not None  # the first sample is taken before anything else
        return self.sample.machine.total_bytes

    def _apply_settings(self) -> None:
        limits = self.settings.limits
        machine_bytes = self._machine_bytes
        policy = m.Policy(
            total_limit_bytes=limits.total_limit_for(machine_bytes) or None,
            reserve_bytes=limits.reserve_for(machine_bytes),
            idle_seconds=limits.idle_minutes * 60,
            queue_limit=self.settings.api.queue_limit,
            may_doze=limits.may_doze,
            over_limit=limits.over_limit_action,
        )
        self._watch.warn_at(self.settings.warnings)
        self._driver.threads = self.settings.loading.threads
        self._driver.load_timeout_seconds = self.settings.loading.load_timeout_seconds
        self._driver.tell(m.PolicySet(policy))
        self._tell_of_models()

    def _tell_of_models(self) -> None:
        """Tell the cache of the pins and limits that are set for models it may not know yet."""
        for file in self.catalogue.models:
            chosen = self.catalogue.settings_of(file)
            if chosen != ModelSettings():
                self._driver.tell(m.PinSet(file.id, chosen.pinned))
                self._driver.tell(m.LimitSet(file.id, chosen.limit_bytes))

    # --- answers -------------------------------------------------------------------------------------

    def ask(self, model: str, operation: Operation, arguments: Mapping[str, Any], *, actor: Actor) -> Answer:
        """An answer of the model, which is loaded if need be.

        `arguments` are those of llama-cpp-python's method for the operation, already checked.
        """

        async def obtain() -> m.Grant:
            file = await self.catalogue.loadable(model)
            return await self._obtain(file, self._parameters_to_ask(file, operation), "use", actor)

        return Answer(model, operation, arguments, obtain, self._driver)

    def _parameters_to_ask(self, file: ModelFile, operation: Operation) -> LoadParameters:
        """Those it is loaded with, or would be, made to give what is asked: text or embeddings."""
        entry = self._driver.cache.entry(file.id)
        loaded = entry is not None and entry.state.holds_host
        parameters = entry.parameters if entry and loaded else self.catalogue.parameters_of(file)
        return msgspec.structs.replace(parameters, embeddings=operation == "embedding")

    async def _obtain(
        self, file: ModelFile, parameters: LoadParameters | None, purpose: m.Purpose, actor: Actor
    ) -> m.Grant:
        wanted = parameters or self.catalogue.parameters_of(file)
        forecast = await self.catalogue.forecasts.for_load(file, wanted, self.snapshot.room_bytes)
        limit = self.catalogue.settings_of(file).limit_bytes
        fits = None
        if limit is not None and forecast.total_bytes > limit:
            fits = self.catalogue.forecasts.largest_context(file, wanted, limit)

        def asked(ticket: int) -> m.Requested:
            return m.Requested(
                ticket,
                file.id,
                Charge(forecast.private_bytes, forecast.mapped_bytes, file.file),
                wanted,
                purpose,
                actor,
                exact=parameters is not None,
                patience_seconds=self.settings.api.queue_seconds if purpose == "use" else None,
                fits_context=fits,
            )

        return await self._driver.obtain(asked)

    # --- time ----------------------------------------------------------------------------------------

    async def _tick_for_ever(self) -> None:
        while True:
            loading = any(entry.state is State.LOADING for entry in self._driver.cache.entries)
            interval = self.settings.monitoring.interval_seconds
            await asyncio.sleep(min(interval, _LOADING_INTERVAL_SECONDS) if loading else interval)
            await self._tick()

    async def _tick(self) -> None:
        async with self._sampling:
            hosts = self._driver.sampled_hosts()
            sample = await asyncio.to_thread(self._sampler.sample, hosts, self._hosts.nursery_pid)
        self.sample = sample
        self._hosts.rest_if_unused(sample.monotonic)
        self._driver.observe(sample)
        changed = self._watch.feed(sample)
        if changed is not None:
            self._publish(changed)
            self._driver.tell(m.PressureChanged(self._watch.level))
        self._publish(sample)
        for warning in self._watch.warnings(self.snapshot, sample):
            self._publish(warning)
