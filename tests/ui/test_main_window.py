"""The main window: facts in, texts and requests out."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QPushButton, QToolButton
from pytestqt.qtbot import QtBot

from llmmem_gui.core.events import Event
from llmmem_gui.core.plan import Wait
from llmmem_gui.core.sentence import verbatim
from llmmem_gui.core.settings import Settings
from llmmem_gui.core.snapshot import State
from llmmem_gui.core.units import GIB, MIB
from llmmem_gui.ui import requests as ask
from llmmem_gui.ui.empty_state import SearchedFolder
from llmmem_gui.ui.figures import NO_BREAK
from llmmem_gui.ui.load_choice import LoadChoice
from llmmem_gui.ui.main_window import MainWindow
from tests.ui import facts
from tests.ui.conftest import feed


def plain(text: str) -> str:
    """The text with ordinary spaces."""
    return text.replace(NO_BREAK, " ")


def asked_of(window: MainWindow) -> list[ask.Request]:
    """The requests that the window makes from now on, without questions for figures."""
    asked: list[ask.Request] = []

    def keep(request: ask.Request) -> None:
        if not isinstance(request, ask.FindForecasts | ask.FindFit):
            asked.append(request)

    window.requested.connect(keep)
    return asked


def test_the_first_line_says_it_all(window: MainWindow) -> None:
    """The first line has the use of the models, the limit, the computer and the pressure."""
    assert plain(window.first_line()) == (
        "Models 5.50 GiB of 8 GiB · this computer 14.1 GiB of 31.1 GiB · pressure none"
    )


def test_load_does_what_the_line_says(window: MainWindow) -> None:
    """Load on a model that fits asks to load it, without a question."""
    small = facts.model("small", need=(100 * MIB, 50 * MIB))
    feed(window, facts.snapshot(facts.SMOL, small))
    window.table.choose("small")
    asked = asked_of(window)
    window.actions_.load.trigger()
    assert asked == [ask.Load("small")]


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
    window.show_outcome(ask.Outcome(ask.FindFit(facts.LARGE.id, 8 * GIB), ask.Fit(context=2048)))
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
    window.show_outcome(ask.Outcome(ask.FindFit(facts.LARGE.id, 8 * GIB), fit))
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
    assert isinstance(request, ask.SetLimit)
    assert request.model_id is None
    assert request.limit_bytes is not None
    assert 10 * GIB <= request.limit_bytes < 11 * GIB


def test_a_context_is_asked_for_once(window: MainWindow, qtbot: QtBot) -> None:
    """However often the row of a model that does not fit is painted, its context is asked for once."""
    found: list[ask.Request] = []
    window.requested.connect(lambda r: found.append(r) if isinstance(r, ask.FindFit) else None)
    larger = replace(facts.LARGE, limit_bytes=None)
    for _ in range(5):
        feed(window, facts.snapshot(facts.SMOL, larger, limit=6 * GIB))
        window.table.view.viewport().repaint()
    assert [r.model_id for r in found if isinstance(r, ask.FindFit)] == [facts.LARGE.id]


@pytest.mark.parametrize(
    ("action", "request_"),
    [("unload", ask.Unload(facts.SMOL.id)), ("unload_all", ask.UnloadAll()), ("clean_up", ask.CleanUp())],
)
def test_buttons_ask(window: MainWindow, action: str, request_: ask.Request) -> None:
    """The buttons of the tool bar ask for what they say."""
    window.table.choose(facts.SMOL.id)
    asked = asked_of(window)
    getattr(window.actions_, action).trigger()
    assert asked == [request_]


def test_actions_are_offered_only_where_they_make_sense(window: MainWindow) -> None:
    """Load is off for a loaded model, Unload for one that is not, Clean up when nothing is idle."""
    act = window.actions_
    window.table.choose(facts.SMOL.id)
    assert (act.load.isEnabled(), act.unload.isEnabled()) == (False, True)
    window.table.choose(facts.LLAMA.id)
    assert (act.load.isEnabled(), act.unload.isEnabled()) == (True, False)
    assert act.clean_up.isEnabled()
    feed(window, facts.snapshot(facts.QWEN, facts.LLAMA))
    assert not act.clean_up.isEnabled()
    assert act.unload_all.isEnabled()


def test_a_limit_can_be_taken_back(window: MainWindow, qtbot: QtBot) -> None:
    """Ctrl+Z asks for the limit that was in force before the last change, Ctrl+Shift+Z for it again."""
    asked = asked_of(window)
    window.limits.limit_chosen.emit(4 * GIB)
    window.panel.requested.emit(ask.SetLimit(facts.SMOL.id, 256 * MIB))
    window.history.stack.undo()
    window.history.stack.undo()
    window.history.stack.redo()
    assert asked == [
        ask.SetLimit(None, 4 * GIB),
        ask.SetLimit(facts.SMOL.id, 256 * MIB),
        ask.SetLimit(facts.SMOL.id, 512 * MIB),
        ask.SetLimit(None, 8 * GIB),
        ask.SetLimit(None, 4 * GIB),
    ]


def test_address_and_key_of_the_api_are_copied(window: MainWindow) -> None:
    """Two buttons copy what another program needs to use the API; without it they are not there."""
    window.status.show_api("http://127.0.0.1:11500/v1", "the key")
    clipboard = QGuiApplication.clipboard()
    for action, copied in (
        (window.actions_.copy_api, "http://127.0.0.1:11500/v1"),
        (window.actions_.copy_key, "the key"),
    ):
        action.trigger()
        assert clipboard.text() == copied
    buttons = [b for b in window.status.findChildren(QToolButton) if b.isVisible()]
    assert [b.defaultAction() for b in buttons] == [window.actions_.copy_api, window.actions_.copy_key]
    window.status.show_api("", "")
    assert not any(b.isVisible() for b in buttons)


def test_what_an_unload_gave_back_is_said(window: MainWindow) -> None:
    """The status line says what came back, measured, and how fast."""
    window.show_receipt(facts.receipt(), facts.NOW)
    assert plain(window.status.message.text()) == "unloaded gemma-3-270m: 158 MiB back in 18 ms"


def test_events_tell_who_asked(window: MainWindow) -> None:
    """The status line tells an event with its cause or with who asked for it."""
    event = Event(facts.NOW, "model-dozed", facts.SMOL.id, "make room", "api", for_model="qwen")
    window.show_event(event)
    assert "to make room for qwen" in window.status.message.text()
    assert "asked for by an API client" in window.status.message.text()


def test_a_refusal_is_a_bar_with_what_can_be_done(window: MainWindow) -> None:
    """A load that the service refused says why in the window and offers the context that fits."""
    problem = ask.Problem("refused", verbatim("It does not fit."), facts.LLAMA.id, {"fits_context": 1024.0})
    window.show_outcome(ask.Outcome(ask.Load(facts.LLAMA.id), problem=problem))
    assert window.warning.isVisible()
    assert window.warning.text.text() == "It does not fit."
    asked = asked_of(window)
    button = next(b for b in window.warning.findChildren(QPushButton) if "1,024" in b.text())
    button.click()
    (request,) = asked
    assert isinstance(request, ask.Load)
    assert not window.warning.isVisible()


def test_a_note_is_seen(window: MainWindow) -> None:
    """A sentence of the service that concerns the person, such as a repaired file, is a bar in the window."""
    window.show_event(Event(facts.NOW, "note", text=verbatim("The settings were damaged.")))
    assert window.warning.isVisible()
    assert window.warning.text.text() == "The settings were damaged."


def test_what_was_given_up_is_offered_again(window: MainWindow) -> None:
    """When there is room again, the model that was unloaded for lack of memory can be loaded by a button."""
    window.show_event(Event(facts.NOW, "reload-offered", facts.LLAMA.id, "pressure", "memory pressure"))
    asked = asked_of(window)
    next(b for b in window.warning.findChildren(QPushButton) if facts.LLAMA.id in b.text()).click()
    assert asked == [ask.Load(facts.LLAMA.id)]


def test_a_cancelled_load_is_no_problem(window: MainWindow) -> None:
    """What the person cancelled is not told as an error."""
    problem = ask.Problem("cancelled", verbatim("The load was cancelled."), facts.LLAMA.id)
    window.show_outcome(ask.Outcome(ask.Load(facts.LLAMA.id), problem=problem))
    assert not window.warning.isVisible()


def test_without_models_the_window_explains_itself(window: MainWindow, qtbot: QtBot) -> None:
    """Without any model the window says what it does, where it looked, and offers the demo model."""
    feed(window, facts.snapshot())
    window.show_folders([SearchedFolder("/home/ana/models", "", 0)])
    assert window.empty.isVisible()
    asked = asked_of(window)
    window.empty.demo.click()
    assert asked == [ask.FetchDemoModel()]
    problem = ask.Problem("failed", verbatim("No network: try again."))
    window.show_outcome(ask.Outcome(ask.FetchDemoModel(), problem=problem))
    assert "No network" in window.empty._message.text()
    feed(window, facts.usual_snapshot())
    assert not window.empty.isVisible()


def test_the_ghost_is_that_of_the_chosen_model(window: MainWindow) -> None:
    """Choosing a model that is not loaded draws its forecast; choosing a loaded one draws none."""
    window.table.choose(facts.LLAMA.id)
    ghost = window.composition._ghost
    assert ghost is not None
    assert (ghost.model_id, ghost.fits) == (facts.LLAMA.id, False)
    window.table.choose(facts.SMOL.id)
    assert window.composition._ghost is None


def test_answers_reach_the_window_that_asked(window: MainWindow, qtbot: QtBot) -> None:
    """Trying a model out asks it, shows its words as they come and its figures at the end."""
    tried = window.open_try_out(facts.SMOL.id)
    assert tried is not None
    tried.prompt.setPlainText("Hello?")
    asked = asked_of(window)
    tried.ask()
    (request,) = asked
    assert isinstance(request, ask.Ask)
    assert (request.model_id, request.prompt) == (facts.SMOL.id, "Hello?")
    window.try_outs.take_part(ask.AnswerPart(request.number, "<b>Hi</b> "))
    window.try_outs.take_part(ask.AnswerPart(request.number, "there."))
    window.try_outs.take_part(ask.AnswerPart(request.number + 999, "not for you"))
    window.try_outs.take_end(ask.AnswerEnd(request.number, 5, 11, 1.2, 0.2))
    assert tried.answer.toPlainText() == "<b>Hi</b> there."
    assert plain(tried.figures.text()) == "11 tokens · 10.0 tokens a second · first one after 0.2 s"
    tried.close()


def test_closing_a_try_out_stops_the_answer(window: MainWindow) -> None:
    """Closing the window in which an answer is written ends the answer."""
    tried = window.open_try_out(facts.SMOL.id)
    assert tried is not None
    tried.prompt.setPlainText("Hello?")
    tried.ask()
    asked = asked_of(window)
    tried.close()
    assert [type(request) for request in asked] == [ask.StopAsking]


def test_a_hidden_window_waits(window: MainWindow) -> None:
    """A hidden window keeps the newest facts and shows them when it is shown."""
    window.hide()
    feed(window, facts.snapshot(facts.SMOL))
    assert window.table.rows.rowCount() == 5
    window.show()
    assert window.table.rows.rowCount() == 1


def test_keys_reach_everything(window: MainWindow, qtbot: QtBot) -> None:
    """Ctrl+F goes to the search, Tab walks through the window and comes back."""
    window.activateWindow()
    window.actions_.search.trigger()
    assert window.toolbar.search.hasFocus()
    seen = []
    for _ in range(60):
        widget = window.focusWidget()
        seen.append(widget)
        qtbot.keyClick(widget, Qt.Key.Key_Tab)
    reached = set(seen)
    for widget in (
        window.table.view,
        window.plot.canvas,
        window.limits.limit.track,
        window.limits.limit.edit,
    ):
        assert widget in reached
    assert any(widget in reached for widget in window.toolbar.buttons)


def test_no_two_actions_share_a_key(window: MainWindow) -> None:
    """Each key does one thing."""
    keys = [key.toString() for action in window.actions() for key in action.shortcuts()]
    assert len(keys) == len(set(keys))


def test_settings_decide_the_idle_slider(window: MainWindow) -> None:
    """The idle slider stands where the settings are; never is the last stop."""
    window.show_settings(Settings().with_value("limits.idle_minutes", 0.0))
    assert window.limits.idle.value is None


def test_a_wait_is_not_a_fit() -> None:
    """A load that has to wait for a busy model is offered, not made."""
    from llmmem_gui.ui.outlook import Outlook

    assert not Outlook("m", 1, Wait(("busy",))).fits
    assert State.BUSY.holds_host


def test_a_limit_is_drawn_while_it_is_dragged(window: MainWindow, qtbot: QtBot) -> None:
    """The mark on the bar and the line on the plot follow the slider; Escape brings them back."""

    def drawn() -> tuple[bool, float | None]:
        scene = window.plot.canvas.scene
        assert scene is not None
        return "limit 1.00 GiB" in plain(window.composition.summary()), scene.limit_bytes

    track = window.limits.limit.track
    middle = track.height() // 2
    left = Qt.MouseButton.LeftButton
    qtbot.mousePress(track, left, pos=QPoint(track.width() // 2, middle))
    position = window.limits.limit._scale.position_of(GIB)
    qtbot.mouseMove(track, QPoint(round(track._x_of(position)), middle))
    assert drawn() == (True, GIB)
    assert "of 8" in window.first_line()
    qtbot.keyClick(track, Qt.Key.Key_Escape)
    assert drawn() == (False, 8 * GIB)
