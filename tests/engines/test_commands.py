"""Engines from the command line and over HTTP: listed, chosen, tried; refusals say what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from llmmem_gui import cli
from llmmem_gui.core.engines import EngineReport, InstalledEngine, Trial
from llmmem_gui.folders import Folders
from llmmem_gui.service.http.engine_records import EngineList
from llmmem_gui.service.storage.engine_store import EngineStore
from llmmem_gui.service.storage.settings_file import SettingsFile
from tests.broken_engines import copied

RIGHT = EngineReport("", None, (), (Trial("CPU", False), Trial("CPU", True)), gpus_tried=True)


@pytest.fixture
def second_engine() -> InstalledEngine:
    """Another engine that was tried and is right, with the user's data."""
    folders = Folders.of_user()
    folders.create()
    engine = copied(folders.data / "engines" / "second", "second")
    return EngineStore(folders.data).save(engine, RIGHT)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code and output of a command."""
    code = cli.main(["engine", *arguments])
    written = capsys.readouterr()
    return code, written.out, written.err


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> EngineList:
    """What the command tells as JSON."""
    code, out, err = run(capsys, *arguments, "--json")
    assert (code, err) == (0, "")
    return msgspec.json.decode(out, type=EngineList)


def test_engines_are_listed_without_a_program(
    capsys: pytest.CaptureFixture[str], second_engine: InstalledEngine
) -> None:
    """Each engine with its source, its trials, and which one is in use."""
    found = listed(capsys)
    assert sum(entry.in_use for entry in found.engines) == 1
    second = next(entry for entry in found.engines if entry.name == "second")
    assert (second.usable, second.tried, second.folder) == (True, True, second_engine.folder)
    assert [trial.passed for trial in second.trials] == [True, True]
    _, table, _ = run(capsys)
    assert "second" in table
    assert "answers rightly" in table


def test_an_engine_is_chosen_and_the_choice_taken_back(
    capsys: pytest.CaptureFixture[str], second_engine: InstalledEngine
) -> None:
    """`use NAME` is kept in the settings, `use auto` empties them."""
    assert listed(capsys, "use", "second").in_use == "second"
    assert SettingsFile(Folders.of_user().settings_file).settings.loading.engine == "second"
    assert listed(capsys).in_use == "second"
    assert listed(capsys, "use", "auto").in_use != "second"
    assert SettingsFile(Folders.of_user().settings_file).settings.loading.engine == ""


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["use", "nix"], 1, "There is no engine nix: there are "),
        (["test", "nix"], 1, "There is no engine nix: there are "),
        (["use"], 2, "Name the engine to use; `llmmem engine` lists them."),
        (["build", "second"], 2, "`llmmem engine build` takes no name."),
    ],
)
def test_what_cannot_be_done_is_said(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, said: str
) -> None:
    """One sentence and the exit code for it."""
    assert run(capsys, *arguments)[0] == code
    assert said in run(capsys, *arguments)[2]


def test_an_engine_that_is_no_good_is_not_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    """The reason that was found when it was tried is told."""
    folders = Folders.of_user()
    folders.create()
    engine = copied(folders.data / "engines" / "bad", "bad")
    library = Path(engine.folder) / "libllama.so"
    library.unlink()
    library.write_bytes(b"no library")
    code, _, err = run(capsys, "use", "bad")
    assert code == 1
    assert "The engine bad cannot be used here: it cannot be loaded" in err


def test_what_was_found_holds_for_these_libraries_only(second_engine: InstalledEngine) -> None:
    """Another build under the same name has to be tried again."""
    store = EngineStore(Folders.of_user().data)

    def report() -> Any:
        return next(engine.report for engine in store.engines() if engine.name == "second")

    assert report() is not None
    (Path(second_engine.folder) / "libllama.so.new").write_bytes(b"another")
    assert report() is None
