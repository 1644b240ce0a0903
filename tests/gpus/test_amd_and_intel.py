"""GPUs of AMD and Intel on machines as they are: totals from sysfs, processes from fdinfo and kfd."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmmem_gui.core.readings import GpuReading, main_memory_of, vram_of
from llmmem_gui.service.sampling.gpus import fdinfo
from llmmem_gui.service.sampling.gpus.gpus import Gpus
from tests.gpus import recorded
from tests.gpus.recorded import GIB, KIB, MIB, Machine

RX_7900, STRIX_HALO, RAPHAEL = "0000:03:00.0", "0000:c1:00.0", "0000:0e:00.0"
ARC, IRIS = "0000:03:00.0", "0000:00:02.0"
HOST, OTHER, THIRD = 4001, 4002, 4003


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def gpus_of(machine: Machine) -> Gpus:
    return Gpus(machine.sys, machine.proc)


def with_rx_7900(machine: Machine, *, status: str = "active", product_name: str = "") -> None:
    machine.has(
        RX_7900,
        "amdgpu",
        "0x744c",
        status=status,
        product_name=product_name,
        mem_busy_percent=0,
        mem_info_vram_total=25753026560,
        mem_info_vram_used=6100 * MIB,
        mem_info_gtt_total=33 * GIB,
        mem_info_gtt_used=80 * MIB,
    )


def with_strix_halo(machine: Machine, *, carved_out: int = 512 * MIB) -> None:
    machine.has(
        STRIX_HALO,
        "amdgpu",
        "0x1586",
        mem_info_vram_total=carved_out,
        mem_info_vram_used=400 * MIB,
        mem_info_gtt_total=62 * GIB,
        mem_info_gtt_used=20 * GIB,
    )


def test_rx_7900(machine: Machine) -> None:
    """What is open twice is counted once; what lies in main memory for the card is told apart."""
    with_rx_7900(machine)
    told = recorded.amdgpu(RX_7900, 17, 5 * 1024**2, 64 * KIB, 8)
    for number in (7, 8):
        machine.opens(HOST, number, "/dev/dri/renderD128", told)
    machine.opens(HOST, 9, "/dev/dri/card0", recorded.amdgpu(RX_7900, 18, 1024, 0))
    machine.opens(OTHER, 7, "/dev/dri/renderD128", told)
    (gpu,) = gpus_of(machine).read([HOST, OTHER, THIRD])
    assert (gpu.id, gpu.name) == (RX_7900, "AMD GPU 744c")
    assert (gpu.total_bytes, gpu.used_bytes, gpu.unified) == (25753026560, 6100 * MIB, False)
    assert vram_of([gpu], [HOST]) == 5 * GIB + MIB
    assert main_memory_of([gpu], [HOST]) == 64 * MIB + 8 * KIB
    assert [vram_of([gpu], [pid]) for pid in (OTHER, THIRD)] == [0, 0]


def test_rx_7900_with_a_later_kernel(machine: Machine) -> None:
    """Old and new words stand side by side, and mean the same bytes; what is not resident takes none."""
    with_rx_7900(machine, product_name="AMD Radeon RX 7900 XTX")
    machine.opens(HOST, 7, "/dev/dri/renderD128", recorded.amdgpu_since_6_14(RX_7900, 30, 544428, 22))
    (gpu,) = gpus_of(machine).read([HOST])
    assert gpu.name == "AMD Radeon RX 7900 XTX"
    assert (gpu.held, gpu.main_memory) == ({HOST: 544428 * KIB}, {HOST: 22 * MIB})


def test_a_sleeping_card_of_amd_is_read(machine: Machine) -> None:
    """Its files wake nothing."""
    with_rx_7900(machine, status="suspended")
    (gpu,) = gpus_of(machine).read()
    assert gpu.used_bytes == 6100 * MIB


def test_rocm_tells_of_processes_of_other_users(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that may not be read is unknown, unless it uses ROCm: then kfd tells; of both the larger."""
    with_rx_7900(machine)
    machine.opens(HOST, 7, "/dev/dri/renderD128", recorded.amdgpu(RX_7900, 17, 2048, 0))
    machine.kfd_knows(5122, 0x300, {HOST: 3 * MIB, OTHER: 7 * GIB})
    forbid(monkeypatch, machine, OTHER, THIRD)
    (gpu,) = gpus_of(machine).read([HOST, OTHER, THIRD])
    assert gpu.held == {HOST: 3 * MIB, OTHER: 7 * GIB}
    assert [vram_of([gpu], [pid]) for pid in (HOST, OTHER, THIRD)] == [3 * MIB, 7 * GIB, None]


def forbid(monkeypatch: pytest.MonkeyPatch, machine: Machine, *pids: int) -> None:
    """Root may read everything, so that the kernel's refusal is played."""
    listed = fdinfo.os.listdir
    hidden = {f"{machine.proc}/{pid}/fd" for pid in pids}

    def listdir(folder: str) -> list[str]:
        if str(folder) in hidden:
            raise PermissionError(13, "Permission denied", folder)
        return listed(folder)

    monkeypatch.setattr(fdinfo.os, "listdir", listdir)


def test_strix_halo(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """GTT is main memory, once, and given for each process; only what is carved out is its own."""
    with_strix_halo(machine)
    machine.opens(
        HOST, 7, "/dev/dri/renderD128", recorded.amdgpu_since_6_14(STRIX_HALO, 5, 300 * KIB, 19 * KIB)
    )
    machine.kfd_knows(31234, 0xC100, {HOST: 18 * GIB, OTHER: 2 * GIB})
    forbid(monkeypatch, machine, OTHER, THIRD)
    (gpu,) = gpus_of(machine).read([HOST, OTHER, THIRD])
    assert gpu.unified
    assert (gpu.total_bytes, gpu.used_bytes) == (512 * MIB, 400 * MIB)
    assert (vram_of([gpu], [HOST]), main_memory_of([gpu], [HOST])) == (300 * MIB, 19 * GIB)
    assert (vram_of([gpu], [OTHER]), main_memory_of([gpu], [OTHER])) == (0, 2 * GIB)
    assert vram_of([gpu], [THIRD]) == 0


def test_strix_halo_with_most_memory_carved_out(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel puts what ROCm asks for where there is more."""
    with_strix_halo(machine, carved_out=96 * GIB)
    machine.kfd_knows(31234, 0xC100, {OTHER: 2 * GIB})
    forbid(monkeypatch, machine, OTHER)
    (gpu,) = gpus_of(machine).read([OTHER])
    assert (gpu.held, gpu.main_memory) == ({OTHER: 2 * GIB}, {})


def test_a_vega_is_a_card(machine: Machine) -> None:
    """Although it does not tell how busy its memory is."""
    machine.has(RX_7900, "amdgpu", "0x687f", mem_info_vram_total=8 * GIB, mem_info_vram_used=GIB)
    (gpu,) = gpus_of(machine).read()
    assert not gpu.unified


def with_arc(machine: Machine, driver: str, **files: int) -> None:
    machine.has(ARC, driver, "0x56a0", bridge="pci0000:00/0000:00:01.0", **files)


def test_arc_with_xe(machine: Machine) -> None:
    """Its size is told by its tiles; what all programs use is told to root alone."""
    with_arc(machine, "xe", tile0__physical_vram_size_bytes=16 * GIB)
    machine.opens(HOST, 5, "/dev/dri/renderD129", recorded.xe(ARC, 3, 4 * 1024**2, 192, 8))
    (gpu,) = gpus_of(machine).read([HOST])
    assert gpu == GpuReading(ARC, "Intel GPU 56a0", 16 * GIB, None, {HOST: 4 * GIB}, False, {HOST: 200 * KIB})


def test_arc_with_i915(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no size is told there is none; a process of another user is unknown."""
    with_arc(machine, "i915")
    machine.opens(HOST, 5, "/dev/dri/renderD129", recorded.i915(ARC, 42, 312, 5396348))
    forbid(monkeypatch, machine, OTHER)
    (gpu,) = gpus_of(machine).read([HOST, OTHER])
    assert (gpu.total_bytes, gpu.used_bytes, gpu.unified) == (None, None, False)
    assert (gpu.held, gpu.main_memory) == ({HOST: 5396348 * KIB}, {HOST: 312 * KIB})
    assert vram_of([gpu], [HOST, OTHER]) is None


@pytest.mark.parametrize("driver", ["i915", "xe"])
def test_the_gpu_of_a_processor_of_intel(machine: Machine, driver: str) -> None:
    """It has no memory of its own: all is main memory, by process."""
    machine.has(IRIS, driver, "0xa7a0")
    told = recorded.i915(IRIS, 4, 279968) if driver == "i915" else recorded.xe(IRIS, 4, 0, 279960, 8)
    machine.opens(HOST, 5, "/dev/dri/renderD128", told)
    (gpu,) = gpus_of(machine).read([HOST])
    assert gpu == GpuReading(IRIS, "Intel GPU a7a0", None, None, {}, True, {HOST: 279968 * KIB})


def test_several_devices_of_one_process(machine: Machine) -> None:
    """A card beside the processor's own GPU: each has what its own client holds."""
    with_rx_7900(machine)
    machine.has(RAPHAEL, "amdgpu", "0x164e", mem_info_vram_total=512 * MIB, mem_info_vram_used=MIB)
    machine.opens(HOST, 5, "/dev/dri/renderD128", recorded.amdgpu(RX_7900, 9, 4096, 0))
    machine.opens(HOST, 6, "/dev/dri/renderD129", recorded.amdgpu(RAPHAEL, 9, 16, 2048))
    card, own = gpus_of(machine).read([HOST])
    assert (card.held, card.main_memory) == ({HOST: 4 * MIB}, {HOST: 0})
    assert (own.held, own.main_memory) == ({HOST: 16 * KIB}, {HOST: 2 * MIB})
    assert (card.unified, own.unified) == (False, True)


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "drm-pdev:\t0000:03:00.0\n",
        "drm-pdev:\t0000:03:00.0\ndrm-client-id:\t1\ndrm-memory-vram:\tmuch KiB\n",
        "drm-pdev:\t0000:03:00.0\ndrm-client-id:\t1\ndrm-memory-vram:\t12 parsecs\n",
        "drm-pdev:\t0000:99:00.0\ndrm-client-id:\t1\ndrm-memory-vram:\t12 KiB\n",
        "drm-pdev:\t\nd\0rm-client-id:\n\xff\xfe",
    ],
)
def test_what_makes_no_sense_counts_nothing(machine: Machine, damage: str) -> None:
    """Neither in fdinfo nor in sysfs does it end anything."""
    machine.has(RX_7900, "amdgpu", "0x744c", mem_busy_percent=0, mem_info_vram_total="?")
    machine.opens(HOST, 5, "/dev/dri/renderD128", damage)
    (gpu,) = gpus_of(machine).read([HOST])
    assert (gpu.total_bytes, gpu.used_bytes) == (None, None)
    assert vram_of([gpu], [HOST]) == 0


def test_a_kernel_that_names_no_client(machine: Machine) -> None:
    """Before 5.19: then each open file counts."""
    with_rx_7900(machine)
    for number in (5, 6):
        machine.opens(
            HOST, number, "/dev/dri/renderD128", "drm-pdev:\t0000:03:00.0\ndrm-memory-vram:\t2048 KiB\n"
        )
    (gpu,) = gpus_of(machine).read([HOST])
    assert gpu.held == {HOST: 4 * MIB}


def test_devices_that_come_and_go(machine: Machine) -> None:
    """As in a dock: the list of the bus is followed."""
    gpus = gpus_of(machine)
    assert gpus.read() == ()
    with_rx_7900(machine)
    assert [gpu.id for gpu in gpus.read()] == [RX_7900]
    (machine.sys / "bus" / "pci" / "devices" / RX_7900).unlink()
    assert gpus.read() == ()


def test_other_devices_and_drivers_are_none(machine: Machine) -> None:
    """A disk, a card without a driver, one whose driver tells nothing of memory."""
    machine.has("0000:04:00.0", "nvme", "0x0001", pci_class="0x010802")
    machine.has("0000:05:00.0", "nouveau", "0x1c03")
    folder = machine.has("0000:06:00.0", "amdgpu", "0x744c")
    (folder / "driver").unlink()
    assert gpus_of(machine).read([HOST]) == ()


def test_only_processes_that_are_asked_about_are_read(machine: Machine) -> None:
    """A reading must not cost more on a machine with many programs."""
    with_rx_7900(machine)
    machine.opens(HOST, 5, "/dev/dri/renderD128", recorded.amdgpu(RX_7900, 9, 4096, 0))
    machine.opens(OTHER, 5, "/dev/dri/renderD128", recorded.amdgpu(RX_7900, 10, 4096, 0))
    (gpu,) = gpus_of(machine).read([HOST])
    assert gpu.held == {HOST: 4 * MIB}
