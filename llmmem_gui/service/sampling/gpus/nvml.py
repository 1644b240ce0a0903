"""Memory of NVIDIA GPUs, by NVML; nothing where there is neither driver nor `nvidia-ml-py`.

A driver may refuse any question (WSL, vGPU, MIG) or be lost under a running program: what it does not tell
is unknown. A GPU that sleeps is asked nothing, because each question wakes it.
"""

from __future__ import annotations

import ctypes
import logging
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from llmmem_gui.core.readings import GpuReading
from llmmem_gui.service.sampling.gpus.asking import Asking
from llmmem_gui.service.sampling.gpus.fdinfo import Clients
from llmmem_gui.service.sampling.gpus.pci import PciDevice

log = logging.getLogger(__name__)

_NAME = "NVIDIA GPU"
_NOT_SUPPORTED, _NOT_FOUND = 3, 6
"""Codes of NVML's errors: there is no such figure on this device; there is no such device."""
_NOT_AVAILABLE = 2**64 - 1
"""What NVML gives for bytes that it does not know (`NVML_VALUE_NOT_AVAILABLE`)."""
_READS_AT_REST = 30
"""A GPU that may sleep and that none of our processes uses is asked that rarely: else it never would."""
_MOST_DEVICES = 256
"""A driver that counts more does not count."""
_UNIFIED = ("GB10", "Orin", "Thor")
"""Names of devices that work in the main memory, whatever their driver tells of totals."""


def driver_is_there() -> bool:
    """Whether NVIDIA's library can be loaded; the bindings alone take 2.4 MiB, also where it cannot."""
    if sys.platform != "linux":
        return True  # elsewhere only the bindings know where it lies
    try:
        ctypes.CDLL("libnvidia-ml.so.1")
    except OSError as error:
        log.info("no NVIDIA GPU is watched: %s", error)
        return False
    return True


@dataclass(frozen=True, slots=True)
class _Memory:
    total_bytes: int | None = None
    used_bytes: int | None = None
    is_told: bool = True
    """Whether the device has totals at all."""


class Nvml:
    """Asks NVML, once there is something to ask about."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._library: Any = None
        self._reads = 0
        self._before: dict[str, list[GpuReading]] = {}
        """Each GPU as it was read last, by PCI id."""
        self._at_rest: set[str] = set()
        """Those that none of our processes used when they were read last."""
        self._tried_for: frozenset[str] | None = None
        """The GPUs that were awake when the library was tried last."""
        self._divided: dict[str, bool] = {}
        """Whether each GPU is divided (MIG), as it told last."""
        self._names: dict[str, str] = {}
        self._totals: dict[str, int] = {}
        """Of GPUs as they told them last, by id."""

    def read(self, devices: Sequence[PciDevice], clients: Clients) -> list[GpuReading]:
        """These GPUs; without any those that NVML itself finds, as on Windows.

        Of the processes in `clients` it matters here which have NVIDIA's driver open.
        """
        users = clients.with_nvidia | clients.hidden
        asleep = [device.id for device in devices if device.is_suspended]
        awake = [device.id for device in devices if device.id not in asleep]
        if awake or not devices:
            self._open(frozenset(awake))
        if not devices:
            return self._read_by_number()
        self._reads += 1
        readings: list[GpuReading] = []
        for device in devices:
            before = self._before.get(device.id)
            if device.id in asleep:
                readings.append(replace(self._unknown(device.id), held={}, hidden=users))
            elif before and device.may_sleep and self._stays_at_rest(device.id, users):
                readings += before
            else:
                (self._at_rest.discard if users else self._at_rest.add)(device.id)
                self._before[device.id] = self._read_at(device.id)
                readings += self._before[device.id]
        return readings

    def _stays_at_rest(self, device_id: str, users: frozenset[int]) -> bool:
        """Whether it need not be asked. What a process held that has ended since is not told again."""
        return not users and device_id in self._at_rest and self._reads % _READS_AT_REST != 0

    def close(self) -> None:
        """Let go of the driver."""
        library, self._library = self._library, None
        if library is not None:
            self._asking.answer(library.nvmlShutdown)

    def _open(self, awake: frozenset[str]) -> None:
        if self._library is not None or self._tried_for == awake:
            return
        self._tried_for = awake
        if not driver_is_there():
            return
        try:
            import pynvml

            pynvml.nvmlInit()
        except Exception as error:  # noqa: BLE001 - no module, driver or device: NVML has a type for each
            log.info("no NVIDIA GPU is watched: %s", error)
        else:
            self._library = pynvml

    def _unknown(self, device_id: str) -> GpuReading:
        """A GPU that cannot be asked; its size does not change."""
        name, total = self._names.get(device_id, _NAME), self._totals.get(device_id)
        return GpuReading(device_id, name, total, None)

    def _read_at(self, device_id: str) -> list[GpuReading]:
        nvml = self._library
        handle = None
        if nvml is not None:
            handle = self._asking.answer(nvml.nvmlDeviceGetHandleByPciBusId, device_id)
        return self._device(handle, device_id)

    def _read_by_number(self) -> list[GpuReading]:
        nvml = self._library
        if nvml is None:
            return []
        count = _count(self._asking.answer(nvml.nvmlDeviceGetCount))
        if count is None:
            return [self._unknown("")]
        readings: list[GpuReading] = []
        for number in range(count):
            handle = self._asking.answer(nvml.nvmlDeviceGetHandleByIndex, number)
            place = None if handle is None else self._asking.answer(self._place, handle)
            readings += self._device(handle, place or str(number))
        return readings

    def _place(self, handle: Any) -> str:
        return pci_id(self._library.nvmlDeviceGetPciInfo(handle).busId)

    def _device(self, handle: Any, device_id: str) -> list[GpuReading]:
        """A GPU, or the parts that it is divided into."""
        read = None if handle is None else self._asking.answer(self._read_whole_or_parts, handle, device_id)
        return read or [self._unknown(device_id)]

    def _read_whole_or_parts(self, handle: Any, device_id: str) -> list[GpuReading]:
        modes = self._if_supported((0, 0), self._library.nvmlDeviceGetMigMode, handle)
        if isinstance(modes, Sequence) and modes:
            self._divided[device_id] = bool(modes[0])
        parts = list(self._parts(handle, device_id)) if self._divided.get(device_id) else []
        return parts or [self._read(handle, device_id)]

    def _parts(self, handle: Any, device_id: str) -> Iterator[GpuReading]:
        nvml = self._library
        count = _count(self._asking.answer(nvml.nvmlDeviceGetMaxMigDeviceCount, handle))
        if count is None:
            yield self._unknown(device_id)
        for number in range(count or 0):
            try:
                part = nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, number)
            except Exception as error:  # noqa: BLE001 - a driver may raise anything
                if _code(error) != _NOT_FOUND:  # there may be fewer parts than there can be
                    self._asking.complain(error)
                    yield self._unknown(f"{device_id}/{number}")
                continue
            uuid = self._asking.answer(nvml.nvmlDeviceGetUUID, part)
            yield self._read(part, _text(uuid) or f"{device_id}/{number}")

    def _read(self, handle: Any, device_id: str) -> GpuReading:
        nvml = self._library
        name = _text(self._asking.answer(nvml.nvmlDeviceGetName, handle)) or self._names.get(device_id, _NAME)
        memory = self._memory(handle)
        held, hidden = self._asking.answer(self._processes, handle) or (None, frozenset())
        self._names[device_id] = name
        if not memory.is_told or any(word in name.split() for word in _UNIFIED):
            return GpuReading(device_id, name, None, None, {}, True, held or {})
        if memory.total_bytes is not None:
            self._totals[device_id] = memory.total_bytes
        total = self._totals.get(device_id)
        return GpuReading(device_id, name, total, memory.used_bytes, held, hidden=hidden)

    def _memory(self, handle: Any) -> _Memory:
        """What programs can have of its memory, and what they use: what the driver keeps is neither."""
        nvml = self._library
        try:
            told = nvml.nvmlDeviceGetMemoryInfo(handle, version=nvml.nvmlMemory_v2)
            reserved = _bytes(told.reserved) or 0
        except Exception:  # noqa: BLE001 - an older driver or module: the older question tells
            try:
                told, reserved = nvml.nvmlDeviceGetMemoryInfo(handle), 0
            except Exception as error:  # noqa: BLE001 - a driver may raise anything
                if _code(error) == _NOT_SUPPORTED:
                    return _Memory(is_told=False)
                self._asking.complain(error)
                return _Memory()
        total = _bytes(getattr(told, "total", None))
        used = _bytes(getattr(told, "used", None))
        return _Memory(total and max(0, total - reserved), used)

    def _processes(self, handle: Any) -> tuple[dict[int, int] | None, frozenset[int]]:
        """Bytes of each process, and the processes whose bytes are not told; None where none are told.

        One that computes and draws stands in both lists, with all that it holds.
        """
        nvml = self._library
        computing = self._asking.answer(nvml.nvmlDeviceGetComputeRunningProcesses, handle)
        drawing = self._if_supported([], nvml.nvmlDeviceGetGraphicsRunningProcesses, handle)
        if not isinstance(computing, list) or not isinstance(drawing, list):
            return None, frozenset()
        held: dict[int, int] = {}
        for processes in (computing, drawing):
            told: dict[int, int] = {}
            for process in processes:
                size = _bytes(process.usedGpuMemory)
                if size is not None:
                    told[process.pid] = told.get(process.pid, 0) + size
            for pid, size in told.items():
                held[pid] = max(held.get(pid, 0), size)
        listed = {process.pid for process in (*computing, *drawing)}
        return held, frozenset(listed - held.keys())

    def _if_supported(self, without: Any, question: Any, *arguments: object) -> Any:
        """What the driver answers; None where it does not, `without` where the device has no such thing."""
        try:
            return question(*arguments)
        except Exception as error:  # noqa: BLE001 - a driver may raise anything
            if _code(error) == _NOT_SUPPORTED:
                return without
            self._asking.complain(error)
            return None


def pci_id(bus_id: str | bytes) -> str:
    """NVML's "0000000F:01:00.0" as the kernel writes it: "000f:01:00.0"."""
    domain, _, place = _text(bus_id).lower().partition(":")
    return f"{int(domain, 16):04x}:{place}"


def _code(error: Exception) -> object:
    return getattr(error, "value", None)


def _text(told: Any) -> str:
    """Older modules give bytes."""
    text = told.decode(errors="replace") if isinstance(told, bytes) else told
    return text if isinstance(text, str) else ""


def _count(told: Any) -> int | None:
    return told if isinstance(told, int) and 0 <= told <= _MOST_DEVICES else None


def _bytes(told: Any) -> int | None:
    return told if isinstance(told, int) and 0 <= told < _NOT_AVAILABLE else None
