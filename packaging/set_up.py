"""Make the environment in `.venv`: what running the program needs; with `--tests` also tests and checks.

Runs with nothing but Python and its standard library. A second run finds its stamp and does nothing.
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import importlib.util
import os
import re
import selectors
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"
BINDINGS = ROOT / "packaging" / "bindings.txt"
LOG = ROOT / "build" / "set-up.log"

# What Qt and llama.cpp load from the system, by the name of the Debian and Ubuntu package that has it.
# For any missing xcb library Qt says that "xcb-cursor0 is needed", which is true of one of them.
LIBRARIES = {
    "libgl1": "libGL.so.1",
    "libegl1": "libEGL.so.1",
    "libxkbcommon0": "libxkbcommon.so.0",
    "libfontconfig1": "libfontconfig.so.1",
    "libdbus-1-3": "libdbus-1.so.3",
    "libglib2.0-0": "libglib-2.0.so.0",
    "libgssapi-krb5-2": "libgssapi_krb5.so.2",
    "libstdc++6": "libstdc++.so.6",
    "libxcb-cursor0": "libxcb-cursor.so.0",
    "libxcb-icccm4": "libxcb-icccm.so.4",
    "libxcb-keysyms1": "libxcb-keysyms.so.1",
    "libxkbcommon-x11-0": "libxkbcommon-x11.so.0",
    "libxcb-shape0": "libxcb-shape.so.0",
}
COMPILERS = {"gcc": "gcc", "g++": "g++"}
TEST_PROGRAMS = {"xvfb": "Xvfb", "xauth": "xauth", "dbus-daemon": "dbus-daemon"}

LINE_SECONDS = 15
STEP = re.compile(
    r"\s*(?:"
    r"(?P<doing>Unpacking|Setting up|Collecting|Downloading) (?P<what>\S+).*"
    r"|(?P<last>Installing collected packages).*"
    r")"
)
"""A line of apt or pip that says what it is at."""


def main() -> int:
    """Set up what is missing; 0 when everything is there."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--tests", action="store_true", help="also what only tests and checks need")
    for_tests = parser.parse_args().tests
    if sys.version_info < (3, 10):  # noqa: UP036 - whoever runs this has not chosen the Python yet
        return stop(f"LLM Memory needs Python 3.10 or newer and this is {sys.version.split()[0]}.")
    stamps = [ENVIRONMENT / ".set-up", ENVIRONMENT / ".set-up-for-tests"]
    key = environment_key()
    if stamps[for_tests].is_file() and stamps[for_tests].read_text() == key:
        return 0
    packages = missing_packages(for_tests)
    if packages and not install_packages(packages):
        return 1
    make_environment()
    if not install_bindings(PYTHON):
        return 1
    say("Installing the Python packages: about 150 MB the first time.")
    extra = "[dev]" if for_tests else ""
    if not run_shown(*pip(PYTHON), "install", "--editable", f"{ROOT}{extra}"):
        return 1
    if not set_up_engine():
        return 1
    for stamp in stamps[: for_tests + 1]:
        stamp.write_text(key)
    return 0


def environment_key() -> str:
    """What the environment depends on; it changes when the environment has to be looked at again."""
    digest = hashlib.sha256()
    for path in (ROOT / "pyproject.toml", BINDINGS, Path(__file__)):
        digest.update(path.read_bytes())
    return f"{ROOT}\n{sys.version}\n{digest.hexdigest()}\n"


def missing_packages(for_tests: bool) -> list[str]:
    """Debian packages whose library or program is not on this machine."""
    packages = [package for package, library in LIBRARIES.items() if not can_load(library)]
    if importlib.util.find_spec("ensurepip") is None:
        packages.append(f"python{sys.version_info[0]}.{sys.version_info[1]}-venv")
    if for_tests:
        packages += [package for package, program in TEST_PROGRAMS.items() if not shutil.which(program)]
    return packages


def can_load(library: str) -> bool:
    """Whether the system's loader finds the library."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def install_packages(packages: list[str]) -> bool:
    """Install system packages where that needs no password; else print the line that does it."""
    names = " ".join(packages)
    if not shutil.which("apt-get"):
        stop(f"Missing system libraries: please install what your system calls {names}.")
        return False
    root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if root and not succeeds(*root, "true"):
        stop(f"Missing system packages. Please run:\n  sudo apt-get install --no-install-recommends {names}")
        return False
    say(f"Installing system packages: {names} …")
    apt = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]
    # An update fails when any source of the machine is out of reach; what is needed may still be there.
    subprocess.run([*apt, "-q", "update"])
    return run_shown(*apt, "install", "-y", "--no-install-recommends", *packages)


def make_environment() -> None:
    """A virtual environment in `.venv`; one that was moved or is of another Python is made anew."""
    if not environment_fits():
        say(f"Making the environment {ENVIRONMENT} …")
        # A process of its own: the module ensurepip may have come to this machine a moment ago.
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)], check=True)


def environment_fits() -> bool:
    """Whether `.venv` works, lies where it was made, and is of this Python's version."""
    pip_program = ENVIRONMENT / "bin" / "pip"
    if not pip_program.is_file() or f"{ENVIRONMENT}/" not in pip_program.read_text():
        return False
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return output(str(PYTHON), "-c", "import sys; print('%d.%d' % sys.version_info[:2])") == version


def pip(python: Path) -> tuple[str, ...]:
    """The command of an environment's pip."""
    return (str(python), "-m", "pip", "--disable-pip-version-check")


def install_bindings(python: Path) -> bool:
    """Install the Python part of llama-cpp-python, which needs no compiler; its libraries are an engine's.

    It is published as source only, and a wheel of it without libraries must not get into pip's cache, where
    another project would take it for a whole one. `python` is that of the environment.
    """
    if installed_bindings(python) == bindings_requirement():
        return True
    say("Fetching llama.cpp's Python bindings: 77 MB the first time, with the sources of llama.cpp.")
    folder = ROOT / "build" / "bindings"
    shutil.rmtree(folder, ignore_errors=True)
    # scikit-build-core reads this: files are packed as they are, nothing is configured or compiled.
    without_cmake = {"SKBUILD_WHEEL_CMAKE": "0"}
    fetch = ("download", "--no-deps", "--no-binary", ":all:", "--only-binary", "scikit-build-core")
    exact = ("--require-hashes", "--requirement", str(BINDINGS), "--dest", str(folder))
    if not run_shown(*pip(python), *fetch, *exact, environment=without_cmake):
        return False
    (source,) = folder.glob("llama_cpp_python-*.tar.gz")
    install = ("install", "--no-cache-dir", str(source))
    return run_shown(*pip(python), *install, environment=without_cmake)


def bindings_requirement() -> str:
    """The exact version of the bindings that this checkout is made for."""
    lines = (line.split() for line in BINDINGS.read_text().splitlines())
    return next(words[0] for words in lines if words and words[0].startswith("llama-cpp-python=="))


def installed_bindings(python: Path) -> str:
    """The version of the bindings in the environment, as a requirement; empty when there are none."""
    question = "import importlib.metadata as m; print('llama-cpp-python==' + m.version('llama-cpp-python'))"
    return output(str(python), "-c", question)


def set_up_engine() -> bool:
    """Leave an engine that answers rightly on this processor: a fetched one, or one compiled here."""
    command = (str(PYTHON), "-m", "llmmem_gui.service.engines")
    if subprocess.run([*command, "--no-compiler"], cwd=ROOT).returncode == 0:
        return True
    missing = [package for package, program in COMPILERS.items() if not shutil.which(program)]
    if missing and not install_packages(missing):
        return False
    return subprocess.run(command, cwd=ROOT).returncode == 0


def run_shown(*command: str, environment: dict[str, str] | None = None) -> bool:
    """Run something long, keep its output in a file, and print one line every quarter of a minute.

    `environment` is added to the variables of this program.
    """
    start = next_line = time.monotonic()
    doing, last_lines = "starting", [""]
    LOG.parent.mkdir(exist_ok=True)
    with (
        subprocess.Popen(
            command,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process,
        LOG.open("wb") as log,
        selectors.DefaultSelector() as selector,
    ):
        assert process.stdout is not None
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            if selector.select(timeout=1):
                chunk = os.read(process.stdout.fileno(), 65536)
                if not chunk:
                    break
                log.write(chunk)
                text = last_lines[-1] + chunk.decode(errors="replace")
                last_lines = [*last_lines[:-1], *text.split("\n")][-30:]
                doing = step_in(last_lines) or doing
            if time.monotonic() >= next_line:
                next_line += LINE_SECONDS
                minutes, seconds = divmod(int(time.monotonic() - start), 60)
                say(f"  {minutes:2}:{seconds:02}  {doing}")
    if process.returncode != 0:
        stop("\n".join(last_lines) + f"\nThis failed; all its lines are in {LOG}.")
    return process.returncode == 0


def step_in(lines: list[str]) -> str:
    """What the newest line that tells a step tells; empty when none does."""
    for line in reversed(lines):
        found = STEP.fullmatch(line)
        if found:
            return " ".join(filter(None, found.groups()))
    return ""


def output(*command: str) -> str:
    """What a command prints, without the line's end; empty when it fails or is not there."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def succeeds(*command: str) -> bool:
    """Whether a command is there and ends well."""
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        return False


def say(line: str) -> None:
    """Tell the person who waits, at once."""
    print(line, flush=True)


def stop(reason: str) -> int:
    """Tell why this cannot go on; the exit status for it."""
    print(reason, file=sys.stderr, flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
