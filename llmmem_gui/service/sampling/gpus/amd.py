"""Memory of AMD GPUs: totals from sysfs, what processes hold from fdinfo and, where ROCm runs, from kfd.

Neither wakes a GPU that sleeps. A processor's own GPU works in the main memory (GTT) beside a part that the
firmware has set apart, which no program sees as main memory.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from llmmem_gui.core.readings import GpuReading
from llmmem_gui.service.sampling.gpus.fdinfo import Clients
from llmmem_gui.service.sampling.gpus.pci import PciDevice, read_number, read_text

_VEGA_10 = range(0x6860, 0x6880)
"""The only cards that do not tell how busy their memory is."""


class Amd:
    """Reads amdgpu's files below a sysfs."""

    def __init__(self, sys: Path = Path("/sys")) -> None:
        self._kfd = sys / "class" / "kfd" / "kfd"
        self._gpu_ids: dict[str, int] | None = None
        """What kfd calls each GPU, by PCI id; None: not read yet."""

    def read(self, device: PciDevice, pids: Collection[int], clients: Clients) -> GpuReading:
        """One GPU, and what these processes hold on it."""
        total, used = (read_number(device.folder / f"mem_info_vram_{which}") for which in ("total", "used"))
        unified = _is_of_a_processor(device)
        held = clients.on(device.id)
        own, main = dict(held.own), dict(held.main)
        # The part that a processor's own GPU has for itself is not worth calling all else unknown.
        hidden = set() if unified else set(clients.hidden)
        for pid, size in self._by_kfd(device.id, pids).items():
            # It counts what ROCm holds alone, but tells it of other users' processes, too.
            if pid in clients.hidden or not unified:
                hidden.discard(pid)
                in_main = unified and _prefers_main_memory(device, total)
                place = main if in_main else own
                place[pid] = max(place.get(pid, 0), size)
        name = read_text(device.folder / "product_name") or f"AMD GPU {device.device:04x}"
        return GpuReading(device.id, name, total, used, own, unified, main, frozenset(hidden))

    def _by_kfd(self, device_id: str, pids: Collection[int]) -> dict[int, int]:
        if self._gpu_ids is None:
            self._gpu_ids = _gpu_ids(self._kfd / "topology" / "nodes")
        gpu_id = self._gpu_ids.get(device_id)
        if gpu_id is None:
            return {}
        told = ((pid, read_number(self._kfd / "proc" / str(pid) / f"vram_{gpu_id}")) for pid in pids)
        return {pid: size for pid, size in told if size is not None}


def _is_of_a_processor(device: PciDevice) -> bool:
    """Whether it is part of a processor: the kernel shows for cards alone how busy their memory is."""
    return not (device.folder / "mem_busy_percent").exists() and device.device not in _VEGA_10


def _prefers_main_memory(device: PciDevice, own_bytes: int | None) -> bool:
    """Where the kernel puts what ROCm asks of a processor's GPU: where there is more."""
    return (own_bytes or 0) < (read_number(device.folder / "mem_info_gtt_total") or 0)


def _gpu_ids(nodes: Path) -> dict[str, int]:
    found = {}
    try:
        names = os.listdir(nodes)
    except OSError:  # without ROCm's driver
        return {}
    for name in names:
        gpu_id = read_number(nodes / name / "gpu_id")
        lines = (line.split() for line in read_text(nodes / name / "properties").splitlines())
        told = {line[0]: int(line[1]) for line in lines if len(line) == 2 and line[1].isdigit()}
        if gpu_id and "location_id" in told:  # a processor has the number 0
            place = told["location_id"]
            function = f"{place >> 8 & 0xFF:02x}:{place >> 3 & 0x1F:02x}.{place & 7}"
            found[f"{told.get('domain', 0):04x}:{function}"] = gpu_id
    return found
