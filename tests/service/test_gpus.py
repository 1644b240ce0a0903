"""GPUs whose driver refuses to answer: what it does not tell is unknown, and nothing stops."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest

from llmmem_gui.core.readings import GpuReading
from llmmem_gui.service.sampling.gpus import Gpus


class NVMLError(Exception):
    """As the driver's own; it is no OSError and no RuntimeError."""


class Driver(ModuleType):
    """NVML with one GPU of 8 bytes, 3 of them used, 2 by process 7; calls named in `broken` raise."""

    def __init__(self) -> None:
        super().__init__("pynvml")
        self.broken: set[str] = set()
        self.used: int | None = 2

    def _answer(self, call: str, value: object) -> object:
        if call in self.broken:
            raise NVMLError("Not Supported")
        return value

    def nvmlInit(self) -> object:
        return self._answer("init", None)

    def nvmlShutdown(self) -> object:
        return self._answer("shutdown", None)

    def nvmlDeviceGetCount(self) -> object:
        return self._answer("count", 1)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> object:
        return self._answer("handle", index)

    def nvmlDeviceGetMemoryInfo(self, device: object) -> object:
        return self._answer("memory", SimpleNamespace(total=8, used=3))

    def nvmlDeviceGetName(self, device: object) -> object:
        return self._answer("name", "GPU")

    def nvmlDeviceGetComputeRunningProcesses(self, device: object) -> object:
        return self._answer("processes", [SimpleNamespace(pid=7, usedGpuMemory=self.used)])


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    driver = Driver()
    monkeypatch.setitem(sys.modules, "pynvml", driver)
    return driver


WHOLE = GpuReading("GPU", 8, 3)


@pytest.mark.parametrize(
    ("broken", "gpus", "by_pid"),
    [
        (set(), (WHOLE,), {7: 2}),
        ({"processes"}, (WHOLE,), None),
        ({"memory"}, (), {7: 2}),
        ({"name"}, (), {7: 2}),
        ({"handle"}, (), None),
        ({"count"}, (), None),
        ({"init"}, (), {}),
    ],
)
def test_what_a_driver_does_not_tell_is_unknown(
    driver: Driver, broken: set[str], gpus: tuple[GpuReading, ...], by_pid: dict[int, int] | None
) -> None:
    """Each call may fail by itself (WSL, vGPU, MIG); unknown is not nothing."""
    driver.broken = broken
    assert Gpus().read() == (gpus, by_pid)


def test_bytes_that_a_process_does_not_tell_are_unknown(driver: Driver) -> None:
    """Windows tells the processes on a GPU, but not what they use."""
    driver.used = None
    assert Gpus().read() == ((WHOLE,), None)


def test_a_driver_that_is_lost_and_comes_back(driver: Driver, caplog: pytest.LogCaptureFixture) -> None:
    """Each reading asks again, the reason is logged once, and letting go of the driver cannot fail."""
    gpus = Gpus()
    driver.broken = {"count", "shutdown"}
    assert [gpus.read() for _ in range(3)] == [((), None)] * 3
    assert len(caplog.records) == 1
    driver.broken = {"shutdown"}
    assert gpus.read() == ((WHOLE,), {7: 2})
    gpus.close()
