"""The QThread in which the service's event loop runs: facts come out as signals, requests go in."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QThread, Signal, SignalInstance, Slot

from llmmem_gui.core.engines import EngineOverview
from llmmem_gui.core.events import Actor, Event, UnloadReceipt
from llmmem_gui.core.history import History
from llmmem_gui.core.parameters import AUTO
from llmmem_gui.core.readings import Sample
from llmmem_gui.core.sentence import Sentence, sentence_of, verbatim
from llmmem_gui.core.settings import Settings
from llmmem_gui.core.snapshot import CacheSnapshot
from llmmem_gui.core.system_errors import reason_of
from llmmem_gui.folders import Folders
from llmmem_gui.service.command_error import CommandError
from llmmem_gui.service.demo_model import DEMO_MODEL, fetch
from llmmem_gui.service.memory_service import MemoryService
from llmmem_gui.service.model_answer import AnswerUsage, ModelAnswer
from llmmem_gui.service.package_index import FetchError
from llmmem_gui.service.program import Program, ServiceBroken
from llmmem_gui.service.supervision import Supervisor
from llmmem_gui.ui import requests as ask
from llmmem_gui.ui.empty_state import SearchedFolder

log = logging.getLogger(__name__)

_SAMPLES_KEPT, _EVENTS_KEPT = 900, 500


@dataclass(frozen=True, slots=True)
class Serving:
    """Where the API listens, and why it is not where it was asked for; other notices come as events."""

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
    engines: EngineOverview | None = None
    samples: deque[Sample] = field(default_factory=lambda: deque(maxlen=_SAMPLES_KEPT))
    events: deque[Event] = field(default_factory=lambda: deque(maxlen=_EVENTS_KEPT))
    receipts: deque[UnloadReceipt] = field(default_factory=lambda: deque(maxlen=_EVENTS_KEPT))
    others: list[object] = field(default_factory=list)
    """Outcomes, parts and ends of answers, and what else must not be lost, in order."""

    def put(self, fact: object) -> None:
        if isinstance(fact, CacheSnapshot):
            self.snapshot = fact
        elif isinstance(fact, History):
            self.history = fact
        elif isinstance(fact, Settings):
            self.settings = fact
        elif isinstance(fact, EngineOverview):
            self.engines = fact
        elif isinstance(fact, Sample):
            self.samples.append(fact)
        elif isinstance(fact, Event):
            self.events.append(fact)
        elif isinstance(fact, UnloadReceipt):
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
    `engines_changed` (EngineOverview), `history_loaded`, `concluded` (Outcome),
    `answer_read` (AnswerReading), `answered` (AnswerPart), `answer_ended` (AnswerEnd), `serving`,
    `folders_searched` (a tuple of SearchedFolder); `broken` with a sentence when the service could not start.
    """

    snapshot_taken = Signal(CacheSnapshot)
    sampled = Signal(Sample)
    happened = Signal(Event)
    unloaded = Signal(UnloadReceipt)
    settings_changed = Signal(Settings)
    engines_changed = Signal(EngineOverview)
    history_loaded = Signal(History)
    concluded = Signal(ask.Outcome)
    answer_read = Signal(ask.AnswerReading)
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
        self._tasks = Supervisor()
        self._answers: dict[int, ModelAnswer] = {}
        self._answering: dict[int, asyncio.Task[None]] = {}
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
        if mail.engines is not None:
            self.engines_changed.emit(mail.engines)
        for event in mail.events:
            self.happened.emit(event)
        for sample in mail.samples:
            self.sampled.emit(sample)
        if mail.snapshot is not None:
            self.snapshot_taken.emit(mail.snapshot)
        for receipt in mail.receipts:
            self.unloaded.emit(receipt)
        for fact in mail.others:
            self._signal_of(fact).emit(fact)

    def _signal_of(self, fact: object) -> SignalInstance:
        if isinstance(fact, ask.Outcome):
            return self.concluded
        if isinstance(fact, ask.AnswerReading):
            return self.answer_read
        if isinstance(fact, ask.AnswerPart):
            return self.answered
        if isinstance(fact, ask.AnswerEnd):
            return self.answer_ended
        if isinstance(fact, Serving):
            return self.serving
        if isinstance(fact, tuple):
            return self.folders_searched
        assert isinstance(fact, Sentence)
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
            self._post(Serving(url, self._program.token, self._program.api_notice))
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
            await self._program.until(end)
        except ServiceBroken as error:
            self._post(error.sentence)
        except Exception as error:
            log.exception("the service could not start")
            sentence = Sentence("Service", "The service could not start ({reason}).")
            self._post(sentence.format(reason=_reason(error)))
        finally:
            with self._lock:
                self._loop = None
            await self._close()
            unsubscribe()

    async def _close(self) -> None:
        await self._tasks.close()
        started = time.monotonic()
        await self._program.close()
        log.info("closed the program in %.0f ms", (time.monotonic() - started) * 1000)

    def _post(self, fact: object) -> None:
        with self._lock:
            self._mailbox.put(fact)
            # A snapshot follows each sample at once: a tick is shown and painted in one go.
            tell = not self._told and not isinstance(fact, Sample)
            self._told = self._told or tell
        if tell:
            self._arrived.emit()

    def _begin(self, request: ask.Request, actor: Actor) -> None:
        if isinstance(request, ask.StopAsking):
            self._stop_answer(request.number)
            return
        work = self._answer(request, actor) if isinstance(request, ask.Ask) else self._work(request, actor)
        task = self._tasks.run(type(request).__name__, work)
        if isinstance(request, ask.Ask):
            self._answering[request.number] = task

    def _stop_answer(self, number: int) -> None:
        answer = self._answers.get(number)
        if answer is not None and answer.stop():
            return  # what a model has begun it ends, and tells how far it came
        task = self._answering.pop(number, None)
        if task is not None:
            task.cancel()
            if answer is None:
                # It has not begun to run, so it will not tell its end.
                self._post(ask.AnswerEnd(number, cut="stopped"))

    async def _work(self, request: ask.Request, actor: Actor) -> None:
        try:
            result = await _carried_out(request, actor, self._program.service, self._folders.models)
        except (CommandError, FetchError, ValueError) as error:
            self._post(ask.Outcome(request, problem=_problem(error)))
            return
        except Exception as error:
            log.exception("%s failed", type(request).__name__)
            self._post(ask.Outcome(request, problem=_fault(error)))
            return
        self._post(ask.Outcome(request, result))
        if isinstance(request, ask.Scan | ask.FetchDemoModel | ask.AddModel):
            folders = await asyncio.to_thread(_searched, self._program.service)
            self._post(folders)

    async def _answer(self, request: ask.Ask, actor: Actor) -> None:
        number = request.number
        arguments = {
            "messages": [{"role": each.role, "content": each.content} for each in request.messages],
            "max_tokens": request.maximum_tokens,
            "temperature": request.temperature,
            "stream": True,
        }
        answer = self._program.service.ask(request.model_id, "chat", arguments, actor=actor)
        answer.on_reading = lambda read, tokens: self._post(ask.AnswerReading(number, read, tokens))
        self._answers[number] = answer
        problem, reason = None, None
        try:
            async for chunk in answer:
                for choice in chunk.get("choices", ()):
                    text = (choice.get("delta") or {}).get("content")
                    reason = choice.get("finish_reason") or reason
                    if text:
                        self._post(ask.AnswerPart(number, text))
        except CommandError as error:
            problem = _problem(error)
        except asyncio.CancelledError:
            await answer.aclose()
        except Exception as error:
            log.exception("an answer failed")
            problem = _fault(error)
        finally:
            del self._answers[number]
            self._answering.pop(number, None)
        usage = answer.usage or AnswerUsage(0, 0, 0.0, None)
        self._post(
            ask.AnswerEnd(
                number,
                usage.prompt_tokens,
                usage.completion_tokens,
                usage.seconds,
                usage.first_token_seconds,
                problem,
                answer.notice,
                "length" if reason == "length" else "stopped" if reason is None and problem is None else "",
            )
        )


async def _carried_out(
    request: ask.Request, actor: Actor, service: MemoryService, models_folder: Path
) -> object:
    """Carry one request out. Raises `CommandError`, and `FetchError` for the demo model."""
    match request:
        case ask.Load(model, parameters):
            return await service.load(model, parameters, actor=actor)
        case ask.Unload(model_id):
            return await service.unload(model_id, actor=actor)
        case ask.Exchange(unload, model_id):
            await asyncio.gather(*(_unload_if_loaded(service, id, actor) for id in unload))
            return await service.load(model_id, actor=actor)
        case ask.LoadAgain(models):
            await _load_again(service, models, actor)
        case ask.Restore(models, first):
            if first is not None:
                await _set(first, actor, service)
            await _load_again(service, models, actor)
        case ask.UnloadAll():
            return tuple(await service.unload_all(actor=actor))
        case ask.CleanUp():
            return tuple(await service.clean_up(actor=actor))
        case ask.UnloadNeighbour(neighbour_id, model, end):
            return await service.neighbours.unload(neighbour_id, model, end=end, actor=actor)
        case ask.FreeEverything():
            await asyncio.gather(service.unload_all(actor=actor), service.neighbours.unload_all(actor=actor))
        case ask.FindForecasts(model_id, variants):
            file = await service.catalogue.loadable(model_id)
            forecasts = service.catalogue.forecasts
            if len(variants) == 1 and variants[0].gpu_layers == AUTO:
                await forecasts.rehearsed(file, variants[0])  # how many fit only a dry run knows
            return tuple(forecasts.instant(file, variant) for variant in variants)
        case ask.PreviewLimits(rules):
            return service.preview(rules)
        case ask.FindFit(model_id, wanted, fits_bytes, device):
            file = await service.catalogue.loadable(model_id)
            forecasts = service.catalogue.forecasts
            # By formula: a dry run for every row that is seen would keep the machine busy.
            context = None if device else forecasts.largest_context(file, wanted, fits_bytes)
            mildest = forecasts.cheaper_parameters(file, wanted, fits_bytes)
            by_layers = mildest is not None and mildest == wanted.with_gpu_layers(mildest.gpu_layers)
            return ask.Fit(context, mildest, by_layers)
        case ask.FindWarmth(model_ids):
            return await service.catalogue.warmths.expected_loads(model_ids)
        case ask.Scan():
            return await service.scan()
        case ask.AddModel(path):
            return await service.add_model(Path(path))
        case ask.ListAgain(paths):
            for path in paths:
                await service.add_model(Path(path))
        case ask.FetchDemoModel():
            return await service.add_model(await fetch(DEMO_MODEL, models_folder))
        case ask.TryEngine(name):
            await service.engines.try_again(name)
        case ask.BuildEngine():
            service.engines.start_build()
        case ask.CancelBuild():
            service.engines.cancel_build()
        case ask.SetParameters(model_id, changes):
            await service.choose_parameters(model_id, changes, actor=actor)
        case _:
            await _set(request, actor, service)
    return None


async def _load_again(service: MemoryService, models: Sequence[str], actor: Actor) -> None:
    """Load each that can be; raises `CommandError` for the first that cannot, after the others."""
    failed: list[CommandError] = []
    for model in models:
        try:
            await service.load(model, actor=actor)
        except CommandError as error:
            failed.append(error)
    if failed:
        raise failed[0]


async def _unload_if_loaded(service: MemoryService, model_id: str, actor: Actor) -> None:
    with contextlib.suppress(CommandError):  # it went by itself meanwhile
        await service.unload(model_id, actor=actor)


async def _set(request: ask.Request, actor: Actor, service: MemoryService) -> None:
    setters: dict[type, Callable[..., Awaitable[None]]] = {
        ask.SetLimit: lambda r: service.set_limit(r.model_id, r.limit_bytes, actor=actor),
        ask.SetPinned: lambda r: service.set_pinned(r.model_id, r.pinned, actor=actor),
        ask.ChangeSettings: lambda r: service.change_settings(r.changes, actor=actor),
        ask.AddFolder: lambda r: service.add_folder(r.path, actor=actor),
        ask.RemoveModel: lambda r: service.list.remove(r.model_id, actor=actor),
        ask.ChangeModel: lambda r: service.list.change(r.model_id, r.changes, actor=actor),
        ask.Doze: lambda r: service.doze(r.model_id, actor=actor),
        ask.UseEngine: lambda r: service.engines.use(r.name),
    }
    await setters[type(request)](request)


def _problem(error: Exception) -> ask.Problem:
    if isinstance(error, CommandError):
        return ask.Problem(error.code, error.sentence, error.model_id, error.numbers)
    return ask.Problem("failed", sentence_of(error))


def _fault(error: Exception) -> ask.Problem:
    """What a person is told of a fault of the program itself; the log has the rest."""
    sentence = Sentence("Service", "Something in LLM Memory went wrong ({reason}): the log says where.")
    return ask.Problem("failed", sentence.format(reason=f"{type(error).__name__}: {error}"))


def _reason(error: Exception) -> Sentence:
    if isinstance(error, OSError):
        return reason_of(error)
    return sentence_of(error) if str(error) else verbatim(type(error).__name__)


def _searched(service: MemoryService) -> tuple[SearchedFolder, ...]:
    """The folders that were searched, those that exist first, with the number of models in each."""
    paths = [os.path.realpath(model.path) for model in service.catalogue.models]
    folders = []
    for folder in service.catalogue.searched_folders:
        root = os.path.realpath(folder.path) + os.sep
        found = sum(path.startswith(root) for path in paths)
        folders.append(SearchedFolder(folder.path, folder.owner, found, os.path.isdir(folder.path)))
    return tuple(sorted(folders, key=lambda f: (not f.exists, -f.found)))
