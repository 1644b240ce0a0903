"""The inspector."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from llmmem_gui.core.engines import Device
from llmmem_gui.core.ollama_preset import ollama_preset
from llmmem_gui.core.snapshot import ModelSnapshot, State
from llmmem_gui.core.units import GIB, MIB
from llmmem_gui.ui import requests as ask
from llmmem_gui.ui.figures import NO_BREAK
from llmmem_gui.ui.load_costs import KV_TYPES
from llmmem_gui.ui.model_panel import ModelPanel
from llmmem_gui.ui.theme import Theme
from tests.ui import facts
from tests.ui.counted import Counted


@pytest.fixture
def panel(qtbot: QtBot, theme: Theme) -> ModelPanel:
    """The inspector, empty."""
    made = ModelPanel(theme)
    qtbot.addWidget(made)
    made.resize(340, 620)
    made.show()
    return made


def show(panel: ModelPanel, model: ModelSnapshot) -> None:
    """Show a model of the usual snapshot."""
    shot = facts.snapshot(*(model if m.id == model.id else m for m in facts.usual_snapshot().models))
    panel.show_model(model, shot)


def plain(text: str) -> str:
    """The text with ordinary spaces."""
    return text.replace(NO_BREAK, " ")


def test_a_tick_hides_and_shows_nothing_that_stays(panel: ModelPanel, qtbot: QtBot) -> None:
    """A button that goes and comes has the whole window laid out and painted again."""
    counted = Counted(QEvent.Type.Show, QEvent.Type.Hide, QEvent.Type.LayoutRequest)
    for widget in (panel, *panel.findChildren(QWidget)):
        widget.installEventFilter(counted)
    for model in (facts.SMOL, facts.QWEN, facts.LLAMA, facts.GEMMA, facts.LARGE):
        show(panel, model)
        for _ in range(3):
            QApplication.processEvents()
        counted.events.clear()
        show(panel, model)
        for _ in range(3):
            QApplication.processEvents()
        assert counted.events == []


def test_a_loaded_model_says_what_comes_back(panel: ModelPanel, qtbot: QtBot) -> None:
    """For a loaded model the buttons are *Unload* with the bytes that come back, and *Try it*."""
    show(panel, facts.SMOL)
    assert plain(panel.unload.text()) == "Unload – 142 MiB back"
    assert "Private memory" in panel.unload.toolTip()
    assert panel.primary.text() == "Try it…"
    with qtbot.waitSignal(panel.requested) as asked:
        panel.unload.click()
    assert asked.args == [ask.Unload(facts.SMOL.id)]
    with qtbot.waitSignal(panel.try_asked):
        panel.primary.click()


def test_what_is_left_out_of_a_preset_is_told(panel: ModelPanel) -> None:
    """One quiet line below the settings, for a model of which something is left out."""
    layers = {"params": b'{"num_keep": 5, "top_k": 3}', "template": b"{{ .Prompt }}"}
    with_preset = msgspec.structs.replace(facts.SMOL.facts, preset=ollama_preset(layers))
    show(panel, replace(facts.SMOL, facts=with_preset))
    assert panel._left_out.isVisible()
    assert panel._left_out.text() == (
        "Its template of Ollama is left out: chats are written as its file says. "
        "Without effect here, of what Ollama sets for it: num_keep."
    )
    assert panel._left_out.geometry().top() > panel.pin.geometry().top()
    show(panel, facts.SMOL)
    assert not panel._left_out.isVisible()
    assert panel._left_out.text() == ""


def test_layers_on_a_gpu_are_asked_for_where_there_is_one(panel: ModelPanel) -> None:
    """The row is there when the engine in use has a GPU, which it names, or when the model was to use one."""
    shot = facts.usual_snapshot()
    card = Device("Vulkan0", "GeForce RTX 4090", "gpu", 24 * GIB)
    other = Device("Vulkan1", "Iris Xe", "igpu", 8 * GIB)
    with_layers = replace(facts.SMOL, parameters=msgspec.structs.replace(facts.SMOL.parameters, gpu_layers=8))
    cases = (
        (facts.SMOL, shot, False, "Layers on GPU", "The engine in use has no GPU"),
        (facts.SMOL, replace(shot, gpus=(card,)), True, "Layers on Vulkan0", "GeForce RTX 4090, 24.0 GiB"),
        (facts.SMOL, replace(shot, gpus=(card, other)), True, "Layers on GPU", "Iris Xe, 8.00 GiB"),
        (with_layers, shot, True, "Layers on GPU", "The engine in use has no GPU"),
    )
    for model, snapshot, shown, name, told in cases:
        panel.show_model(model, snapshot)
        assert panel.gpu_layers.isVisible() == panel.grid.names["gpu"].isVisible() == shown
        assert panel.grid.names["gpu"].text() == panel.gpu_layers.accessibleName() == name
        assert told in plain(panel.gpu_layers.toolTip())
        assert panel.gpu_layers.accessibleDescription() == panel.gpu_layers.toolTip()


def test_a_model_that_is_not_loaded_can_be_loaded(panel: ModelPanel, qtbot: QtBot) -> None:
    """For a model that is not loaded there is one button, *Load*, and the line of its outlook."""
    show(panel, facts.LLAMA)
    assert not panel.unload.isVisible()
    assert "finish" in panel._notice.text()
    with qtbot.waitSignal(panel.load_asked) as asked:
        panel.primary.click()
    assert asked.args == [facts.LLAMA.id]


def test_a_load_in_progress_can_be_cancelled(panel: ModelPanel, qtbot: QtBot) -> None:
    """While a model loads, the button cancels the load."""
    show(panel, replace(facts.LLAMA, state=State.LOADING))
    assert panel.unload.text() == "Cancel the load"
    assert panel.unload.toolTip() == ""
    with qtbot.waitSignal(panel.requested) as asked:
        panel.unload.click()
    assert asked.args == [ask.Unload(facts.LLAMA.id)]


@pytest.mark.parametrize("state", [State.QUEUED, State.LOADING, State.READY])
def test_a_model_can_be_tried_while_it_is_loaded(panel: ModelPanel, qtbot: QtBot, state: State) -> None:
    """A chat can be begun before the model is ready."""
    show(panel, replace(facts.LLAMA, state=state))
    with qtbot.waitSignal(panel.try_asked) as asked:
        panel.primary.click()
    assert asked.args == [facts.LLAMA.id]


def test_a_bad_file_says_why(panel: ModelPanel) -> None:
    """A file that is no model has its reason and nothing to press."""
    bad = facts.model(facts.LLAMA.id, file_error="llama.gguf ends after 3 bytes: get it again.")
    show(panel, bad)
    assert panel._notice.text() == "llama.gguf ends after 3 bytes: get it again."
    assert not panel.primary.isEnabled()
    assert not panel.limit.isEnabled()


def test_the_limit_is_asked_for(panel: ModelPanel, qtbot: QtBot) -> None:
    """A limit that is chosen leaves the panel as a request for this model."""
    show(panel, facts.SMOL)
    assert plain(panel.limit.hint.text()) == "uses 236 MiB · 46 %"
    with qtbot.waitSignal(panel.requested) as asked:
        panel.limit.chosen.emit(float(GIB))
    assert asked.args == [ask.SetLimit(facts.SMOL.id, GIB)]


def answer(panel: ModelPanel, request: ask.FindForecasts, bytes_a_token: int) -> None:
    """Answer a question for forecasts: so many bytes for each token of context."""
    forecasts = tuple(facts.forecast(100 * MIB, v.context * bytes_a_token) for v in request.variants)
    panel.take(ask.Outcome(request, forecasts))


def test_the_context_slider_says_what_it_costs(panel: ModelPanel, qtbot: QtBot) -> None:
    """While the context slider moves, the cost of where it stands is shown, as text and as ghost."""
    show(panel, facts.LLAMA)
    with qtbot.waitSignal(panel.requested) as asked:
        panel.context.previewed.emit(16384)
    request = asked.args[0]
    assert [v.context for v in request.variants] == [16384]
    with qtbot.waitSignal(panel.ghosted) as ghost:
        answer(panel, request, 10 * 1024)
    assert ghost.args[0].total_bytes == 260 * MIB
    assert plain(panel.context.hint.text()) == "needs 260 MiB"


def test_a_fast_drag_asks_one_thing_at_a_time(panel: ModelPanel, qtbot: QtBot) -> None:
    """While one cost is being found, only the newest place of the slider waits to be asked for."""
    show(panel, facts.LLAMA)
    asked: list[ask.FindForecasts] = []
    panel.requested.connect(asked.append)
    for tokens in (5120, 6144, 7168, 8192):
        panel.context.previewed.emit(tokens)
    assert [r.variants[0].context for r in asked] == [5120]
    answer(panel, asked[0], 1024)
    assert [r.variants[0].context for r in asked] == [5120, 8192]


def test_the_chosen_context_is_kept_for_the_model(panel: ModelPanel, qtbot: QtBot) -> None:
    """Releasing the slider asks to load this model with that context from now on."""
    show(panel, facts.LLAMA)
    with qtbot.waitSignal(panel.requested) as asked:
        panel.context.chosen.emit(8192)
    assert asked.args == [ask.SetParameters(facts.LLAMA.id, {"context": 8192})]


def test_types_of_the_kv_cache_say_what_they_save(panel: ModelPanel, qtbot: QtBot) -> None:
    """Each smaller type of the KV cache says how much memory it saves; choosing one asks for it."""
    with qtbot.waitSignal(panel.requested) as asked:
        show(panel, facts.LLAMA)
    request = asked.args[0]
    assert [v.kv_type for v in request.variants] == list(KV_TYPES)
    forecasts = tuple(facts.forecast(GIB, 600 * MIB - 100 * MIB * n) for n in range(len(KV_TYPES)))
    panel.take(ask.Outcome(request, forecasts))
    assert plain(panel.kv_type.itemText(1)) == "q8_0 saves 100 MiB"
    with qtbot.waitSignal(panel.requested) as asked:
        panel.kv_type.activated.emit(1)
    assert asked.args == [ask.SetParameters(facts.LLAMA.id, {"kv_type": "q8_0"})]


def test_a_loaded_model_offers_to_load_again_with_other_settings(panel: ModelPanel, qtbot: QtBot) -> None:
    """When other parameters were chosen than the model is loaded with, it can be loaded again."""
    show(panel, facts.SMOL)
    assert not panel.reload.isVisible()
    chosen = msgspec.structs.replace(facts.SMOL.parameters, context=8192)
    shot = facts.usual_snapshot()
    panel.show_model(replace(facts.SMOL, next_parameters=chosen), shot)
    assert panel.reload.isVisible()
    assert "now 4,096" in panel.context.hint.text()
    with qtbot.waitSignal(panel.reload_asked) as asked:
        panel.reload.click()
    assert asked.args == [facts.SMOL.id]


def test_order_of_eviction_is_told(panel: ModelPanel) -> None:
    """The panel says which models go before this one, and that a pinned one never goes."""
    show(panel, facts.SMOL)
    assert panel.grid.texts["evicted"].text() == "after gemma-3-270m"
    show(panel, facts.GEMMA)
    assert panel.grid.texts["evicted"].text() == "first, when room is short"
    show(panel, replace(facts.SMOL, pinned=True, eviction_rank=None))
    assert panel.grid.texts["evicted"].text() == "never, it is pinned"


def test_the_source_of_the_forecast_is_told(panel: ModelPanel) -> None:
    """The forecast has its error and says where it comes from."""
    assert facts.SMOL.forecast is not None
    measured = replace(facts.SMOL.forecast, source="measured", measured_times=3)
    show(panel, replace(facts.SMOL, forecast=measured))
    assert plain(panel.grid.texts["forecast"].text()) == "236 MiB ± 4 % · measured 3 times"


def test_every_entry_of_a_list_is_seen(panel: ModelPanel, qtbot: QtBot) -> None:
    """The list below a box is as high as its entries."""
    show(panel, facts.SMOL)
    panel.kv_type.showPopup()
    view = panel.kv_type.view()
    qtbot.waitUntil(view.isVisible)
    assert view.viewport().height() >= sum(view.sizeHintForRow(row) for row in range(panel.kv_type.count()))
    last = view.visualRect(view.model().index(panel.kv_type.count() - 1, 0))
    assert view.viewport().rect().contains(last)
    panel.kv_type.hidePopup()
