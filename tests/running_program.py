"""Starts the program as a person does, `llmmem serve` in a process of its own, for tests of the ways in."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmmem_gui.core.events import Actor
from llmmem_gui.folders import Folders
from llmmem_gui.service.api_client import ApiClient

SETTINGS = """
[loading]
context = 1024
threads = 1

[library]
search_known_folders = false

[api]
port = 0
"""
"""One thread for each model: on a busy machine models with more threads wait for each other."""

SECONDS = 600
"""When a command is taken to hang; on a busy machine one that does not may take minutes."""


@dataclass(frozen=True)
class Finished:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it wrote, decoded."""
        return json.loads(self.out)


@dataclass(frozen=True)
class RunningProgram:
    """A program that runs, and where."""

    process: subprocess.Popen[str]
    home: Path
    url: str
    token_file: Path

    @property
    def token(self) -> str:
        """The secret of its API."""
        return self.token_file.read_text().strip()

    def client(self, actor: Actor = "api") -> ApiClient:
        """A client of its API."""
        return ApiClient.of_running_program(Folders.of_user(environment(self.home)), actor)

    def llmmem(self, *arguments: str, stdin: str = "") -> Finished:
        """Run a command for the same home."""
        return llmmem(self.home, *arguments, stdin=stdin)


def environment(home: Path) -> Mapping[str, str]:
    """The environment of a command for that home."""
    return {**os.environ, "LLMMEM_HOME": str(home), "PYTHONWARNINGS": "default"}


def llmmem(home: Path, *arguments: str, stdin: str = "") -> Finished:
    """Run one command to its end."""
    ended = subprocess.run(
        [sys.executable, "-m", "llmmem_gui.cli", *arguments],
        env=environment(home),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return Finished(ended.returncode, ended.stdout, ended.stderr)


@contextlib.contextmanager
def running_program(
    home: Path, *arguments: str, settings: str = SETTINGS, detached: bool = False
) -> Iterator[RunningProgram]:
    """The program, ready; it is asked to end afterwards, and must end well.

    Detached, it is nobody's child: processes that it starts in its own time, such as those that rehearse a
    load, are then not taken for something that the test at hand has left behind.
    """
    file = Folders.of_user(environment(home)).settings_file
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(settings)
    process = subprocess.Popen(
        [
            *(["setsid", "--fork"] if detached else []),
            sys.executable,
            "-m",
            "llmmem_gui.cli",
            "serve",
            "--json",
            *arguments,
        ],
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.communicate(timeout=SECONDS)[1]
    ready = json.loads(line)
    if detached:
        process.wait(SECONDS)  # setsid has long ended; not waited for, it would stay as a zombie
    try:
        yield RunningProgram(process, home, ready["url"], Path(ready["token_file"]))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(ready["pid"], signal.SIGTERM)
        # The pipes end when the last process that holds them has ended.
        _, errors = process.communicate(timeout=SECONDS)
    assert process.returncode in (0, -signal.SIGKILL), (process.returncode, errors)
    assert errors == "", errors
