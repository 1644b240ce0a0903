"""Closes a host off before it opens a model file: the file may be hostile, and llama.cpp may have a fault.

Two layers of the Linux kernel that need no privilege. Landlock leaves the process only the files named here,
no writing, no TCP, and (from Linux 6.12 on) signals to nobody else. A seccomp filter denies what a host never
needs, on every kernel: sockets, other programs, other processes. What the kernel does not have is left out
and not reported. Both hold for threads started afterwards, and neither can be taken off again.
"""

from __future__ import annotations

import ctypes
import glob
import os
import sys
from collections.abc import Iterable

from llmmem_gui.host import landlock, seccomp
from llmmem_gui.host.process import prctl

_PR_SET_NO_NEW_PRIVS = 38

_READABLE = ("/usr", "/lib", "/lib64", "/etc/localtime", "/etc/ld.so.cache", "/sys/devices/system/cpu")
_READABLE_WITH_GPU = ("/proc", "/sys", "/etc/vulkan", "/etc/nvidia", "/opt/rocm*")
_DEVICES_WITH_GPU = ("/dev/nvidia*", "/dev/dri", "/dev/kfd")


def enter(readable_files: Iterable[bytes], gpu: bool) -> tuple[str, ...]:
    """Close the process off for good; gives the layers in force.

    It keeps reading `readable_files` (or what is beneath them), the interpreter's own folders and file and,
    with `gpu`, what the drivers of a GPU read, and keeps using its devices.
    """
    if not sys.platform.startswith("linux"):
        return ()
    prctl(_PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1))
    readable = _existing((*_READABLE, *(_READABLE_WITH_GPU if gpu else ())))
    # A frozen program has its modules in its own file, and reads them when they are imported.
    own = map(os.fsencode, (*sys.path, sys.executable))
    devices = _existing(_DEVICES_WITH_GPU if gpu else ())
    layers = (landlock.enter((*readable_files, *readable, *own), devices), seccomp.enter())
    return tuple(layer for layer in layers if layer is not None)


def _existing(patterns: Iterable[str]) -> list[bytes]:
    return [os.fsencode(path) for pattern in patterns for path in glob.glob(pattern)]
