"""The service with real models in real hosts: load, ask, evict, cancel, crash, quit."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from llmmem_gui.core.events import UnloadReceipt
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.readings import Sample
from llmmem_gui.core.snapshot import State
from llmmem_gui.folders import Folders
from llmmem_gui.service.command_error import CommandError
from llmmem_gui.service.hosting.hosts import HostStarter
from llmmem_gui.service.memory_service import MemoryService
from llmmem_gui.service.storage.settings_file import SettingsFile
from tests.service.running_service import MIB, RunningService, running_service


class Running(RunningService):
    """A service with the two real models."""

    @property
    def smol(self) -> str:
        return self.models[0]

    @property
    def gemma(self) -> str:
        return self.models[1]


@pytest.fixture
async def running(smol_path: Path, gemma_path: Path) -> AsyncIterator[Running]:
    async with running_service([smol_path, gemma_path], kind=Running) as service:
        yield service


async def test_a_model_is_loaded_answers_and_gives_everything_back(running: Running) -> None:
    """The receipt of an unload is all private memory of a process that is gone."""
    loaded = await running.service.load(running.smol, actor="window")
    assert loaded.state is State.READY
    assert loaded.context == 4096
    assert "hello" in (await running.text(running.smol, max_tokens=16)).lower()
    pid = running.pid(running.smol)
    receipt = await running.service.unload(running.smol, actor="window")
    assert not psutil.pid_exists(pid)
    assert receipt.given_back_bytes == receipt.private_before_bytes > 10 * MIB
    assert receipt.seconds < 10
    assert running.state(running.smol) is State.UNLOADED
    assert [e.cause for e in running.events("model-unloaded")] == ["asked"]
    assert any(isinstance(fact, UnloadReceipt) for fact in running.facts)


async def test_an_answer_streams_and_says_what_it_took(running: Running) -> None:
    """Asking loads the model by itself; chunks come one by one and the usage is known at the end."""
    answer = running.service.ask(
        running.smol,
        "chat",
        {
            "messages": [{"role": "user", "content": "Say hello."}],
            "temperature": 0.0,
            "max_tokens": 12,
            "stream": True,
        },
        actor="api",
    )
    chunks = [chunk async for chunk in answer]
    text = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)
    assert len(chunks) > 5
    assert text == await running.text(running.smol, max_tokens=12)
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 12


async def test_the_least_recently_used_model_makes_room(running: Running) -> None:
    """Under a limit that holds one model, loading the second unloads the first and says for whom."""
    await running.service.load(running.smol, actor="cli")
    need = (await running.service.forecast(running.gemma)).total_bytes
    await running.service.set_limit(None, need + 10 * MIB, actor="cli")
    await running.service.load(running.gemma, actor="cli")
    assert running.state(running.smol) is State.UNLOADED
    assert running.state(running.gemma) is State.READY
    (gone,) = running.events("model-unloading")
    assert (gone.model_id, gone.cause, gone.for_model) == (running.smol, "make room", running.gemma)


@pytest.mark.parametrize("may_doze", [True, False])
async def test_what_is_said_beforehand_of_a_load_and_of_a_limit_happens(
    running: Running, may_doze: bool
) -> None:
    """Row and slider go by the rules in force, as the load and the limit do."""
    service = running.service
    await service.change_settings({"limits.may_doze": may_doze}, actor="window")
    await running.text(running.gemma, max_tokens=1)
    need = (await service.forecast(running.smol)).main_bytes
    limit = service.snapshot.charged_bytes + need - 10 * MIB
    await service.set_limit(None, limit, actor="window")
    row = service.snapshot.model(running.smol)
    assert row is not None
    said = service.snapshot.outlook(row)
    assert said is not None
    lower = service.preview({"limits.total_limit_bytes": service.snapshot.charged_bytes - 10 * MIB})
    assert (said.dozes, said.unloads) == (lower.dozes, lower.unloads)
    await service.load(running.smol, actor="window")
    assert tuple(event.model_id for event in running.events("model-dozed")) == said.dozes
    assert tuple(event.model_id for event in running.events("model-unloading")) == said.unloads
    assert bool(said.dozes) == may_doze


async def test_a_limit_below_use_unloads_at_once(running: Running) -> None:
    """Moving the total limit below what is used unloads in order until the rest fits."""
    await running.service.load(running.smol, actor="window")
    await running.service.load(running.gemma, actor="window")
    await running.service.set_limit(None, 1 * MIB, actor="window")
    await running.until(lambda: not running.service.usage().models)
    assert {e.cause for e in running.events("model-unloaded")} == {"total limit"}
    with pytest.raises(CommandError, match=r"needs .* the limit leaves") as refused:
        await running.service.load(running.smol, actor="window")
    assert refused.value.code == "refused"
    assert refused.value.numbers["need_bytes"] > refused.value.numbers["room_bytes"]


async def test_a_model_above_its_own_limit_is_refused_with_the_numbers(running: Running) -> None:
    """A limit of one model shapes its load and touches no other model."""
    await running.service.load(running.smol, actor="cli")
    with pytest.raises(CommandError, match=r"its limit is 50\.0 MiB"):
        await running.service.load(running.gemma, limit_bytes=50 * MIB, actor="cli")
    assert running.state(running.smol) is State.READY


async def test_a_pinned_model_is_not_pushed_out(running: Running) -> None:
    """What does not fit beside a pinned model is refused, and the refusal names it."""
    await running.service.load(running.smol, pin=True, actor="cli")
    need = (await running.service.forecast(running.gemma)).total_bytes
    await running.service.set_limit(None, need + 10 * MIB, actor="cli")
    with pytest.raises(CommandError, match=f"{running.smol} is pinned"):
        await running.service.load(running.gemma, actor="api")
    assert running.state(running.smol) is State.READY


async def test_a_load_is_cancelled(running: Running) -> None:
    """Cancelling the wait ends the load, and the same model can be loaded again."""
    load = asyncio.ensure_future(running.service.load(running.gemma, actor="window"))
    await running.until(lambda: running.state(running.gemma) is State.LOADING)
    load.cancel()
    with pytest.raises(asyncio.CancelledError):
        await load
    await running.until(lambda: running.state(running.gemma) is State.UNLOADED)
    assert (await running.service.load(running.gemma, actor="window")).state is State.READY


async def test_unloading_cancels_a_load(running: Running) -> None:
    """Unload on a model that is loading ends the load for everybody who waits for it."""
    load = asyncio.ensure_future(running.service.load(running.gemma, actor="api"))
    await running.until(lambda: running.state(running.gemma) is State.LOADING)
    await running.service.unload(running.gemma, actor="window")
    with pytest.raises(CommandError) as error:
        await load
    assert error.value.code == "cancelled"


async def test_a_host_that_is_killed_while_it_answers(running: Running) -> None:
    """The answer ends with the reason, the other model goes on, and the model loads again."""
    await running.service.load(running.smol, actor="cli")
    answer = running.service.ask(
        running.gemma, "completion", {"prompt": "Once", "max_tokens": 500, "stream": True}, actor="api"
    )
    await answer.__anext__()
    assert running.state(running.gemma) is State.BUSY
    os.kill(running.pid(running.gemma), signal.SIGKILL)
    with pytest.raises(CommandError, match="signal 9") as error:
        async for _ in answer:
            pass
    assert error.value.code == "host died"
    await running.until(lambda: running.state(running.gemma) is State.FAILED)
    assert running.state(running.smol) is State.READY
    assert await running.text(running.smol, max_tokens=4)
    assert (await running.service.load(running.gemma, actor="cli")).state is State.READY


async def test_leaving_an_answer_cancels_it(running: Running) -> None:
    """Whoever stops listening frees the model: it is idle again and answers the next one."""
    arguments = {"prompt": "Once upon a time", "max_tokens": 3000, "stream": True}
    async with running.service.ask(running.smol, "completion", arguments, actor="window") as answer:
        await answer.__anext__()
        assert running.state(running.smol) is State.BUSY
    await running.until(lambda: running.state(running.smol) is State.READY)
    assert await running.text(running.smol, max_tokens=4)


async def test_unloading_a_busy_model_ends_its_answer(running: Running) -> None:
    """An explicit unload does not wait for the answer in flight."""
    arguments = {"prompt": "Once upon a time", "max_tokens": 3000, "stream": True}
    answer = running.service.ask(running.smol, "completion", arguments, actor="api")
    await answer.__anext__()
    await running.service.unload(running.smol, actor="tray")
    with pytest.raises(CommandError) as error:
        async for _ in answer:
            pass
    assert error.value.code == "unloaded"


async def test_two_models_answer_at_once_and_share_the_cores(running: Running) -> None:
    """Both answers come, and neither is lost."""
    smol, gemma = await asyncio.gather(
        running.text(running.smol, max_tokens=16), running.text(running.gemma, max_tokens=16)
    )
    assert smol
    assert gemma is not None
    assert {running.state(running.smol), running.state(running.gemma)} == {State.READY}


async def test_other_parameters_load_the_model_again(running: Running) -> None:
    """A load with another context replaces the one in force."""
    await running.service.load(running.smol, actor="cli")
    first = running.pid(running.smol)
    again = await running.service.load(running.smol, LoadParameters(context=1024), actor="cli")
    assert again.context == 1024
    assert running.pid(running.smol) != first


async def test_a_dozing_model_gives_its_weights_back_and_wakes_with_the_same_answer(running: Running) -> None:
    """Dozing drops mapped weights only; the next request wakes the model by itself."""
    before = await running.text(running.gemma, max_tokens=8)
    await running.service.doze(running.gemma, actor="window")
    pid = running.pid(running.gemma)
    assert running.state(running.gemma) is State.DOZING
    assert await running.text(running.gemma, max_tokens=8) == before
    assert running.pid(running.gemma) == pid


async def test_models_idle_for_long_are_unloaded(running: Running) -> None:
    """The idle timer unloads what nobody used, and leaves a pinned model alone."""
    await running.service.load(running.smol, pin=True, actor="cli")
    await running.service.load(running.gemma, actor="cli")
    await running.service.change_settings({"limits.idle_minutes": 0.001}, actor="cli")
    await running.until(lambda: running.state(running.gemma) is State.UNLOADED)
    assert [e.cause for e in running.events("model-unloaded")] == ["idle"]
    assert running.state(running.smol) is State.READY


async def test_clean_up_unloads_idle_models_and_keeps_pinned_ones(running: Running) -> None:
    """The receipts of a clean-up name what was unloaded."""
    await running.service.load(running.smol, pin=True, actor="cli")
    await running.service.load(running.gemma, actor="cli")
    receipts = await running.service.clean_up(actor="window")
    assert [(r.model_id, r.cause) for r in receipts] == [(running.gemma, "clean up")]
    assert running.state(running.smol) is State.READY


async def test_quitting_while_loading_leaves_nothing_behind(running: Running) -> None:
    """The fixture closes the service in the middle of two loads and finds no process."""
    loads = [
        asyncio.ensure_future(running.service.load(model, actor="window"))
        for model in (running.smol, running.gemma)
    ]
    await running.until(lambda: running.state(running.gemma) is State.LOADING)
    await running.service.close()
    for error in await asyncio.gather(*loads, return_exceptions=True):
        assert isinstance(error, CommandError)
        assert error.code == "closing"


async def test_samples_tell_what_each_model_uses(running: Running) -> None:
    """Usage is measured: private and mapped bytes of the host, and percent of the limit."""
    await running.service.set_limit(None, 2048 * MIB, actor="cli")
    await running.service.load(running.smol, actor="cli")
    await running.until(lambda: running.service.usage().current_bytes > 60 * MIB)
    usage = running.service.usage()
    assert usage.limit_bytes == 2048 * MIB
    assert usage.percent == pytest.approx(100 * usage.current_bytes / (2048 * MIB))
    assert set(usage.models) == {running.smol}
    assert any(isinstance(fact, Sample) and running.smol in fact.hosts for fact in running.facts)


async def test_a_reading_of_an_earlier_process_is_not_taken(running: Running) -> None:
    """A sample begun before a host came may tell of the one before it, whose pid may even be the same."""
    await running.service.load(running.smol, actor="cli")
    await running.until(lambda: running.service.usage().current_bytes > 60 * MIB)
    samples = [fact for fact in running.facts if isinstance(fact, Sample) and running.smol in fact.hosts]
    now = samples[-1].hosts[running.smol]
    earlier = replace(now, started=now.started - 1, private_bytes=2**40)
    other = replace(now, pid=now.pid + 1, private_bytes=2**40)
    for reading in (earlier, other):
        sample = replace(samples[-1], hosts={running.smol: reading})
        assert running.service._driver.observe(sample).hosts == {}
    assert running.service.usage().current_bytes < 2**40
    assert running.state(running.smol) is State.READY


@pytest.mark.parametrize(
    ("name", "content"),
    [("text.gguf", b"this is no model\n" * 100), ("empty.gguf", b""), ("magic.gguf", b"GGUF")],
)
async def test_a_bad_file_gets_one_clear_sentence(
    running: Running, tmp_path: Path, name: str, content: bytes
) -> None:
    """A file that is no model is refused with its name and a reason, and the service goes on."""
    bad = tmp_path / name
    bad.write_bytes(content)
    with pytest.raises(CommandError, match=name) as error:
        await running.service.load(str(bad), actor="cli")
    assert error.value.code == "bad model"
    assert "\n" not in str(error.value)
    assert running.state(running.smol) is State.UNLOADED


async def test_a_truncated_model_a_folder_and_a_missing_file(
    running: Running, tmp_path: Path, smol_path: Path
) -> None:
    """Each is refused with one sentence that names it."""
    truncated = tmp_path / "truncated.gguf"
    with smol_path.open("rb") as whole:
        truncated.write_bytes(whole.read(5 * MIB))
    folder = tmp_path / "folder.gguf"
    folder.mkdir()
    for path in (truncated, folder, tmp_path / "missing.gguf"):
        with pytest.raises(CommandError, match=path.name):
            await running.service.load(str(path), actor="cli")


async def test_settings_survive_a_restart(running: Running, smol_path: Path) -> None:
    """Limits and pins are on the disk as soon as they are set, and hold for the next service."""
    await running.service.set_limit(running.smol, 512 * MIB, actor="cli")
    await running.service.set_pinned(running.smol, True, actor="cli")
    await running.service.set_limit(None, 3000 * MIB, actor="cli")
    await running.service.close()
    folders = Folders.of_user()
    again = MemoryService(folders, SettingsFile(folders.settings_file), HostStarter.spawn())
    await again.start()
    model = again.snapshot.model(running.smol)
    assert model is not None
    assert (model.limit_bytes, model.pinned) == (512 * MIB, True)
    assert again.snapshot.bounds.total_limit_bytes == 3000 * MIB
    await again.close()


async def test_settings_that_cannot_be_saved_are_told_once(running: Running) -> None:
    """They hold nevertheless; the note names the file, and comes again only when something else is wrong."""
    path = Folders.of_user().settings_file
    path.unlink(missing_ok=True)
    path.mkdir()
    for limit in (800 * MIB, 900 * MIB):
        await running.service.set_limit(None, limit, actor="window")
    assert running.service.snapshot.bounds.total_limit_bytes == 900 * MIB
    (note,) = running.events("note")
    assert str(path) in str(note.text)
    assert "until the program ends" in str(note.text)


@pytest.mark.parametrize("kind", ["a link to itself", "a file", "nothing"])
async def test_a_folder_that_cannot_be_searched_is_told_once(
    running: Running, tmp_path: Path, kind: str
) -> None:
    """A folder of the user's is named once for as long as it stays so."""
    named = tmp_path / "models"
    if kind == "a link to itself":
        named.symlink_to(named)
    elif kind == "a file":
        named.write_text("no model")
    await running.service.add_folder(str(named), actor="window")
    for _ in range(2):
        await running.service.scan()
    (note,) = running.events("note")
    assert str(note.text).startswith(f"{named} cannot be searched: ")


async def test_the_next_forecast_learns_from_what_a_load_took(running: Running) -> None:
    """After a load that was used, forecast and measurement stand side by side, and the source says so."""
    first = await running.service.forecast(running.smol)
    assert first.source == "dry run"
    await running.text(running.smol, max_tokens=8)
    await running.service.unload(running.smol, actor="cli")
    await running.until(lambda: running.service.catalogue.forecasts.past(running.smol))
    (record,) = running.service.catalogue.forecasts.past(running.smol)
    assert record.forecast_bytes == first.total_bytes
    assert record.measured.filled_tokens > 20
    assert record.measured_bytes > 100 * MIB
    again = await running.service.forecast(running.smol)
    assert (again.source, again.measured_times) == ("measured", 1)


async def test_text_and_embeddings_of_one_model_in_turn(running: Running) -> None:
    """A model that was loaded to generate gives embeddings when asked for them, and text again after that."""
    before = await running.text(running.smol, max_tokens=4)
    answer = running.service.ask(running.smol, "embedding", {"input": "a cat"}, actor="api")
    (payload,) = [payload async for payload in answer]
    assert len(base64.b64decode(payload["data"][0]["embedding"])) == 576 * 4
    assert await running.text(running.smol, max_tokens=4) == before


async def test_a_load_that_takes_too_long_is_given_up(running: Running) -> None:
    """The time that a load may take is a setting; what is given up leaves nothing behind."""
    await running.service.change_settings({"loading.load_timeout_seconds": 1.0}, actor="window")
    load = asyncio.ensure_future(running.service.load(running.gemma, actor="window"))
    await running.until(lambda: running.state(running.gemma) is State.LOADING)
    await running.until(lambda: _stopped(running))
    with pytest.raises(CommandError, match="did not finish loading within 1 s") as error:
        await load
    assert error.value.code == "load failed"


def _stopped(running: Running) -> bool:
    """Freeze the host as soon as there is one, which is before a snapshot tells of it."""
    pid = running.service._driver.pid_of(running.gemma)
    if pid is None:
        return False
    os.kill(pid, signal.SIGSTOP)
    return True
