"""Trying an engine: each way to compute in a process of its own, which may crash, hang or answer nonsense."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import tempfile
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from llmmem_gui.core.engines import EngineReport, EngineUse, InstalledEngine, Trial
from llmmem_gui.core.sentence import Sentence
from llmmem_gui.core.system_errors import reason_of
from llmmem_gui.service.hosting.host_process import helper_program, host_environment

FIT_SECONDS = 60.0
COMPUTE_SECONDS = 180.0
"""After this a trial hangs. Alone it takes two seconds; a busy machine or a GPU in software takes long."""

SPEED_SECONDS = 1.5
"""How long a speed is measured."""

_CRASHES = {-signal.SIGILL, -signal.SIGSEGV, -signal.SIGFPE, -signal.SIGABRT}
"""What a process ends of that is itself at fault; any other end says nothing about the engine."""

_Result = TypeVar("_Result", EngineReport, Trial)


class _Failed(Exception):
    """The process gave no result; `sentence` completes "the engine …" or "computing so …"."""

    def __init__(self, sentence: Sentence, *, hindered: bool) -> None:
        """`hindered` tells that the engine need not be what failed."""
        super().__init__(str(sentence))
        self.sentence = sentence
        self.hindered = hindered


async def try_processor(engine: InstalledEngine, speed_seconds: float = SPEED_SECONDS) -> EngineReport:
    """See whether an engine fits and how it computes on the processor, plainly and with extra buffers."""
    try:
        report = await _run(engine, EngineReport, "fit")
    except _Failed as failed:
        return EngineReport("", failed.sentence, hindered=failed.hindered)
    if report.refused is not None:
        return report
    trials = [await _compute(engine, "CPU", extra_buffers, speed_seconds) for extra_buffers in (False, True)]
    return msgspec.structs.replace(report, trials=tuple(trials))


async def try_gpus(engine: InstalledEngine, speed_seconds: float = SPEED_SECONDS) -> EngineReport:
    """See how an engine that computes on the processor does on each GPU; its report with that added."""
    report = engine.report
    assert report is not None  # the processor comes first
    try:
        with_gpus = await _run(engine, EngineReport, "fit", "gpu")
    except _Failed as failed:
        failed_report = report.without("GPU", True, failed.sentence)
        return msgspec.structs.replace(failed_report, gpus_tried=True)
    trials = tuple(trial for trial in report.trials if trial.device == "CPU")
    for device in with_gpus.devices:
        if device.is_gpu:
            trials += (await _compute(engine, device.name, True, speed_seconds),)
    return msgspec.structs.replace(report, devices=with_gpus.devices, trials=trials, gpus_tried=True)


async def measure_again(engine: InstalledEngine) -> EngineReport:
    """The report of an engine with the better of its speeds on the processor, then and now."""
    report = engine.report
    assert report is not None  # what was never tried is not measured
    measured = [
        _better(trial, await _compute(engine, trial.device, trial.extra_buffers, SPEED_SECONDS))
        if trial.device == "CPU" and trial.passed
        else trial
        for trial in report.trials
    ]
    return msgspec.structs.replace(report, trials=tuple(measured))


def _better(then: Trial, now: Trial) -> Trial:
    return msgspec.structs.replace(
        then,
        prompt_tokens_per_second=max(then.prompt_tokens_per_second, now.prompt_tokens_per_second),
        answer_tokens_per_second=max(then.answer_tokens_per_second, now.answer_tokens_per_second),
    )


async def _compute(engine: InstalledEngine, device: str, extra_buffers: bool, speed_seconds: float) -> Trial:
    try:
        return await _run(
            engine, Trial, "compute", device, "1" if extra_buffers else "0", f"{speed_seconds:g}"
        )
    except _Failed as failed:
        return Trial(device, extra_buffers, failed.sentence, hindered=failed.hindered)


async def _run(engine: InstalledEngine, kind: type[_Result], *arguments: str) -> _Result:
    try:
        # Made here, because a trial that crashes or is ended leaves its model behind.
        with tempfile.TemporaryDirectory(prefix="llmmem-engine-") as folder:
            exit_code, said, complained = await _ran(engine, folder, arguments)
    except OSError as error:
        sentence = Sentence("Engine", "ended without a result ({reason})").format(reason=reason_of(error))
        raise _Failed(sentence, hindered=True) from error
    if exit_code == 0:
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
            return msgspec.json.decode(said, type=kind)
    hindered = exit_code not in _CRASHES
    raise _Failed(_end(exit_code, complained.decode("utf-8", "replace")), hindered=hindered)


async def _ran(engine: InstalledEngine, folder: str, arguments: Sequence[str]) -> tuple[int, bytes, bytes]:
    use = EngineUse(engine.folder, engine.manifest.name, engine.manifest.version)
    process = await asyncio.create_subprocess_exec(
        *trial_program(),
        *arguments,
        env={**host_environment(use), "TMPDIR": folder},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    limit_seconds = FIT_SECONDS if arguments[0] == "fit" else COMPUTE_SECONDS
    try:
        said, complained = await asyncio.wait_for(process.communicate(), limit_seconds)
    except asyncio.TimeoutError:
        raise _Failed(
            Sentence("Engine", "took longer than {number} s").format(number=f"{limit_seconds:.0f}"),
            hindered=True,
        ) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, said, complained


def _end(exit_code: int, complained: str) -> Sentence:
    if exit_code < 0:
        with contextlib.suppress(ValueError):
            name = signal.Signals(-exit_code).name
            return Sentence("Engine", "crashed ({signal})").format(signal=name)
        return Sentence("Engine", "crashed ({signal})").format(signal=str(-exit_code))
    lines = [line.strip() for line in complained.splitlines() if line.strip()]
    return Sentence("Engine", "ended without a result ({reason})").format(
        reason=lines[-1] if lines else str(exit_code)
    )


def trial_program() -> list[str]:
    """Give the command line of the program that tries engines, without its arguments."""
    return helper_program("trial", "engine_trial.py")
