"""Dry runs of loads: exact sizes from llama.cpp itself, asked of a program that loads nothing."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

import msgspec

import llmmem_gui
from llmmem_gui.core.buffers import CONTEXT_STEP
from llmmem_gui.core.engine import Engine, features_of_flags
from llmmem_gui.core.fitting import largest_context
from llmmem_gui.core.forecast import Forecast, forecast_by_formula, forecast_by_rehearsal
from llmmem_gui.core.library import ModelFile
from llmmem_gui.core.measurement import LoadKey
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.rehearsal import LINE_LIMIT_BYTES, Answer, RehearsalFailed, Rehearse, Rehearsed
from llmmem_gui.core.sentence import Sentence, SentenceError
from llmmem_gui.service.hosting.host_exit import explain_exit
from llmmem_gui.service.hosting.host_process import ERRORS_BYTES, host_environment, host_program
from llmmem_gui.service.storage.durable_file import replace_file

ANSWER_SECONDS = 60.0
"""A rehearsal that takes longer is ended; opening the largest vocabulary takes two seconds."""

IDLE_SECONDS = 20.0
"""How long a model stays open for further questions, such as those of a slider."""

MOST_PROPOSALS = 8
"""Contexts that are tried at most to find the largest that fits."""

KEPT_RESULTS = 2_000
VERSION = 1
"""Of the file of results; one of another version is made anew."""

_answer_decoder: msgspec.json.Decoder[Answer] = msgspec.json.Decoder(Answer)


class RehearsalError(SentenceError):
    """The load cannot be rehearsed."""


class _StoredResults(msgspec.Struct, frozen=True):
    version: int
    results: tuple[tuple[LoadKey, Rehearsed], ...]


class Rehearsals:
    """Rehearses loads, one at a time, and remembers what came out. Use it from one event loop.

    Results hold for the same version of the file, the same parameters and the same llama-cpp-python.
    """

    def __init__(self, path: Path) -> None:
        """`path` is the file in which results are kept; it need not exist."""
        self._path = path
        self._results: dict[LoadKey, Rehearsed] = {}
        self._version = installed_version()
        self._engine = Engine(self._version, features_of_flags(_processor_flags()))
        self._one_at_a_time = asyncio.Lock()
        self._program: _Program | None = None
        self._ending: asyncio.TimerHandle | None = None

    @property
    def engine(self) -> Engine:
        """The installed llama.cpp: as it describes itself after the first rehearsal, guessed before."""
        return self._engine

    def load(self) -> None:
        """Take over the results of earlier runs; a file that cannot be read is left behind."""
        with contextlib.suppress(OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            stored = msgspec.json.decode(self._path.read_bytes(), type=_StoredResults)
            if stored.version == VERSION:
                for key, rehearsed in stored.results:
                    self._take(key, rehearsed)

    def save(self) -> None:
        """Write the results. Raises OSError, and then the old file is untouched."""
        newest = tuple(self._results.items())[-KEPT_RESULTS:]
        replace_file(self._path, msgspec.json.encode(_StoredResults(VERSION, newest)))

    def known(self, file: ModelFile, parameters: LoadParameters) -> Forecast | None:
        """The forecast of a rehearsal that was made before; None where there was none."""
        rehearsed = self._results.get(self._key(file, parameters))
        if rehearsed is None or file.shape is None:
            return None
        return forecast_by_rehearsal(file.shape, parameters, rehearsed, self._engine)

    async def forecast(self, file: ModelFile, parameters: LoadParameters) -> Forecast:
        """The forecast by a rehearsal, made now unless it was made before. Raises `RehearsalError`."""
        known = self.known(file, parameters)
        if known is not None:
            return known
        if file.shape is None:
            raise _no_model(file)
        async with self._one_at_a_time:
            rehearsed = await self._rehearse(file, parameters)
        self._take(self._key(file, parameters), rehearsed)
        return forecast_by_rehearsal(file.shape, parameters, rehearsed, self._engine)

    async def largest_context(
        self, file: ModelFile, parameters: LoadParameters, fits_bytes: int, highest: int | None = None
    ) -> int | None:
        """The largest context with which the load takes at most `fits_bytes`; None when none does.

        At most `highest` tokens, or those that the model was trained with. Raises `RehearsalError`.
        """
        if file.shape is None:
            raise _no_model(file)
        shape, engine = file.shape, self._engine
        highest = highest or shape.context_length

        def by_formula(asked: LoadParameters) -> int:
            return forecast_by_formula(shape, asked, engine).total_bytes

        # The formula is off by nearly the same bytes for every context: its proposal, corrected by what the
        # last one was off, is mostly right at the second time.
        best, off_bytes = 0, 0
        for _ in range(MOST_PROPOSALS):
            proposal = largest_context(parameters, highest, fits_bytes - off_bytes, by_formula)
            context = proposal or min(CONTEXT_STEP, highest)
            if context == best:
                break
            asked = msgspec.structs.replace(parameters, context=context)
            total_bytes = (await self.forecast(file, asked)).total_bytes
            off_bytes = total_bytes - by_formula(asked)
            if total_bytes <= fits_bytes:
                best = max(best, context)
            elif context <= CONTEXT_STEP:
                break
        return best or None

    async def close(self) -> None:
        """End the program that rehearses, whatever it does, and keep the results, if they can be written."""
        if self._program is not None:
            self._program.kill()
        async with self._one_at_a_time:
            await self._end_program()
        with contextlib.suppress(OSError):
            await asyncio.to_thread(self.save)

    def _key(self, file: ModelFile, parameters: LoadParameters) -> LoadKey:
        # Mapped or copied, llama.cpp counts the weights alike.
        return LoadKey(file.identities, msgspec.structs.replace(parameters, memory_map=True), self._version)

    def _take(self, key: LoadKey, rehearsed: Rehearsed) -> None:
        self._results[key] = rehearsed
        if key.engine_version == self._version:
            features = frozenset(rehearsed.cpu_features)
            self._engine = Engine(self._version, features, rehearsed.gpu_offload)

    async def _rehearse(self, file: ModelFile, parameters: LoadParameters) -> Rehearsed:
        if self._ending is not None:
            self._ending.cancel()
        if self._program is not None and self._program.path != file.path:
            await self._end_program()
        if self._program is None:
            self._program = _Program.start(file.path)
        try:
            answer = await asyncio.wait_for(self._program.ask(parameters), ANSWER_SECONDS)
        except asyncio.TimeoutError:
            await self._end_program()
            raise RehearsalError(
                Sentence("DryRun", "The dry run of {file} took longer than {number} s and was ended.").format(
                    file=file.name, number=f"{ANSWER_SECONDS:.0f}"
                )
            ) from None
        except BaseException:
            await self._end_program()
            raise
        self._ending = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._end_if_idle)
        if isinstance(answer, RehearsalFailed):
            sentence = Sentence("DryRun", "llama.cpp would not load {file}: {reason}.")
            raise RehearsalError(sentence.format(file=file.name, reason=answer.reason))
        return answer

    def _end_if_idle(self) -> None:
        if self._program is not None and not self._one_at_a_time.locked():
            self._program.end()
            self._program = None

    async def _end_program(self) -> None:
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None
        if self._program is not None:
            program, self._program = self._program, None
            await asyncio.to_thread(program.end)


def _no_model(file: ModelFile) -> RehearsalError:
    return RehearsalError(file.error or Sentence("DryRun", "{file} is no model.").format(file=file.name))


class _Program:
    """One run of the program that rehearses, for one file."""

    def __init__(self, path: str, process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
        self.path = path
        self._process = process
        self._errors = errors

    @classmethod
    def start(cls, path: str) -> _Program:
        """Start the program. Raises `RehearsalError`."""
        # A file and not a pipe: nobody has to read along so that the program can go on.
        errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `end`
        try:
            process = subprocess.Popen(
                rehearsal_program(),
                env=host_environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        except OSError as error:
            errors.close()
            sentence = Sentence("DryRun", "The dry run could not be started: {reason}.")
            raise RehearsalError(sentence.format(reason=str(error))) from error
        return cls(path, process, errors)

    async def ask(self, parameters: LoadParameters) -> Answer:
        """Rehearse a load. Raises `RehearsalError` when the program ends or says what is no answer."""
        request = msgspec.json.encode(Rehearse(os.fsencode(self.path), parameters)) + b"\n"
        line = await asyncio.to_thread(self._exchange, request)
        name = os.path.basename(self.path)
        if not line.endswith(b"\n"):
            reason = explain_exit(*await asyncio.to_thread(self._outcome))
            sentence = Sentence("DryRun", "The dry run of {file} {reason}.")
            raise RehearsalError(sentence.format(file=name, reason=reason))
        try:
            return _answer_decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            sentence = Sentence("DryRun", "The dry run of {file} gave an answer without sense: {reason}.")
            raise RehearsalError(sentence.format(file=name, reason=str(error))) from error

    def kill(self) -> None:
        """End the program now; it holds nothing that is worth keeping. Who waits for it is told."""
        self._process.kill()

    def end(self) -> None:
        """End the program and give back everything that it took here."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._errors):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _exchange(self, request: bytes) -> bytes:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(request)
            self._process.stdin.flush()
            return self._process.stdout.readline(LINE_LIMIT_BYTES)
        except (OSError, ValueError):
            return b""

    def _outcome(self) -> tuple[int, str]:
        """Exit code of the program, which has ended or is about to, and the end of what it complained."""
        exit_code = self._process.wait()
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - ERRORS_BYTES))
        return exit_code, self._errors.read().decode("utf-8", "replace")


def rehearsal_program() -> list[str]:
    """Give the command line of the program that rehearses."""
    if getattr(sys, "frozen", False):
        return [*host_program(), "rehearsal"]
    return [sys.executable, "-I", str(Path(llmmem_gui.__file__).parent / "host" / "rehearsal.py")]


def installed_version() -> str:
    """Version of the installed llama-cpp-python, found without importing it; empty where it is not told."""
    try:
        return importlib.metadata.version("llama-cpp-python")
    except importlib.metadata.PackageNotFoundError:
        return ""


def _processor_flags() -> list[str]:
    """The kernel's names for what the processor can do (Linux); none elsewhere."""
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            name, _, flags = line.partition(":")
            if name.strip() in ("flags", "Features"):
                return flags.split()
    return []
