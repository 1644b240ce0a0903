"""The QThread in which the service's event loop runs: facts come out as signals, requests go in."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from PySide6.QtCore import QObject, Qt, QThread, Signal, SignalInstance, Slot

from llmmem_gui.core.events import Actor, Event, Receipt
from llmmem_gui.core.history import History
from llmmem_gui.core.readings import Sample
from llmmem_gui.core.sentence import Sentence, sentence_of
from llmmem_gui.core.settings import Settings
from llmmem_gui.core.snapshot import CacheSnapshot
from llmmem_gui.core.system_errors import reason_of
from llmmem_gui.folders import Folders
from llmmem_gui.service.command_error import CommandError
from llmmem_gui.service.demo_model import DEMO_MODEL, FetchError, fetch
from llmmem_gui.service.memory_service import MemoryService
from llmmem_gui.service.program import Program
from llmmem_gui.ui import requests as ask
from llmmem_gui.ui.empty_state import SearchedFolder

log = logging.getLogger(__name__)

_SAMPLES_KEPT = 900
_EVENTS_KEPT = 500


@dataclass(frozen=True, slots=True)
class Serving:
    """Where the API listens, or one sentence why it does not."""

    url: str
    key: str = field(default="", repr=False)
    """What other programs must show to it."""
    notice: Sentence | None = None


@dataclass(slots=True)
class _Mailbox:
    """Facts on their way to the GUI thread; a slow GUI finds the newest ones, never a flood."""

    history: History | None = None
    snapshot: CacheSnapshot | None = None
    settings: Settings | None = None
    samples: deque[Sample] = field(default_factory=lambda: deque(maxlen=_SAMPLES_KEPT))
    events: deque[Event] = field(default_factory=lambda: deque(maxlen=_EVENTS_KEPT))
    receipts: deque[Receipt] = field(default_factory=lambda: deque(maxlen=_EVENTS_KEPT))
    others: list[object] = field(default_factory=list)
    """Outcomes, parts and ends of answers, and what else must not be lost, in order."""

    def put(self, fact: object) -> None:
        if isinstance(fact, CacheSnapshot):
            self.snapshot = fact
        elif isinstance(fact, History):
            self.history = fact
        elif isinstance(fact, Settings):
            self.settings = fact
        elif isinstance(fact, Sample):
            self.samples.append(fact)
        elif isinstance(fact, Event):
            self.events.append(fact)
        elif isinstance(fact, Receipt):
            self.receipts.append(fact)
        elif isinstance(fact, ask.AnswerPart) and self._continues(fact):
            last = self.others[-1]
            assert isinstance(last, ask.AnswerPart)
            self.others[-1] = ask.AnswerPart(fact.number, last.text + fact.text)
        else:
            self.others.append(fact)

    def _continues(self, part: ask.AnswerPart) -> bool:
        last = self.others[-1] if self.others else None
        return isinstance(last, ask.AnswerPart) and last.number == part.number


class ServiceThread(QThread):
    """Runs a `Program` and passes facts and requests between it and the GUI thread.

    Signals, each with one record: `snapshot_taken`, `sampled`, `happened`, `unloaded`, `settings_changed`,
    `history_loaded`, `concluded` (Outcome), `answered` (AnswerPart), `answer_ended` (AnswerEnd), `serving`,
    `folders_searched` (a tuple of SearchedFolder); `broken` with a sentence when the service could not start.
    """

    snapshot_taken = Signal(CacheSnapshot)
    sampled = Signal(Sample)
    happened = Signal(Event)
    unloaded = Signal(Receipt)
    settings_changed = Signal(Settings)
    history_loaded = Signal(History)
    concluded = Signal(ask.Outcome)
    answered = Signal(ask.AnswerPart)
    answer_ended = Signal(ask.AnswerEnd)
    serving = Signal(Serving)
    folders_searched = Signal(tuple)
    broken = Signal(Sentence)
    _arrived = Signal()

    def __init__(self, program: Program, folders: Folders, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._program = program
        self._folders = folders
        self._lock = threading.Lock()
        self._mailbox = _Mailbox()
        self._told = False
        """Whether the GUI thread knows that the mailbox is not empty."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None
        self._ending = False
        self._early: list[tuple[ask.Request, Actor]] = []
        """Requests that came before the loop ran."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._answers: dict[int, asyncio.Task[None]] = {}
        self._arrived.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    # --- in the GUI thread -------------------------------------------------------------------------------

    def carry_out(self, request: ask.Request, actor: Actor = "window") -> None:
        """Hand a request over; what comes of it is told by `concluded`."""
        with self._lock:
            loop = self._loop
            if loop is None:
                self._early.append((request, actor))
                return
        loop.call_soon_threadsafe(self._begin, request, actor)

    def stop(self) -> None:
        """Ask the service to end in order; `finished` tells when it has. Returns at once."""
        with self._lock:
            self._ending = True
            loop, end = self._loop, self._end
        if loop is not None and end is not None:
            loop.call_soon_threadsafe(end.set)

    @Slot()
    def _deliver(self) -> None:
        with self._lock:
            mail, self._mailbox = self._mailbox, _Mailbox()
            self._told = False
        if mail.history is not None:
            self.history_loaded.emit(mail.history)
        if mail.settings is not None:
            self.settings_changed.emit(mail.settings)
        for event in mail.events:
            self.happened.emit(event)
        if mail.snapshot is not None:
            self.snapshot_taken.emit(mail.snapshot)
        for sample in mail.samples:
            self.sampled.emit(sample)
        for receipt in mail.receipts:
            self.unloaded.emit(receipt)
        for fact in mail.others:
            self._signal_of(fact).emit(fact)

    def _signal_of(self, fact: object) -> SignalInstance:
        if isinstance(fact, ask.Outcome):
            return self.concluded
        if isinstance(fact, ask.AnswerPart):
            return self.answered
        if isinstance(fact, ask.AnswerEnd):
            return self.answer_ended
        if isinstance(fact, Serving):
            return self.serving
        if isinstance(fact, tuple):
            return self.folders_searched
        return self.broken

    # --- in the service's thread -------------------------------------------------------------------------

    def run(self) -> None:
        """Run the service until `stop`."""
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        service = self._program.service
        end = asyncio.Event()
        unsubscribe = service.subscribe(self._post)
        await self._program.open_history()
        self._post(await self._program.history.load())
        try:
            where = await self._program.start(with_api=service.settings.api.enabled)
            url = f"{where.url}/v1" if where.url else ""
            self._post(Serving(url, self._program.token, self._program.api.notice))
            self._post(service.settings)
            self._post(service.snapshot)
            with self._lock:
                self._loop, self._end = asyncio.get_running_loop(), end
                early, self._early = self._early, []
                if self._ending:
                    end.set()
            for request, actor in early:
                self._begin(request, actor)
            self._begin(ask.Scan(), "program")
            await end.wait()
        except OSError as error:
            log.exception("the service could not start")
            sentence = Sentence("Service", "The service could not start ({reason}).")
            self._post(sentence.format(reason=reason_of(error)))
        finally:
            with self._lock:
                self._loop = None
            await self._close()
            unsubscribe()

    async def _close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        started = time.monotonic()
        await self._program.close()
        log.info("closed the program in %.0f ms", (time.monotonic() - started) * 1000)

    def _post(self, fact: object) -> None:
        with self._lock:
            self._mailbox.put(fact)
            tell, self._told = not self._told, True
        if tell:
            self._arrived.emit()

    def _begin(self, request: ask.Request, actor: Actor) -> None:
        if isinstance(request, ask.StopAsking):
            answer = self._answers.get(request.number)
            if answer is not None:
                answer.cancel()
            return
        work = self._answer(request, actor) if isinstance(request, ask.Ask) else self._work(request, actor)
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if isinstance(request, ask.Ask):
            self._answers[request.number] = task

    async def _work(self, request: ask.Request, actor: Actor) -> None:
        try:
            result = await _carried_out(request, actor, self._program.service, self._folders.models)
        except (CommandError, FetchError, ValueError) as error:
            self._post(ask.Outcome(request, problem=_problem(error)))
            return
        self._post(ask.Outcome(request, result))
        if isinstance(request, ask.Scan | ask.FetchDemoModel | ask.AddModel):
            folders = await asyncio.to_thread(_searched, self._program.service)
            self._post(folders)

    async def _answer(self, request: ask.Ask, actor: Actor) -> None:
        arguments = {
            "messages": [{"role": "user", "content": request.prompt}],
            "max_tokens": request.maximum_tokens,
            "stream": True,
        }
        answer = self._program.service.ask(request.model_id, "chat", arguments, actor=actor)
        problem = None
        try:
            async for chunk in answer:
                text = "".join((c.get("delta") or {}).get("content") or "" for c in chunk.get("choices", ()))
                if text:
                    self._post(ask.AnswerPart(request.number, text))
        except CommandError as error:
            problem = _problem(error)
        except asyncio.CancelledError:
            await answer.aclose()
        finally:
            self._answers.pop(request.number, None)
        usage = answer.usage
        self._post(
            ask.AnswerEnd(
                request.number,
                usage.prompt_tokens if usage else 0,
                usage.completion_tokens if usage else 0,
                usage.seconds if usage else 0.0,
                usage.first_token_seconds if usage else None,
                problem,
                answer.notice,
            )
        )


async def _carried_out(
    request: ask.Request, actor: Actor, service: MemoryService, models_folder: Path
) -> object:
    """Carry one request out. Raises `CommandError`, and `FetchError` for the demo model."""
    match request:
        case ask.Load(model, parameters):
            if parameters is not None:
                await _choose_parameters(service, model, parameters, actor)
            return await service.load(model, parameters, actor=actor)
        case ask.Unload(model_id):
            return await service.unload(model_id, actor=actor)
        case ask.Exchange(unload, model_id):
            await asyncio.gather(*(service.unload(id, actor=actor) for id in unload))
            return await service.load(model_id, actor=actor)
        case ask.UnloadAll():
            return tuple(await service.unload_all(actor=actor))
        case ask.CleanUp():
            return tuple(await service.clean_up(actor=actor))
        case ask.FindForecasts(model_id, variants):
            file = await service.catalogue.loadable(model_id)
            return tuple(service.catalogue.forecasts.instant(file, variant) for variant in variants)
        case ask.FindFit(model_id, fits_bytes):
            file = await service.catalogue.loadable(model_id)
            wanted, forecasts = service.catalogue.parameters_of(file), service.catalogue.forecasts
            # By formula: a dry run for every row that is seen would keep the machine busy.
            return ask.Fit(
                forecasts.largest_context(file, wanted, fits_bytes),
                forecasts.cheaper_parameters(file, wanted, fits_bytes),
            )
        case ask.Scan():
            return await service.scan()
        case ask.AddModel(path):
            return await service.add_model(Path(path))
        case ask.FetchDemoModel():
            return await service.add_model(await fetch(DEMO_MODEL, models_folder))
        case ask.SetParameters(model_id, parameters):
            await _choose_parameters(service, model_id, parameters, actor)
        case _:
            await _set(request, actor, service)
    return None


async def _set(request: ask.Request, actor: Actor, service: MemoryService) -> None:
    setters: dict[type, Callable[..., Awaitable[None]]] = {
        # No limit is stored as 0, because nothing stored stands for the default.
        ask.SetLimit: lambda r: service.set_limit(r.model_id, r.limit_bytes or 0, actor=actor),
        ask.SetReserve: lambda r: service.set_reserve(r.reserve_bytes, actor=actor),
        ask.SetIdle: lambda r: service.set_idle_minutes(r.minutes or 0.0, actor=actor),
        ask.SetPinned: lambda r: service.set_pinned(r.model_id, r.pinned, actor=actor),
        ask.ChangeSettings: lambda r: service.change_settings(r.settings, actor=actor),
        ask.Doze: lambda r: service.doze(r.model_id, actor=actor),
    }
    await setters[type(request)](request)


async def _choose_parameters(service: MemoryService, model_id: str, parameters: object, actor: Actor) -> None:
    file = await service.catalogue.loadable(model_id)
    chosen = msgspec.structs.replace(service.settings.model(file.path), parameters=parameters)
    await service.change_settings(service.settings.with_model(file.path, chosen), actor=actor)


def _problem(error: Exception) -> ask.Problem:
    if isinstance(error, CommandError):
        return ask.Problem(error.code, error.sentence, error.model_id, error.numbers)
    return ask.Problem("failed", sentence_of(error))


def _searched(service: MemoryService) -> tuple[SearchedFolder, ...]:
    """The folders that were searched, those that exist first, with the number of models in each."""
    paths = [os.path.realpath(model.path) for model in service.catalogue.models]
    folders = []
    for folder in service.catalogue.searched_folders:
        root = os.path.realpath(folder.path) + os.sep
        found = sum(path.startswith(root) for path in paths)
        folders.append(SearchedFolder(folder.path, folder.owner, found, os.path.isdir(folder.path)))
    return tuple(sorted(folders, key=lambda f: (not f.exists, -f.found)))
