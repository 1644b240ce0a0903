"""The list of events: why a model is gone, in the real window with a real model, and a click to the plot."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from llmmem_gui.core.events import Event
from llmmem_gui.core.sentence import verbatim
from llmmem_gui.core.units import MIB
from llmmem_gui.ui import requests as ask
from llmmem_gui.ui.event_list import EventList
from llmmem_gui.ui.event_rows import Column
from llmmem_gui.ui.figures import NO_BREAK
from llmmem_gui.ui.main_window import MainWindow
from llmmem_gui.ui.theme import Theme
from tests.ui import facts
from tests.ui.running import running

SMOL = "smollm2-135m-instruct"
GEMMA = "gemma-3-270m-q4_k_m"


def row_of(listed: EventList, row: int) -> tuple[str, ...]:
    """What stands in a row, without the time, with ordinary spaces."""
    texts = (listed.rows.index(row, column).data() for column in Column)
    return tuple(text.replace(NO_BREAK, " ") for text in texts)[1:]


def click(listed: EventList, row: int, qtbot: QtBot) -> None:
    """Click the row with the mouse."""
    place = listed.view.visualRect(listed.rows.index(row, Column.WHAT)).center()
    qtbot.mouseClick(listed.view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(place))


def test_why_a_model_is_gone_is_listed(
    qtbot: QtBot, qapp: QApplication, home: Path, smol_path: Path, gemma_path: Path
) -> None:
    """An unload by a limit is a row with its cause and what came back; after a restart it is there still."""
    with running(qtbot, qapp, (smol_path, gemma_path)) as run:
        run.load(GEMMA)
        run.load(SMOL)
        run.service.carry_out(ask.SetLimit(SMOL, 64 * MIB))
        run.until(lambda: any(event.type == "model-unloaded" for event in run.window._events))
        run.window.table.choose(SMOL)
        run.window.actions_.events_of.trigger()
        listed = run.window.event_list
        assert listed.isVisible()
        assert listed.models.currentText() == SMOL
        gone = next(row_of(listed, row) for row in range(20) if row_of(listed, row)[0] == "unloaded")
        assert gone[1:3] == (SMOL, "to keep its limit")
        assert " MiB back · in " in gone[3]
        assert GEMMA not in {row_of(listed, row)[1] for row in range(listed.rows.rowCount())}
        listed.close()
    with running(qtbot, qapp, (smol_path, gemma_path)) as run:
        run.window.actions_.events.trigger()
        listed = run.window.event_list
        listed.choose_model(SMOL)
        assert gone in [row_of(listed, row) for row in range(listed.rows.rowCount())]
        listed.close()


def test_a_click_shows_that_time_on_the_plot(window: MainWindow, qtbot: QtBot) -> None:
    """The plot moves to the time of the event that is clicked, and all that is known of it can be read."""
    window.actions_.events.trigger()
    listed = window.event_list
    refused = next(row for row in range(9) if row_of(listed, row)[0] == "refused")
    click(listed, refused, qtbot)
    event = listed.rows.event_at(refused)
    assert event is not None
    start, end = window.plot.canvas.shown_times
    assert start < event.time < end <= facts.NOW
    assert not window.plot.canvas.follows
    assert listed.detail.text() == "llama-3.3 needs 41 GiB."
    listed.close()


def test_new_events_come_on_top_and_the_chosen_row_stays(window: MainWindow, qtbot: QtBot) -> None:
    """While a row is read others come above it; those of another model do not, when one is chosen."""
    listed = window.event_list
    listed.open_for(facts.GEMMA.id)
    click(listed, 1, qtbot)
    chosen = listed.rows.event_at(1)
    window.show_event(Event(facts.NOW, "model-dozed", facts.GEMMA.id, "pressure", "memory pressure"))
    window.show_event(Event(facts.NOW, "model-dozed", facts.SMOL.id, "pressure", "memory pressure"))
    window.show_event(Event(facts.NOW, "load-queued", facts.GEMMA.id))
    assert row_of(listed, 0) == ("dozes", facts.GEMMA.id, "because memory is short", "")
    assert listed.rows.event_at(listed.view.currentIndex().row()) is chosen
    room = Event(
        facts.NOW, "model-unloaded", facts.SMOL.id, "make room", "another load", facts.GEMMA.id,
        numbers={"given_back_bytes": 30 * MIB, "seconds": 0.5},
    )  # fmt: skip
    window.show_event(room)
    made_room = f"to make room for {facts.GEMMA.id}"
    assert row_of(listed, 0) == ("unloaded", facts.SMOL.id, made_room, "30.0 MiB back · in 0.5 s")
    listed.models.setCurrentIndex(0)
    assert listed.models.currentText() == "All"
    assert row_of(listed, 0)[1] == facts.SMOL.id
    assert row_of(listed, 1)[1] == facts.SMOL.id
    listed.close()


def test_a_long_reason_is_read_in_full(window: MainWindow, qtbot: QtBot) -> None:
    """A reason longer than its cell is on one line there, and whole under the list."""
    reason = "It does not fit. " * 20
    window.show_event(Event(facts.NOW, "load-refused", facts.LARGE.id, text=verbatim(reason)))
    window.event_list.open_for(None)
    click(window.event_list, 0, qtbot)
    assert window.event_list.detail.text() == reason
    assert window.event_list.detail.wordWrap()
    window.event_list.close()


def test_what_happens_is_said_to_have_happened(qtbot: QtBot, theme: Theme) -> None:
    """The line below the list follows what comes into it, and the time of an event is read whole."""
    listed = EventList(str)
    qtbot.addWidget(listed)
    listed.show()
    assert listed.detail.text() == "Nothing has happened yet."
    listed.add(facts.usual_events())
    assert listed.detail.text() == "Choose an event to read all of it."
    assert listed.view.columnWidth(Column.WHEN) >= listed.view.sizeHintForColumn(Column.WHEN)


def test_the_list_leaves_the_plot_to_be_seen(window: MainWindow) -> None:
    """It opens below it, where the screen has room for that, and a second time where it was left."""
    free = window.screen().availableGeometry()
    window.resize(free.width() - 40, free.height() - 60)
    window.move(free.left() + 10, free.top() + 10)
    QApplication.processEvents()
    window.actions_.events.trigger()
    listed = window.event_list
    plot = window.plot.mapToGlobal(window.plot.rect().bottomLeft()).y()
    assert free.contains(listed.frameGeometry())
    assert listed.frameGeometry().top() >= plot or listed.frameGeometry().bottom() >= free.bottom() - 1
    assert listed.y() > window.plot.mapToGlobal(window.plot.rect().center()).y()
    listed.close()
    listed.move(free.topLeft())
    window.actions_.events.trigger()
    assert listed.pos() == free.topLeft()
    listed.close()
