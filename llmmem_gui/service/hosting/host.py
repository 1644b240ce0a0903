"""One host as the service sees it: a process that loads one model, answers, and ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from llmmem_gui.core import protocol
from llmmem_gui.core.engines import EngineUse
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.sentence import Sentence, SentenceError
from llmmem_gui.core.turns import Turns
from llmmem_gui.service.hosting.host_exit import ExitReport, explain_exit
from llmmem_gui.service.hosting.host_process import ErrorTail, HostProcess
from llmmem_gui.service.supervision import Supervisor

log = logging.getLogger(__name__)

BIRTH_SECONDS = 60.0
"""A host that has not answered by then will not; a fresh program takes a second."""

STOP_SECONDS = 2.0
"""A host that was asked to end is killed after this."""

KEEP_SECONDS = 8.0
"""So much longer it may take when it writes its conversations down."""

CANCEL_SECONDS = 10.0
"""A host that has not ended a cancelled request by then hangs, and is killed."""


_Result = TypeVar("_Result")


class HostError(SentenceError):
    """A host could not do what it was asked; the sentence says why, without a full stop."""


class LoadFailedError(HostError):
    """The model cannot be loaded."""


class AskFailedError(HostError):
    """The request cannot be answered; the host goes on."""

    code: str | None = None
    parameter: str | None = None
    numbers: Mapping[str, int] = {}

    @classmethod
    def of(cls, failed: protocol.AskFailed) -> AskFailedError:
        """The error with what the host said."""
        error = cls(failed.reason)
        error.code, error.parameter, error.numbers = failed.code, failed.parameter, failed.numbers
        return error


class HostEndedError(HostError):
    """The host ended before it was done; `report` says how."""

    def __init__(self, report: ExitReport) -> None:
        super().__init__(Sentence("Host", "the host {reason}").format(reason=report.reason))
        self.report = report


def _file_bytes(path: Path | str) -> int:
    with contextlib.suppress(OSError):
        return os.stat(path).st_size
    return 0


def _display_name(path: Path | str) -> str:
    # A name may hold bytes that are no text.
    return os.fsencode(os.path.basename(path)).decode("utf-8", "replace")


def load_deadline_seconds(file_bytes: int) -> float:
    """Give the time after which a load of a file of this size hangs: 30 s and 1 s for each 50 MB."""
    return 30.0 + file_bytes / 50e6


class HostAnswer:
    """A request under way: iterate over it for the chunks, then await `finished`.

    Chunks come only when the request asked for a stream.
    """

    def __init__(self, host: Host, ask: protocol.Ask) -> None:
        self._host = host
        self.number = ask.request_id
        """Number of the request, unique in its host; later ones have larger numbers."""
        self.turn = ask.turn
        self._chunks: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._finished: asyncio.Future[protocol.Answered] = asyncio.get_running_loop().create_future()
        self._cancelled = False
        self._has_begun = False
        self.had_company = False
        """Others were computed when the host ended: nobody knows which of them was the cause."""
        self.on_reading: Callable[[int, int], None] | None = None
        """Called while a long prompt is read, with the tokens read and those of the whole prompt."""

    @property
    def has_begun(self) -> bool:
        """The host has begun to compute it."""
        return self._has_begun

    @property
    def before(self) -> int:
        """Requests of this host whose turn is earlier and that it has not begun with either."""
        return self._host._waiting_before(self)

    async def finished(self) -> protocol.Answered:
        """Wait for the end of the answer. Raises `AskFailedError` and `HostEndedError`."""
        return await asyncio.shield(self._finished)

    def cancel(self) -> None:
        """End the answer within a token; `finished` then gives what there was, marked as cancelled."""
        if not self._cancelled and not self._finished.done():
            self._cancelled = True
            self._host._cancel(self)

    async def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        """Yield the chunks as they come; who leaves early cancels. Raises as `finished` does."""
        try:
            while (chunk := await self._chunks.get()) is not None:
                yield chunk
            await self.finished()
        finally:
            self.cancel()

    def _take(self, chunk: dict[str, Any]) -> None:
        self._chunks.put_nowait(chunk)

    def _end(self, result: protocol.Answered | HostError) -> None:
        if self._finished.done():
            return
        if isinstance(result, HostError):
            self._finished.set_exception(result)
            self._finished.exception()  # read once, because nobody has to wait for it
        else:
            self._finished.set_result(result)
        self._chunks.put_nowait(None)


class Host:
    """A host process and the conversation with it; use it from the loop in which it was born."""

    def __init__(
        self, process: HostProcess, connection: socket.socket, errors: ErrorTail, engine: EngineUse
    ) -> None:
        loop = asyncio.get_running_loop()
        self.engine = engine
        """What it computes with."""
        self._process = process
        self._connection = connection
        self._errors = errors
        self._writer: asyncio.StreamWriter | None = None
        self._tasks = Supervisor()
        self._born: asyncio.Future[protocol.Born] = loop.create_future()
        self._loaded: asyncio.Future[protocol.Loaded] = loop.create_future()
        self._dozed: asyncio.Future[protocol.Dozed] | None = None
        self._answers: dict[int, HostAnswer] = {}
        self._last_request = 0
        self._turns = Turns()
        self._shared_bytes = 0
        self._stopping = False
        self._keeps = False
        """It writes its conversations down when it is asked to end."""
        self.has_kept = False
        """The file of its conversations is whole."""
        self._killed_because: Sentence | None = None
        self.exited: asyncio.Future[ExitReport] = loop.create_future()
        """Done when the process has been reaped; never fails."""

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    @property
    def shared_bytes(self) -> int:
        """Anonymous bytes that are the nursery's, to be taken off its `RssAnon`; they shrink with use."""
        return self._shared_bytes

    @property
    def busy(self) -> bool:
        """A request is being answered or waits."""
        return bool(self._answers)

    async def greet(self) -> None:
        """Wait until the process has answered; once. Raises `HostEndedError`."""
        self._tasks.run(f"the conversation with host {self.pid}", self._converse())
        try:
            await self._within(
                BIRTH_SECONDS, self._born, Sentence("Host", "did not start within {number} s and was killed")
            )
        except asyncio.CancelledError:
            self.kill(Sentence("Host", "was not wanted any more"))
            raise

    async def load(
        self,
        path: Path | str,
        parameters: LoadParameters,
        threads: int = 1,
        data_limit_bytes: int | None = None,
        deadline_seconds: float | None = None,
        conversations: protocol.Conversations | None = None,
        projector: Path | str | None = None,
    ) -> protocol.Loaded:
        """Load a model file; once. Raises `LoadFailedError`, and the host ends.

        `projector`: the file that reads images for it.

        `data_limit_bytes` bounds the private memory that the model may reserve. A host that takes longer
        than the deadline, by default `load_deadline_seconds`, is killed; so is one whose load is cancelled.
        """
        if deadline_seconds is None:
            deadline_seconds = load_deadline_seconds(_file_bytes(path))
        extra_buffers = self.engine.extra_buffers
        conversations = conversations or protocol.Conversations(0)
        self._keeps = conversations.file is not None
        load = protocol.Load(
            os.fsencode(path),
            parameters,
            threads,
            data_limit_bytes,
            extra_buffers,
            conversations,
            os.fsencode(projector) if projector else None,
        )
        self._send(load)
        try:
            late = Sentence("Host", "did not finish loading within {number} s and was killed")
            return await self._within(deadline_seconds, self._loaded, late)
        except HostError as error:
            sentence = Sentence("Host", "{file} cannot be loaded: {reason}")
            raise LoadFailedError(sentence.format(file=_display_name(path), reason=error.sentence)) from error
        except asyncio.CancelledError:
            self.kill(Sentence("Host", "was ended while it loaded"))
            raise

    def ask(
        self,
        operation: protocol.Operation,
        arguments: dict[str, Any],
        *,
        alone: bool = False,
        client: str = "",
    ) -> HostAnswer:
        """Ask the model; a host answers several requests at once, but nothing beside one that is `alone`.

        Where more wait than it answers at once, clients take turns.
        """
        self._last_request += 1
        if not self._answers:
            self._turns = Turns()
        ask = protocol.Ask(self._last_request, operation, arguments, alone, self._turns.take(client))
        answer = self._answers[ask.request_id] = HostAnswer(self, ask)
        if self.exited.done():
            self._drop(answer, HostEndedError(self.exited.result()))
            return answer
        try:
            self._send(ask)
        except protocol.ProtocolError as error:
            sentence = Sentence("Host", "the request is too large or cannot be written: {reason}")
            self._drop(answer, AskFailedError(sentence.format(reason=str(error))))
        return answer

    def set_threads(self, threads: int) -> None:
        """Let the model compute with this many threads from its next token on."""
        self._send(protocol.SetThreads(threads))

    def grow(self, parameters: LoadParameters, added_bytes: int) -> None:
        """Let it answer requests of the other use as well, in a context of these parameters."""
        self._send(protocol.Grow(parameters, added_bytes))

    async def doze(self) -> protocol.Dozed:
        """Drop the mapped weights from memory. Raises `HostEndedError`; waits while a request is answered."""
        if self._dozed is None or self._dozed.done():
            self._dozed = asyncio.get_running_loop().create_future()
            self._send(protocol.Doze())
        return await self._or_end(self._dozed)

    async def stop(self, grace_seconds: float = STOP_SECONDS) -> ExitReport:
        """Ask the process to end, kill it after the grace, and wait until it has been reaped."""
        self._stopping = True
        self._send(protocol.Stop(keeps=self._keeps))
        grace_seconds += KEEP_SECONDS if self._keeps else 0
        with contextlib.suppress(asyncio.TimeoutError):
            return await asyncio.wait_for(asyncio.shield(self.exited), grace_seconds)
        late = Sentence("Host", "did not end within {number} s and was killed")
        self.kill(late.format(number=f"{grace_seconds:g}"))
        return await asyncio.shield(self.exited)

    def kill(self, reason: Sentence | None = None) -> None:
        """End the process at once; `reason` completes the sentence "The host …"."""
        if not self.exited.done():
            self._killed_because = self._killed_because or reason or Sentence("Host", "was killed as asked")
            self._process.kill()

    def _send(self, message: protocol.Message) -> None:
        # A host that is gone is noticed where it matters: by its exit.
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(protocol.frame(message))

    async def _converse(self) -> None:
        try:
            reader, self._writer = await asyncio.open_connection(sock=self._connection)
            while True:
                header = await reader.readexactly(protocol.HEADER_BYTES)
                body = await reader.readexactly(protocol.body_length(header))
                self._hear(protocol.decode_from_host(body))
        except (asyncio.IncompleteReadError, OSError):
            pass
        except protocol.ProtocolError as error:
            sentence = Sentence("Host", "sent what is not a message and was killed: {reason}")
            self.kill(sentence.format(reason=str(error)))
        except Exception as error:
            log.exception("the conversation with host %d failed", self.pid)
            sentence = Sentence("Host", "could not be talked to and was killed: {reason}")
            self.kill(sentence.format(reason=f"{type(error).__name__}: {error}"))
        await self._mourn()

    def _hear(self, message: protocol.FromHost) -> None:
        if isinstance(message, (protocol.Chunk, protocol.Reading, protocol.Answered, protocol.AskFailed)):
            self._hear_of_answer(message)
        elif isinstance(message, protocol.Born):
            self._shared_bytes = message.shared_bytes
            self._settle(self._born, message)
        elif isinstance(message, protocol.Loaded):
            self._shared_bytes = message.shared_bytes
            self._settle(self._loaded, message)
        elif isinstance(message, protocol.LoadFailed):
            if self._loaded.done():
                raise protocol.ProtocolError("a second outcome of the load")
            self._stopping = True
            self._loaded.set_exception(HostError(message.reason))
            self._loaded.exception()  # read once, because nobody has to wait for it
        elif isinstance(message, protocol.Kept):
            self.has_kept = True
        else:
            self._settle(self._dozed, message)

    def _hear_of_answer(
        self, message: protocol.Chunk | protocol.Reading | protocol.Answered | protocol.AskFailed
    ) -> None:
        answer = self._answers.get(message.request_id)
        if answer is None:
            raise protocol.ProtocolError(f"a word about request {message.request_id}, which is not asked")
        if isinstance(message, protocol.Chunk):
            answer._take(message.payload)
        elif isinstance(message, protocol.Reading):
            if not answer.has_begun:
                answer._has_begun = True
                self._turns.begin(answer.turn)
            if answer.on_reading is not None:
                answer.on_reading(message.read_tokens, message.prompt_tokens)
        elif isinstance(message, protocol.Answered):
            self._shared_bytes = message.shared_bytes
            self._drop(answer, message)
        else:
            self._drop(answer, AskFailedError.of(message))

    @staticmethod
    def _settle(future: asyncio.Future[Any] | None, message: protocol.FromHost) -> None:
        if future is None or future.done():
            raise protocol.ProtocolError(f"a {type(message).__name__} that nobody waits for")
        future.set_result(message)

    def _waiting_before(self, answer: HostAnswer) -> int:
        place = answer.turn, answer.number
        others = self._answers.values()
        return sum((other.turn, other.number) < place and not other.has_begun for other in others)

    def _drop(self, answer: HostAnswer, result: protocol.Answered | HostError) -> None:
        del self._answers[answer.number]
        answer._end(result)

    def _cancel(self, answer: HostAnswer) -> None:
        self._send(protocol.Cancel(answer.number))
        asyncio.get_running_loop().call_later(CANCEL_SECONDS, self._kill_if_still, answer)

    def _kill_if_still(self, answer: HostAnswer) -> None:
        if answer.number in self._answers:
            late = Sentence("Host", "did not end a cancelled request within {number} s and was killed")
            self.kill(late.format(number=f"{CANCEL_SECONDS:g}"))

    async def _within(self, seconds: float, future: asyncio.Future[_Result], late: Sentence) -> _Result:
        # Not `wait_for`, which loses a cancellation that comes in the same step as the result.
        either: set[asyncio.Future[Any]] = {future, self.exited}
        await asyncio.wait(either, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if not future.done() and not self.exited.done():
            self.kill(late.format(number=f"{seconds:.0f}"))
        return await self._or_end(future)

    async def _or_end(self, future: asyncio.Future[_Result]) -> _Result:
        either: set[asyncio.Future[Any]] = {future, self.exited}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if future.done():
            return future.result()
        raise HostEndedError(self.exited.result())

    async def _mourn(self) -> None:
        exit_code: int | None = None
        errors = ""
        try:
            exit_code = await self._reap()
            errors = await self._errors.finish()
        except Exception:
            log.exception("the end of host %d could not be followed", self.pid)
        expected = self._stopping and self._killed_because is None
        ended = Sentence("Host", "ended as asked") if expected else explain_exit(exit_code, errors)
        reason = self._killed_because or ended
        report = ExitReport(self.pid, exit_code, expected, reason, errors)
        self.exited.set_result(report)
        computed = sum(answer.has_begun for answer in self._answers.values())
        for answer in list(self._answers.values()):
            answer.had_company = answer.has_begun and computed > 1
            self._drop(answer, HostEndedError(report))

    async def _reap(self) -> int | None:
        try:
            exit_code = await asyncio.wait_for(self._process.wait(), STOP_SECONDS)
        except asyncio.TimeoutError:
            self.kill(Sentence("Host", "closed its socket without ending and was killed"))
            exit_code = await self._process.wait()
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()
        return exit_code
