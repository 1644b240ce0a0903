"""Memory of NVIDIA GPUs, in total and by process; nothing where there is no driver."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

from llmmem_gui.core.readings import GpuReading


class Gpus:
    """Talks to NVML when both the driver and `nvidia-ml-py` are there."""

    def __init__(self) -> None:
        self._nvml: ModuleType | None = None
        try:
            import pynvml

            pynvml.nvmlInit()
        except Exception:  # no module, no driver, no device: NVML raises an own type for each
            return
        self._nvml = pynvml

    def read(self) -> tuple[tuple[GpuReading, ...], Mapping[int, int]]:
        """Each GPU, and the bytes that each process (by pid) holds on all of them."""
        nvml = self._nvml
        if nvml is None:
            return (), {}
        gpus = []
        by_pid: dict[int, int] = {}
        for index in range(nvml.nvmlDeviceGetCount()):
            device = nvml.nvmlDeviceGetHandleByIndex(index)
            memory = nvml.nvmlDeviceGetMemoryInfo(device)
            name = nvml.nvmlDeviceGetName(device)
            gpus.append(GpuReading(str(name), int(memory.total), int(memory.used)))
            for process in nvml.nvmlDeviceGetComputeRunningProcesses(device):
                # None under the Windows display driver model, which does not tell.
                by_pid[process.pid] = by_pid.get(process.pid, 0) + int(process.usedGpuMemory or 0)
        return tuple(gpus), by_pid

    def close(self) -> None:
        """Let go of the driver."""
        if self._nvml is not None:
            self._nvml.nvmlShutdown()
            self._nvml = None
