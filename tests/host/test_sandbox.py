"""What a host cannot do once it has opened its sandbox: each denial is tried in a real process."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running_hosts import SMALL, running_starter

TREE = str(Path(__file__).parents[2])

ATTEMPTS = """
import ctypes, json, os, signal, socket, subprocess, sys, threading
tree, model, canary, victim, port = sys.argv[1:]  # victim: a process that is there for this
sys.path.append(tree)
import encodings.idna, numpy
from llmmem_gui.host import process, sandbox

opened_before = open(canary)
with_sandbox = os.environ.get("WITH_SANDBOX") == "1"
layers = sandbox.enter([os.fsencode(model)], gpu=False) if with_sandbox else ()
libc = ctypes.CDLL(None, use_errno=True)

def checked(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result

def read(path):
    with open(path) as file:
        file.read(1)

def in_a_thread(attempt):
    errors = []
    def run():
        try:
            attempt()
        except OSError as error:
            errors.append(error)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]

def fork():
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)

attempts = {
    "read a file of the user": lambda: read(canary),
    "read a file of the user in a thread": lambda: in_a_thread(lambda: read(canary)),
    "read the list of users": lambda: read("/etc/passwd"),
    "list a folder": lambda: os.listdir(os.path.dirname(canary)),
    "write into a folder": lambda: open(canary + ".new", "w").close(),
    "write to the model": lambda: open(model, "r+b").close(),
    "truncate the model": lambda: os.truncate(model, 1),
    "remove the model": lambda: os.unlink(model),
    "rename the model": lambda: os.rename(model, model + ".old"),
    "make a folder": lambda: os.mkdir(canary + ".folder"),
    "open a TCP socket": lambda: socket.create_connection(("127.0.0.1", int(port))).close(),
    "open a UDP socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close(),
    "open a socket of the desktop": lambda: socket.socket(socket.AF_UNIX).close(),
    "start a program": lambda: subprocess.run(["true"], check=True),
    "become a program": lambda: os.execv("/does/not/exist", ["x"]),
    "fork": fork,
    "signal another process": lambda: os.kill(int(victim), 0),
    # These have arguments that mean nothing, so that they do no harm where they are not denied.
    "trace": lambda: checked(libc.ptrace(-1, 0, None, None)),
    "read another process": lambda: read(f"/proc/{victim}/environ"),
    "mount": lambda: checked(libc.mount(None, None, None, 0, None)),
    "leave its namespaces": lambda: checked(libc.unshare(1)),
}
outcomes = {}
for name, attempt in attempts.items():
    try:
        attempt()
        outcomes[name] = "done"
    except OSError as error:
        outcomes[name] = os.strerror(error.errno) if error.errno else str(error)

needs = {
    "read the model": lambda: read(model),
    "read what was open": opened_before.read,
    "start a thread": lambda: threading.Thread(target=int).start(),
    "import a module": lambda: __import__("wave"),
    "import from the program's own file, as a frozen one": lambda: open(sys.executable, "rb").close(),
    "compute": lambda: numpy.linalg.svd(numpy.eye(64)),
    "allocate": lambda: bytearray(64 << 20),
    "read chance": lambda: os.urandom(8),
}
for name, need in needs.items():
    try:
        need()
        outcomes[name] = "done"
    except Exception as error:
        outcomes[name] = repr(error)
json.dump({"layers": layers, "outcomes": outcomes, "needs": list(needs)}, sys.stdout)
"""


@pytest.fixture
def attempts(tmp_path: Path) -> dict[bool, dict[str, object]]:
    """The outcomes with (True) and without (False) the sandbox."""
    results = {}
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as victim,
    ):
        port = str(server.getsockname()[1])
        for with_sandbox in (True, False):
            folder = tmp_path / str(with_sandbox)
            folder.mkdir()
            model, canary = folder / "model.gguf", folder / "canary"
            model.write_text("GGUF")
            canary.write_text("secret")
            environment = {**os.environ, "WITH_SANDBOX": str(int(with_sandbox))}
            command = [sys.executable, "-c", ATTEMPTS, TREE, str(model), str(canary), str(victim.pid), port]
            result = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
            assert result.returncode == 0, result.stderr
            results[with_sandbox] = json.loads(result.stdout)
    return results


MEANINGLESS = {"become a program", "trace", "mount", "leave its namespaces"}
"""Attempts whose arguments make them fail without a sandbox too, but with another error."""


def test_every_denial_holds(attempts: dict[bool, dict[str, object]]) -> None:
    """Inside nothing of the list succeeds, and what a host needs does; outside nearly all succeeds."""
    inside, outside = attempts[True], attempts[False]
    if len(inside["layers"]) < 2:
        pytest.skip(f"this kernel has only {inside['layers']}")
    needs = set(inside["needs"])
    outcomes: dict[str, str] = inside["outcomes"]
    denied = {"Permission denied", "Operation not permitted"}
    allowed = {name: outcome for name, outcome in outcomes.items() if outcome not in denied}
    assert allowed.keys() == needs
    assert {outcomes[name] for name in needs} == {"done"}

    free: dict[str, str] = outside["outcomes"]
    # The model is gone when its turn to be renamed comes.
    assert {name for name, outcome in free.items() if outcome != "done"} == {
        *MEANINGLESS,
        "rename the model",
        "read the model",
    }
    assert not denied & {free[name] for name in MEANINGLESS}


async def test_a_loaded_host_is_inside(smol_path: Path) -> None:
    """A host with a model has the layers that it reports in all its threads, however it was started."""
    for with_nursery in (True, False):
        async with running_starter(with_nursery) as starter:
            host = await starter.birth()
            loaded = await host.load(smol_path, SMALL)
            await host.ask("completion", {"prompt": "a", "max_tokens": 2}).finished()
            statuses = [each.read_text() for each in Path(f"/proc/{host.pid}/task").glob("*/status")]
            assert len(statuses) >= 2
            for status in statuses:
                assert "NoNewPrivs:\t1" in status
                assert ("Seccomp:\t2" in status) == ("seccomp" in loaded.sandbox)
            if sys.platform.startswith("linux") and os.uname().machine in ("x86_64", "aarch64"):
                assert "seccomp" in loaded.sandbox
