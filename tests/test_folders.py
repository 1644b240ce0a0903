"""Where the program keeps its files."""

from __future__ import annotations

import shutil
import stat

import pytest

from llmmem_gui.folders import Folders, FolderUnusable


def every_path(folders):
    """All folders and files that are named."""
    return (
        folders.config,
        folders.data,
        folders.state,
        folders.runtime,
        folders.settings_file,
        folders.history_file,
        folders.models,
        folders.logs,
        folders.token_file,
    )


def test_llmmem_home_moves_everything(home):
    """With LLMMEM_HOME set, nothing lies anywhere else."""
    folders = Folders.of_user()
    assert all(path.is_relative_to(home) for path in every_path(folders))
    assert not home.exists()


def test_a_relative_home_does_not_depend_on_later_changes_of_folder(tmp_path, monkeypatch):
    """A relative LLMMEM_HOME is taken from the current folder, once."""
    monkeypatch.chdir(tmp_path)
    assert Folders.of_user({"LLMMEM_HOME": "here"}).data == tmp_path / "here" / "data"


def test_without_a_home_of_its_own_the_folders_are_the_users(tmp_path, monkeypatch):
    """Settings, history and logs lie where the freedesktop base directories say."""
    monkeypatch.delenv("LLMMEM_HOME")
    for name in ("CONFIG", "DATA", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name))
    folders = Folders.of_user()
    assert folders.settings_file == tmp_path / "CONFIG" / "llmmem" / "settings.toml"
    assert folders.history_file == tmp_path / "DATA" / "llmmem" / "history.sqlite3"
    assert folders.logs == tmp_path / "STATE" / "llmmem" / "log"
    # What other programs were given as a key is not lost when the session ends.
    assert folders.token_file == tmp_path / "STATE" / "llmmem" / "token"


@pytest.mark.parametrize("given", [None, "", "not/absolute", "/nonexistent/folder", "/tmp"])
def test_programs_of_one_home_meet_whatever_the_session_says(given, tmp_path, monkeypatch):
    """XDG_RUNTIME_DIR, which cron, ssh and sudo set differently, parts no program from its commands."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    environment = {} if given is None else {"XDG_RUNTIME_DIR": given}
    assert Folders.of_user(environment).runtime == tmp_path / "state" / "llmmem" / "run"


def test_folders_that_can_be_written_are_used_and_nothing_is_said(home):
    """A program starts in its own folders; nothing is left of the look whether they can be written."""
    folders, unkept = Folders.of_user().prepare()
    assert (folders, unkept) == (Folders.of_user(), None)
    assert folders.meeting_places() == (folders.runtime,)
    assert {path for path in home.rglob("*") if not path.is_dir()} == set()


def test_a_home_that_keeps_nothing_is_told_and_used_as_far_as_it_can(home, elsewhere):
    """Where settings cannot be kept the rest stays where it is; where state cannot, that goes elsewhere."""
    folders = Folders.of_user()
    folders.create()
    folders.config.rmdir()
    folders.config.write_text("in the way")
    used, unkept = folders.prepare()
    assert used == folders
    assert str(folders.config) in str(unkept)
    shutil.rmtree(folders.state)
    folders.state.write_text("in the way")
    used, unkept = folders.prepare()
    assert (used.data, used.config) == (folders.data, folders.config)
    assert not used.state.is_relative_to(home)
    assert stat.S_IMODE(used.state.stat().st_mode) == 0o700
    assert used.runtime in folders.meeting_places()
    assert folders.prepare()[0] == used


def test_a_place_that_somebody_else_made_is_not_used(home, elsewhere):
    """A folder that waits at the known place, open to others or a link, is passed over."""
    folders = Folders.of_user()
    folders.create()
    shutil.rmtree(folders.state)
    folders.state.write_text("in the way")
    first = folders.prepare()[0].state
    shutil.rmtree(first)
    first.mkdir(mode=0o777)
    first.chmod(0o777)
    second = folders.prepare()[0].state
    assert second != first
    assert first / "run" not in folders.meeting_places()
    first.rmdir()
    first.symlink_to(second)
    assert folders.prepare()[0].state == second
    first.unlink()


@pytest.fixture
def elsewhere(home):
    """What is made outside the home is gone after the test."""
    yield
    for place in Folders.of_user().elsewhere():
        shutil.rmtree(place.state, ignore_errors=True)


def test_created_folders_are_closed_to_others(home):
    """Folders are made for their user alone, and folders that were open are closed."""
    folders = Folders.of_user()
    folders.data.mkdir(parents=True, mode=0o777)
    folders.data.chmod(0o777)
    folders.create()
    folders.create()
    made = (folders.config, folders.data, folders.models, folders.state, folders.logs, folders.runtime)
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in made] == [0o700] * 6


def test_a_folder_that_cannot_be_made_is_named_with_the_way_out(home):
    """A file in the place of a folder is told in one sentence that names it and LLMMEM_HOME."""
    home.write_text("")
    with pytest.raises(FolderUnusable) as refused:
        Folders.of_user().create()
    assert str(home / "config") in str(refused.value)
    assert "set LLMMEM_HOME" in str(refused.value)
