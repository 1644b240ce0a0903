"""Settings on a disk that misbehaves."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys

import pytest

from llmmem_gui.core.settings import Settings
from llmmem_gui.service.storage.settings_file import SettingsFile

PORT_8080 = Settings().with_value("api.port", 8080)


@pytest.fixture
def path(tmp_path):
    """Where the settings lie."""
    folder = tmp_path / "config"
    folder.mkdir()
    return folder / "settings.toml"


async def test_settings_come_back_after_a_restart(path):
    """What was saved is read by the next start, from a file that only its user may read."""
    first = SettingsFile(path)
    assert (first.settings, first.problems) == (Settings(), ())
    await first.save(PORT_8080)
    assert first.unsaved is None
    second = SettingsFile(path)
    assert (second.settings, second.problems) == (PORT_8080, ())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(path.parent) == [path.name]


async def test_changes_made_at_once_end_with_the_newest(path):
    """Of many changes at the same time the last one is in force and on the disk."""
    file = SettingsFile(path)
    await asyncio.gather(*(file.save(Settings().with_value("api.port", port)) for port in range(2000, 2050)))
    assert file.settings.api.port == SettingsFile(path).settings.api.port == 2049


async def test_comments_survive_changes(path):
    """A comment in the file is still there after two changes."""
    path.write_text("# mine\n[api]\nport = 9000 # editor\n")
    file = SettingsFile(path)
    await file.save(PORT_8080)
    await file.save(Settings().with_value("api.port", 8081))
    assert path.read_text().splitlines()[-1] == "port = 8081 # editor"
    assert "# mine" in path.read_text()


async def test_a_damaged_file_is_set_aside_and_the_defaults_hold(path):
    """A file that is not TOML is kept as *.bad, told once, and does not stop settings from being saved."""
    path.write_text("[api\nport = 1")
    file = SettingsFile(path)
    assert file.settings == Settings()
    assert [problem.kind for problem in file.problems] == ["damaged", "kept aside"]
    bad = path.with_name("settings.toml.bad")
    assert bad.read_text() == "[api\nport = 1"
    assert str(bad) in str(file.problems[-1].sentence)
    assert SettingsFile(path).problems == ()
    await file.save(PORT_8080)
    assert SettingsFile(path).settings == PORT_8080


async def test_a_second_damage_does_not_take_the_place_of_the_first(path):
    """Every damaged file is kept, each content once."""
    for text in ("first [", "second [", "first ["):
        path.write_text(text)
        SettingsFile(path)
    kept = {name: path.with_name(name).read_text() for name in os.listdir(path.parent)}
    assert kept == {"settings.toml.bad": "first [", "settings.toml.bad-2": "second ["}


async def test_a_bad_value_is_kept_in_a_copy_before_it_is_written_over(path):
    """A value that had to be repaired can be found in the copy, and the good ones are in force."""
    path.write_text("[api]\nport = 8080\nqueue_limit = 'many'\n")
    file = SettingsFile(path)
    assert file.settings == PORT_8080
    assert [problem.kind for problem in file.problems] == ["bad value", "kept aside"]
    await file.save(file.settings)
    assert "many" not in path.read_text()
    assert "many" in path.with_name("settings.toml.bad").read_text()


async def test_settings_of_a_newer_version_are_not_written_over(path):
    """The file of a newer version stays as it is; changes hold for this run and the reason is told."""
    text = "version = 99\n[api]\nport = 8080\n"
    path.write_text(text)
    file = SettingsFile(path)
    assert file.settings == PORT_8080
    await file.save(Settings())
    assert file.settings == Settings()
    assert "version 99" in str(file.unsaved)
    assert path.read_text() == text
    assert os.listdir(path.parent) == [path.name]


def make_folder(path):
    """A folder with something in it."""
    path.mkdir()
    (path / "x").touch()


def make_loop(path):
    """A link to itself."""
    path.symlink_to(path.name)


def make_sparse(path):
    """A file far longer than any settings."""
    path.touch()
    os.truncate(path, 2**40)


@pytest.mark.parametrize("make", [make_folder, os.mkfifo, make_loop, make_sparse])
async def test_something_else_in_the_place_of_the_file_is_not_fatal_and_not_touched(path, make):
    """A folder, FIFO, broken link or huge file is told in one sentence; settings then live in memory."""
    make(path)
    before = untouched(path)
    file = SettingsFile(path)
    assert file.settings == Settings()
    assert [problem.kind for problem in file.problems] == ["damaged"]
    await file.save(PORT_8080)
    assert file.settings == PORT_8080
    assert str(path) in str(file.unsaved)
    assert untouched(path) == before


def untouched(path):
    """What changes when a file is written or replaced; to be read changes it not."""
    state = os.lstat(path)
    return state.st_ino, state.st_mode, state.st_size, state.st_mtime_ns, state.st_ctime_ns


async def test_a_file_that_its_user_may_not_read_is_not_fatal(path):
    """Without the right to read, defaults hold, the file stays, and the sentence says why."""
    path.write_text("[api]\nport = 8080\n")
    path.chmod(0)
    # The superuser may read everything: the program asks as somebody else.
    script = (
        "import os, sys; sys.path[:0] = sys.argv[2:]\n"
        "from pathlib import Path; import llmmem_gui.service.storage.settings_file as s\n"
        "os.chdir(os.path.dirname(sys.argv[1])); os.getuid() or (os.setgroups([]), os.setuid(65534))\n"
        "file = s.SettingsFile(Path('settings.toml'))\n"
        "print(file.settings.api.port, file.problems[0].sentence)"
    )
    path.parent.chmod(0o777)
    done = subprocess.run(
        [sys.executable, "-c", script, path, os.getcwd()], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("11500 The settings file settings.toml cannot be read (Permission denied)")


async def test_a_link_to_the_settings_stays_a_link(path, tmp_path):
    """People who keep their settings elsewhere and link to them find the change there."""
    elsewhere = tmp_path / "dotfiles.toml"
    elsewhere.write_text("# mine\n")
    path.symlink_to(elsewhere)
    await SettingsFile(path).save(PORT_8080)
    assert path.is_symlink()
    assert "8080" in elsewhere.read_text()


async def test_a_folder_that_is_gone_is_told_and_the_next_save_succeeds(path):
    """A write that fails keeps the settings in force, says so, and is made good by the next change."""
    file = SettingsFile(path)
    path.parent.rmdir()
    await file.save(PORT_8080)
    assert file.settings == PORT_8080
    assert "No such file or directory" in str(file.unsaved)
    path.parent.mkdir()
    await file.save(PORT_8080)
    assert file.unsaved is None
    assert SettingsFile(path).settings == PORT_8080


WRITER = """
import asyncio, resource, signal, sys
sys.path[:0] = sys.argv[2:]
from pathlib import Path
from llmmem_gui.core.settings import Settings
from llmmem_gui.service.storage.settings_file import SettingsFile
file = SettingsFile(Path(sys.argv[1]))
"""

WRITE_FOR_EVER = (
    WRITER
    + """
print("ready", flush=True)
while True:
    for port in range(1000, 1100):
        folders = [f"/models/{port}/{number}" for number in range(200)]
        file._write(Settings().with_value("api.port", port).with_value("library.folders", folders))
"""
)


def test_killed_while_writing_the_file_is_the_old_or_the_new_one(path):
    """After kill -9 at 50 random moments of writing, the file is always whole."""
    for _ in range(50):
        with subprocess.Popen(
            [sys.executable, "-c", WRITE_FOR_EVER, path, os.getcwd()], stdout=subprocess.PIPE
        ) as writer:
            assert writer.stdout.readline() == b"ready\n"
            written = path.stat().st_mtime_ns if path.exists() else 0
            # Killed right after some new file has appeared, so in the midst of writing the next.
            while not path.exists() or path.stat().st_mtime_ns == written:
                assert writer.poll() is None
            writer.send_signal(signal.SIGKILL)
        file = SettingsFile(path)
        assert file.problems == ()
        port = file.settings.api.port
        assert 1000 <= port < 1100
        assert file.settings.library.folders == tuple(f"/models/{port}/{number}" for number in range(200))


FULL_DISK = (
    WRITER
    + """
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
folders = [f"/models/{number}" for number in range(200)]
asyncio.run(file.save(Settings().with_value("library.folders", folders)))
print(file.unsaved)
"""
)


def test_a_full_disk_leaves_the_old_file_and_says_so(path):
    """When the system refuses to write all bytes, the old file stays whole and nothing else is left."""
    path.write_text("[api]\nport = 8080\n")
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, path, os.getcwd()], capture_output=True, text=True, check=True
    )
    assert "could not be saved" in done.stdout
    assert "File too large" in done.stdout
    assert path.read_text() == "[api]\nport = 8080\n"
    assert os.listdir(path.parent) == [path.name]
