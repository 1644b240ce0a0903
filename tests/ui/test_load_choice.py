"""What is offered for a model that does not fit, and what is asked about it."""

from __future__ import annotations

from dataclasses import replace

import msgspec
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from llmmem_gui.core.units import GIB
from llmmem_gui.ui import requests as ask
from llmmem_gui.ui.load_choice import LoadChoice
from llmmem_gui.ui.main_window import MainWindow
from tests.ui import facts
from tests.ui.conftest import asked_of, feed


def choice(window: MainWindow, model: facts.ModelSnapshot) -> LoadChoice:
    """The dialog that Load opens for this model."""
    window.table.choose(model.id)
    window.actions_.load.trigger()
    return window.findChildren(LoadChoice)[-1]


def test_a_load_that_must_wait_offers_ways(window: MainWindow, qtbot: QtBot) -> None:
    """A model that a busy one keeps out can wait, take its place, or be given up."""
    asked = asked_of(window)
    dialog = choice(window, facts.LLAMA)
    buttons = {button.text(): button for button in dialog.findChildren(QPushButton)}
    assert list(buttons) == [
        "Wait for qwen2.5-7b-instruct to finish, then load",
        "Unload qwen2.5-7b-instruct and load",
        "Cancel",
    ]
    assert asked == []
    buttons["Unload qwen2.5-7b-instruct and load"].click()
    assert asked == [ask.Exchange((facts.QWEN.id,), facts.LLAMA.id)]


def test_a_load_that_cannot_fit_offers_a_smaller_context(window: MainWindow) -> None:
    """A model that does not fit as it is can be loaded with the context that fits."""
    question = ask.FindFit(facts.LARGE.id, facts.LARGE.parameters, 8 * GIB)
    window.show_outcome(ask.Outcome(question, ask.Fit(context=2048)))
    asked = asked_of(window)
    dialog = choice(window, facts.LARGE)
    button = next(b for b in dialog.findChildren(QPushButton) if "2,048" in b.text())
    button.click()
    (request,) = asked
    assert isinstance(request, ask.Load)
    assert request.parameters is not None
    assert request.parameters.context == 2048


def test_a_load_can_be_made_to_fit(window: MainWindow) -> None:
    """Where a milder combination than a smaller context fits, it is offered with what it changes."""
    milder = msgspec.structs.replace(facts.LARGE.parameters, kv_type="q8_0", batch=128)
    fit = ask.Fit(2048, milder)
    window.show_outcome(ask.Outcome(ask.FindFit(facts.LARGE.id, facts.LARGE.parameters, 8 * GIB), fit))
    asked = asked_of(window)
    dialog = choice(window, facts.LARGE)
    button = next(b for b in dialog.findChildren(QPushButton) if "Make it fit" in b.text())
    assert button.text() == "Make it fit: KV cache q8_0, batch 128"
    button.click()
    assert asked == [ask.Load(facts.LARGE.id, milder)]


def test_a_low_total_limit_can_be_raised(window: MainWindow) -> None:
    """Where the computer has the memory and only the limit is too low, raising it is offered."""
    big = facts.model("big", need=(9 * GIB, GIB))
    feed(window, facts.snapshot(big, limit=8 * GIB, available=20 * GIB))
    asked = asked_of(window)
    dialog = choice(window, big)
    button = next(b for b in dialog.findChildren(QPushButton) if "Raise the total limit" in b.text())
    button.click()
    (request,) = asked
    assert isinstance(request, ask.Restore)
    assert request.models == (big.id,)
    assert isinstance(request.first, ask.SetLimit)
    assert request.first.model_id is None
    assert request.first.limit_bytes is not None
    assert 10 * GIB <= request.first.limit_bytes < 11 * GIB


def test_a_context_is_asked_for_once(window: MainWindow, qtbot: QtBot) -> None:
    """However often the row of a model that does not fit is painted, its context is asked for once."""
    found: list[ask.Request] = []
    window.requested.connect(lambda r: found.append(r) if isinstance(r, ask.FindFit) else None)
    larger = replace(facts.LARGE, limit_bytes=None)
    for _ in range(5):
        feed(window, facts.snapshot(facts.SMOL, larger, limit=6 * GIB))
        window.table.view.viewport().repaint()
    assert [r.model_id for r in found if isinstance(r, ask.FindFit)] == [facts.LARGE.id]
