"""Programs that hold models, made up: real processes that listen, answer as they are told, and hold memory.

Each is a script with the name of the program, so that it looks like it in `/proc`. What it answers is what
the sources of the real program say; a test may have it answer anything else.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

MIB = 1024**2
PATIENCE_SECONDS = 60.0

_SCRIPT = '''\
#!{python}
"""Serves what the plan beside it says, and holds what its arguments say."""
import encodings.idna, json, mmap, os, subprocess, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

plan = json.load(open(os.path.realpath(__file__) + ".json"))
arguments = sys.argv[1:]
log = open(plan["log"], "a", buffering=1)
children = {{}}
state = {{"answers": plan["answers"]}}


def option(name):
    return arguments[arguments.index(name) + 1] if name in arguments else None


def hold():
    """Map the model, touch all of it, and take memory of its own."""
    held = []
    if option("--model"):
        with open(option("--model"), "rb") as file:
            held.append(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ))
        for at in range(0, len(held[0]), 4096):
            held[0][at]
    held.append(bytearray(os.urandom(4096) * (256 * int(option("--hold") or 0))))
    return held


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        asked = self.command + " " + self.path
        log.write(json.dumps([asked, body, dict(self.headers)]) + "\\n")
        if asked in plan["unloads"]:
            for child in children.values():
                child.kill()
                child.wait()
            children.clear()
            state["answers"] = {{**plan["answers"], **plan["after"]}}
        answer = state["answers"].get(asked)
        if answer is None:
            answer = {{"status": 404, "body": {{"error": "not found"}}}}
        time.sleep(answer.get("delay", 0))
        content = answer["raw"].encode() if "raw" in answer else json.dumps(answer.get("body")).encode()
        self.send_response(answer.get("status", 200))
        for name, value in answer.get("headers", {{}}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET

    def log_message(self, *_):
        pass


held = hold()
for runner in plan["runners"]:
    children[runner[0]] = subprocess.Popen(runner, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    children[runner[0]].stdout.readline()
if plan["user"] is not None:  # all that only root may read has been read
    os.setgroups([])
    os.setgid(plan["user"])
    os.setuid(plan["user"])
port = 0
if plan["listens"]:
    server = ThreadingHTTPServer((plan["host"], int(option("--port") or plan["port"])), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_address[1]
print(port, flush=True)
sys.stdin.read()  # until whoever started this has ended
for child in children.values():
    child.kill()
    child.wait()
'''


@dataclass(frozen=True)
class Asked:
    """One request that a program was sent."""

    what: str
    """Method and path."""
    body: str
    headers: Mapping[str, str]


@dataclass
class OtherProgram:
    """A program that runs."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def pid(self) -> int:
        """Its process."""
        return self.process.pid

    @property
    def asked(self) -> list[Asked]:
        """What it was asked so far."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [Asked(*json.loads(line)) for line in lines]

    def children(self) -> list[psutil.Process]:
        """The processes that it has started."""
        return psutil.Process(self.pid).children(recursive=True)


@dataclass(frozen=True)
class Plan:
    """How a program is called, and what it answers."""

    command: Sequence[str]
    """Its name, perhaps with a folder, and its arguments."""
    answers: Mapping[str, Any] = field(default_factory=dict)
    """Body of the answer to each method and path; or all of the answer, as `Answer` makes it."""
    unloads: Sequence[str] = ()
    """Requests at which it ends what it has started."""
    after: Mapping[str, Any] = field(default_factory=dict)
    """What it answers from then on."""
    runners: Sequence[Plan] = ()
    """What it starts."""
    listens: bool = True
    host: str = "127.0.0.1"
    port: int = 0
    """Where it listens unless its command says it; 0: on any that is free."""
    user: int | None = None
    """Who it runs as, where the tests are run by root."""


class Answer(dict[str, Any]):
    """An answer that is more than a body: `status`, `headers`, `delay`, `raw`."""


def _written(folder: Path, plan: Plan) -> list[str]:
    """Write a program, and those that it starts, into a folder; gives the command that starts it."""
    path = folder / plan.command[0]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_SCRIPT.format(python=sys.executable))
    path.chmod(0o755)
    whole = {
        "answers": {asked: _whole(answer) for asked, answer in plan.answers.items()},
        "after": {asked: _whole(answer) for asked, answer in plan.after.items()},
        "unloads": list(plan.unloads),
        "runners": [_written(folder / f"runner-{n}", runner) for n, runner in enumerate(plan.runners)],
        "listens": plan.listens,
        "host": plan.host,
        "port": plan.port,
        "user": plan.user,
        "log": f"{path}.log",
    }
    path.with_name(f"{path.name}.json").write_text(json.dumps(whole))
    return [str(path), *plan.command[1:]]


@contextlib.contextmanager
def running(folder: Path, plan: Plan, environment: Mapping[str, str] | None = None) -> Iterator[OtherProgram]:
    """The program, listening and holding what it shall; killed afterwards."""
    command = _written(folder, plan)
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **(environment or {})},
        cwd=os.path.dirname(command[0]),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield OtherProgram(process, int(process.stdout.readline()), Path(f"{command[0]}.log"))
    finally:
        kill_with_children(process)
        process.stdin.close()
        process.stdout.close()


def kill_with_children(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it has started, and wait until they are gone."""
    below = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.kill()
    for child in below:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    process.wait()
    psutil.wait_procs(below, timeout=PATIENCE_SECONDS)


def _whole(answer: Any) -> dict[str, Any]:
    return dict(answer) if isinstance(answer, Answer) else {"body": answer}


def model_file(path: Path, mib: int) -> Path:
    """A file of that size, with something in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.urandom(MIB) * mib)
    return path


def pss(pid: int) -> int:
    """Proportional set size of a process, by another way than the program's own."""
    return int(psutil.Process(pid).memory_full_info().pss)


def until(there: Any) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.02)
