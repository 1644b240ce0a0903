"""Real models in real hosts whose files go, change and come back while they are loaded."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from llmmem_gui.core.snapshot import State
from llmmem_gui.service.command_error import CommandError
from tests.service.running_service import MIB, RunningService, running_service


class Running(RunningService):
    """A service with a copy of the smaller model that the test may harm."""

    file: Path

    @property
    def model(self) -> str:
        return self.models[0]


@pytest.fixture
async def running(smol_path: Path, tmp_path: Path) -> AsyncIterator[Running]:
    file = Path(shutil.copy(smol_path, tmp_path / "my model.gguf"))
    async with running_service([file], kind=Running) as service:
        service.file = file
        await service.service.change_settings({"library.search_known_folders": False}, actor="window")
        yield service


async def test_a_loaded_model_whose_file_was_deleted_can_be_used_and_unloaded(running: Running) -> None:
    """It is in the snapshot and in the usage, says why, and gives its memory back."""
    await running.service.load(running.model, actor="window")
    running.file.unlink()
    await running.service.scan()
    shown = running.service.snapshot.model(running.model)
    assert shown is not None
    assert shown.state is State.READY
    assert shown.facts.gone
    assert "gone or was replaced" in str(shown.error)
    assert running.model in running.service.usage().models
    assert await running.text(running.model, max_tokens=4)
    pid = running.pid(running.model)
    receipt = await running.service.unload(running.model, actor="window")
    assert receipt.private_before_bytes > 10 * MIB
    assert not psutil.pid_exists(pid)
    assert running.service.snapshot.model(running.model) is None
    with pytest.raises(CommandError, match="There is no model"):
        await running.service.load(running.model, actor="window")


async def test_a_model_that_was_pinned_and_moved_is_still_pinned(running: Running, tmp_path: Path) -> None:
    """Its id and what was decided for it go with the file, also while it is loaded."""
    await running.service.load(running.model, pin=True, limit_bytes=900 * MIB, actor="window")
    moved = running.file.rename(tmp_path / "elsewhere.gguf")
    file = await running.service.add_model(moved)
    shown = running.service.snapshot.model(file.id)
    assert shown is not None
    assert (shown.id, shown.facts.path) == (running.model, str(moved))
    assert (shown.pinned, shown.limit_bytes, shown.state) == (True, 900 * MIB, State.READY)
    await running.service.unload(running.model, actor="window")
    await running.service.load(running.model, actor="window")
    assert running.service.snapshot.model(running.model).pinned  # type: ignore[union-attr]
