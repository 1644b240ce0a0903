"""One forecast is the same number wherever it is shown, and what lies on GPUs is named beside it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llmmem_gui.core.engines import Device
from llmmem_gui.core.forecast import Forecast
from llmmem_gui.core.units import format_bytes
from llmmem_gui.service.http.control_entries import forecast_entry
from llmmem_gui.ui.cells import Column
from llmmem_gui.ui.figures import NO_BREAK
from llmmem_gui.ui.main_window import MainWindow
from tests.ui import facts
from tests.ui.conftest import feed

MIB, GIB = 2**20, 2**30
GPU = Device("Vulkan0", "card", "gpu", 8 * GIB)
ON_CPU = facts.forecast(2 * GIB, 700 * MIB)
ON_GPU = Forecast(
    weights_bytes=5 * GIB,
    private_weights_bytes=0,
    kv_cache_bytes=GIB,
    compute_bytes=300 * MIB,
    overhead_bytes=500 * MIB,
    low_bytes=6 * GIB,
    high_bytes=8 * GIB,
    context=4096,
    source="dry run",
    vram_weights_bytes=4 * GIB,
    vram_buffers_bytes=GIB,
    vram_overhead_bytes=400 * MIB,
)


@pytest.mark.parametrize("forecast", [ON_CPU, ON_GPU], ids=["main memory", "with a GPU"])
def test_a_forecast_is_one_number_wherever_it_is_shown(forecast: Forecast, window: MainWindow) -> None:
    """Table, legend, plot and inspector show the API's total, and its parts add up to it."""
    model = replace(facts.LLAMA, forecast=forecast)
    feed(window, replace(facts.snapshot(facts.SMOL, model), gpus=(GPU,)))
    window.table.choose(model.id)
    told = forecast_entry(model.id, forecast)
    total, vram = format_bytes(told.total_bytes), format_bytes(told.vram_bytes)
    on_gpu = f" ({vram} VRAM)" if told.vram_bytes else ""

    def plain(text: str) -> str:
        return text.replace(NO_BREAK, " ")

    ghost = window.plot.canvas._facts.ghost
    assert ghost is not None
    assert plain(ghost.text) == f"{total}{on_gpu}"
    assert f"{model.id} {total}{on_gpu}" in plain(window.composition.summary())
    cell = window.table.rows.cell(model, Column.FORECAST)
    assert plain(cell.text) == total
    assert plain(cell.under).endswith(on_gpu)
    assert plain(window.panel.grid.texts["forecast"].text()).startswith(f"{total} ±")
    mapped, private = format_bytes(told.mapped_bytes), format_bytes(told.private_bytes)
    assert plain(window.panel.grid.texts["parts"].text()) == f"{mapped} / {private}{on_gpu}"
    assert told.mapped_bytes + told.private_bytes + told.vram_bytes == told.total_bytes
    assert ghost.need_bytes == told.mapped_bytes + told.private_bytes
