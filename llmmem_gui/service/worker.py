"""The program for Python scripts: synchronous, without Qt, in the running program or in one of its own.

with WorkerService() as worker:
    worker.load_model("smollm2-135m-instruct", context=2048)
    print(worker.ask("smollm2-135m-instruct", "Say hello.").text)
    worker.set_memory_limit(None, 8192)
    print(worker.get_memory_usage().percent)
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import quote

from llmmem_gui.core.parameters import GpuLayers, KvType
from llmmem_gui.core.units import MIB
from llmmem_gui.folders import Folders
from llmmem_gui.service.api_client import ApiClient, EventReader, NoProgram, RequestFailed, model_path
from llmmem_gui.service.asking import Question, Reply
from llmmem_gui.service.http.control_records import (
    ForecastEntry,
    LibraryEntry,
    MemoryUsage,
    ModelStatus,
    ReceiptEntry,
    Status,
)
from llmmem_gui.service.http.neighbour_records import NeighbourEntry, NeighbourReceiptEntry
from llmmem_gui.service.program_thread import ProgramThread
from llmmem_gui.service.storage.program_lock import AlreadyRunning

__all__ = ["NoProgram", "RequestFailed", "WorkerService"]

log = logging.getLogger(__name__)

Happening = Literal[
    "memory-warning",
    "memory-warning-ended",
    "memory-sample",
    "model-loaded",
    "model-unloaded",
    "model-dozed",
    "model-woken",
    "load-started",
    "load-failed",
    "load-refused",
    "host-died",
    "limit-changed",
    "pin-changed",
    "pressure-changed",
    "sampling-failed",
    "sampling-resumed",
    "computer-slept",
]
Listener = Callable[[dict[str, Any]], object]
Decoded = TypeVar("Decoded")

_START_SECONDS = 10.0
"""How long a program that has just begun may take until it answers."""


class WorkerService:
    """The models of this user, for a script; every method may be called from any thread.

    Uses the running program (its window or `llmmem serve`) and otherwise runs the program itself, in one
    thread, until `close`. Models are named by id or by the path of their file; limits are in MiB, as they
    were in the first design, and everything that is answered is in bytes.

    Every method raises `RequestFailed` with one sentence when the program refuses or fails, and `NoProgram`
    when the program that was used has ended.
    """

    def __init__(self, folders: Folders | None = None) -> None:
        """Find the program or start it. Raises `FolderUnusable`, `TokenError` and OSError."""
        self._client, self._own_program = _attach_or_run(folders or Folders.of_user())
        self._events = _EventThread(self._client)
        # Also when the script ends or drops this object without closing it.
        self._finalizer = weakref.finalize(self, _close, self._events, self._own_program)
        # What `atexit` calls comes too late: Python has ended all executors by then, and the program needs
        # them to close. concurrent.futures uses the same hook (seen in Python 3.11).
        threading._register_atexit(self._finalizer)  # type: ignore[attr-defined]

    def __enter__(self) -> WorkerService:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def runs_itself(self) -> bool:
        """Whether this object runs the program; `close` then ends it and unloads the models."""
        return self._own_program is not None

    @property
    def url(self) -> str:
        """Address of the OpenAI-compatible API, such as `http://127.0.0.1:11500/v1`."""
        return f"{self._client.endpoint.url}/v1"

    def close(self) -> None:
        """End the listeners, and the program if this object runs it; harmless when done before."""
        self._finalizer()

    # --- models --------------------------------------------------------------------------------------

    def load_model(
        self,
        model: str | Path,
        *,
        context: int | None = None,
        kv_type: KvType | None = None,
        gpu_layers: GpuLayers | None = None,
        pin: bool | None = None,
    ) -> ModelStatus:
        """Load a model and wait until it is ready; what is left out is as the settings say."""
        wanted = {"context": context, "kv_type": kv_type, "gpu_layers": gpu_layers, "pin": pin}
        body = {name: value for name, value in wanted.items() if value is not None}
        return self._command("POST", model, "load", body, gives=ModelStatus)

    def unload_model(self, model: str | Path) -> ReceiptEntry:
        """Unload a model now, whatever it is doing; says what that gave back."""
        return self._command("POST", model, "unload", gives=ReceiptEntry)

    def unload_all_models(self) -> list[ReceiptEntry]:
        """Unload every model now."""
        return self._client.request("POST", "/api/v1/unload", gives=list[ReceiptEntry])

    def cleanup_unused_models(self) -> list[ReceiptEntry]:
        """Unload every idle model that is not pinned."""
        return self._client.request("POST", "/api/v1/cleanup", gives=list[ReceiptEntry])

    def pin_model(self, model: str | Path, pinned: bool = True) -> ModelStatus:
        """Keep a model from being unloaded automatically, or with False no longer."""
        return self._command("PUT", model, "pin", {"pinned": pinned}, gives=ModelStatus)

    def doze_model(self, model: str | Path) -> ModelStatus:
        """Drop an idle model's weights from memory; it wakes by itself at the next question."""
        return self._command("POST", model, "doze", gives=ModelStatus)

    def get_models(self) -> list[ModelStatus]:
        """Every known model as it is now, loaded or not."""
        return self._client.request("GET", "/api/v1/models", gives=Status).models

    def scan(self, *folders: str | Path) -> list[LibraryEntry]:
        """Look for model files in these folders, or without any in the usual ones."""
        body = {"folders": [str(Path(folder).absolute()) for folder in folders]}
        return self._client.request("POST", "/api/v1/scan", body, gives=list[LibraryEntry])

    # --- other programs ------------------------------------------------------------------------------

    def get_neighbours(self) -> list[NeighbourEntry]:
        """Other programs of this machine that hold models, with what they hold as measured."""
        return self._client.request("GET", "/api/v1/neighbours", gives=list[NeighbourEntry])

    def unload_neighbour(
        self, neighbour_id: str, model: str | None = None, *, end_process: bool = False
    ) -> NeighbourReceiptEntry:
        """Have another program unload a model, or all it holds; or, losing what it does, end."""
        path = f"/api/v1/neighbours/{quote(neighbour_id, safe='')}/unload"
        body = {"model": model, "end_process": end_process}
        return self._client.request("POST", path, body, gives=NeighbourReceiptEntry)

    # --- memory --------------------------------------------------------------------------------------

    def set_memory_limit(self, model: str | Path | None, mib: float | None) -> None:
        """Limit a model, or with None all models together, to so many MiB; None MiB: no limit."""
        limit_bytes = None if mib is None else round(mib * MIB)
        if model is None:
            self._client.request("PUT", "/api/v1/limit", {"limit_bytes": limit_bytes})
        else:
            self._command("PUT", model, "limit", {"limit_bytes": limit_bytes}, gives=ModelStatus)

    def set_gpu_memory_limit(self, gpu: str, mib: float | None) -> None:
        """Limit what all models together may take of one GPU, by its name in `get_memory_usage().devices`.

        None MiB: the usual share of it holds again.
        """
        limit_bytes = None if mib is None else round(mib * MIB)
        path = f"/api/v1/gpus/{quote(gpu, safe='')}/limit"
        self._client.request("PUT", path, {"limit_bytes": limit_bytes})

    def get_memory_usage(self) -> MemoryUsage:
        """Memory in use, its limit and the share of it, for all models together and for each."""
        return self._client.request("GET", "/api/v1/usage", gives=MemoryUsage)

    def forecast(
        self,
        model: str | Path,
        *,
        context: int | None = None,
        kv_type: KvType | None = None,
        gpu_layers: GpuLayers | None = None,
    ) -> ForecastEntry:
        """What loading a model is predicted to take."""
        wanted = {"context": context, "kv_type": kv_type, "gpu_layers": gpu_layers}
        body = {name: value for name, value in wanted.items() if value is not None}
        return self._command("POST", model, "forecast", body, gives=ForecastEntry)

    # --- answers -------------------------------------------------------------------------------------

    def ask(self, model: str | Path, prompt: str, *, system: str | None = None, **options: Any) -> Reply:
        """The model's whole answer; `options` are further fields of OpenAI's chat request."""
        return self._question(model, prompt, system, options).whole()

    def ask_in_pieces(
        self, model: str | Path, prompt: str, *, system: str | None = None, **options: Any
    ) -> Iterator[str]:
        """The model's answer as it comes; leaving before the end cancels it."""
        return iter(self._question(model, prompt, system, options))

    def embed(self, model: str | Path, texts: Sequence[str]) -> list[list[float]]:
        """A vector of length 1 for each text."""
        body = {"model": self._client.model_id(str(model)), "input": list(texts)}
        answer = self._client.request("POST", "/v1/embeddings", body)
        return [item["embedding"] for item in answer["data"]]

    # --- events --------------------------------------------------------------------------------------

    def on(self, happening: Happening, listener: Listener) -> Callable[[], None]:
        """Call the listener with every event of that kind from now on; what is returned ends it.

        Listeners are called one after the other in a thread of their own; an event is a dict with `time`,
        `type`, `model`, `cause`, `actor` and its numbers.
        """
        return self._events.add(happening, listener)

    # --- inside --------------------------------------------------------------------------------------

    def _command(
        self,
        method: str,
        model: str | Path,
        action: str,
        body: Mapping[str, Any] | None = None,
        *,
        gives: type[Decoded],
    ) -> Decoded:
        path = model_path(self._client.model_id(str(model)), action)
        return self._client.request(method, path, body, gives=gives)

    def _question(
        self, model: str | Path, prompt: str, system: str | None, options: Mapping[str, Any]
    ) -> Question:
        messages = [{"role": "system", "content": system}] if system else []
        messages.append({"role": "user", "content": prompt})
        return Question(self._client, self._client.model_id(str(model)), messages, options)


class _EventThread:
    """Tells listeners of events, in a thread that begins with the first of them."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self._listeners: list[tuple[Happening, Listener]] = []
        self._lock = threading.Lock()
        self._reader: EventReader | None = None
        self._thread: threading.Thread | None = None

    def add(self, happening: Happening, listener: Listener) -> Callable[[], None]:
        entry = (happening, listener)
        with self._lock:
            self._listeners.append(entry)
            if self._thread is None:
                # When the answer has begun, the program tells us of everything from now on.
                self._reader = self._client.stream("GET", "/api/v1/events?samples=true")
                self._thread = threading.Thread(
                    target=self._listen, args=(self._reader,), name="llmmem events", daemon=True
                )
                self._thread.start()

        def remove() -> None:
            with self._lock:
                if entry in self._listeners:
                    self._listeners.remove(entry)

        return remove

    def close(self) -> None:
        with self._lock:
            reader, thread = self._reader, self._thread
        if reader is not None:
            reader.close()
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _listen(self, reader: EventReader) -> None:
        with reader:
            try:
                for event in reader:
                    for happening, listener in list(self._listeners):
                        if happening == event["type"]:
                            _tell(listener, event)
            except (NoProgram, RequestFailed) as error:
                log.warning("no more events: %s", error)


def _tell(listener: Listener, event: dict[str, Any]) -> None:
    try:
        listener(event)
    except Exception:
        # A listener that fails must not keep the others from hearing.
        log.exception("a listener to %s failed", event["type"])


def _attach_or_run(folders: Folders) -> tuple[ApiClient, ProgramThread | None]:
    """A client of the running program, which is started here if there is none."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            return ApiClient.of_running_program(folders, "script"), None
        except NoProgram:
            pass
        try:
            program = ProgramThread(folders)
        except AlreadyRunning:
            # It has just begun and does not answer yet.
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return ApiClient(program.endpoint, "script"), program


def _close(events: _EventThread, program: ProgramThread | None) -> None:
    events.close()
    if program is not None:
        program.close()
