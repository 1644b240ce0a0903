"""The life of a host: born, told to load one file, asked, stopped."""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
import traceback
from typing import NoReturn

from llmmem_gui.core import protocol
from llmmem_gui.core.sentence import Sentence
from llmmem_gui.host import engine, process, sandbox
from llmmem_gui.host.answer import answer
from llmmem_gui.host.channel import Channel, Disconnected
from llmmem_gui.host.mapping import OwnMemory, Region
from llmmem_gui.host.model import HostedModel
from llmmem_gui.host.modelfile import LoadError, check_model_file
from llmmem_gui.host.requests import Requests
from llmmem_gui.unused_memory import trim_heap

_Work = protocol.Ask | protocol.Doze


def live(channel: Channel) -> NoReturn:
    """Serve one model until the service says stop or is gone; ends the process."""
    try:
        memory = OwnMemory()
        channel.send(protocol.Born(memory.shared_bytes()))
        message = channel.receive()
        if isinstance(message, protocol.Load):
            _Session(channel, memory, message).run()
        elif not isinstance(message, protocol.Stop):
            raise protocol.ProtocolError(f"a {type(message).__name__} came before a Load")
    except (Disconnected, LoadError):
        pass
    except BaseException:
        _end_with_traceback()
    # Without Python's and llama.cpp's farewells: the system takes everything back at once.
    os._exit(0)


class _Session:
    """One model: loads it, then does what the inbox brings, one thing at a time."""

    def __init__(self, channel: Channel, memory: OwnMemory, load: protocol.Load) -> None:
        self._channel = channel
        self._memory = memory
        self._load = load
        self._log = engine.EngineLog()
        self._abort = engine.AbortSwitch()
        self._requests = Requests(self._abort)
        self._inbox: queue.SimpleQueue[_Work] = queue.SimpleQueue()
        self._model: HostedModel | None = None
        self._threads = load.threads
        self._weights: tuple[Region, ...] = ()
        self._dozing = False

    def run(self) -> NoReturn:
        """Load and serve. Raises `LoadError` after telling the service, and `Disconnected`."""
        try:
            loaded, model = self._open()
        except LoadError as error:
            self._channel.send(protocol.LoadFailed(self._reason(error)))
            raise
        self._model = model
        model.wanted_threads = self._threads  # it may have changed during the load
        self._channel.send(loaded)
        while True:
            work = self._inbox.get()
            if isinstance(work, protocol.Doze):
                self._doze()
            else:
                self._wake()
                answer(model, work, self._requests, self._memory, self._channel.send)

    def _open(self) -> tuple[protocol.Loaded, HostedModel]:
        started = time.monotonic()
        files = check_model_file(self._load.path)
        if self._load.data_limit_bytes is not None:
            process.limit_growth(self._load.data_limit_bytes)  # reads /proc, which the sandbox closes
        layers = sandbox.enter(files, gpu=engine.supports_gpu())
        # Only now, because the sandbox holds for threads that start inside it.
        threading.Thread(target=self._listen, daemon=True).start()
        before = self._memory.regions()
        model = HostedModel(self._load.path, self._load.parameters, self._threads, self._log, self._abort)
        self._weights = self._memory.weights_since(before)
        self._memory.release_zeros(before)
        if self._log.repacks_weights:
            # What was repacked is resident twice; the mapped original of the rest comes back when read.
            self._memory.drop(self._weights)
        trim_heap()
        loaded = protocol.Loaded(
            context=model.n_ctx(),
            seconds=time.monotonic() - started,
            engine_version=engine.VERSION,
            sandbox=layers,
            has_chat_template=model.has_chat_template,
            embedding_length=model.n_embd(),
            vocabulary_size=model.n_vocab(),
            trained_context=model.trained_context,
            weights_bytes=model.weights_bytes,
            shared_bytes=self._memory.shared_bytes(),
            gives_embeddings=model.gives_embeddings,
        )
        return loaded, model

    def _reason(self, error: LoadError) -> Sentence:
        limit_bytes = self._load.data_limit_bytes
        if limit_bytes is None or "allocat" not in str(error):
            return error.sentence
        return Sentence(
            "Host", "it needs more than the {number} MiB of memory that it may use ({reason})"
        ).format(number=f"{limit_bytes / 2**20:.0f}", reason=error.sentence)

    def _listen(self) -> None:
        """Take messages while the model works; ends the process when told or left alone."""
        try:
            while True:
                message = self._channel.receive()
                if isinstance(message, protocol.Stop):
                    os._exit(0)
                self._take(message)
        except Disconnected:
            os._exit(0)
        except BaseException:
            _end_with_traceback()

    def _take(self, message: protocol.ToHost) -> None:
        if isinstance(message, protocol.Cancel):
            self._requests.cancel(message.request_id)
        elif isinstance(message, protocol.SetThreads):
            self._threads = message.threads
            if self._model is not None:
                self._model.wanted_threads = message.threads
        elif isinstance(message, protocol.Ask | protocol.Doze):
            self._inbox.put(message)
        else:
            raise protocol.ProtocolError(f"a second {type(message).__name__}")

    def _doze(self) -> None:
        started = time.monotonic()
        before_bytes = self._memory.file_bytes()
        self._memory.drop(self._weights)
        trim_heap()
        self._dozing = True
        self._channel.send(
            protocol.Dozed(before_bytes, self._memory.file_bytes(), seconds=time.monotonic() - started)
        )

    def _wake(self) -> None:
        if self._dozing:
            self._memory.want(self._weights)
            self._dozing = False


def _end_with_traceback() -> NoReturn:
    traceback.print_exc()
    sys.stderr.flush()
    os._exit(1)
