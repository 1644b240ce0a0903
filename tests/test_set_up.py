"""The script that makes the environment: what it shows, what it misses, what it leaves alone."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def set_up(tmp_path, monkeypatch):
    """The script as a module, with its environment in a folder of this test."""
    spec = importlib.util.spec_from_file_location("set_up", ROOT / "packaging" / "set_up.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    environment = tmp_path / "environment"
    monkeypatch.setattr(module, "ENVIRONMENT", environment)
    monkeypatch.setattr(module, "PYTHON", environment / "bin" / "python")
    monkeypatch.setattr(module, "LOG", tmp_path / "build" / "set-up.log")
    return module


@pytest.mark.parametrize(
    ("lines", "step"),
    [
        (["Setting up libgl1:amd64 (1.6.0-1) ...", "  note: something"], "Setting up libgl1:amd64"),
        (["Collecting cmake", "  Downloading cmake-4.1.whl (30 MB)", ""], "Downloading cmake-4.1.whl"),
        (["Unpacking libgl1:amd64 (1.6.0-1) ...\r"], "Unpacking libgl1:amd64"),
        (["Installing collected packages: six, numpy"], "Installing collected packages"),
        (["Running command Building wheel"], ""),
    ],
)
def test_the_step_is_read_from_apt_and_pip(set_up, lines, step):
    """The newest line that names a step is shown with its number and its file."""
    assert set_up.step_in(lines) == step


def test_a_long_command_is_seen_to_move(set_up, monkeypatch, capfd):
    """While a command runs, lines with the time and the step appear; its own output goes to the log."""
    monkeypatch.setattr(set_up, "LINE_SECONDS", 0)
    script = "import sys; print('Collecting six', flush=True); sys.stdin.read(); print('done')"
    assert set_up.run_shown(sys.executable, "-c", script)
    assert "   0:00  Collecting six\n" in capfd.readouterr().out
    assert set_up.LOG.read_text() == "Collecting six\ndone\n"


def test_a_command_that_fails_ends_with_its_last_lines(set_up, capfd):
    """The command's own words and the place of the whole log are shown."""
    script = "import sys; print('\\n'.join(map(str, range(100))), 'no such header', sep='\\n'); sys.exit(3)"
    assert not set_up.run_shown(sys.executable, "-c", script)
    told = capfd.readouterr().err
    assert "no such header" in told
    assert str(set_up.LOG) in told
    assert len(told.splitlines()) < 35


def test_an_environment_that_was_moved_is_not_taken(set_up):
    """An environment fits where it was made, and no longer under another name."""
    assert not set_up.environment_fits()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(set_up.ENVIRONMENT)], check=True)
    (set_up.ENVIRONMENT / "bin" / "pip").write_text(f"#!{set_up.PYTHON}\n")
    assert set_up.environment_fits()
    moved = set_up.ENVIRONMENT.with_name("moved")
    os.rename(set_up.ENVIRONMENT, moved)
    set_up.ENVIRONMENT, set_up.PYTHON = moved, moved / "bin" / "python"
    assert not set_up.environment_fits()


def test_what_is_missing_is_named_by_its_package(set_up, monkeypatch):
    """A library, the module that makes environments and a program that are not there give their packages."""
    monkeypatch.setattr(set_up, "LIBRARIES", {"libc6": "libc.so.6", "libnothing1": "libnothing.so.1"})
    monkeypatch.setattr(set_up, "TEST_PROGRAMS", {"dash": "sh", "xserver": "no-such-server"})
    assert set_up.missing_packages(for_tests=False) == ["libnothing1"]
    assert set_up.missing_packages(for_tests=True) == ["libnothing1", "xserver"]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert f"python3.{sys.version_info[1]}-venv" in set_up.missing_packages(for_tests=False)


def test_without_the_right_to_install_the_exact_line_is_printed(set_up, monkeypatch, tmp_path, capfd):
    """A person who may not install without a password is told what to run, and nothing is changed."""
    for name, status in (("apt-get", 0), ("sudo", 1)):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\necho called {name} >&2\nexit {status}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert not set_up.install_packages(["libgl1", "g++"])
    told = capfd.readouterr().err
    assert told.splitlines()[-1] == "  sudo apt-get install --no-install-recommends libgl1 g++"
    assert "called apt-get" not in told


def test_a_finished_environment_is_not_looked_at_again(set_up, monkeypatch):
    """With the stamp of the same files, a second run starts no program at all."""
    set_up.ENVIRONMENT.mkdir()
    (set_up.ENVIRONMENT / ".set-up").write_text(set_up.environment_key())
    monkeypatch.setattr(sys, "argv", ["set_up.py"])
    monkeypatch.setattr(subprocess, "run", None)
    assert set_up.main() == 0


def test_the_bindings_are_pinned_by_version_and_content(set_up):
    """What is installed is the one version that pyproject.toml names, and no other file of that name."""
    requirement = set_up.bindings_requirement()
    assert f'"{requirement}"' in (ROOT / "pyproject.toml").read_text()
    assert re.search(rf"^{requirement} --hash=sha256:[0-9a-f]{{64}}$", set_up.BINDINGS.read_text(), re.M)


def test_no_compiler_is_asked_for_where_an_engine_answers(set_up, monkeypatch):
    """Compilers are installed only after the fetched engine was no good on this machine."""
    commands = []

    def run(command, **options):
        commands.append(command)
        return subprocess.CompletedProcess(command, returncode=int("--no-compiler" in command and fails))

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(set_up, "install_packages", lambda packages: asked.append(packages) or True)
    monkeypatch.setattr(set_up, "COMPILERS", {"c-of-tomorrow": "no-such-compiler"})
    asked, fails = [], False
    assert set_up.set_up_engine()
    assert (len(commands), asked) == (1, [])
    fails = True
    assert set_up.set_up_engine()
    assert asked == [["c-of-tomorrow"]]
    assert "--no-compiler" not in commands[-1]
