"""What the description of the architecture names is there."""

from __future__ import annotations

import re

import pytest

from llmmem_gui.core.snapshot import State
from tests.docs.documents import PROJECT, Document

PACKAGE = PROJECT / "llmmem_gui"
DOCUMENTS = [Document(PROJECT / "docs" / f"architecture{language}.md") for language in ("", ".pt-BR")]


def rows(document: Document, heading: int) -> list[list[str]]:
    """The cells of the rows of the table under the heading with this number, from 0, without its head."""
    part = re.split(r"^## .*$", document.text, flags=re.MULTILINE)[heading + 1]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_each_file_and_each_class_that_it_names_is_there(document: Document) -> None:
    """A file is named by its path in the package, a class by a name that some module of it defines."""
    code = set(re.findall(r"`([^`]+)`", document.text))
    files = {name for name in code if name.endswith((".py", "/"))}
    assert len(files) > 25
    assert {name for name in files if not (PACKAGE / name).exists()} == set()
    sources = "\n".join(path.read_text() for path in PACKAGE.rglob("*.py"))
    classes = {name.split(".")[0] for name in code if re.fullmatch(r"[A-Z]\w+(\.\w+)?", name)}
    ours = classes - {"QThread"}
    assert len(ours) > 15
    assert {name for name in ours if not re.search(rf"^class {name}\b", sources, re.MULTILINE)} == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_it_has_each_state_once(document: Document) -> None:
    """The table of states has a row for each, in the order of the code, and they lead to each other."""
    table = {row[0].strip("`"): set(re.findall(r"`(\w+)`", row[2])) for row in rows(document, 3)}
    assert list(table) == [state.value for state in State]
    assert set.union(*table.values()) == set(table)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_it_has_each_folder_of_the_package(document: Document) -> None:
    """The table of layers names every folder."""
    named = {row[0].strip("`/") for row in rows(document, 1)} - {"app.py"}
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert named == folders
