"""NVML for faults and devices that cannot be provoked: the real module's errors, its answers by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType, SimpleNamespace
from typing import Any

import pynvml

NOT_SUPPORTED = pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
NOT_FOUND = pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)

Holding = tuple[int, int | None]
"""A pid and its bytes."""


class Card:
    """One device, or one part of it, and what NVML says of it; an answer that is an error is raised."""

    def __init__(
        self,
        name: str = "NVIDIA GeForce RTX 4090",
        total: int = 8,
        used: int = 3,
        reserved: int = 0,
        computing: tuple[Holding, ...] = (),
        drawing: tuple[Holding, ...] = (),
        uuid: str = "GPU-1",
        parts: Mapping[int, Card] | None = None,
    ) -> None:
        memory = SimpleNamespace(total=total, used=used, free=total - used - reserved, reserved=reserved)
        self.parts = parts
        """By number; None: the device cannot be divided."""
        self.answers: dict[str, Any] = {
            "nvmlDeviceGetName": name,
            "nvmlDeviceGetUUID": uuid,
            "memory v2": memory,
            "nvmlDeviceGetMemoryInfo": SimpleNamespace(total=total, used=used + reserved),
            "nvmlDeviceGetComputeRunningProcesses": _processes(computing),
            "nvmlDeviceGetGraphicsRunningProcesses": _processes(drawing),
            "nvmlDeviceGetMigMode": NOT_SUPPORTED if parts is None else [1, 1],
            "nvmlDeviceGetMaxMigDeviceCount": 7,
        }


def _processes(holdings: tuple[Holding, ...]) -> list[SimpleNamespace]:
    return [SimpleNamespace(pid=pid, usedGpuMemory=size) for pid, size in holdings]


class Nvml(ModuleType):
    """Devices by PCI id; `broken` gives what calls answer or raise instead, `asked` which calls came."""

    nvmlMemory_v2 = pynvml.nvmlMemory_v2

    def __init__(self, cards: Mapping[str, Card]) -> None:
        super().__init__("pynvml")
        self.cards = dict(cards)
        self.broken: dict[str, Any] = {}
        self.asked: list[str] = []

    def __getattr__(self, call: str) -> Callable[..., Any]:
        if not call.startswith("nvml"):
            raise AttributeError(call)

        def answer(*arguments: Any, **named: Any) -> Any:
            self.asked.append(call)
            told = self.broken[call] if call in self.broken else self._answer(call, *arguments, **named)
            if isinstance(told, Exception):
                raise told
            return told

        return answer

    def _answer(self, call: str, device: Any = None, number: int = 0, version: int | None = None) -> Any:
        match call:
            case "nvmlInit" | "nvmlShutdown":
                return None
            case "nvmlDeviceGetCount":
                return len(self.cards)
            case "nvmlDeviceGetHandleByIndex":
                return list(self.cards.values())[device]
            case "nvmlDeviceGetHandleByPciBusId":
                return self.cards.get(device, NOT_FOUND)
            case "nvmlDeviceGetPciInfo":
                place = next(place for place, card in self.cards.items() if card is device)
                return SimpleNamespace(busId=f"0000{place.upper()}")
            case "nvmlDeviceGetMigDeviceHandleByIndex":
                return device.parts.get(number, NOT_FOUND)
            case "nvmlDeviceGetMemoryInfo" if version == pynvml.nvmlMemory_v2:
                return device.answers["memory v2"]
        return device.answers[call]
