"""The filter of system calls alone, as on a kernel whose Landlock does not scope signals, or has none."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import re
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from llmmem_gui.host import seccomp, system_calls
from llmmem_gui.service.hosting import nursery as nursery_module
from tests.host import attacks
from tests.running_hosts import SMALL, complete, running_starter

TREE = str(Path(__file__).parents[2])
OWN_PID = 4711
REFUSED = 0x00050000 | errno.EPERM
MISSING = 0x00050000 | errno.ENOSYS
KILLED = 0x80000000
ALLOWED = 0x7FFF0000

AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}
NEEDED = {
    # What a model that computes, or the driver of a GPU, calls.
    "x86_64": {
        "read": 0,
        "write": 1,
        "mmap": 9,
        "madvise": 28,
        "futex": 202,
        "openat": 257,
        "memfd_create": 319,
    },
    "aarch64": {
        "read": 63,
        "write": 64,
        "mmap": 222,
        "madvise": 233,
        "futex": 98,
        "openat": 56,
        "memfd_create": 279,
    },
}


def verdict(architecture: str, number: int, *arguments: int, audit: int | None = None) -> int:
    """What the filter for that architecture says of a call: its BPF program is interpreted here."""
    padded = [*arguments, *[0] * (6 - len(arguments))]
    record = struct.pack("=IIQ6Q", number, AUDIT[architecture] if audit is None else audit, 0, *padded)
    program = list(struct.iter_unpack("=HBBI", seccomp.filter_program(architecture, OWN_PID)))
    at, accumulator = 0, 0
    while True:
        operation, if_true, if_false, operand = program[at]
        at += 1
        if operation == 0x20:
            (accumulator,) = struct.unpack_from("=I", record, operand)
        elif operation == 0x06:
            return operand
        else:
            holds = {
                0x15: accumulator == operand,
                0x35: accumulator >= operand,
                0x45: bool(accumulator & operand),
            }[operation]
            at += if_true if holds else if_false


@pytest.mark.parametrize("architecture", system_calls.ARCHITECTURES)
def test_numbers_are_those_of_the_kernels_headers(architecture: str) -> None:
    """Each number in the table is the one that the header of that architecture gives to that name."""
    if not HEADERS[architecture].is_file():
        pytest.skip(f"{HEADERS[architecture]} is not installed")
    text = HEADERS[architecture].read_text()
    official = {
        name: int(number)
        for name, number in re.findall(r"^#define __NR(?:3264)?_(\w+)\s+(\d+)\s*$", text, re.MULTILINE)
    }
    table = {name: system_calls.number(name, architecture) for name in system_calls.NUMBERS}
    older = {name: number for name, number in table.items() if (number or 0) < 450}
    assert len(older) > 120
    assert older == {name: official.get(name) for name in older}
    assert system_calls.NUMBERS.keys() >= {name for names in system_calls.DENIED.values() for name in names}


@pytest.mark.parametrize("architecture", system_calls.ARCHITECTURES)
def test_each_verdict_is_what_the_table_says(architecture: str) -> None:
    """What is denied is refused; what concerns the process itself, and what it needs, is not."""

    def call(name: str, *arguments: int) -> int:
        number = system_calls.number(name, architecture)
        assert number is not None
        return verdict(architecture, number, *arguments)

    for names in system_calls.DENIED.values():
        for name in names:
            if system_calls.number(name, architecture) is not None:
                assert call(name, OWN_PID, OWN_PID) == REFUSED, name
    for name, number in NEEDED[architecture].items():
        assert verdict(architecture, number) == ALLOWED, name
    for name, requests in system_calls.DENIED_REQUESTS.items():
        assert {call(name, 3, request) for request in requests.values()} == {REFUSED}
        assert call(name, 3, 1) == ALLOWED
    assert call("tgkill", OWN_PID, OWN_PID + 1, signal.SIGABRT) == ALLOWED
    assert call("tgkill", OWN_PID + 1, OWN_PID + 1, signal.SIGABRT) == REFUSED
    assert call("tgkill", 0) == REFUSED
    # The kernel takes the lower half of the register for the process.
    assert call("tgkill", OWN_PID + 1 + (OWN_PID << 32)) == REFUSED
    assert call("prlimit64", 0) == call("prlimit64", OWN_PID) == ALLOWED
    assert call("prlimit64", 1) == REFUSED
    assert call("sched_setaffinity", 0) == call("sched_setaffinity", OWN_PID) == ALLOWED
    assert call("sched_setaffinity", 1) == call("sched_setaffinity", OWN_PID + 1) == REFUSED
    assert call("kcmp", OWN_PID, OWN_PID) == ALLOWED
    assert call("kcmp", 0, OWN_PID) == REFUSED
    assert call("kcmp", OWN_PID, 1) == call("kcmp", 1, OWN_PID) == REFUSED
    thread, process = 0x003D0F00, 0x01200011
    assert call("clone", thread) == ALLOWED
    assert call("clone", process) == REFUSED
    assert call("clone3") == call("openat2") == MISSING
    assert call("openat", 3, 0, os.O_RDONLY | os.O_CLOEXEC) == ALLOWED
    assert call("openat", 3, 0, os.O_RDONLY | os.O_TRUNC) == REFUSED


def test_other_ways_to_reach_the_kernel_are_closed() -> None:
    """Calls of another architecture end the process; those of x32, which have other numbers, are refused."""
    i386 = 0x40000003
    assert verdict("x86_64", 37, audit=i386) == KILLED
    assert verdict("aarch64", 37, audit=0x40000028) == KILLED
    assert verdict("x86_64", 0x40000000 | 62) == REFUSED


EACH_CALL = """
import ctypes, json, os, sys
sys.path.append(sys.argv[1])
from llmmem_gui.host import landlock, sandbox, system_calls

landlock.enter = lambda *_: None
layers = sandbox.enter([], gpu=False) if sys.argv[2] == "inside" else ()
libc = ctypes.CDLL(None, use_errno=True)
machine = os.uname().machine
nonsense = [ctypes.c_long(-1)] * 6
codes = {}
for name in json.loads(sys.argv[3]):
    number = system_calls.number(name, machine)
    if number is not None:
        result = libc.syscall(ctypes.c_long(number), *nonsense)
        if result == 0 and name in ("fork", "vfork"):
            os._exit(0)
        codes[name] = ctypes.get_errno() if result == -1 else 0
print(json.dumps({"layers": layers, "codes": codes}))
"""

PRIVILEGED_OR_LASTING = {
    # Ask for the privilege before they look at the arguments.
    *(
        "reboot",
        "swapon",
        "swapoff",
        "sethostname",
        "setdomainname",
        "settimeofday",
        "adjtimex",
        "acct",
        "syslog",
    ),
    *("kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "iopl", "ioperm"),
    *("pivot_root", "setns", "unshare", "open_by_handle_at", "fanotify_init", "bpf", "mount", "umount2"),
    *("open_tree", "move_mount", "fsopen", "fspick", "fsmount", "mount_setattr", "perf_event_open"),
    *("clock_adjtime", "clock_settime", "capset", "userfaultfd", "io_uring_setup", "setgroups", "kill"),
    # Succeed with any arguments and leave something behind.
    *("fork", "vfork", "vhangup", "msgget"),
}
"""Calls that tell nothing without the filter, or that a test does not make without it."""


def test_each_call_of_the_table_is_refused_by_this_kernel() -> None:
    """Inside, every call is tried and answered "not permitted"; the filter, not the kernel, says so."""
    if os.uname().machine not in system_calls.ARCHITECTURES:
        pytest.skip("no filter for this architecture")
    names = [name for group in system_calls.DENIED.values() for name in group]

    def tried(where: str, names: list[str]) -> dict[str, int]:
        command = [sys.executable, "-c", EACH_CALL, TREE, where, json.dumps(names)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        answer = json.loads(done.stdout)
        assert answer["layers"] == (["seccomp"] if where == "inside" else [])
        return dict(answer["codes"])

    inside = tried("inside", names)
    assert len(inside) > 100
    assert {name: code for name, code in inside.items() if code != errno.EPERM} == {}
    outside = tried("outside", [name for name in names if name not in PRIVILEGED_OR_LASTING])
    assert len(outside) > 60
    assert {name: code for name, code in outside.items() if code == errno.EPERM} == {}


OTHER_HARM = ("shmat", "O_TRUNC", "setpriority", "sched_setaffinity", "prlimit64")


@dataclass(frozen=True)
class World:
    """Processes and memory of the same user, there to be harmed."""

    victims: dict[str, subprocess.Popen[bytes]]
    other: subprocess.Popen[bytes]
    segment: int
    memory: int
    file: Path
    """Of the same user, with something in it."""

    @property
    def numbers(self) -> str:
        """What an attack has to know, as JSON."""
        pids = {name: victim.pid for name, victim in self.victims.items()}
        others = {"other": self.other.pid, "segment": self.segment, "file": str(self.file)}
        return json.dumps({"victims": pids, **others})

    def harmed(self, wait_seconds: float) -> set[str]:
        """Names of the attacks that did harm; victims are given so long to end."""
        psutil.wait_procs([psutil.Process(victim.pid) for victim in self.victims.values()], wait_seconds)
        other = psutil.Process(self.other.pid)
        harm = {
            "shmat": ctypes.string_at(self.memory, 1) != b"\0",
            "O_TRUNC": self.file.stat().st_size == 0,
            "setpriority": other.nice() == 19,
            "sched_setaffinity": os.sched_getaffinity(other.pid) != os.sched_getaffinity(0),
            "prlimit64": other.rlimit(psutil.RLIMIT_NOFILE) == (1, 1),
        }
        ended = {name for name, victim in self.victims.items() if victim.poll() is not None}
        return ended | {name for name, happened in harm.items() if happened}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A new one for each test."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.shmat.restype = ctypes.c_void_p
    with contextlib.ExitStack() as stack:

        def sleeper() -> subprocess.Popen[bytes]:
            process = subprocess.Popen(["sleep", "1000"], start_new_session=True)
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        segment = libc.shmget(0, 4096, 0o1600)  # IPC_PRIVATE, IPC_CREAT, for the user alone
        assert segment >= 0
        memory = libc.shmat(segment, None, 0)
        stack.callback(libc.shmdt, ctypes.c_void_p(memory))
        libc.shmctl(segment, 0, None)  # IPC_RMID: gone when the last process has let go of it
        file = tmp_path / "file"
        file.write_text("of the user")
        yield World({name: sleeper() for name in attacks.ENDING}, sleeper(), segment, memory, file)


def test_without_the_filter_each_attack_does_harm(world: World) -> None:
    """The attacks are real: from a process that is not closed off each does what it is named for."""
    script = "import sys, json; from tests.host import attacks; attacks.try_all(**json.loads(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", script, world.numbers], cwd=TREE, check=True, timeout=60)
    names = {*attacks.ENDING, *OTHER_HARM}
    if len(os.sched_getaffinity(0)) == 1:
        names.remove("sched_setaffinity")  # there is no other core to be kept from
    assert world.harmed(wait_seconds=20.0) == names


HOSTILE_NURSERY = """
import json, sys
tree, numbers, results, *arguments = sys.argv[1:]
sys.path.append(tree)
from llmmem_gui.host import __main__ as program, landlock, session
from tests.host import attacks

class Hostile(session.Model):
    def __init__(self, *given):
        super().__init__(*given)
        outcomes = attacks.try_all(**json.loads(numbers))
        with open(results, "a") as file:
            json.dump(outcomes, file)

landlock.enter = lambda *_: None
session.Model = Hostile
program.main(arguments)
"""


async def test_no_attack_from_inside_a_host_does_harm(
    world: World, smol_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that has taken over its host is refused every one, and the host still answers."""
    if os.uname().machine not in system_calls.ARCHITECTURES:
        pytest.skip("no filter for this architecture")
    program, results = tmp_path / "nursery.py", tmp_path / "results.json"
    program.write_text(HOSTILE_NURSERY)
    command = [sys.executable, str(program), TREE, world.numbers, str(results)]
    monkeypatch.setattr(nursery_module, "host_program", lambda: command)
    async with running_starter() as starter:
        host = await starter.birth()
        assert (await host.load(smol_path, SMALL)).sandbox == ("seccomp",)
        outcomes = json.loads(results.read_text())
        assert outcomes.keys() == {*attacks.ENDING, *OTHER_HARM}
        assert set(outcomes.values()) == {"Operation not permitted"}
        assert world.harmed(wait_seconds=0.0) == set()
        assert "Paris" in await complete(host, "The capital of France is", max_tokens=4)


async def test_a_host_with_several_threads_answers_whatever_openmp_is_told(
    smol_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threads bound to cores are no matter of a user's variables: all hosts would be bound to the same."""
    monkeypatch.setenv("OMP_PROC_BIND", "true")
    monkeypatch.setenv("OMP_PLACES", "cores")
    monkeypatch.setenv("GOMP_CPU_AFFINITY", "0")
    async with running_starter() as starter:
        host = await starter.birth()
        await host.load(smol_path, SMALL, threads=2)
        assert "Paris" in await complete(host, "The capital of France is", max_tokens=4)
        assert os.sched_getaffinity(host.pid) == os.sched_getaffinity(0)
