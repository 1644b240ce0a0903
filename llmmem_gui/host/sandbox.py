"""Closes a host off before it opens a model file: the file may be hostile, and llama.cpp may have a fault.

Two layers of the Linux kernel that need no privilege. Landlock (landlock(7)) leaves the process only the
files it names, no writing, no TCP, and signals to nobody else. A seccomp filter (seccomp(2)) denies what a
host never needs: sockets, other programs, other processes. What the kernel does not have is left out and
not reported. Both hold for threads started afterwards, and neither can be taken off again.
"""

from __future__ import annotations

import ctypes
import glob
import os
import struct
import sys
from collections.abc import Iterable

from llmmem_gui.host.process import prctl

PR_SET_SECCOMP = 22
PR_SET_NO_NEW_PRIVS = 38

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION = 1
_PATH_BENEATH = 1
_READ_FILE, _READ_DIRECTORY = 1 << 2, 1 << 3
_WRITE_FILE, _IOCTL_DEVICE = 1 << 1, 1 << 15
_FILE_ACCESS_BITS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""How many kinds of access to files each version of Landlock knows; later ones know as many as 5."""

_SYSTEM_FOLDERS = ("/usr", "/lib", "/lib64", "/etc/localtime", "/etc/ld.so.cache", "/sys/devices/system/cpu")
_GPU_NODES = ("/dev/nvidia*", "/dev/dri", "/dev/kfd")
_GPU_FACTS = ("/proc", "/sys")

_AUDIT_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_CLONE = {"x86_64": 56, "aarch64": 220}
_CLONE3 = 435
_DENIED_CALLS = {
    # socket connect bind listen accept accept4 fork vfork execve execveat kill ptrace process_vm_readv
    # process_vm_writev pidfd_getfd mount umount2 pivot_root chroot unshare setns bpf io_uring_setup
    # perf_event_open userfaultfd open_by_handle_at kexec_load init_module finit_module delete_module
    # add_key request_key keyctl
    "x86_64": (
        *(41, 42, 49, 50, 43, 288, 57, 58, 59, 322, 62, 101, 310, 311, 438, 165, 166, 155, 161),
        *(272, 308, 321, 425, 298, 323, 304, 246, 175, 313, 176, 248, 249, 250),
    ),
    # The same without fork and vfork, which this architecture does not have.
    "aarch64": (
        *(198, 203, 200, 201, 202, 242, 221, 281, 129, 117, 270, 271, 438, 40, 39, 41, 51, 97, 268),
        *(280, 425, 241, 282, 265, 104, 105, 273, 106, 217, 218, 219),
    ),
}


def enter(readable_files: Iterable[bytes], gpu: bool) -> tuple[str, ...]:
    """Close the process off for good; gives the layers in force.

    It keeps reading `readable_files`, the interpreter's own folders and, with `gpu`, the GPU drivers' nodes.
    """
    if not sys.platform.startswith("linux"):
        return ()
    prctl(PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1))
    layers = (_enter_landlock(readable_files, gpu), _enter_seccomp())
    return tuple(layer for layer in layers if layer is not None)


def _enter_landlock(readable_files: Iterable[bytes], gpu: bool) -> str | None:
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
        for path in (*readable_files, *map(os.fsencode, (*_SYSTEM_FOLDERS, *sys.path))):
            _allow(ruleset, path, read)
        if gpu:
            for pattern in _GPU_NODES:
                for node in glob.glob(pattern):
                    _allow(ruleset, os.fsencode(node), (read | _WRITE_FILE | _IOCTL_DEVICE) & files)
            for folder in _GPU_FACTS:
                _allow(ruleset, os.fsencode(folder), read)
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


def _enter_seccomp() -> str | None:
    machine = os.uname().machine
    if machine not in _AUDIT_ARCHITECTURE:
        return None
    program = _filter(machine)
    code = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: the number of instructions, padding, their address.
    header = ctypes.create_string_buffer(struct.pack("HL", len(program) // 8, ctypes.addressof(code)))
    try:
        prctl(PR_SET_SECCOMP, ctypes.c_ulong(2), ctypes.addressof(header))
    except OSError:
        return None
    return "seccomp"


def _filter(machine: str) -> bytes:
    """Give the BPF program; struct seccomp_data: call number at 0, architecture at 4, arguments from 16."""
    load, equal, at_least, any_bit, give = 0x20, 0x15, 0x35, 0x45, 0x06
    allow, kill, refuse, unknown = 0x7FFF0000, 0x80000000, 0x00050000 | 1, 0x00050000 | 38
    x32_calls, clone_thread = 0x40000000, 0x00010000
    denied = _DENIED_CALLS[machine]
    # Each line: operation, jump if true, jump if false, operand.
    lines: list[tuple[int, int, int, int]] = [
        (load, 0, 0, 4),
        (equal, 1, 0, _AUDIT_ARCHITECTURE[machine]),
        (give, 0, 0, kill),
        (load, 0, 0, 0),
        (at_least, 0, 1, x32_calls),
        (give, 0, 0, refuse),
        # Its flags lie in memory, out of reach; without it the C library takes clone.
        (equal, 0, 1, _CLONE3),
        (give, 0, 0, unknown),
        # Threads yes, processes no.
        (equal, 0, 4, _CLONE[machine]),
        (load, 0, 0, 16),
        (any_bit, 0, 1, clone_thread),
        (give, 0, 0, allow),
        (give, 0, 0, refuse),
    ]
    lines += [(equal, len(denied) - place, 0, call) for place, call in enumerate(denied)]
    lines += [(give, 0, 0, allow), (give, 0, 0, refuse)]
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


def _syscall(number: int, *arguments: object) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    result = int(libc.syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
