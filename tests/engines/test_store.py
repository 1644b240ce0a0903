"""Folders of engines that are damaged, strange or changed while they are read cost nothing but themselves."""

from __future__ import annotations

import asyncio
import errno
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from llmmem_gui.core.engines import EngineManifest, EngineOverview, EngineReport, Trial
from llmmem_gui.core.sentence import verbatim
from llmmem_gui.service.engines import compiler, prebuilt
from llmmem_gui.service.engines.engine_folder import holds_engine
from llmmem_gui.service.engines.engines import Engines
from llmmem_gui.service.hosting.engine_choice import EngineChoice
from llmmem_gui.service.http.engine_records import engine_list
from llmmem_gui.service.package_index import FetchError
from llmmem_gui.service.storage.engine_store import EngineStore
from tests.broken_engines import copied

RIGHT = EngineReport("", None, (), (Trial("CPU", False), Trial("CPU", True)), gpus_tried=True)

DAMAGED = {
    "empty": b"",
    "no text": b'{"name":"\xff","version":"1","source":"compiled"}',
    "nested": b'{"else":' + b"[" * 200_000,
    "of another shape": b'["name"]',
    "random": bytes(range(256)) * 16,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of an engine, empty so far."""
    path = tmp_path / "engines" / "strange"
    path.mkdir(parents=True)
    return path


def named(tmp_path: Path) -> dict[str, EngineReport | None]:
    """The engines that are found in the user's data, and what is known of each."""
    engines = EngineStore(tmp_path).engines()
    return {e.name: e.report for e in engines if e.folder.startswith(str(tmp_path))}


def claim(folder: Path, name: str = "strange") -> None:
    """Say that an engine lies in the folder."""
    manifest = EngineManifest(name, "1", "compiled")
    (folder / "engine.json").write_bytes(msgspec.json.encode(manifest))


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_manifest_costs_its_engine_alone(tmp_path: Path, folder: Path, content: bytes) -> None:
    """The others are found as ever."""
    (folder / "engine.json").write_bytes(content)
    claim_beside = tmp_path / "engines" / "whole"
    claim_beside.mkdir()
    claim(claim_beside, "whole")
    assert named(tmp_path) == {"whole": None}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_report_is_none(tmp_path: Path, folder: Path, content: bytes) -> None:
    """The engine is tried again."""
    claim(folder)
    (folder / "report.json").write_bytes(content)
    assert named(tmp_path) == {"strange": None}


@pytest.mark.parametrize("name", ["engine.json", "report.json"])
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(tmp_path: Path, folder: Path, name: str) -> None:
    """Nobody would ever write into it."""
    claim(folder)
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    writer = os.open(folder / name, os.O_RDWR)
    with ThreadPoolExecutor() as elsewhere:
        try:
            assert "strange" in elsewhere.submit(named, tmp_path).result(30) or name == "engine.json"
        finally:
            os.close(writer)  # whoever waits goes on


@pytest.mark.parametrize("name", ["", "auto", "a/b", "a\x1b[31m", "two words", "a" * 101])
def test_a_name_that_no_command_could_take_is_none(tmp_path: Path, folder: Path, name: str) -> None:
    """Names are typed, shown in terminals, and `auto` means the best engine."""
    claim(folder, name)
    assert named(tmp_path) == {}


def test_a_folder_whose_name_is_no_text_is_listed(tmp_path: Path) -> None:
    """The list is JSON, which paths need not be."""
    folder = tmp_path / "engines" / os.fsdecode(b"\xff")
    folder.mkdir(parents=True)
    claim(folder)
    store = EngineStore(tmp_path)
    (engine,) = (e for e in store.engines() if e.name == "strange")
    assert store.save(engine, RIGHT).report is not None
    listed = engine_list(EngineOverview(store.engines(), None))
    assert b"\xef\xbf\xbd" in msgspec.json.encode(listed)


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_an_engine_whose_manifest_is_damaged_is_fetched_anew(folder: Path, content: bytes) -> None:
    """Set-up mends what a full disk or a crash has left."""
    (folder / "engine.json").write_bytes(content)
    assert not holds_engine(folder, prebuilt._MANIFEST)
    assert not holds_engine(folder, EngineManifest("native", "1", "compiled"))


async def test_a_disk_that_takes_no_folder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk without inodes, or one that turned read-only, looks as if it had room."""

    def refuse(**_: object) -> str:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    monkeypatch.setattr(compiler, "_require_tools", lambda: None)
    with pytest.raises(FetchError, match="could not be written"):
        await prebuilt.fetch(tmp_path)
    with pytest.raises(compiler.BuildError, match="could not be written"):
        await compiler.build(tmp_path)


async def test_a_way_that_crashes_while_gpus_are_tried_stays_switched_off(tmp_path: Path) -> None:
    """Loads begin when the processor was tried; what GPUs show is added to what is known by then."""
    copied(tmp_path / "engines" / "copy")
    store = EngineStore(tmp_path)
    engines = Engines(store, EngineChoice(()), publish=_ignore, note=_ignore, prefer=_ignore_later)
    (engine,) = (e for e in store.engines() if e.name == "copy")
    engine = store.save(engine, msgspec.structs.replace(RIGHT, gpus_tried=False))
    engines.look("copy")
    trial = asyncio.ensure_future(engines._try_gpus(engine))
    await asyncio.sleep(0)
    engines.crashed_in_use(engine.ways()[0], verbatim("crashed"))
    await trial
    (kept,) = (e for e in store.engines() if e.name == "copy")
    assert kept.report is not None
    assert kept.report.gpus_tried
    assert [way.extra_buffers for way in kept.ways()] == [False]


def _ignore(_: object) -> None:
    pass


async def _ignore_later(_: object) -> None:
    pass
