"""Files of conversations: whose they are, when they count, and when they go."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from llmmem_gui.core.gguf import FileIdentity
from llmmem_gui.core.measurement import LoadKey
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.settings import ConversationSettings
from llmmem_gui.service.hosting.conversations import ConversationKeeper
from llmmem_gui.service.storage.conversation_files import ConversationFiles

KEPT = ConversationSettings(keep_on_disk=True)
MIB = 2**20


@pytest.fixture
def files(tmp_path: Path) -> ConversationFiles:
    """A folder that is not there yet."""
    return ConversationFiles(tmp_path / "conversations")


def key(name: str = "a", **parameters: int) -> LoadKey:
    """What a load is known by."""
    identity = FileIdentity(1, 2, 3, 4)
    return LoadKey((identity,), LoadParameters(**parameters), name)  # type: ignore[arg-type]


def written(keeper: ConversationKeeper, which: LoadKey, content: bytes) -> None:
    """What a host does that is asked to end: it writes, and says that it is whole."""
    opened = keeper.open(which)
    assert opened.told.file is not None
    Path(os.fsdecode(opened.told.file)).write_bytes(content)
    opened.finish(is_whole=True)


def earlier(keeper: ConversationKeeper, which: LoadKey) -> bytes | None:
    """What the next load of it is given."""
    opened = keeper.open(which)
    path = opened.told.earlier
    content = None if path is None else Path(os.fsdecode(path)).read_bytes()
    opened.finish(is_whole=False)
    return content


def test_they_are_kept_only_where_a_person_wants_them(files: ConversationFiles, tmp_path: Path) -> None:
    """By default nothing comes to the disk; turned off again, everything goes, the key of the names too."""
    keeper = ConversationKeeper(files)
    assert keeper.open(key()).told.file is None
    assert not (tmp_path / "conversations").exists()
    keeper.go_by(KEPT)
    written(keeper, key(), b"said")
    assert earlier(keeper, key()) == b"said"
    keeper.go_by(ConversationSettings())
    assert list((tmp_path / "conversations").iterdir()) == []
    keeper.go_by(KEPT)
    assert earlier(keeper, key()) is None


def test_another_model_parameter_or_engine_has_others(files: ConversationFiles) -> None:
    """A file is found again by the same load only."""
    keeper = ConversationKeeper(files)
    keeper.go_by(KEPT)
    written(keeper, key(), b"said")
    assert earlier(keeper, key("b")) is None
    assert earlier(keeper, key(context=512)) is None
    assert earlier(keeper, key()) == b"said"


def test_names_and_modes_tell_nothing(files: ConversationFiles, tmp_path: Path) -> None:
    """Folder and files are their user's alone; two users have other names for the same model."""
    keeper = ConversationKeeper(files)
    keeper.go_by(KEPT)
    written(keeper, key(), b"said")
    folder = tmp_path / "conversations"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    other = ConversationKeeper(ConversationFiles(tmp_path / "other"))
    other.go_by(KEPT)
    written(other, key(), b"said")
    names = {path.name for path in folder.iterdir()} & {path.name for path in (tmp_path / "other").iterdir()}
    assert names == {"key"}


def test_what_is_not_whole_never_counts(files: ConversationFiles, tmp_path: Path) -> None:
    """A killed host changes nothing; what a crash of the program has left is cleaned up at the next start."""
    keeper = ConversationKeeper(files)
    keeper.go_by(KEPT)
    written(keeper, key(), b"said")
    opened = keeper.open(key())
    assert opened.told.file is not None
    Path(os.fsdecode(opened.told.file)).write_bytes(b"half")
    opened.finish(is_whole=False)
    assert earlier(keeper, key()) == b"said"
    left = keeper.open(key()).told.file
    assert left is not None
    ConversationKeeper(files).start(KEPT)
    assert not os.path.exists(left)
    assert earlier(keeper, key()) == b"said"


def test_all_together_take_no_more_than_is_allowed(files: ConversationFiles, tmp_path: Path) -> None:
    """What was used longest ago goes first, whenever one comes or the limit falls."""
    keeper = ConversationKeeper(files)
    keeper.go_by(ConversationSettings(keep_on_disk=True, disk_mib=3))
    folder = tmp_path / "conversations"
    for place in range(4):
        written(keeper, key(str(place)), bytes(MIB))
        for path in folder.glob("*.conversations"):
            state = path.stat()
            os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns - 10**9))
    assert [earlier(keeper, key(str(place))) is not None for place in range(4)] == [False, True, True, True]
    keeper.go_by(ConversationSettings(keep_on_disk=True, disk_mib=1))
    assert [earlier(keeper, key(str(place))) is not None for place in range(4)] == [False, False, False, True]


def test_a_folder_that_cannot_be_used_keeps_nothing_from_loading(tmp_path: Path) -> None:
    """Where no folder can be, loads go on without."""
    (tmp_path / "conversations").write_text("a file")
    keeper = ConversationKeeper(ConversationFiles(tmp_path / "conversations"))
    keeper.start(KEPT)
    assert keeper.open(key()).told.file is None
