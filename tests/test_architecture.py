"""The rules of the source tree that a machine can hold: imports, docstrings, sizes, names, words."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
LISTING = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
NAMES = subprocess.run(LISTING, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
TRACKED = [ROOT / name for name in NAMES if name and (ROOT / name).is_file()]
MODULES = [path for path in TRACKED if path.suffix == ".py"]
TEXTS = [path for path in TRACKED if path.suffix not in {".png", ".gguf", ".ico"}]


def shown(paths):
    """Paths as they are written in a report."""
    return sorted(str(path.relative_to(ROOT)) for path in paths)


def test_the_import_contracts_hold():
    """Core, host, service and ui import only what the contracts in pyproject.toml allow."""
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert re.search(r"Contracts: [1-9]\d* kept, 0 broken", done.stdout)


@pytest.mark.parametrize(
    ("part", "forbidden"),
    [
        ("core", {"PySide6", "pyqtgraph", "llama_cpp", "psutil", "llmmem_gui.service"}),
        ("service", {"PySide6", "pyqtgraph", "llama_cpp", "llmmem_gui.host"}),
        ("cli", {"PySide6", "pyqtgraph", "llama_cpp", "llmmem_gui.ui"}),
        ("host", {"PySide6", "pyqtgraph", "llmmem_gui.service"}),
    ],
)
def test_a_part_loads_no_library_that_it_must_not_need(part, forbidden):
    """Importing all modules of a part really loads none of the libraries that it must do without."""
    folder = ROOT / "llmmem_gui" / part
    names = [
        f"llmmem_gui.{part}.{path.stem}"
        for path in MODULES
        if path.parent == folder and path.stem != "__main__"
    ]
    script = (
        f"import sys, importlib\nfor name in {names!r}: importlib.import_module(name)\n"
        f"print(*({forbidden!r} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()) == (0, []), done.stderr


PURE_OS = {"os.PathLike", "os.fsencode", "os.fspath", "os.path"} | {
    f"os.path.{name}" for name in ("basename", "dirname", "join")
}
"""What core may use of `os`: names and texts, nothing that touches a disk."""
DISK_MODULES = {"pathlib", "shutil", "tempfile", "glob", "io", "mmap", "fcntl", "stat"}


def disk_uses(tree):
    """What a module uses that opens, lists or looks at files."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {getattr(node, "module", None)} | {alias.name for alias in node.names}
            yield from names & DISK_MODULES
        elif isinstance(node, ast.Name) and node.id == "open":
            yield "open"
        elif isinstance(node, ast.Attribute) and re.fullmatch(r"os(\.path)?\.\w+", ast.unparse(node)):
            yield from {ast.unparse(node)} - PURE_OS


def test_core_touches_no_disk():
    """Core opens, lists and looks at no file: it reads what it is given."""
    found = {
        path.name: uses
        for path in MODULES
        if path.parent == ROOT / "llmmem_gui" / "core"
        and (uses := list(disk_uses(ast.parse(path.read_text()))))
    }
    assert found == {}


def test_every_module_says_what_it_is_for():
    """Each module that has any code begins with a docstring."""
    silent = [
        path
        for path in MODULES
        if (tree := ast.parse(path.read_text())).body and ast.get_docstring(tree) is None
    ]
    assert shown(silent) == []


def test_every_test_says_what_is_true():
    """Each test function has a docstring."""
    silent = []
    for path in MODULES:
        if path.name.startswith("test_"):
            for node in ast.walk(ast.parse(path.read_text())):
                is_test = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith(
                    "test_"
                )
                if is_test and ast.get_docstring(node) is None:
                    silent.append(f"{path.name}: {node.name}")
    assert silent == []


def test_no_module_is_long():
    """A file of more than 450 lines asks to be split by idea."""
    assert shown(path for path in MODULES if path.read_text().count("\n") > 450) == []


def test_modules_are_named_for_what_they_do():
    """No file or folder of code is called by a word that could hold anything."""
    vague = {
        "utils",
        "util",
        "helpers",
        "helper",
        "manager",
        "managers",
        "misc",
        "common",
        "types",
        "data",
        "info",
    }
    words = {path: {path.stem, path.parent.name} for path in MODULES}
    assert shown(path for path, names in words.items() if names & vague) == []


def test_templates_of_model_files_are_rendered_in_the_sandbox():
    """No code makes a Jinja environment outside the sandbox: chat templates come from files of strangers."""
    makes = re.compile(r"(?<!Sandboxed)\bEnvironment\(|\bjinja2\.Template\(")
    bare = [path for path in MODULES if "jinja2" in path.read_text() and makes.search(path.read_text())]
    assert shown(path for path in bare if path != Path(__file__)) == []


def test_no_text_names_a_persons_folder_or_an_address_to_download_from():
    """Nothing that is tracked depends on one person's machine or on where a package came from."""
    own = "|".join(re.escape(str(folder)) for folder in {Path.home(), ROOT} if len(folder.parts) > 1)
    folders = rf"(?:^|[^\w.])(?:/(?:root|work)|{own})/"
    addresses = r"https?://[^\s\"']*(?:/simple/|/packages/[0-9a-f]{2}/|\.whl|\.tgz)"
    stray = re.compile(f"{folders}|{addresses}", re.MULTILINE)
    others = (path for path in TEXTS if path != Path(__file__).resolve())
    assert shown(path for path in others if stray.search(path.read_text(errors="replace"))) == []


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 cannot tell whose every module is")
def test_the_declared_dependencies_are_those_that_are_used():
    """The program imports each package that it asks pip for, and no other that it only happens to get."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["nvidia"]]
    declared = {re.split(r"[<>=~!; \[]", each)[0].lower().replace("_", "-") for each in asked}
    providers = {"tomli": ["tomli"], "jeepney": ["jeepney"], **importlib.metadata.packages_distributions()}
    imported = {
        name.split(".")[0]
        for path in MODULES
        if path.is_relative_to(ROOT / "llmmem_gui")
        for node in ast.walk(ast.parse(path.read_text()))
        for name in _imported_by(node)
    }
    others = imported - sys.stdlib_module_names - {"llmmem_gui"}
    used = {
        provider.lower().replace("_", "-")
        for name in others
        for provider in providers[name]
        # shiboken6 and the full PySide6 come beside the essentials, under the same name.
        if provider.lower() not in {"pyside6", "pyside6-addons"}
    }
    assert used == declared


def _imported_by(node):
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
