"""The service: commands in, facts out.

Lives in one asyncio loop and is called from that loop only. Every way in (window, tray, command line,
HTTP, script) uses these methods and so gets the same checks, limits and events.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import msgspec

from llmmem_gui.core import cache_messages as m
from llmmem_gui.core.events import Actor, Event, UnloadReceipt
from llmmem_gui.core.forecast import Forecast
from llmmem_gui.core.library import ModelFile
from llmmem_gui.core.outlook import LimitsOutlook
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.pressure import Level
from llmmem_gui.core.protocol import Operation
from llmmem_gui.core.readings import Sample
from llmmem_gui.core.refusal import Refusal
from llmmem_gui.core.sentence import Models, Sentence
from llmmem_gui.core.settings import Settings
from llmmem_gui.core.snapshot import CacheSnapshot, ModelSnapshot, State
from llmmem_gui.folders import Folders
from llmmem_gui.service.cache_driver import CacheDriver
from llmmem_gui.service.catalogue import Catalogue, as_it_can_be_loaded
from llmmem_gui.service.command_error import CommandError
from llmmem_gui.service.engines.engines import Engines
from llmmem_gui.service.hosting.hosts import HostStarter
from llmmem_gui.service.model_answer import ModelAnswer
from llmmem_gui.service.model_list import ModelList
from llmmem_gui.service.neighbours.neighbours import Neighbours
from llmmem_gui.service.publisher import Listener, Publisher
from llmmem_gui.service.sampling.machine_memory import installed_bytes
from llmmem_gui.service.sampling.memory_watch import MemoryWatch
from llmmem_gui.service.sampling.sampler import Sampler
from llmmem_gui.service.sampling.ticks import Ticks
from llmmem_gui.service.settings_in_force import SettingsInForce
from llmmem_gui.service.snapshots import build_snapshot
from llmmem_gui.service.storage.engine_store import EngineStore
from llmmem_gui.service.storage.settings_file import SettingsFile
from llmmem_gui.service.supervision import Supervisor
from llmmem_gui.service.usage import MemoryUsage

KEEP: Final = -1
"""Given instead of a limit: leave the limit as it is."""

_LOADING_INTERVAL_SECONDS = 0.25
"""While a model loads its progress is worth seeing."""


class MemoryService:
    """Keeps models in memory for whoever asks, under the limits of the settings."""

    def __init__(
        self,
        folders: Folders,
        settings_file: SettingsFile,
        hosts: HostStarter,
        *,
        sampler: Sampler | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` gives monotonic seconds, as the running loop's own clock does."""
        self.catalogue = Catalogue(
            folders, settings_file, hosts.choice, is_held=self._is_held, rooms=self._device_rooms, clock=clock
        )
        self.sample: Sample | None = None
        self._settings_file = settings_file
        self._hosts = hosts
        self._clock = clock
        self._tasks = Supervisor(clock=clock)
        self._watch = MemoryWatch()
        self._publisher = Publisher()
        self._publish = self._publisher.publish
        self._snapshot: CacheSnapshot | None = None
        self._publishing = False
        self.engines = Engines(
            EngineStore(folders.data),
            hosts.choice,
            publish=lambda overview: self.in_force.tell_of_engines(overview),
            note=self.note,
            prefer=self._prefer_engine,
        )
        self._driver = CacheDriver(
            hosts,
            clock=clock,
            file_of=self.catalogue.known,
            publish=self._publish,
            changed=self._publish_snapshot_soon,
            ended=self.catalogue.learn,
            engine_crashed=self.engines.crashed_in_use,
            conversations=self.catalogue.conversations_of,
            warmth=self.catalogue.warmths.before_load,
            timed=self.catalogue.warmths.learn,
            ask_for_help=lambda actor: self.neighbours.help.give(actor),
        )
        self._ticks = Ticks(
            sampler or Sampler(),
            hosts=lambda: (self._driver.sampled_hosts(), hosts.nursery_pid, self.neighbours.processes),
            interval=self._seconds_to_next_tick,
            take_in=self._take_in,
            missed=lambda: self._driver.tell(m.TimePassed()),
            report=self._report,
        )
        self.in_force = SettingsInForce(
            settings_file,
            self.catalogue,
            self._driver,
            self._watch,
            self.engines,
            publish=self._publish,
            note=self.note,
        )
        self.list = ModelList(
            self.catalogue, self.in_force, self._is_held, self._publish_snapshot_soon, self.note
        )
        self.neighbours = Neighbours(
            own=self._own_pids,
            name_of=self.catalogue.name_of,
            changed=self._publish_snapshot_soon,
            publish=self._publish,
            clock=clock,
            may_unload=lambda: self.settings.neighbours.may_unload,
            offer=lambda available: self._driver.tell(m.HelpOffered(available)),
        )

    # --- life ----------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Read the settings, find the models, take the first sample, and begin to tick."""
        notes = self.catalogue.load()
        self.engines.start(self.settings.loading.engine)
        await self._ticks.tick()
        self.in_force.open(installed_bytes() if self.sample is None else self.sample.machine.total_bytes)
        notes += [problem.sentence for problem in self._settings_file.problems]
        for sentence in notes:
            self.note(sentence)
        self._watch.open()
        self._tasks.run("the search at the start", self._scan_at_start())
        self._tasks.keep("sampling", self._ticks.tick_for_ever)
        self.neighbours.start()

    async def broken(self) -> Sentence:
        """Wait until the service cannot go on, if ever: why. Whoever runs it ends it then, in order."""
        return await self._tasks.gave_up()

    async def close(self) -> None:
        """Stop ticking, end every host (asked, then killed) and wait until the last one is reaped."""
        async with contextlib.AsyncExitStack() as steps:
            # Each step is taken whatever the one before it raises.
            steps.push_async_callback(self._ticks.close)
            steps.push_async_callback(self.catalogue.close)
            steps.push_async_callback(self._hosts.close)
            steps.push_async_callback(self._driver.close)
            steps.push_async_callback(self.engines.close)
            steps.push_async_callback(self.list.close)
            steps.push_async_callback(self._tasks.close)
            steps.push_async_callback(self.neighbours.close)
            self._watch.close()

    async def _scan_at_start(self) -> None:
        await self.list.follow()
        await self.list.load_at_start(self.load)
        self.list.rehearse()

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
            built = build_snapshot(
                self._driver.cache,
                self.catalogue,
                now=self._clock(),
                level=self._watch.level,
                sampling=self._ticks.health,
                sample=self.sample,
                pid_of=self._driver.pid_of,
            )
            self._snapshot = replace(
                built,
                pressure_is_simulated=self._watch.is_simulated,
                alerts=self._watch.standing(built),
                neighbours=self.neighbours.found,
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
        wanted = as_it_can_be_loaded(file, parameters or self.catalogue.parameters_of(file))
        await self._obtain(file, wanted, "load", actor, exact=parameters is not None)
        if parameters is not None:
            # It comes back like that after an unload or a crash, for whoever asks.
            await self.choose_parameters(file.id, msgspec.structs.asdict(wanted), actor=actor)
        await self._ticks.tick()  # so that what it really uses is in the snapshot
        loaded = self.snapshot.model(file.id)
        if loaded is None:  # it ended, and its file went, while that was measured
            raise CommandError.of(Refusal("unloaded", file.id))
        return loaded

    async def unload(self, model: str, *, actor: Actor) -> UnloadReceipt:
        """Unload a model now, whatever it is doing, and return what that gave back."""
        return await self._driver.unload(self.catalogue.known(model).id, actor)

    async def unload_all(self, *, actor: Actor) -> list[UnloadReceipt]:
        """Unload every model now."""
        held = [entry for entry in self._driver.cache.entries if entry.state.holds_host]
        going = [entry.model_id for entry in held if entry.state is not State.UNLOADING]
        return list(await asyncio.gather(*(self._driver.unload(id, actor) for id in going)))

    async def clean_up(self, *, actor: Actor) -> list[UnloadReceipt]:
        """Unload every idle model that is not pinned."""
        return await self._driver.clean_up(actor)

    async def doze(self, model: str, *, actor: Actor) -> None:
        """Drop the mapped weights of an idle model; it wakes at its next request."""
        file = self.catalogue.known(model)
        self._driver.tell(m.DozeAsked(file.id, actor))
        if (entry := self._driver.cache.entry(file.id)) is None or entry.state is not State.DOZING:
            sentence = Sentence("Command", "{model} is not idle: only a ready model can doze.")
            raise CommandError("bad request", sentence.format(model=Models((file.id,))), file.id)

    async def set_limit(self, model: str | None, limit_bytes: int | None, *, actor: Actor) -> None:
        """Set the limit of a model, or without a model the total limit; None or 0 bytes: no limit."""
        limit = limit_bytes or None
        if limit is not None and limit < 0:
            sentence = Sentence("Command", "A limit of {number} bytes is below 0: give 0 for no limit.")
            raise CommandError("bad request", sentence.format(number=limit))
        if model is None:
            await self.change_settings({"limits.total_limit_bytes": limit}, actor=actor)
        else:
            await self.in_force.change_model(self.catalogue.known(model), actor=actor, limit_bytes=limit)

    async def set_pinned(self, model: str, pinned: bool, *, actor: Actor) -> None:
        """Pin a model, so that it is never unloaded by itself, or take the pin away."""
        await self.in_force.change_model(self.catalogue.known(model), actor=actor, pinned=pinned)

    async def choose_parameters(self, model: str, changes: Mapping[str, Any], *, actor: Actor) -> None:
        """Change how a model is loaded from now on; what is as usual follows the settings for all."""
        await self.in_force.choose_parameters(self.catalogue.known(model), changes, actor=actor)

    async def change_settings(self, changes: Mapping[str, object], *, actor: Actor) -> None:
        """Change settings, each named as `section.field`, all or none, and write them down.

        Raises `BadSetting` with the name of one that cannot be changed like that.
        """
        await self.in_force.change(changes, actor=actor)

    def preview(self, rules: Mapping[str, object] | m.LimitSet) -> LimitsOutlook:
        """What these changes of settings, or a limit of one model, would bring. Raises `BadSetting`."""
        change = rules if isinstance(rules, m.LimitSet) else m.PolicySet(self.in_force.policy_after(rules))
        return self._driver.cache.outlook(change, self._clock())

    async def add_folder(self, folder: str, *, actor: Actor) -> None:
        """Search one more folder for models from now on."""
        await self.in_force.add_folder(folder, actor=actor)

    async def _prefer_engine(self, name: str) -> None:
        await self.change_settings({"loading.engine": name}, actor="program")

    def simulate_pressure(self, level: Level | None, *, act: bool = False) -> None:
        """Show that level of pressure, without using memory, and with `act` give models up; None ends it."""
        self._watch.simulate(level, act=act)
        self._follow_pressure()

    # --- models --------------------------------------------------------------------------------------

    async def scan(self, folders: Sequence[Path] = ()) -> tuple[ModelFile, ...]:
        """Look for models in all folders, or only in those given, and return what was found.

        Snapshots are published with what is found as it is found.
        """
        return await self.list.search(folders)

    async def add_model(self, path: Path) -> ModelFile:
        """Take one file into the library. Raises `CommandError` when it is not a model."""
        return await self.list.add(path)

    async def forecast(self, model: str, parameters: LoadParameters | None = None) -> Forecast:
        """What loading the model would take. Raises `CommandError` when it is unknown or bad."""
        file = await self.catalogue.loadable(model)
        return await self.catalogue.forecast(file, parameters or self.catalogue.parameters_of(file))

    def _is_held(self, model_id: str) -> bool:
        entry = self._driver.cache.entry(model_id)
        return entry is not None and (entry.state.holds_host or entry.state is State.QUEUED)

    def _is_loaded_so(self, model_id: str, parameters: LoadParameters) -> bool:
        entry = self._driver.cache.entry(model_id)
        return entry is not None and entry.loaded_at is not None and entry.parameters == parameters

    def _device_rooms(self, model_id: str) -> Mapping[str, float]:
        return self._driver.device_rooms(model_id)

    def _own_pids(self) -> set[int]:
        hosts = {host.pid for host in self._driver.sampled_hosts().values()}
        return hosts if self._hosts.nursery_pid is None else hosts | {self._hosts.nursery_pid}

    # --- answers -------------------------------------------------------------------------------------

    def ask(
        self,
        model: str,
        operation: Operation,
        arguments: Mapping[str, Any],
        *,
        actor: Actor,
        client: str = "",
    ) -> ModelAnswer:
        """An answer of the model, which is loaded if need be.

        `arguments` are those of llama-cpp-python's method for the operation, already checked.
        """

        async def obtain() -> m.Grant:
            file = await self.catalogue.loadable(model)
            loaded = self._driver.loaded_with(file.id)
            parameters = self.catalogue.parameters_to_ask(file, operation, loaded)
            room = self.snapshot.room_bytes
            placed = self._driver.placed_with(file.id)
            beside = await self.catalogue.second_use(file, parameters, arguments, placed, room)
            return await self._obtain(file, parameters, "use", actor, beside=beside)

        arguments = self.catalogue.arguments_for(model, operation, arguments)
        return ModelAnswer(model, operation, arguments, obtain, self._driver, client or actor)

    async def _obtain(
        self,
        file: ModelFile,
        parameters: LoadParameters,
        purpose: m.Purpose,
        actor: Actor,
        *,
        exact: bool = False,
        beside: m.Beside | None = None,
    ) -> m.Grant:
        if not self._is_loaded_so(file.id, parameters):
            await self.catalogue.forecasts.for_load(file, parameters, self.snapshot.room_bytes)
        patience = self.settings.api.queue_seconds if purpose == "use" else None

        def asked(ticket: int) -> m.Requested:
            needed = self.catalogue.request(ticket, file, parameters)
            return msgspec.structs.replace(
                needed,
                purpose=purpose,
                actor=actor,
                exact=exact,
                patience_seconds=patience,
                beside=beside,
            )

        return await self._driver.obtain(asked)

    # --- time ----------------------------------------------------------------------------------------

    def _seconds_to_next_tick(self) -> float:
        loading = any(entry.state is State.LOADING for entry in self._driver.cache.entries)
        interval = self.settings.monitoring.interval_seconds
        return min(interval, _LOADING_INTERVAL_SECONDS) if loading else interval

    def _take_in(self, sample: Sample) -> None:
        self._hosts.rest_if_unused(sample.monotonic)
        self.sample = sample = self.neighbours.beside(self._driver.observe(sample))
        self._watch.feed(sample)
        self._follow_pressure()
        self._publish(sample := replace(sample, pools=self.snapshot.pools))
        for event in self._watch.events(self.snapshot, sample):
            self._publish(event)

    def _report(self, event: Event) -> None:
        self._publish(event)
        self._publish_snapshot_soon()

    def _follow_pressure(self) -> None:
        """Tell everybody of another level of pressure, and the cache of one that it has to act on."""
        assert self.sample is not None  # the first sample is taken before anything else
        if (changed := self._watch.change(self.sample.machine)) is not None:
            self._report(changed)
        if (act_on := self._watch.changed_level_to_act_on()) is not None:
            self._driver.tell(m.PressureChanged(act_on))
