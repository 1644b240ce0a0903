"""GPUs of NVIDIA on machines as they are, and every answer of the driver failing in turn."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pynvml
import pytest

from llmmem_gui.core.readings import GpuReading, main_memory_of, vram_of
from llmmem_gui.core.units import GIB, MIB
from llmmem_gui.service.sampling.gpus.gpus import Gpus
from tests.gpus.fake_nvml import NOT_SUPPORTED, Card, Nvml
from tests.gpus.recorded import Machine

DESKTOP, LAPTOP, SPARK = "0000:01:00.0", "0000:64:00.0", "000f:01:00.0"
HOST, OTHER = 4001, 4002

Install = Callable[..., Nvml]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """NVML with these cards by PCI id is what the program imports."""

    def install(**cards: Card) -> Nvml:
        nvml = Nvml({place: cards[name] for name, place in PLACES.items() if name in cards})
        monkeypatch.setitem(sys.modules, "pynvml", nvml)
        monkeypatch.setattr("llmmem_gui.service.sampling.gpus.nvml.driver_is_there", lambda: True)
        return nvml

    return install


PLACES = {"desktop": DESKTOP, "laptop": LAPTOP, "spark": SPARK}


def rtx_4090() -> Card:
    """A desktop's card: the model computes there, and draws with Vulkan; a browser only draws."""
    return Card(
        total=24564 * MIB,
        used=9000 * MIB,
        reserved=364 * MIB,
        computing=((HOST, 6000 * MIB),),
        drawing=((HOST, 6100 * MIB), (OTHER, 900 * MIB)),
    )


def gpus_of(machine: Machine) -> Gpus:
    return Gpus(machine.sys, machine.proc)


def test_a_desktop(machine: Machine, install: Install) -> None:
    """What the driver keeps is nobody's; who is in both lists is counted once, with the larger figure."""
    machine.has(DESKTOP, "nvidia", "0x2684")
    install(desktop=rtx_4090())
    (gpu,) = gpus_of(machine).read([HOST])
    assert gpu == GpuReading(
        DESKTOP,
        "NVIDIA GeForce RTX 4090",
        24200 * MIB,
        9000 * MIB,
        {HOST: 6100 * MIB, OTHER: 900 * MIB},
    )
    assert vram_of([gpu], [HOST, OTHER]) == 7000 * MIB
    assert vram_of([gpu], [1]) == 0


def test_a_process_whose_bytes_are_not_available_is_unknown(machine: Machine, install: Install) -> None:
    """Under Windows' display driver model, and by the number that means so; others are told."""
    machine.has(DESKTOP, "nvidia", "0x2684")
    card = Card(computing=((HOST, None), (OTHER, 2)), drawing=((5, 2**64 - 1), (6, -1), (7, None), (7, 3)))
    install(desktop=card)
    (gpu,) = gpus_of(machine).read()
    assert gpu.held == {OTHER: 2, 7: 3}
    assert gpu.hidden == {HOST, 5, 6}
    assert [vram_of([gpu], [pid]) for pid in (HOST, OTHER, 7, 8)] == [None, 2, 3, 0]


def test_a_sleeping_laptop_is_not_woken(machine: Machine, install: Install) -> None:
    """Not even NVML is opened; a process that has the driver open may hold something there."""
    machine.has(LAPTOP, "nvidia", "0x28a0", pci_class="0x030200", status="suspended", control="auto")
    machine.has("0000:00:02.0", "i915", "0xa7a0")
    machine.opens(HOST, 9, "/dev/dri/renderD128")
    nvml = install(laptop=Card("NVIDIA GeForce RTX 4060 Laptop GPU", 8 * GIB, GIB, drawing=((OTHER, 4),)))
    gpus = gpus_of(machine)
    asleep = next(gpu for gpu in gpus.read([HOST]) if gpu.id == LAPTOP)
    assert asleep == GpuReading(LAPTOP, "NVIDIA GPU", None, None, {})
    assert nvml.asked == []
    machine.opens(OTHER, 9, "/dev/nvidia0")
    asleep = next(gpu for gpu in gpus.read([HOST, OTHER]) if gpu.id == LAPTOP)
    assert vram_of([asleep], [HOST]) == 0
    assert vram_of([asleep], [OTHER]) is None

    machine.suspends(LAPTOP, "active")
    awake = next(gpu for gpu in gpus.read([HOST, OTHER]) if gpu.id == LAPTOP)
    assert (awake.total_bytes, awake.used_bytes, awake.held) == (8 * GIB, GIB, {OTHER: 4})
    for status in ("suspending", "suspended"):
        machine.suspends(LAPTOP, status)
        nvml.asked.clear()
        asleep = next(gpu for gpu in gpus.read([HOST]) if gpu.id == LAPTOP)
        assert (asleep.name, asleep.total_bytes) == (awake.name, awake.total_bytes)
        assert asleep.used_bytes is None
        assert nvml.asked == []


def test_a_laptop_may_fall_asleep(machine: Machine, install: Install) -> None:
    """Asked each second it never would: while none of our processes uses it, it is asked rarely."""
    machine.has(LAPTOP, "nvidia", "0x28a0", pci_class="0x030200", control="auto")
    machine.opens(HOST, 9, "/dev/null")
    nvml = install(laptop=Card(used=3))
    gpus = gpus_of(machine)
    readings = [gpus.read([HOST]) for _ in range(60)]
    assert {gpu.used_bytes for (gpu,) in readings} == {3}
    assert nvml.asked.count("nvmlDeviceGetHandleByPciBusId") <= 3
    nvml.asked.clear()
    machine.opens(OTHER, 9, "/dev/nvidiactl")
    for _ in range(10):
        gpus.read([HOST, OTHER])
    assert nvml.asked.count("nvmlDeviceGetHandleByPciBusId") == 10


def test_memory_of_an_ended_process_is_gone_at_once(machine: Machine, install: Install) -> None:
    """A GPU that is left alone so that it falls asleep is read once more before that."""
    machine.has(LAPTOP, "nvidia", "0x28a0", pci_class="0x030200", control="auto")
    machine.opens(HOST, 9, "/dev/nvidiactl")
    nvml = install(laptop=Card(used=3 * GIB, computing=((HOST, 2 * GIB),)))
    gpus = gpus_of(machine)
    gpus.read([HOST])
    nvml.cards[LAPTOP] = Card(used=GIB)
    (gpu,) = gpus.read([])
    assert (gpu.used_bytes, gpu.held) == (GIB, {})


def a100(parts: dict[int, Card]) -> Card:
    """A divided card, which tells of no process itself."""
    return Card("NVIDIA A100-SXM4-80GB", 80 * GIB, 20 * GIB, parts=parts)


def test_a_divided_gpu(machine: Machine, install: Install) -> None:
    """Its parts are the devices, by UUID; numbers of parts that are not there are no news."""
    machine.has(DESKTOP, "nvidia", "0x20b2", pci_class="0x030200")
    small = Card("NVIDIA A100-SXM4-80GB MIG 1g.10gb", 9 * GIB, GIB, computing=((HOST, GIB),), uuid="MIG-a")
    large = Card(
        "NVIDIA A100-SXM4-80GB MIG 3g.40gb", 39 * GIB, 2 * GIB, computing=((OTHER, 2 * GIB),), uuid="MIG-b"
    )
    large.answers["nvmlDeviceGetGraphicsRunningProcesses"] = NOT_SUPPORTED
    nvml = install(desktop=a100({0: small, 5: large}))
    gpus = gpus_of(machine)
    assert gpus.read() == (
        GpuReading("MIG-a", small.answers["nvmlDeviceGetName"], 9 * GIB, GIB, {HOST: GIB}),
        GpuReading("MIG-b", large.answers["nvmlDeviceGetName"], 39 * GIB, 2 * GIB, {OTHER: 2 * GIB}),
    )
    nvml.broken["nvmlDeviceGetMigMode"] = pynvml.NVMLError(pynvml.NVML_ERROR_UNKNOWN)
    assert [gpu.id for gpu in gpus.read()] == ["MIG-a", "MIG-b"]
    del nvml.broken["nvmlDeviceGetMigMode"]
    nvml.cards[DESKTOP].answers["nvmlDeviceGetMigMode"] = [0, 0]
    assert [gpu.id for gpu in gpus.read()] == [DESKTOP]


def test_a_divided_gpu_without_parts_is_whole(machine: Machine, install: Install) -> None:
    """Nothing can compute there before it has parts."""
    machine.has(DESKTOP, "nvidia", "0x20b2", pci_class="0x030200")
    install(desktop=a100({}))
    (gpu,) = gpus_of(machine).read()
    assert (gpu.id, gpu.total_bytes, gpu.held) == (DESKTOP, 80 * GIB, {})


@pytest.mark.parametrize("tells_totals", [False, True])
def test_a_spark_works_in_the_main_memory(
    machine: Machine, install: Install, caplog: pytest.LogCaptureFixture, tells_totals: bool
) -> None:
    """It has no totals, or tells those of the machine; processes hold main memory there. That is no fault."""
    machine.has(SPARK, "nvidia", "0x2e12", bridge="pci000f:00")
    card = Card("NVIDIA GB10", 128 * GIB, 9 * GIB, computing=((HOST, 5 * GIB),))
    if not tells_totals:
        card.answers |= dict.fromkeys(("memory v2", "nvmlDeviceGetMemoryInfo"), NOT_SUPPORTED)
    install(spark=card)
    (gpu,) = gpus_of(machine).read([HOST])
    assert gpu == GpuReading(SPARK, "NVIDIA GB10", None, None, {}, True, {HOST: 5 * GIB})
    assert vram_of([gpu], [HOST]) == 0
    assert main_memory_of([gpu], [HOST]) == 5 * GIB
    assert not caplog.records


def test_older_modules_and_drivers(machine: Machine, install: Install) -> None:
    """The first form of the question, and names as bytes."""
    machine.has(DESKTOP, "nvidia", "0x2684")
    card = rtx_4090()
    card.answers["memory v2"] = pynvml.NVMLError(pynvml.NVML_ERROR_FUNCTION_NOT_FOUND)
    card.answers["nvmlDeviceGetName"] = b"NVIDIA GeForce RTX 4090"
    install(desktop=card)
    (gpu,) = gpus_of(machine).read()
    assert (gpu.total_bytes, gpu.used_bytes) == (24564 * MIB, 9364 * MIB)
    assert gpu.name == "NVIDIA GeForce RTX 4090"


def test_devices_that_the_kernel_does_not_list(machine: Machine, install: Install) -> None:
    """On Windows and in its subsystem for Linux NVML numbers them, and tells where they are."""
    install(desktop=rtx_4090(), spark=Card("NVIDIA GB10"))
    assert [gpu.id for gpu in gpus_of(machine).read()] == [DESKTOP, SPARK]


def test_a_card_of_a_virtual_machine_is_not_asked(machine: Machine, install: Install) -> None:
    """What is passed through has another driver; NVML would not know it."""
    machine.has(DESKTOP, "nvidia", "0x2684")
    machine.has("0000:02:00.0", "vfio-pci", "0x2684")
    install(desktop=rtx_4090())
    assert [gpu.id for gpu in gpus_of(machine).read()] == [DESKTOP]


def test_without_the_module_a_card_is_there_and_unknown(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No library is needed; what is not measured is not zero."""
    machine.has(DESKTOP, "nvidia", "0x2684")
    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.setattr("llmmem_gui.service.sampling.gpus.nvml.driver_is_there", lambda: True)
    gpus = gpus_of(machine)
    assert gpus.read([HOST]) == (GpuReading(DESKTOP, "NVIDIA GPU", None, None),)
    assert vram_of(gpus.read([HOST]), [HOST]) is None
    gpus.close()


def test_without_the_driver_its_bindings_are_not_imported(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They take 2.4 MiB of the program's own memory."""

    def is_not_there(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    machine.has(DESKTOP, "nvidia", "0x2684")
    monkeypatch.setattr("ctypes.CDLL", is_not_there)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delitem(sys.modules, "pynvml")
    gpus = gpus_of(machine)
    assert gpus.read([HOST]) == (GpuReading(DESKTOP, "NVIDIA GPU", None, None),)
    assert "pynvml" not in sys.modules
    gpus.close()


ERRORS = [
    *(pynvml.NVMLError(code) for code in sorted(pynvml.NVMLError._valClassMapping)),
    *(kind("lost") for kind in (OSError, RuntimeError, ValueError, TypeError, AttributeError, KeyError)),
]
NOTHING = [None, pynvml.NVML_VALUE_NOT_AVAILABLE_ulonglong.value, -1, "", object()]
ANSWERS = [*ERRORS, *NOTHING]
CALLS = {
    # What is still known when a call does not answer: name, totals, processes.
    "nvmlDeviceGetHandleByPciBusId": (False, False, False),
    "nvmlDeviceGetMigMode": (True, True, True),
    "nvmlDeviceGetName": (False, True, True),
    "nvmlDeviceGetMemoryInfo": (True, False, True),
    "nvmlDeviceGetComputeRunningProcesses": (True, True, False),
    "nvmlDeviceGetGraphicsRunningProcesses": (True, True, False),
}


def _told(answer: object) -> str:
    return f"{type(answer).__name__}-{getattr(answer, 'value', answer)}" if answer is not NOTHING[-1] else "?"


@pytest.mark.parametrize("answer", ANSWERS, ids=_told)
@pytest.mark.parametrize("call", CALLS)
def test_every_call_fails_in_turn(
    machine: Machine,
    install: Install,
    caplog: pytest.LogCaptureFixture,
    call: str,
    answer: Any,
) -> None:
    """What that call would have told is unknown, all else right; nothing is raised, and it is logged once."""
    machine.has(DESKTOP, "nvidia", "0x2684")
    machine.has("0000:00:02.0", "i915", "0xa780")
    nvml = install(desktop=rtx_4090())
    nvml.broken[call] = answer
    gpus = gpus_of(machine)
    readings = [gpus.read([HOST]) for _ in range(3)]
    assert readings[0] == readings[1] == readings[2]
    assert [gpu.id for gpu in readings[0]] == [DESKTOP, "0000:00:02.0"]
    gpu = readings[0][0]
    knows_name, knows_totals, knows_processes = CALLS[call]
    unsupported = getattr(answer, "value", None) == pynvml.NVML_ERROR_NOT_SUPPORTED
    if call == "nvmlDeviceGetGraphicsRunningProcesses" and unsupported:
        assert gpu.held == {HOST: 6000 * MIB}
        return
    if call == "nvmlDeviceGetMemoryInfo" and unsupported:
        assert gpu.unified
        return
    whole = (24200 * MIB, 9000 * MIB) if knows_totals else (None, None)
    assert gpu.name == ("NVIDIA GeForce RTX 4090" if knows_name else "NVIDIA GPU")
    assert (gpu.total_bytes, gpu.used_bytes) == whole
    assert gpu.held == ({HOST: 6100 * MIB, OTHER: 900 * MIB} if knows_processes else None)
    assert len(caplog.records) <= 1
    nvml.broken.clear()
    (again, _) = gpus.read([HOST])
    assert (again.used_bytes, again.held) == (9000 * MIB, {HOST: 6100 * MIB, OTHER: 900 * MIB})
    nvml.broken["nvmlShutdown"] = answer
    gpus.close()


@pytest.mark.parametrize("error", ERRORS, ids=_told)
def test_a_driver_that_cannot_be_opened(machine: Machine, install: Install, error: Exception) -> None:
    """As after an update of it before the next start; it is tried again when a GPU wakes or comes."""
    machine.has(DESKTOP, "nvidia", "0x2684")
    nvml = install(desktop=rtx_4090(), laptop=Card())
    nvml.broken["nvmlInit"] = error
    gpus = gpus_of(machine)
    assert gpus.read() == gpus.read() == (GpuReading(DESKTOP, "NVIDIA GPU", None, None),)
    assert nvml.asked == ["nvmlInit"]
    nvml.broken.clear()
    machine.has(LAPTOP, "nvidia", "0x28a0")
    assert [gpu.used_bytes for gpu in gpus.read()] == [9000 * MIB, 3]


@pytest.mark.parametrize("answer", ANSWERS, ids=_told)
@pytest.mark.parametrize("call", ["nvmlDeviceGetCount", "nvmlDeviceGetHandleByIndex", "nvmlDeviceGetPciInfo"])
def test_calls_without_a_list_of_the_kernel(
    machine: Machine, install: Install, call: str, answer: Any
) -> None:
    """A device whose place is not told has its number; one that cannot be asked is there, and unknown."""
    nvml = install(desktop=rtx_4090())
    nvml.broken[call] = answer
    gpus = gpus_of(machine)
    (gpu,) = gpus.read()
    if call == "nvmlDeviceGetPciInfo":
        assert (gpu.id, gpu.used_bytes) == ("0", 9000 * MIB)
    else:
        assert (gpu.total_bytes, gpu.used_bytes, gpu.held) == (None, None, None)
    nvml.broken.clear()
    (gpu,) = gpus.read()
    assert (gpu.id, gpu.used_bytes) == (DESKTOP, 9000 * MIB)


@pytest.mark.parametrize("answer", ANSWERS, ids=_told)
@pytest.mark.parametrize(
    "call",
    ["nvmlDeviceGetMaxMigDeviceCount", "nvmlDeviceGetMigDeviceHandleByIndex", "nvmlDeviceGetUUID"],
)
def test_calls_about_parts(machine: Machine, install: Install, call: str, answer: Any) -> None:
    """What a part holds that is not found is unknown, never nothing."""
    machine.has(DESKTOP, "nvidia", "0x20b2", pci_class="0x030200")
    part = Card("MIG 1g.10gb", 9 * GIB, GIB, computing=((HOST, GIB),), uuid="MIG-a")
    nvml = install(desktop=a100({0: part}))
    nvml.broken[call] = answer
    readings = gpus_of(machine).read([HOST])
    if call == "nvmlDeviceGetUUID":
        assert [(gpu.id, gpu.held) for gpu in readings] == [(f"{DESKTOP}/0", {HOST: GIB})]
    elif call == "nvmlDeviceGetMaxMigDeviceCount":
        assert readings == (GpuReading(DESKTOP, "NVIDIA GPU", None, None),)
    elif getattr(answer, "value", None) == pynvml.NVML_ERROR_NOT_FOUND:
        assert [gpu.id for gpu in readings] == [DESKTOP]
    else:
        assert vram_of(readings, [HOST]) is None
