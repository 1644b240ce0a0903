"""The service's side of a host, against programs that misbehave, and the words for how hosts end."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
from pathlib import Path

import psutil
import pytest

from llmmem_gui.service.hosting import host as host_module
from llmmem_gui.service.hosting import host_process
from llmmem_gui.service.hosting.engine_choice import EngineChoice
from llmmem_gui.service.hosting.host import load_deadline_seconds
from llmmem_gui.service.hosting.host_exit import explain_exit
from llmmem_gui.service.hosting.hosts import (
    BirthFailedError,
    ExitReport,
    Host,
    HostEndedError,
    HostStarter,
    LoadFailedError,
)
from tests.running_hosts import SMALL, running_starter

MISBEHAVING = """
import os, signal, socket, sys, time

behaviour, kind, descriptor = sys.argv[1:]
connection = socket.socket(fileno=int(descriptor))

def send(body):
    connection.sendall(len(body).to_bytes(4, "big") + body)

def loaded():
    send(b'{"type":"Loaded","context":512,"seconds":1.0,"engine_version":"0","sandbox":[],'
         b'"has_chat_template":false,"embedding_length":1,"vocabulary_size":1,"trained_context":1,'
         b'"weights_bytes":1,"shared_bytes":0}')

def born():
    send(b'{"type":"Born","shared_bytes":0}')
    connection.recv(4)

exec(behaviour)
"""


@pytest.fixture
def hosts_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Gives a starter whose hosts are programs that do what the given code says."""

    def make(behaviour: str) -> HostStarter:
        program = tmp_path / "misbehaving.py"
        program.write_text(MISBEHAVING)
        monkeypatch.setattr(host_process, "host_program", lambda: [sys.executable, str(program), behaviour])
        return HostStarter(EngineChoice.of_machine(), nursery=None)

    return make


async def _end_of_load(host: Host) -> ExitReport:
    """How a host ends that is told to load, whatever becomes of the load."""
    loading = asyncio.ensure_future(host.load("model.gguf", SMALL))
    report = await asyncio.wait_for(asyncio.shield(host.exited), 30)
    await asyncio.wait([loading])
    assert loading.exception() is None or isinstance(loading.exception(), LoadFailedError)
    return report


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (r"connection.sendall(b'GET / HTTP/1.1\r\n\r\n')", "gives no length"),
        (r"connection.sendall(b'\xff\xff\xff\xff')", "gives no length"),
        (r"connection.sendall(bytes(4))", "gives no length"),
        (r"send(b'not json')", "not a message of this protocol"),
        (r"send(b'\xff\xfe')", "not a message of this protocol"),
        (r"send(b'[]')", "not a message of this protocol"),
        (r"""send(b'{"type":"Unknown"}')""", "not a message of this protocol"),
        (r"""send(b'{"type":"Born","shared_bytes":0}')""", "a Born that nobody waits for"),
        (r"""send(b'{"type":"Chunk","request_id":1,"payload":{}}')""", "request 1, which is not asked"),
        (
            r"""send(b'{"type":"AskFailed","request_id":7,"reason":["Sentence","",""]}')""",
            "7, which is not asked",
        ),
        (r"loaded(); loaded()", "a Loaded that nobody waits for"),
        (
            r"""loaded(); send(b'{"type":"LoadFailed","reason":["Sentence","",""]}')""",
            "a second outcome of the load",
        ),
    ],
)
async def test_garbage_ends_a_host(hosts_that, behaviour: str, reason: str) -> None:
    """A host that sends what is no message, or one out of order, is killed, and the reason says what."""
    starter = hosts_that(f"born(); {behaviour}; time.sleep(600)")
    report = await _end_of_load(await starter.birth())
    assert report.exit_code == -signal.SIGKILL
    assert str(report.reason).startswith("sent what is not a message and was killed: ")
    assert reason in str(report.reason)
    assert not report.expected
    assert not starter.hosts


@pytest.mark.parametrize(
    ("behaviour", "exit_code", "reason"),
    [
        ("sys.exit(0)", 0, "ended without being asked"),
        ("sys.exit('no such thing')", 1, "ended with code 1: no such thing"),
        ("raise MemoryError", 1, "ran out of the memory that it may use"),
        ("os.kill(os.getpid(), signal.SIGABRT)", -6, "was given up by llama.cpp"),
        ("connection.sendall(b'\\0\\0\\0\\x09{\"typ'); sys.exit(3)", 3, "ended with code 3"),
        ("connection.close(); time.sleep(600)", -9, "closed its socket without ending and was killed"),
    ],
)
async def test_a_host_that_ends_while_it_loads(
    hosts_that, monkeypatch: pytest.MonkeyPatch, behaviour: str, exit_code: int, reason: str
) -> None:
    """An end without an outcome fails the load with the way it ended, also amid a message."""
    monkeypatch.setattr(host_module, "STOP_SECONDS", 0.5)
    starter = hosts_that(f"born(); {behaviour}")
    report = await _end_of_load(await starter.birth())
    assert (report.exit_code, str(report.reason), report.expected) == (exit_code, reason, False)


async def test_a_flood_of_errors_does_not_block_a_host(hosts_that) -> None:
    """Standard error is always drained, and its end is kept."""
    starter = hosts_that("os.write(2, b'x' * 3_000_000 + b'the end'); born(); sys.exit(4)")
    report = await _end_of_load(await starter.birth())
    assert report.exit_code == 4
    assert report.errors.endswith("xthe end")
    assert len(report.errors) == host_process.ERRORS_BYTES


async def test_a_host_that_is_never_born(hosts_that, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that says nothing is killed after a while, and one that ends at once is told as it ended."""
    monkeypatch.setattr(host_module, "BIRTH_SECONDS", 0.5)
    with pytest.raises(HostEndedError, match="did not start within 0 s and was killed"):
        await hosts_that("time.sleep(600)").birth()
    monkeypatch.setattr(host_module, "BIRTH_SECONDS", 60.0)
    with pytest.raises(HostEndedError, match="ended with code 1: ImportError: no llama"):
        await hosts_that("raise ImportError('no llama')").birth()


async def test_a_birth_that_is_cancelled_leaves_no_process(hosts_that) -> None:
    """Who gives up waiting for a birth leaves no process behind."""
    starter = hosts_that("time.sleep(600)")
    birth = asyncio.ensure_future(starter.birth())
    while not starter.hosts:
        await asyncio.sleep(0.01)
    (host,) = starter.hosts
    birth.cancel()
    with pytest.raises(asyncio.CancelledError):
        await birth
    assert str((await host.exited).reason) == "was not wanted any more"


async def test_a_program_that_cannot_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing interpreter fails the birth in words and leaves no descriptor."""
    starter = HostStarter(EngineChoice.of_machine(), nursery=None)
    monkeypatch.setattr(host_process, "host_program", lambda: ["/does/not/exist"])
    before = psutil.Process().num_fds()
    with pytest.raises(BirthFailedError, match=r"no host could be started: .*No such file"):
        await starter.birth()
    assert psutil.Process().num_fds() == before


@pytest.mark.parametrize("with_nursery", [True, False])
async def test_no_descriptor_is_left(with_nursery: bool) -> None:
    """At the limit of open files a birth fails in words, and works again when files are closed."""
    async with running_starter(with_nursery) as starter:
        await (await starter.birth()).stop()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (128, hard))
        hoard = []
        try:
            while True:
                hoard.append(os.open(os.devnull, os.O_RDONLY))
        except OSError:
            pass
        try:
            with pytest.raises(BirthFailedError, match=r"no host could be started: .*Too many open files"):
                await starter.birth()
        finally:
            for descriptor in hoard:
                os.close(descriptor)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert (await (await starter.birth()).stop()).expected


async def test_a_message_too_large_for_a_host_fails_its_request() -> None:
    """A request above the limit of a frame is refused here, and the host goes on."""
    async with running_starter() as starter:
        host = await starter.birth()
        answer = host.ask("completion", {"prompt": "x" * 17 * 2**20})
        with pytest.raises(host_module.AskFailedError, match="the request is too large"):
            await answer.finished()
        assert not host.busy
        assert not host.exited.done()


@pytest.mark.parametrize(
    ("exit_code", "errors", "reason"),
    [
        (0, "", "ended without being asked"),
        (2, "a\nb: c\n\n", "ended with code 2: b: c"),
        (
            -6,
            "x\n/a/b.cpp:12: GGML_ASSERT(n > 0) failed\nmore",
            "was given up by llama.cpp: GGML_ASSERT(n > 0) failed",
        ),
        (
            -6,
            "terminate called after throwing an instance of 'std::bad_alloc'",
            "ran out of the memory that it may use",
        ),
        (-6, "", "was given up by llama.cpp"),
        (-9, "", "was ended by the system (signal 9), often because memory ran out"),
        (-11, "warning", "crashed inside llama.cpp (signal 11)"),
        (-31, "", "was ended by signal 31"),
        (-64, "", "was ended by signal 64"),
        (0xC0000005, "", "ended with code 0xc0000005"),
        (None, "", "ended together with the nursery"),
    ],
)
def test_how_an_end_is_explained(exit_code: int | None, errors: str, reason: str) -> None:
    """One sentence for each way to end, with the detail that the errors hold."""
    assert str(explain_exit(exit_code, errors)) == reason


def test_the_deadline_of_a_load_grows_with_the_file() -> None:
    """Thirty seconds, and one more for each 50 MB."""
    assert load_deadline_seconds(0) == 30
    assert load_deadline_seconds(5_000_000_000) == 130
