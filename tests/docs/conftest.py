"""A running program for each document, with the small real model in its library."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.documents import PROJECT
from tests.running_program import RunningProgram, environment, running_program

MODEL_ID = "smollm2-135m-instruct"
"""The id that the documents use: that of the demo model."""
DOCUMENTED_ADDRESS = "127.0.0.1:11500"
"""Where the documents say that the program listens; in tests it takes any free port."""


@dataclass(frozen=True)
class Workplace:
    """Where examples run: a program, a folder, and commands on the PATH as after an installation."""

    program: RunningProgram
    folder: Path
    commands: Path

    @property
    def environment(self) -> dict[str, str]:
        """What a person's shell would have, and the token that the examples name."""
        return {
            **environment(self.program.home),
            "PATH": f"{self.commands}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(PROJECT),
            "LLMMEM_TOKEN": self.program.token,
        }

    def here(self, text: str) -> str:
        """An example with the address of this program instead of the documented one."""
        return text.replace(DOCUMENTED_ADDRESS, self.program.url.removeprefix("http://"))


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory, smol_path: Path) -> Iterator[Workplace]:
    """A running program that has found the model under the id of the documents."""
    folder = tmp_path_factory.mktemp("documents")
    commands = folder / "bin"
    commands.mkdir()
    for name in ("llmmem", "python", "python3"):
        module = " -m llmmem_gui.cli" if name == "llmmem" else ""
        command = commands / name
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}"{module} "$@"\n')
        command.chmod(0o755)
    home = folder / "home"
    models = home / "data" / "models"
    models.mkdir(parents=True)
    (models / f"{MODEL_ID}.gguf").symlink_to(smol_path)
    (folder / "work").mkdir()
    # Examples speak as from the root of a clone, where `make test-models` has put the models.
    (folder / "work" / ".models").symlink_to(models)
    with running_program(home, detached=True) as program:
        found = [model["id"] for model in program.llmmem("scan", "--json").json]
        assert found == [MODEL_ID]
        yield Workplace(program, folder / "work", commands)
