"""Forecasts and the records of loads while other things happen to them."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path

import pytest

from llmmem_gui.core.engines import EngineUse
from llmmem_gui.core.gguf import FileIdentity
from llmmem_gui.core.library import FoundModel, ModelFile, model_file
from llmmem_gui.core.measurement import LoadKey, Measurement
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.service.forecasts import Forecasts
from llmmem_gui.service.hosting.engine_choice import EngineChoice
from llmmem_gui.service.hosting.rehearsals import Rehearsals
from llmmem_gui.service.library.model_files import describe
from llmmem_gui.service.storage import durable_file
from llmmem_gui.service.storage.load_records import LoadRecord, LoadRecords
from tests.hostile_gguf import write_good_model


class HeldRehearsals(Rehearsals):
    """Rehearsals that end when the test says so."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, EngineChoice((EngineUse("", "none", "0.0.0"),)))
        self.may_end = asyncio.Event()

    async def forecast(self, file: ModelFile, parameters: LoadParameters) -> None:  # type: ignore[override]
        await self.may_end.wait()

    async def largest_context(self, file: ModelFile, parameters: LoadParameters, fits_bytes: int) -> int:
        return 1024


async def test_a_forecast_comes_although_others_were_asked_for_meanwhile(tmp_path: Path) -> None:
    """Whatever clears what is known while a rehearsal is awaited costs nobody his answer."""
    path = write_good_model(tmp_path / "model.gguf")
    found = FoundModel("model", "", (str(path),))
    file = model_file(found, describe(found), "model")
    rehearsals = HeldRehearsals(tmp_path / "rehearsals.json")
    forecasts = Forecasts(rehearsals, LoadRecords(tmp_path / "loads.json"))
    asked = asyncio.create_task(forecasts.rehearsed(file, LoadParameters()))
    await asyncio.sleep(0)
    assert await forecasts.largest_context_rehearsed(file, LoadParameters(), 10) == 1024
    rehearsals.may_end.set()
    assert (await asked).total_bytes > 0


def record(number: int) -> LoadRecord:
    measured = Measurement(1, 1, 1, 1, 1)
    key = LoadKey((FileIdentity(1, number, 1, 1),), LoadParameters(), "1")
    return LoadRecord(float(number), f"m{number}", key, 1, 1, 1, "formula", 0, measured)


async def test_records_written_at_once_are_all_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Models that end together, as at quit, each leave a record, however long each writing takes."""
    replace_file = durable_file.replace_file

    def slowly(path: Path, content: bytes) -> None:
        time.sleep(random.random() * 0.01)
        replace_file(path, content)

    monkeypatch.setattr(durable_file, "replace_file", slowly)
    for attempt in range(10):
        path = tmp_path / f"loads-{attempt}.json"
        records = LoadRecords(path)
        await asyncio.gather(*(records.add(record(number)) for number in range(4)))
        later = LoadRecords(path)
        assert later.load() is None
        assert [each.model_id for each in later.records] == ["m0", "m1", "m2", "m3"]
