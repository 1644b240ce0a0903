"""Where the program keeps its files."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

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
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    folders = Folders.of_user()
    assert folders.settings_file == tmp_path / "CONFIG" / "llmmem" / "settings.toml"
    assert folders.history_file == tmp_path / "DATA" / "llmmem" / "history.sqlite3"
    assert folders.logs == tmp_path / "STATE" / "llmmem" / "log"
    assert folders.runtime == tmp_path / "llmmem"
    # What other programs were given as a key is not lost when the session ends.
    assert folders.token_file == tmp_path / "STATE" / "llmmem" / "token"


@pytest.mark.parametrize("given", [None, "", "not/absolute", "/nonexistent/folder", "file"])
def test_without_a_session_folder_the_runtime_files_lie_in_a_folder_of_the_user(given, tmp_path, monkeypatch):
    """A missing or odd XDG_RUNTIME_DIR never leads to a folder that others may write."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "file").touch()
    environment = (
        {} if given is None else {"XDG_RUNTIME_DIR": str(tmp_path / "file") if given == "file" else given}
    )
    runtime = Folders.of_user(environment).runtime
    assert runtime in (Path(f"/run/user/{os.getuid()}/llmmem"), tmp_path / "state" / "llmmem" / "run")
    assert not runtime.is_relative_to(tempfile.gettempdir()) or runtime.is_relative_to(tmp_path)


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
