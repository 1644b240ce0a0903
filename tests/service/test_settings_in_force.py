"""Changes of settings: from several places at once, in force before they are on the disk, and told."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from llmmem_gui.core.events import Event
from llmmem_gui.core.settings import BadSetting, Settings
from llmmem_gui.core.settings_text import parse
from llmmem_gui.core.units import GIB, MIB
from llmmem_gui.folders import Folders
from llmmem_gui.service.storage import settings_file
from llmmem_gui.ui.sentences import event_sentence
from tests.made_up_models import Recipe, write_model
from tests.service.running_service import RunningService, running_service


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of a few MiB that llama.cpp really loads."""
    return write_model(tmp_path_factory.mktemp("tiny") / "tiny.gguf", Recipe(vocabulary=2_000, layers=2))


@pytest.fixture
async def running(tiny_model: Path) -> AsyncIterator[RunningService]:
    async with running_service([tiny_model], RunningService) as service:
        yield service


def on_disk() -> Settings:
    return parse(Folders.of_user().settings_file.read_text())[0]


async def test_a_change_takes_nothing_with_it_that_was_changed_elsewhere(running: RunningService) -> None:
    """A dialog that was opened before a pin and a limit were set changes its own field and no other."""
    service, (model,) = running.service, running.models
    shown = service.settings
    await service.set_pinned(model, True, actor="cli")
    await service.set_limit(None, 8 * GIB, actor="tray")
    await service.change_settings(
        shown.differences(shown.with_value("warnings.warn_percent", 70)), actor="window"
    )
    for settings in (service.settings, on_disk()):
        assert settings.warnings.warn_percent == 70
        assert settings.limits.total_limit_bytes == 8 * GIB
        assert [chosen.pinned for chosen in settings.models.values()] == [True]


async def test_changes_made_at_the_same_time_all_hold(running: RunningService) -> None:
    """None of several changes that wait for the disk together is lost."""
    service, (model,) = running.service, running.models
    await asyncio.gather(
        service.change_settings({"appearance.theme": "dark"}, actor="window"),
        service.set_limit(model, 900 * MIB, actor="api"),
        service.set_pinned(model, True, actor="cli"),
        service.add_folder("/models", actor="window"),
        service.set_limit(None, 8 * GIB, actor="tray"),
        service.choose_parameters(model, {"context": 1024}, actor="window"),
    )
    assert on_disk() == service.settings
    (chosen,) = service.settings.models.values()
    assert (chosen.limit_bytes, chosen.pinned, chosen.parameters.context) == (900 * MIB, True, 1024)
    assert service.settings.appearance.theme == "dark"
    assert service.settings.library.folders == ("/models",)
    assert service.settings.limits.total_limit_bytes == 8 * GIB


async def test_a_limit_holds_while_the_disk_hangs(
    running: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a disk that thrashes a limit is in force, and told, before it is written."""
    service, (model,) = running.service, running.models
    disk = threading.Event()
    real = settings_file.replace_file

    def hang(path: Path, content: bytes) -> None:
        disk.wait(60)
        real(path, content)

    monkeypatch.setattr(settings_file, "replace_file", hang)
    changes = [
        asyncio.ensure_future(service.set_limit(None, 3 * GIB, actor="window")),
        asyncio.ensure_future(service.set_limit(model, 900 * MIB, actor="window")),
        asyncio.ensure_future(service.set_pinned(model, True, actor="window")),
    ]
    try:
        await running.until(lambda: running.events("pin-changed"))
        assert not any(change.done() for change in changes)
        assert service.snapshot.bounds.total_limit_bytes == 3 * GIB
        shown = service.snapshot.model(model)
        assert shown is not None
        assert (shown.limit_bytes, shown.pinned) == (900 * MIB, True)
    finally:
        disk.set()
        await asyncio.gather(*changes)
    assert on_disk() == service.settings


async def test_a_limit_that_is_taken_away_is_told_as_taken_away(running: RunningService) -> None:
    """None and 0 mean no limit for a model and for all, everywhere, and the event has no number then."""
    service, (model,) = running.service, running.models
    for nothing in (None, 0):
        for which in (model, None):
            await service.set_limit(which, GIB, actor="window")
            await service.set_limit(which, nothing, actor="window")
        assert service.snapshot.bounds.total_limit_bytes is None
        shown = service.snapshot.model(model)
        assert shown is not None
        assert shown.limit_bytes is None
    told = running.events("limit-changed")
    assert [event.numbers.get("limit_bytes") for event in told] == [GIB, None] * 4
    assert event_sentence(told[1]).startswith(f"{model} has no limit any more")
    assert event_sentence(told[3]).startswith("there is no total limit any more")


async def test_a_limit_that_became_automatic_is_told_with_its_number(running: RunningService) -> None:
    """Whoever changes the total limit, by whatever way: what is in force is told; nothing else is."""
    service = running.service
    automatic = service.snapshot.bounds.total_limit_bytes
    await service.change_settings({"limits.total_limit_bytes": 3 * GIB, "api.port": 0}, actor="api")
    await service.change_settings({"limits.total_limit_bytes": "automatic"}, actor="window")
    await service.change_settings({"limits.idle_minutes": 3}, actor="window")
    told = [(event.numbers["limit_bytes"], event.actor) for event in running.events("limit-changed")]
    assert told == [(3 * GIB, "api"), (automatic, "window")]


async def test_a_change_that_cannot_be_changes_nothing(running: RunningService) -> None:
    """The setting is named, and the one beside it stays."""
    before = running.service.settings
    with pytest.raises(BadSetting, match=r"warnings\.warn_percent") as bad:
        await running.service.change_settings(
            {"limits.idle_minutes": 1, "warnings.warn_percent": 0}, actor="api"
        )
    assert bad.value.name == "warnings.warn_percent"
    assert running.service.settings == before
    assert not [fact for fact in running.facts if isinstance(fact, Event) and fact.actor == "api"]
