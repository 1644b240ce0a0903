"""What looking costs and whom it sees: counted, not timed."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from llmmem_gui.core.readings import GpuReading, MachineReading, Sample
from llmmem_gui.service.neighbours.measuring import Meter
from llmmem_gui.service.neighbours.processes import Process
from tests.neighbours.conftest import Looker
from tests.neighbours.plans import cases
from tests.other_programs import MIB, Answer, Plan, pss, running, until


@contextlib.contextmanager
def running_python(code: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of Python's, killed afterwards."""
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


async def test_processes_are_read_once(looker: Looker, tmp_path: Path) -> None:
    """With five programs that rest nothing is read of processes that are known, walked or asked again."""
    made = cases(tmp_path)
    with ExitStack() as stack:
        programs = [
            stack.enter_context(running(tmp_path / name, made[name].plan))
            for name in ("ollama", "router", "llama-swap", "docker", "lemonade")
        ]
        await looker.look(times=4)
        reads, walks = looker.finder.table.reads, looker.finder.meter.walks
        asked = [len(program.asked) for program in programs]
        others_before = set(psutil.pids())
        for _ in range(5):
            await looker.neighbours.look()
        # Other processes of this machine come while the test runs, and are read twice.
        new = len(set(psutil.pids()) - others_before)
        assert looker.finder.table.reads - reads <= 2 * new + 10
        assert looker.finder.meter.walks - walks <= len(looker.neighbours.found)
        assert [len(program.asked) for program in programs] == asked


async def test_a_program_that_becomes_another_is_seen(looker: Looker, tmp_path: Path) -> None:
    """A process that was seen before it began to be what it is, is looked at again."""
    await looker.look(times=2)
    with running(tmp_path, Plan(("ollama", "serve"))) as program:
        await looker.look(times=2)
        assert looker.seen(program) is not None
    await looker.look()
    assert looker.seen(program) is None


async def test_our_own_helpers_are_no_neighbours(looker: Looker, tmp_path: Path) -> None:
    """A process of this program, and what it has started, is never listed, whatever it is called."""
    made = cases(tmp_path)
    with running(tmp_path / "bin", made["router"].plan) as program:
        looker.own = {program.pid}
        await looker.look()
        assert looker.seen(program) is None
        children = {child.pid for child in program.children()}
        assert not children & {each.pid for each in looker.neighbours.found}


async def test_a_shared_model_is_shared_out(looker: Looker, tmp_path: Path) -> None:
    """Two programs that map one file hold half of it each, as the kernel's own shares say."""
    plan = cases(tmp_path)["llama-server"].plan
    with running(tmp_path / "a", plan) as one:
        alone = await looker.found(one)
        with running(tmp_path / "b", plan) as other:
            shared = await looker.found(one, times=4)
            both = looker.seen(other)
            real = pss(one.pid), pss(other.pid)
    assert both is not None
    assert alone.held.weights_bytes - shared.held.weights_bytes > 6 * MIB
    assert shared.held.resident_bytes / real[0] == 1 or abs(shared.held.resident_bytes / real[0] - 1) < 0.05
    assert abs(both.held.resident_bytes / real[1] - 1) < 0.05


async def test_a_process_ends_when_it_is_asked_to(looker: Looker, tmp_path: Path) -> None:
    """What cannot be unloaded ends by its process; the receipt says that it did, and all that came back."""
    with running(tmp_path, cases(tmp_path)["llama-server"].plan) as program:
        seen = await looker.found(program)
        receipt = await looker.neighbours.unload(seen.id, end=True, actor="window")
        assert program.process.wait(60) != 0
        assert looker.seen(program) is None
    assert receipt.ended
    assert receipt.given_back_bytes == pytest.approx(seen.held.private_bytes, rel=0.02)
    assert str(looker.events[0].text).startswith("llama-server has ended: ")


@pytest.mark.parametrize(
    ("command", "name", "rest"),
    [
        ("/usr/local/bin/ollama serve", "ollama", ["serve"]),
        ("/venv/bin/python3.12 -u -X dev /venv/bin/vllm serve org/tiny", "vllm", ["serve", "org/tiny"]),
        ("python -m vllm.entrypoints.openai.api_server --port 1", "vllm.entrypoints.openai.api_server", None),
        ("python -c ollama serve", "python", None),
        ("python", "python", []),
        ("python -m", "python", None),
    ],
)
def test_what_runs_is_read_off_the_command(command: str, name: str, rest: list[str] | None) -> None:
    """A script or a module counts, and not its interpreter; code on the command line has no name."""
    process = Process(1, 1, 0.0, tuple(command.split()))
    assert process.name == name
    if rest is not None:
        assert list(process.command[1:]) == rest


async def test_one_that_refuses_keeps_no_other_one(looker: Looker, tmp_path: Path) -> None:
    """Of all that are told to unload, one that does not is told of, and the others do."""
    made = cases(tmp_path)
    plan = made["docker"].plan
    refusing = replace(
        plan, answers={**plan.answers, "POST /engines/unload": Answer(status=500, body={})}, unloads=()
    )
    with running(tmp_path / "a", refusing), running(tmp_path / "b", made["ollama"].plan) as ollama:
        await looker.look(times=3)
        receipts = await looker.neighbours.unload_all(actor="cli")
    assert [receipt.neighbour_id for receipt in receipts] == [f"ollama-{ollama.pid}"]
    notes = [str(event.text) for event in looker.events if event.type == "note"]
    assert notes == ["Docker Model Runner does not unload what it was asked to (status 500)."]


async def test_all_are_unloaded_and_none_is_ended(looker: Looker, tmp_path: Path) -> None:
    """Freeing everything tells each program that can be told, and leaves the others as they are."""
    made = cases(tmp_path)
    with ExitStack() as stack:
        ollama, docker, single = (
            stack.enter_context(running(tmp_path / name, made[name].plan))
            for name in ("ollama", "docker", "llama-server")
        )
        await looker.look(times=3)
        receipts = await looker.neighbours.unload_all(actor="window")
        given = {receipt.neighbour_id for receipt in receipts}
        assert {f"ollama-{ollama.pid}", f"docker-model-runner-{docker.pid}"} <= given
        assert single.process.poll() is None
        assert looker.seen(single) is not None


def test_a_process_that_computes_is_busy() -> None:
    """Whatever its program says or does not: the processor time of its processes tells."""
    meter, clock = Meter(), 0.0
    with running_python("while True: pass") as working, running_python("input()") as resting:
        pids = [working.pid, resting.pid]
        meter.look(pids, clock, None)
        until(lambda: sum(psutil.Process(working.pid).cpu_times()[:2]) >= 2)
        meter.look(pids, clock + 0.5, None)
        assert not meter.is_busy(pids)
        meter.look(pids, clock + 2, None)
        assert meter.is_busy([working.pid])
        assert not meter.is_busy([resting.pid])


async def test_a_sample_carries_what_they_hold(looker: Looker, tmp_path: Path) -> None:
    """For the plot, the history and the window: by program, with what GPUs a driver tells of."""
    with running(tmp_path, cases(tmp_path)["vllm"].plan) as program:
        card = GpuReading("0000:01:00.0", "card", 8, 4, {program.pid: 7 * MIB})
        sample = Sample(0.0, 0.0, MachineReading(8, 4), gpus=(card,))
        looker.neighbours.beside(sample)
        seen = await looker.found(program)
        assert seen.held.vram_bytes == 7 * MIB
        carried = looker.neighbours.beside(sample).neighbours["vLLM"]
        assert carried.private_bytes >= 8 * MIB
        unknown = Sample(0.0, 0.0, MachineReading(8, 4), gpus=(replace(card, held=None),))
        looker.neighbours.beside(unknown)
        unseen = await looker.found(program)
        assert unseen.held.vram_bytes is None
        shared = GpuReading("0000:c1:00.0", "APU", None, None, {}, True, {program.pid: 9 * MIB})
        looker.neighbours.beside(Sample(0.0, 0.0, MachineReading(8, 4), gpus=(shared,)))
        held = (await looker.found(program)).held
        assert held.vram_bytes == 0
        assert held.private_bytes == pytest.approx(unseen.held.private_bytes + 9 * MIB, abs=MIB)
        assert program.pid in looker.neighbours.processes
