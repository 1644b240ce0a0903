"""Memory of Intel GPUs, by i915 and by xe: what processes hold from fdinfo.

Of a card's totals only the size is told, and not by every kernel; what is used of it is told to root alone.
"""

from __future__ import annotations

from llmmem_gui.core.readings import GpuReading
from llmmem_gui.service.sampling.gpus.fdinfo import Clients
from llmmem_gui.service.sampling.gpus.pci import PciDevice, read_number

_IN_THE_PROCESSOR = "0000:00:02.0"
"""Where every processor's own GPU is."""
_SIZES = (
    "tile*/physical_vram_size_bytes",  # xe
    "tile*/memory/physical_vram_size_bytes",
    "drm/card*/lmem_total_bytes",  # i915
)


def read_intel(device: PciDevice, clients: Clients) -> GpuReading:
    """One GPU, and what the processes that were asked about hold on it."""
    unified = device.id == _IN_THE_PROCESSOR
    held = clients.on(device.id)
    name = f"Intel GPU {device.device:04x}"
    if unified:
        return GpuReading(device.id, name, None, None, {}, unified, held.main)
    return GpuReading(device.id, name, _size(device), None, held.own, unified, held.main, clients.hidden)


def _size(device: PciDevice) -> int | None:
    for pattern in _SIZES:
        sizes = [read_number(path) for path in device.folder.glob(pattern)]
        if sizes:
            return sum(size or 0 for size in sizes) or None
    return None
