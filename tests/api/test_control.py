"""The control API of a real program with real models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from llmmem_gui.service.api_client import RequestFailed, model_path
from llmmem_gui.service.http.control_records import (
    ForecastEntry,
    LibraryEntry,
    MemoryUsage,
    ModelStatus,
    ReceiptEntry,
    Status,
)
from tests.running_program import RunningProgram

MIB = 2**20


def test_a_model_is_loaded_as_asked_and_seen(program: RunningProgram, smol: str, smol_path: Path) -> None:
    """A load answers with the model's entry, which stands in the list of models with its numbers."""
    client = program.client()
    body = {"context": 512, "kv_type": "q8_0", "limit_bytes": 900 * MIB, "pin": True}
    loaded = client.request("POST", model_path(smol, "load"), body, gives=ModelStatus)
    assert (loaded.state, loaded.context, loaded.pinned, loaded.limit_bytes) == (
        "ready",
        512,
        True,
        900 * MIB,
    )
    assert loaded.path == str(smol_path)
    assert loaded.pid is not None
    assert Path(f"/proc/{loaded.pid}").exists()
    status = client.request("GET", "/api/v1/models", gives=Status)
    assert [model.id for model in status.models if model.pid is not None] == [smol]
    assert status.machine.total_bytes is not None
    assert status.machine.available_bytes is not None
    client.request("PUT", model_path(smol, "pin"), {"pinned": False})
    freed = client.request("PUT", model_path(smol, "limit"), {"limit_bytes": None}, gives=ModelStatus)
    assert (freed.pinned, freed.limit_bytes) == (False, None)


def test_an_unload_gives_a_receipt(program: RunningProgram, smol: str) -> None:
    """The receipt says what was given back, and the process is gone."""
    client = program.client()
    pid = client.request("POST", model_path(smol, "load"), gives=ModelStatus).pid
    receipt = client.request("POST", model_path(smol, "unload"), gives=ReceiptEntry)
    assert receipt.id == smol
    assert receipt.reason == "asked"
    assert receipt.given_back_bytes == receipt.private_before_bytes > MIB
    assert receipt.seconds < 60
    assert not Path(f"/proc/{pid}").exists()


def test_cleaning_up_spares_the_pinned(program: RunningProgram, smol: str, gemma: str) -> None:
    """Clean up unloads the idle models that are not pinned; unload all takes the rest."""
    client = program.client()
    client.request("POST", model_path(smol, "load"), {"pin": True})
    client.request("POST", model_path(gemma, "load"))
    assert [r.id for r in client.request("POST", "/api/v1/cleanup", gives=list[ReceiptEntry])] == [gemma]
    assert [r.id for r in client.request("POST", "/api/v1/unload", {}, gives=list[ReceiptEntry])] == [smol]
    client.request("PUT", model_path(smol, "pin"), {"pinned": False})


def test_usage_is_given_in_total_and_for_each(program: RunningProgram, smol: str) -> None:
    """Current bytes, limit and percent stand for all models and for each."""
    client = program.client()
    client.request("POST", model_path(smol, "load"), {"limit_bytes": 1024 * MIB})
    total = client.request("PUT", "/api/v1/limit", {"limit_bytes": 4096 * MIB}, gives=MemoryUsage)
    assert total.limit_bytes == 4096 * MIB
    one = client.request("GET", "/api/v1/usage", gives=MemoryUsage).models[smol]
    assert one.limit_bytes == 1024 * MIB
    assert one.percent == pytest.approx(100 * one.current_bytes / one.limit_bytes)
    client.request("PUT", model_path(smol, "limit"), {"limit_bytes": None})
    freed = client.request("PUT", "/api/v1/limit", {"limit_bytes": None}, gives=MemoryUsage)
    assert (freed.limit_bytes, freed.percent) == (None, None)


def test_a_dozing_model_wakes_by_itself(program: RunningProgram, smol: str) -> None:
    """Dozing is answered at once and ends with the next question."""
    client = program.client()
    client.request("POST", model_path(smol, "load"))
    assert client.request("POST", model_path(smol, "doze"), gives=ModelStatus).state == "dozing"
    asked = {"model": smol, "prompt": "1 2 3", "max_tokens": 2}
    assert client.request("POST", "/v1/completions", asked)["usage"]["completion_tokens"] == 2
    assert client.request("GET", model_path(smol), gives=ModelStatus).state == "ready"


def test_a_forecast_adds_up(program: RunningProgram, smol: str) -> None:
    """The parts make the total, the total lies between low and high, more context takes more."""
    client = program.client()
    sizes = []
    for context in (1024, 8192):
        forecast = client.request(
            "POST", model_path(smol, "forecast"), {"context": context}, gives=ForecastEntry
        )
        parts = (
            forecast.weights_bytes,
            forecast.kv_cache_bytes,
            forecast.compute_bytes,
            forecast.overhead_bytes,
        )
        assert forecast.total_bytes == sum(parts)
        assert forecast.total_bytes == forecast.mapped_bytes + forecast.private_bytes + forecast.vram_bytes
        assert forecast.low_bytes <= forecast.total_bytes <= forecast.high_bytes
        assert forecast.context == context
        sizes.append(forecast.total_bytes)
    assert sizes[0] < sizes[1]


def test_a_folder_is_scanned(program: RunningProgram, tmp_path: Path, smol_path: Path) -> None:
    """A folder that is named is looked through; what is no model is listed with its reason."""
    (tmp_path / "linked.gguf").symlink_to(smol_path)
    (tmp_path / "text.gguf").write_text("no model")
    body = {"folders": [str(tmp_path)]}
    found = program.client().request("POST", "/api/v1/scan", body, gives=list[LibraryEntry])
    by_name = {model.name: model for model in found}
    assert by_name["linked"].architecture == "llama"
    assert by_name["linked"].error is None
    assert by_name["text"].error is not None


def test_a_file_that_is_no_model_is_refused(program: RunningProgram, tmp_path: Path) -> None:
    """Adding and loading a bad file gives one sentence with its name."""
    bad = tmp_path / "bad.gguf"
    bad.write_text("GGUF but not really")
    with pytest.raises(RequestFailed, match="bad") as failure:
        program.client().request("POST", "/api/v1/models", {"path": str(bad)})
    assert failure.value.status == 422


@pytest.mark.parametrize("path", ["../../etc/passwd", "models/x.gguf", "a\0b", ""])
def test_paths_that_are_not_absolute_are_refused(program: RunningProgram, path: str) -> None:
    """A path that would depend on where the program was started is no path."""
    with pytest.raises(RequestFailed) as failure:
        program.client().request("POST", "/api/v1/models", {"path": path})
    assert failure.value.status == 400


@pytest.mark.parametrize(
    "model_id", ["../../etc/passwd", "/etc/passwd", "..", "nothing", "a\0b", "C:\\x", "é"]
)
def test_ids_are_looked_up_and_never_paths(
    program: RunningProgram, model_id: str, smol: str, smol_path: Path
) -> None:
    """An id that is not known is refused, whatever it looks like; so is the path of a known model."""
    assert smol in {
        model.id for model in program.client().request("GET", "/api/v1/models", gives=Status).models
    }
    for name in (model_id, str(smol_path)):
        with pytest.raises(RequestFailed) as failure:
            program.client().request("POST", model_path(name, "load"))
        assert failure.value.status == 404
        with pytest.raises(RequestFailed) as failure:
            program.client().request("POST", "/v1/completions", {"model": name, "prompt": "a"})
        assert failure.value.status == 404


def test_settings_are_changed_all_or_none(program: RunningProgram) -> None:
    """Several settings change together; with one that cannot be, none does."""
    client = program.client()
    changed = client.request(
        "PATCH", "/api/v1/settings", {"limits.idle_minutes": 30, "warnings.warn_percent": 70}
    )
    assert (changed["limits"]["idle_minutes"], changed["warnings"]["warn_percent"]) == (30, 70)
    with pytest.raises(RequestFailed, match="warn_percent"):
        client.request("PATCH", "/api/v1/settings", {"limits.idle_minutes": 1, "warnings.warn_percent": 0})
    assert client.request("GET", "/api/v1/settings") == changed
    client.request("PATCH", "/api/v1/settings", {"limits.idle_minutes": 15, "warnings.warn_percent": 80})


def test_events_come_as_they_happen(program: RunningProgram, smol: str) -> None:
    """A listener sees the load and the unload with time, actor and numbers, and samples if it wants them."""
    client = program.client("script")
    seen: list[dict[str, Any]] = []
    with client.stream("GET", "/api/v1/events?samples=true") as events:
        client.request("POST", model_path(smol, "load"))
        client.request("POST", model_path(smol, "unload"))
        for event in events:
            seen.append(event)
            kinds = {event["type"] for event in seen}
            if {"model-loaded", "model-unloaded", "memory-sample"} <= kinds:
                break
    unloaded = next(event for event in seen if event["type"] == "model-unloaded")
    assert unloaded["model"] == smol
    assert unloaded["actor"] == "script"
    assert unloaded["cause"] == "asked"
    assert unloaded["given_back_bytes"] > 0
    assert unloaded["time"].endswith("Z")


def test_events_can_be_chosen(program: RunningProgram, smol: str) -> None:
    """Only the types asked for come, and the last ones first if asked for."""
    client = program.client()
    client.request("POST", model_path(smol, "load"))
    client.request("POST", model_path(smol, "unload"))
    with client.stream("GET", "/api/v1/events?recent=500&types=model-unloaded") as events:
        assert next(iter(events))["type"] == "model-unloaded"
    recent = client.request("GET", "/api/v1/events/recent?count=1")
    assert [event["type"] for event in recent] == ["model-unloaded"]


def test_past_events_can_be_asked_for(program: RunningProgram, smol: str, gemma: str) -> None:
    """The history tells what happened to one model; a number of events that is none is refused."""
    client = program.client("script")
    for model in (smol, gemma):
        client.request("POST", model_path(model, "load"))
        client.request("POST", model_path(model, "unload"))
    past = client.request("GET", f"/api/v1/events/past?model={smol}&limit=1")
    assert [(event["type"], event["model"], event["actor"]) for event in past] == [
        ("model-unloaded", smol, "script")
    ]
    assert gemma in {event["model"] for event in client.request("GET", "/api/v1/events/past")}
    assert client.request("GET", "/api/v1/events/past?limit=0") == []
    with pytest.raises(RequestFailed, match="limit must be 0 to 1000"):
        client.request("GET", "/api/v1/events/past?limit=many")
    with pytest.raises(RequestFailed, match="model must be no longer than 1000 characters"):
        client.request("GET", f"/api/v1/events/past?model={'m' * 1001}")


def test_pressure_can_be_simulated(program: RunningProgram) -> None:
    """A level that is simulated is shown as such at once, and its end as well."""
    client = program.client()
    with client.stream("GET", "/api/v1/events?types=pressure-changed") as events:
        client.request("PUT", "/api/v1/simulated-pressure", {"level": "warning"})
        next(iter(events))
        machine = client.request("GET", "/api/v1/models", gives=Status).machine
        assert (machine.pressure, machine.pressure_is_simulated) == ("warning", True)
        client.request("PUT", "/api/v1/simulated-pressure", {"level": "normal"})
        machine = client.request("GET", "/api/v1/models", gives=Status).machine
        assert (machine.pressure, machine.pressure_is_simulated) == ("normal", False)
