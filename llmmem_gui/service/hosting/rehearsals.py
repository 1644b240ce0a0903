"""Dry runs of loads: exact sizes from llama.cpp itself, asked of a program that loads nothing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import IO

import msgspec

from llmmem_gui.core.buffers import CONTEXT_STEP
from llmmem_gui.core.engine import Engine, features_of_flags
from llmmem_gui.core.engines import Device, EngineUse
from llmmem_gui.core.fitting import largest_context
from llmmem_gui.core.forecast import Forecast, forecast_by_formula, forecast_by_rehearsal
from llmmem_gui.core.library import ModelFile
from llmmem_gui.core.measurement import LoadKey
from llmmem_gui.core.parameters import AUTO, LoadParameters
from llmmem_gui.core.rehearsal import LINE_LIMIT_BYTES, RehearsalFailed, RehearsalOutcome, Rehearse, Rehearsed
from llmmem_gui.core.sentence import Sentence, SentenceError
from llmmem_gui.service.hosting.engine_choice import EngineChoice
from llmmem_gui.service.hosting.host_exit import explain_exit
from llmmem_gui.service.hosting.host_process import ERRORS_BYTES, helper_program, host_environment
from llmmem_gui.service.storage.durable_file import replace_file
from llmmem_gui.service.supervision import Supervisor

ANSWER_SECONDS = 60.0
"""A rehearsal that takes longer is ended; opening the largest vocabulary takes two seconds."""

IDLE_SECONDS = 20.0
"""How long a model stays open for further questions, such as those of a slider."""

MOST_PROPOSALS = 8
"""Contexts that are tried at most to find the largest that fits."""

KEPT_RESULTS = 2_000
VERSION = 2
"""Of the file of results; one of another version is made anew."""

_answer_decoder: msgspec.json.Decoder[RehearsalOutcome] = msgspec.json.Decoder(RehearsalOutcome)


class RehearsalError(SentenceError):
    """The load cannot be rehearsed."""


class _StoredResults(msgspec.Struct, frozen=True):
    version: int
    results: tuple[tuple[LoadKey, Rehearsed], ...]


class Rehearsals:
    """Rehearses loads, one at a time, and remembers what came out. Use it from one event loop.

    Results hold for the same version of the file, the same parameters and the same engine, used alike.
    """

    def __init__(self, path: Path, choice: EngineChoice) -> None:
        """`path` is the file in which results are kept; it need not exist."""
        self._path = path
        self._choice = choice
        self._results: dict[LoadKey, Rehearsed] = {}
        self._numbers: dict[LoadKey, set[int]] = {}
        """The numbers of layers on GPUs among them, by the rest of their keys."""
        self._features: dict[str, frozenset[str]] = {}
        """What each engine that was asked said that it uses of the processor."""
        self._guessed_features = features_of_flags(_processor_flags())
        self._one_at_a_time = asyncio.Lock()
        self._program: _Program | None = None
        self._ending: asyncio.TimerHandle | None = None
        self._tasks = Supervisor()

    @property
    def engine(self) -> Engine:
        """The engine in use: as it describes itself after the first rehearsal, guessed before."""
        use = self._choice.current
        features = self._features.get(self._choice.key, self._guessed_features)
        extra_buffers = use is None or use.extra_buffers
        return Engine(self._choice.key, features, bool(use and use.gpus), extra_buffers)

    @property
    def gpus(self) -> tuple[Device, ...]:
        """Those that layers can be placed on with the engine in use."""
        use = self._choice.current
        return use.gpus if use is not None else ()

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
        return forecast_by_rehearsal(
            file.shape, parameters, rehearsed, self.engine, file.eyes_for(parameters)
        )

    def known_numbers(self, file: ModelFile, parameters: LoadParameters) -> Collection[int]:
        """Of layers on GPUs, those with which such a load was rehearsed before."""
        return self._numbers.get(self._key(file, parameters.with_gpu_layers(AUTO)), ())

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
        return forecast_by_rehearsal(
            file.shape, parameters, rehearsed, self.engine, file.eyes_for(parameters)
        )

    async def largest_context(
        self, file: ModelFile, parameters: LoadParameters, fits_bytes: int, highest: int | None = None
    ) -> int | None:
        """The largest context with which the load takes at most `fits_bytes` of main memory; None: none does.

        At most `highest` tokens, or those that the model was trained with. Raises `RehearsalError`.
        """
        if file.shape is None:
            raise _no_model(file)
        shape, engine = file.shape, self.engine
        highest = highest or shape.context_length

        def by_formula(asked: LoadParameters) -> int:
            return forecast_by_formula(shape, asked, engine, file.eyes_for(asked)).main_bytes

        # The formula is off by nearly the same bytes for every context: its proposal, corrected by what the
        # last one was off, is mostly right at the second time.
        best, off_bytes = 0, 0
        for _ in range(MOST_PROPOSALS):
            proposal = largest_context(parameters, highest, fits_bytes - off_bytes, by_formula)
            context = proposal or min(CONTEXT_STEP, highest)
            if context == best:
                break
            asked = msgspec.structs.replace(parameters, context=context)
            main_bytes = (await self.forecast(file, asked)).main_bytes
            off_bytes = main_bytes - by_formula(asked)
            if main_bytes <= fits_bytes:
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
        await self._tasks.drain()
        with contextlib.suppress(OSError):
            await asyncio.to_thread(self.save)

    def _key(self, file: ModelFile, parameters: LoadParameters) -> LoadKey:
        # Mapped or copied, llama.cpp counts the weights alike.
        counted = msgspec.structs.replace(parameters, memory_map=True)
        return file.key(counted, self._choice.key)

    def _take(self, key: LoadKey, rehearsed: Rehearsed) -> None:
        self._results[key] = rehearsed
        unnumbered = msgspec.structs.replace(key, parameters=key.parameters.with_gpu_layers(AUTO))
        self._numbers.setdefault(unnumbered, set()).add(key.parameters.fixed_gpu_layers)
        self._features[key.engine_version] = frozenset(rehearsed.cpu_features)

    async def _rehearse(self, file: ModelFile, parameters: LoadParameters) -> Rehearsed:
        if self._ending is not None:
            self._ending.cancel()
        use = self._choice.current
        if use is None:
            raise RehearsalError(
                Sentence("DryRun", "No engine answers rightly on this machine: `llmmem engine` says why.")
            )
        gpu = parameters.gpu_layers != 0 and bool(use.gpus)
        wanted = (file.path, file.projector if file.sees else "", use, gpu)
        if self._program is not None and self._program.opened != wanted:
            await self._end_program()
        if self._program is None:
            self._program = _Program.start(*wanted)
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
            # Shielded: cancelled before its thread has begun it would not be done, and the program stay.
            work = asyncio.to_thread(program.end)
            await asyncio.shield(self._tasks.run("the end of a dry run's program", work))


def _no_model(file: ModelFile) -> RehearsalError:
    return RehearsalError(file.error or Sentence("DryRun", "{file} is no model.").format(file=file.name))


class _Program:
    """One run of the program that rehearses, for one file."""

    def __init__(
        self, opened: tuple[str, str, EngineUse, bool], process: subprocess.Popen[bytes], errors: IO[bytes]
    ) -> None:
        self.opened = opened
        """The file and its projector, the engine, and whether it takes the modules for GPUs along."""
        self._process = process
        self._errors = errors

    @classmethod
    def start(cls, path: str, projector: str, use: EngineUse, gpu: bool) -> _Program:
        """Start the program. Raises `RehearsalError`."""
        # A file and not a pipe: nobody has to read along so that the program can go on.
        errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `end`
        try:
            process = subprocess.Popen(
                [*rehearsal_program(), *(["gpu"] if gpu else [])],
                env=host_environment(use),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        except OSError as error:
            errors.close()
            sentence = Sentence("DryRun", "The dry run could not be started: {reason}.")
            raise RehearsalError(sentence.format(reason=str(error))) from error
        return cls((path, projector, use, gpu), process, errors)

    async def ask(self, parameters: LoadParameters) -> RehearsalOutcome:
        """Rehearse a load. Raises `RehearsalError` when the program ends or says what is no answer."""
        path, projector, use, _ = self.opened
        eyes = os.fsencode(projector) if projector else None
        asked = Rehearse(os.fsencode(path), parameters, use.extra_buffers, eyes)
        line = await asyncio.to_thread(self._exchange, msgspec.json.encode(asked) + b"\n")
        name = os.path.basename(path)
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
    return helper_program("rehearsal", "rehearsal.py")


def _processor_flags() -> list[str]:
    """The kernel's names for what the processor can do (Linux); none elsewhere."""
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            name, _, flags = line.partition(":")
            if name.strip() in ("flags", "Features"):
                return flags.split()
    return []
