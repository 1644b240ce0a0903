"""Changes of settings: each is in force before it is written down, and takes nothing else with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from llmmem_gui.core import cache_messages as m
from llmmem_gui.core.engines import EngineOverview
from llmmem_gui.core.events import Actor, Event
from llmmem_gui.core.gpu_limits import with_known_gpus
from llmmem_gui.core.library import ModelFile
from llmmem_gui.core.parameters import ChosenParameters
from llmmem_gui.core.sentence import Sentence, Size
from llmmem_gui.core.settings import ModelSettings, Settings
from llmmem_gui.service.cache_driver import CacheDriver
from llmmem_gui.service.catalogue import Catalogue
from llmmem_gui.service.engines.engines import Engines
from llmmem_gui.service.sampling.memory_watch import MemoryWatch
from llmmem_gui.service.storage.settings_file import SettingsFile


class SettingsInForce:
    """Puts settings in force: a change names what it changes, and is laid over what is in force by then."""

    def __init__(
        self,
        file: SettingsFile,
        catalogue: Catalogue,
        driver: CacheDriver,
        watch: MemoryWatch,
        engines: Engines,
        *,
        publish: Callable[[Settings | Event | EngineOverview], None],
        note: Callable[[Sentence], None],
    ) -> None:
        self._file = file
        self._catalogue = catalogue
        self._driver = driver
        self._watch = watch
        self._engines = engines
        self._publish = publish
        self._note = note
        self._machine_bytes = 0

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._file.settings

    def open(self, machine_bytes: int) -> None:
        """Put what was read at the start in force on a machine with this much memory."""
        self._machine_bytes = machine_bytes
        self._tell_of_rules()
        self.tell_of_models()

    async def change(self, changes: Mapping[str, object], *, actor: Actor) -> None:
        """Change settings, each named as `section.field`: all of them or none.

        Raises `BadSetting`.
        """
        await self._put(self._after(changes), actor)

    async def change_model(self, file: ModelFile, *, actor: Actor, **changes: Any) -> None:
        """Change what is decided for one model."""
        changed = msgspec.structs.replace(self._catalogue.settings_of(file), **changes)
        # Earlier versions kept it by the path.
        without_path = self.settings.with_model(file.path, ModelSettings())
        await self._put(without_path.with_model(file.id, changed), actor)

    async def choose_parameters(self, file: ModelFile, changes: Mapping[str, Any], *, actor: Actor) -> None:
        """Change how a model is loaded; of that only what differs from the usual is kept."""
        changed = msgspec.structs.replace(self._catalogue.parameters_of(file), **changes)
        chosen = ChosenParameters.of(changed, self._catalogue.usual_parameters(file))
        await self.change_model(file, actor=actor, parameters=chosen)

    async def add_folder(self, folder: str, *, actor: Actor) -> None:
        """Add a folder to those that are searched."""
        folders = self.settings.library.folders
        if folder not in folders:
            await self.change({"library.folders": (*folders, folder)}, actor=actor)

    def tell_of_engines(self, overview: EngineOverview) -> None:
        """Keep the limits of those devices that the engine in use computes on, and tell everybody of it."""
        if self._machine_bytes:  # it is open
            self._tell_of_policy()
        self._publish(overview)

    def _tell_of_policy(self) -> None:
        policy = self._policy(self.settings)
        if policy != self._driver.cache.policy:
            self._driver.tell(m.PolicySet(policy))

    def tell_of_models(self) -> None:
        """Tell the cache of the pins and limits that are set for models it may not know yet."""
        for file in self._catalogue.models:
            self._tell_of(file, ModelSettings(), self._catalogue.settings_of(file))

    async def _put(self, settings: Settings, actor: Actor) -> None:
        before = self.settings
        if settings == before:
            return
        self._file.settings = settings
        events = [*self._tell_of_rules(actor), *self._tell_of_changed_models(before, actor)]
        self._publish(settings)
        for event in events:
            self._publish(event)
        told = self._file.unsaved
        await self._file.save(settings)
        unsaved = self._file.unsaved
        if unsaved is not None and unsaved != told:
            self._note(unsaved)

    def policy_after(self, changes: Mapping[str, object]) -> m.Policy:
        """The rules that would hold if these settings were changed. Raises `BadSetting`."""
        return self._policy(self._after(changes))

    def _after(self, changes: Mapping[str, object]) -> Settings:
        known = self.settings.limits.gpu_limit_bytes
        return self.settings.with_values(with_known_gpus(changes, self._catalogue.gpus, known))

    def _policy(self, settings: Settings) -> m.Policy:
        limits = settings.limits
        gpus = [gpu for gpu in self._catalogue.gpus if gpu.has_memory]
        return m.Policy(
            total_limit_bytes=limits.total_limit_for(self._machine_bytes),
            reserve_bytes=limits.reserve_for(self._machine_bytes),
            device_limits={gpu.name: limits.gpu_limit_for(gpu.key, gpu.total_bytes) for gpu in gpus},
            device_reserves={gpu.name: limits.gpu_reserve_for(gpu.total_bytes) for gpu in gpus},
            device_addresses={gpu.name: gpu.device_id for gpu in gpus if gpu.device_id},
            idle_seconds=limits.idle_minutes * 60,
            queue_limit=settings.api.queue_limit,
            may_doze=limits.may_doze,
            over_limit=limits.over_limit_action,
        )

    def _tell_of_rules(self, actor: Actor = "program") -> list[Event]:
        """Let everybody go by the settings; an event for each limit that is another one."""
        settings, before = self.settings, self._driver.cache.policy
        self._watch.warn_at(settings.warnings)
        self._engines.prefer(settings.loading.engine)
        self._catalogue.conversations.go_by(settings.conversations)
        self._driver.cores.chosen = settings.loading.threads
        self._driver.load_timeout_seconds = settings.loading.load_timeout_seconds
        self._tell_of_policy()
        policy = self._driver.cache.policy
        events = [
            _device_limit_changed(name, limit, actor)
            for name, limit in policy.device_limits.items()
            if before.device_limits.get(name, limit) != limit
        ]
        if policy.total_limit_bytes != before.total_limit_bytes:
            events.append(_limit_changed(None, policy.total_limit_bytes, actor))
        return events

    def _tell_of_changed_models(self, before: Settings, actor: Actor) -> list[Event]:
        events: list[Event] = []
        for file in self._catalogue.models:
            then, now = self._catalogue.settings_of(file, before), self._catalogue.settings_of(file)
            if then != now:
                self._tell_of(file, then, now)
                if then.limit_bytes != now.limit_bytes:
                    events.append(_limit_changed(file.id, now.limit_bytes, actor))
                if then.pinned != now.pinned:
                    numbers = {"pinned": now.pinned}
                    events.append(Event(time.time(), "pin-changed", file.id, "asked", actor, numbers=numbers))
        return events

    def _tell_of(self, file: ModelFile, then: ModelSettings, now: ModelSettings) -> None:
        if then.pinned != now.pinned:
            self._driver.tell(m.PinSet(file.id, now.pinned))
        if then.limit_bytes != now.limit_bytes:
            self._driver.tell(m.LimitSet(file.id, now.limit_bytes))


def _device_limit_changed(device: str, limit_bytes: int, actor: Actor) -> Event:
    text = Sentence("Settings", "the models may now use {size} of {device}")
    told = text.format(size=Size(limit_bytes), device=device)
    numbers = {"limit_bytes": limit_bytes}
    return Event(time.time(), "limit-changed", None, "asked", actor, text=told, numbers=numbers)


def _limit_changed(model_id: str | None, limit_bytes: int | None, actor: Actor) -> Event:
    """Without a number: there is no limit any more."""
    numbers = {} if limit_bytes is None else {"limit_bytes": limit_bytes}
    return Event(time.time(), "limit-changed", model_id, "asked", actor, numbers=numbers)
