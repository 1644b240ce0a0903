"""The table of models."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QEnterEvent
from PySide6.QtWidgets import QApplication, QLineEdit
from pytestqt.qtbot import QtBot

from llmmem_gui.core.alert import Alert
from llmmem_gui.core.pressure import Level
from llmmem_gui.core.settings import Settings
from llmmem_gui.core.snapshot import State
from llmmem_gui.core.units import MIB
from llmmem_gui.ui.cells import Column
from llmmem_gui.ui.figures import NO_BREAK
from llmmem_gui.ui.models_table import ModelsTable
from llmmem_gui.ui.requests import Fit
from llmmem_gui.ui.theme import Theme
from tests.ui import facts


@pytest.fixture
def table(qtbot: QtBot, theme: Theme) -> ModelsTable:
    """The table with the usual models."""
    made = ModelsTable(theme)
    qtbot.addWidget(made)
    made.resize(960, 300)
    made.show()
    made.show_snapshot(facts.usual_snapshot(), Settings())
    return made


def names(table: ModelsTable) -> list[str]:
    """The models from top to bottom."""
    models = [table.rows.model_at(row) for row in range(table.rows.rowCount())]
    return [model.id for model in models if model is not None]


def cell(table: ModelsTable, model_id: str, column: Column) -> tuple[str, str]:
    """The two lines of a cell."""
    row = table.rows.row_of(model_id)
    assert row is not None
    model = table.rows.model_at(row)
    assert model is not None
    found = table.rows.cell(model, column)
    return found.text.replace(NO_BREAK, " "), found.under.replace(NO_BREAK, " ")


def test_loaded_models_stand_first(table: ModelsTable) -> None:
    """Models that hold memory stand above the others, each group by name."""
    assert names(table) == [
        "gemma-3-270m",
        "qwen2.5-7b-instruct",
        "smollm2-135m-instruct",
        "llama-3.1-8b-instruct",
        "llama-3.3-70b-instruct",
    ]


def test_each_column_sorts(table: ModelsTable) -> None:
    """A click on *Uses* puts the largest model first, a second click the smallest."""
    table.rows.sort(Column.USES, Qt.SortOrder.AscendingOrder)
    assert names(table)[0] == facts.QWEN.id
    table.rows.sort(Column.USES, Qt.SortOrder.DescendingOrder)
    assert names(table)[-1] == facts.QWEN.id
    table.rows.sort(Column.FORECAST, Qt.SortOrder.AscendingOrder)
    assert names(table)[0] == facts.LARGE.id


def test_names_sort_both_ways_with_the_loaded_ones_first(table: ModelsTable) -> None:
    """The other direction turns the names round, not the two parts of the list."""
    models = [facts.model(name) for name in ("alpha", "beta", "gamma")]
    loaded = [facts.model(name, State.READY, weights=MIB, private=MIB, rank=1) for name in ("one", "two")]
    table.show_snapshot(facts.snapshot(*models, *loaded), Settings())
    for order, expected in (
        (Qt.SortOrder.AscendingOrder, ["one", "two", "alpha", "beta", "gamma"]),
        (Qt.SortOrder.DescendingOrder, ["two", "one", "gamma", "beta", "alpha"]),
    ):
        table.rows.sort(0, order)
        assert [table.rows.model_at(row).id for row in range(5)] == expected  # type: ignore[union-attr]


def test_a_search_that_ends_under_the_pointer_leaves_the_usual_order(table: ModelsTable) -> None:
    """Rows stand still there for what happens by itself, and not for what a person asked for."""
    models = [facts.model(f"model-{number:03}") for number in range(40)]
    table.show_snapshot(facts.snapshot(*models), Settings())
    table._hold_still(True)
    table.rows.set_filter("12")
    table.rows.set_filter("")
    assert [table.rows.model_at(row).id for row in range(40)] == [m.id for m in models]  # type: ignore[union-attr]


def test_cells_say_what_is_known(table: ModelsTable) -> None:
    """A loaded model's row has its use, its forecast with the error, its limit and its idle time."""
    smol = facts.SMOL.id
    assert cell(table, smol, Column.STATE) == ("ready", "")
    assert cell(table, smol, Column.USES) == ("236 MiB", "142 MiB private")
    assert cell(table, smol, Column.FORECAST) == ("236 MiB", "± 4 %")
    assert cell(table, smol, Column.LIMIT) == ("512 MiB", "46 % used")
    assert cell(table, smol, Column.IDLE) == ("12 s", "unloads in 15 min")


def test_the_limit_is_marked_as_it_is_warned_of(table: ModelsTable) -> None:
    """The share of its limit that a model uses is marked exactly while its warning stands, and as gravely."""
    marked = {}
    for level in (Level.NORMAL, Level.WARNING, Level.CRITICAL, Level.EMERGENCY):
        alerts = (Alert(level, 1, 2, facts.SMOL.id),) if level else ()
        table.show_snapshot(replace(facts.usual_snapshot(), alerts=alerts), Settings())
        marked[level.word] = table.rows.cell(facts.SMOL, Column.LIMIT).level
    assert marked == {
        "normal": "", "warning": "warning", "critical": "critical", "emergency": "critical",
    }  # fmt: skip


def test_a_model_that_is_not_loaded_says_whether_it_fits(table: ModelsTable) -> None:
    """Under the name of a model that is not loaded stands what a load would do."""
    _, under = cell(table, facts.LARGE.id, Column.MODEL)
    assert under == "↳ does not fit: needs 41.0 GiB, the limit leaves 8.00 GiB"


def test_an_error_stands_under_the_name(table: ModelsTable) -> None:
    """A file that is no model, and a load that failed, say why under the name."""
    bad = facts.model("bad", file_error="bad.gguf is empty: get it again.")
    failed = facts.model("failed", State.FAILED, need=(MIB, MIB), error="failed.gguf: unknown architecture.")
    table.show_snapshot(facts.snapshot(bad, failed), Settings())
    assert cell(table, "bad", Column.MODEL)[1] == "bad.gguf is empty: get it again."
    assert cell(table, "failed", Column.MODEL)[1] == "failed.gguf: unknown architecture."


def test_search_finds_words_anywhere(table: ModelsTable, qtbot: QtBot) -> None:
    """The search shows models that have all words in name, path, architecture, quantisation or state."""
    field = QLineEdit()
    qtbot.addWidget(field)
    table.filter_by(field)
    field.setText("LLAMA instruct 8b")
    assert names(table) == ["llama-3.1-8b-instruct"]
    field.setText("busy")
    assert names(table) == [facts.QWEN.id]
    field.setText("nothing like this")
    assert names(table) == []
    assert table._nothing.isVisible()
    field.clear()
    assert len(names(table)) == 5


def test_the_chosen_row_stays_chosen(table: ModelsTable) -> None:
    """The chosen model stays chosen when the order changes and when models come and go."""
    table.choose(facts.QWEN.id)
    table.rows.sort(Column.USES, Qt.SortOrder.DescendingOrder)
    assert table.current is not None
    assert table.current.id == facts.QWEN.id
    another = facts.model("another", need=(MIB, MIB))
    table.show_snapshot(facts.snapshot(facts.SMOL, facts.QWEN, another), Settings())
    assert table.current.id == facts.QWEN.id
    table.show_snapshot(facts.snapshot(facts.SMOL), Settings())
    assert table.current.id == facts.SMOL.id


def test_a_click_on_cancel_cancels_the_load(table: ModelsTable, qtbot: QtBot) -> None:
    """The word Cancel in the row of a model that loads asks to cancel that load."""
    loading = facts.model("big", State.LOADING, weights=100 * MIB, need=(400 * MIB, 100 * MIB))
    table.show_snapshot(facts.snapshot(loading), Settings())
    rect = table.view.visualRect(table.rows.index(0, Column.MODEL))
    point = QPoint(rect.right() - 20, rect.bottom() - 12)
    with qtbot.waitSignal(table.cancel_asked) as asked:
        qtbot.mouseClick(table.view.viewport(), Qt.MouseButton.LeftButton, pos=point)
    assert asked.args == ["big"]


def test_keys_ask(table: ModelsTable, qtbot: QtBot) -> None:
    """Delete asks to unload the chosen model, Enter asks to act on it."""
    table.choose(facts.SMOL.id)
    with qtbot.waitSignal(table.removal_asked) as asked:
        qtbot.keyClick(table.view, Qt.Key.Key_Delete)
    assert asked.args == [facts.SMOL.id]
    with qtbot.waitSignal(table.activated) as asked:
        qtbot.keyClick(table.view, Qt.Key.Key_Return)
    assert asked.args == [facts.SMOL.id]


def test_a_visible_model_that_does_not_fit_asks_for_a_context(table: ModelsTable, qtbot: QtBot) -> None:
    """Painting the row of a model that does not fit asks which context would fit."""
    with qtbot.waitSignal(table.fit_wanted) as wanted:
        table.view.viewport().repaint()
    assert wanted.args[0].id == facts.LARGE.id
    table.show_fits(lambda model, _: Fit(context=2048) if model.id == facts.LARGE.id else None)
    assert cell(table, facts.LARGE.id, Column.MODEL)[1] == "↳ fits with context ≤ 2,048"


def test_home_and_end_go_to_the_first_and_the_last_row(table: ModelsTable, qtbot: QtBot) -> None:
    """The keys that mean the first and the last column of a table mean rows here."""
    qtbot.keyClick(table.view, Qt.Key.Key_End)
    assert table.view.currentIndex().row() == table.rows.rowCount() - 1
    qtbot.keyClick(table.view, Qt.Key.Key_Home)
    assert table.view.currentIndex().row() == 0


def test_a_screen_reader_says_the_state_in_words(table: ModelsTable) -> None:
    """The sign for a model that is not loaded is drawn; it is read as words."""
    row = table.rows.row_of(facts.LARGE.id)
    assert row is not None
    index = table.rows.index(row, Column.STATE)
    assert table.rows.data(index, Qt.ItemDataRole.AccessibleTextRole) == "not loaded"


def heights(table: ModelsTable) -> dict[str, int]:
    """The pixels of each row."""
    return {name: table.view.rowHeight(row) for row, name in enumerate(names(table))}


def test_only_what_is_loaded_or_chosen_has_two_lines(table: ModelsTable) -> None:
    """Models that are not loaded take one line, so that more of them are seen; the chosen one says it all."""
    table.choose(facts.SMOL.id)
    one, two = table._delegate.heights()
    assert set(heights(table).values()) == {one, two}
    assert {name for name, height in heights(table).items() if height == two} == {
        facts.SMOL.id, facts.QWEN.id, facts.GEMMA.id,
    }  # fmt: skip
    table.choose(facts.LARGE.id)
    assert heights(table)[facts.LARGE.id] == two
    unloaded = replace(facts.QWEN, state=State.UNLOADED, private_bytes=0, weights_bytes=0)
    table.show_snapshot(facts.snapshot(facts.SMOL, unloaded, facts.LARGE), Settings())
    assert heights(table) == {facts.SMOL.id: two, facts.LARGE.id: two, facts.QWEN.id: one}


def test_a_row_that_moves_keeps_its_lines(table: ModelsTable) -> None:
    """A model that is loaded moves up among the loaded ones and has two lines there."""
    table.choose(facts.SMOL.id)
    ready = replace(facts.LLAMA, state=State.READY, private_bytes=MIB, weights_bytes=MIB)
    for llama in (ready, facts.LLAMA, ready):
        shot = facts.snapshot(facts.SMOL, facts.QWEN, facts.GEMMA, llama, facts.LARGE)
        table.show_snapshot(shot, Settings())
        one, two = table._delegate.heights()
        assert heights(table) == {
            name: one if name == facts.LARGE.id or (name == facts.LLAMA.id and llama is not ready) else two
            for name in names(table)
        }


def test_rows_stand_still_under_the_pointer(table: ModelsTable) -> None:
    """While somebody points at the table no row moves or shrinks; then all goes to its place."""
    before, first = names(table), heights(table)
    QApplication.sendEvent(table.view, QEnterEvent(QPointF(5, 60), QPointF(5, 60), QPointF(5, 60)))
    loading = replace(facts.LARGE, state=State.LOADING)
    gone = replace(facts.SMOL, state=State.UNLOADED, private_bytes=0, weights_bytes=0)
    table.show_snapshot(facts.snapshot(gone, facts.QWEN, facts.GEMMA, facts.LLAMA, loading), Settings())
    assert names(table) == before
    assert all(height >= first[name] for name, height in heights(table).items())
    QApplication.sendEvent(table.view, QEvent(QEvent.Type.Leave))
    assert names(table)[:3] == [facts.GEMMA.id, facts.LARGE.id, facts.QWEN.id]
    assert heights(table)[facts.SMOL.id] == table._delegate.heights()[0]


def test_the_order_is_told_beside_the_words(table: ModelsTable) -> None:
    """The header of the column that sorts has the sign of its order, and no other column has one."""

    def titles() -> list[str]:
        return [str(table.rows.headerData(column, Qt.Orientation.Horizontal)) for column in Column]

    table.rows.sort(Column.USES, Qt.SortOrder.AscendingOrder)
    assert titles() == ["Model", "State", "Uses ▾", "On GPU", "Forecast", "Limit", "Idle"]
    table.rows.sort(Column.USES, Qt.SortOrder.DescendingOrder)
    assert titles()[Column.USES] == "Uses ▴"
    table.rows.sort(Column.MODEL, Qt.SortOrder.AscendingOrder)
    assert titles()[:3] == ["Model ▴", "State", "Uses"]


def whole(table: ModelsTable) -> bool:
    """Whether the current row is seen from top to bottom."""
    place = table.view.visualRect(table.view.currentIndex())
    return bool(table.view.viewport().rect().contains(place))


def test_the_last_row_is_seen_whole(table: ModelsTable, qtbot: QtBot) -> None:
    """A row that gets its second line because it is chosen is not cut at the edge of the table."""
    table.resize(960, 130)
    qtbot.keyClick(table.view, Qt.Key.Key_End)
    assert whole(table)


def test_a_chosen_row_that_moves_is_followed(table: ModelsTable) -> None:
    """It stays in view among the loaded ones, unless somebody had scrolled away from it."""
    table.resize(960, 100)
    table.choose(facts.LARGE.id)
    ready = replace(facts.LARGE, state=State.READY, private_bytes=MIB, weights_bytes=MIB)
    others = (facts.SMOL, facts.QWEN, facts.GEMMA, facts.LLAMA)
    table.show_snapshot(facts.snapshot(*others, ready), Settings())
    assert whole(table)
    table.view.verticalScrollBar().setValue(table.view.verticalScrollBar().maximum())
    assert not whole(table)
    gone = replace(facts.GEMMA, state=State.UNLOADED, private_bytes=0, weights_bytes=0)
    table.show_snapshot(facts.snapshot(facts.SMOL, facts.QWEN, gone, facts.LLAMA, ready), Settings())
    assert not whole(table)


def test_a_short_table_shows_as_many_models_as_it_can(table: ModelsTable) -> None:
    """A line each, but for loads in progress: they have a bar and a way to end them."""
    models = [
        replace(facts.SMOL, facts=msgspec.structs.replace(facts.SMOL.facts, id=f"model-{n}"))
        for n in range(8)
    ]
    models[1] = replace(models[1], state=State.LOADING)
    table.resize(960, 600)
    table.show_snapshot(facts.snapshot(*models), Settings())
    one, two = table._delegate.heights()
    assert {table.view.rowHeight(row) for row in range(8)} == {two}
    table.resize(960, 200)
    heights = [table.view.rowHeight(row) for row in range(8)]
    loading = table.rows.row_of("model-1")
    assert heights == [two if row == loading else one for row in range(8)]
    table.resize(960, 600)
    assert {table.view.rowHeight(row) for row in range(8)} == {two}
