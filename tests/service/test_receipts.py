"""A receipt says what was measured after the process was reaped, of the host and of the machine."""

from __future__ import annotations

import threading
from collections.abc import Collection
from pathlib import Path

import pytest

from llmmem_gui.core.cache_messages import HostReady, Message, StartHost, StopHost
from llmmem_gui.core.events import UnloadReceipt
from llmmem_gui.core.ledger import Charge
from llmmem_gui.core.protocol import Conversations
from llmmem_gui.core.readings import GpuReading, HostReading, MachineReading
from llmmem_gui.service.hosting import host_life
from llmmem_gui.service.hosting.conversations import OpenConversations
from llmmem_gui.service.hosting.host_life import HostLife
from llmmem_gui.service.sampling.gpus.gpus import Gpus
from llmmem_gui.service.sampling.machine_memory import MachineMemory
from llmmem_gui.service.sampling.process_memory import ProcessMemory
from llmmem_gui.service.supervision import Supervisor
from tests.running_hosts import SMALL, is_running, running_starter

MIB = 2**20


class Machine(MachineMemory):
    """A machine whose memory is as it is told, one reading after the other; the last one stays."""

    def __init__(self, *readings: MachineReading) -> None:
        self._readings = list(readings)

    def read(self, own_bytes: int = 0) -> MachineReading:
        return self._readings.pop(0) if len(self._readings) > 1 else self._readings[0]


class Driver(Gpus):
    """A driver that says what one process holds on GPUs, and says nothing before `answer` is set."""

    def __init__(self, held_bytes: int | None = 0) -> None:
        super().__init__()
        self.answer = threading.Event()
        self.answer.set()
        self.pid: int | None = None
        self._held_bytes = held_bytes

    def read(self, pids: Collection[int] = ()) -> tuple[GpuReading, ...]:
        self.answer.wait()
        known = self._held_bytes is not None and self.pid in pids
        held = {self.pid: self._held_bytes} if known else None
        return (GpuReading("0000:01:00.0", "card", 8, 4, held),)


async def unloaded(
    path: Path, machine: Machine, driver: Driver | None = None
) -> tuple[UnloadReceipt, HostLife]:
    """The receipt of a real host that is unloaded once it is ready, with 40 MiB on a GPU as last read."""
    receipts: list[UnloadReceipt] = []
    gpus = driver or Driver()
    async with running_starter() as starter:

        def hear(message: Message) -> None:
            if isinstance(message, HostReady):
                assert life.pid is not None
                gpus.pid = life.pid
                life.observe(HostReading(life.pid, 0, 0, vram_bytes=40 * MIB))
                life.stop(StopHost("smol", 1, "asked", "cli"))

        tasks = Supervisor()
        life = HostLife(
            StartHost("smol", 1, SMALL, Charge(0, 0, str(path))),
            str(path),
            projector="",
            hosts=starter,
            threads=1,
            data_limit_bytes=None,
            load_timeout_seconds=60.0,
            engine=None,
            machine=machine,
            gpus=gpus,
            conversations=lambda _: OpenConversations(Conversations(0), lambda _: None),
            warmth=_unknown_warmth,
            timed=lambda _: None,
            tell=hear,
            deliver=receipts.append,
            milder_helped=lambda *_: None,
            tasks=tasks,
        )
        await life.run()
        await tasks.close()
    (receipt,) = receipts
    return receipt, life


async def _unknown_warmth() -> None:
    return None


def machines(private_mib: int | None, available_mib: int) -> MachineReading:
    """A reading of a machine."""
    private = None if private_mib is None else private_mib * MIB
    return MachineReading(2000 * MIB, available_mib * MIB, private_bytes=private)


async def test_both_figures_are_read_after_the_end(smol_path: Path) -> None:
    """The host's own, VRAM included, and what all programs together hold less than before."""
    receipt, life = await unloaded(smol_path, Machine(machines(900, 1000), machines(870, 1025)))
    assert life.pid is not None
    assert not is_running(life.pid)
    assert receipt.private_before_bytes > 10 * MIB
    assert receipt.vram_before_bytes == 40 * MIB
    assert receipt.given_back_bytes == receipt.private_before_bytes + 40 * MIB
    assert receipt.machine_given_back_bytes == 30 * MIB
    assert receipt.available_change_bytes == 25 * MIB


async def test_what_a_process_still_holds_did_not_come_back(
    smol_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is still there after its end was told keeps what it has."""
    read, began = host_life.read_process_memory, host_life.start_time
    known: dict[int, float | None] = {}

    def lingering(pid: int) -> ProcessMemory:
        return read(pid) or ProcessMemory(500 * MIB, 0)

    def first_start(pid: int) -> float | None:
        return known.setdefault(pid, began(pid))

    monkeypatch.setattr(host_life, "read_process_memory", lingering)
    monkeypatch.setattr(host_life, "start_time", first_start)
    receipt, _ = await unloaded(smol_path, Machine(machines(None, 1000)), Driver(40 * MIB))
    assert receipt.given_back_bytes == 0
    assert receipt.machine_given_back_bytes is None


@pytest.mark.parametrize(("held_mib", "back_mib"), [(0, 40), (10, 30), (60, 0), (None, 0)])
async def test_of_vram_comes_back_what_the_driver_says_is_gone(
    smol_path: Path, held_mib: int | None, back_mib: int
) -> None:
    """It is asked after the process was reaped; what it does not tell has not been measured."""
    driver = Driver(None if held_mib is None else held_mib * MIB)
    receipt, _ = await unloaded(smol_path, Machine(machines(None, 1000)), driver)
    assert receipt.vram_before_bytes == 40 * MIB
    assert receipt.given_back_bytes == receipt.private_before_bytes + back_mib * MIB


async def test_a_unified_gpu_is_measured_as_it_is_forecast(smol_path: Path) -> None:
    """Forecasts count what lies on a GPU apart, wherever that is: what is learned must compare the same."""
    _, life = await unloaded(smol_path, Machine(machines(None, 1000)))
    assert life.pid is not None
    before = life.peak
    private = before.private_bytes + 300 * MIB
    life.observe(HostReading(life.pid, private, 0, vram_bytes=50 * MIB, unified_bytes=300 * MIB))
    assert life.peak.private_bytes == before.private_bytes
    assert life.peak.vram_bytes == 350 * MIB


async def test_a_driver_that_does_not_answer_holds_no_receipt_back(
    smol_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a while the receipt comes without the VRAM."""
    monkeypatch.setattr(host_life, "LONGEST_GPU_SECONDS", 0.01)
    driver = Driver()
    driver.answer.clear()
    receipt, _ = await unloaded(smol_path, Machine(machines(None, 1000)), driver)
    driver.answer.set()
    assert receipt.given_back_bytes == receipt.private_before_bytes
