"""How many layers lie on GPUs: chosen as a number, all, or as many as fit, and said before the click."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from llmmem_gui.core.engines import Device
from llmmem_gui.core.ledger import Bounds, DeviceBounds
from llmmem_gui.core.parameters import AUTO, GpuLayers
from llmmem_gui.core.settings import Settings
from llmmem_gui.core.snapshot import CacheSnapshot, ModelSnapshot
from llmmem_gui.core.units import GIB, MIB
from llmmem_gui.ui import requests as ask
from llmmem_gui.ui.figures import NO_BREAK
from llmmem_gui.ui.fits import Fits
from llmmem_gui.ui.layers_box import LayersBox
from llmmem_gui.ui.load_choice import LoadChoice
from llmmem_gui.ui.model_panel import ModelPanel
from llmmem_gui.ui.outlook import layers_line, outlook_line
from llmmem_gui.ui.settings_dialog import SettingsDialog
from llmmem_gui.ui.theme import Theme
from tests.ui import facts

CARD = Device("CUDA0", "GeForce RTX 4060", "gpu", 8 * GIB)
SENTENCE = "20 of 29 layers on the GPU: 5.10 GiB there, 1.90 GiB here"


def placed(number: int, *, chosen: GpuLayers = AUTO, there: int = 5222 * MIB) -> ModelSnapshot:
    """A model of 29 layers, of which so many would lie on the GPU."""
    model = facts.model("layered", need=(1946 * MIB, 0))
    forecast = replace(
        facts.forecast(1946 * MIB + there, 0),
        vram_weights_bytes=there,
        devices={"CUDA0": there},
        gpu_layers=number,
        layers=29,
    )
    return replace(model, forecast=forecast, parameters=model.parameters.with_gpu_layers(chosen))


def with_card(*models: ModelSnapshot, limit: int = 7 * GIB) -> CacheSnapshot:
    """The cache with these models and a card."""
    shot = facts.snapshot(*models)
    return replace(shot, gpus=(CARD,), bounds=replace(shot.bounds, devices={"CUDA0": DeviceBounds(limit)}))


@pytest.fixture
def panel(theme: Theme, qtbot: QtBot) -> ModelPanel:
    panel = ModelPanel(theme)
    panel.resize(330, 700)
    qtbot.addWidget(panel)
    panel.show()
    return panel


def texts(widget: object) -> str:
    """What all its labels say."""
    labels = widget.findChildren(QLabel)  # type: ignore[attr-defined]
    return "\n".join(label.text() for label in labels).replace(NO_BREAK, " ")


def test_layers_are_said_where_some_lie_on_a_gpu(theme: Theme) -> None:
    """How many of how many, and what lies where."""
    assert layers_line(placed(20).forecast).replace(NO_BREAK, " ") == SENTENCE
    everything = layers_line(placed(29).forecast).replace(NO_BREAK, " ")
    assert everything == "All 29 layers on the GPU: 5.10 GiB there, 1.90 GiB here"
    assert layers_line(facts.SMOL.forecast) == layers_line(None) == ""


def test_the_inspector_says_it_before_the_click_and_asks_a_dry_run(panel: ModelPanel, qtbot: QtBot) -> None:
    """Of the model that is looked at, so that what is said is what is loaded."""
    model = placed(20)
    with qtbot.waitSignal(panel.requested) as asked:
        panel.show_model(model, with_card(model))
    assert asked.args == [ask.FindForecasts(model.id, (model.parameters,))]
    assert SENTENCE in texts(panel)
    assert "fits now" in texts(panel)
    assert panel.gpu_layers.text() == "as many as fit"


def test_a_load_choice_says_it_too(theme: Theme, qtbot: QtBot) -> None:
    """Beside why it does not fit; layers, which change no answer, are offered before less context."""
    model = placed(29, chosen=-1, there=9 * GIB)
    shot = with_card(model)
    view = shot.outlook(model)
    assert view is not None
    fit = ask.Fit(None, model.parameters.with_gpu_layers(AUTO), by_layers=True)
    dialog = LoadChoice(model, view, shot, fit)
    qtbot.addWidget(dialog)
    assert "All 29 layers on the GPU: 9.00 GiB there, 1.90 GiB here." in texts(dialog)
    first = dialog.findChildren(QPushButton)[0]
    assert first.text() == "Make it fit: as many layers on the GPU as have room"
    assert outlook_line(view, shot, fit) == "fits with as many layers on the GPU as have room"
    assert "CUDA0" in outlook_line(view, shot)


def test_what_would_fit_is_asked_of_main_memory_when_a_gpu_is_too_small(theme: Theme) -> None:
    """The room on the GPU says nothing about what fits here."""
    fits = Fits()
    asked: list[ask.FindFit] = []
    fits.requested.connect(asked.append)
    model = placed(29, chosen=-1, there=9 * GIB)
    shot = with_card(model)
    view = shot.outlook(model)
    assert view is not None
    fits.want(model, view)
    (question,) = asked
    assert question == ask.FindFit(model.id, model.parameters, 8 * GIB, device=True)
    unbounded = replace(shot, bounds=Bounds(devices=shot.bounds.devices))
    view = unbounded.outlook(model)
    assert view is not None
    assert view.main_room_bytes is None
    fits.want(model, view)
    assert asked[-1].fits_bytes > 1024 * GIB


def test_the_box_takes_numbers_and_words(theme: Theme, qtbot: QtBot) -> None:
    """Stepped through with the keys, and typed."""
    box = LayersBox(3)
    qtbot.addWidget(box)
    assert (box.text(), box.layers()) == ("3", 3)
    for _ in range(4):
        qtbot.keyClick(box, Qt.Key.Key_Down)
    assert (box.text(), box.layers()) == ("all", -1)
    qtbot.keyClick(box, Qt.Key.Key_Down)
    qtbot.keyClick(box, Qt.Key.Key_Down)
    assert (box.text(), box.layers()) == ("as many as fit", AUTO)
    box.selectAll()
    qtbot.keyClicks(box, "17")
    assert box.layers() == 17
    box.selectAll()
    qtbot.keyClicks(box, "all")
    assert box.layers() == -1
    box.set_layers(AUTO)
    assert box.text() == "as many as fit"


def test_the_setting_shows_and_takes_all_of_them(theme: Theme, qtbot: QtBot) -> None:
    """A number that was saved stays what it is."""
    for value, text in ((AUTO, "as many as fit"), (-1, "all"), (12, "12")):
        settings = Settings()
        loading = msgspec.structs.replace(settings.loading, gpu_layers=value)
        dialog = SettingsDialog(theme, msgspec.structs.replace(settings, loading=loading), 16 * GIB)
        qtbot.addWidget(dialog)
        field = dialog.fields["loading.gpu_layers"]
        assert isinstance(field.widget, LayersBox)
        assert (field.widget.text(), field.read()) == (text, value)
