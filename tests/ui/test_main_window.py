"""The main window: facts in, texts and requests out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QToolButton
from pytestqt.qtbot import QtBot

from llmmem_gui.core.events import Cause, Event, UnloadReceipt
from llmmem_gui.core.sentence import verbatim
from llmmem_gui.core.settings import Settings
from llmmem_gui.core.snapshot import State
from llmmem_gui.core.units import GIB, MIB
from llmmem_gui.ui import requests as ask
from llmmem_gui.ui.empty_state import SearchedFolder
from llmmem_gui.ui.figures import NO_BREAK
from llmmem_gui.ui.main_window import MainWindow
from tests.ui import facts
from tests.ui.conftest import asked_of, feed


def plain(text: str) -> str:
    """The text with ordinary spaces."""
    return text.replace(NO_BREAK, " ")


def test_the_first_line_says_it_all(window: MainWindow) -> None:
    """The first line has the use of the models, the limit, the computer and the pressure."""
    assert plain(window.first_line()) == (
        "Models 5.50 GiB of 8 GiB, 202 MiB promised · this computer 14.1 GiB of 31.1 GiB · no memory pressure"
    )


def test_load_does_what_the_line_says(window: MainWindow) -> None:
    """Load on a model that fits asks to load it, without a question."""
    small = facts.model("small", need=(100 * MIB, 50 * MIB))
    feed(window, facts.snapshot(facts.SMOL, small))
    window.table.choose("small")
    asked = asked_of(window)
    window.actions_.load.trigger()
    assert asked == [ask.Load("small")]


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
    window.show_settings(Settings().with_value("limits.total_limit_bytes", 8 * GIB))
    window.limits.limit_chosen.emit(4 * GIB)
    window.panel.requested.emit(ask.SetLimit(facts.SMOL.id, 256 * MIB))
    window.history.stack.undo()
    window.history.stack.undo()
    window.history.stack.redo()
    assert asked == [
        ask.ChangeSettings({"limits.total_limit_bytes": 4 * GIB}),
        ask.SetLimit(facts.SMOL.id, 256 * MIB),
        ask.SetLimit(facts.SMOL.id, 512 * MIB),
        ask.ChangeSettings({"limits.total_limit_bytes": 8 * GIB}),
        ask.ChangeSettings({"limits.total_limit_bytes": 4 * GIB}),
    ]


def test_what_was_automatic_is_automatic_again_when_a_change_is_taken_back(window: MainWindow) -> None:
    """Ctrl+Z restores what was set, not the number that it came to on this computer."""
    asked = asked_of(window)
    window.show_settings(Settings())
    window.limits.limit_chosen.emit(None)
    window.limits.reserve_chosen.emit(GIB)
    window.limits.idle_chosen.emit(None)
    for _ in range(3):
        window.history.stack.undo()
    assert [request.changes for request in asked] == [
        {"limits.total_limit_bytes": 0},
        {"limits.reserve_bytes": GIB},
        {"limits.idle_minutes": 0.0},
        {"limits.idle_minutes": 15.0},
        {"limits.reserve_bytes": "automatic"},
        {"limits.total_limit_bytes": "automatic"},
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
        assert window.status.message.text().endswith("is copied.")
    copiers = {window.actions_.copy_api, window.actions_.copy_key}
    buttons = [b for b in window.status.findChildren(QToolButton) if b.defaultAction() in copiers]
    assert [b.isVisible() for b in buttons] == [True, True]
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
    (bar,) = window.notices.shown
    assert bar.text.text() == "It does not fit."
    asked = asked_of(window)
    (button,) = bar.buttons
    assert "1,024" in button.text()
    button.click()
    (request,) = asked
    assert isinstance(request, ask.Load)
    assert window.notices.shown == []
    assert not window.notices.isVisible()


def test_a_note_is_seen(window: MainWindow) -> None:
    """A sentence of the service that concerns the person, such as a repaired file, is a bar in the window."""
    window.show_event(Event(facts.NOW, "note", text=verbatim("The settings were damaged.")))
    (bar,) = window.notices.shown
    assert bar.isVisible()
    assert bar.text.text() == "The settings were damaged."


def test_one_notice_does_not_replace_another(window: MainWindow) -> None:
    """A taken port, a refusal and a note stand beside each other; the same again takes its own place."""
    for text in ("The port is taken.", "The settings were damaged.", "The port is taken."):
        window.show_event(Event(facts.NOW, "note", text=verbatim(text)))
    problem = ask.Problem("refused", verbatim("It does not fit."), facts.LLAMA.id)
    window.show_outcome(ask.Outcome(ask.Load(facts.LLAMA.id), problem=problem))
    said = [bar.text.text() for bar in window.notices.shown]
    assert said == ["It does not fit.", "The port is taken.", "The settings were damaged."]
    assert [bar.objectName() for bar in window.notices.shown] == ["critical", "warning", "warning"]
    window.notices.shown[1].close_button.click()
    assert [bar.text.text() for bar in window.notices.shown] == [said[0], said[2]]


def offer_again(window: MainWindow, *models: facts.ModelSnapshot) -> None:
    """Tell that there is room again for these models."""
    for model in models:
        window.show_event(Event(facts.NOW, "reload-offered", model.id, "pressure", "memory pressure"))


def test_what_was_given_up_is_offered_again(window: MainWindow) -> None:
    """When there is room again, the model that was unloaded for lack of memory can be loaded by a button."""
    offer_again(window, facts.LLAMA)
    asked = asked_of(window)
    (bar,) = window.notices.shown
    assert bar.objectName() == "good"
    (button,) = bar.buttons
    assert facts.LLAMA.id in button.text()
    button.click()
    assert asked == [ask.Load(facts.LLAMA.id)]


def test_everything_that_was_given_up_is_offered(window: MainWindow) -> None:
    """Several models are offered together and each; what is loaded meanwhile is not offered any more."""
    offer_again(window, facts.LLAMA, facts.LARGE)
    asked = asked_of(window)
    (bar,) = window.notices.shown
    assert facts.LLAMA.id in bar.text.text()
    assert facts.LARGE.id in bar.text.text()
    assert [button.property("request") for button in bar.buttons] == [
        ask.LoadAgain((facts.LLAMA.id, facts.LARGE.id)),
        ask.Load(facts.LLAMA.id),
        ask.Load(facts.LARGE.id),
    ]
    loaded = facts.model(facts.LLAMA.id, State.READY, weights=4800 * MIB, private=600 * MIB)
    feed(window, facts.snapshot(loaded, facts.LARGE))
    assert [button.property("request") for button in bar.buttons] == [ask.Load(facts.LARGE.id)]
    feed(window, facts.snapshot(loaded))
    assert window.notices.shown == []
    assert asked == []


def test_what_is_gone_already_is_no_error(window: MainWindow) -> None:
    """Unloading a model that went by itself a moment before is told in passing, not in red."""
    problem = ask.Problem("not loaded", verbatim("It is not loaded."), facts.LLAMA.id)
    window.show_outcome(ask.Outcome(ask.Unload(facts.LLAMA.id), problem=problem))
    assert window.notices.shown == []
    assert window.status.message.text() == "It is not loaded."


def test_a_cancelled_load_is_no_problem(window: MainWindow) -> None:
    """What the person cancelled is not told as an error."""
    problem = ask.Problem("cancelled", verbatim("The load was cancelled."), facts.LLAMA.id)
    window.show_outcome(ask.Outcome(ask.Load(facts.LLAMA.id), problem=problem))
    assert window.notices.shown == []


def test_without_models_the_window_explains_itself(window: MainWindow, qtbot: QtBot) -> None:
    """Without any model the window says what it does, where it looked, and offers the demo model."""
    feed(window, facts.snapshot())
    window.show_folders([SearchedFolder("/home/ana/models", "", 0)])
    assert window.empty.isVisible()
    asked = asked_of(window)
    window.empty.demo.click()
    assert window.empty.is_fetching
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
    assert (request.model_id, request.messages) == (facts.SMOL.id, (ask.ChatMessage("user", "Hello?"),))
    window.try_outs.take_part(ask.AnswerPart(request.number, "<b>Hi</b> "))
    window.try_outs.take_part(ask.AnswerPart(request.number, "there."))
    window.try_outs.take_part(ask.AnswerPart(request.number + 999, "not for you"))
    window.try_outs.take_end(ask.AnswerEnd(request.number, 5, 11, 1.2, 0.2))
    question, answer, told = plain(tried.transcript.toPlainText()).strip().split("\n")
    assert (question, answer) == ("Hello?", "<b>Hi</b> there.")
    assert told == "11 tokens · 10.0 tokens a second · first one after 0.2 s · Copy"
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


def test_a_limit_is_drawn_while_it_is_dragged(window: MainWindow, qtbot: QtBot) -> None:
    """The mark on the bar and the line on the plot follow the slider; Escape brings them back."""

    def drawn() -> tuple[bool, float]:
        return "limit 1.00 GiB" in plain(window.composition.summary()), window.plot.canvas.limit.value()

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


def gone(model: facts.ModelSnapshot, cause: Cause) -> UnloadReceipt:
    """What unloading a model for that cause gave back."""
    return UnloadReceipt(model.id, 100 * MIB, 100 * MIB, 0, 100 * MIB, 0.02, cause, "limit")


def test_what_a_limit_unloaded_comes_back_with_one_undo(window: MainWindow) -> None:
    """Lowering a limit tells what went as one; its Undo restores the limit and loads the models again."""
    window.limits.limit_chosen.emit(GIB)
    for model in (facts.SMOL, facts.GEMMA):
        window.show_receipt(gone(model, "total limit"), facts.NOW)
    feed(window, facts.snapshot(facts.model(facts.SMOL.id), facts.model(facts.GEMMA.id), limit=GIB))
    (bar,) = window.notices.shown
    assert plain(bar.text.text()) == "Unloaded 2 models: 200 MiB back (to keep the total limit)"
    asked = asked_of(window)
    (undo,) = bar.buttons
    undo.click()
    before = ask.ChangeSettings({"limits.total_limit_bytes": "automatic"})
    assert asked == [ask.Restore((facts.SMOL.id, facts.GEMMA.id), before)]
    assert window.notices.shown == []


def test_undo_by_keys_brings_models_back_too(window: MainWindow) -> None:
    """Ctrl+Z after a limit that unloaded a model restores both; what went for another cause stays away."""
    window.panel.requested.emit(ask.SetLimit(facts.SMOL.id, 64 * MIB))
    window.show_receipt(gone(facts.SMOL, "model limit"), facts.NOW)
    window.show_receipt(gone(facts.GEMMA, "asked"), facts.NOW)
    asked = asked_of(window)
    window.history.stack.undo()
    assert asked == [ask.Restore((facts.SMOL.id,), ask.SetLimit(facts.SMOL.id, 512 * MIB))]


@pytest.mark.parametrize("cause", ["clean up", "pressure", "reserve"])
def test_what_went_without_a_limit_is_offered_back(window: MainWindow, cause: Cause) -> None:
    """A clean-up and a shortage are told with Undo too; it ends when all is loaded or after a while."""
    window.show_receipt(gone(facts.GEMMA, cause), facts.NOW)
    unloaded = facts.snapshot(facts.SMOL, facts.model(facts.GEMMA.id))
    feed(window, unloaded)
    (bar,) = window.notices.shown
    assert [button.property("request") for button in bar.buttons] == [ask.Restore((facts.GEMMA.id,))]
    again = replace(facts.GEMMA, loaded_at=facts.MONOTONIC + 5)
    feed(window, facts.later(facts.snapshot(facts.SMOL, again), 6))
    assert window.notices.shown == []
    window.show_receipt(gone(facts.GEMMA, cause), facts.NOW)
    feed(window, facts.later(unloaded, 7))
    assert len(window.notices.shown) == 1
    feed(window, facts.later(unloaded, 90))
    assert window.notices.shown == []


def test_escape_clears_the_search(window: MainWindow, qtbot: QtBot) -> None:
    """Esc in the search lists all models again."""
    window.activateWindow()
    window.toolbar.search.setFocus()
    window.toolbar.search.setText("no such model")
    assert window.table.rows.rowCount() == 0
    qtbot.keyClick(window.toolbar.search, Qt.Key.Key_Escape)
    assert window.table.rows.rowCount() == 5
