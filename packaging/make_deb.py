"""Make a Debian package with everything inside: installing it needs no compiler, network or Python."""

from __future__ import annotations

import argparse
import gzip
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import set_up

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
ENVIRONMENT = BUILD / "frozen-environment"
PYTHON = ENVIRONMENT / "bin" / "python"
ENGINES = ENVIRONMENT / "share" / "llmmem" / "engines"
FROZEN = BUILD / "frozen" / "llmmem"
TREE = BUILD / "deb"
DIST = ROOT / "dist"
APPLICATION_ID = "io.github.llmmem.LLMMemory"

# What Qt loads besides what set_up.py looks for, by the name of the Debian package: these come
# with any desktop, and not without one.
QT_NEEDS = (
    *("libx11-6", "libx11-xcb1", "libxcb1", "libxcb-glx0", "libxcb-image0", "libxcb-randr0", "libxcb-shm0"),
    *("libxcb-render0", "libxcb-render-util0", "libxcb-sync1", "libxcb-util1", "libxcb-xfixes0"),
    *("libxcb-xkb1", "libfreetype6", "libbrotli1", "libzstd1", "libgcc-s1"),
)
C_LIBRARY_NEED = re.compile(rb"\0GLIBC_(\d+)\.(\d+)(?=[.\0])")
"""A version of the C library among the names in a compiled file."""


def main() -> int:
    """Freeze the program, lay it out as a package, and build the package."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    make_environment()
    freeze()
    lay_out()
    try_out(TREE / "opt" / "llmmem")
    print(build())
    return 0


def make_environment() -> None:
    """An environment with the program, its engine and PyInstaller: all that is there is collected."""
    run(sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT))
    if not set_up.install_bindings(PYTHON):
        sys.exit(1)
    run(*set_up.pip(PYTHON), "install", "--quiet", str(ROOT), "pyinstaller>=6.16")
    run(str(PYTHON), str(ROOT / "packaging" / "translations.py"), "compile")
    # The portable engine, and only after it has answered here: what is compiled here is for this processor.
    run(str(PYTHON), "-m", "llmmem_gui.service.engines", "--no-compiler")


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
    # What trying the engine has shown is true of this machine.
    shutil.copytree(
        ENGINES / "portable",
        program / "engines" / "portable",
        symlinks=True,
        ignore=shutil.ignore_patterns("report.json"),
    )
    make_readable(program)
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
        f"Depends: {', '.join(dependencies())}\n"
        "Recommends: libvulkan1\nSuggests: mesa-vulkan-drivers\n"
        "Description: keep language models in memory under limits\n"
        " LLM Memory keeps several GGUF models ready, shows live which model uses how much memory,\n"
        " and keeps each model and the sum under limits that are set with sliders.\n"
        " .\n"
        " Models are computed on any x86-64 processor with AVX2 (x86-64-v3: Intel since 2013, AMD since\n"
        " 2015, except some Atom, Celeron and Pentium), and on GPUs with Vulkan.\n"
    )


def try_out(program: Path) -> None:
    """Have the frozen programs do what they are for: answer by a host, and draw a window with its plot.

    What freezing leaves out shows only when it runs. Raises `CalledProcessError`.
    """
    with tempfile.TemporaryDirectory(prefix="llmmem-") as home:
        model = Path(home) / "tried.gguf"
        writing = "import pathlib, sys; from llmmem_gui.host.known_model import KnownModel; "
        writing += "KnownModel().write(pathlib.Path(sys.argv[1]))"
        run(str(PYTHON), "-c", writing, str(model))
        environment = {**os.environ, "LLMMEM_HOME": home, "QT_QPA_PLATFORM": "offscreen"}

        def command(*arguments: str) -> None:
            subprocess.run([program / "llmmem", *arguments], env=environment, check=True)

        serving = subprocess.Popen([program / "llmmem", "serve"], env=environment, stdout=subprocess.PIPE)
        try:
            assert serving.stdout is not None
            serving.stdout.readline()  # it serves now
            command("load", str(model))
            command("ask", str(model), "Yes?", "--max-tokens", "4")
        finally:
            serving.terminate()
            serving.wait()
        picture = Path(home) / "window.png"
        window = [str(program / "llmmem-gui"), "--screenshot", str(picture), "--load", str(model)]
        subprocess.run(window, env=environment, check=True)
        log = "\n".join(file.read_text() for file in Path(home).rglob("*.log"))
        if not picture.is_file() or "Traceback" in log:
            sys.exit(f"The frozen window does not work:\n{log}")


def dependencies() -> list[str]:
    """The packages of the system that are needed, under the names that they have and had."""
    names = dict.fromkeys((*set_up.LIBRARIES, *QT_NEEDS))
    c_library = ".".join(map(str, c_library_need(TREE)))
    # Debian 13 and Ubuntu 24.04 have renamed it: its time has 64 bits.
    renamed = {"libglib2.0-0": "libglib2.0-0 | libglib2.0-0t64"}
    return [f"libc6 (>= {c_library})", *(renamed.get(name, name) for name in names)]


def c_library_need(tree: Path) -> tuple[int, int]:
    """The oldest C library that all compiled files in a folder are content with."""
    needs = [(0, 0)]
    for path in tree.rglob("*"):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            if content.startswith(b"\x7fELF"):
                needs += [(int(found[1]), int(found[2])) for found in C_LIBRARY_NEED.finditer(content)]
    return max(needs)


def make_readable(tree: Path) -> None:
    """Let everybody read a folder and run its programs, however private the files of the builder are."""
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def build() -> Path:
    """The package file; xz, because older tools cannot read anything newer."""
    package = DIST / f"llmmem_{version()}_{architecture()}.deb"
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


def installed_kib() -> int:
    """What the package takes on a disk, in KiB."""
    return sum(path.lstat().st_size for path in TREE.rglob("*") if path.is_file()) // 1024


def run(*command: str) -> None:
    """Run a command that has to succeed."""
    subprocess.run(command, check=True)


if __name__ == "__main__":
    sys.exit(main())
