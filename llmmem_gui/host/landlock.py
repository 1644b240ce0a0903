"""Landlock (landlock(7)): leaves a process only the files it names, no TCP, and signals to nobody else."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION = 1
_PATH_BENEATH = 1
_READ_FILE, _READ_DIRECTORY = 1 << 2, 1 << 3
_WRITE_FILE, _IOCTL_DEVICE = 1 << 1, 1 << 15
_FILE_ACCESS_BITS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""How many kinds of access to files each version knows; later ones know as many as 5."""


def enter(readable: Iterable[bytes], devices: Iterable[bytes]) -> str | None:
    """Keep these files, and what is beneath these folders, readable, and devices usable; nothing else.

    Gives the name of the layer, None where the kernel does not have it. What does not exist is left out.
    """
    try:
        version = _syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_ASK_VERSION))
        files = (1 << _FILE_ACCESS_BITS[min(version, 5)]) - 1
        tcp = 0b11 if version >= 4 else 0
        scopes = 0b11 if version >= 6 else 0
        # An older kernel wants the structure without the fields it does not know.
        attributes = struct.pack("=QQQ", files, tcp, scopes)[
            : 24 if version >= 6 else 16 if version >= 4 else 8
        ]
        ruleset = _syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))
    except OSError:
        return None
    try:
        read = _READ_FILE | _READ_DIRECTORY
        for path in readable:
            _allow(ruleset, path, read)
        for path in devices:
            _allow(ruleset, path, (read | _WRITE_FILE | _IOCTL_DEVICE) & files)
        _syscall(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    finally:
        os.close(ruleset)
    return f"landlock-{version}"


def _allow(ruleset: int, path: bytes, access: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # not on this machine
    try:
        if not os.path.isdir(path):
            access &= ~_READ_DIRECTORY
        rule = struct.pack("=Qi", access, descriptor)
        _syscall(_ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(_PATH_BENEATH), rule, ctypes.c_uint32(0))
    finally:
        os.close(descriptor)


def _syscall(number: int, *arguments: object) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    result = int(libc.syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
