"""All GPUs of the machine: each as the source tells that knows its kind."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from llmmem_gui.core.readings import GpuReading
from llmmem_gui.service.sampling.gpus.amd import Amd
from llmmem_gui.service.sampling.gpus.asking import Asking
from llmmem_gui.service.sampling.gpus.fdinfo import Clients, read_clients
from llmmem_gui.service.sampling.gpus.intel import read_intel
from llmmem_gui.service.sampling.gpus.nvml import Nvml
from llmmem_gui.service.sampling.gpus.pci import PciBus, PciDevice


class Gpus:
    """Reads them again and again; `sys` and `proc` are the roots of the two file systems."""

    def __init__(self, sys: Path = Path("/sys"), proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._asking = Asking()
        self._bus = PciBus(sys)
        self._nvml = Nvml(self._asking)
        self._amd = Amd(sys)

    def read(self, pids: Collection[int] = ()) -> tuple[GpuReading, ...]:
        """Each GPU and what processes hold on it: these, and whichever NVML tells of besides.

        Raises nothing.
        """
        devices = self._bus.look()
        clients = read_clients(pids, self._proc) if devices else Clients()
        with_nvml = [device for device in devices if device.driver == "nvidia"]
        readings = list(self._asking.answer(self._nvml.read, with_nvml, clients) or ())
        for device in devices:
            if device.driver != "nvidia":
                reading = self._asking.answer(self._with_drm, device, pids, clients)
                readings += [] if reading is None else [reading]
        return tuple(readings)

    def close(self) -> None:
        """Let go of the drivers."""
        self._nvml.close()

    def _with_drm(self, device: PciDevice, pids: Collection[int], clients: Clients) -> GpuReading:
        if device.driver == "amdgpu":
            return self._amd.read(device, pids, clients)
        return read_intel(device, clients)
