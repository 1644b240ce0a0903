"""The GPUs of this machine as the kernel lists them, without a question to any driver."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

DRIVERS = ("nvidia", "amdgpu", "i915", "xe")
"""Drivers that tell of memory."""
_CLASSES = (0x03, 0x12)
"""Display controllers and processing accelerators, by the upper byte of the class."""
_LOOKS_KEPT = 60
"""After so many looks everything is read anew: a driver may be bound late."""


@dataclass(frozen=True, slots=True)
class PciDevice:
    """A GPU on the bus."""

    id: str
    """As "0000:01:00.0"."""
    driver: str
    device: int
    """The number that its vendor gave the kind of device."""
    folder: Path
    """Its folder in sysfs."""

    @property
    def is_suspended(self) -> bool:
        """Whether it sleeps, or is about to: a question to its driver would wake it."""
        return read_text(self.folder / "power" / "runtime_status") in ("suspended", "suspending")

    @property
    def may_sleep(self) -> bool:
        """Whether it is allowed to, when nobody uses it."""
        return read_text(self.folder / "power" / "control") == "auto"


class PciBus:
    """The PCI bus below a sysfs; a look costs one listing while no device comes or goes."""

    def __init__(self, sys: Path = Path("/sys")) -> None:
        self._folder = sys / "bus" / "pci" / "devices"
        self._names: frozenset[str] = frozenset()
        self._devices: tuple[PciDevice, ...] = ()
        self._looks = 0

    def look(self) -> tuple[PciDevice, ...]:
        """The GPUs whose driver tells of memory, in the order of the bus; none where there is no such bus."""
        try:
            names = frozenset(os.listdir(self._folder))
        except OSError:
            return ()
        if names != self._names or self._looks % _LOOKS_KEPT == 0:
            found = (self._device(name) for name in sorted(names))
            self._devices = tuple(device for device in found if device is not None)
            self._names = names
        self._looks += 1
        return self._devices

    def _device(self, name: str) -> PciDevice | None:
        folder = self._folder / name
        kind, number = (read_number(folder / file, base=16) for file in ("class", "device"))
        try:
            driver = os.path.basename(os.readlink(folder / "driver"))
        except OSError:
            return None
        if kind is None or kind >> 16 not in _CLASSES or driver not in DRIVERS:
            return None
        return PciDevice(name, driver, number or 0, folder)


def read_text(path: Path) -> str:
    """A small file without the space around it; empty where it cannot be read."""
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read(4096).decode(errors="replace").strip()
    except OSError:
        return ""


def read_number(path: Path, base: int = 10) -> int | None:
    """The number in a small file; None where there is none."""
    try:
        return int(read_text(path), base)
    except ValueError:
        return None
