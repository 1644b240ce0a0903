"""What processes hold on GPUs by the word of the kernel: drm-usage-stats in `/proc/PID/fdinfo`.

Only processes that are asked about are read. A client of a driver may be open many times, in several
processes, and is counted once. Those of another user cannot be read.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_LINE = re.compile(
    rb"^drm-(pdev|client-id|(?:resident|memory|total)-[\w-]+):[ \t]*(\S+)(?: (\w+))?", re.MULTILINE
)
_DRM, _NVIDIA = "/dev/dri/", "/dev/nvidia"
_UNITS = {b"": 1, b"B": 1, b"KiB": 1024, b"MiB": 1024**2, b"GiB": 1024**3}
_KINDS = (b"resident", b"memory", b"total")
"""Of a region the first that is told counts: old kernels know `memory` alone, and `total` may be more than
there is."""
_OWN = ("vram", "local")
"""How regions of a device's own memory are named by amdgpu and xe, and by i915."""
_MAIN = ("gtt", "cpu", "system")
"""How regions of the main memory are named."""


@dataclass(frozen=True, slots=True)
class Holdings:
    """What processes hold on one device."""

    own: dict[int, int] = field(default_factory=dict)
    """Bytes of the device's own memory by pid."""
    main: dict[int, int] = field(default_factory=dict)
    """Bytes of main memory by pid."""


@dataclass(frozen=True, slots=True)
class Clients:
    """What the processes that were asked about hold on all devices."""

    by_device: Mapping[str, Holdings] = field(default_factory=dict)
    """By PCI id; a device that is not there is held by none."""
    hidden: frozenset[int] = frozenset()
    """Processes that may not be read."""
    with_nvidia: frozenset[int] = frozenset()
    """Processes that have a device of NVIDIA's driver open, which tells nothing here."""

    def on(self, device: str) -> Holdings:
        """What is held on one device."""
        return self.by_device.get(device) or Holdings()


def read_clients(pids: Collection[int], proc: Path = Path("/proc")) -> Clients:
    """Read what these processes hold; those that have ended hold nothing."""
    by_device: dict[str, Holdings] = defaultdict(Holdings)
    hidden, with_nvidia = set(), set()
    seen: set[tuple[str, bytes]] = set()
    for pid in pids:
        folder = f"{proc}/{pid}"
        try:
            opened = _open_devices(folder)
        except PermissionError:
            hidden.add(pid)
            continue
        except OSError:
            continue
        for number, device in opened:
            if device.startswith(_NVIDIA):
                with_nvidia.add(pid)
                continue
            try:
                with open(f"{folder}/fdinfo/{number}", "rb", buffering=0) as file:
                    _add(by_device, pid, file.read(16_384), seen)
            except PermissionError:
                hidden.add(pid)
            except OSError:  # closed meanwhile
                continue
    return Clients(dict(by_device), frozenset(hidden), frozenset(with_nvidia))


def _open_devices(folder: str) -> list[tuple[str, str]]:
    """Numbers of the files that a process has open on GPUs, and which devices those are."""
    found = []
    for number in os.listdir(f"{folder}/fd"):
        try:
            device = os.readlink(f"{folder}/fd/{number}")
        except FileNotFoundError:  # closed meanwhile
            continue
        if device.startswith((_DRM, _NVIDIA)):
            found.append((number, device))
    return found


def _add(by_device: Mapping[str, Holdings], pid: int, text: bytes, seen: set[tuple[str, bytes]]) -> None:
    fields = {name: (value, unit) for name, value, unit in _LINE.findall(text)}
    device, client = (fields.pop(name, (b"", b""))[0] for name in (b"pdev", b"client-id"))
    place = device.decode(errors="replace")
    if not device or (place, client) in seen:
        return
    if client:  # kernels before 5.19 name none
        seen.add((place, client))
    regions: dict[str, int] = {}
    for kind in _KINDS:
        for name, (value, unit) in fields.items():
            its_kind, _, region = name.partition(b"-")
            if its_kind == kind and value.isdigit() and unit in _UNITS:
                regions.setdefault(region.decode(), int(value) * _UNITS[unit])
    holdings = by_device[place]
    for held, names in ((holdings.own, _OWN), (holdings.main, _MAIN)):
        told = [size for region, size in regions.items() if region.rstrip("0123456789") in names]
        held[pid] = held.get(pid, 0) + sum(told)
