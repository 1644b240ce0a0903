"""Why a host ended, in one sentence."""

from __future__ import annotations

import re
import signal
import sys
from dataclasses import dataclass

from llmmem_gui.core.sentence import Sentence

_SIGNAL_REASONS = {
    signal.SIGABRT: Sentence("Host", "was given up by llama.cpp"),
    signal.SIGSEGV: Sentence("Host", "crashed inside llama.cpp (signal 11)"),
    signal.SIGILL: Sentence("Host", "met an instruction that this processor refuses (signal 4)"),
    signal.SIGFPE: Sentence("Host", "crashed in arithmetic inside llama.cpp (signal 8)"),
    signal.SIGTERM: Sentence("Host", "was ended by another program (signal 15)"),
    signal.SIGINT: Sentence("Host", "was interrupted by another program (signal 2)"),
}
if sys.platform != "win32":
    _SIGNAL_REASONS[signal.SIGKILL] = Sentence(
        "Host", "was ended by the system (signal 9), often because memory ran out"
    )
    _SIGNAL_REASONS[signal.SIGBUS] = Sentence(
        "Host", "lost its model file: it changed on disk while it was in use (signal 7)"
    )

_CRASHES = {-signal.SIGILL, -signal.SIGSEGV, -signal.SIGFPE}

_ASSERTION = re.compile(
    r"GGML_ASSERT\(.*\) failed|GGML_ABORT.*|terminate called.*|.*fatal error.*", re.IGNORECASE
)
_NO_MEMORY = ("std::bad_alloc", "MemoryError")


@dataclass(frozen=True)
class ExitReport:
    """How and why a host ended."""

    pid: int
    exit_code: int | None
    """Minus the signal's number when a signal ended it; None when nobody was left to tell."""
    expected: bool
    """The service asked for it."""
    reason: Sentence
    """Completes the sentence "The host …"."""
    errors: str
    """The end of what the host wrote to its standard error."""

    @property
    def is_crash(self) -> bool:
        """It ended as code does that is wrong for this processor; the same computed otherwise may work."""
        return not self.expected and self.exit_code in _CRASHES


def explain_exit(exit_code: int | None, errors: str) -> Sentence:
    """Say why a host ended that nobody told to end; completes the sentence "The host …"."""
    if any(sign in errors for sign in _NO_MEMORY):
        return Sentence("Host", "ran out of the memory that it may use")
    if exit_code is None:
        return Sentence("Host", "ended together with the nursery")
    if exit_code < 0:
        reason = _SIGNAL_REASONS.get(signal.Signals(-exit_code)) if _is_signal(-exit_code) else None
        reason = reason or Sentence("Host", "was ended by signal {number}").format(number=-exit_code)
        detail = _detail(errors) if -exit_code == signal.SIGABRT else ""
    elif exit_code == 0:
        reason, detail = Sentence("Host", "ended without being asked"), ""
    else:
        # Windows gives its exceptions as large numbers that everyone knows in hexadecimal.
        code = f"{exit_code:#x}" if exit_code > 0xFFFF else str(exit_code)
        reason, detail = Sentence("Host", "ended with code {code}").format(code=code), _last_line(errors)
    if not detail:
        return reason
    return Sentence("Host", "{reason}: {detail}").format(reason=reason, detail=detail)


def _is_signal(number: int) -> bool:
    return number in {int(known) for known in signal.Signals}


def _detail(errors: str) -> str:
    matches = [match.group() for match in map(_ASSERTION.search, errors.splitlines()) if match]
    return matches[-1] if matches else _last_line(errors)


def _last_line(errors: str) -> str:
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    return lines[-1] if lines else ""
