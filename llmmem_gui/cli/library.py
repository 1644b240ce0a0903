"""Commands about model files, which work without a running program too: scan, forecast."""

from __future__ import annotations

import asyncio
import contextlib
import os
from argparse import Namespace
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

from llmmem_gui.cli.connection import connect
from llmmem_gui.cli.failures import CannotDo
from llmmem_gui.cli.output import size, write_json, write_left_out, write_table
from llmmem_gui.folders import Folders
from llmmem_gui.service.api_client import NoProgram, is_path, model_path
from llmmem_gui.service.http.control_records import ForecastEntry, ForecastRequest, LibraryEntry, PastLoad

if TYPE_CHECKING:
    from llmmem_gui.service.memory_service import MemoryService


def scan(options: Namespace) -> None:
    """List the model files there are."""
    folders = [_folder(name) for name in options.folders]
    try:
        found = connect().request("POST", "/api/v1/scan", {"folders": folders}, gives=list[LibraryEntry])
    except NoProgram:
        found = asyncio.run(_scan_alone(folders))
    if options.json:
        write_json(found)
        return
    headers = ("MODEL", "ARCHITECTURE", "QUANTIZATION", "SIZE", "CONTEXT", "FILE")
    write_table(headers, [_row(model) for model in found], right=headers[3:5])
    if len(found) == 1:  # in a long list it would hide the models
        write_left_out(found[0].left_out)


def forecast(options: Namespace) -> None:
    """Predict what loading a model takes, or compare past forecasts with what was measured."""
    if options.history:
        _show_past_loads(options)
        return
    asked = ForecastRequest(options.context, options.kv_type, options.gpu_layers, options.fit, options.vision)
    try:
        client = connect()
        path = model_path(client.model_id(options.model), "forecast")
        predicted = client.request("POST", path, asked, gives=ForecastEntry)
    except NoProgram:
        predicted = asyncio.run(_forecast_alone(options.model, asked))
    if options.json:
        write_json(predicted)
        return
    parts = (
        ("weights", predicted.weights_bytes),
        ("KV cache", predicted.kv_cache_bytes),
        ("compute", predicted.compute_bytes),
        ("overhead", predicted.overhead_bytes),
        ("total", predicted.total_bytes),
        ("  mapped from the file", predicted.mapped_bytes),
        ("  private", predicted.private_bytes),
        *([("  on GPUs", predicted.vram_bytes)] if predicted.vram_bytes else []),
    )
    write_table(("PART", "SIZE"), [(name, size(value)) for name, value in parts], right=("SIZE",))
    times = {0: "", 1: " once"}.get(predicted.measured_times, f" {predicted.measured_times} times")
    print(
        f"{predicted.id} with a context of {predicted.context} tokens takes {size(predicted.low_bytes)} "
        f"to {size(predicted.high_bytes)} ({predicted.source}{times})."
    )
    if predicted.gpu_layers:
        print(
            f"{predicted.gpu_layers} of {predicted.layers} layers on the GPU: {size(predicted.vram_bytes)} "
            f"there, {size(predicted.mapped_bytes + predicted.private_bytes)} here."
        )


def _show_past_loads(options: Namespace) -> None:
    try:
        client = connect()
        path = model_path(client.model_id(options.model), "loads")
        loads = client.request("GET", path, gives=list[PastLoad])
    except NoProgram:
        loads = asyncio.run(_past_loads_alone(options.model))
    if options.json:
        write_json(loads)
        return
    headers = ("TIME", "CONTEXT", "USED", "SOURCE", "FORECAST", "UNUSED", "MEASURED", "ERROR")
    rows = [
        (
            load.time,
            str(load.context),
            str(load.filled_tokens),
            load.source,
            size(load.forecast_bytes),
            size(load.unused_bytes),
            size(load.measured_bytes),
            f"{load.error_percent:+.0f} %",
        )
        for load in loads
    ]
    numbers = tuple(name for name in headers if name not in ("TIME", "SOURCE"))
    write_table(headers, rows, right=numbers)


def _folder(name: str) -> str:
    path = os.path.abspath(os.path.expanduser(name))
    if not os.path.isdir(path):
        raise CannotDo(f"{name} is not a folder: name one that holds model files.")
    return path


def _row(model: LibraryEntry) -> tuple[str, ...]:
    return (
        model.id,
        model.architecture or "–",
        (model.quantization or "–") + (" +vision" if model.sees else ""),
        size(model.file_bytes),
        str(model.context_length or "–"),
        model.error or model.path,
    )


async def _scan_alone(folders: list[str]) -> list[LibraryEntry]:
    from llmmem_gui.service.http.control_entries import library_entry

    async with _service_that_holds_no_model() as service:
        return [library_entry(file) for file in await service.scan([Path(folder) for folder in folders])]


async def _forecast_alone(model: str, asked: ForecastRequest) -> ForecastEntry:
    from llmmem_gui.service.http.forecast_answer import answer_forecast

    async with _service_that_holds_no_model() as service:
        if is_path(model):
            model = (await service.add_model(Path(model))).id
        elif service.catalogue.find(model) is None:
            await service.scan()
        return await answer_forecast(service, model, asked)


async def _past_loads_alone(model: str) -> list[PastLoad]:
    from llmmem_gui.service.http.control_entries import past_load

    async with _service_that_holds_no_model() as service:
        file = service.catalogue.known(model)
        return [past_load(record) for record in service.catalogue.forecasts.past(file.id)]


@contextlib.asynccontextmanager
async def _service_that_holds_no_model() -> AsyncIterator[MemoryService]:
    """A service of this command alone, that knows the library and loads nothing."""
    from llmmem_gui.service.hosting.hosts import HostStarter
    from llmmem_gui.service.memory_service import MemoryService
    from llmmem_gui.service.sampling.machine_memory import installed_bytes
    from llmmem_gui.service.storage.settings_file import SettingsFile

    folders = Folders.of_user()
    folders.create()
    service = MemoryService(
        folders, SettingsFile(folders.settings_file), HostStarter.spawn(with_nursery=False)
    )
    service.catalogue.load()
    # By the engine and the limits that the program would have: how many layers fit depends on both.
    service.engines.look(service.settings.loading.engine)
    service.in_force.open(installed_bytes())
    try:
        yield service
    finally:
        await service.close()
