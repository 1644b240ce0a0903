"""A program whose service cannot go on ends in order and says why."""

from __future__ import annotations

import asyncio

import psutil
import pytest

from llmmem_gui.cli.failures import explain
from llmmem_gui.folders import Folders
from llmmem_gui.service import supervision
from llmmem_gui.service.program import Program, ServiceBroken
from llmmem_gui.service.storage.program_lock import ProgramLock


@pytest.fixture
def folders() -> Folders:
    folders = Folders.of_user()
    folders.create()
    folders.settings_file.write_text("[library]\nsearch_known_folders = false\n")
    return folders


async def test_a_fault_that_nobody_can_mend_ends_the_program_in_order(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever runs it gets the task and its error; processes and lock are gone, and it can start again."""
    monkeypatch.setattr(supervision, "FIRST_PAUSE_SECONDS", 0.0)
    before = set(psutil.Process().children(recursive=True))
    program = Program(folders)
    await program.start(0)

    async def fail() -> None:
        raise RuntimeError("broken for good")

    monkeypatch.setattr(program.service._ticks, "tick", fail)
    monkeypatch.setattr(program.service._ticks, "_interval", lambda: 0.0)
    with pytest.raises(ServiceBroken, match=r"sampling fails again and again .*broken for good") as broken:
        await program.until(asyncio.Event())
    await program.close()
    code, line = explain(broken.value)
    assert code == 1
    assert "broken for good" in line
    assert set(psutil.Process().children(recursive=True)) <= before
    ProgramLock(folders.data).release()


async def test_a_program_that_is_told_to_end_is_not_broken(folders: Folders) -> None:
    """The usual end raises nothing."""
    program = Program(folders)
    await program.start(0)
    end = asyncio.Event()
    end.set()
    await program.until(end)
    await program.close()
