"""What other programs leave of each device: desktops, games and other engines work there, too."""

from __future__ import annotations

from collections.abc import Mapping

from llmmem_gui.core.readings import GpuReading, Sample


class DeviceUse:
    """Follows what drivers tell, for devices of which they tell the use in total and by process.

    Ours is taken off in the same reading, so that no load or unload of ours is mistaken for theirs. A host
    that has just ended may be for one reading: the less of two in a row counts.
    """

    def __init__(self) -> None:
        self._left: dict[str, tuple[int, int]] = {}
        """What others left of each device in the last reading and in the one before, in bytes."""

    def sampled(self, sample: Sample, addresses: Mapping[str, str]) -> None:
        """Take a sample in; `addresses` are those of devices on the bus, by llama.cpp's names of them."""
        pids = {reading.pid for reading in sample.hosts.values()}
        gpus = {gpu.id: gpu for gpu in sample.gpus}
        left = {}
        for name, address in addresses.items():
            now = _left_by_others(gpus.get(address), pids)
            if now is not None:
                left[name] = (now, self._left.get(name, (now, now))[0])
        self._left = left

    def left_by_others(self, name: str) -> int | None:
        """Bytes of a device that all models together can have; None where that is not told."""
        return max(self._left[name]) if name in self._left else None


def _left_by_others(gpu: GpuReading | None, pids: set[int]) -> int | None:
    if gpu is None or gpu.total_bytes is None or gpu.used_bytes is None:
        return None
    if gpu.held is None or not gpu.hidden.isdisjoint(pids):
        return None
    ours = sum(gpu.held.get(pid, 0) for pid in pids)
    others = max(0, gpu.used_bytes - ours)
    return max(0, gpu.total_bytes - others)
