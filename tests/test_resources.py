"""The files of `resources/`: found and valid, wherever the program is."""

from __future__ import annotations

import configparser
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from llmmem_gui import resources

ROOT = Path(__file__).resolve().parent.parent
ICONS = sorted(path.stem for path in (ROOT / "resources" / "icons").glob("*.svg"))
CODE = "\n".join(path.read_text() for path in (ROOT / "llmmem_gui").rglob("*.py"))


@pytest.mark.parametrize("name", sorted(set(ICONS) - {resources.APPLICATION_ID}))
def test_an_icon_takes_any_colour(name):
    """An icon is valid SVG, square, and drawn in `currentColor` alone, so that a theme can colour it."""
    root = ElementTree.parse(resources.icon(name)).getroot()
    assert root.get("viewBox") in ("0 0 24 24", "0 0 16 16")
    colours = {element.get(key) for element in root.iter() for key in ("stroke", "fill")} - {None, "none"}
    assert colours == {"currentColor"}


def test_each_icon_that_code_asks_for_exists():
    """Every name that code gives to `icon(…)` or to an action is a file."""
    named = set(re.findall(r"""(?<![\w.])(?:\w+\.)*(?:icon|_made)\(\s*"([^"]+)""", CODE))
    assert named
    assert named <= set(ICONS)


def test_a_name_without_an_icon_is_an_error():
    """A wrong name is told with the file that was looked for."""
    with pytest.raises(FileNotFoundError, match=r"no-such\.svg is not there"):
        resources.icon("no-such")


def test_the_own_icons_and_desktop_files_are_there():
    """The program's icons and the files for the desktop carry its id."""
    assert resources.application_icon().stem == resources.APPLICATION_ID
    assert resources.symbolic_application_icon().exists()
    names = {path.name for path in resources.desktop_files().iterdir()}
    assert names == {f"{resources.APPLICATION_ID}{end}" for end in (".desktop", ".metainfo.xml", ".mime.xml")}


def test_the_starter_names_the_commands_and_the_file_type():
    """The desktop entry starts commands that the package has, with its icon, for the registered type."""
    starter = configparser.ConfigParser(interpolation=None)
    starter.optionxform = str
    starter.read(resources.desktop_files() / f"{resources.APPLICATION_ID}.desktop", encoding="utf-8")
    commands = {section["Exec"].split()[0] for section in starter.values() if "Exec" in section}
    project = (ROOT / "pyproject.toml").read_text()
    assert commands == {"llmmem", "llmmem-gui"}
    assert all(f"\n{command} = " in project for command in commands)
    entry = starter["Desktop Entry"]
    assert entry["Icon"] == entry["StartupWMClass"] == resources.APPLICATION_ID
    mime = ElementTree.parse(resources.desktop_files() / f"{resources.APPLICATION_ID}.mime.xml").getroot()
    assert entry["MimeType"] == f"{mime[0].get('type')};"


def test_an_installed_wheel_finds_the_same_resources(tmp_path):
    """The wheel carries the folder, and the package in it finds it without the source tree."""
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", tmp_path, ROOT], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    question = "from llmmem_gui import resources as r; print(r.icon('load'), r.desktop_files())"
    command = [sys.executable, "-c", question]
    answer = subprocess.run(command, cwd=installed, capture_output=True, text=True, check=True)
    folder = installed / "llmmem_gui" / "_resources"
    assert answer.stdout.split() == [str(folder / "icons" / "load.svg"), str(folder / "freedesktop")]
    assert sorted(path.stem for path in (folder / "icons").iterdir()) == ICONS


def test_a_frozen_program_finds_its_resources_beside_its_libraries(monkeypatch):
    """PyInstaller unpacks into a folder that it names; the resources lie in it."""
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "_MEIPASS", str(ROOT), raising=False)
    assert resources.icon("load") == ROOT / "resources" / "icons" / "load.svg"
