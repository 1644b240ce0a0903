"""The rules of the source tree that a machine can hold: imports, docstrings, sizes, names, words."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

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
