"""The program as it is started: arguments, display, one window for each user, signals, pictures."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from llmmem_gui import __version__
from llmmem_gui.app import display_problem
from llmmem_gui.folders import Folders

PROJECT = Path(__file__).resolve().parent.parent.parent
PATIENCE_SECONDS = 60.0

pytestmark = pytest.mark.timeout(180)


def command(*arguments: str) -> list[str]:
    """The program with these arguments."""
    return [sys.executable, "-m", "llmmem_gui.app", *arguments]


def environment(**changes: str) -> dict[str, str]:
    """This environment without a display, with changes."""
    without = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM", "DBUS_SESSION_BUS_ADDRESS")
    return {**{k: v for k, v in os.environ.items() if k not in without}, **changes}


@pytest.fixture
def folders(home: Path) -> Folders:
    """The folders of a home whose program searches only its own models and listens at any port."""
    made = Folders.of_user()
    made.create()
    made.settings_file.write_text("[library]\nsearch_known_folders = false\n[api]\nport = 0\n")
    return made


def test_version_needs_no_display() -> None:
    """`--version` works where no window can be shown."""
    done = subprocess.run(
        command("--version"), env=environment(), cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, f"LLM Memory {__version__}")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is always a display")
@pytest.mark.parametrize("display", [{}, {"DISPLAY": ":987"}, {"DISPLAY": "nonsense"}])
def test_without_a_display_one_line_says_so(folders: Folders, display: dict[str, str]) -> None:
    """Without a display that answers the program ends with status 2 and one line, and starts nothing."""
    done = subprocess.run(
        command(), env=environment(**display), cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "display" in done.stderr
    assert not (folders.runtime / "program.lock").exists()


def test_a_start_that_fails_says_why_in_a_window(home: Path) -> None:
    """Where no folder can be used a box says so in one sentence until it is closed."""
    home.write_text("in the way")
    places = Folders.of_user().elsewhere()
    for place in places:
        with contextlib.suppress(OSError):
            place.state.write_text("in the way")
    try:
        with subprocess.Popen(
            command(), env=environment(QT_QPA_PLATFORM="offscreen"), cwd=PROJECT, stderr=-1, text=True
        ) as start:
            assert start.stderr is not None
            assert "cannot be written" in start.stderr.readline()
            with pytest.raises(subprocess.TimeoutExpired):
                start.wait(1.0)
            start.terminate()
    finally:
        for place in places:
            place.state.unlink(missing_ok=True)


def test_platforms_without_a_display_are_left_alone() -> None:
    """Where Qt is told to draw offscreen no display is needed."""
    assert display_problem({"QT_QPA_PLATFORM": "offscreen"}) is None
    assert display_problem({"WAYLAND_DISPLAY": "wayland-0"}) is None


@pytest.fixture
def first(folders: Folders) -> Iterator[subprocess.Popen[str]]:
    """A program that runs."""
    process = subprocess.Popen(
        command(), env=environment(QT_QPA_PLATFORM="offscreen"), cwd=PROJECT, text=True,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    until(lambda: (folders.runtime / "window.sock").exists())
    yield process
    if process.poll() is None:
        process.kill()
    process.wait()
    assert process.stderr is not None
    process.stderr.close()


def until(there: object) -> None:
    """Wait for what another process does."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not there():  # type: ignore[operator]
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(0.05)


def log_of(folders: Folders) -> str:
    """What the program has logged."""
    path = folders.logs / "llmmem.log"
    return path.read_text() if path.exists() else ""


def test_a_second_start_hands_its_files_over(
    folders: Folders, first: subprocess.Popen[str], smol_path: Path
) -> None:
    """A second start ends at once with status 0; the window that runs loads the file it was given."""
    second = subprocess.run(
        command(str(smol_path)), env=environment(QT_QPA_PLATFORM="offscreen"), cwd=PROJECT, check=False
    )
    assert second.returncode == 0
    until(lambda: "model-loaded smollm2-135m-instruct" in log_of(folders))
    assert first.poll() is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_everything_in_order(
    folders: Folders, first: subprocess.Popen[str], smol_path: Path, number: signal.Signals
) -> None:
    """A signal ends the program with status 0, with its models, and with each step in the log."""
    subprocess.run(
        command(str(smol_path)), env=environment(QT_QPA_PLATFORM="offscreen"), cwd=PROJECT, check=True
    )
    until(lambda: "model-loaded" in log_of(folders))
    children = psutil.Process(first.pid).children(recursive=True)
    assert len(children) >= 2
    first.send_signal(number)
    assert first.wait(30) == 0
    assert not any(child.is_running() for child in children)
    assert "closed the service in" in log_of(folders)


def test_after_a_kill_the_next_start_works(folders: Folders, first: subprocess.Popen[str]) -> None:
    """A program that was killed leaves no lock and no socket in the way of the next one, and no process."""
    children = psutil.Process(first.pid).children(recursive=True)
    first.kill()
    first.wait()
    psutil.wait_procs(children, timeout=10)
    assert not any(child.is_running() for child in children)
    done = subprocess.run(
        command("--screenshot", str(folders.data / "again.png"), "--seconds", "0.1"),
        env=environment(QT_QPA_PLATFORM="offscreen"), cwd=PROJECT, check=False,
    )  # fmt: skip
    assert done.returncode == 0


def test_it_takes_a_picture_of_itself(folders: Folders, tmp_path: Path, smol_path: Path) -> None:
    """`--screenshot` loads the models asked for and saves the window as it then is, in the size asked for."""
    file = tmp_path / "window.png"
    done = subprocess.run(
        command(
            "--screenshot", str(file), "--size", "1200x760", "--theme", "dark", "--language", "pt_BR",
            "--load", str(smol_path), "--seconds", "0.5",
        ),
        env=environment(QT_QPA_PLATFORM="offscreen"), cwd=PROJECT, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    head = file.read_bytes()[:24]
    assert head[1:4] == b"PNG"
    assert (int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")) == (1200, 760)
    assert "model-loaded" in log_of(folders)
