"""How hosts end: cancelled, stopped, killed, hung, orphaned; with real models and real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.service.hosting import host as host_module
from llmmem_gui.service.hosting.hosts import (
    REST_SECONDS,
    Host,
    HostEndedError,
    HostStarter,
    LoadFailedError,
)
from tests.running_hosts import SMALL, complete, is_running, loaded_host, running_starter, text_of

LONG = {"prompt": "Once upon a time", "max_tokens": 2000, "temperature": 0.0, "stream": True}
SLOW_PROMPT = {"prompt": "word " * 6000, "max_tokens": 1, "stream": True}
"""Takes many seconds to be read on any machine."""


async def test_cancel_while_it_generates(starter: HostStarter, smol_path: Path) -> None:
    """A cancelled answer ends within a token, says so, and the next one is right."""
    host = await loaded_host(starter, smol_path, LoadParameters(context=4096))
    expected = await complete(host, "The capital of France is", max_tokens=8)
    answer = host.ask("completion", LONG)
    chunks = 0
    async for _ in answer:
        chunks += 1
        if chunks == 3:
            answer.cancel()
    answered = await answer.finished()
    assert answered.cancelled
    assert answered.completion_tokens < 200
    assert not host.busy
    assert await complete(host, "The capital of France is", max_tokens=8) == expected


@pytest.mark.parametrize("model", ["smol_path", "gemma_path"])
async def test_cancel_while_it_reads_the_prompt(
    starter: HostStarter, model: str, request: pytest.FixtureRequest
) -> None:
    """A cancellation stops llama.cpp inside a batch, before the first token, and the next answer is right."""
    path: Path = request.getfixturevalue(model)
    host = await loaded_host(starter, path, LoadParameters(context=8192, batch=2048))
    prompts = ["The capital of France is", "word " * 300]  # the second shares a prefix with the cancelled one
    expected = [await complete(host, prompt, max_tokens=8) for prompt in prompts]
    used = _processor_seconds(host)
    answer = host.ask("completion", SLOW_PROMPT)
    # Only a host that computes uses the processor: then it has begun to read.
    await _until(lambda: _processor_seconds(host) > used + 0.2)
    answer.cancel()
    answered = await answer.finished()
    assert answered.cancelled
    assert answered.completion_tokens == 0
    assert answered.prompt_tokens > 5000
    # Read whole, it would have taken many times as long as it took until here.
    assert _processor_seconds(host) < used + 3
    assert [await complete(host, prompt, max_tokens=8) for prompt in prompts[::-1]] == expected[::-1]


async def test_cancel_while_it_waits(starter: HostStarter, smol_path: Path) -> None:
    """A request that waits for another ends at once when it is cancelled, and the other goes on."""
    host = await loaded_host(starter, smol_path)
    first = host.ask("completion", {"prompt": "One, two,", "max_tokens": 64, "temperature": 0.0})
    second = host.ask("completion", LONG)
    third = host.ask("completion", {"prompt": "One, two,", "max_tokens": 64, "temperature": 0.0})
    second.cancel()
    answered = await second.finished()
    assert answered.cancelled
    assert not first._finished.done()
    assert text_of(await first.finished()) == text_of(await third.finished())


async def test_leaving_a_stream_cancels_it(starter: HostStarter, smol_path: Path) -> None:
    """Who stops listening to an answer frees the host for the next request."""
    host = await loaded_host(starter, smol_path, LoadParameters(context=4096))
    answer = host.ask("completion", LONG)
    stream = aiter(answer)
    await anext(stream)
    await stream.aclose()
    assert (await answer.finished()).cancelled


async def test_cancel_twenty_loads(starter: HostStarter, gemma_path: Path) -> None:
    """A load cancelled at any moment leaves no process, no late answer and no open descriptor."""
    began = time.monotonic()
    await (await loaded_host(starter, gemma_path)).stop()
    load_seconds = time.monotonic() - began
    descriptors = psutil.Process().num_fds()
    for number in range(20):
        host = await starter.birth()
        load = asyncio.ensure_future(host.load(gemma_path, SMALL))
        # A load that takes less than the first one did may be over: then the finished host ends the same way.
        await asyncio.wait([load], timeout=load_seconds * number / 20)
        was_over = load.done()
        assert number > 0 or not was_over
        load.cancel()
        if was_over:
            await host.stop()
        else:
            with pytest.raises(asyncio.CancelledError):
                await load
        report = await host.exited
        assert str(report.reason) == ("ended as asked" if was_over else "was ended while it loaded")
        assert not is_running(host.pid)
    assert psutil.Process().num_fds() == descriptors
    assert not starter.hosts


@pytest.mark.parametrize("with_nursery", [True, False])
async def test_stop_gives_everything_back(with_nursery: bool, smol_path: Path) -> None:
    """A stopped host ends by itself with code 0, is reaped, and leaves nothing."""
    async with running_starter(with_nursery) as starter:
        host = await loaded_host(starter, smol_path)
        assert "Paris" in await complete(host, "The capital of France is", max_tokens=4)
        report = await host.stop()
        assert (report.exit_code, report.expected, str(report.reason)) == (0, True, "ended as asked")
        assert not psutil.pid_exists(host.pid)
        assert not starter.hosts
        with pytest.raises(HostEndedError, match="ended as asked"):
            await host.ask("completion", LONG).finished()
        assert await host.stop() == report


async def test_stop_while_it_answers(starter: HostStarter, smol_path: Path) -> None:
    """A host stops in the middle of an answer, and who waits for it is told."""
    host = await loaded_host(starter, smol_path, LoadParameters(context=4096))
    answer = host.ask("completion", LONG)
    chunks = aiter(answer)  # kept: who lets go of it cancels the answer
    await anext(chunks)
    report = await host.stop()
    assert report.exit_code == 0
    with pytest.raises(HostEndedError):
        await answer.finished()


async def test_a_host_that_does_not_stop_is_killed(starter: HostStarter, smol_path: Path) -> None:
    """A stopped (SIGSTOP) host cannot end by itself; after the grace it is killed, and the reason says so."""
    host = await loaded_host(starter, smol_path)
    await _freeze(host)
    report = await host.stop(grace_seconds=0.2)
    assert report.exit_code == -signal.SIGKILL
    assert str(report.reason) == "did not end within 0.2 s and was killed"
    assert not report.expected


@pytest.mark.parametrize("with_nursery", [True, False])
async def test_killed_by_the_system_while_it_answers(with_nursery: bool, smol_path: Path) -> None:
    """SIGKILL during an answer: the chunks so far are kept, the stream ends with the reason, others go on."""
    async with running_starter(with_nursery) as starter:
        host = await loaded_host(starter, smol_path, LoadParameters(context=4096))
        other = await loaded_host(starter, smol_path)
        answer = host.ask("completion", LONG)
        stream = aiter(answer)
        chunks = [await anext(stream) for _ in range(3)]
        os.kill(host.pid, signal.SIGKILL)
        with pytest.raises(HostEndedError, match=r"signal 9.*often because memory ran out"):
            chunks += [chunk async for chunk in stream]
        assert len(chunks) >= 3
        report = await host.exited
        assert report.exit_code == -signal.SIGKILL
        assert not report.expected
        assert "Paris" in await complete(other, "The capital of France is", max_tokens=4)


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (signal.SIGSEGV, "crashed inside llama.cpp (signal 11)"),
        (signal.SIGBUS, "it changed on disk while it was in use (signal 7)"),
        (signal.SIGILL, "this processor refuses (signal 4)"),
        (signal.SIGTERM, "was ended by another program (signal 15)"),
    ],
)
async def test_the_reason_of_each_signal(starter: HostStarter, number: signal.Signals, reason: str) -> None:
    """What ended a host is told in words and by its signal."""
    host = await starter.birth()
    os.kill(host.pid, number)
    report = await host.exited
    assert report.exit_code == -number
    assert reason in str(report.reason)
    assert not report.expected


async def test_a_file_truncated_while_it_answers(
    starter: HostStarter, smol_path: Path, tmp_path: Path
) -> None:
    """A model file that shrinks under a host ends it by SIGBUS, and the reason names the file's change."""
    copy = tmp_path / "copy.gguf"
    copy.write_bytes(smol_path.read_bytes())
    host = await loaded_host(starter, copy)
    await complete(host, "One", max_tokens=2)
    os.truncate(copy, 4096)
    with pytest.raises(HostEndedError, match="it changed on disk while it was in use"):
        await complete(host, "Two", max_tokens=2)


async def test_a_load_that_hangs_is_killed(starter: HostStarter, smol_path: Path) -> None:
    """A host that is frozen while it loads is killed at the deadline, and the load fails with the number."""
    host = await starter.birth()
    await _freeze(host)
    with pytest.raises(LoadFailedError, match=r"smollm2.* cannot be loaded: the host did not finish.* 1 s"):
        await host.load(smol_path, SMALL, deadline_seconds=1.0)
    assert (await host.exited).exit_code == -signal.SIGKILL


async def test_a_cancellation_that_is_not_obeyed_ends_the_host(
    starter: HostStarter, smol_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that is frozen cannot obey; after a while it is killed, and the request fails."""
    monkeypatch.setattr(host_module, "CANCEL_SECONDS", 0.3)
    host = await loaded_host(starter, smol_path, LoadParameters(context=4096))
    answer = host.ask("completion", LONG)
    chunks = aiter(answer)  # kept: who lets go of it cancels the answer
    await anext(chunks)
    await _freeze(host)
    answer.cancel()
    with pytest.raises(HostEndedError, match=r"did not end a cancelled request within 0\.3 s"):
        await answer.finished()


async def test_the_nursery_is_killed(starter: HostStarter, smol_path: Path) -> None:
    """Its hosts die with it, the service notices, and the next host is a fresh program that works."""
    host = await loaded_host(starter, smol_path, LoadParameters(context=4096))
    answer = host.ask("completion", LONG)
    chunks = aiter(answer)  # kept: who lets go of it cancels the answer
    await anext(chunks)
    assert starter.nursery_pid is not None
    os.kill(starter.nursery_pid, signal.SIGKILL)
    report = await host.exited
    assert not report.expected
    assert not is_running(host.pid)
    with pytest.raises(HostEndedError):
        await answer.finished()

    fresh = await loaded_host(starter, smol_path)
    assert starter.nursery_pid is None
    assert psutil.Process(fresh.pid).ppid() == os.getpid()
    # Pages that were only read may all be the system's one page of zeros.
    assert fresh.shared_bytes < 2**16
    assert "Paris" in await complete(fresh, "The capital of France is", max_tokens=4)


async def test_a_nursery_that_died_unnoticed_is_done_without(starter: HostStarter) -> None:
    """Its end has not been read yet when a host is asked for: the host is a fresh program."""
    await (await starter.birth()).stop()
    nursery = starter.nursery_pid
    assert nursery is not None
    os.kill(nursery, signal.SIGKILL)
    while psutil.Process(nursery).status() != psutil.STATUS_ZOMBIE:
        pass  # the loop, which would notice, does not get its turn
    host = await starter.birth()
    assert psutil.Process(host.pid).ppid() == os.getpid()


async def test_a_nursery_that_nobody_needs_rests(starter: HostStarter, smol_path: Path) -> None:
    """It ends a while after its last host, and the next host is forked by another."""
    nursery = starter.nursery_pid
    assert nursery is not None
    host = await loaded_host(starter, smol_path)
    for now in (0.0, REST_SECONDS, 2 * REST_SECONDS):
        starter.rest_if_unused(now)
    assert starter.nursery_pid == nursery
    await host.stop()
    for now in (3 * REST_SECONDS, 4 * REST_SECONDS - 1):
        starter.rest_if_unused(now)
    assert starter.nursery_pid == nursery
    starter.rest_if_unused(4 * REST_SECONDS)
    assert starter.nursery_pid is None
    assert not is_running(nursery)

    again = await loaded_host(starter, smol_path)
    assert starter.nursery_pid not in (None, nursery)
    assert psutil.Process(again.pid).ppid() == starter.nursery_pid
    assert "Paris" in await complete(again, "The capital of France is", max_tokens=4)


async def test_twenty_births_leave_no_descriptor(starter: HostStarter) -> None:
    """Neither this process nor the nursery keeps a descriptor of a host that is gone."""
    await (await starter.birth()).stop()
    own, nursery = psutil.Process(), psutil.Process(starter.nursery_pid)
    before = own.num_fds(), nursery.num_fds()
    for _ in range(20):
        await (await starter.birth()).stop()
    assert (own.num_fds(), nursery.num_fds()) == before
    assert nursery.children() == []


async def test_ten_hosts_born_at_once(starter: HostStarter) -> None:
    """Births asked for at the same time give as many processes, each with its own socket."""
    hosts = await asyncio.gather(*(starter.birth() for _ in range(10)))
    assert len({host.pid for host in hosts}) == 10
    await hosts[3].stop()
    assert [host.exited.done() for host in hosts] == [place == 3 for place in range(10)]


async def test_no_host_listens(starter: HostStarter, smol_path: Path) -> None:
    """Neither a host nor the nursery has a socket of the internet; a host has one socket in all."""
    host = await loaded_host(starter, smol_path)
    for pid in (host.pid, starter.nursery_pid):
        assert psutil.Process(pid).net_connections(kind="inet") == []
    sockets = [os.readlink(each) for each in Path(f"/proc/{host.pid}/fd").iterdir()]
    assert sum(each.startswith("socket:") for each in sockets) == 1


async def test_a_host_is_the_first_to_go_when_memory_ends(starter: HostStarter) -> None:
    """The system's killer sees a host as worse than this program, and takes no picture of its memory."""
    host = await starter.birth()
    assert int(Path(f"/proc/{host.pid}/oom_score_adj").read_text()) >= 300
    assert psutil.Process(host.pid).rlimit(psutil.RLIMIT_CORE) == (0, 0)
    assert psutil.Process(host.pid).name() == "llmmem-host"


async def test_a_host_gets_no_secret(starter: HostStarter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables of this program do not reach hosts, however they are started."""
    monkeypatch.setenv("HF_TOKEN", "secret")
    async with running_starter() as nursery, running_starter(with_nursery=False) as plain:
        for each in (nursery, plain):
            environment = psutil.Process((await each.birth()).pid).environ()
            assert environment["GGML_NO_BACKTRACE"] == "1"
            assert not {"HF_TOKEN", "HOME", "LLMMEM_HOME"} & environment.keys()


THREADS = """
import asyncio, sys, threading, time
from llmmem_gui.service.hosting.hosts import HostStarter

def in_a_thread(function):
    results = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    thread.join()
    return results[0]

def here(function):
    return function()

spawn_in, with_nursery = sys.argv[1:]
starter = (in_a_thread if spawn_in == "thread" else here)(lambda: HostStarter.spawn(with_nursery == "True"))
loop = asyncio.new_event_loop()
host = in_a_thread(lambda: loop.run_until_complete(starter.birth()))
# Long enough for the system to have sent a signal, if one is sent when a thread ends.
time.sleep(0.3)
in_a_thread(lambda: loop.run_until_complete(asyncio.sleep(0.1)))
print("gone" if host.exited.done() else "there", starter.nursery_pid is not None)
loop.run_until_complete(starter.close())
loop.close()
"""


@pytest.mark.parametrize("spawn_in", ["main", "thread"])
@pytest.mark.parametrize("with_nursery", [True, False])
def test_hosts_outlive_the_threads_that_asked_for_them(spawn_in: str, with_nursery: bool) -> None:
    """Neither the end of the thread that spawned the nursery nor that of the loop's thread ends a host."""
    command = [sys.executable, "-c", THREADS, spawn_in, str(with_nursery)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.stdout.split() == ["there", str(with_nursery)], result.stderr


PARENT = """
import asyncio, sys
from collections.abc import Callable
from pathlib import Path
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.service.hosting.hosts import HostStarter

async def main(starter, path):
    hosts = [await starter.birth() for _ in range(3)]
    await hosts[0].load(path, LoadParameters(context=4096))
    answer = hosts[0].ask("completion", {"prompt": "Once", "max_tokens": 4000, "stream": True})
    chunks = aiter(answer)  # kept: who lets go of it cancels the answer
    await anext(chunks)
    loading = asyncio.ensure_future(hosts[1].load(path, LoadParameters(context=4096)))
    await asyncio.sleep(0.02)
    pids = [host.pid for host in hosts] + [pid for pid in [starter.nursery_pid] if pid]
    print(*pids, flush=True)
    await asyncio.sleep(600)

asyncio.run(main(HostStarter.spawn(sys.argv[2] == "True"), Path(sys.argv[1])))
"""


@pytest.mark.parametrize("with_nursery", [True, False])
def test_nothing_outlives_a_killed_parent(with_nursery: bool, smol_path: Path) -> None:
    """After kill -9 of the program, while one host answers and one loads, no process of it is left."""
    command = [sys.executable, "-c", PARENT, str(smol_path), str(with_nursery)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 3 + with_nursery
        assert all(map(is_running, pids))
        parent.kill()
    deadline = time.monotonic() + 10
    while any(map(is_running, pids)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(map(is_running, pids))


async def _freeze(host: Host) -> None:
    os.kill(host.pid, signal.SIGSTOP)
    await _until(lambda: all("State:\tT" in each.read_text() for each in _statuses(host)))


def _statuses(host: Host) -> list[Path]:
    return list(Path(f"/proc/{host.pid}/task").glob("*/status"))


def _processor_seconds(host: Host) -> float:
    return float(psutil.Process(host.pid).cpu_times().user)


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.005)
