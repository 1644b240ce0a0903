"""Memory of NVIDIA GPUs, in total and by process; nothing where there is no driver."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, TypeVar

from llmmem_gui.core.readings import GpuReading

log = logging.getLogger(__name__)

_Value = TypeVar("_Value")


class Gpus:
    """Talks to NVML when both the driver and `nvidia-ml-py` are there.

    A driver may refuse any question (WSL, vGPU, MIG) or be lost under a running program. What it does not
    tell is unknown; it never ends a sample.
    """

    def __init__(self) -> None:
        self._nvml: ModuleType | None = None
        self._said: set[str] = set()
        try:
            import pynvml

            pynvml.nvmlInit()
        except Exception as error:  # noqa: BLE001 - no module, driver or device: NVML has a type for each
            log.info("no GPU is watched: %s", error)
            return
        self._nvml = pynvml

    def read(self) -> tuple[tuple[GpuReading, ...], Mapping[int, int] | None]:
        """Each GPU that answers, and the bytes that each process (by pid) holds on all of them.

        None instead of the bytes where a GPU does not tell them.
        """
        nvml = self._nvml
        if nvml is None:
            return (), {}
        count = self._asked(nvml.nvmlDeviceGetCount)
        gpus: list[GpuReading] = []
        by_pid: dict[int, int] | None = None if count is None else {}
        for index in range(count or 0):
            gpu = self._asked(_gpu, nvml, index)
            if gpu is not None:
                gpus.append(gpu)
            held = self._asked(_by_process, nvml, index)
            by_pid = None if by_pid is None or held is None else _sum(by_pid, held)
        return tuple(gpus), by_pid

    def close(self) -> None:
        """Let go of the driver."""
        nvml, self._nvml = self._nvml, None
        if nvml is not None:
            self._asked(nvml.nvmlShutdown)

    def _asked(self, question: Callable[..., _Value], *arguments: Any) -> _Value | None:
        """What the driver answers; None where it does not, which is logged once for each reason."""
        try:
            return question(*arguments)
        except Exception as error:  # noqa: BLE001 - a driver may raise anything
            reason = f"{type(error).__name__}: {error}"
            if reason not in self._said:
                self._said.add(reason)
                log.warning("memory of the GPU is unknown: %s", reason)
            return None


def _gpu(nvml: ModuleType, index: int) -> GpuReading:
    device = nvml.nvmlDeviceGetHandleByIndex(index)
    memory = nvml.nvmlDeviceGetMemoryInfo(device)
    return GpuReading(str(nvml.nvmlDeviceGetName(device)), int(memory.total), int(memory.used))


def _by_process(nvml: ModuleType, index: int) -> dict[int, int] | None:
    """Bytes of each process on a GPU; None where it tells the processes, but not their bytes."""
    device = nvml.nvmlDeviceGetHandleByIndex(index)
    held: dict[int, int] = {}
    for process in nvml.nvmlDeviceGetComputeRunningProcesses(device):
        if process.usedGpuMemory is None:  # under the Windows display driver model
            return None
        held[process.pid] = held.get(process.pid, 0) + int(process.usedGpuMemory)
    return held


def _sum(one: Mapping[int, int], other: Mapping[int, int]) -> dict[int, int]:
    return {pid: one.get(pid, 0) + other.get(pid, 0) for pid in (*one, *other)}
