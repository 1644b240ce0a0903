"""The seccomp filter of a host (seccomp(2)): a BPF program made of the tables in `system_calls`."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from llmmem_gui.host import system_calls
from llmmem_gui.host.process import prctl

_PR_SET_SECCOMP = 22
_MODE_FILTER = 2

_AUDIT_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32_CALLS = 0x40000000
"""From here on, the numbers of another way to call the same kernel on x86-64."""
_CLONE_THREAD = 0x00010000

# Operations and results of BPF (linux/bpf_common.h, linux/seccomp.h).
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _GIVE = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _FAIL = 0x7FFF0000, 0x80000000, 0x00050000

# struct seccomp_data: the call's number, its architecture, and its arguments, of 8 bytes each.
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16


class _Line(NamedTuple):
    """One instruction; a jump skips so many lines."""

    operation: int
    if_true: int
    if_false: int
    operand: int


_REFUSE = _Line(_GIVE, 0, 0, _FAIL | errno.EPERM)
_PERMIT = _Line(_GIVE, 0, 0, _ALLOW)


def enter() -> str | None:
    """Put the filter on this thread and all that it starts; gives its name, None where there is none."""
    architecture = os.uname().machine
    if architecture not in _AUDIT_ARCHITECTURE:
        return None
    program = filter_program(architecture, os.getpid())
    code = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: the number of instructions, padding, their address.
    header = ctypes.create_string_buffer(struct.pack("HL", len(program) // 8, ctypes.addressof(code)))
    try:
        prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_MODE_FILTER), ctypes.addressof(header))
    except OSError:
        return None
    return "seccomp"


def filter_program(architecture: str, own_pid: int) -> bytes:
    """Give the BPF program for a process of that number."""
    lines = [
        _Line(_LOAD, 0, 0, _ARCHITECTURE_AT),
        _Line(_EQUAL, 1, 0, _AUDIT_ARCHITECTURE[architecture]),
        _Line(_GIVE, 0, 0, _KILL),
        _Line(_LOAD, 0, 0, _NUMBER_AT),
        _Line(_AT_LEAST, 0, 1, _X32_CALLS),
        _REFUSE,
    ]
    for name in system_calls.FLAGS_IN_MEMORY:
        lines += _for_call(name, architecture, [_Line(_GIVE, 0, 0, _FAIL | errno.ENOSYS)])
    for name, flags in system_calls.EMPTYING.items():
        empties = [_argument(flags), _Line(_ANY_BIT, 0, 1, os.O_TRUNC), _REFUSE, _PERMIT]
        lines += _for_call(name, architecture, empties)
    # Threads yes, processes no.
    is_thread = [_argument(0), _Line(_ANY_BIT, 0, 1, _CLONE_THREAD), _PERMIT, _REFUSE]
    lines += _for_call("clone", architecture, is_thread)
    for name, requests in system_calls.DENIED_REQUESTS.items():
        lines += _for_call(name, architecture, [*_refuse_if_among(1, requests.values()), _PERMIT])
    for name, arguments in system_calls.OWN_PROCESS_ONLY.items():
        own = (own_pid, 0) if name in system_calls.MEANS_SELF_AS_ZERO else (own_pid,)
        refusals = [line for index in arguments for line in _refuse_unless_among(index, own)]
        lines += _for_call(name, architecture, [*refusals, _PERMIT])
    for names in system_calls.DENIED.values():
        for name in names:
            lines += _for_call(name, architecture, [_REFUSE])
    return b"".join(struct.pack("=HBBI", *line) for line in (*lines, _PERMIT))


def _for_call(name: str, architecture: str, lines: Sequence[_Line]) -> list[_Line]:
    """Lines that decide about one call, and are skipped for others; they must not fall through."""
    number = system_calls.number(name, architecture)
    return [] if number is None else [_Line(_EQUAL, 0, len(lines), number), *lines]


def _refuse_if_among(argument: int, values: Iterable[int]) -> list[_Line]:
    lines = [_argument(argument)]
    for value in values:
        lines += [_Line(_EQUAL, 0, 1, value), _REFUSE]
    return lines


def _refuse_unless_among(argument: int, values: Sequence[int]) -> list[_Line]:
    tests = [_Line(_EQUAL, len(values) - place, 0, value) for place, value in enumerate(values)]
    return [_argument(argument), *tests, _REFUSE]


def _argument(index: int) -> _Line:
    # The lower half: process numbers, requests and flags are of 32 bits, and the kernel ignores the rest.
    return _Line(_LOAD, 0, 0, _ARGUMENTS_AT + 8 * index)
