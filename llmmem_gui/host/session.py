"""The life of a host: born, told to load one file, asked, stopped."""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import threading
import time
import traceback
from typing import NoReturn

from llmmem_gui.core import protocol
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.sentence import Sentence
from llmmem_gui.host import engine, mtmd, process, sandbox
from llmmem_gui.host.abortion import Abortion
from llmmem_gui.host.batch import Batch
from llmmem_gui.host.channel import Channel, Disconnected
from llmmem_gui.host.context import Context
from llmmem_gui.host.embedding import EmbeddingQueue
from llmmem_gui.host.loop import TextLoop
from llmmem_gui.host.mapping import OwnMemory, Part, Region
from llmmem_gui.host.model import Model, model_parameters
from llmmem_gui.host.modelfile import LoadError, check_model_file
from llmmem_gui.host.mtmd import NoVision, Projector
from llmmem_gui.host.scheduler import Scheduler
from llmmem_gui.host.shelf import Shelf
from llmmem_gui.host.tokenizer import Tokenizer
from llmmem_gui.host.uses import Uses
from llmmem_gui.host.vision import Vision
from llmmem_gui.unused_memory import trim_heap

_FILE_SLACK_BYTES = 2**20
"""Room for the numbers of tokens beside the states, whose bytes are what is counted."""

_Message = protocol.Ask | protocol.Cancel | protocol.Grow | protocol.Doze | protocol.Stop


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
    except BaseException:  # noqa: BLE001 - written to the standard error, which the service reads
        _end_with_traceback()
    # Without Python's and llama.cpp's farewells: the system takes everything back at once.
    os._exit(0)


class _Session:
    """One model: loads it, then does what the inbox brings, requests in steps and several at once."""

    def __init__(self, channel: Channel, memory: OwnMemory, load: protocol.Load) -> None:
        self._channel = channel
        self._memory = memory
        self._load = load
        self._log = engine.EngineLog()
        switch = engine.AbortSwitch()
        self._abortion = Abortion(switch)
        self._switch = switch
        self._inbox: queue.SimpleQueue[_Message] = queue.SimpleQueue()
        self._threads = load.threads
        self._earlier_file: int | None = None
        self._file: int | None = None
        """Descriptors of the conversations of earlier loads, and of those to come."""
        self._projector: tuple[bytes, ...] = ()
        """The file that reads images, where there is one."""
        self._blindness: Sentence | None = None
        """Why a model that has a projector reads text only."""
        self._weights: tuple[Region, ...] = ()
        self._shall_doze = False
        self._dozing = False
        self._used_before: tuple[Part, ...] = ()
        """What of the weights was in use when it fell asleep."""

    def run(self) -> NoReturn:
        """Load and serve. Raises `LoadError` after telling the service, and `Disconnected`."""
        try:
            loaded, uses = self._open()
        except LoadError as error:
            self._channel.send(protocol.LoadFailed(self._reason(error)))
            raise
        self._channel.send(loaded)
        while True:
            self._take_inbox(uses)
            if uses.has_work:
                self._wake()
                uses.step(self._threads)
            elif self._shall_doze:
                self._shall_doze = False
                uses.rest()
                self._doze()

    def _take_inbox(self, uses: Uses) -> None:
        """Take in all messages that have come; waits for one when there is nothing to do."""
        waits = not uses.has_work and not self._shall_doze
        while True:
            try:
                message = self._inbox.get(waits)
            except queue.Empty:
                return
            waits = False
            if isinstance(message, protocol.Doze):
                self._shall_doze = True
            elif isinstance(message, protocol.Stop):
                self._keep(uses)
            elif isinstance(message, protocol.Cancel):
                uses.cancel(message.request_id)
                self._abortion.forget(message.request_id)
            elif isinstance(message, protocol.Grow):
                self._grow(uses, message)
            else:
                uses.ask(message)

    def _open(self) -> tuple[protocol.Loaded, Uses]:
        started = time.monotonic()
        files = check_model_file(self._load.path)
        if self._load.data_limit_bytes is not None:
            # Reads /proc, which the sandbox closes.
            process.limit_growth(self._load.data_limit_bytes, may_double=True)
        self._open_files()  # only these may be read and written once the sandbox has closed
        self._projector = self._find_projector()
        layers = sandbox.enter((*files, *self._projector), gpu=engine.supports_gpu())
        # Only now, because the sandbox holds for threads that start inside it.
        threading.Thread(target=self._listen, daemon=True).start()
        before = self._memory.regions()
        load = self._load
        placed = model_parameters(
            load.parameters.fixed_gpu_layers, load.extra_buffers, memory_map=load.parameters.memory_map
        )
        model = self._model = Model(load.path, placed, self._log)
        self._tokenizer = Tokenizer(model)
        uses, context = self._uses(model, load.parameters)
        self._weights = self._memory.weights_since(before)
        self._memory.release_zeros(before)
        if self._log.repacks_weights:
            # What was repacked is resident twice; the mapped original of the rest comes back when read.
            self._memory.drop(self._weights)
        trim_heap()
        loaded = protocol.Loaded(
            context=context.tokens,
            seconds=time.monotonic() - started,
            engine_version=engine.VERSION,
            sandbox=layers,
            has_chat_template=model.has_chat_template,
            embedding_length=model.embedding_length,
            vocabulary_size=model.vocabulary_size,
            trained_context=model.trained_context,
            weights_bytes=model.weights_bytes,
            shared_bytes=self._memory.shared_bytes(),
            gives_embeddings=context.is_for_embeddings,
            sees=uses.sees,
        )
        return loaded, uses

    def _uses(self, model: Model, parameters: LoadParameters) -> tuple[Uses, Context]:
        """The use that the model is loaded for, and its context."""
        text, embeddings = None, None
        if model.is_for_embeddings(parameters):
            embeddings = self._embedding_queue(parameters)
            context = embeddings.context
        else:
            context = self._context(parameters)
            text = self._text_loop(context, parameters)
        return Uses(text, embeddings, self._second_text_loop, self._channel.send), context

    def _grow(self, uses: Uses, grow: protocol.Grow) -> None:
        """Allow the other use, too; its context is made when it is first asked for."""
        process.raise_limit(grow.added_bytes)
        if grow.parameters.embeddings:
            uses.allow_embeddings(self._embedding_queue(grow.parameters), grow.parameters)
        else:
            uses.allow_text(grow.parameters)

    def _context(self, parameters: LoadParameters) -> Context:
        return Context(self._model, parameters, self._threads, self._log, self._switch)

    def _second_context(self, parameters: LoadParameters) -> Context:
        before = self._memory.regions()
        context = self._context(parameters)
        self._memory.release_zeros(before)
        return context

    def _second_text_loop(self, parameters: LoadParameters) -> TextLoop:
        return self._text_loop(self._second_context(parameters), parameters)

    def _embedding_queue(self, parameters: LoadParameters) -> EmbeddingQueue:
        return EmbeddingQueue(
            self._tokenizer,
            parameters,
            self._second_context,
            self._abortion,
            self._memory,
            self._channel.send,
        )

    def _find_projector(self) -> tuple[bytes, ...]:
        """The projector that is to be loaded, if there is one; the library for it is opened, too."""
        load = self._load
        if load.projector is None:
            return ()
        try:
            if not load.parameters.vision:
                raise NoVision(Sentence("Host", "it was loaded with vision turned off"))
            mtmd.library()
            return check_model_file(load.projector)
        except (NoVision, LoadError) as error:
            self._blindness = error.sentence
            return ()

    def _open_vision(self, context: Context) -> Vision | None:
        """What reads images; None for a model that reads text only, also when its projector is damaged."""
        if not self._projector:
            return None
        gpu = self._load.parameters.gpu_layers != 0 and engine.supports_gpu()
        try:
            opened = Projector(
                self._projector[0], self._model, self._log, self._switch, threads=self._threads, gpu=gpu
            )
        except NoVision as error:
            self._blindness = error.sentence
            return None
        return Vision(opened, self._projector[0], context.batch_tokens)

    def _text_loop(self, context: Context, parameters: LoadParameters) -> TextLoop:
        model = self._model
        vision = self._open_vision(context)
        kind = model.memory_kind(parameters)
        shelf = Shelf(
            context,
            self._load.conversations.memory_bytes,
            any_prefix=kind == "attention",
            file=self._earlier_file,
        )
        scheduler = Scheduler(
            context,
            cells=context.tokens,
            sequences=context.sequences,
            slots=parameters.slots,
            kind=kind,
            shelf=shelf,
        )
        return TextLoop(
            model,
            self._tokenizer,
            context,
            Batch(context.batch_tokens),
            scheduler,
            self._abortion,
            self._memory,
            self._channel.send,
            vision,
            self._blindness,
        )

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
                if isinstance(message, protocol.Stop) and not message.keeps:
                    os._exit(0)
                self._take(message)
        except Disconnected:
            os._exit(0)
        except BaseException:  # noqa: BLE001 - a thread's end would go unnoticed
            _end_with_traceback()

    def _take(self, message: protocol.ToHost) -> None:
        if isinstance(message, protocol.SetThreads):
            self._threads = message.threads
        elif isinstance(message, _Message):
            if isinstance(message, protocol.Cancel):
                self._abortion.cancel(message.request_id)
            self._inbox.put(message)
        else:
            raise protocol.ProtocolError(f"a second {type(message).__name__}")

    def _open_files(self) -> None:
        """Open the files of conversations; without one that cannot be had the model is loaded too."""
        conversations = self._load.conversations
        # What has taken over the host could otherwise fill the disk through the file that it may write.
        # Drivers of GPUs have memory that the system counts as files.
        if not engine.supports_gpu():
            process.limit_files(conversations.file_bytes + _FILE_SLACK_BYTES)
        if conversations.earlier is not None:
            with contextlib.suppress(OSError):
                self._earlier_file = os.open(conversations.earlier, os.O_RDONLY)
        if conversations.file is not None:
            with contextlib.suppress(OSError):
                self._file = os.open(conversations.file, os.O_WRONLY)

    def _keep(self, uses: Uses) -> NoReturn:
        """Write the conversations down and end."""
        if self._file is not None:
            with contextlib.suppress(OSError, MemoryError):
                count = uses.keep(self._file, self._load.conversations.file_bytes)
                self._channel.send(protocol.Kept(count))
        os._exit(0)

    def _doze(self) -> None:
        started = time.monotonic()
        before_bytes = self._memory.file_bytes()
        if not self._dozing:
            self._used_before = self._memory.parts_in_use(self._weights)
        self._memory.drop(self._weights)
        trim_heap()
        self._dozing = True
        self._channel.send(
            protocol.Dozed(before_bytes, self._memory.file_bytes(), seconds=time.monotonic() - started)
        )

    def _wake(self) -> None:
        if self._dozing:
            # Not all of the file: nobody reads the originals of what was repacked.
            self._memory.want(self._used_before)
            self._dozing = False


def _end_with_traceback() -> NoReturn:
    traceback.print_exc()
    sys.stderr.flush()
    os._exit(1)
