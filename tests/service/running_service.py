"""A service for tests: real hosts, a home of its own, and what it has told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import psutil

from llmmem_gui.core.events import Event
from llmmem_gui.core.snapshot import State
from llmmem_gui.folders import Folders
from llmmem_gui.service.hosting.engine_choice import EngineChoice
from llmmem_gui.service.hosting.hosts import HostStarter
from llmmem_gui.service.memory_service import MemoryService
from llmmem_gui.service.publisher import Fact
from llmmem_gui.service.storage.settings_file import SettingsFile

MIB = 1024**2


class RunningService:
    """A service, the ids of the models it was given, and its facts."""

    def __init__(self, service: MemoryService) -> None:
        self.service = service
        self.models: list[str] = []
        self.facts: list[Fact] = []
        service.subscribe(self.facts.append)

    def events(self, kind: str) -> list[Event]:
        """All events of one type, in order."""
        return [fact for fact in self.facts if isinstance(fact, Event) and fact.type == kind]

    def state(self, model_id: str) -> State:
        """The state of a model now."""
        model = self.service.snapshot.model(model_id)
        assert model is not None
        return model.state

    def pid(self, model_id: str) -> int:
        """The process of a loaded model."""
        model = self.service.snapshot.model(model_id)
        assert model is not None
        assert model.pid is not None
        return model.pid

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until the condition holds; the test's own time limit ends a wait in vain."""
        while not condition():
            await asyncio.sleep(0.01)

    async def text(self, model: str, question: str = "Say hello.", **arguments: object) -> str:
        """The whole answer to a question, without chance."""
        asked = {"messages": [{"role": "user", "content": question}], "temperature": 0.0, **arguments}
        answer = self.service.ask(model, "chat", asked, actor="api")
        return "".join([payload["choices"][0]["message"]["content"] async for payload in answer])


Running = TypeVar("Running", bound=RunningService)


@asynccontextmanager
async def running_service(
    models: Sequence[Path], kind: type[Running], choice: EngineChoice | None = None
) -> AsyncIterator[Running]:
    """A started service that knows the models; when it is over no process is left."""
    there_before = set(psutil.Process().children(recursive=True))
    folders = Folders.of_user()
    folders.create()
    service = MemoryService(folders, SettingsFile(folders.settings_file), HostStarter.spawn(choice=choice))
    running = kind(service)
    try:
        await service.start()
        for path in models:
            running.models.append((await service.add_model(path)).id)
        yield running
    finally:
        await service.close()
    assert set(psutil.Process().children(recursive=True)) <= there_before
