"""Make a Debian package with everything inside: installing it needs no compiler, network or Python."""

from __future__ import annotations

import argparse
import gzip
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
ENVIRONMENT = BUILD / "frozen-environment"
PYTHON = ENVIRONMENT / "bin" / "python"
FROZEN = BUILD / "frozen" / "llmmem"
TREE = BUILD / "deb"
APPLICATION_ID = "io.github.llmmem.LLMMemory"

# What Qt loads from the system: the list of set_up.py, with the C library that the build machine had.
DEPENDS = (
    "libgl1, libegl1, libxkbcommon0, libfontconfig1, libdbus-1-3, libglib2.0-0 | libglib2.0-0t64, libgomp1, "
    "libxcb-cursor0, libxcb-icccm4, libxcb-keysyms1, libxkbcommon-x11-0, libxcb-shape0"
)


def main() -> int:
    """Freeze the program, lay it out as a package, and build the package."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--portable",
        action="store_true",
        help="compile llama.cpp for every x86-64 processor since 2013 (about 12 minutes on two cores); "
        "without it the package is for processors like this machine's",
    )
    make_environment(parser.parse_args().portable)
    freeze()
    lay_out()
    print(build())
    return 0


def make_environment(portable: bool) -> None:
    """An environment with the program and PyInstaller alone, so that nothing else is collected."""
    run(sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT))
    constraints = str(ROOT / "packaging" / "constraints.txt")
    environment = dict(os.environ)
    if portable:
        environment["CMAKE_ARGS"] = "-DGGML_NATIVE=OFF"
        # pip's cache does not know for which processor its wheel was compiled.
        engine = ["--no-cache-dir", "--no-binary", "llama-cpp-python", "-r", constraints]
        run(str(PYTHON), "-m", "pip", "install", "--verbose", *engine, environment=environment)
    run(str(PYTHON), "-m", "pip", "install", "--quiet", "-c", constraints, str(ROOT), "pyinstaller>=6.16")


def freeze() -> None:
    """One folder with the three programs and all that they need."""
    work = ["--distpath", str(FROZEN.parent), "--workpath", str(BUILD / "frozen-work"), "--noconfirm"]
    run(
        str(PYTHON),
        "-m",
        "PyInstaller",
        *work,
        "--log-level",
        "WARN",
        str(ROOT / "packaging" / "llmmem.spec"),
    )


def lay_out() -> None:
    """The files of the package under the paths that they will have."""
    shutil.rmtree(TREE, ignore_errors=True)
    program = TREE / "opt" / "llmmem"
    shutil.copytree(FROZEN, program, symlinks=True)
    commands = TREE / "usr" / "bin"
    commands.mkdir(parents=True)
    for name in ("llmmem-gui", "llmmem"):
        (commands / name).symlink_to(f"/opt/llmmem/{name}")
    share = TREE / "usr" / "share"
    desktop = ROOT / "resources" / "freedesktop"
    icons = ROOT / "resources" / "icons"
    hicolor = share / "icons" / "hicolor"
    place(desktop / f"{APPLICATION_ID}.desktop", share / "applications")
    place(desktop / f"{APPLICATION_ID}.metainfo.xml", share / "metainfo")
    place(desktop / f"{APPLICATION_ID}.mime.xml", share / "mime" / "packages", "llmmem.xml")
    place(icons / f"{APPLICATION_ID}.svg", hicolor / "scalable" / "apps")
    place(icons / f"{APPLICATION_ID}.svg", hicolor / "scalable" / "mimetypes", "application-x-gguf.svg")
    place(icons / f"{APPLICATION_ID}-symbolic.svg", hicolor / "symbolic" / "apps")
    documents = share / "doc" / "llmmem"
    place(ROOT / "LICENSE", documents, "copyright")
    (documents / "changelog.gz").write_bytes(gzip.compress((ROOT / "CHANGELOG.md").read_bytes(), mtime=0))
    control = TREE / "DEBIAN" / "control"
    control.parent.mkdir()
    control.write_text(
        f"Package: llmmem\nVersion: {version()}\nArchitecture: {architecture()}\n"
        "Maintainer: LLM Memory contributors <contributors@llmmem.invalid>\n"
        f"Section: utils\nPriority: optional\nInstalled-Size: {installed_kib()}\n"
        f"Depends: libc6 (>= {c_library()}), {DEPENDS}\n"
        "Description: keep language models in memory under limits\n"
        " LLM Memory keeps several GGUF models ready, shows live which model uses how much memory,\n"
        " and keeps each model and the sum under limits that are set with sliders.\n"
    )


def build() -> Path:
    """The package file; xz, because older tools cannot read anything newer."""
    package = ROOT / "dist" / f"llmmem_{version()}_{architecture()}.deb"
    package.parent.mkdir(exist_ok=True)
    run("dpkg-deb", "--root-owner-group", "-Zxz", "-z1", "--build", str(TREE), str(package))
    return package


def place(source: Path, folder: Path, name: str | None = None) -> None:
    """Copy a file into a folder of the package."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / (name or source.name)
    shutil.copyfile(source, target)
    target.chmod(0o644)


def version() -> str:
    """The program's version."""
    text = (ROOT / "llmmem_gui" / "__init__.py").read_text()
    found = re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)
    assert found
    return found[1]


def architecture() -> str:
    """Debian's name for this machine's kind."""
    return subprocess.run(
        ["dpkg", "--print-architecture"], capture_output=True, text=True, check=True
    ).stdout.strip()


def c_library() -> str:
    """The version of the C library here: what was compiled here needs it or a newer one."""
    return os.confstr("CS_GNU_LIBC_VERSION").split()[1]  # type: ignore[union-attr]  # glibc always answers


def installed_kib() -> int:
    """What the package takes on a disk, in KiB."""
    return sum(path.lstat().st_size for path in TREE.rglob("*") if path.is_file()) // 1024


def run(*command: str, environment: dict[str, str] | None = None) -> None:
    """Run a command that has to succeed."""
    subprocess.run(command, check=True, env=environment)


if __name__ == "__main__":
    sys.exit(main())
